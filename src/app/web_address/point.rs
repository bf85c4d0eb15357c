//! Tells a gateway that visitors come out elsewhere now: the contract first, then the gateway.
//!
//! A gateway's node removes what is left out of a version before it adds what is new, so that the name never leaves it.

use std::time::Duration;

use super::super::App;
use super::super::lease::LATE;
use super::super::signer::Overdue;
use super::tend::current;
use crate::base::time::{MINUTE, SECOND};
use crate::base::{Error, Kind, Result};
use crate::domain::job::Next;
use crate::domain::order::DEPLOY_PATIENCE;
use crate::domain::signer::Purpose;
use crate::domain::web_address::{Change, Stage, WebAddress};
use crate::grid::{Call, Fate};
use crate::store::grid::Chain;
use crate::store::web_address::WebAddresses;

/// The longest wait between two tries to change what a gateway carries.
const LONGEST_WAIT: Duration = Duration::from_secs(10 * MINUTE.as_secs());
const SILENT: &str = "The gateway does not answer. We keep trying.";

impl App {
    /// Tells the gateway of another target: the contract first, then the gateway.
    pub(super) async fn repoint(&self, address: &WebAddress) -> Result<Next> {
        let (number, attempt) = current(address)?;
        let contract = attempt.contract.ok_or_else(|| Error::internal("A gateway without a contract."))?;
        let (twin, now) = (attempt.choice.best.twin, self.now());
        let Some(change) = address.change.clone() else { return self.plan_change(address, contract, twin).await };
        let purpose = Purpose::PointAddress { address: address.id, change: address.changes };
        // Each try costs a fee, and one that can't be paid for may not be changed: the chain is asked before anything is signed.
        if self.read()?.call(&purpose)?.is_none() {
            if let Some(next) = self.follow_contracts_of(address).await? {
                return Ok(next);
            }
            if self.read()?.web_address(address.id)?.is_some_and(|address| address.paused) {
                return Ok(Next::Again(now + LONGEST_WAIT)); // the block that ends it wakes us
            }
        }
        let data = change.deployment.get("metadata").and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
        let call = Call::UpdateContract { contract, hash: change.hash.clone(), data };
        match self.drive_call(purpose, call, Overdue::SignAnew).await? {
            Fate::Pending | Fate::Expired | Fate::Usurped => return Ok(self.at_next_block().await),
            Fate::Refused(reason) if reason.contains("NotExist") => {
                return self.start_over(address, "The grid ended it. We set it up anew.").await;
            }
            Fate::Refused(reason) => {
                // Perhaps it could not be paid just then; the next try is a new call.
                self.forget_call(purpose).await?;
                self.say(address, "The grid does not take the change at the moment. We try again by ourselves.").await?;
                return Err(Error::unavailable("The chain does not take a change of a gateway.").because(reason));
            }
            Fate::Landed { block } if self.grid.finalized().await?.number < block => return Ok(self.at_next_block().await),
            Fate::Landed { .. } => {}
        }
        let state = match self.grid.gateway_state(twin, contract).await {
            Ok(Some(state)) => state,
            Ok(None) => return self.start_over(address, "The gateway has forgotten it. We set it up anew.").await,
            Err(error) => {
                tracing::info!(address = %address.id, %error, "a gateway does not answer");
                if now.since(change.since) > MINUTE {
                    self.say(address, SILENT).await?;
                }
                return Ok(self.by_and_by(change.since));
            }
        };
        if state.version < change.version {
            return match self.grid.point(twin, contract, &change.deployment).await {
                Ok(()) => Ok(self.soon()),
                Err(error) if error.kind() == Kind::Unavailable => Ok(self.by_and_by(change.since)),
                Err(error) => self.missed(address, &error.to_string()).await,
            };
        }
        if state.version > change.version {
            return self.missed(address, "the gateway has a newer version").await;
        }
        let Some(taken) = change.taken else {
            self.alter(address, move |_, address| {
                if let Some(change) = &mut address.change {
                    change.taken = Some(now);
                }
                Ok(())
            })
            .await?;
            return Ok(self.soon());
        };
        match (state.ready, state.failed) {
            (true, _) => {
                self.alter(address, move |_, address| {
                    let attempt = &mut address.attempts[number];
                    (attempt.deployment, attempt.hash) = (change.deployment, change.hash);
                    (address.served, address.change) = (Some(change.target), None);
                    (address.misses, address.trouble, address.visit) = (0, None, None);
                    address.enter(Stage::Live, now);
                    Ok(())
                })
                .await?;
                Ok(self.soon())
            }
            (false, Some(why)) => self.missed(address, &why).await,
            (false, None) if now.since(taken) > DEPLOY_PATIENCE => self.missed(address, LATE).await,
            (false, None) => Ok(self.by_and_by(taken)),
        }
    }

    /// The next version of what the gateway has, whatever that is.
    async fn plan_change(&self, address: &WebAddress, contract: u64, twin: u32) -> Result<Next> {
        let now = self.now();
        if address.served.as_ref() == Some(&address.target) {
            self.alter(address, move |_, address| {
                address.enter(Stage::Live, now);
                Ok(())
            })
            .await?;
            return Ok(self.soon());
        }
        let wait = (10 * SECOND * (1 << address.misses.min(6))).min(LONGEST_WAIT);
        if address.misses > 0 && now < address.since + wait {
            return Ok(Next::Again(address.since + wait));
        }
        let state = match self.grid.gateway_state(twin, contract).await {
            Ok(Some(state)) => state,
            Ok(None) => return self.start_over(address, "The gateway has forgotten it. We set it up anew.").await,
            Err(error) => {
                tracing::info!(address = %address.id, %error, "a gateway does not answer");
                self.say(address, SILENT).await?;
                return Ok(Next::Again(now + 5 * SECOND));
            }
        };
        let planner = self.grid.planner(self.twin()?);
        self.alter(address, move |_, address| {
            let Some(attempt) = address.attempts.last() else { return Err(Error::internal("A gateway without an attempt.")) };
            let target = address.target.clone();
            let plan = planner.repoint(&attempt.deployment, state.version, &address.host, address.name(), &target)?;
            let version = state.version.saturating_add(1);
            address.changes = address.changes.saturating_add(1);
            address.change =
                Some(Change { target, version, deployment: plan.deployment, hash: plan.hash, since: now, taken: None });
            Ok(())
        })
        .await?;
        Ok(self.soon())
    }

    /// A change that did not work; the next one is tried by and by.
    async fn missed(&self, address: &WebAddress, why: &str) -> Result<Next> {
        tracing::warn!(address = %address.id, why, "a gateway did not take a change");
        let now = self.now();
        self.alter(address, move |_, address| {
            (address.change, address.served) = (None, None);
            address.misses = address.misses.saturating_add(1);
            address.since = now;
            address.trouble = Some("The gateway did not take the change. We try again by ourselves.".into());
            Ok(())
        })
        .await?;
        Ok(self.soon())
    }
}
