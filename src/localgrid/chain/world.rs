//! The pretended chain's truth: blocks, stored values, events and balances.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use parity_scale_codec::{Compact, Decode, Encode};

use super::db::{Db, entry, plain};
use super::record::{Account, Contract, Twin};
use crate::localgrid::{BillView, ContractView};
use crate::wire::key::AccountId;
use crate::wire::tfchain::codec::blake2_256;
use crate::wire::tfchain::extrinsic::inherent;
use crate::wire::tfchain::server::Header;
use crate::wire::tfchain::{Codec, EXISTENTIAL_DEPOSIT, Hash, Runtime};

/// Empty blocks are forgotten after this many; those with extrinsics are kept for ever.
const KEEP: u32 = 65_536;
pub const BLOCK_MS: u64 = 6_000;

/// One payout of a contract's reserves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reward {
    pub contract: u64,
    /// None for name contracts.
    pub farmer_twin: Option<u32>,
    pub farmer: u128,
    pub foundation: u128,
    pub staking_pool: u128,
    /// Unix seconds.
    pub at: u64,
}

/// Why a call fails, by the runtime's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    Smart(&'static str),
    Tfgrid(&'static str),
    /// `TokenError`, by index: 0 funds unavailable, 2 below minimum, 8 not expendable.
    Token(u8),
    /// A call that this chain does not play.
    Other,
}

pub type Outcome = Result<(), Failure>;

/// A place to return to if what follows fails.
pub struct Mark {
    db: super::db::Mark,
    events: usize,
    event_count: u32,
    rewards: usize,
    bills: usize,
}

pub struct Sealed {
    pub header: Header,
    pub hash: Hash,
    pub time_ms: u64,
    pub extrinsics: Vec<Vec<u8>>,
    pub events: Vec<u8>,
}

pub struct World {
    pub codec: Arc<Codec>,
    pub runtime: Runtime,
    pub db: Db,
    pub blocks: BTreeMap<u32, Sealed>,
    pub numbers: HashMap<Hash, u32>,
    /// In which block an extrinsic is.
    pub included: HashMap<Hash, u32>,
    /// Extrinsics whose nonce is too high so far.
    pub pool: BTreeMap<(AccountId, u32), Vec<u8>>,
    /// The block being built, or the last one.
    pub number: u32,
    pub time_ms: u64,
    pub rewards: Vec<Reward>,
    /// Every bill so far, as the index keeps them.
    pub bills: Vec<BillView>,
    /// When each contract was made, in Unix seconds, and those that are gone.
    pub born: BTreeMap<u64, i64>,
    pub gone: BTreeMap<u64, ContractView>,
    /// Counts changes of contracts.
    pub changes: u64,
    /// Whether contracts are billed when their turn comes.
    pub billing: bool,
    /// Makes a block another one, although the same happened in it.
    salt: u32,
    pub staking_pool: AccountId,
    /// Call index of `Timestamp.set`, and the event of its success: the same in every block.
    set_time: (u8, u8),
    time_was_set: Vec<u8>,
    phase: Option<u32>,
    events: Vec<u8>,
    event_count: u32,
}

impl World {
    pub fn new(codec: Arc<Codec>, runtime: Runtime, time_ms: u64, staking_pool: AccountId) -> Self {
        let set_time = codec.call_index("Timestamp", "set").unwrap_or_default();
        let success = codec.event_index("System", "ExtrinsicSuccess").unwrap_or_default();
        // Phase: extrinsic 0. No topics.
        let time_was_set = (0u8, 0u32, success, dispatch_info(2), 0u8).encode();
        World {
            codec,
            runtime,
            db: Db::default(),
            blocks: BTreeMap::new(),
            numbers: HashMap::new(),
            included: HashMap::new(),
            pool: BTreeMap::new(),
            number: 0,
            time_ms,
            rewards: vec![],
            bills: vec![],
            born: BTreeMap::new(),
            gone: BTreeMap::new(),
            changes: 0,
            billing: true,
            salt: 0,
            staking_pool,
            set_time,
            time_was_set,
            phase: None,
            events: vec![],
            event_count: 0,
        }
    }

    pub fn seconds(&self) -> u64 {
        self.time_ms / 1000
    }

