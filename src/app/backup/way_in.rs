//! The way in from the web, as far as two servers need it: visitors are sent to the one that is in charge, and whether the server answers them.

use super::super::{App, web_address};
use crate::base::{Random, Result, Time};
use crate::domain::backup::{BackupVm, host};
use crate::domain::order::{Access, Order};
use crate::domain::web_address::{Seen, Stage, WebAddress};
use crate::store::Tx;
use crate::store::web_address::WebAddresses;

/// Where machines let people sign in.
const SSH: u16 = 22;

/// Sends the visitors of an order to the machine that is in charge, whichever that is: to be called in every write that changes who it is, or where.
/// False where there is no way in that could be pointed anywhere.
pub(in crate::app) fn lead(
    tx: &mut Tx<'_>,
    order: &Order,
    backup: Option<&BackupVm>,
    random: &dyn Random,
    now: Time,
) -> Result<bool> {
    point(tx, order, host(order, backup), random, now)
}

/// The same for one that is to be put in charge if visitors can be sent to it.
pub(in crate::app) fn point(tx: &mut Tx<'_>, order: &Order, to: Option<&Access>, random: &dyn Random, now: Time) -> Result<bool> {
    match (tx.web_address_of(order.id)?, to.and_then(Access::overlay)) {
        (Some(_), Some(ip)) => web_address::point(tx, order.id, ip, random, now).map(|()| true),
        _ => Ok(false),
    }
}

impl App {
    /// Whether the server itself answers a visit of ours. None: nobody can tell from here.
    pub(super) async fn answers(&self, order: &Order, address: Option<&WebAddress>) -> Option<bool> {
        let access = order.access.as_ref()?;
        let leads = |address: &&WebAddress| {
            let served = address.served.as_ref().filter(|served| **served == address.target);
            address.stage == Stage::Live && served.is_some_and(|served| Some(served.ip) == access.overlay())
        };
        let told = match address.filter(leads).and_then(|address| Some((address.fqdn()?, address.target.passthrough))) {
            Some((fqdn, passthrough)) => told_of_machine(self.visit(&fqdn).await.1, passthrough),
            None => None,
        };
        if told.is_some() {
            return told;
        }
        let public = [&access.public_ip, &access.public_ip6].into_iter().flatten();
        for ip in public.filter_map(|ip| crate::domain::order::bare(ip).parse().ok()) {
            if self.visitor.knock(ip, SSH).await {
                return Some(true);
            }
        }
        None
    }
}

/// What a visit tells of the machine behind a gateway. One that the gateway itself does not let in tells nothing of it.
fn told_of_machine(seen: Seen, passthrough: bool) -> Option<bool> {
    match seen {
        Seen::Answers => Some(true),
        Seen::NothingBehind => Some(false),
        // Here it is the machine that shows a certificate, or nobody does.
        Seen::NoCertificate if passthrough => Some(true),
        Seen::Silence if passthrough => Some(false),
        Seen::NoRoute | Seen::NoCertificate | Seen::Silence | Seen::Nowhere => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateway_that_is_away_says_nothing_of_the_server_behind_it() {
        for passthrough in [false, true] {
            assert_eq!(told_of_machine(Seen::Answers, passthrough), Some(true));
            assert_eq!(told_of_machine(Seen::NothingBehind, passthrough), Some(false));
            assert_eq!(told_of_machine(Seen::NoRoute, passthrough), None);
            assert_eq!(told_of_machine(Seen::Nowhere, passthrough), None);
        }
        assert_eq!((told_of_machine(Seen::Silence, false), told_of_machine(Seen::Silence, true)), (None, Some(false)));
        assert_eq!((told_of_machine(Seen::NoCertificate, false), told_of_machine(Seen::NoCertificate, true)), (None, Some(true)));
    }
}
