//! The way in from the web, as far as a takeover needs it: sending visitors to the one or the other of two servers.

use crate::base::{Random, Result, Time};
use crate::domain::order::{Access, Order};
use crate::store::Tx;

/// Sends the visitors of an order to the machine with these addresses, in the write that puts it in charge. False where there is no way in
/// that could be pointed anywhere: no server has one yet.
pub(in crate::app) fn point(
    _tx: &mut Tx<'_>,
    _order: &Order,
    _to: Option<&Access>,
    _random: &dyn Random,
    _now: Time,
) -> Result<bool> {
    Ok(false)
}
