//! Quotes, orders, what they hold on nodes, and their contracts on the chain.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound::{Excluded, Included};

use serde::{Deserialize, Serialize};

use super::page::{AGES, turned};
use super::schema::{
    CONTRACTS, FARM_LOADS, ORDERS, ORDERS_BY_AGE, ORDERS_BY_STATE, ORDERS_BY_TAG, ORDERS_BY_USER, ORDERS_OPEN, OWNERS, QUOTES,
    RESERVATIONS, RESERVATIONS_BY_END,
};
use super::{Order as From, Read, Turn, Tx};
use crate::base::ids::{OrderId, QuoteId, UserId};
use crate::base::text::Tag;
use crate::base::{Result, Time};
use crate::domain::bill::Contract;
use crate::domain::catalogue::Capacity;
use crate::domain::order::{Order, Quote, State};

/// Room on a node that we promised and that the node does not know of yet. Keyed by node and order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    pub farm: u32,
    pub capacity: Capacity,
    /// Public IPv4 addresses of the farm.
    #[serde(default)]
    pub ipv4: u32,
    /// Once the node reports the VM as used room, the reservation would count it twice: it fades then.
    #[serde(default)]
    pub until: Option<Time>,
}

impl Reservation {
    /// When it fades; the end of time if it does not.
    fn end(&self) -> Time {
        self.until.unwrap_or(AGES.1)
    }
}

/// Where a list of orders goes on: the pair of its last row.
pub type OrderMark = (Time, OrderId);

pub trait Orders: Read {
    fn quote(&self, id: QuoteId) -> Result<Option<Quote>> {
        self.get(&QUOTES, id)
    }

    fn order(&self, id: OrderId) -> Result<Option<Order>> {
        self.get(&ORDERS, id)
    }

    /// A person's own orders, newest first.
    fn orders_of(&self, user: UserId, before: Option<OrderMark>, limit: usize) -> Result<Vec<Order>> {
        let to = before.unwrap_or((Time::from_ms(i64::MAX), OrderId::from_bits(u128::MAX)));
        let links = self.links::<_, _, ((UserId, Time), OrderId)>(
            &ORDERS_BY_USER,
            ((user, Time::from_ms(i64::MIN)), OrderId::from_bits(0))..((user, to.0), to.1),
            From::Down,
            limit,
        )?;
        links.into_iter().map(|(_, id)| self.need(&ORDERS, id, "order")).collect()
    }

    /// Orders in one state, newest first.
    fn orders_in(&self, state: State, before: Option<OrderMark>, limit: usize) -> Result<Vec<Order>> {
        let to = before.unwrap_or((Time::from_ms(i64::MAX), OrderId::from_bits(u128::MAX)));
        let links = self.links::<_, _, ((u8, Time), OrderId)>(
            &ORDERS_BY_STATE,
            ((state as u8, Time::from_ms(i64::MIN)), OrderId::from_bits(0))..((state as u8, to.0), to.1),
            From::Down,
            limit,
        )?;
        links.into_iter().map(|(_, id)| self.need(&ORDERS, id, "order")).collect()
    }

    /// Orders in one state that were made until a moment, oldest first, from behind `after` on.
    fn orders_until(&self, state: State, until: Time, after: Option<OrderMark>, limit: usize) -> Result<Vec<Order>> {
        let under = |(at, id): OrderMark| ((state as u8, at), id);
        let from = match after {
            Some(mark) => Excluded(under(mark)),
            None => Included(under((AGES.0, OrderId::from_bits(0)))),
        };
        let to = Included(under((until, OrderId::from_bits(u128::MAX))));
        let links = self.links::<_, _, ((u8, Time), OrderId)>(&ORDERS_BY_STATE, (from, to), From::Up, limit)?;
        links.into_iter().map(|(_, id)| self.need(&ORDERS, id, "order")).collect()
    }

