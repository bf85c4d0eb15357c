//! A lease: one contract on the grid, and what stands under it. The steps are the same whatever an order puts there; the row
//! that knows how far it is belongs to whoever leases, who stores what is learned here before the next step.
//!
//! Every question about a contract is asked at a finalized block at or behind the one that made it: a node of the chain that
//! lags would call it gone.

use std::time::Duration;

use super::App;
use super::signer::Overdue;
use crate::base::time::MINUTE;
use crate::base::{Error, Kind as ErrorKind, Result, Time};
use crate::domain::bill::Contract;
use crate::domain::job::Next;
use crate::domain::order::{Attempt, DEPLOY_PATIENCE};
use crate::domain::signer::{CallState, Purpose, SignedCall};
use crate::domain::slot::Slot;
use crate::grid::{Block, Call, ContractState, Deployed, Fate, Progress};
use crate::store::grid::Chain;
use crate::store::schema::BILLED_TO;
use crate::store::{Read, Tx};

/// How soon to look again while something outside is under way.
const SOON: Duration = Duration::from_millis(200);
/// How soon to look again at something that takes its time.
const LATER: Duration = Duration::from_secs(3);
/// How soon to try again, at the latest, what was refused and cost something.
const SELDOM: Duration = Duration::from_secs(10 * MINUTE.as_secs());
/// So long a contract is tried to be made.
const SIGN_PATIENCE: Duration = Duration::from_secs(30 * MINUTE.as_secs());
/// How the chain says that a contract which is to be cancelled is gone.
const GONE_ALREADY: &str = "SmartContractModule.ContractNotExists";

/// Said of a node whose patience is over.
pub(super) const LATE: &str = "did not get it done in time";

