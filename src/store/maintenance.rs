//! Maintenance windows, and who has something on the nodes that they are of.

use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Included};

use super::order::Orders;
use super::page::{AGES, turned};
use super::schema::{
    MAINTENANCES, MAINTENANCES_BY_END, MAINTENANCES_BY_NODE, RESERVATIONS, WEB_ADDRESSES, WEB_ADDRESSES_BY_GATEWAY,
};
use super::{Order as From, Read, Turn, Tx};
use crate::base::ids::{MaintenanceId, OrderId};
use crate::base::{Result, Time};
use crate::domain::maintenance::{Maintenance, Window};
use crate::domain::order::Order;
use crate::store::order::Reservation;

/// More than one node can carry.
const CARRIED_MAX: usize = 20_000;

pub trait Maintenances: Orders {
    fn maintenance(&self, id: MaintenanceId) -> Result<Option<Maintenance>> {
        self.get(&MAINTENANCES, id)
    }

    /// A page of a node's windows, the last ones first.
    fn maintenances_of(&self, node: u32, turn: Turn<(Time, MaintenanceId)>, limit: usize) -> Result<Vec<Maintenance>> {
        let under = |(at, id): (Time, MaintenanceId)| ((node, at), id);
        let turn = match turn {
            Turn::First => Turn::First,
            Turn::Before(mark) => Turn::Before(under(mark)),
            Turn::After(mark) => Turn::After(under(mark)),
        };
        let (least, most) = (MaintenanceId::from_bits(0), MaintenanceId::from_bits(u128::MAX));
        let links = turned(self, &MAINTENANCES_BY_NODE, (under((AGES.0, least)), under((AGES.1, most))), turn, limit)?;
        links.into_iter().map(|(_, id)| self.need(&MAINTENANCES, id, "window")).collect()
    }

    /// Windows of one node that are not over, the first to begin first.
    fn maintenances_ahead(&self, node: u32, now: Time) -> Result<Vec<Maintenance>> {
        let mut ahead = self.open_maintenances(now)?;
        ahead.retain(|row| row.node == node);
        ahead.sort_by_key(|row| row.starts);
        Ok(ahead)
    }

    /// Windows of all nodes that are not over.
    fn open_maintenances(&self, now: Time) -> Result<Vec<Maintenance>> {
        let from = Excluded((now, MaintenanceId::from_bits(u128::MAX)));
        let to = Included((AGES.1, MaintenanceId::from_bits(u128::MAX)));
        let links = self.links::<_, _, (Time, MaintenanceId)>(&MAINTENANCES_BY_END, (from, to), From::Up, usize::MAX)?;
        links.into_iter().map(|(_, id)| self.need(&MAINTENANCES, id, "window")).collect()
    }

    /// Nodes that nobody new should come to, each with its next window.
    fn nodes_kept_free(&self, now: Time) -> Result<BTreeMap<u32, Window>> {
        let mut nodes: BTreeMap<u32, Window> = BTreeMap::new();
        for row in self.open_maintenances(now)?.into_iter().filter(|row| row.keeps_away(now)) {
            let next = nodes.entry(row.node).or_insert_with(|| row.window());
            *next = (*next).min(row.window());
        }
        Ok(nodes)
    }

    /// Orders that have anything on a node: a machine, a backup VM, a part of a storage swarm, or their way in from the web.
    fn orders_at(&self, node: u32) -> Result<Vec<Order>> {
        let mut ids: Vec<OrderId> = self.placed_on(node)?;
        for id in self.linked(&WEB_ADDRESSES_BY_GATEWAY, node, From::Up, CARRIED_MAX)? {
            ids.push(self.need(&WEB_ADDRESSES, id, "web address")?.order);
        }
        ids.sort_unstable();
        ids.dedup();
        let orders = ids.into_iter().map(|id| self.order(id)).collect::<Result<Vec<_>>>()?;
        Ok(orders.into_iter().flatten().filter(|order| !order.state.over()).collect())
    }

    /// Whether an order keeps room on a node.
    fn placed(&self, node: u32, order: OrderId) -> Result<bool> {
        self.has(&RESERVATIONS, (node, order))
    }

    /// Orders that keep room on a node.
    fn placed_on(&self, node: u32) -> Result<Vec<OrderId>> {
        let rows: Vec<((u32, OrderId), Reservation)> = self.under(&RESERVATIONS, &node, From::Up, CARRIED_MAX)?;
        Ok(rows.into_iter().map(|((_, order), _)| order).collect())
    }
}

impl<T: Read> Maintenances for T {}

impl Tx<'_> {
    pub fn put_maintenance(&mut self, row: &Maintenance) -> Result<()> {
        if let Some(old) = self.maintenance(row.id)? {
            self.unlink(&MAINTENANCES_BY_NODE, (old.node, old.starts), old.id);
            self.unlink(&MAINTENANCES_BY_END, old.ends, old.id);
        }
        self.link(&MAINTENANCES_BY_NODE, (row.node, row.starts), row.id);
        if row.cancelled.is_none() {
            self.link(&MAINTENANCES_BY_END, row.ends, row.id);
        }
        self.put(&MAINTENANCES, row.id, row)
    }
}