    /// A page of everybody's orders, in any state or in one, newest first.
    fn orders_page(&self, state: Option<State>, turn: Turn<OrderMark>, limit: usize) -> Result<Vec<Order>> {
        let (least, most) = (OrderId::from_bits(0), OrderId::from_bits(u128::MAX));
        let ids: Vec<OrderId> = match state {
            None => {
                let links = turned(self, &ORDERS_BY_AGE, ((AGES.0, least), (AGES.1, most)), turn, limit)?;
                links.into_iter().map(|(_, id)| id).collect()
            }
            Some(state) => {
                let under = |(at, id): OrderMark| ((state as u8, at), id);
                let turn = match turn {
                    Turn::First => Turn::First,
                    Turn::Before(mark) => Turn::Before(under(mark)),
                    Turn::After(mark) => Turn::After(under(mark)),
                };
                let links = turned(self, &ORDERS_BY_STATE, (under((AGES.0, least)), under((AGES.1, most))), turn, limit)?;
                links.into_iter().map(|(_, id)| id).collect()
            }
        };
        ids.into_iter().map(|id| self.need(&ORDERS, id, "order")).collect()
    }

    /// How many orders are in a state; more than `most` are not counted.
    fn count_in(&self, state: State, most: usize) -> Result<usize> {
        let (from, to) = (((state as u8, AGES.0), OrderId::from_bits(0)), ((state as u8, AGES.1), OrderId::from_bits(u128::MAX)));
        Ok(self.links(&ORDERS_BY_STATE, from..=to, From::Down, most)?.len())
    }

    /// How many of a person's orders are not over; more than `most` are not counted.
    fn open_orders_of(&self, user: UserId, most: usize) -> Result<usize> {
        Ok(self.linked(&ORDERS_OPEN, user, From::Up, most)?.len())
    }

    /// How many of our VMs a node carries; more than `most` are not counted.
    fn carried_by(&self, node: u32, most: usize) -> Result<usize> {
        Ok(self.under(&RESERVATIONS, &node, From::Up, most)?.len())
    }

    fn contract(&self, id: u64) -> Result<Option<Contract>> {
        self.get(&CONTRACTS, id)
    }

    /// What is promised on each node beyond what the nodes report.
    fn reserved(&self, now: Time) -> Result<BTreeMap<u32, Capacity>> {
        let mut sums: BTreeMap<u32, Capacity> = BTreeMap::new();
        for (node, row) in self.reservations_after(now)? {
            let sum = sums.entry(node).or_default();
            *sum = sum.plus(row.capacity);
        }
        Ok(sums)
    }

    /// Reservations that end behind a moment, with their nodes.
    fn reservations_after(&self, moment: Time) -> Result<Vec<(u32, Reservation)>> {
        let from = Excluded((moment, (u32::MAX, OrderId::from_bits(u128::MAX))));
        let to = Included((AGES.1, (u32::MAX, OrderId::from_bits(u128::MAX))));
        let links = self.links::<_, _, (Time, (u32, OrderId))>(&RESERVATIONS_BY_END, (from, to), From::Up, usize::MAX)?;
        let row = |key: (u32, OrderId)| Ok((key.0, self.need(&RESERVATIONS, key, "reservation")?));
        links.into_iter().map(|(_, key)| row(key)).collect()
    }

    /// Nodes on which room is kept for an order for as long as it takes: what is to stand there is not built yet.
    fn kept_for(&self, order: OrderId) -> Result<Vec<u32>> {
        let from = Included((AGES.1, (0, OrderId::from_bits(0))));
        let to = Included((AGES.1, (u32::MAX, OrderId::from_bits(u128::MAX))));
        let links = self.links::<_, _, (Time, (u32, OrderId))>(&RESERVATIONS_BY_END, (from, to), From::Up, usize::MAX)?;
        Ok(links.into_iter().filter(|(_, (_, whose))| *whose == order).map(|(_, (node, _))| node).collect())
    }

    /// How many live VMs of ours each node carries.
    fn carrying(&self) -> Result<BTreeMap<u32, u32>> {
        let mut counts = BTreeMap::new();
        self.each(&RESERVATIONS, |(node, _), _: Reservation| {
            *counts.entry(node).or_default() += 1;
            Ok(())
        })?;
        Ok(counts)
    }

    /// How many live VMs of ours each farm carries.
    fn carried(&self) -> Result<BTreeMap<u32, u32>> {
        let mut counts = BTreeMap::new();
        self.each(&FARM_LOADS, |farm, count: u32| {
            counts.insert(farm, count);
            Ok(())
        })?;
        Ok(counts)
    }

    /// Public addresses that are promised on each farm and may not be ours on the chain yet: of orders that do not run.
    fn promised_addresses(&self) -> Result<BTreeMap<u32, u32>> {
        let mut sums = BTreeMap::new();
        let last = Time::from_ms(AGES.1.ms() - 1);
        for (_, row) in self.reservations_after(last)?.into_iter().filter(|(_, row)| row.ipv4 > 0) {
            *sums.entry(row.farm).or_default() += row.ipv4;
        }
        Ok(sums)
    }

