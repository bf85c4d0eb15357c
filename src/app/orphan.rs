//! Looks for contracts of our account that the books know nothing of, as after a backup was restored: somebody is told once, and
//! what belonged to an order of ours that is over is given back.

use std::collections::BTreeMap;

use super::signer::Overdue;
use super::{App, lock, mail};
use crate::base::Result;
use crate::base::time::{HOUR, MINUTE};
use crate::domain::orphan::Orphan;
use crate::domain::signer::Purpose;
use crate::grid::{Call, Fate};
use crate::store::Read;
use crate::store::account::Accounts;
use crate::store::order::Orders;
use crate::store::schema::{CONTRACTS, ORPHANS, TWIN};

impl App {
    /// Looks unless that was done within the last hour: all contracts of the chain are read for it. Gives how many there are.
    pub async fn look_for_orphans_hourly(&self) -> Result<usize> {
        let now = self.now();
        if lock(&self.orphans_sought).is_some_and(|last| now.since(last) < HOUR) {
            return Ok(0);
        }
        let found = self.look_for_orphans().await;
        // In vain: not at once again, for it is much to ask.
        let sought = if found.is_ok() { now } else { now - HOUR + 5 * MINUTE };
        *lock(&self.orphans_sought) = Some(sought);
        found
    }

    async fn look_for_orphans(&self) -> Result<usize> {
        let Some(twin) = self.read()?.single(&TWIN)? else { return Ok(0) };
        let head = self.grid.finalized().await?;
        let held = self.grid.contracts_held(twin, &head).await?;
        // Read behind the chain: what was made before is written down by now, or is new.
        let (snapshot, now) = (self.read()?, self.now());
        let before = snapshot.single(&ORPHANS)?.unwrap_or_default();
        let mut orphans = BTreeMap::new();
        let mut over = Vec::new();
        for held in held {
            if snapshot.has(&CONTRACTS, held.contract)? {
                continue;
            }
            let order = held.order.map(|order| snapshot.order(order)).transpose()?.flatten();
            // One that is on its way finds its contract by itself.
            if order.as_ref().is_some_and(|order| !order.state.at_rest()) {
                continue;
            }
            let new = || Orphan { seen: now, node: held.node, order: held.order, told: false };
            let orphan = before.get(&held.contract).cloned().unwrap_or_else(new);
            if orphan.is_one(now) && order.is_some_and(|order| order.state.over()) {
                over.push(held.contract);
            }
            orphans.insert(held.contract, orphan);
        }
        let count = orphans.len();
        self.tell_of_orphans(before, orphans).await?;
        for contract in over {
            self.give_back(contract).await?;
        }
        Ok(count)
    }

    /// Notes which there are, and writes the mail about new ones in the same transaction: nobody is told twice.
    async fn tell_of_orphans(&self, before: BTreeMap<u64, Orphan>, mut orphans: BTreeMap<u64, Orphan>) -> Result<()> {
        let now = self.now();
        let mut fresh = Vec::new();
        for (contract, orphan) in orphans.iter_mut().filter(|(_, orphan)| orphan.is_one(now) && !orphan.told) {
            tracing::error!(contract, node = ?orphan.node, "a contract of ours is on the chain that the books know nothing of");
            orphan.told = true;
            fresh.push(*contract);
        }
        if orphans == before {
            return Ok(());
        }
        let (brand, site, random) =
            (self.settings.brand.name.clone(), self.settings.server.public_url.clone(), self.random.clone());
        self.store
            .write(move |tx| {
                tx.set(&ORPHANS, &orphans)?;
                if fresh.is_empty() {
                    return Ok(());
                }
                for operator in tx.operators()? {
                    tx.queue_mail(&mail::orphans(&brand, &site, &operator, &fresh, &*random, now), &*random, now)?;
                }
                Ok(())
            })
            .await?;
        self.nudge();
        Ok(())
    }

    /// Cancels one whose order is over.
    async fn give_back(&self, contract: u64) -> Result<()> {
        let purpose = Purpose::CancelOrphan(contract);
        match self.drive_call(purpose, Call::CancelContract { contract }, Overdue::SignAnew).await? {
            Fate::Landed { .. } | Fate::Pending | Fate::Expired | Fate::Usurped => Ok(()),
            Fate::Refused(reason) => {
                tracing::error!(contract, reason, "the chain refuses to cancel a contract that nobody uses");
                // The reason may pass: the next look tries again.
                self.forget_call(purpose).await
            }
        }
    }
}
