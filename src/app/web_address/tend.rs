//! Carries a web address from stage to stage, and looks after it while it is live.
//!
//! A name is reserved on the chain, then the gateway's contract is made, then the gateway sets it up. A domain of the customer's own
//! must point at the gateway first, for the gateway looks, too. Everything that is not wanted any more is given back before the next
//! thing is begun: a gateway lets a name in once only.

use std::time::Duration;

use super::super::App;
use super::super::lease::{Built, LATE, Signed, know};
use super::super::signer::Overdue;
use super::clear::know_name;
use super::ours;
use crate::base::ids::WebAddressId;
use crate::base::time::{HOUR, MINUTE};
use crate::base::{Error, Result, Time};
use crate::domain::gateway::gateways;
use crate::domain::job::Next;
use crate::domain::order::{Attempt, DEPLOY_PATIENCE, Outcome};
use crate::domain::placement::{Choice, Scored};
use crate::domain::pool::Entry;
use crate::domain::signer::Purpose;
use crate::domain::web_address::{GATEWAY_PATIENCE, Gateway, Host, NAMES_MAX, NOT_SEEN, Reservation, Stage, WebAddress};
use crate::grid::{Call, Fate, Plan};
use crate::store::Tx;
use crate::store::exposure::Exposures;
use crate::store::order::Orders;
use crate::store::web_address::WebAddresses;

/// Gateways that are asked in one go.
const ASKED_MAX: usize = 6;
/// Addresses on one gateway that are counted.
const COUNTED: usize = 1000;
/// So long its owner may be looking at the page while it is set up.
const TOLD_AFTER: Duration = Duration::from_secs(HOUR.as_secs());
const OTHER_RECORD: &str = "Another gateway carries it from now on: please change the record of your domain to this one.";

impl App {
    /// Takes a web address as far as it goes now.
    pub async fn tend_address(&self, id: WebAddressId) -> Result<Next> {
        loop {
            let Some(address) = self.read()?.web_address(id)? else { return Ok(Next::Done) };
            let next = match address.stage {
                Stage::Choosing => self.choose_gateway(&address).await?,
                Stage::Waiting => self.wait_for_domain(&address).await?,
                Stage::Naming => self.reserve_name(&address).await?,
                Stage::Reserving => self.reserve_gateway(&address).await?,
                Stage::Building => self.build_gateway(&address).await?,
                Stage::Live => self.watch(&address).await?,
                Stage::Pointing => self.repoint(&address).await?,
                Stage::Removing => self.take_away(&address).await?,
                Stage::Gone => return Ok(Next::Done),
            };
            let mark = |address: &WebAddress| (address.stage, address.attempts.len(), address.names.len(), address.changes);
            if self.read()?.web_address(id)?.is_none_or(|now| mark(&now) == mark(&address)) {
                return Ok(next);
            }
        }
    }

