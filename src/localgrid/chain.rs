//! The pretended chain: accounts, twins, contracts, blocks and hourly billing, behind the real wire protocol.

mod billing;
mod db;
mod dispatch;
mod mischief;
mod record;
mod seed;
mod window;
mod world;

#[cfg(test)]
mod doubt;
#[cfg(test)]
mod foreign;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use self::mischief::Age;
pub use self::mischief::Faults;
use self::record::{Contract, Kind, State, UsedResources};
pub use self::seed::{FOUNDATION, STAKING_POOL};
pub use self::window::Window;
pub use self::world::Reward;
use self::world::{BLOCK_MS, Failure, World, dispatch_info};
use super::genesis::{self, Genesis};
use super::{BillView, ChainView, ContractStateView, ContractView, TwinView};
use crate::base::Clock;
use crate::base::money::Tft;
use crate::wire::key::AccountId;
use crate::wire::tfchain::codec::blake2_256;
use crate::wire::tfchain::extrinsic::{Opened, Terms};
use crate::wire::tfchain::server::{self, ChainBackend, Header, Heads, Mood, Refusal, Submission, UnknownBlock};
use crate::wire::tfchain::{Balances, Call, Hash};

/// How often the chain looks at its clock.
const TICK: Duration = Duration::from_millis(100);
/// Extrinsics that may wait for their nonce.
const MAX_POOL: usize = 1024;
const BASE_FEE: u128 = 10_000;
const BYTE_FEE: u128 = 100;

pub struct Chain {
    world: Mutex<World>,
    clock: Arc<dyn Clock>,
    heads: watch::Sender<Heads>,
    changes: watch::Sender<u64>,
    cut: watch::Sender<u64>,
    pub faults: Faults,
    finality_delay: Duration,
    /// Blocks that wait for their finality delay.
    waiting: Mutex<VecDeque<(u32, Instant)>>,
    /// The runtimes so far, oldest first.
    ages: Mutex<Vec<Age>>,
    /// Extrinsics that were taken and are held back.
    held: Mutex<Vec<Vec<u8>>>,
    tasks: Mutex<Vec<AbortHandle>>,
}

/// A signed extrinsic that may go into the next block.
struct Ready {
    opened: Opened,
    call: Option<Call>,
    fee: u128,
    bytes: Vec<u8>,
}

enum Checked {
    Ready(Box<Ready>),
    /// Its nonce is not due yet.
    Future(AccountId, u32),
}

impl Chain {
    /// A chain that begins now, without a server: tests talk to it in process.
    pub fn new(genesis: &Genesis, clock: Arc<dyn Clock>, finality_delay: Duration) -> std::io::Result<Arc<Self>> {
        let world = seed::world(genesis, clock.now()).map_err(std::io::Error::other)?;
        let version = world.codec.constant("System", "Version").unwrap_or_default().to_vec();
        Ok(Arc::new(Chain {
            world: Mutex::new(world),
            clock,
            heads: watch::Sender::new(Heads { best: 0, finalized: 0 }),
            changes: watch::Sender::new(0),
            cut: watch::Sender::new(0),
            faults: Faults::default(),
            finality_delay,
            waiting: Mutex::default(),
            ages: Mutex::new(vec![Age::first(&version)]),
            held: Mutex::default(),
            tasks: Mutex::default(),
        }))
    }

    /// Starts a chain and its server on `listen`, port 0 for any. Tells the address to give to clients.
    pub async fn start(
        genesis: &Genesis,
        clock: Arc<dyn Clock>,
        listen: SocketAddr,
        finality_delay: Duration,
    ) -> std::io::Result<(Arc<Self>, String)> {
        let chain = Self::new(genesis, clock, finality_delay)?;
        let listener = TcpListener::bind(listen).await?;
        let url = format!("ws://{}", listener.local_addr()?);
        let tasks = [
            tokio::spawn(server::serve(chain.clone(), listener)).abort_handle(),
            tokio::spawn(run(Arc::downgrade(&chain))).abort_handle(),
        ];
        chain.tasks.lock().unwrap_or_else(PoisonError::into_inner).extend(tasks);
        Ok((chain, url))
    }