    /// Opens the next block; what follows happens in it until `seal`.
    pub fn begin(&mut self, time_ms: u64) {
        self.number += 1;
        self.time_ms = time_ms.max(self.time_ms);
        self.db.begin(self.number);
        self.events.clear();
        self.event_count = 0;
        self.phase = None;
    }

    /// From here on events belong to the extrinsic with this index; None: to the chain itself.
    pub fn enter(&mut self, extrinsic: Option<u32>) {
        self.phase = extrinsic;
    }

    pub fn seal(&mut self, signed: Vec<Vec<u8>>) {
        let mut extrinsics = vec![inherent(&(self.set_time, Compact(self.time_ms)).encode())];
        self.events.extend(&self.time_was_set);
        self.event_count += 1;
        for extrinsic in &signed {
            self.included.insert(blake2_256(extrinsic), self.number);
        }
        extrinsics.extend(signed);
        let events = [Compact(self.event_count).encode(), std::mem::take(&mut self.events)].concat();
        let parent = self.blocks.last_key_value().map(|(_, block)| block.hash).unwrap_or_default();
        self.push(parent, extrinsics, events);
    }

    /// The first block: no extrinsics, no events, whatever storage holds by now.
    pub fn seal_genesis(&mut self) -> Hash {
        self.events.clear();
        self.event_count = 0;
        self.push([0; 32], vec![], vec![0]);
        self.blocks.get(&0).map(|block| block.hash).unwrap_or_default()
    }

    fn push(&mut self, parent: Hash, extrinsics: Vec<Vec<u8>>, events: Vec<u8>) {
        // Not Merkle roots: nobody asks us for proofs, but two different histories must have different hashes.
        let state_root = blake2_256(&(self.number, self.time_ms, self.salt, &events).encode());
        let header = Header { number: self.number, parent, state_root, extrinsics_root: blake2_256(&extrinsics.encode()) };
        let hash = header.hash();
        self.numbers.insert(hash, self.number);
        self.blocks.insert(self.number, Sealed { header, hash, time_ms: self.time_ms, extrinsics, events });
        let Some(old) = self.number.checked_sub(KEEP) else { return };
        if self.blocks.get(&old).is_some_and(|block| block.extrinsics.len() == 1)
            && let Some(block) = self.blocks.remove(&old)
        {
            self.numbers.remove(&block.hash);
        }
    }

    pub fn emit(&mut self, pallet: &str, name: &str, fields: &impl Encode) {
        let index = self.codec.event_index(pallet, name).expect("the metadata we carry has every event we emit");
        match self.phase {
            Some(extrinsic) => (0u8, extrinsic).encode_to(&mut self.events),
            None => self.events.push(2),
        }
        index.encode_to(&mut self.events);
        fields.encode_to(&mut self.events);
        // No topics.
        self.events.push(0);
        self.event_count += 1;
    }

    /// A place to return to, events included.
    pub fn mark(&self) -> Mark {
        Mark {
            db: self.db.mark(),
            events: self.events.len(),
            event_count: self.event_count,
            rewards: self.rewards.len(),
            bills: self.bills.len(),
        }
    }

    pub fn roll_back(&mut self, mark: &Mark) {
        self.db.roll_back(&mark.db);
        self.events.truncate(mark.events);
        self.event_count = mark.event_count;
        self.rewards.truncate(mark.rewards);
        self.bills.truncate(mark.bills);
        // Contracts that were removed are back, those that were made were never there.
        let back: Vec<u64> = self.gone.keys().copied().filter(|id| self.contract(*id).is_some()).collect();
        back.iter().for_each(|id| drop(self.gone.remove(id)));
        let last = self.db.get::<u64>(&plain("SmartContractModule", "ContractID")).unwrap_or_default();
        self.born.retain(|id, _| *id <= last);
    }

    /// From here on blocks are others than they would have been.
    pub fn salt(&mut self) {
        self.salt += 1;
    }

