//! Setting a server up under its owner's twin, from a handover, and giving it back one day.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::notes::{Notes, Standing};
use super::patience::Patience;
use super::{Gone, Server, Words, key};
use crate::app::order::new_attempt;
use crate::base::{Clock, Error, Kind, Result};
use crate::cli::wallet::read_words;
use crate::domain::handover::{FORMAT, Handover};
use crate::domain::order::{Access, Attempt, DEPLOY_PATIENCE};
use crate::grid::{Call, Config, ContractState, Deployed, Fate, Grid, Progress, Signed};
use crate::host::{HostClock, HostRandom};

/// Between two questions about something that is under way.
const STEP: Duration = Duration::from_secs(1);
/// How long a node may take to answer.
const ANSWER: Duration = Duration::from_secs(20);

/// One server on its way to its owner.
pub(super) struct Taking {
    handover: Handover,
    grid: Grid,
    clock: Arc<dyn Clock>,
    notes: Notes,
}

/// How a node came out.
enum Built {
    Ready(Access),
    /// It can't, for good, and it never could.
    Never(Error),
}

/// What follows from what a node says of a server.
enum Next {
    Ready(Deployed),
    /// It has not taken it yet.
    Deploy,
    /// With what it said, if that was no answer.
    Wait(Option<Error>),
    /// It holds back what is not paid.
    Paused,
    Never(Error),
    /// Something is wrong with what was ready once.
    Wrong(Error),
}

impl Next {
    fn of(said: Result<Progress>, ready: bool) -> Next {
        match said {
            Ok(Progress::Ready(deployed)) => Next::Ready(deployed),
            Ok(Progress::Unknown) => Next::Deploy,
            Ok(Progress::Working { .. }) => Next::Wait(None),
            Ok(Progress::Paused) => Next::Paused,
            Ok(Progress::Failed(why)) => Next::bad(Error::conflict(format!("The node says: {why}")), ready),
            Err(error) => Next::Wait(Some(error)),
        }
    }

    /// Only what never was ready is given up: on the other there may be something of its owner's.
    fn bad(why: Error, ready: bool) -> Next {
        if ready { Next::Wrong(why) } else { Next::Never(why) }
    }
}

impl Taking {
    pub(super) async fn begin(file: &Path, words: Words) -> Result<Taking> {
        let wrong = |cause: String| Error::new(Kind::Invalid, format!("{} is no handover.", file.display())).because(cause);
        let text = fs::read_to_string(file).map_err(|cause| wrong(cause.to_string()))?;
        let handover: Handover = serde_json::from_str(&text).map_err(|cause| wrong(cause.to_string()))?;
        if handover.format != FORMAT {
            return Err(wrong(format!("its format is {:?}, and this program reads {FORMAT:?}", handover.format)));
        }
        let words = read_words(words.words_file)?;
        key(&words)?;
        let clock: Arc<dyn Clock> = HostClock::new();
        let grid = Grid::new(Config {
            chain: handover.chain.clone(),
            genesis: Some(handover.genesis.clone()),
            relay: handover.relay.clone(),
            index: handover.index.clone(),
            identity: handover.identity.clone(),
            stores: String::new(),
            mnemonic: words,
            watch: String::new(),
            answer: ANSWER,
            clock: clock.clone(),
            random: Arc::new(HostRandom),
        })?;
        let notes = Notes::beside(file);
        notes.read(&handover, &grid.address())?;
        if grid.genesis().await?.is_none() {
            return Err(wrong("the chain that it names is another one now".into()));
        }
        Ok(Taking { handover, grid, clock, notes })
    }

    fn standing(&self) -> Result<Option<Standing>> {
        self.notes.read(&self.handover, &self.grid.address())
    }

    pub(super) async fn take(&self) -> Result<Server> {
        let twin = self.twin().await?;
        let mut standing = match self.standing()? {
            Some(standing) => standing,
            None => {
                self.verified(twin).await?;
                let plan =
                    self.grid.planner(twin).plan(&self.handover.wish, self.handover.order, &self.handover.choice, &HostRandom)?;
                let attempt = new_attempt(self.handover.choice.clone(), plan, self.clock.now());
                let (order, address) = (self.handover.order, self.grid.address());
                let standing = Standing { order, address, twin, attempt, until: None, ready: false };
                self.notes.write(&standing)?;
                standing
            }
        };
        let node = standing.attempt.node();
        let contract = match standing.attempt.contract {
            Some(contract) => contract,
            None => {
                say(&format!("Making the contract with node {node} …"));
                let contract = self.contract(&mut standing).await?;
                standing.attempt.contract = Some(contract);
                self.notes.write(&standing)?;
                contract
            }
        };
        self.is_paid(contract).await?;
        say(&format!("Contract {contract} is yours. The node sets the server up …"));
        match self.built(&standing, contract).await? {
            Built::Ready(access) => {
                standing.ready = true;
                self.notes.write(&standing)?;
                let tunnel = standing.attempt.tunnel.as_ref().map(|tunnel| tunnel.conf(&self.handover.wish.name));
                let tunnel = tunnel.map(|text| self.notes.write_tunnel(&text)).transpose()?;
                Ok(Server { address: standing.address, twin, contract, node, access, tunnel })
            }
            Built::Never(why) => {
                say("The node could not do it: giving the contract back …");
                self.cancel(contract).await?;
                self.notes.forget()?;
                Err(Error::conflict(format!(
                    "Node {node} could not set it up, and the contract is given back. {}",
                    elsewhere(node)
                ))
                .because(why))
            }
        }
    }