    /// Stops server and clock; connections end with it.
    pub fn stop(&self) {
        self.disconnect_all();
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).drain(..).for_each(|task| task.abort());
    }

    /// Makes the blocks that are due by the clock. After a leap that is all of them, six seconds apart.
    pub fn tick(&self) {
        self.release_held();
        loop {
            // An hour at a time, so that nobody waits long for an answer while a month goes by.
            let mut world = self.world();
            let behind = self.build_until_now(&mut world, billing::FREQUENCY);
            self.publish(&world);
            if !behind {
                return;
            }
        }
    }

    pub fn disconnect_all(&self) {
        self.cut.send_modify(|count| *count += 1);
    }

    /// Gives an account new tokens, in a block of its own.
    pub fn fund(&self, account: &AccountId, amount: Tft) {
        let amount = u128::try_from(amount.units()).unwrap_or(0);
        self.change(|world| world.mint(account, amount));
    }

    /// Takes tokens away from an account, as its owner would by hand, as far as they can be spent.
    pub fn withdraw(&self, account: &AccountId, amount: Tft) {
        self.change(|world| {
            let amount = u128::try_from(amount.units()).unwrap_or(0).min(world.usable(account));
            if let Err(failure) = world.transfer(account, &FOUNDATION, amount, true) {
                tracing::error!(?failure, "tokens of the pretended chain can't be taken away");
            }
        });
    }

    /// Thousandths of a US dollar for one TFT.
    pub fn set_price(&self, musd: u32) {
        self.change(|world| {
            seed::set_price(world, musd);
            world.emit("TFTPriceModule", "PriceStored", &musd);
            world.emit("TFTPriceModule", "AveragePriceStored", &musd);
        });
    }

    /// A farmer takes a node out of billing, or back into it.
    pub fn set_opted_out(&self, node: u32, out: bool) {
        self.change(|world| match out {
            true => {
                let now = world.seconds();
                world.put_tfgrid("NodeV3BillingOptOut", &node, &now);
            }
            false => world.remove_tfgrid("NodeV3BillingOptOut", &node),
        });
    }

    pub fn balances(&self, account: &AccountId) -> Balances {
        let account = self.world().account(account);
        Balances { nonce: account.nonce, free: account.free, reserved: account.reserved, frozen: account.frozen }
    }

    /// The newest block that will never be undone.
    pub fn finalized(&self) -> u32 {
        self.heads.borrow().finalized
    }

    /// All payouts so far, oldest first.
    pub fn rewards(&self) -> Vec<Reward> {
        self.world().rewards.clone()
    }

    /// Everything that billing ever paid to a farmer's twin, in units.
    pub fn paid_to_farmer(&self, twin: u32) -> u128 {
        self.world().rewards.iter().filter(|reward| reward.farmer_twin == Some(twin)).map(|reward| reward.farmer).sum()
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something that no extrinsic did, in a block of its own.
    fn change(&self, act: impl FnOnce(&mut World)) {
        let mut world = self.world();
        self.catch_up(&mut world);
        world.begin(self.now_ms());
        billing::bill_due(&mut world);
        act(&mut world);
        world.seal(vec![]);
        self.publish(&world);
    }

    /// Something of the runtime at a block; of the newest without one.
    fn age(&self, at: Option<Hash>, what: impl Fn(&Age) -> Arc<Vec<u8>>) -> Arc<Vec<u8>> {
        let number = at.and_then(|at| self.world().numbers.get(&at).copied());
        let ages = self.ages.lock().unwrap_or_else(PoisonError::into_inner);
        ages.iter().rev().find(|age| number.is_none_or(|number| age.from <= number)).map(what).unwrap_or_default()
    }

    /// What was stored under a key at the end of a block, whatever this node still has of it.
    fn stored(&self, key: &[u8], at: Option<Hash>) -> Result<Option<Vec<u8>>, UnknownBlock> {
        let world = self.world();
        let number = at.map_or(Some(world.number), |at| world.numbers.get(&at).copied()).ok_or(UnknownBlock)?;
        world.read_at(key, number).ok_or(UnknownBlock)
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.clock.now().ms()).unwrap_or(0)
    }

    fn catch_up(&self, world: &mut World) {
        self.build_until_now(world, u64::MAX);
    }

    /// Makes at most `count` of the blocks that are due. Tells whether there are more.
    fn build_until_now(&self, world: &mut World, count: u64) -> bool {
        let now = self.now_ms();
        for _ in 0..count {
            if world.time_ms + BLOCK_MS > now {
                return false;
            }
            world.begin(world.time_ms + BLOCK_MS);
            billing::bill_due(world);
            world.seal(vec![]);
        }
        true
    }

    /// Tells everybody who waits about new blocks and changed contracts.
    fn publish(&self, world: &World) {
        let best = world.number;
        let mut heads = *self.heads.borrow();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if heads.best != best {
            waiting.push_back((best, Instant::now() + self.finality_delay));
        }
        heads.best = best;
        if !self.faults.stall_finality.load(Ordering::SeqCst) {
            while waiting.front().is_some_and(|(_, due)| *due <= Instant::now()) {
                if let Some((number, _)) = waiting.pop_front() {
                    heads.finalized = number;
                }
            }
        }
        self.heads.send_if_modified(|told| std::mem::replace(told, heads) != heads);
        self.changes.send_if_modified(|told| std::mem::replace(told, world.changes) != world.changes);
    }

    fn check(world: &World, bytes: &[u8]) -> Result<Checked, Refusal> {
        let opened = world.codec.open(bytes).map_err(|_| Refusal::Malformed)?;
        let call = world.codec.decode_call(&opened.call).map_err(|_| Refusal::Malformed)?;
        let birth = opened.era.birth(u64::from(world.number) + 1);
        let birth = u32::try_from(birth).ok().and_then(|birth| world.blocks.get(&birth));
        let birth_hash = birth.ok_or(Refusal::AncientBirthBlock)?.hash;
        let terms = Terms { era: opened.era, nonce: opened.nonce, tip: opened.tip, birth_hash };
        let payload = world.codec.payload(&world.runtime, &opened.call, &terms).map_err(|_| Refusal::Malformed)?;
        // Another chain, runtime or era's birth than was signed shows here as well.
        if !opened.verify(&payload) {
            return Err(Refusal::BadProof);
        }
        let account = world.account(&opened.signer);
        if opened.nonce < account.nonce {
            return Err(Refusal::Stale);
        }
        let fee = fee(bytes.len()).saturating_add(opened.tip);
        if world.usable(&opened.signer) < fee {
            return Err(Refusal::Payment);
        }
        if opened.nonce > account.nonce {
            return Ok(Checked::Future(opened.signer, opened.nonce));
        }
        Ok(Checked::Ready(Box::new(Ready { opened, call, fee, bytes: bytes.to_vec() })))
    }

    /// Seals a block with one extrinsic, now.
    fn include(&self, world: &mut World, ready: Ready) {
        world.begin(self.now_ms());
        billing::bill_due(world);
        world.enter(Some(1));
        world.charge(&ready.opened.signer, ready.fee);
        let mark = world.mark();
        let refused = self.faults.refuse_contracts.load(Ordering::SeqCst);
        let outcome = match &ready.call {
            Some(Call::CreateNodeContract { .. }) if refused => Err(Failure::Smart("NodeNotAvailableToDeploy")),
            Some(call) => dispatch::dispatch(world, &ready.opened.signer, call),
            None => Err(Failure::Other),
        };
        if outcome.is_err() {
            world.roll_back(&mark);
        }
        world.emit("TransactionPayment", "TransactionFeePaid", &(ready.opened.signer, ready.fee, ready.opened.tip));
        match outcome {
            Ok(()) => world.emit("System", "ExtrinsicSuccess", &dispatch_info(0)),
            Err(failure) => {
                let error = dispatch::Verbatim(world.encoded(failure));
                world.emit("System", "ExtrinsicFailed", &(error, dispatch_info(0)));
            }
        }
        world.seal(vec![ready.bytes]);
    }
}

