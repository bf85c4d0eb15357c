//! Backup VMs, under their orders.

use std::ops::Bound;

use super::schema::{BACKUP_LOOKS, BACKUPS, BACKUPS_OPEN};
use super::{Order, Read, Tx};
use crate::base::Result;
use crate::base::ids::OrderId;
use crate::domain::backup::{BackupVm, Looks};

pub trait Backups: Read {
    fn backup(&self, order: OrderId) -> Result<Option<BackupVm>> {
        self.get(&BACKUPS, order)
    }

    /// How it and its server are, as last seen.
    fn backup_looks(&self, order: OrderId) -> Result<Looks> {
        Ok(self.get(&BACKUP_LOOKS, order)?.unwrap_or_default())
    }

    /// Those that are not over, from behind `after` on.
    fn backups_open(&self, after: Option<OrderId>, limit: usize) -> Result<Vec<BackupVm>> {
        let from = after.map_or(Bound::Included((0, OrderId::from_bits(0))), |after| Bound::Excluded((0, after)));
        let to = Bound::Included((0, OrderId::from_bits(u128::MAX)));
        let links = self.links::<_, _, (u8, OrderId)>(&BACKUPS_OPEN, (from, to), Order::Up, limit)?;
        links.into_iter().map(|(_, id)| self.need(&BACKUPS, id, "backup VM")).collect()
    }

    /// All of them, from behind `after` on.
    fn backups(&self, after: Option<OrderId>, limit: usize) -> Result<Vec<BackupVm>> {
        Ok(self.page(&BACKUPS, after, limit)?.into_iter().map(|(_, row)| row).collect())
    }
}

impl<T: Read> Backups for T {}

impl Tx<'_> {
    pub fn put_backup(&mut self, backup: &BackupVm) -> Result<()> {
        match backup.stage.over() {
            true => {
                self.unlink(&BACKUPS_OPEN, 0_u8, backup.order);
                self.remove(&BACKUP_LOOKS, backup.order)?;
            }
            false => self.link(&BACKUPS_OPEN, 0_u8, backup.order),
        }
        self.put(&BACKUPS, backup.order, backup)
    }

    pub fn put_backup_looks(&mut self, order: OrderId, looks: &Looks) -> Result<()> {
        self.put(&BACKUP_LOOKS, order, looks)
    }

    /// Gives back the room that is kept for it.
    pub fn release_backup(&mut self, backup: &BackupVm) -> Result<()> {
        backup.nodes().into_iter().try_for_each(|node| self.release(node, backup.order))
    }
}
