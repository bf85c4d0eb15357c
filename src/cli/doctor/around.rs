//! The services around: node index, card processor, mail server; and what their clocks say.

use std::time::Duration;

use reqwest::header::{DATE, HeaderMap};

use super::{List, WITHIN, heart, place};
use crate::app::post_office::PostOffice;
use crate::base::{Clock, Time};
use crate::settings::Settings;
use crate::wire::gridproxy::client::GridProxy;
use crate::wire::stripe::{Stripe, StripeError};

/// How far a server's clock may be from ours without a word; a minute is too much for tokens and webhooks.
const APART: Duration = Duration::from_secs(5);
const TOO_FAR: Duration = Duration::from_secs(60);

pub async fn index(list: &mut List, settings: &Settings) {
    let Ok(http) = reqwest::Client::builder().timeout(WITHIN).redirect(reqwest::redirect::Policy::none()).build() else { return };
    if settings.grid.index.is_empty() {
        list.fail("node index", "none is set", "Set grid.network, or grid.index.");
    }
    for address in &settings.grid.index {
        let name = place(address);
        let Ok(url) = reqwest::Url::parse(address) else {
            list.fail(&name, "is no address", "Set grid.index to addresses such as https://gridproxy.grid.tf.");
            continue;
        };
        match GridProxy::new(vec![url], http.clone()).stats().await {
            Ok(stats) => {
                list.ok(&name, format!("{} nodes of {} farms in {} countries", stats.nodes, stats.farms, stats.countries))
            }
            Err(error) => list.fail(
                &name,
                format!("does not answer: {}", heart(&error)),
                "Without an index nothing new can be sold: check grid.index.",
            ),
        }
    }
}

pub async fn cards(list: &mut List, settings: &Settings, clock: &dyn Clock) {
    let name = "card processor";
    let shown = place(&settings.cards.url);
    if settings.cards.secret_key.reveal().is_empty() {
        return list.fail(
            name,
            "cards.secret_key is not set",
            "Make a restricted key at the processor; operating.md lists what it must be allowed.",
        );
    }
    let Ok(stripe) = Stripe::new(&settings.cards.url, settings.cards.secret_key.clone(), WITHIN) else {
        return list.fail(name, format!("{shown} can't be used as an address"), "Set cards.url.");
    };
    // The newest minute of events: a question that changes nothing and needs the key.
    match stripe.events(clock.now() - Duration::from_secs(60), None, 1).await {
        Ok(_) => {
            let live = if settings.cards.secret_key.reveal().contains("_live_") { "live" } else { "test" };
            list.ok(name, format!("{shown} takes the key; it is a {live} key"));
        }
        Err(StripeError::Rejected { status: 401, .. }) => {
            list.fail(name, format!("{shown} does not know the key"), "Set cards.secret_key anew; it may have been rotated.");
        }
        Err(StripeError::Rejected { status: 403, message, .. }) => {
            list.fail(
                name,
                format!("{shown} knows the key and refuses it: {message}"),
                "Give the key the rights that operating.md lists.",
            );
        }
        Err(error) => list.fail(
            name,
            format!("{shown} does not answer: {}", heart(&error)),
            "Check cards.url, the firewall and the processor's status page.",
        ),
    }
}

pub async fn mail(list: &mut List, settings: &Settings) {
    let name = "mail server";
    let shown = place(settings.mail.smtp.reveal());
    if settings.mail.smtp.reveal().is_empty() {
        return list.warn(name, "none is set (mail.smtp): mails wait and nobody can confirm an address", "Set mail.smtp.");
    }
    let office = match PostOffice::new(settings) {
        Ok(office) => office,
        Err(error) => return list.fail(name, error.message(), "It is smtp://host:port or smtps://user:password@host."),
    };
    match office.greet().await {
        Ok(()) => list.ok(name, format!("{shown} greets us")),
        Err(error) => {
            let why = error.cause().map(|cause| format!(": {cause}")).unwrap_or_default();
            list.fail(name, format!("{shown} does not greet us{why}"), "Check mail.smtp: host, port, name and password.");
        }
    }
}

/// Compares this machine's clock with those of the servers it asks.
pub async fn clocks(list: &mut List, settings: &Settings, clock: &dyn Clock) {
    let Ok(http) = reqwest::Client::builder().timeout(WITHIN).redirect(reqwest::redirect::Policy::none()).build() else { return };
    let mut agree = 0;
    for address in settings.grid.index.iter().chain([&settings.cards.url]) {
        let Ok(answer) = http.get(address).send().await else { continue };
        let Some(apart) = apart(answer.headers(), clock.now()) else { continue };
        let name = format!("clock of {}", place(address));
        let said = format!("is {} s away from this machine's", apart.as_secs());
        let hint = "Switch time synchronisation on (timedatectl set-ntp true).";
        match apart {
            _ if apart > TOO_FAR => list.fail(&name, said, hint),
            _ if apart > APART => list.warn(&name, said, hint),
            _ => agree += 1,
        }
    }
    if agree > 0 {
        list.ok("clocks around", format!("{agree} of them agree with this machine's"));
    }
}

/// How far our clock is from that of whoever sent these headers, if they tell.
fn apart(headers: &HeaderMap, now: Time) -> Option<Duration> {
    let theirs = Time::from_http(headers.get(DATE)?.to_str().ok()?)?;
    Some(now.since(theirs).max(theirs.since(now)))
}
