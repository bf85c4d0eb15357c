//! Filters that people keep: under a name of their own, for themselves.

use super::App;
use crate::base::ids::{FilterId, UserId};
use crate::base::{Error, Result};
use crate::domain::pool::{Filter, Sort};
use crate::domain::saved_filter::{FILTERS_MAX, SavedFilter, name};
use crate::store::Tx;
use crate::store::saved_filter::SavedFilters;

impl App {
    /// Keeps what somebody looks for. One name, one filter.
    pub async fn save_filter(
        &self,
        user: UserId,
        called: &str,
        filter: Filter,
        size: Option<String>,
        sort: Sort,
    ) -> Result<FilterId> {
        let name = name(called).map_err(|why| Error::invalid("name", why))?;
        let id = FilterId::random(&*self.random);
        let saved = SavedFilter { id, user, name, filter, size, sort, created: self.now() };
        self.store
            .write(move |tx| {
                let known = tx.saved_filters_of(user)?;
                if known.len() >= FILTERS_MAX {
                    return Err(Error::invalid(
                        "name",
                        format!("You have {FILTERS_MAX} saved filters, which is as many as can be. Please delete one first."),
                    ));
                }
                only_one(&known, id, &saved.name)?;
                tx.put_saved_filter(&saved)
            })
            .await?;
        Ok(id)
    }

    pub async fn rename_filter(&self, user: UserId, id: FilterId, called: &str) -> Result<()> {
        let name = name(called).map_err(|why| Error::invalid("name", why));
        self.store
            .write(move |tx| {
                // Whose it is comes first: somebody else's does not exist, whatever is typed.
                let filter = own(tx, user, id)?;
                let name = name?;
                only_one(&tx.saved_filters_of(user)?, id, &name)?;
                tx.put_saved_filter(&SavedFilter { name, ..filter })
            })
            .await
    }

    pub async fn remove_filter(&self, user: UserId, id: FilterId) -> Result<()> {
        self.store
            .write(move |tx| {
                let filter = own(tx, user, id)?;
                tx.remove_saved_filter(&filter)
            })
            .await
    }
}

fn own(tx: &Tx<'_>, user: UserId, id: FilterId) -> Result<SavedFilter> {
    tx.saved_filter(id)?.filter(|filter| filter.user == user).ok_or_else(|| Error::not_found("filter"))
}

fn only_one(known: &[SavedFilter], id: FilterId, name: &str) -> Result<()> {
    let taken = known.iter().any(|other| other.id != id && other.name.to_lowercase() == name.to_lowercase());
    if taken { Err(Error::invalid("name", "You have a filter of this name already.")) } else { Ok(()) }
}