    pub(super) async fn end(&self) -> Result<Gone> {
        let none = || Error::new(Kind::Invalid, "Nothing was taken over with this file from this machine.");
        let standing = self.standing()?.ok_or_else(none)?;
        let contract = match standing.attempt.contract {
            Some(contract) => Some(contract),
            None => self.asked_for(&standing).await?,
        };
        let Some(contract) = contract else {
            self.notes.forget()?;
            return Err(none());
        };
        self.cancel(contract).await?;
        self.notes.forget()?;
        Ok(Gone { contract })
    }

    /// The contract of a run that was cut off before it knew the number; none once it can't come any more.
    async fn asked_for(&self, standing: &Standing) -> Result<Option<u64>> {
        loop {
            let head = self.grid.finalized().await?;
            let Attempt { hash, .. } = &standing.attempt;
            let found = self.grid.contract_of(standing.attempt.node(), hash, standing.twin, &head.hash).await?;
            if found.is_some() || standing.until.is_none_or(|until| head.number > until) {
                return Ok(found);
            }
            say("A contract that was asked for may still come: waiting for it, some minutes at most …");
            tokio::time::sleep(5 * STEP).await;
        }
    }

    /// Terms, twin, relay and key of our account, whatever of it the chain lacks.
    async fn twin(&self) -> Result<u32> {
        loop {
            let account = self.grid.account().await?;
            let call = match account.twin {
                None if !account.terms_accepted => Call::AcceptTerms,
                None => Call::CreateTwin,
                Some(_) if !account.twin_current => Call::UpdateTwin,
                Some(twin) => return Ok(twin),
            };
            say(match call {
                Call::AcceptTerms => "Accepting the grid's terms …",
                Call::CreateTwin => "Making your twin …",
                _ => "Telling the chain where your twin listens …",
            });
            self.drive(&call, |_| Ok(())).await?;
        }
    }

    /// Nodes take nothing from a twin that is not verified, so nothing is begun for one.
    async fn verified(&self, twin: u32) -> Result<()> {
        match self.grid.is_verified(twin).await? {
            Some(false) => Err(Error::conflict(format!(
                "Your twin {twin} is not verified, and nodes take nothing from one that is not. Have the account {} verified once, in the ThreeFold \
                 dashboard, and type the line again. {} says who is.",
                self.grid.address(),
                self.handover.identity
            ))),
            Some(true) | None => Ok(()),
        }
    }

    /// The contract for what was planned: found if it was made before, or made now. The hash makes it the only one.
    async fn contract(&self, standing: &mut Standing) -> Result<u64> {
        let (node, hash, twin) = (standing.attempt.node(), standing.attempt.hash.clone(), standing.twin);
        let of = async |at: [u8; 32]| self.grid.contract_of(node, &hash, twin, &at).await;
        if let Some(found) = of(self.grid.finalized().await?.hash).await? {
            return Ok(found);
        }
        if let Some(why) = self.grid.standing(node).await?.refusal(twin) {
            // Nothing more is asked for, and what was asked for before may still come.
            return match self.asked_for(standing).await? {
                Some(found) => Ok(found),
                None => {
                    self.notes.forget()?;
                    Err(Error::conflict(format!("Node {node} {why}. {}", elsewhere(node))))
                }
            };
        }
        let call = self.grid.contract_call(self.handover.order, &standing.attempt, self.handover.wish.public_ips());
        let made = self.drive(&call, |signed| {
            standing.until = Some(signed.last_block);
            self.notes.write(standing)
        });
        match made.await {
            Ok(block) => loop {
                let head = self.grid.finalized().await?;
                match of(head.hash).await? {
                    Some(found) => return Ok(found),
                    None if head.number < block => tokio::time::sleep(STEP).await,
                    None => {
                        self.notes.forget()?;
                        return Err(Error::unavailable(
                            "The contract was made and is gone again. Type the line again to make another one.",
                        ));
                    }
                }
            },
            // For good, unless an earlier run has made it already.
            Err(error) if error.kind() == Kind::Conflict => match of(self.grid.finalized().await?.hash).await? {
                Some(found) => Ok(found),
                None => {
                    self.notes.forget()?;
                    Err(Error::conflict(format!("The chain refused the contract with node {node}. {}", elsewhere(node)))
                        .because(error))
                }
            },
            Err(error) => Err(error),
        }
    }

