//! Storage swarms, and how their shards are.

use super::schema::{SWARM_LOOKS, SWARMS, SWARMS_OPEN};
use super::{Order as From, Read, Tx};
use crate::base::Result;
use crate::base::ids::OrderId;
use crate::domain::swarm::{Looks, Stage, Swarm};

pub trait Swarms: Read {
    /// The swarm of an order.
    fn swarm(&self, order: OrderId) -> Result<Option<Swarm>> {
        self.get(&SWARMS, order)
    }

    /// How its shards are, as last seen.
    fn looks(&self, order: OrderId) -> Result<Looks> {
        Ok(self.get(&SWARM_LOOKS, order)?.unwrap_or_default())
    }

    /// Orders whose swarm is in a stage, from behind `after` on. Those that are gone are not listed.
    fn swarms_in(&self, stage: Stage, after: Option<OrderId>, limit: usize) -> Result<Vec<OrderId>> {
        use std::ops::Bound::{Excluded, Included};
        let from = match after {
            Some(order) => Excluded((stage as u8, order)),
            None => Included((stage as u8, OrderId::from_bits(0))),
        };
        let to = Included((stage as u8, OrderId::from_bits(u128::MAX)));
        let links = self.links::<_, _, (u8, OrderId)>(&SWARMS_OPEN, (from, to), From::Up, limit)?;
        Ok(links.into_iter().map(|(_, id)| id).collect())
    }
}

impl<T: Read> Swarms for T {}

impl Tx<'_> {
    pub fn put_swarm(&mut self, swarm: &Swarm) -> Result<()> {
        if let Some(old) = self.swarm(swarm.order)?.filter(|old| old.stage != swarm.stage) {
            self.unlink(&SWARMS_OPEN, old.stage as u8, swarm.order);
        }
        if !swarm.stage.over() {
            self.link(&SWARMS_OPEN, swarm.stage as u8, swarm.order);
        }
        self.put(&SWARMS, swarm.order, swarm)
    }

    pub fn put_looks(&mut self, order: OrderId, looks: &Looks) -> Result<()> {
        self.put(&SWARM_LOOKS, order, looks)
    }
}
