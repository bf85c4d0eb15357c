//! How the grid is doing for us, and whether new orders can be taken on it.

use std::time::Duration;

use super::mail::standing::{self, Letters};
use super::{App, lock};
use crate::base::ids::OrderId;
use crate::base::money::{SCALE, Tft};
use crate::base::time::{DAY, HOUR, MINUTE};
use crate::base::{Error, Result, Time};
use crate::domain::backup::Backup;
use crate::domain::order::{Order, State};
use crate::domain::revision::Kind;
use crate::grid::{Block, ContractState, Footing, Wallet};
use crate::store::grid::Chain;
use crate::store::order::Orders;
use crate::store::schema::{ORPHANS, PAUSED, TWIN, USURPED};
use crate::store::{Read, Snapshot, Tx};

/// What somebody hears who wants to order and can't.
const CLOSED: &str =
    "New servers can't be ordered right now. Please try again later: nothing was charged, and what runs goes on.";
/// Contracts looked at in one round; the next round goes on behind them.
const LOOKED_AT: usize = 100;
/// The chain bills every hour; when it has left so many out, somebody should look.
const UNBILLED_AFTER: Duration = Duration::from_secs(4 * HOUR.as_secs());
/// That somebody else used the wallet is told for so long.
const TOLD_FOR: Duration = Duration::from_secs(7 * DAY.as_secs());
/// Once verified, this is seldom asked again.
const VERIFIED_FOR: Duration = HOUR;
/// A chain that can't be read for so long is away; shorter than that it may be the moment of a change.
const LOST_AFTER: Duration = Duration::from_secs(2 * MINUTE.as_secs());

/// What the chain last told, and whether it told anything at the last time of asking.
#[derive(Debug, Clone, Default)]
pub struct Heard {
    pub answers: bool,
    /// When no finalized block could be read, for the first and for the last time since one could.
    pub lost: Option<(Time, Time)>,
    pub head: Option<Block>,
    pub footing: Option<Footing>,
    pub wallet: Option<Wallet>,
    /// Whether nodes will take what we send, and when the identity service said so.
    pub verified: Option<(bool, Time)>,
    /// Contracts that run and were not billed for hours.
    pub unbilled: Vec<u64>,
}

/// Why no order is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// No finalized block can be read: nobody answers, or no two agree.
    Unreachable { since: Time },
    /// The newest finalized block is an old one: nothing that is signed would ever land.
    Standstill { since: Time },
    /// The chain's runtime lacks something we need.
    Runtime { version: u32, lacking: Vec<String> },
    /// There are no words for the wallet.
    WatchOnly,
    /// Too little is left in the wallet.
    Funds { free: Tft, reserve: Tft },
    /// Nodes would refuse what we send.
    Identity { twin: u32 },
    /// The list of nodes is so old that nothing can be sold by it.
    Index { since: Time },
}

impl Obstacle {
    /// One word, for programs.
    pub const fn word(&self) -> &'static str {
        match self {
            Obstacle::Unreachable { .. } => "unreachable",
            Obstacle::Standstill { .. } => "standstill",
            Obstacle::Runtime { .. } => "runtime",
            Obstacle::WatchOnly => "watch-only",
            Obstacle::Funds { .. } => "funds",
            Obstacle::Identity { .. } => "identity",
            Obstacle::Index { .. } => "index",
        }
    }

    /// For the operator.
    pub fn sentence(&self) -> String {
        match self {
            Obstacle::Unreachable { since } => format!(
                "No finalized block of the chain could be read since {since}: its nodes are away, or no two of them agree. No order is taken \
                 until they do; what runs goes on."
            ),
            Obstacle::Standstill { since } => format!(
                "The newest finalized block of the chain is of {since}. Either the chain stands still, or a node of it that is needed to \
                 agree does, or this machine's clock is ahead. Nothing that is signed would land, so no order is taken until it goes on."
            ),
            Obstacle::Runtime { version, lacking } => format!(
                "The chain runs version {version} of its runtime, which lacks what we need: {}. Nothing is signed and no order is taken \
                 until it has it again or a newer Cooperage knows this runtime; what runs goes on and is billed.",
                lacking.join(", ")
            ),
            Obstacle::WatchOnly => {
                "The wallet is only watched: its words are not set, so nothing can be signed and no order is taken.".into()
            }
            Obstacle::Funds { free, reserve } => format!(
                "{free} are free in the wallet, less than the reserve of {reserve} (grid.reserve_tft): no order is taken until it is topped up."
            ),
            Obstacle::Index { since } => format!(
                "The node index does not answer: what is known of nodes is of {}. No order is taken until it tells again (grid.index); what \
                 runs goes on.",
                since.minute()
            ),
            Obstacle::Identity { twin } => format!(
                "The identity service does not call our twin {twin} verified, so nodes refuse what we send: no order is taken until it does."
            ),
        }
    }
}