    /// Goes back to the end of block `to`, as if nothing had happened since.
    pub fn rewind(&mut self, to: u32) {
        for (_, block) in self.blocks.split_off(&to.saturating_add(1)) {
            self.numbers.remove(&block.hash);
        }
        self.included.retain(|_, block| *block <= to);
        self.db.rewind(to);
        let Some(last) = self.blocks.get(&to) else { return };
        (self.number, self.time_ms) = (to, last.time_ms);
        let seconds = self.seconds();
        self.rewards.retain(|reward| reward.at <= seconds);
        let back: Vec<u64> = self.gone.keys().copied().filter(|id| self.contract(*id).is_some()).collect();
        back.iter().for_each(|id| drop(self.gone.remove(id)));
        let made = self.db.get::<u64>(&plain("SmartContractModule", "ContractID")).unwrap_or_default();
        self.born.retain(|id, _| *id <= made);
        self.gone.retain(|id, _| *id <= made);
    }

    /// A `DispatchError` as the runtime encodes it.
    pub fn encoded(&self, failure: Failure) -> Vec<u8> {
        let module = |pallet, name| match self.codec.error_index(pallet, name) {
            Some((pallet, error)) => vec![3, pallet, error, 0, 0, 0],
            None => vec![0],
        };
        match failure {
            Failure::Smart(name) => module("SmartContractModule", name),
            Failure::Tfgrid(name) => module("TfgridModule", name),
            Failure::Token(index) => vec![7, index],
            Failure::Other => vec![0],
        }
    }

    pub fn account(&self, account: &AccountId) -> Account {
        self.db.get(&entry("System", "Account", account)).unwrap_or_default()
    }

    pub fn put_account(&mut self, account: &AccountId, value: &Account) {
        self.db.put(entry("System", "Account", account), value);
    }

    /// What billing may take: everything but what is reserved, frozen or keeps the account alive.
    pub fn usable(&self, account: &AccountId) -> u128 {
        let data = self.account(account);
        data.free.saturating_sub(data.frozen.max(EXISTENTIAL_DEPOSIT))
    }

    /// New tokens out of nothing.
    pub fn mint(&mut self, to: &AccountId, amount: u128) {
        let mut account = self.account(to);
        let fresh = account.free == 0 && account.reserved == 0 && account.nonce == 0;
        account.free += amount;
        self.put_account(to, &account);
        let issued = plain("Balances", "TotalIssuance");
        let total: u128 = self.db.get(&issued).unwrap_or_default();
        self.db.put(issued, &(total + amount));
        if fresh {
            self.emit("System", "NewAccount", to);
            self.emit("Balances", "Endowed", &(to, amount));
        }
        self.emit("Balances", "Minted", &(to, amount));
    }

    /// Takes a fee; the caller has checked that it is there.
    pub fn charge(&mut self, from: &AccountId, fee: u128) {
        let mut account = self.account(from);
        account.free = account.free.saturating_sub(fee);
        account.nonce += 1;
        self.put_account(from, &account);
        let issued = plain("Balances", "TotalIssuance");
        let total: u128 = self.db.get(&issued).unwrap_or_default();
        self.db.put(issued, &total.saturating_sub(fee));
        self.emit("Balances", "Withdraw", &(from, fee));
    }

    pub fn transfer(&mut self, from: &AccountId, to: &AccountId, amount: u128, keep_alive: bool) -> Outcome {
        let mut source = self.account(from);
        if source.free.saturating_sub(source.frozen) < amount {
            return Err(Failure::Token(0));
        }
        // An account with reserves cannot die, so its minimum stays as well.
        let rest = source.free - amount;
        if rest < EXISTENTIAL_DEPOSIT && (keep_alive || source.reserved > 0 || rest > 0) && from != to {
            return Err(Failure::Token(8));
        }
        let target = self.account(to);
        if target.free + amount < EXISTENTIAL_DEPOSIT {
            return Err(Failure::Token(2));
        }
        if from != to {
            let fresh = target.free == 0 && target.reserved == 0 && target.nonce == 0;
            source.free = rest;
            self.put_account(from, &source);
            self.put_account(to, &Account { free: target.free + amount, ..target });
            if fresh {
                self.emit("System", "NewAccount", to);
                self.emit("Balances", "Endowed", &(to, amount));
            }
        }
        self.emit("Balances", "Transfer", &(from, to, amount));
        Ok(())
    }

    /// Sets money aside, as much of `amount` as is usable. Tells how much.
    pub fn reserve(&mut self, who: &AccountId, amount: u128) -> u128 {
        let taken = amount.min(self.usable(who));
        if taken > 0 {
            let mut account = self.account(who);
            account.free -= taken;
            account.reserved += taken;
            self.put_account(who, &account);
            self.emit("Balances", "Reserved", &(who, taken));
        }
        taken
    }

