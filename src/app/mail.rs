//! The mails we write, and the outbox they wait in.

pub mod standing;

use super::App;
use super::account::hash_token;
use crate::base::ids::{JobId, MailId};
use crate::base::money::{Tft, Usd};
use crate::base::{Kind, Random, Result, Time};
use crate::domain::account::{Ticket, User};
use crate::domain::charge::Charge;
use crate::domain::job::{Next, Work};
use crate::domain::mail::{LINK, Mail};
use crate::domain::order::Order;
use crate::domain::revision::{self, Revision, State};
use crate::domain::swarm::Alarm;
use crate::store::Read;
use crate::store::Tx;
use crate::store::schema::MAILS;

impl Tx<'_> {
    /// Puts a mail into the outbox, and the job that sends it.
    pub fn queue_mail(&mut self, mail: &Mail, random: &dyn Random, now: Time) -> Result<()> {
        self.put(&MAILS, mail.id, mail)?;
        self.owe(JobId::random(random), Work::SendMail(mail.id), now)
    }
}

impl App {
    /// Sends one mail of the outbox. A crash between sending and marking sends it once more under the same Message-ID.
    pub async fn send_mail(&self, id: MailId) -> Result<Next> {
        let Some(mut mail) = self.read()?.get(&MAILS, id)? else { return Ok(Next::Done) };
        if mail.sent.is_some() {
            return Ok(Next::Done);
        }
        let mut letter = mail.clone();
        if let Some(mut ticket) = mail.ticket.clone() {
            // A mail that had to wait brings a link that works as long as any.
            ticket.expires = self.now() + ticket.purpose.life();
            // A try that fails leaves a ticket behind whose secret nobody knows: it expires.
            let (token, page) = (self.token(), ticket.purpose.page());
            let link = format!("{}{page}?token={}", self.settings.server.public_url, token.reveal());
            letter.text = mail.text.replace(LINK, &link);
            self.store.write(move |tx| tx.add_ticket(&hash_token(token.reveal()), &ticket)).await?;
        }
        match self.post_office.send(&letter).await {
            // Anybody can sign up with an address that is nobody's: that is no failure of ours, and no person needs to look.
            Err(error) if error.kind() == Kind::NotFound && mail.ticket.is_some() => {
                tracing::info!(mail = %id, ?error, "a link has nowhere to go");
                self.store.write(move |tx| tx.remove(&MAILS, id)).await?;
                return Ok(Next::Done);
            }
            sent => sent?,
        }
        mail.sent = Some(self.now());
        (mail.text, mail.ticket) = (String::new(), None);
        self.store.write(move |tx| tx.put(&MAILS, id, &mail)).await?;
        Ok(Next::Done)
    }
}

pub(super) fn mail(user: &User, subject: String, text: String, random: &dyn Random, now: Time) -> Mail {
    let text = format!("Hello {},\n\n{text}\n", user.name);
    Mail { id: MailId::random(random), to: user.email.clone(), subject, text, ticket: None, created: now, sent: None }
}

/// `ticket` is for this person; the link is made when the mail is sent.
pub fn verify(brand: &str, ticket: Ticket, user: &User, random: &dyn Random, now: Time) -> Mail {
    let text = format!(
        "Please confirm that this address is yours:\n\n{LINK}\n\nThe link works for a day. If you did not sign up at {brand}, you need not do anything."
    );
    Mail { ticket: Some(ticket), ..mail(user, format!("Confirm your address for {brand}"), text, random, now) }
}

pub fn already_known(brand: &str, site: &str, user: &User, random: &dyn Random, now: Time) -> Mail {
    let text = format!(
        "Somebody, probably you, tried to sign up at {brand} with this address. You have an account already:\n\nLog in: {site}/login\nForgotten your password: {site}/forgot"
    );
    mail(user, format!("You already have an account at {brand}"), text, random, now)
}

/// `ticket` is for this person; the link is made when the mail is sent.
pub fn reset(brand: &str, ticket: Ticket, user: &User, random: &dyn Random, now: Time) -> Mail {
    let text = format!(
        "Choose a new password here:\n\n{LINK}\n\nThe link works for 15 minutes and ends every open session. If you did not ask for it, you need not do anything."
    );
    Mail { ticket: Some(ticket), ..mail(user, format!("A new password for {brand}"), text, random, now) }
}

