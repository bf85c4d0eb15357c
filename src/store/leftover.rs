//! What is over and needed by nobody: found by walking a snapshot, removed a helping at a time.

use super::schema::{CARD_SETUPS, MAILS, NOTICES, QUOTES, SESSIONS, TICKETS, USER_BY_EMAIL, USERS, USERS_BY_AGE};
use super::{Key, Read, Row, Store, Table, Tx};
use crate::base::time::DAY;
use crate::base::{Result, Time};
use crate::domain::account::{SESSION_IDLE, SESSION_LIFE, User};
use crate::domain::mail::Mail;
use crate::store::order::Orders;
use crate::store::saved_filter::SavedFilters;

/// Rows looked at together, and removed together at most: the writer is never held for longer.
pub(super) const HELPING: usize = 500;
/// How long what was dealt with is kept, should somebody ask.
const KEPT_DAYS: u32 = 30;
/// How long a sign-up waits for its proof. A link works for a day of these.
const UNPROVED_DAYS: u32 = 7;

impl Store {
    /// Removes what nobody needs any more; gives how many rows that were. Calls, orders, charges and the books are kept for ever.
    pub async fn clear_leftovers(&self, now: Time) -> Result<usize> {
        let month = now - DAY * KEPT_DAYS;
        let mut gone = self.clear(&TICKETS, move |row| row.expires <= now, remove(&TICKETS)).await?;
        let over = move |row: &crate::domain::account::Session| {
            now.since(row.last_seen) >= SESSION_IDLE || now.since(row.created) >= SESSION_LIFE
        };
        gone += self.clear(&SESSIONS, over, |tx, hash, _| tx.end_session(hash)).await?;
        // A quote that became an order answers a button that is pressed twice, and its page a link in the history.
        let stale = move |row: &crate::domain::order::Quote| match row.order {
            Some(_) => row.expires() <= month,
            None => row.expires() + DAY <= now,
        };
        gone += self.clear(&QUOTES, stale, remove(&QUOTES)).await?;
        gone += self.clear(&CARD_SETUPS, move |row| row.created <= month, remove(&CARD_SETUPS)).await?;
        gone += self.clear(&NOTICES, move |row| row.handled.is_some_and(|at| at <= month), remove(&NOTICES)).await?;
        let week = now - DAY * UNPROVED_DAYS;
        // A link that could not be sent for so long: whoever wanted it has asked again, or has gone.
        let undelivered = move |row: &Mail| row.sent.is_none() && row.ticket.is_some() && row.created <= week;
        let over = move |row: &Mail| row.sent.is_some_and(|at| at <= month) || undelivered(row);
        gone += self.clear(&MAILS, over, remove(&MAILS)).await?;
        gone += self
            .clear(&USERS, move |row| row.verified.is_none() && row.created <= week, |tx, _, user| tx.remove_user(user))
            .await?;
        gone += self.clear_reports(now).await?;
        Ok(gone)
    }

    /// Walks one table on snapshots and removes what `over` says, which is asked again in the write: the row may live again.
    async fn clear<K, V>(
        &self,
        table: &'static Table<K, V>,
        over: impl Fn(&V) -> bool + Copy + Send + 'static,
        remove: impl Fn(&mut Tx<'_>, &K, &V) -> Result<()> + Copy + Send + 'static,
    ) -> Result<usize>
    where
        K: Key + Clone + Send + 'static,
        V: Row + 'static,
    {
        let (mut after, mut gone) = (None, 0);
        loop {
            let rows = self.read()?.page(table, after, HELPING)?;
            let Some((last, _)) = rows.last() else { return Ok(gone) };
            after = Some(last.clone());
            let keys: Vec<K> = rows.into_iter().filter(|(_, row)| over(row)).map(|(key, _)| key).collect();
            if keys.is_empty() {
                continue;
            }
            gone += self
                .write(move |tx| {
                    let mut gone = 0;
                    for key in &keys {
                        if let Some(row) = tx.get(table, key)?.filter(|row| over(row)) {
                            remove(tx, key, &row)?;
                            gone += 1;
                        }
                    }
                    Ok(gone)
                })
                .await?;
        }
    }
}

fn remove<K: Key, V: Row>(table: &'static Table<K, V>) -> impl Fn(&mut Tx<'_>, &K, &V) -> Result<()> + Copy + Send + 'static {
    |tx, key, _| tx.remove(table, key).map(drop)
}

impl Tx<'_> {
    /// Forgets somebody who never proved their address. Whoever has an order stays.
    fn remove_user(&mut self, user: &User) -> Result<()> {
        if !self.orders_of(user.id, None, 1)?.is_empty() {
            return Ok(());
        }
        self.end_sessions_of(user.id)?;
        self.saved_filters_of(user.id)?.iter().try_for_each(|filter| self.remove_saved_filter(filter))?;
        self.remove(&USER_BY_EMAIL, user.email.as_str())?;
        self.unlink(&USERS_BY_AGE, user.created, user.id);
        self.remove(&USERS, user.id).map(drop)
    }
}
