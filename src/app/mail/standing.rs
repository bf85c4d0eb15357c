//! Mails about how something stands that runs: it ended, will end, stands still, does not answer, or will be worked on.

use std::sync::Arc;

use super::super::App;
use super::super::maintenance::Stake;
use super::mail;
use crate::base::ids::UserId;
use crate::base::money::Usd;
use crate::base::{Random, Result, Time};
use crate::domain::account::User;
use crate::domain::mail::Mail;
use crate::domain::maintenance::Maintenance;
use crate::domain::order::Order;
use crate::domain::outage::Outage;
use crate::store::Tx;
use crate::store::account::Accounts;

/// What every letter needs: who writes, where its links lead, and chance for its number.
#[derive(Clone)]
pub struct Letters {
    pub brand: String,
    pub site: String,
    pub random: Arc<dyn Random>,
}

impl App {
    pub(in crate::app) fn letters(&self) -> Letters {
        Letters {
            brand: self.settings.brand.name.clone(),
            site: self.settings.server.public_url.clone(),
            random: self.random.clone(),
        }
    }
}

impl Letters {
    /// Puts a letter to somebody into the outbox, in the write that makes it true.
    pub fn send(&self, tx: &mut Tx<'_>, user: UserId, now: Time, write: impl FnOnce(&User) -> Mail) -> Result<()> {
        match tx.user(user)? {
            Some(user) => tx.queue_mail(&write(&user), &*self.random, now),
            None => Ok(()),
        }
    }

    fn page(&self, order: &Order) -> String {
        format!("{}/deployments/{}", self.site, order.id)
    }

    fn mail(&self, user: &User, said: &str, text: String, now: Time) -> Mail {
        mail(user, format!("{}: {said}", self.brand), text, &*self.random, now)
    }
}

/// It ended, and not because its owner said so. `order` says why.
pub fn ended(letters: &Letters, user: &User, order: &Order, now: Time) -> Mail {
    let (name, why) = (order.shown_name(), order.reason.as_deref().unwrap_or_default());
    let text = format!(
        "Your VM “{name}” has ended. {why}\n\nWhat was on its disks is gone for good. If hours that you paid for were not used, their price goes back to your card by itself; you need not ask.\n\nWhat happened, and what it cost in the end: {}\nOrder another one: {}/order",
        letters.page(order),
        letters.site
    );
    letters.mail(user, &format!("{name} has ended"), text, now)
}

/// Its last bill is known, and something goes back.
pub fn final_bill(letters: &Letters, user: &User, order: &Order, back: Usd, now: Time) -> Mail {
    let name = order.shown_name();
    let text = format!(
        "“{name}” is switched off, and everything that it used is given back.\n\nFor the hours used: {}\nBack to your card: {}\n\nBanks take up to ten days until you see it. Your receipt: {}/receipts/{}\nThe whole story: {}",
        order.earned.shown(),
        back.shown(),
        letters.site,
        order.charge,
        letters.page(order)
    );
    letters.mail(user, &format!("the final bill of {name}"), text, now)
}

/// The month is over soon.
pub fn ends_soon(letters: &Letters, user: &User, order: &Order, until: Time, now: Time) -> Mail {
    let name = order.shown_name();
    let text = format!(
        "Your VM “{name}” is paid until {}. Then it is switched off, and what is on its disks is gone for good: nothing is charged again by itself.\n\nDo you still need it? Then order another one now, while both run, and copy over what you want to keep: {}/order\nIf not, you need not do anything.\n\nAll about it: {}",
        until.minute(),
        letters.site,
        letters.page(order)
    );
    letters.mail(user, &format!("{name} ends on {}", until.day()), text, now)
}

/// It stands still through our fault.
pub fn paused(letters: &Letters, user: &User, order: &Order, now: Time) -> Mail {
    let name = order.shown_name();
    let text = format!(
        "Your VM “{name}” is paused, and that is our fault: we owe its place money. We have been told. It goes on by itself as soon as that is paid, and you hear from us. What is on its disks is kept, and hours in which it stood still are given back if it has to end.\n\nIf you can't wait, order another one meanwhile: {}/order\n\nHow it stands: {}",
        letters.site,
        letters.page(order)
    );
    letters.mail(user, &format!("{name} is paused"), text, now)
}

/// It runs again.
pub fn resumed(letters: &Letters, user: &User, order: &Order, now: Time) -> Mail {
    let name = order.shown_name();
    let text = format!(
        "Your VM “{name}” is not paused any more. If it does not answer within a few minutes, look at its page.\n\nSign in and look whether everything came up as it should: {}",
        letters.page(order)
    );
    letters.mail(user, &format!("{name} goes on"), text, now)
}

/// It does not answer for so long that it is no hiccup.
pub fn down(letters: &Letters, user: &User, order: &Order, outage: &Outage, now: Time) -> Mail {
    let name = order.shown_name();
    let page = letters.page(order);
    let text = format!(
        "“{name}” does not answer since {}. {}\n\nWhat you can do:\n- Wait: most of the time it comes back by itself, and you hear from us when it does.\n- Set it up elsewhere, with empty disks and new addresses: {page}/move\n- Next time, order a backup VM beside it, which can take over.\n\nWhat we see: {page}",
        outage.since.minute(),
        outage.why.sentence(),
    );
    letters.mail(user, &format!("{name} does not answer"), text, now)
}

/// It answers again.
pub fn back(letters: &Letters, user: &User, order: &Order, outage: &Outage, now: Time) -> Mail {
    let name = order.shown_name();
    let text = format!(
        "“{name}” is back. It did not answer from {} to {}.\n\nSign in and look whether everything came up as it should: {}",
        outage.since.minute(),
        outage.well.unwrap_or(now).minute(),
        letters.page(order)
    );
    letters.mail(user, &format!("{name} is back"), text, now)
}

/// Something of theirs is on a node that will be worked on, at another time than was said, or not at all.
pub fn maintenance(letters: &Letters, user: &User, row: &Maintenance, stakes: &[(Stake, String)], now: Time) -> Mail {
    let list: String = stakes.iter().map(|(stake, name)| format!("- {name}: {}\n", stake.noun())).collect();
    let site = &letters.site;
    if row.cancelled.is_some() {
        let text = format!(
            "The maintenance of node {} that was announced for {} will not be. You need not do anything.\n\nIt was about:\n{list}\n{site}/deployments",
            row.node,
            row.window().text(),
        );
        return letters.mail(user, "maintenance cancelled", text, now);
    }
    let advice = match stakes.iter().any(|(stake, _)| *stake == Stake::Machine) {
        true => {
            "What you can do:\n- Nothing, if you can do without it for that long.\n- Set it up elsewhere before, with empty disks and new addresses: “Move” on its page.\n- If it has a backup VM, let that take over meanwhile, on its page."
        }
        false => "The server itself is elsewhere and goes on: you need not do anything.",
    };
    let (subject, again) = match row.version {
        0 => ("maintenance on", ""),
        _ => ("maintenance changed, now on", " This takes the place of what was announced before."),
    };
    let text = format!(
        "The provider of node {} will work on it.{again}\n\nFrom {}\nUntil {}\nWhat is done: {}\n\nMeanwhile these may not answer:\n{list}\nWhat is on disks is kept, and comes back with the node.\n\n{advice}\n\n{site}/deployments",
        row.node,
        row.starts.minute(),
        row.ends.minute(),
        row.why,
    );
    letters.mail(user, &format!("{subject} {}", row.starts.minute()), text, now)
}
