//! How old files become new ones: an append-only list. The version of a file is how much of the list it has been through.

use redb::Database;

use super::health::Health;
use super::schema::VERSION;
use super::table::Read;
use super::tx::{OpenTables, Tx};
use crate::base::{Error, Result};

/// One step. It reads the old rows with its own frozen copy of their types.
pub(super) struct Migration {
    pub(super) name: &'static str,
    pub(super) run: fn(&mut Tx<'_>) -> Result<()>,
}

/// Append only: an entry that has been released is never changed, moved or removed.
pub(super) const MIGRATIONS: &[Migration] = &[Migration { name: "the first tables", run: |_| Ok(()) }];

/// Runs what is pending, all in one transaction: a file is never left between two versions.
pub(super) fn run(db: &Database, migrations: &[Migration]) -> Result<()> {
    let health = Health::new(); // an error here ends the start, nobody else needs to know
    let fail = |cause: redb::Error| health.fail(cause);
    let known = migrations.len() as u64;
    let mut txn = db.begin_write().map_err(|cause| fail(cause.into()))?;
    txn.set_two_phase_commit(true);
    txn.set_quick_repair(true);
    let version = {
        let tables = OpenTables::new(&txn, &health);
        let mut tx = Tx::new(&tables);
        let version = tx.single(&VERSION)?.unwrap_or(0);
        refuse_newer(version, known)?;
        for migration in migrations.iter().skip(usize::try_from(version).unwrap_or(usize::MAX)) {
            tracing::info!(name = migration.name, "migrating the data file");
            (migration.run)(&mut tx)?;
        }
        tx.set(&VERSION, &known)?;
        tables.apply(tx.into_overlay())?;
        version
    };
    if version == known {
        txn.abort().map_err(|cause| fail(cause.into()))
    } else {
        txn.commit().map_err(|cause| fail(cause.into()))
    }
}

pub(super) fn refuse_newer(version: u64, known: u64) -> Result<()> {
    if version <= known {
        return Ok(());
    }
    Err(Error::conflict(format!(
        "The data file was written by a newer Cooperage (version {version} of the file, this program knows {known}). \
         It was left as it is. Install the newer program again, or restore a backup made by this one."
    )))
}
