//! Ways in from the web: which an order has, and what each gateway carries.

use super::page::AGES;
use super::schema::{WEB_ADDRESS_BY_DOMAIN, WEB_ADDRESSES, WEB_ADDRESSES_BY_GATEWAY, WEB_ADDRESSES_BY_ORDER, WEB_ADDRESSES_OPEN};
use super::{Order as From, Read, Tx};
use crate::base::ids::{OrderId, WebAddressId};
use crate::base::text::DomainName;
use crate::base::{Result, Time};
use crate::domain::web_address::{Host, Stage, WebAddress};

pub trait WebAddresses: Read {
    fn web_address(&self, id: WebAddressId) -> Result<Option<WebAddress>> {
        self.get(&WEB_ADDRESSES, id)
    }

    /// An order's addresses, whatever has become of them, newest first.
    fn web_addresses_of(&self, order: OrderId, limit: usize) -> Result<Vec<WebAddress>> {
        let under = |at, id| ((order, at), WebAddressId::from_bits(id));
        let links = self.links::<_, _, ((OrderId, Time), WebAddressId)>(
            &WEB_ADDRESSES_BY_ORDER,
            under(AGES.0, 0)..=under(AGES.1, u128::MAX),
            From::Down,
            limit,
        )?;
        links.into_iter().map(|(_, id)| self.need(&WEB_ADDRESSES, id, "web address")).collect()
    }

    /// The newest address of an order, whatever has become of it.
    fn last_web_address(&self, order: OrderId) -> Result<Option<WebAddress>> {
        Ok(self.web_addresses_of(order, 1)?.pop())
    }

    /// The address of an order that is not gone.
    fn web_address_of(&self, order: OrderId) -> Result<Option<WebAddress>> {
        Ok(self.last_web_address(order)?.filter(|address| !address.stage.over()))
    }

    /// All that are not gone, oldest first, from behind `after` on.
    fn open_web_addresses(&self, after: Option<(Time, WebAddressId)>, limit: usize) -> Result<Vec<WebAddress>> {
        use std::ops::Bound::{Excluded, Included};
        let from = match after {
            Some(mark) => Excluded(mark),
            None => Included((AGES.0, WebAddressId::from_bits(0))),
        };
        let to = Included((AGES.1, WebAddressId::from_bits(u128::MAX)));
        let links = self.links::<_, _, (Time, WebAddressId)>(&WEB_ADDRESSES_OPEN, (from, to), From::Up, limit)?;
        links.into_iter().map(|(_, id)| self.need(&WEB_ADDRESSES, id, "web address")).collect()
    }

    /// How many addresses of ours a gateway carries; more than `most` are not counted.
    fn web_addresses_at(&self, node: u32, most: usize) -> Result<usize> {
        Ok(self.linked(&WEB_ADDRESSES_BY_GATEWAY, node, From::Up, most)?.len())
    }

    /// Whose address uses a domain.
    fn web_address_with(&self, domain: &DomainName) -> Result<Option<WebAddressId>> {
        self.get(&WEB_ADDRESS_BY_DOMAIN, domain.as_str())
    }
}

impl<T: Read> WebAddresses for T {}

impl Tx<'_> {
    /// Remembers a web address, and keeps its lists true.
    pub fn put_web_address(&mut self, address: &WebAddress) -> Result<()> {
        let id = address.id;
        if let Some(gateway) = self.web_address(id)?.and_then(|old| old.gateway) {
            self.unlink(&WEB_ADDRESSES_BY_GATEWAY, gateway.node(), id);
        }
        self.link(&WEB_ADDRESSES_BY_ORDER, (address.order, address.created), id);
        let over = address.stage == Stage::Gone;
        match over {
            true => self.unlink(&WEB_ADDRESSES_OPEN, address.created, id),
            false => self.link(&WEB_ADDRESSES_OPEN, address.created, id),
        }
        if let Some(gateway) = address.gateway.as_ref().filter(|_| !over) {
            self.link(&WEB_ADDRESSES_BY_GATEWAY, gateway.node(), id);
        }
        if let Host::Domain(domain) = &address.host {
            match over {
                false => self.put(&WEB_ADDRESS_BY_DOMAIN, domain.as_str(), &id)?,
                true if self.web_address_with(domain)? == Some(id) => {
                    self.remove(&WEB_ADDRESS_BY_DOMAIN, domain.as_str())?;
                }
                true => {}
            }
        }
        self.put(&WEB_ADDRESSES, id, address)
    }
}