impl App {
    /// Everything that stands in the way of new orders; empty if nothing does.
    pub fn obstacles(&self) -> Result<Vec<Obstacle>> {
        let heard = self.heard();
        let reserve = Tft::from_units(i64::try_from(self.settings.grid.reserve_tft).unwrap_or(i64::MAX).saturating_mul(SCALE));
        let mut all = Vec::new();
        if let Some((since, _)) = heard.lost.filter(|(since, still)| still.since(*since) > LOST_AFTER) {
            all.push(Obstacle::Unreachable { since });
        }
        if let (Some(head), true) = (&heard.head, heard.footing.as_ref().is_some_and(|footing| footing.stands_still)) {
            all.push(Obstacle::Standstill { since: head.at });
        }
        if let Some(footing) = heard.footing.filter(|footing| !footing.lacking.is_empty()) {
            all.push(Obstacle::Runtime { version: footing.spec_version, lacking: footing.lacking });
        }
        if !self.grid.can_sign() {
            all.push(Obstacle::WatchOnly);
        }
        if let Some(wallet) = heard.wallet.filter(|wallet| wallet.free < reserve) {
            all.push(Obstacle::Funds { free: wallet.free, reserve });
        }
        if let Some(since) = self.census().too_old() {
            all.push(Obstacle::Index { since });
        }
        if let (Some((false, _)), Some(twin)) = (heard.verified, self.read()?.single(&TWIN)?) {
            all.push(Obstacle::Identity { twin });
        }
        Ok(all)
    }

    /// Refuses a new order before anybody pays for it, if it could not be carried out.
    pub fn open_for_orders(&self) -> Result<()> {
        match self.obstacles()?.is_empty() {
            true => Ok(()),
            false => Err(Error::unavailable(CLOSED)),
        }
    }

    /// What the operator should know of the grid although orders are taken.
    pub fn warnings(&self) -> Result<Vec<String>> {
        let (heard, snapshot, now) = (self.heard(), self.read()?, self.now());
        let mut all = Vec::new();
        let endpoints = self.grid.endpoints();
        let so = match endpoints.iter().filter(|endpoint| endpoint.wrong.is_none()).count() {
            ..2 => "Until two agree again nothing new is booked or signed.",
            _ => "It is left out.",
        };
        for endpoint in &endpoints {
            if let Some(wrong) = &endpoint.wrong {
                all.push(format!("The chain's node {} {wrong}. {so}", endpoint.url));
            }
        }
        if endpoints.len() == 1 {
            all.push(
                "Only one node of the chain is set (grid.chain): what it says of money can't be compared with another.".into(),
            );
        }
        let told = self.census();
        if let Some(since) = told.silent().filter(|_| told.too_old().is_none()) {
            all.push(format!(
                "The node index does not answer. What is known of nodes is of {}; when it is half an hour old, no order is taken any more.",
                since.minute()
            ));
        }
        if let Some((at, times)) = snapshot.single(&USURPED)?.filter(|(at, _)| now.since(*at) < TOLD_FOR) {
            all.push(format!(
                "The wallet was used by somebody else ({times} calls), last on {}: our calls were signed anew, nothing was done twice. \
                 If that was not you, move the tokens to a new wallet.",
                at.day()
            ));
        }
        let orphans = snapshot.single(&ORPHANS)?.unwrap_or_default();
        let orphans: Vec<_> = orphans.iter().filter(|(_, orphan)| orphan.is_one(now)).map(|(id, _)| id.to_string()).collect();
        if !orphans.is_empty() {
            all.push(format!(
                "Contracts of the wallet are on the grid that the books know nothing of, and are billed: {}. Those of orders that are over are \
                 cancelled by themselves; cancel the others if they are not yours to keep.",
                orphans.join(", ")
            ));
        }
        let paused = snapshot.single(&PAUSED)?.unwrap_or_default().len();
        if paused > 0 {
            all.push(format!(
                "Deployments are paused ({paused}) because the wallet could not pay for them. Top it up: after two weeks the grid deletes them."
            ));
        }
        if let Some(first) = heard.unbilled.first() {
            all.push(format!(
                "Contracts run and were not billed for hours ({}), number {first} among them. The grid may bill them late, or never.",
                heard.unbilled.len()
            ));
        }
        Ok(all)
    }

    /// Notes that somebody else used the account, for the operator to see.
    pub(super) async fn note_usurped(&self, nonce: u32) -> Result<()> {
        tracing::error!(nonce, "somebody else uses the wallet: a nonce of ours was taken");
        let now = self.now();
        self.store
            .write(move |tx| {
                let times = tx.single(&USURPED)?.map_or(0, |(_, times)| times);
                tx.set(&USURPED, &(now, times.saturating_add(1)))
            })
            .await
    }

    /// Asks the identity service about our twin, unless it was asked lately and said yes.
    pub async fn ask_identity(&self) -> Result<()> {
        let (Some(twin), now) = (self.read()?.single(&TWIN)?, self.now()) else { return Ok(()) };
        if matches!(self.heard().verified, Some((true, at)) if now.since(at) < VERIFIED_FOR) {
            return Ok(());
        }
        let verified = self.grid.is_verified(twin).await?;
        lock(&self.heard).verified = verified.map(|verified| (verified, now));
        Ok(())
    }