pub fn running(brand: &str, site: &str, user: &User, order: &Order, charge: &Charge, random: &dyn Random, now: Time) -> Mail {
    let ssh = order.access.as_ref().map(|access| access.ssh()).unwrap_or_default();
    let text = format!(
        "Your VM “{}” is running.\n\n    {ssh}\n\nAll about it: {site}/deployments/{}\nReceipt: {site}/receipts/{}\n\nIt is paid until {}.",
        order.wish.name,
        order.id,
        charge.id,
        order.paid_until().map(Time::minute).unwrap_or_default()
    );
    mail(user, format!("{brand}: {} is running", order.wish.name), text, random, now)
}

/// What became of a change that somebody waits for.
pub fn changed(brand: &str, site: &str, user: &User, order: &Order, revision: &Revision, random: &dyn Random, now: Time) -> Mail {
    let said = revision.story.last().map(|told| told.text.as_str()).unwrap_or_default();
    let (name, done) = (order.shown_name(), revision.kind.done());
    let ssh = match (&order.access, order.stopped) {
        (Some(access), None) => format!("\n\n    {}", access.ssh()),
        _ => String::new(),
    };
    let moved = match (revision.kind, revision.state) {
        (revision::Kind::Move, State::Done) => " Its addresses are new, and so are its disks.",
        _ => "",
    };
    let text =
        format!("Your VM “{name}”: {said}{moved}{ssh}\n\nStep by step: {site}/deployments/{}/changes#{}", order.id, revision.id);
    let subject = match revision.state {
        State::Done => format!("{brand}: {name} was {done}"),
        _ => format!("{brand}: {name} was not {done}"),
    };
    mail(user, subject, text, random, now)
}

/// To an operator: the tokens get short. Sent once for each mark that is crossed.
pub fn runway(brand: &str, site: &str, user: &User, short: &Short, random: &dyn Random, now: Time) -> Mail {
    let floor = match (short.stopped, short.floor_days) {
        (true, _) => "New orders are refused until there is more.".into(),
        (false, 0) => "New orders are taken however short it gets (grid.runway_floor_days is 0).".into(),
        (false, days) => format!("New orders are refused when it is less than {days} days."),
    };
    let text = format!(
        "The tokens on the grid will last for less than {} at what runs now. When they are used up, the grid puts running VMs to sleep and deletes them two weeks later.\n\nSpendable: {}\nBilled each day: {}\n{floor}\n\nWhat runs, and what more tokens would do: {site}/operator/purse",
        days(short.mark),
        short.usable,
        short.a_day,
    );
    mail(user, format!("{brand}: the tokens last for less than {}", days(short.mark)), text, random, now)
}

pub fn orphans(brand: &str, site: &str, user: &User, contracts: &[u64], random: &dyn Random, now: Time) -> Mail {
    let numbers = contracts.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
    let text = format!(
        "Contracts of the marketplace's wallet are on the grid that its books know nothing of: {numbers}. They are billed, and nobody uses them. That happens when a backup is restored, or when the wallet is used by another program as well.\n\nContracts that belonged to an order which is over are cancelled by themselves. All others are left alone: cancel them if they are not yours to keep. What they cost is booked as fees.\n\n{site}/operator"
    );
    mail(user, format!("{brand}: contracts that the books don't know"), text, random, now)
}

/// What a mail about a short runway says.
pub struct Short {
    /// Days that it is shorter than.
    pub mark: u64,
    pub usable: Tft,
    pub a_day: Tft,
    pub stopped: bool,
    pub floor_days: u64,
}

fn days(days: u64) -> String {
    if days == 1 { "a day".into() } else { format!("{days} days") }
}

pub fn not_running(brand: &str, site: &str, user: &User, order: &Order, random: &dyn Random, now: Time) -> Mail {
    let reason = order.reason.clone().unwrap_or_default();
    let text = format!(
        "Your VM “{}” could not be started. {reason}\n\nWhat happened, step by step: {site}/deployments/{}",
        order.wish.name, order.id
    );
    mail(user, format!("{brand}: {} was not started", order.wish.name), text, random, now)
}