impl Drop for Chain {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Lets time pass until the chain is gone.
async fn run(chain: Weak<Chain>) {
    let mut interval = tokio::time::interval(TICK);
    loop {
        interval.tick().await;
        let Some(chain) = chain.upgrade() else { return };
        // Many blocks at once take a while: not on a thread that others wait for.
        if tokio::task::spawn_blocking(move || chain.tick()).await.is_err() {
            tracing::error!("the pretended chain stands still");
            return;
        }
    }
}

fn fee(length: usize) -> u128 {
    BASE_FEE + BYTE_FEE * length as u128
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn view(contract: &Contract, created: i64) -> ContractView {
    let state = match contract.state {
        State::Created => ContractStateView::Created,
        State::GracePeriod(_) => ContractStateView::GracePeriod,
        State::Deleted(_) => ContractStateView::Deleted,
    };
    let mut view = ContractView {
        id: contract.id,
        twin: contract.twin,
        state,
        node: contract.kind.node(),
        deployment_hash: None,
        deployment_data: String::new(),
        public_ips: 0,
        ips: vec![],
        name: None,
        created,
    };
    if let Kind::Name { name } = &contract.kind {
        view.name = Some(text(name));
    }
    if let Kind::Node { hash, data, public_ips, ips, .. } = &contract.kind {
        view.deployment_hash = Some(text(hash));
        view.deployment_data = text(data);
        view.public_ips = *public_ips;
        view.ips = ips.iter().map(|ip| text(&ip.ip)).collect();
    }
    view
}

impl ChainView for Chain {
    fn twin(&self, id: u32) -> Option<TwinView> {
        let twin = self.world().twin(id)?;
        Some(TwinView { id, account: twin.account, relay: twin.relay.as_deref().map(text), pk: twin.pk })
    }

    fn twins(&self) -> Vec<TwinView> {
        let last = self.world().db.get::<u32>(&db::plain("TfgridModule", "TwinID")).unwrap_or_default();
        (1..=last).filter_map(|id| self.twin(id)).collect()
    }

    fn contract(&self, id: u64) -> Option<ContractView> {
        let world = self.world();
        let created = world.born.get(&id).copied()?;
        world.contract(id).map(|contract| view(&contract, created)).or_else(|| world.gone.get(&id).cloned())
    }

    fn contracts(&self) -> Vec<ContractView> {
        let ids: Vec<u64> = self.world().born.keys().copied().collect();
        ids.into_iter().filter_map(|id| ChainView::contract(self, id)).collect()
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn bills(&self, contract: u64) -> Vec<BillView> {
        self.world().bills.iter().filter(|bill| bill.contract == contract).copied().collect()
    }

    fn report_resources(&self, contract: u64, used: genesis::Resources) {
        self.change(|world| {
            if world.contract(contract).is_none() {
                return;
            }
            let used = record::Resources { hru: used.hru, sru: used.sru, cru: used.cru, mru: used.mru };
            let report = UsedResources { contract, used };
            world.put_smart("NodeContractResources", &contract, &report);
            world.emit("SmartContractModule", "UpdatedUsedResources", &report);
        });
    }
}

impl ChainBackend for Chain {
    fn metadata(&self, at: Option<Hash>) -> Arc<Vec<u8>> {
        self.age(at, |age| age.metadata.clone())
    }

    fn version(&self, at: Option<Hash>) -> Arc<Vec<u8>> {
        self.age(at, |age| age.version.clone())
    }

    fn heads(&self) -> watch::Receiver<Heads> {
        self.heads.subscribe()
    }

    fn hash_of(&self, number: u32) -> Option<Hash> {
        self.world().blocks.get(&number).map(|block| block.hash)
    }

    fn block(&self, hash: &Hash) -> Option<(Header, Vec<Vec<u8>>)> {
        let world = self.world();
        let block = world.blocks.get(world.numbers.get(hash)?)?;
        Some((block.header.clone(), block.extrinsics.clone()))
    }

    fn storage(&self, key: &[u8], at: Option<Hash>) -> Result<Option<Vec<u8>>, UnknownBlock> {
        let keeps = self.faults.keeps_blocks.load(Ordering::SeqCst);
        let (newest, number) = {
            let world = self.world();
            (world.number, at.and_then(|at| world.numbers.get(&at).copied()))
        };
        if keeps > 0 && number.is_some_and(|number| number + keeps < newest) {
            return Err(UnknownBlock);
        }
        self.stored(key, at)
    }

    fn keys(&self, prefix: &[u8], after: Option<&[u8]>, count: usize, at: Option<Hash>) -> Result<Vec<Vec<u8>>, UnknownBlock> {
        let world = self.world();
        let number = at.map_or(Some(world.number), |at| world.numbers.get(&at).copied()).ok_or(UnknownBlock)?;
        Ok(world.db.keys(prefix, after, count, number))
    }

    fn next_nonce(&self, account: &AccountId) -> u32 {
        let world = self.world();
        let mut nonce = world.account(account).nonce;
        while world.pool.contains_key(&(*account, nonce)) {
            nonce += 1;
        }
        nonce
    }

    fn submit(&self, extrinsic: &[u8]) -> Result<Submission, Refusal> {
        if self.faults.reject_submits.load(Ordering::SeqCst) {
            return Err(Refusal::Closed);
        }
        if self.faults.pool_full.load(Ordering::SeqCst) {
            return Err(Refusal::PoolFull);
        }
        let one_less = |left: u32| left.checked_sub(1);
        if self.faults.refuse_next.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_ok() {
            return Err(Refusal::Closed);
        }
        let hash = blake2_256(extrinsic);
        if self.faults.drop_extrinsics.load(Ordering::SeqCst) {
            return Ok(Submission::Accepted(hash));
        }
        if self.faults.hold_extrinsics.load(Ordering::SeqCst) {
            let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
            if !held.iter().any(|known| known == extrinsic) {
                held.push(extrinsic.to_vec());
            }
            return Ok(Submission::Accepted(hash));
        }
        let mut world = self.world();
        self.catch_up(&mut world);
        if world.included.contains_key(&hash) {
            return Err(Refusal::Banned);
        }
        match Self::check(&world, extrinsic)? {
            Checked::Future(signer, nonce) => {
                if world.pool.get(&(signer, nonce)).is_some_and(|known| known == extrinsic) {
                    return Err(Refusal::AlreadyImported);
                }
                if world.pool.len() >= MAX_POOL {
                    return Err(Refusal::PoolFull);
                }
                world.pool.insert((signer, nonce), extrinsic.to_vec());
            }
            Checked::Ready(ready) => {
                let signer = ready.opened.signer;
                self.include(&mut world, *ready);
                // Whatever waited for this nonce is due now; what waited for an older one never will be.
                loop {
                    let nonce = world.account(&signer).nonce;
                    world.pool.retain(|(who, theirs), _| *who != signer || *theirs >= nonce);
                    let Some(bytes) = world.pool.remove(&(signer, nonce)) else { break };
                    let Ok(Checked::Ready(next)) = Self::check(&world, &bytes) else { break };
                    self.include(&mut world, *next);
                }
            }
        }
        self.publish(&world);
        if self.faults.hang_up_on_submit.load(Ordering::SeqCst) {
            self.disconnect_all();
            return Ok(Submission::Silent);
        }
        match self.faults.swallow_submit_reply.load(Ordering::SeqCst) {
            true => Ok(Submission::Silent),
            false => Ok(Submission::Accepted(hash)),
        }
    }

    fn locate(&self, extrinsic: &Hash) -> Option<u32> {
        self.world().included.get(extrinsic).copied()
    }

    fn fee(&self, length: usize) -> u128 {
        fee(length)
    }

    fn cut(&self) -> watch::Receiver<u64> {
        self.cut.subscribe()
    }
    fn mood(&self) -> Mood {
        self.faults.mood()
    }
}