/// How far the contract of an attempt is.
pub(super) enum Signed {
    Waits(Next),
    /// It is there; `block` is the finalized one that made it.
    Made {
        contract: u64,
        block: u32,
    },
    /// This node can't be had, or the chain refuses: said of the node's farm.
    Refused(&'static str),
    /// The chain did not take it for so long that it is not wanted any more: a sentence.
    TooLate(&'static str),
}

/// How far a node is with what was leased for.
pub(super) enum Built {
    Waits(Next),
    /// It was handed over just now: from here on the node's patience counts.
    Sent,
    Up(Deployed),
    /// Said of the node's farm.
    Failed(&'static str),
}

impl App {
    pub(super) fn soon(&self) -> Next {
        Next::Again(self.now() + SOON)
    }

    pub(super) fn later(&self) -> Next {
        Next::Again(self.now() + LATER)
    }

    /// Waits for the chain: until its next finalized block is heard of, or for a while.
    pub(super) async fn at_next_block(&self) -> Next {
        let _either = tokio::time::timeout(LATER, self.next_head()).await;
        Next::Again(self.now())
    }

    /// The longer something takes, the less often it is looked at.
    pub(super) fn by_and_by(&self, since: Time) -> Next {
        let now = self.now();
        Next::Again(now + (now.since(since) / 4).clamp(SOON, 3 * LATER))
    }

    /// The same for what costs something each time.
    pub(super) fn seldom(&self, since: Time) -> Next {
        let now = self.now();
        Next::Again(now + (now.since(since) / 4).clamp(LATER, SELDOM))
    }

    /// Makes the contract of an attempt, for so many public IPv4 addresses.
    pub(super) async fn sign_lease(&self, slot: Slot, attempt: &Attempt, public_ips: u32) -> Result<Signed> {
        let purpose = Purpose::CreateContract(slot);
        let overdue = match self.now().since(attempt.started) > SIGN_PATIENCE {
            true => Overdue::LetGo,
            false => Overdue::SignAnew,
        };
        let known = self.read()?.call(&purpose)?;
        if overdue == Overdue::LetGo && known.as_ref().is_none_or(|known| known.state == CallState::Expired) {
            return Ok(Signed::TooLate("The grid could not be reached for half an hour."));
        }
        if known.is_none() {
            // The list is minutes old, and what is signed costs money: the chain itself is asked before.
            let standing = self.grid.standing(attempt.node()).await?;
            if let Some(why) = standing.refusal(self.twin()?) {
                tracing::info!(%slot, node = attempt.node(), why, "a node can't be had any more");
                return Ok(Signed::Refused(why));
            }
        }
        match self.drive_call(purpose, self.grid.contract_call(slot.order, attempt, public_ips), overdue).await? {
            Fate::Pending => Ok(Signed::Waits(self.at_next_block().await)),
            Fate::Expired | Fate::Usurped => Ok(Signed::TooLate("The grid did not take the order for half an hour.")),
            Fate::Landed { block } => {
                let head = self.grid.finalized().await?;
                match self.found(attempt, &head).await? {
                    Some(contract) => Ok(Signed::Made { contract, block }),
                    // A node of the chain that lags does not know it yet; one that does not says that it is gone again.
                    None if head.number < block || self.now().since(attempt.started) < DEPLOY_PATIENCE => {
                        Ok(Signed::Waits(self.at_next_block().await))
                    }
                    None => Ok(Signed::Refused("let go of the order again")),
                }
            }
            Fate::Refused(reason) => {
                // It may be there already: made before a backup from which these books were restored, say.
                let head = self.grid.finalized().await?;
                if let Some(contract) = self.found(attempt, &head).await? {
                    tracing::warn!(%slot, contract, %reason, "a contract of ours that we did not know of is taken up");
                    return Ok(Signed::Made { contract, block: self.grid.born(contract, &head).await? });
                }
                tracing::warn!(%slot, node = attempt.node(), %reason, "the chain refused a contract");
                Ok(Signed::Refused("did not take the order"))
            }
        }
    }

    async fn found(&self, attempt: &Attempt, at: &Block) -> Result<Option<u64>> {
        self.grid.contract_of(attempt.node(), &attempt.hash, self.twin()?, &at.hash).await
    }

    /// Hands an attempt's deployment to its node, or asks how far it is. `what` is being built, in the middle of a sentence.
    pub(super) async fn build_lease(&self, slot: Slot, attempt: &Attempt) -> Result<Built> {
        let contract = attempt.contract.ok_or_else(|| Error::internal("A deployment without a contract."))?;
        let (node, twin) = (attempt.node(), attempt.choice.best.twin);
        let now = self.now();
        let Some(sent) = attempt.sent else {
            return match self.grid.deploy(twin, contract, &attempt.deployment).await {
                Ok(()) => Ok(Built::Sent),
                // The answer is lost, not the request: the next look tells.
                Err(error) if error.kind() == ErrorKind::Unavailable => {
                    tracing::info!(%slot, node, %error, "no answer to a deployment");
                    Ok(Built::Sent)
                }
                Err(error) => {
                    tracing::warn!(%slot, node, %error, "a node refused a deployment");
                    Ok(Built::Failed("refused it"))
                }
            };
        };
        // The bank or the chain may have taken long; that is not the node's fault.
        let overdue = now.since(sent) > DEPLOY_PATIENCE;
        match self.grid.progress(twin, contract, &attempt.deployment).await {
            Ok(Progress::Ready(deployed)) => Ok(Built::Up(deployed)),
            Ok(Progress::Failed(why)) => {
                tracing::warn!(%slot, node, %why, "a deployment failed");
                Ok(Built::Failed("could not start it"))
            }
            Ok(Progress::Paused) => Ok(Built::Failed("paused it")),
            Ok(Progress::Working { .. }) if !overdue => Ok(Built::Waits(self.by_and_by(sent))),
            // The request may have been lost: the same deployment again is the same deployment.
            Ok(Progress::Unknown) if !overdue => match self.grid.deploy(twin, contract, &attempt.deployment).await {
                Err(error) if error.kind() != ErrorKind::Unavailable => {
                    tracing::warn!(%slot, node, %error, "a node refused a deployment");
                    Ok(Built::Failed("refused it"))
                }
                _ => Ok(Built::Waits(self.later())),
            },
            Err(error) if !overdue => {
                tracing::info!(%slot, node, %error, "a node does not answer");
                Ok(Built::Waits(self.later()))
            }
            Ok(_) | Err(_) => Ok(Built::Failed(LATE)),
        }
    }

    /// Cancels the contract of an attempt, whether or not we know its number. True when it is gone for good, or never was.
    /// `keep` stores a number that only the chain knew.
    pub(super) async fn clear_lease<F>(&self, slot: Slot, attempt: &Attempt, public_ips: u32, keep: F) -> Result<bool>
    where
        F: FnOnce(&mut Tx<'_>, u64) -> Result<()> + Send + 'static,
    {
        if attempt.cleared {
            return Ok(true);
        }
        let creation = Purpose::CreateContract(slot);
        let made = match (self.read()?.call(&creation)?, attempt.contract) {
            (None, None) => return Ok(true), // never signed
            (Some(SignedCall { state: CallState::Landed { block }, .. }), _) => Some(block),
            (_, Some(_)) => None,
            (Some(_), None) => {
                let call = self.grid.contract_call(slot.order, attempt, public_ips);
                match self.drive_call(creation, call, Overdue::LetGo).await? {
                    Fate::Pending => return Ok(false),
                    Fate::Landed { block } => Some(block),
                    // This call made nothing. One that we do not know of may have: what there is, is looked up.
                    Fate::Refused(_) | Fate::Expired | Fate::Usurped => None,
                }
            }
        };
        let head = self.grid.finalized().await?;
        if made.is_some_and(|made| head.number < made) {
            return Ok(false);
        }
        let contract = match attempt.contract {
            Some(contract) => contract,
            None => match self.found(attempt, &head).await? {
                None => return Ok(true), // never made, or gone again
                Some(contract) => {
                    let made = match made {
                        Some(made) => made,
                        None => self.grid.born(contract, &head).await?,
                    };
                    let (row, now) = (attempt.clone(), self.now());
                    self.store
                        .write(move |tx| {
                            know(tx, slot, &row, contract, made, now)?;
                            keep(tx, contract)
                        })
                        .await?;
                    contract
                }
            },
        };
        self.cancel_contract(slot, contract, &head).await
    }

    /// Cancels a contract. True when it is gone; `head` is a finalized block in which it was, or is gone.
    pub(super) async fn cancel_contract(&self, slot: Slot, contract: u64, head: &Block) -> Result<bool> {
        let purpose = Purpose::CancelContract(slot);
        // A call of ours on its way is asked about even if the contract is gone: it holds a nonce, and its block has the last
        // bill in it.
        let asked = self.read()?.call(&purpose)?.is_some();
        if !asked && self.is_gone(contract, head).await? {
            return Ok(true);
        }
        match self.drive_call(purpose, Call::CancelContract { contract }, Overdue::SignAnew).await? {
            Fate::Pending | Fate::Expired | Fate::Usurped => Ok(false),
            Fate::Landed { block } => {
                let head = self.grid.finalized().await?;
                // What the call did can't be read from a block that the chain has forgotten: what there is can.
                match self.is_gone(contract, &head).await? {
                    true => Ok(true),
                    false if head.number < block => Ok(false),
                    false => {
                        self.forget_call(purpose).await?;
                        Err(Error::unavailable("A contract was cancelled and is still there."))
                    }
                }
            }
            // "It is gone already" is a success.
            Fate::Refused(reason) if reason == GONE_ALREADY => Ok(true),
            // The reason may pass, so the next try is a new call; if it does not, a person must look.
            Fate::Refused(reason) => {
                if self.is_gone(contract, &self.grid.finalized().await?).await? {
                    return Ok(true);
                }
                self.forget_call(purpose).await?;
                Err(Error::internal("The chain refuses to cancel a contract.").because(reason))
            }
        }
    }

    async fn is_gone(&self, contract: u64, at: &Block) -> Result<bool> {
        Ok(self.grid.contract_state(contract, &at.hash).await? == ContractState::Gone)
    }

    /// Whether the blocks have been read in which these slots' contracts were cancelled: each billed once more there.
    pub(super) fn last_bills_are_read(&self, mut slots: impl Iterator<Item = Slot>) -> Result<bool> {
        let snapshot = self.read()?;
        let read_to = snapshot.single(&BILLED_TO)?.unwrap_or(0);
        slots.try_fold(true, |read, slot| {
            let call = snapshot.call(&Purpose::CancelContract(slot))?;
            Ok(read && !matches!(call, Some(SignedCall { state: CallState::Landed { block }, .. }) if read_to < block))
        })
    }
}

/// From now on the contract's bills are ours; those that were read before are read again.
pub(super) fn know(tx: &mut Tx<'_>, slot: Slot, attempt: &Attempt, contract: u64, block: u32, now: Time) -> Result<()> {
    let best = &attempt.choice.best;
    let (node, farm, owner) = (best.node, best.farm, best.owner);
    tx.put_contract(&Contract { id: contract, slot, node, farm, owner, created: now })?;
    super::bill::read_again_from(tx, block)
}