    /// What is not paid sleeps, and what is gone was not ended here.
    async fn is_paid(&self, contract: u64) -> Result<()> {
        let head = self.grid.finalized().await?;
        match self.grid.contract_state(contract, &head.hash).await? {
            ContractState::Runs => Ok(()),
            ContractState::Paused => Err(Error::unfunded(format!(
                "Contract {contract} is paused: your account {} can't pay it. Send it tokens and the server goes on by itself; after two weeks unpaid it is \
                 deleted.",
                self.grid.address()
            ))),
            ContractState::Gone => {
                self.notes.forget()?;
                Err(Error::conflict(format!(
                    "Contract {contract} is gone from the chain, and the server with it: it was cancelled elsewhere, or not paid for too long. Type the \
                     line again to set it up anew."
                )))
            }
        }
    }

    /// Waits for the node. An error leaves everything as it is.
    async fn built(&self, standing: &Standing, contract: u64) -> Result<Built> {
        let (attempt, ready) = (&standing.attempt, standing.ready);
        let (twin, begun) = (attempt.choice.best.twin, self.clock.now());
        loop {
            let late = self.clock.now().since(begun) > DEPLOY_PATIENCE;
            let next = match Next::of(self.grid.progress(twin, contract, &attempt.deployment).await, ready) {
                Next::Deploy => match self.grid.deploy(twin, contract, &attempt.deployment).await {
                    Err(error) if error.kind() != Kind::Unavailable => Next::bad(error, ready),
                    said => Next::Wait(said.err()),
                },
                Next::Paused => {
                    self.is_paid(contract).await?;
                    Next::Wait(Some(Error::unavailable("The node has paused it, as nodes do with what is not paid.")))
                }
                next => next,
            };
            match next {
                Next::Ready(deployed) => return deployed.access().map(Built::Ready),
                Next::Never(why) => return Ok(Built::Never(why)),
                Next::Wrong(why) => {
                    return Err(Error::unavailable(
                        "The node says that something is wrong with it. It was ready before, so nothing is given back; `cooperage twin end` does that.",
                    )
                    .because(why));
                }
                Next::Wait(why) if late => {
                    let late = Error::unavailable(
                        "The node did not get it done so far. Type the line again to look once more, or end it with `cooperage twin end`.",
                    );
                    return Err(match why {
                        Some(why) => late.because(why),
                        None => late,
                    });
                }
                _ => tokio::time::sleep(STEP).await,
            }
        }
    }

    async fn cancel(&self, contract: u64) -> Result<()> {
        let head = self.grid.finalized().await?;
        if self.grid.contract_state(contract, &head.hash).await? != ContractState::Gone {
            self.drive(&Call::CancelContract { contract }, |_| Ok(())).await?;
        }
        Ok(())
    }

    /// Signs a call and sends it until it is in a finalized block, whose number this is; `Conflict` if the chain said no there. What
    /// was signed is shown before it is sent.
    async fn drive(&self, call: &Call, mut signing: impl FnMut(&Signed) -> Result<()>) -> Result<u32> {
        let mut patience = Patience::default();
        loop {
            patience.sign()?;
            let nonce = self.grid.next_nonce().await?;
            let signed = self.grid.sign(call, nonce).await?;
            signing(&signed)?;
            loop {
                match self.grid.submit(&signed.bytes).await {
                    Err(error) if error.kind() == Kind::Unfunded => {
                        let address = self.grid.address();
                        return Err(Error::unfunded(format!(
                            "Your account {address} has no tokens for this. Send it some first."
                        ))
                        .because(error));
                    }
                    // An answer that was lost: their fate tells.
                    Err(error) if error.kind() == Kind::Unavailable => {}
                    said => patience.sent(said)?,
                }
                match self.grid.fate(&signed).await? {
                    Fate::Pending => tokio::time::sleep(STEP).await,
                    Fate::Landed { block } => return Ok(block),
                    Fate::Refused(reason) => return Err(Error::conflict("The chain refused it.").because(reason)),
                    Fate::Expired | Fate::Usurped => break,
                }
            }
        }
    }
}

/// What to do about a node that does not do.
fn elsewhere(node: u32) -> String {
    format!("Download the file anew, with {node} in the field “Not on these nodes”.")
}

/// What goes on, beside what is said in the end.
fn say(what: &str) {
    eprintln!("{what}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_ready_once_is_never_given_up() {
        let said = |ready| Next::of(Ok(Progress::Failed("vm: no such disk".into())), ready);
        assert!(matches!(said(false), Next::Never(why) if why.message().contains("no such disk")));
        assert!(matches!(said(true), Next::Wrong(_)));
        for ready in [false, true] {
            assert!(matches!(Next::of(Ok(Progress::Paused), ready), Next::Paused));
            assert!(matches!(Next::of(Err(Error::conflict("The node refused.")), ready), Next::Wait(Some(_))));
        }
        assert!(matches!(Next::bad(Error::conflict("The node refused."), true), Next::Wrong(_)));
    }
}
