//! What the owner of a web address is told by mail: that it leads elsewhere, and that it is no more.

use std::sync::Arc;

use super::super::{App, mail};
use crate::base::{Error, Random, Result, Time};
use crate::domain::web_address::{Host, Reach, WebAddress};
use crate::store::Tx;
use crate::store::account::Accounts;
use crate::store::order::Orders;
use crate::wire::visit::client::Visitor;

/// What a mail needs besides what it is about.
pub(super) struct Letter {
    brand: String,
    site: String,
    visitor: Visitor,
    random: Arc<dyn Random>,
}

impl App {
    pub(super) fn letter(&self) -> Letter {
        Letter {
            brand: self.settings.brand.name.clone(),
            site: self.settings.server.public_url.clone(),
            visitor: self.visitor.clone(),
            random: self.random.clone(),
        }
    }
}

impl Letter {
    /// The whole name has become another one, or the domain's record has to.
    pub fn moved(&self, tx: &mut Tx<'_>, address: &WebAddress, old: &Reach, now: Time) -> Result<()> {
        let said = match (&address.host, &address.gateway) {
            (Host::Domain(domain), Some(gateway)) => {
                let record = |kind: &str, ip: String| format!("\n\n    {domain}  {kind}  {ip}");
                let v4 = gateway.v4.map(|ip| record("A", ip.to_string()));
                let v6 = gateway.v6.map(|ip| record("AAAA", ip.to_string()));
                let records: String = v4.into_iter().chain(v6).collect();
                format!(
                    "Your domain {domain} has to lead to another gateway. Please change its record where the domain is registered, and remove the old one:{records}\n\nUntil then visitors do not find your server by it. The rest goes by itself."
                )
            }
            _ => {
                let new = address.fqdn().unwrap_or_default();
                format!(
                    "Your web address is another one now, with another gateway:\n\n    {}\n\n{} leads nowhere any more. Please change your links.",
                    self.visitor.url(&new),
                    self.visitor.url(&old.name)
                )
            }
        };
        let subject = match &address.host {
            Host::Domain(domain) => format!("please change the record of {domain}"),
            Host::Name { .. } => "your web address has changed".into(),
        };
        self.queue(tx, address, &subject, &said, now)
    }

    /// It was given up. `why` is a sentence.
    pub fn lost(&self, tx: &mut Tx<'_>, address: &WebAddress, why: &str, now: Time) -> Result<()> {
        let name = address.before.as_ref().map(|before| before.name.clone()).or_else(|| address.fqdn()).unwrap_or_default();
        let said =
            format!("The web address {name} could not be set up. {why}\n\nThe server runs on. You can set up another address.");
        self.queue(tx, address, &format!("no web address {name}"), &said, now)
    }

    fn queue(&self, tx: &mut Tx<'_>, address: &WebAddress, subject: &str, said: &str, now: Time) -> Result<()> {
        let order = tx.order(address.order)?.ok_or_else(|| Error::not_found("order"))?;
        let Some(user) = tx.user(order.user)? else { return Ok(()) };
        let mail = mail::web_address(&self.brand, &self.site, &user, &order, (subject, said), &*self.random, now);
        tx.queue_mail(&mail, &*self.random, now)
    }
}
