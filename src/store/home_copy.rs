//! Copies on machines of customers' own, under their orders.

use super::schema::HOME_COPIES;
use super::{Read, Tx};
use crate::base::Result;
use crate::base::ids::OrderId;
use crate::domain::home_copy::HomeCopies;

pub trait HomeCopyRows: Read {
    fn home_copies(&self, order: OrderId) -> Result<Option<HomeCopies>> {
        self.get(&HOME_COPIES, order)
    }

    /// All of them, from behind `after` on.
    fn all_home_copies(&self, after: Option<OrderId>, limit: usize) -> Result<Vec<HomeCopies>> {
        Ok(self.page(&HOME_COPIES, after, limit)?.into_iter().map(|(_, row)| row).collect())
    }
}

impl<T: Read> HomeCopyRows for T {}

impl Tx<'_> {
    /// They go with the machine that fetches them: `remove_reporter`.
    pub fn put_home_copies(&mut self, copies: &HomeCopies) -> Result<()> {
        self.put(&HOME_COPIES, copies.order, copies)
    }
}