    /// Changes an address in one transaction, if it is still at the stage the change was thought up for.
    pub(super) async fn alter<F>(&self, address: &WebAddress, change: F) -> Result<()>
    where
        F: FnOnce(&mut Tx<'_>, &mut WebAddress) -> Result<()> + Send + 'static,
    {
        let (id, stage) = (address.id, address.stage);
        self.store
            .write(move |tx| {
                let mut address = tx.web_address(id)?.ok_or_else(|| Error::not_found("web address"))?;
                if address.stage != stage {
                    return Ok(());
                }
                change(tx, &mut address)?;
                tx.put_web_address(&address)
            })
            .await
    }

    /// Says what is wrong, once.
    pub(super) async fn say(&self, address: &WebAddress, trouble: &str) -> Result<()> {
        if address.trouble.as_deref() == Some(trouble) {
            return Ok(());
        }
        let trouble = trouble.to_owned();
        self.alter(address, move |_, address| {
            address.trouble = Some(trouble);
            Ok(())
        })
        .await
    }

    /// It can't be done: all is given back, and the sentence stays. Whoever relied on it, or has long stopped looking, is told.
    async fn give_address_up(&self, address: &WebAddress, why: String) -> Result<Next> {
        let (now, letter) = (self.now(), self.letter());
        self.alter(address, move |tx, address| {
            address.leave();
            if address.before.is_some() || now.since(address.created) > TOLD_AFTER {
                letter.lost(tx, address, &why, now)?;
            }
            address.enter(Stage::Removing, now);
            address.trouble = Some(why);
            Ok(())
        })
        .await?;
        Ok(self.soon())
    }

    /// A gateway for the machine: near it, not full, and one that answers just now.
    async fn choose_gateway(&self, address: &WebAddress) -> Result<Next> {
        if !self.clear_stale(address).await? {
            return Ok(self.at_next_block().await);
        }
        let (pool, snapshot, now) = (self.known_nodes().await?, self.read()?, self.now());
        if address.is_hopeless(now) {
            return self.give_address_up(address, "None of the gateways we tried could carry it.".into()).await;
        }
        let order = snapshot.order(address.order)?.ok_or_else(|| Error::not_found("order"))?;
        let near = order.attempt().and_then(|attempt| pool.node(attempt.node())).and_then(Entry::spot);
        let rows = snapshot.market(now)?.for_sale(&pool, &snapshot.buyer_of(order.user)?);
        let own = address.gateway.as_ref().map(Gateway::node);
        let carries = |node| {
            let all = snapshot.web_addresses_at(node, COUNTED).unwrap_or(COUNTED);
            all.saturating_sub(usize::from(own == Some(node)))
        };
        let home = own.filter(|node| !address.avoid.contains(node));
        let patient = address.before.is_some() && now.since(address.since) < GATEWAY_PATIENCE;
        let candidates = gateways(&pool, &rows, near, home, &address.avoid, carries);
        let mut away = home.is_some() && candidates.first().map(|entry| entry.id()) != home;
        let mut found = None;
        for entry in candidates.into_iter().take(ASKED_MAX) {
            if away && patient {
                break;
            }
            match self.grid.public_config(entry.twin()).await {
                Ok(Some(config)) if !config.domain.is_empty() && (config.v4.is_some() || config.v6.is_some()) => {
                    found = Some(Gateway { place: place(entry), domain: config.domain, v4: config.v4, v6: config.v6 });
                    break;
                }
                Ok(_) => tracing::info!(node = entry.id(), "a node that should be a gateway says that it is none"),
                Err(error) => {
                    tracing::info!(node = entry.id(), %error, "a gateway does not answer");
                    away |= home == Some(entry.id());
                }
            }
        }
        if found.is_none() && away && patient {
            self.say(address, "The gateway does not answer. We wait for it before we take another one.").await?;
            return Ok(Next::Again(now + MINUTE));
        }
        let Some(gateway) = found else {
            self.alter(address, |_, address| {
                address.avoid.clear(); // whoever failed may be well by then
                address.trouble = Some("No gateway can be had at the moment. We keep trying.".into());
                Ok(())
            })
            .await?;
            return Ok(Next::Again(now + MINUTE));
        };
        let planner = self.grid.planner(self.twin()?);
        let (random, letter) = (self.random.clone(), self.letter());
        self.alter(address, move |tx, address| {
            address.gateway = Some(gateway);
            match &address.host {
                Host::Domain(_) => {
                    (address.look, address.blind) = (None, None);
                    address.enter(Stage::Waiting, now);
                    let moved = address.arrive();
                    if let Some(old) = &moved {
                        letter.moved(tx, address, old, now)?;
                    }
                    address.trouble = moved.map(|_| OTHER_RECORD.into());
                }
                Host::Name { name, .. } => {
                    let kept = address.names.last().filter(|name| !name.cleared);
                    match kept.map(|name| name.contract.is_some()) {
                        Some(true) => {
                            let plan =
                                planner.gateway(address.order, &address.host, address.name(), &address.target, &*random)?;
                            begin_attempt(address, plan, now)?;
                        }
                        Some(false) => address.enter(Stage::Naming, now),
                        None => {
                            let name = address.name().unwrap_or(name).clone();
                            address.names.push(Reservation { name, since: now, contract: None, cleared: false });
                            address.enter(Stage::Naming, now);
                        }
                    }
                }
            }
            Ok(())
        })
        .await?;
        Ok(self.soon())
    }

    /// The customer's domain has to lead to the gateway.
    async fn wait_for_domain(&self, address: &WebAddress) -> Result<Next> {
        let now = self.now();
        if address.waited_enough(now) {
            return self.give_address_up(address, "The domain did not lead to the gateway within a week.".into()).await;
        }
        if !self.clear_stale(address).await? {
            return Ok(self.at_next_block().await);
        }
        // A gateway that said no knows the domain's old records for a while.
        let held_off = address.since + address.refusal_wait();
        let name = address.fqdn().unwrap_or_default();
        let look = self.records_of(&name).await;
        let right = WebAddress { look: Some(look.clone()), ..address.clone() }.verdict().is_some_and(|verdict| verdict.right);
        let (planner, random) = (self.grid.planner(self.twin()?), self.random.clone());
        self.alter(address, move |_, address| {
            address.looked(look);
            if right && now >= held_off {
                let plan = planner.gateway(address.order, &address.host, None, &address.target, &*random)?;
                begin_attempt(address, plan, now)?;
                address.trouble = None;
            }
            Ok(())
        })
        .await?;
        let again = address.look_again(now);
        Ok(Next::Again(if right { again.min(held_off.max(now)) } else { again }))
    }

    /// The name, on the chain.
    async fn reserve_name(&self, address: &WebAddress) -> Result<Next> {
        let number = address.names.len().saturating_sub(1);
        let Some(wanted) = address.names.last().cloned() else { return Err(Error::internal("A name that is none.")) };
        let (slot, twin, now) = (address.name_slot(number), self.twin()?, self.now());
        let (purpose, call) = (Purpose::CreateContract(slot), Call::CreateName { name: wanted.name.to_string() });
        match self.drive_call(purpose, call, Overdue::SignAnew).await? {
            Fate::Pending | Fate::Expired | Fate::Usurped => Ok(self.at_next_block().await),
            Fate::Landed { block } => {
                let head = self.grid.finalized().await?;
                let holder = self.grid.name_holder(&wanted.name, Some(head.hash)).await?.filter(|(_, who)| *who == twin);
                let Some((contract, _)) = holder else {
                    // A node of the chain that lags does not know it yet; one that does not says that it is gone again.
                    if head.number < block || now.since(wanted.since) < DEPLOY_PATIENCE {
                        return Ok(self.at_next_block().await);
                    }
                    return self.start_over(address, "The name was let go of again. We reserve it anew.").await;
                };
                let (planner, random) = (self.grid.planner(twin), self.random.clone());
                self.alter(address, move |tx, address| {
                    know_name(tx, address, number, contract, block, now)?;
                    let plan = planner.gateway(address.order, &address.host, address.name(), &address.target, &*random)?;
                    begin_attempt(address, plan, now)
                })
                .await?;
                Ok(self.soon())
            }
            Fate::Refused(reason) => {
                tracing::info!(%slot, name = %wanted.name, %reason, "the chain refuses a name");
                let taken = reason.contains("NameExists");
                let again = matches!(&address.host, Host::Name { ours: true, .. }) && address.names.len() < NAMES_MAX;
                if taken && again {
                    let order = self.read()?.order(address.order)?.ok_or_else(|| Error::not_found("order"))?;
                    let name = ours(&order, &*self.random)?;
                    self.alter(address, move |_, address| {
                        if let Some(last) = address.names.last_mut() {
                            last.cleared = true;
                        }
                        address.host = Host::Name { name: name.clone(), ours: true };
                        address.names.push(Reservation { name, since: now, contract: None, cleared: false });
                        Ok(())
                    })
                    .await?;
                    return Ok(self.soon());
                }
                let why = match taken {
                    true => format!("Somebody has the name “{}” already. Please choose another one.", wanted.name),
                    false => "The grid did not take the name. Please try another one.".into(),
                };
                self.give_address_up(address, why).await
            }
        }
    }

    /// The contract with the gateway.
    async fn reserve_gateway(&self, address: &WebAddress) -> Result<Next> {
        let (number, attempt) = current(address)?;
        let slot = address.slot(number);
        match self.sign_lease(slot, attempt, 0).await? {
            Signed::Waits(next) => Ok(next),
            Signed::Made { contract, block } => {
                let now = self.now();
                self.alter(address, move |tx, address| {
                    let attempt = &mut address.attempts[number];
                    attempt.contract = Some(contract);
                    know(tx, slot, attempt, contract, block, now)?;
                    address.enter(Stage::Building, now);
                    Ok(())
                })
                .await?;
                Ok(self.soon())
            }
            Signed::Refused(why) => self.next_gateway(address, why).await,
            // What has worked before is not given up because the grid is away for a while.
            Signed::TooLate(_) if address.before.is_some() => {
                self.start_over(address, "The grid could not be reached for a while. We keep trying.").await
            }
            Signed::TooLate(why) => self.give_address_up(address, why.into()).await,
        }
    }

    /// The gateway sets it up.
    async fn build_gateway(&self, address: &WebAddress) -> Result<Next> {
        let (number, attempt) = current(address)?;
        let now = self.now();
        match self.build_lease(address.slot(number), attempt).await? {
            Built::Waits(next) => Ok(next),
            Built::Sent => {
                self.alter(address, move |_, address| {
                    address.attempts[number].sent = Some(now);
                    Ok(())
                })
                .await?;
                Ok(self.soon())
            }
            Built::Up(_) => {
                let letter = self.letter();
                self.alter(address, move |tx, address| {
                    address.attempts[number].outcome = Outcome::Works;
                    address.served = address.planned.take();
                    (address.trouble, address.visit, address.blind) = (None, None, None);
                    address.enter(Stage::Live, now);
                    if let Some(old) = address.arrive() {
                        letter.moved(tx, address, &old, now)?;
                    }
                    Ok(())
                })
                .await?;
                Ok(self.soon())
            }
            Built::Failed(what) => {
                // It looks the domain up for itself, and may be told an older record than we are.
                if what != LATE && address.bears_refusal() {
                    self.alter(address, move |_, address| {
                        address.attempts[number].outcome = Outcome::Failed { why: NOT_SEEN.into() };
                        address.trouble = Some(NOT_SEEN.into());
                        address.enter(Stage::Waiting, now);
                        Ok(())
                    })
                    .await?;
                    return Ok(self.soon());
                }
                self.next_gateway(address, what).await
            }
        }
    }

    /// This gateway did not do: its contract is given back, and another one is tried.
    async fn next_gateway(&self, address: &WebAddress, what: &'static str) -> Result<Next> {
        let now = self.now();
        self.alter(address, move |_, address| {
            address.leave();
            if let Some(attempt) = address.attempts.last_mut() {
                let best = &attempt.choice.best;
                let why = format!("The gateway of {} in {} {what}.", best.farm_name, best.city);
                address.avoid.push(best.node);
                attempt.outcome = Outcome::Failed { why: why.clone() };
                address.trouble = Some(format!("{why} We try another one."));
            }
            address.enter(Stage::Choosing, now);
            Ok(())
        })
        .await?;
        Ok(self.soon())
    }

    /// What was there is lost: everything is made anew, with the same name if it can be had.
    pub(super) async fn start_over(&self, address: &WebAddress, why: &'static str) -> Result<Next> {
        let now = self.now();
        self.alter(address, move |_, address| {
            address.leave();
            if let Some(attempt) = address.attempts.last_mut() {
                attempt.outcome = Outcome::Failed { why: why.into() };
            }
            if let Some(name) = address.names.last_mut().filter(|name| name.contract.is_none()) {
                name.cleared = true;
            }
            (address.served, address.change, address.visit, address.paused) = (None, None, None, false);
            address.trouble = Some(why.into());
            address.enter(Stage::Choosing, now);
            Ok(())
        })
        .await?;
        Ok(self.soon())
    }
}

pub(super) fn current(address: &WebAddress) -> Result<(usize, &Attempt)> {
    let attempt = address.attempts.last().ok_or_else(|| Error::internal("A web address without a gateway."))?;
    Ok((address.attempts.len() - 1, attempt))
}

/// A gateway as a place that was chosen; its score has no parts.
fn place(entry: Entry<'_>) -> Scored {
    Scored {
        node: entry.id(),
        twin: entry.twin(),
        farm: entry.farm(),
        farm_name: entry.farm_name().to_owned(),
        owner: entry.owner(),
        country: entry.country().to_owned(),
        city: entry.city().to_owned(),
        parts: vec![],
        address: None,
    }
}

fn begin_attempt(address: &mut WebAddress, plan: Plan, now: Time) -> Result<()> {
    let gateway = address.gateway.as_ref().ok_or_else(|| Error::internal("A web address without a gateway."))?;
    address.attempts.push(Attempt {
        choice: Choice { best: gateway.place.clone(), runner_up: None, fitting: 1 },
        started: now,
        deployment: plan.deployment,
        hash: plan.hash,
        tunnel: None,
        contract: None,
        sent: None,
        outcome: Outcome::Trying,
        off: None,
        cleared: false,
    });
    address.planned = Some(address.target.clone());
    address.enter(Stage::Reserving, now);
    Ok(())
}
