//! Filters that people keep.

use super::schema::{SAVED_FILTERS, SAVED_FILTERS_BY_USER};
use super::{Read, Tx};
use crate::base::Result;
use crate::base::ids::{FilterId, UserId};
use crate::domain::saved_filter::{FILTERS_MAX, SavedFilter};

pub trait SavedFilters: Read {
    fn saved_filter(&self, id: FilterId) -> Result<Option<SavedFilter>> {
        self.get(&SAVED_FILTERS, id)
    }

    /// All of one person, by name.
    fn saved_filters_of(&self, user: UserId) -> Result<Vec<SavedFilter>> {
        let mut filters = self.follow(&SAVED_FILTERS_BY_USER, user, &SAVED_FILTERS, FILTERS_MAX)?;
        filters.sort_by_cached_key(|filter| filter.name.to_lowercase());
        Ok(filters)
    }
}

impl<T: Read> SavedFilters for T {}

impl Tx<'_> {
    pub fn put_saved_filter(&mut self, filter: &SavedFilter) -> Result<()> {
        self.link(&SAVED_FILTERS_BY_USER, filter.user, filter.id);
        self.put(&SAVED_FILTERS, filter.id, filter)
    }

    pub fn remove_saved_filter(&mut self, filter: &SavedFilter) -> Result<()> {
        self.unlink(&SAVED_FILTERS_BY_USER, filter.user, filter.id);
        self.remove(&SAVED_FILTERS, filter.id).map(drop)
    }
}
