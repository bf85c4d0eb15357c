//! Changes of what runs: those under way, and what became of the others.

use super::page::AGES;
use super::schema::{REVISIONS, REVISIONS_BY_ORDER, REVISIONS_OPEN};
use super::{Order as From, Read, Tx};
use crate::base::ids::{OrderId, RevisionId};
use crate::base::{Result, Time};
use crate::domain::revision::Revision;

/// Where a list of revisions goes on: the pair of its last row.
pub type RevisionMark = (Time, RevisionId);

pub trait Revisions: Read {
    fn revision(&self, id: RevisionId) -> Result<Option<Revision>> {
        self.get(&REVISIONS, id)
    }

    /// Changes of one order, newest first.
    fn revisions_of(&self, order: OrderId, before: Option<RevisionMark>, limit: usize) -> Result<Vec<Revision>> {
        let to = before.unwrap_or((AGES.1, RevisionId::from_bits(u128::MAX)));
        let from = ((order, AGES.0), RevisionId::from_bits(0));
        let links = self.links::<_, _, ((OrderId, Time), RevisionId)>(
            &REVISIONS_BY_ORDER,
            from..((order, to.0), to.1),
            From::Down,
            limit,
        )?;
        links.into_iter().map(|(_, id)| self.need(&REVISIONS, id, "revision")).collect()
    }

    /// Changes that are not at rest, oldest first, from behind `after` on.
    fn revisions_open(&self, after: Option<RevisionMark>, limit: usize) -> Result<Vec<Revision>> {
        use std::ops::Bound::{Excluded, Included};
        let from = after.map_or(Included((AGES.0, RevisionId::from_bits(0))), Excluded);
        let to = Included((AGES.1, RevisionId::from_bits(u128::MAX)));
        let links = self.links::<_, _, (Time, RevisionId)>(&REVISIONS_OPEN, (from, to), From::Up, limit)?;
        links.into_iter().map(|(_, id)| self.need(&REVISIONS, id, "revision")).collect()
    }
}

impl<T: Read> Revisions for T {}

impl Tx<'_> {
    pub fn add_revision(&mut self, revision: &Revision) -> Result<()> {
        self.link(&REVISIONS_BY_ORDER, (revision.order, revision.created), revision.id);
        self.put_revision(revision)
    }

    pub fn put_revision(&mut self, revision: &Revision) -> Result<()> {
        match revision.state.at_rest() {
            true => self.unlink(&REVISIONS_OPEN, revision.created, revision.id),
            false => self.link(&REVISIONS_OPEN, revision.created, revision.id),
        }
        self.put(&REVISIONS, revision.id, revision)
    }
}
