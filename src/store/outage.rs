//! Servers that do not answer. There are as many rows as there are of those.

use super::schema::OUTAGES;
use super::{Read, Tx};
use crate::base::Result;
use crate::base::ids::OrderId;
use crate::domain::outage::Outage;

pub trait Outages: Read {
    fn outage(&self, order: OrderId) -> Result<Option<Outage>> {
        self.get(&OUTAGES, order)
    }

    /// All of them.
    fn outages(&self) -> Result<Vec<(OrderId, Outage)>> {
        let mut all = Vec::new();
        self.each(&OUTAGES, |order, outage| {
            all.push((order, outage));
            Ok(())
        })?;
        Ok(all)
    }
}

impl<T: Read> Outages for T {}

impl Tx<'_> {
    pub fn put_outage(&mut self, order: OrderId, outage: &Outage) -> Result<()> {
        self.put(&OUTAGES, order, outage)
    }

    pub fn remove_outage(&mut self, order: OrderId) -> Result<()> {
        self.remove(&OUTAGES, order).map(drop)
    }
}