    /// A person's own orders with a tag, newest first.
    fn orders_tagged(&self, user: UserId, tag: &Tag, before: Option<OrderMark>, limit: usize) -> Result<Vec<Order>> {
        let under = |(at, id): OrderMark| ((user, tag.as_str().to_owned(), at), id);
        let to = before.unwrap_or((AGES.1, OrderId::from_bits(u128::MAX)));
        let from = (AGES.0, OrderId::from_bits(0));
        let links =
            self.links::<_, _, ((UserId, String, Time), OrderId)>(&ORDERS_BY_TAG, under(from)..under(to), From::Down, limit)?;
        links.into_iter().map(|(_, id)| self.need(&ORDERS, id, "order")).collect()
    }
}

impl<T: Read> Orders for T {}

impl Tx<'_> {
    pub fn put_quote(&mut self, quote: &Quote) -> Result<()> {
        self.put(&QUOTES, quote.id, quote)
    }

    pub fn add_order(&mut self, order: &Order) -> Result<()> {
        self.link(&ORDERS_BY_USER, (order.user, order.created), order.id);
        self.link(&ORDERS_BY_AGE, order.created, order.id);
        self.list_open(order);
        self.link(&ORDERS_BY_STATE, (order.state as u8, order.created), order.id);
        self.insert(&ORDERS, order.id, order)
    }

    pub fn put_order(&mut self, order: &Order) -> Result<()> {
        if let Some(old) = self.order(order.id)?.filter(|old| old.state != order.state) {
            self.unlink(&ORDERS_BY_STATE, (old.state as u8, old.created), old.id);
            self.link(&ORDERS_BY_STATE, (order.state as u8, order.created), order.id);
            self.list_open(order);
        }
        self.put(&ORDERS, order.id, order)
    }

    /// Gives an order other tags.
    pub fn tag_order(&mut self, order: &mut Order, tags: BTreeSet<Tag>) -> Result<()> {
        for old in order.tags.difference(&tags) {
            self.unlink(&ORDERS_BY_TAG, (order.user, old.as_str().to_owned(), order.created), order.id);
        }
        for new in tags.difference(&order.tags) {
            self.link(&ORDERS_BY_TAG, (order.user, new.as_str().to_owned(), order.created), order.id);
        }
        order.tags = tags;
        self.put_order(order)
    }

    fn list_open(&mut self, order: &Order) {
        match order.state.over() {
            true => self.unlink(&ORDERS_OPEN, order.user, order.id),
            false => self.link(&ORDERS_OPEN, order.user, order.id),
        }
    }

    pub fn put_contract(&mut self, contract: &Contract) -> Result<()> {
        let mut owners = self.single(&OWNERS)?.unwrap_or_default();
        // A name is on nobody's node.
        if contract.owner != 0 && owners.insert(contract.owner) {
            self.set(&OWNERS, &owners)?;
        }
        self.put(&CONTRACTS, contract.id, contract)
    }

    pub fn reserve(&mut self, node: u32, order: OrderId, reservation: &Reservation) -> Result<()> {
        self.release(node, order)?;
        self.list_reservation((node, order), reservation)?;
        self.put(&RESERVATIONS, (node, order), reservation)
    }

    pub fn release(&mut self, node: u32, order: OrderId) -> Result<()> {
        let Some(old) = self.get(&RESERVATIONS, (node, order))? else { return Ok(()) };
        self.unlink(&RESERVATIONS_BY_END, old.end(), (node, order));
        match self.get(&FARM_LOADS, old.farm)? {
            Some(count) if count > 1 => self.put(&FARM_LOADS, old.farm, &(count - 1))?,
            _ => drop(self.remove(&FARM_LOADS, old.farm)?),
        }
        self.remove(&RESERVATIONS, (node, order)).map(drop)
    }

    /// Makes a reservation known where it is looked for.
    pub(super) fn list_reservation(&mut self, key: (u32, OrderId), reservation: &Reservation) -> Result<()> {
        self.link(&RESERVATIONS_BY_END, reservation.end(), key);
        let count = self.get(&FARM_LOADS, reservation.farm)?.unwrap_or(0);
        self.put(&FARM_LOADS, reservation.farm, &(count + 1))
    }
}