    /// Pays reserved money out.
    pub fn repatriate(&mut self, from: &AccountId, to: &AccountId, amount: u128) {
        let mut source = self.account(from);
        let amount = amount.min(source.reserved);
        if amount == 0 {
            return;
        }
        source.reserved -= amount;
        self.put_account(from, &source);
        let mut target = self.account(to);
        target.free += amount;
        self.put_account(to, &target);
        self.emit("Balances", "ReserveRepatriated", &(from, to, amount, 0u8));
    }

    pub fn smart<T: Decode>(&self, item: &str, key: &impl Encode) -> Option<T> {
        self.db.get(&entry("SmartContractModule", item, key))
    }

    pub fn put_smart(&mut self, item: &str, key: &impl Encode, value: &impl Encode) {
        self.db.put(entry("SmartContractModule", item, key), value);
    }

    pub fn remove_smart(&mut self, item: &str, key: &impl Encode) {
        self.db.remove(entry("SmartContractModule", item, key));
    }

    pub fn tfgrid<T: Decode>(&self, item: &str, key: &impl Encode) -> Option<T> {
        self.db.get(&entry("TfgridModule", item, key))
    }

    pub fn put_tfgrid(&mut self, item: &str, key: &impl Encode, value: &impl Encode) {
        self.db.put(entry("TfgridModule", item, key), value);
    }

    pub fn remove_tfgrid(&mut self, item: &str, key: &impl Encode) {
        self.db.remove(entry("TfgridModule", item, key));
    }

    pub fn counter(&mut self, pallet: &str, item: &str) -> u64 {
        // Counters are u32 or u64; the low bytes are the same.
        let key = plain(pallet, item);
        let wide = self.db.raw(&key).is_none_or(|bytes| bytes.len() == 8);
        if wide {
            let next = self.db.get::<u64>(&key).unwrap_or_default() + 1;
            self.db.put(key, &next);
            next
        } else {
            let next = self.db.get::<u32>(&key).unwrap_or_default() + 1;
            self.db.put(key, &next);
            next.into()
        }
    }

    pub fn twin_of(&self, account: &AccountId) -> Option<u32> {
        self.tfgrid("TwinIdByAccountID", account)
    }

    pub fn twin(&self, id: u32) -> Option<Twin> {
        self.tfgrid("Twins", &id)
    }

    pub fn contract(&self, id: u64) -> Option<Contract> {
        self.smart("Contracts", &id)
    }

    /// The value under a key as it was at the end of a block. None at all if the block is unknown or too long ago.
    pub fn read_at(&self, key: &[u8], block: u32) -> Option<Option<Vec<u8>>> {
        let sealed = self.blocks.get(&block)?;
        if !key.starts_with(&system_prefix()) && !key.starts_with(&timestamp_prefix()) {
            let recent = block + super::db::HISTORY > self.number;
            return recent.then(|| self.db.raw_at(key, block).map(<[u8]>::to_vec));
        }
        // What every block changes is kept with the block, not a thousand times over in the storage.
        let is = |pallet: &str, item: &str| key == plain(pallet, item);
        Some(if is("System", "Events") {
            Some(sealed.events.clone())
        } else if is("System", "EventCount") {
            Compact::<u32>::decode(&mut sealed.events.as_slice()).ok().map(|count| count.0.encode())
        } else if is("System", "Number") {
            Some(block.encode())
        } else if is("System", "ParentHash") {
            Some(sealed.header.parent.to_vec())
        } else if is("Timestamp", "Now") {
            Some(sealed.time_ms.encode())
        } else {
            self.db.raw_at(key, block).map(<[u8]>::to_vec)
        })
    }
}

fn system_prefix() -> [u8; 16] {
    crate::wire::tfchain::codec::twox_128(b"System")
}

fn timestamp_prefix() -> [u8; 16] {
    crate::wire::tfchain::codec::twox_128(b"Timestamp")
}

/// Weight, class (0 normal, 2 mandatory) and that a fee is paid.
pub fn dispatch_info(class: u8) -> impl Encode {
    (Compact(100_000_000u64), Compact(0u64), class, 0u8)
}
