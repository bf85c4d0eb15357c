//! What goes wrong with a chain: switches for its nodes, and blows from outside that no call of ours would deal.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, PoisonError};

use parity_scale_codec::{Decode, Encode};

use super::record::{Cause, State};
use super::{BASE_FEE, Chain, Checked, STAKING_POOL, billing};
use crate::base::money::Tft;
use crate::wire::key::AccountId;
use crate::wire::tfchain::METADATA_LATER;
use crate::wire::tfchain::server::Mood;

/// Switches for everything a real node sometimes does wrong.
#[derive(Debug, Default)]
pub struct Faults {
    /// Takes extrinsics, but the answer never comes.
    pub swallow_submit_reply: AtomicBool,
    pub reject_submits: AtomicBool,
    /// Says yes and forgets.
    pub drop_extrinsics: AtomicBool,
    /// Says yes, and puts them into a block only when this is off again.
    pub hold_extrinsics: AtomicBool,
    /// So many extrinsics are refused before the next is taken.
    pub refuse_next: AtomicU32,
    /// Has no room for another extrinsic.
    pub pool_full: AtomicBool,
    /// Takes an extrinsic and cuts every connection instead of answering.
    pub hang_up_on_submit: AtomicBool,
    /// Every new contract is refused inside its block.
    pub refuse_contracts: AtomicBool,
    /// New blocks are not finalized until this is off again.
    pub stall_finality: AtomicBool,
    /// Has no state of blocks that are more than so many old; 0: has all of it.
    pub keeps_blocks: AtomicU32,
    /// Answers nothing.
    pub silent: AtomicBool,
    /// Answers everything with a word that means nothing.
    pub garbage: AtomicBool,
}

impl Faults {
    pub(super) fn mood(&self) -> Mood {
        match () {
            () if self.silent.load(Ordering::SeqCst) => Mood::Silent,
            () if self.garbage.load(Ordering::SeqCst) => Mood::Garbled,
            () => Mood::Well,
        }
    }
}

/// A runtime, and the block it came with.
pub(super) struct Age {
    pub from: u32,
    pub version: Arc<Vec<u8>>,
    pub metadata: Arc<Vec<u8>>,
}

impl Age {
    pub fn first(version: &[u8]) -> Age {
        Age { from: 0, version: Arc::new(version.to_vec()), metadata: Arc::new(METADATA_LATER.to_vec()) }
    }
}

impl Chain {
    /// Another runtime, one version on. With a pair of words of the same length it calls the first by the second, so that whoever
    /// looks for it does not find it any more; without one nothing but the version changes.
    pub fn upgrade(&self, renamed: Option<(&str, &str)>) {
        let mut metadata = METADATA_LATER.to_vec();
        if let Some((old, new)) = renamed.filter(|(old, new)| old.len() == new.len()) {
            for at in 0..metadata.len().saturating_sub(old.len()) {
                if metadata[at..].starts_with(old.as_bytes()) {
                    metadata[at..at + old.len()].copy_from_slice(new.as_bytes());
                }
            }
        }
        type Version = (String, String, u32, u32, u32, Vec<([u8; 8], u32)>, u32, u8);
        let mut from = 0;
        let mut spec = 0;
        self.change(|world| {
            world.runtime.spec_version += 1;
            (from, spec) = (world.number, world.runtime.spec_version);
        });
        let mut ages = self.ages.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(first) = ages.first().map(|age| age.version.clone()) else { return };
        let Ok(mut version) = Version::decode(&mut first.as_slice()) else { return };
        version.3 = spec;
        let version = version.encode();
        // The metadata say it, too: as a constant.
        if let Some(at) = metadata.windows(first.len()).position(|window| window == first.as_slice()) {
            metadata[at..at + version.len()].copy_from_slice(&version);
        }
        ages.push(Age { from, version: Arc::new(version), metadata: Arc::new(metadata) });
    }

    /// Somebody else uses the account: its next nonce is gone.
    pub fn steal_nonce(&self, account: &AccountId) {
        self.change(|world| {
            world.enter(Some(1));
            world.charge(account, BASE_FEE);
        });
    }

    /// Another program of the same account sets what the chain knows of its twin.
    pub fn set_twin(&self, id: u32, relay: Option<&str>, pk: Option<Vec<u8>>) {
        self.change(|world| {
            let Some(mut twin) = world.twin(id) else { return };
            (twin.relay, twin.pk) = (relay.map(|relay| relay.as_bytes().to_vec()), pk);
            world.put_tfgrid("Twins", &id, &twin);
        });
    }

    /// Takes everything out of an account but `leave`.
    pub fn drain(&self, account: &AccountId, leave: Tft) {
        let leave = u128::try_from(leave.units()).unwrap_or(0);
        self.change(|world| {
            let surplus = world.account(account).free.saturating_sub(leave);
            if let Err(failure) = world.transfer(account, &STAKING_POOL, surplus, true) {
                tracing::warn!(?failure, "an account of the local chain can't be emptied");
            }
        });
    }

    /// The council deletes a contract: billed once more and gone.
    pub fn end_contract(&self, id: u64) {
        self.change(|world| {
            billing::set_state(world, id, State::Deleted(Cause::CanceledByCollective));
            billing::bill(world, id);
        });
    }

    /// Tells that a contract was deleted which is there.
    pub fn lie_of_an_end(&self, id: u64) {
        self.change(|world| {
            let contract = world.contract(id);
            let Some((node, twin)) = contract.and_then(|contract| Some((contract.kind.node()?, contract.twin))) else { return };
            world.emit("SmartContractModule", "NodeContractCanceled", &(id, node, twin));
        });
    }

    /// Whether contracts are billed when their turn comes. What was left out is billed in one lump afterwards.
    pub fn set_billing(&self, on: bool) {
        self.world().billing = on;
    }

    /// Blocks that are not final yet vanish, with everything in them. What was in them is not taken up again by itself.
    pub fn reorganise(&self) {
        let mut world = self.world();
        let finalized = self.heads.borrow().finalized;
        world.rewind(finalized);
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).retain(|(number, _)| *number <= finalized);
        // The next block is another one than that which vanished.
        world.begin(self.now_ms());
        world.salt();
        world.seal(vec![]);
        world.changes += 1;
        // Whatever number the new block has, it is news.
        self.heads.send_modify(|heads| heads.best = finalized);
        self.publish(&world);
    }

    /// Puts what was held back into blocks, if it still fits.
    pub(super) fn release_held(&self) {
        if self.faults.hold_extrinsics.load(Ordering::SeqCst) {
            return;
        }
        let held = std::mem::take(&mut *self.held.lock().unwrap_or_else(PoisonError::into_inner));
        if held.is_empty() {
            return;
        }
        let mut world = self.world();
        self.catch_up(&mut world);
        for bytes in held {
            if let Ok(Checked::Ready(ready)) = Self::check(&world, &bytes) {
                self.include(&mut world, *ready);
            }
        }
        self.publish(&world);
    }
}
