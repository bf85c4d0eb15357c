//! Whom nodes are sold to: private pools, and what is said of single nodes. One row a node, so that none is sold twice.

use std::collections::BTreeSet;

use super::maintenance::Maintenances;
use super::page::{AGES, turned};
use super::schema::{EXPOSURES, EXPOSURES_BY_POOL, FARM_TWINS, PRIVATE_POOLS, USERS};
use super::{Order as From, Read, Turn, Tx};
use crate::base::ids::{PoolId, UserId};
use crate::base::{Result, Time};
use crate::domain::account::User;
use crate::domain::exposure::{Buyer, Exposure, Market, PrivatePool, Stage};

/// Private pools are made by the operator, and shown on one page.
pub const POOLS_MAX: usize = 200;

/// Where a list of nodes goes on: since when it is there, and its number.
pub type NodeMark = (Time, u32);

pub trait Exposures: Maintenances {
    /// What is said of a node; of most nothing is.
    fn exposure(&self, node: u32) -> Result<Option<Exposure>> {
        self.get(&EXPOSURES, node)
    }

    /// A page of the nodes that are offered to a pool or in it, newest first.
    fn nodes_in_pool(&self, pool: PoolId, stage: Stage, turn: Turn<NodeMark>, limit: usize) -> Result<Vec<Exposure>> {
        let under = |(at, node): NodeMark| ((pool, stage as u8, at), node);
        let turn = match turn {
            Turn::First => Turn::First,
            Turn::Before(mark) => Turn::Before(under(mark)),
            Turn::After(mark) => Turn::After(under(mark)),
        };
        let links = turned(self, &EXPOSURES_BY_POOL, (under((AGES.0, 0)), under((AGES.1, u32::MAX))), turn, limit)?;
        links.into_iter().map(|(_, node)| self.need(&EXPOSURES, node, "node")).collect()
    }

    /// How many nodes are offered to a pool or in it; more than `most` are not counted.
    fn count_in_pool(&self, pool: PoolId, stage: Stage, most: usize) -> Result<usize> {
        let under = |at, node: u32| ((pool, stage as u8, at), node);
        Ok(self.links(&EXPOSURES_BY_POOL, under(AGES.0, 0)..=under(AGES.1, u32::MAX), From::Up, most)?.len())
    }

    fn private_pool(&self, id: PoolId) -> Result<Option<PrivatePool>> {
        self.get(&PRIVATE_POOLS, id)
    }

    /// All private pools.
    fn private_pools(&self) -> Result<Vec<PrivatePool>> {
        Ok(self.all(&PRIVATE_POOLS, POOLS_MAX)?.into_iter().map(|(_, pool)| pool).collect())
    }

    /// What is said of all nodes.
    fn exposures(&self) -> Result<Vec<Exposure>> {
        let mut exposures = Vec::new();
        self.each(&EXPOSURES, |_, row| {
            exposures.push(row);
            Ok(())
        })?;
        Ok(exposures)
    }

    /// What is taken and held back now.
    fn market(&self, now: Time) -> Result<Market> {
        Ok(Market {
            reserved: self.reserved(now)?,
            ours: self.carried()?,
            addresses: self.promised_addresses()?,
            exposures: self.exposures()?,
            kept_free: self.nodes_kept_free(now)?,
        })
    }

    /// A person as a buyer.
    fn buyer(&self, user: &User) -> Result<Buyer> {
        let mut twins = BTreeSet::new();
        for farm in &user.farms {
            twins.extend(self.get(&FARM_TWINS, farm)?);
        }
        let pools = self.private_pools()?.into_iter().filter(|pool| pool.members.contains(&user.id)).map(|pool| pool.id);
        Ok(Buyer { twins: twins.into_iter().collect(), pools: pools.collect() })
    }

    fn buyer_of(&self, user: UserId) -> Result<Buyer> {
        self.get(&USERS, user)?.map_or(Ok(Buyer::default()), |user| self.buyer(&user))
    }
}

impl<T: Read> Exposures for T {}

impl Tx<'_> {
    /// Says whom a node is sold to. What is true of every node anyway is not kept.
    pub fn put_exposure(&mut self, exposure: &Exposure) -> Result<()> {
        if let Some(old) = self.exposure(exposure.node)?.and_then(|old| old.allocation) {
            self.unlink(&EXPOSURES_BY_POOL, (old.pool, old.stage as u8, old.since), exposure.node);
        }
        if let Some(new) = &exposure.allocation {
            self.link(&EXPOSURES_BY_POOL, (new.pool, new.stage as u8, new.since), exposure.node);
        }
        match exposure.is_plain() {
            true => self.remove(&EXPOSURES, exposure.node).map(drop),
            false => self.put(&EXPOSURES, exposure.node, exposure),
        }
    }

    pub fn put_private_pool(&mut self, pool: &PrivatePool) -> Result<()> {
        self.put(&PRIVATE_POOLS, pool.id, pool)
    }
}