/// All shards of a swarm are there.
pub fn swarm_ready(brand: &str, site: &str, user: &User, order: &Order, random: &dyn Random, now: Time) -> Mail {
    let name = order.shown_name();
    let text = format!(
        "The storage swarm of “{name}” is ready.\n\nDownload its configuration and keep a copy: it holds the key, which we throw away as soon as you tell us that you have it.\n\n{site}/deployments/{}/swarm",
        order.id
    );
    mail(user, format!("{brand}: the storage swarm of {name} is ready"), text, random, now)
}

/// A shard was replaced.
pub fn swarm_mended(brand: &str, site: &str, user: &User, order: &Order, version: u32, random: &dyn Random, now: Time) -> Mail {
    let name = order.shown_name();
    let text = format!(
        "Shards of the storage swarm of “{name}” were away for long and have been replaced. The new ones are empty until your server knows of them: download configuration {version}, put your key into it, and send zstor SIGUSR1.\n\n{site}/deployments/{}/swarm",
        order.id
    );
    mail(user, format!("{brand}: a new configuration for {name}"), text, random, now)
}

/// It could not be built.
pub fn swarm_failed(brand: &str, site: &str, user: &User, order: &Order, back: Usd, random: &dyn Random, now: Time) -> Mail {
    let name = order.shown_name();
    let text = format!(
        "The storage swarm of “{name}” could not be built. The server runs without it, and {} goes back to your card.\n\nWhat happened: {site}/deployments/{}/swarm",
        back.shown(),
        order.id
    );
    mail(user, format!("{brand}: no storage swarm for {name}"), text, random, now)
}

/// Shards are away, or back. `said` is what works now, in a sentence.
#[allow(clippy::too_many_arguments, reason = "a mail is made of its parts")]
pub fn swarm_alarm(
    brand: &str,
    site: &str,
    user: &User,
    order: &Order,
    own: bool,
    alarm: Alarm,
    said: &str,
    random: &dyn Random,
    now: Time,
) -> Mail {
    let name = order.shown_name();
    let what = match alarm {
        Alarm::None => "is well again",
        Alarm::Waits => "can't store anything now",
        Alarm::Danger => "needs attention",
    };
    let place =
        if own { format!("{site}/deployments/{}/swarm", order.id) } else { format!("{site}/operator/orders/{}", order.id) };
    let text = format!(
        "The storage swarm of “{name}” {what}.\n\n{said}\n\nShards that stay away are replaced by themselves after two hours, as long as nothing that is stored is lost by it.\n\n{place}"
    );
    mail(user, format!("{brand}: the storage swarm of {name} {what}"), text, random, now)
}

/// What became of a web address: the subject, and what is said of it.
pub fn web_address(
    brand: &str,
    site: &str,
    user: &User,
    order: &Order,
    (subject, said): (&str, &str),
    random: &dyn Random,
    now: Time,
) -> Mail {
    let name = order.shown_name();
    let text = format!("This is about the web address of “{name}”.\n\n{said}\n\n{site}/deployments/{}", order.id);
    mail(user, format!("{brand}: {subject}"), text, random, now)
}

pub fn backup_up(brand: &str, site: &str, user: &User, order: &Order, random: &dyn Random, now: Time) -> Mail {
    let text = format!(
        "The backup VM of “{}” is up. It is empty: one line to run on each of the two servers keeps them in step, and the page shows how far behind the copy is.\n\n{site}/deployments/{}/backup",
        order.wish.name, order.id
    );
    mail(user, format!("{brand}: the backup VM of {} is up", order.wish.name), text, random, now)
}

#[allow(clippy::too_many_arguments, reason = "a letter is made of its parts")]
pub fn backup_failed(
    brand: &str,
    site: &str,
    user: &User,
    order: &Order,
    why: &str,
    back: Usd,
    random: &dyn Random,
    now: Time,
) -> Mail {
    let money = if back.units() > 0 { format!(" {} goes back to your card.", back.shown()) } else { String::new() };
    let text = format!(
        "There is no backup VM beside “{}”. {why}{money} The server itself goes on as before, at its own price.\n\nWhat happened, step by step: {site}/deployments/{}/backup",
        order.wish.name, order.id
    );
    mail(user, format!("{brand}: no backup VM for {}", order.wish.name), text, random, now)
}