    /// Compares what we carry with what the chain has, some contracts at a time: one that was deleted under us ends its order,
    /// one that can't be paid is shown as paused, one that is not billed is noticed. Blocks tell the same; this finds what they missed.
    pub async fn reconcile_contracts(&self) -> Result<usize> {
        let head = self.grid.finalized().await?;
        let (snapshot, from) = (self.read()?, *lock(&self.looked_at));
        let orders = snapshot.orders_in(State::Active, from, LOOKED_AT)?;
        let mut unbilled = if from.is_none() { Vec::new() } else { self.heard().unbilled };
        let mut failed = None;
        for order in &orders {
            let Some(contract) = order.attempt().and_then(|attempt| attempt.contract) else { continue };
            if order.lost.is_some() {
                continue; // that one is known to be gone
            }
            match self.look_at_contract(&snapshot, order, contract, &head).await {
                Ok(late) => {
                    unbilled.retain(|known| *known != contract);
                    unbilled.extend(late.then_some(contract));
                }
                // One that can't be read hides none behind it.
                Err(error) => {
                    tracing::warn!(contract, ?error, "a contract can't be looked at");
                    failed.get_or_insert(error);
                }
            }
        }
        *lock(&self.looked_at) = orders.last().filter(|_| orders.len() == LOOKED_AT).map(|last| (last.created, last.id));
        lock(&self.heard).unbilled = unbilled;
        failed.map_or(Ok(orders.len()), Err)
    }

    /// Lets an order follow what became of its contract. Tells whether it runs and was not billed for hours.
    async fn look_at_contract(&self, snapshot: &Snapshot, order: &Order, contract: u64, head: &Block) -> Result<bool> {
        let state = self.grid.contract_state(contract, &head.hash).await?;
        let made = snapshot.contract(contract)?.map(|contract| contract.created);
        // A chain that lags does not know of it yet.
        if state == ContractState::Gone && made.is_none_or(|made| made > head.at) {
            return Ok(false);
        }
        let (id, letters, now, at) = (order.id, self.letters(), self.now(), head.at);
        let paused = order.paused.is_some();
        if state == ContractState::Gone || paused != (state == ContractState::Paused) {
            self.store
                .write(move |tx| match tx.order(id)? {
                    Some(order) => follow(tx, order, state, at, &letters, now),
                    None => Ok(()),
                })
                .await?;
            self.nudge();
        }
        let last = snapshot.last_bill_of(contract)?.map(|bill| bill.at).or(made);
        // Of one that is stopped little is left to bill, or nothing.
        let silent = last.is_some_and(|last| head.at.since(last) > UNBILLED_AFTER);
        let late = silent && order.stopped.is_none() && state == ContractState::Runs;
        if late {
            tracing::warn!(contract, "a contract runs and is not billed");
        }
        Ok(late)
    }
}

/// Lets an active order follow what became of its contract.
pub(super) fn follow(
    tx: &mut Tx<'_>,
    mut order: Order,
    state: ContractState,
    at: Time,
    letters: &Letters,
    now: Time,
) -> Result<()> {
    if order.state != State::Active {
        return Ok(());
    }
    let moves = order.revision.is_some_and(|open| open.kind == Kind::Move);
    match state {
        _ if order.lost.is_some() => Ok(()),
        // It is on its way elsewhere: should it not get there, this is seen again.
        ContractState::Gone if moves && order.wish.backup == Backup::Machine => Ok(()),
        ContractState::Gone => {
            tracing::warn!(order = %order.id, "the grid deleted a contract under a running order");
            list_paused(tx, order.id, false)?;
            // Hours after that moment were not used.
            let at = order.active_since.map_or(at, |since| at.max(since)).min(now);
            let at = order.paused.map_or(at, |since| at.min(since));
            if super::backup::carry_on(tx, &mut order, at, &*letters.random, now)? {
                return Ok(());
            }
            super::order::begin_end_at(tx, order, "The place that carried it has ended it.", letters, at, now)
        }
        ContractState::Paused if order.paused.is_none() => {
            tracing::error!(order = %order.id, "a contract can't be paid: its VM is paused");
            list_paused(tx, order.id, true)?;
            order.pause(at);
            letters.send(tx, order.user, now, |user| standing::paused(letters, user, &order, now))?;
            tx.put_order(&order)
        }
        ContractState::Runs if order.paused.is_some() => {
            list_paused(tx, order.id, false)?;
            order.resume(at);
            letters.send(tx, order.user, now, |user| standing::resumed(letters, user, &order, now))?;
            tx.put_order(&order)
        }
        ContractState::Paused | ContractState::Runs => Ok(()),
    }
}

/// Keeps the list of what is paused true.
pub(super) fn list_paused(tx: &mut Tx<'_>, order: OrderId, paused: bool) -> Result<()> {
    let mut all = tx.single(&PAUSED)?.unwrap_or_default();
    let changed = if paused { all.insert(order) } else { all.remove(&order) };
    if changed { tx.set(&PAUSED, &all) } else { Ok(()) }
}
