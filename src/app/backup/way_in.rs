//! The way in from the web, as far as a takeover needs it: sending visitors to the one or the other of two servers.

use super::super::web_address;
use crate::base::{Random, Result, Time};
use crate::domain::order::{Access, Order, bare};
use crate::store::Tx;
use crate::store::web_address::WebAddresses;

/// Sends the visitors of an order to the machine with these addresses, in the write that puts it in charge. False where there is no way in
/// that could be pointed anywhere.
pub(in crate::app) fn point(tx: &mut Tx<'_>, order: &Order, to: Option<&Access>, random: &dyn Random, now: Time) -> Result<bool> {
    let address = to.and_then(|access| access.mycelium_ip.as_deref()).and_then(|ip| bare(ip).parse().ok());
    match (tx.web_address_of(order.id)?, address) {
        (Some(_), Some(ip)) => web_address::point(tx, order.id, ip, random, now).map(|()| true),
        _ => Ok(false),
    }
}