/// No newer copy for too long.
pub fn sync_late(
    brand: &str,
    site: &str,
    user: &User,
    order: &Order,
    held: Option<Time>,
    random: &dyn Random,
    now: Time,
) -> Mail {
    let held = held.map_or_else(
        || "It holds no whole copy yet.".into(),
        |held| format!("What it holds was written before {}.", held.minute()),
    );
    let text = format!(
        "The backup VM of “{}” has had no newer copy for three intervals. {held} If the server fails now, everything newer is lost.\n\nWhat the last copies said: {site}/deployments/{}/backup",
        order.wish.name, order.id
    );
    mail(user, format!("{brand}: the copy of {} is late", order.wish.name), text, random, now)
}

/// No newer copy on the customer's own machine for too long.
pub fn home_copy_late(
    brand: &str,
    site: &str,
    user: &User,
    order: &Order,
    last: Option<Time>,
    random: &dyn Random,
    now: Time,
) -> Mail {
    let name = order.shown_name();
    let last = last.map_or_else(
        || "It has not told us of any copy yet.".into(),
        |last| format!("The last one we were told of holds what was written before {}.", last.minute()),
    );
    let text = format!(
        "Your own machine has not copied “{name}” when it should have. {last} Is it on, and does it reach the server?\n\nWhat it last said, and how to try by hand: {site}/deployments/{}/copies",
        order.id
    );
    mail(user, format!("{brand}: your own copy of {name} is late"), text, random, now)
}

/// Our own looks say that it is down.
pub fn server_down(
    brand: &str,
    site: &str,
    user: &User,
    order: &Order,
    held: Option<Time>,
    random: &dyn Random,
    now: Time,
) -> Mail {
    let held =
        held.map_or_else(|| "holds no whole copy yet".into(), |held| format!("holds what was written before {}", held.minute()));
    let text = format!(
        "“{}” has not answered our last looks, five in a row. Its backup VM {held}.\n\nWhat we saw, and what you can do: {site}/deployments/{}/backup",
        order.wish.name, order.id
    );
    mail(user, format!("{brand}: {} does not answer", order.wish.name), text, random, now)
}

/// Its place ended it, and the backup VM goes on alone.
pub fn server_lost(
    brand: &str,
    site: &str,
    user: &User,
    order: &Order,
    held: Option<Time>,
    random: &dyn Random,
    now: Time,
) -> Mail {
    let (name, id) = (&order.wish.name, order.id);
    let held = held.map_or_else(|| "nothing yet".into(), |held| format!("what was written before {}", held.minute()));
    let text = format!(
        "The place that carried “{name}” has ended it, and its disks are gone. Its backup VM goes on and is in charge; it holds {held}, and perhaps it is the only copy.\n\nWhat you paid for hours of the server that will not be goes back to your card. You can set the server up at another place: {site}/deployments/{id}/move\n\nHow the backup VM is: {site}/deployments/{id}/backup"
    );
    mail(user, format!("{brand}: {name} is lost, its backup VM goes on"), text, random, now)
}

/// The places of both ended them.
pub fn both_lost(brand: &str, site: &str, user: &User, order: &Order, random: &dyn Random, now: Time) -> Mail {
    let (name, id) = (&order.wish.name, order.id);
    let text = format!(
        "After the server, the place of its backup VM has ended that, too: nothing of “{name}” is left with us. Hours that you have not used go back to your card.\n\nWhat happened, step by step: {site}/deployments/{id}"
    );
    mail(user, format!("{brand}: {name} has ended"), text, random, now)
}

/// Its visitors are sent to the backup VM.
pub fn took_over(
    brand: &str,
    site: &str,
    user: &User,
    order: &Order,
    held: Option<Time>,
    random: &dyn Random,
    now: Time,
) -> Mail {
    let held = held.map_or_else(|| "nothing yet".into(), |held| format!("what was written before {}", held.minute()));
    let text = format!(
        "“{}” has not answered our last looks, five in a row. Visitors of its web address are sent to its backup VM, which holds {held}.\n\nNothing is put back by itself. When the server is well again, save what was written on the backup VM and put the server back in charge: {site}/deployments/{}/backup",
        order.wish.name, order.id
    );
    mail(user, format!("{brand}: the backup VM of {} has taken over", order.wish.name), text, random, now)
}
