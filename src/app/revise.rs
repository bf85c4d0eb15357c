//! The ladder of a change: paid (held) → the contract told → the node at work → settled. What does not work is brought back to what was
//! there before, and the money is let go.
//!
//! All of it is one job a change, so that nothing of it runs beside itself: an order that is being ended waits until its change has
//! been let go of here.

mod elsewhere;

use std::time::Duration;

use super::prorate::reprice;
use super::revision::settle_room;
use super::signer::Overdue;
use super::{App, backup, mail};
use crate::base::ids::{JobId, RevisionId};
use crate::base::time::{HOUR, MINUTE};
use crate::base::{Error, Kind as ErrorKind, Result, Time};
use crate::domain::charge::ChargeState;
use crate::domain::job::{Next, Work};
use crate::domain::order::{Attempt, DEPLOY_PATIENCE, Order, State};
use crate::domain::revision::{Draft, Kind, Revision, Rung, State as Stage, Way};
use crate::domain::signer::{CallState, Purpose};
use crate::domain::term::Due;
use crate::grid::{Deployed, Fate, Revised, Version};
use crate::store::Tx;
use crate::store::account::Accounts;
use crate::store::backup::Backups;
use crate::store::grid::Chain;
use crate::store::job::Jobs;
use crate::store::order::Orders;
use crate::store::revision::Revisions;

/// So long a bank, a silent node or the chain may hold up a change that nothing was done for yet.
const PATIENCE: Duration = Duration::from_secs(30 * MINUTE.as_secs());
/// So long a node that was told of a change may be silent before nobody waits for it any more. What it has of the change is not known
/// then: the next one begins with what it says.
const SILENCE: Duration = HOUR.saturating_mul(2);
/// So many blocks a node's view of the chain may lag behind ours: whoever finds another hash there than it was sent puts all aside.
const MARGIN: u32 = 2;
/// Said of a node that tells of more versions than there can be.
const NONSENSE: &str = "Its node tells of it what can't be. Move it elsewhere, or delete it: hours not used go back to you.";
/// The node reports its used room every 40 minutes (`threefoldtech/tfgrid-sdk-go: grid-proxy`).
const REPORTED_AFTER: Duration = Duration::from_secs(60 * MINUTE.as_secs());

impl App {
    /// Takes a change as far as it goes now.
    pub async fn climb_revision(&self, id: RevisionId) -> Result<Next> {
        loop {
            let snapshot = self.read()?;
            let Some(revision) = snapshot.revision(id)? else { return Ok(Next::Done) };
            let order = snapshot.order(revision.order)?.ok_or_else(|| Error::not_found("order"))?;
            let before = (revision.state, revision.drafts.len(), order.attempts.len(), order.state);
            if revision.state.at_rest() {
                return Ok(Next::Done);
            }
            let next = match revision.state {
                _ if is_void(&order, &revision) => self.drop_open(&revision).await?,
                Stage::Paying => self.pay_difference(&revision).await?,
                Stage::Agreeing => self.agree(&order, &revision).await?,
                Stage::Changing => self.or_silence(&order, &revision, self.carry_out(&order, &revision).await).await?,
                Stage::Moving => self.set_up_elsewhere(&order, &revision).await?,
                Stage::Settling => self.settle_revision(&revision).await?,
                Stage::Releasing => self.release(&revision).await?,
                Stage::Done | Stage::Failed | Stage::Dropped => return Ok(Next::Done),
            };
            let snapshot = self.read()?;
            let now = match (snapshot.revision(id)?, snapshot.order(revision.order)?) {
                (Some(revision), Some(order)) => (revision.state, revision.drafts.len(), order.attempts.len(), order.state),
                _ => return Ok(Next::Done),
            };
            if now == before {
                return Ok(next);
            }
        }
    }

    /// Changes a revision and its order in one transaction, if both are still where the change was thought up for.
    async fn turn<F>(&self, revision: &Revision, change: F) -> Result<()>
    where
        F: FnOnce(&mut Tx<'_>, &mut Order, &mut Revision) -> Result<()> + Send + 'static,
    {
        let (id, state, drafts) = (revision.id, revision.state, revision.drafts.len());
        self.store
            .write(move |tx| {
                let Some(mut revision) = tx.revision(id)? else { return Ok(()) };
                let mut order = tx.order(revision.order)?.ok_or_else(|| Error::not_found("order"))?;
                if (revision.state, revision.drafts.len()) != (state, drafts) || is_void(&order, &revision) {
                    return Ok(());
                }
                change(tx, &mut order, &mut revision)?;
                if revision.state.at_rest() {
                    order.revision = None;
                }
                tx.put_revision(&revision)?;
                tx.put_order(&order)
            })
            .await
    }

    /// The money is let go, and the reason is told.
    async fn give_up_on(&self, revision: &Revision, rung: Rung, why: impl Into<String>) -> Result<Next> {
        let (now, why) = (self.now(), why.into());
        let random = self.random.clone();
        self.turn(revision, move |tx, order, revision| {
            if revision.kind == Kind::Move {
                elsewhere::leave(tx, order, &*random, now)?;
            }
            revision.trouble(now, rung, why.clone());
            revision.reason = Some(why);
            revision.enter(Stage::Releasing, now);
            Ok(())
        })
        .await?;
        self.nudge();
        Ok(self.soon())
    }

    /// What is done about a node that does not answer: it is asked again, until it has been silent for so long that the money is let go.
    async fn or_silence(&self, order: &Order, revision: &Revision, done: Result<Next>) -> Result<Next> {
        match done {
            Err(error) if error.kind() == ErrorKind::Unavailable => {
                tracing::info!(revision = %revision.id, ?error, "a node does not answer");
                let sent = revision.draft().and_then(|(_, draft)| draft.sent);
                let since = [sent, order.resumed].into_iter().flatten().fold(revision.since, Time::max);
                // It is shown as what it is; its owner can end it at any time.
                if self.now().since(since) < SILENCE || order.paused.is_some() {
                    return Ok(self.later());
                }
                self.lose(revision, "Its node has not answered for two hours. Move it elsewhere, or delete it.").await
            }
            done => done,
        }
    }

    /// The same where nobody knows what its node has of it.
    async fn lose(&self, revision: &Revision, why: &'static str) -> Result<Next> {
        let now = self.now();
        self.turn(revision, move |_, _, revision| {
            revision.trouble(now, Rung::Change, why);
            revision.reason = Some(why.into());
            revision.lost = true;
            revision.enter(Stage::Releasing, now);
            Ok(())
        })
        .await?;
        Ok(self.soon())
    }

    /// The bank holds the difference.
    async fn pay_difference(&self, revision: &Revision) -> Result<Next> {
        let charge = revision.charge.ok_or_else(|| Error::internal("A difference without a charge."))?;
        let charge = self.drive_authorization(charge).await?;
        let (now, waited) = (self.now(), self.now().since(revision.created));
        match charge.state {
            ChargeState::Authorized => {
                let amount = charge.amount.shown();
                self.turn(revision, move |_, order, revision| {
                    revision.note(
                        now,
                        Rung::Pay,
                        format!("The bank holds {amount} for you; it is taken when the change is done."),
                    );
                    let next = match (revision.kind, order.attempts.last_mut()) {
                        (Kind::Move, Some(attempt)) => {
                            // The grid's patience begins now: the bank's time was not its own.
                            attempt.started = now;
                            Stage::Moving
                        }
                        _ => Stage::Agreeing,
                    };
                    revision.enter(next, now);
                    Ok(())
                })
                .await?;
                Ok(self.soon())
            }
            ChargeState::Declined { reason } => self.give_up_on(revision, Rung::Pay, reason).await,
            ChargeState::NeedsAction { .. } if waited > PATIENCE => {
                self.give_up_on(revision, Rung::Pay, "The payment was not confirmed with your bank within half an hour.").await
            }
            ChargeState::NeedsAction { .. } => {
                const ASKS: &str = "Your bank asks you to confirm this payment.";
                if revision.story.last().is_none_or(|last| last.text != ASKS) {
                    self.turn(revision, move |_, _, revision| {
                        revision.note(now, Rung::Pay, ASKS);
                        Ok(())
                    })
                    .await?;
                }
                Ok(self.later())
            }
            ChargeState::Sent if waited > PATIENCE && charge.payment_intent.is_some() => {
                self.give_up_on(revision, Rung::Pay, "The bank did not decide about the payment within half an hour.").await
            }
            ChargeState::Sent => Ok(self.by_and_by(revision.created)),
            ChargeState::Captured | ChargeState::Voided => {
                self.give_up_on(revision, Rung::Pay, "The bank let go of the money before it was taken.").await
            }
        }
    }

    /// The contract on the chain is told of the next version, which is drawn up by what the node says that it has.
    async fn agree(&self, order: &Order, revision: &Revision) -> Result<Next> {
        let (attempt, contract) = current(order)?;
        let Some((number, draft)) = revision.draft() else { return self.draw_up(attempt, contract, revision).await };
        let purpose = Purpose::UpdateContract { revision: revision.id, draft: number };
        let forth = draft.way == Way::Forth;
        if !forth && order.paused.is_some() {
            // The chain changes no contract that is not paid, and takes its fee for saying so.
            return Ok(self.by_and_by(revision.since));
        }
        let overdue = match forth && self.now().since(revision.since) > PATIENCE {
            true => Overdue::LetGo,
            false => Overdue::SignAnew,
        };
        if overdue == Overdue::LetGo && self.read()?.call(&purpose)?.is_none_or(|known| known.state == CallState::Expired) {
            return self
                .give_up_on(revision, Rung::Agree, "The grid could not be reached for half an hour. Nothing was changed.")
                .await;
        }
        match self.drive_call(purpose, self.grid.update_call(order.id, contract, &draft.hash), overdue).await? {
            Fate::Landed { block } => {
                let (now, farm) = (self.now(), attempt.choice.best.farm_name.clone());
                let held = draft.held;
                self.turn(revision, move |_, _, revision| {
                    if let Some(draft) = revision.drafts.get_mut(number as usize) {
                        draft.agreed = Some(block);
                    }
                    if forth {
                        revision.note(now, Rung::Agree, format!("{farm} has agreed to it."));
                    }
                    revision.enter(if held { Stage::Releasing } else { Stage::Changing }, now);
                    Ok(())
                })
                .await?;
                Ok(self.soon())
            }
            Fate::Pending => Ok(self.at_next_block().await),
            Fate::Expired | Fate::Usurped if forth => {
                self.give_up_on(revision, Rung::Agree, "The grid did not take the change for half an hour. Nothing was changed.")
                    .await
            }
            Fate::Expired | Fate::Usurped => Ok(self.at_next_block().await),
            Fate::Refused(reason) => {
                tracing::warn!(revision = %revision.id, contract, %reason, "the chain refused a change of a contract");
                if forth {
                    return self
                        .give_up_on(revision, Rung::Agree, "The grid did not take the change. Nothing was changed.")
                        .await;
                }
                // What it refuses now it may take when the contract is paid again; one that is gone ends its order.
                self.forget_call(purpose).await?;
                Ok(self.seldom(revision.since))
            }
        }
    }

    async fn draw_up(&self, attempt: &Attempt, contract: u64, revision: &Revision) -> Result<Next> {
        let told = match self.grid.held(attempt.choice.best.twin, contract).await {
            Ok(Some(told)) => told,
            Ok(None) => {
                let said = "Its node does not know it any more. Move it elsewhere, or delete it: hours not used go back to you.";
                return self.give_up_on(revision, Rung::Agree, said).await;
            }
            Err(error) if self.now().since(revision.since) > PATIENCE => {
                tracing::info!(revision = %revision.id, ?error, "a node does not answer");
                return self
                    .give_up_on(revision, Rung::Agree, "Its node did not answer for half an hour. Nothing was changed.")
                    .await;
            }
            error => said(error.map(Option::unwrap_or_default))?,
        };
        let on = revision.kind != Kind::Stop && (revision.kind == Kind::Start || attempt.off.is_none());
        let planner = self.grid.planner(self.twin()?);
        if planner.is_put_aside(&attempt.deployment, &told)? {
            let said = "Its node has lost track of it: what is there goes on, but can be changed there no more. Move it elsewhere, or delete it.";
            return self.give_up_on(revision, Rung::Agree, said).await;
        }
        let version = match planner.revise(&attempt.deployment, attempt.off.as_ref(), &told, &revision.wish, on) {
            Err(error) if error.kind() == ErrorKind::Conflict => {
                tracing::warn!(revision = %revision.id, node = attempt.node(), ?error, "a node tells what can't be");
                return self.give_up_on(revision, Rung::Agree, NONSENSE).await;
            }
            version => version?,
        };
        self.turn(revision, move |_, _, revision| {
            revision.drafts.push(draft(Way::Forth, version, false));
            Ok(())
        })
        .await?;
        Ok(self.soon())
    }

    /// The node is at work.
    async fn carry_out(&self, order: &Order, revision: &Revision) -> Result<Next> {
        let (attempt, contract) = current(order)?;
        let (number, draft) = revision.draft().ok_or_else(|| Error::internal("A change without a version."))?;
        let (node, twin, now) = (attempt.node(), attempt.choice.best.twin, self.now());
        if draft.sent.is_none() {
            if let Some(agreed) = draft.agreed
                && !self.grid.finalized().await.is_ok_and(|head| head.number >= agreed.saturating_add(MARGIN))
            {
                return Ok(self.at_next_block().await);
            }
            match self.grid.update(twin, contract, &draft.deployment).await {
                Ok(()) => {}
                // Lost answers are asked about; a refusal may be that of a second asking.
                Err(error) if error.kind() == ErrorKind::Unavailable => {
                    tracing::info!(revision = %revision.id, node, ?error, "no answer to a change");
                }
                Err(error) => match said(self.grid.revised(twin, contract, &draft.deployment).await)? {
                    Revised::NotTaken => {
                        tracing::warn!(revision = %revision.id, node, ?error, "a node refused a change");
                        return self.turn_back(order, revision, "refused it").await;
                    }
                    _ => tracing::info!(revision = %revision.id, node, "a node has the change already"),
                },
            }
            let farm = attempt.choice.best.farm_name.clone();
            self.turn(revision, move |_, _, revision| {
                let Some(draft) = revision.drafts.get_mut(number as usize) else { return Ok(()) };
                draft.sent = Some(now);
                if draft.way == Way::Forth {
                    revision.note(now, Rung::Change, format!("{farm} is at work on it."));
                }
                Ok(())
            })
            .await?;
            return Ok(self.soon());
        }
        // While its place is not paid nothing of it goes on.
        let sent = draft.sent.max(order.resumed).unwrap_or(now);
        let overdue = now.since(sent) > DEPLOY_PATIENCE && order.paused.is_none();
        match self.grid.revised(twin, contract, &draft.deployment).await {
            Ok(Revised::Ready(deployed)) => self.carried_out(revision, deployed).await,
            Ok(Revised::Failed(why)) => {
                tracing::warn!(revision = %revision.id, node, %why, "a change failed");
                self.turn_back(order, revision, "could not do it").await
            }
            Ok(Revised::Working | Revised::NotTaken) if overdue => {
                self.turn_back(order, revision, "did not get it done in time").await
            }
            Ok(Revised::Working) => Ok(self.by_and_by(sent)),
            // The request may have been lost.
            Ok(Revised::NotTaken) => match self.grid.update(twin, contract, &draft.deployment).await {
                Err(error) if error.kind() != ErrorKind::Unavailable => {
                    match said(self.grid.revised(twin, contract, &draft.deployment).await)? {
                        Revised::NotTaken => self.turn_back(order, revision, "refused it").await,
                        _ => Ok(self.soon()),
                    }
                }
                _ => Ok(self.later()),
            },
            Err(error) => said(Err(error)),
        }
    }

    async fn carried_out(&self, revision: &Revision, deployed: Deployed) -> Result<Next> {
        let access = if deployed.has_machine() { Some(deployed.access()?) } else { None };
        let now = self.now();
        self.turn(revision, move |_, _, revision| {
            let back = revision.turned();
            revision.access = access;
            if back {
                let bare = revision.drafts.last().is_some_and(|draft| draft.way == Way::Bare);
                let said = if bare {
                    "It is left stopped, with its disks and its addresses."
                } else {
                    "What was there before is there again."
                };
                revision.note(now, Rung::Change, said);
                revision.enter(Stage::Releasing, now);
            } else {
                revision.note(now, Rung::Change, "The node has done it.");
                revision.enter(Stage::Settling, now);
            }
            Ok(())
        })
        .await?;
        Ok(self.soon())
    }

    /// The version under way does not work: what was there before is brought back; if not even that comes up, it is left without
    /// its machine.
    async fn turn_back(&self, order: &Order, revision: &Revision, what: &'static str) -> Result<Next> {
        let (attempt, contract) = current(order)?;
        let (_, tried) = revision.draft().ok_or_else(|| Error::internal("A change without a version."))?;
        let (farm, now) = (attempt.choice.best.farm_name.clone(), self.now());
        let way = match tried.way {
            Way::Forth => Way::Back,
            Way::Back => Way::Bare,
            Way::Bare => {
                let said = format!("{farm} {what}. It is left stopped: try to start it later, move it, or delete it.");
                return self.give_up_on(revision, Rung::Change, said).await;
            }
        };
        let told = said(self.grid.held(attempt.choice.best.twin, contract).await)?;
        // There may be nothing left on the node that could be brought back.
        let forgotten = told.is_none();
        let planner = self.grid.planner(self.twin()?);
        let off = attempt.off.as_ref();
        let drawn = planner.restore(&attempt.deployment, off, &tried.deployment, told.as_ref(), way == Way::Bare);
        let (version, held) = match drawn {
            Err(error) if error.kind() == ErrorKind::Conflict => {
                tracing::warn!(revision = %revision.id, node = attempt.node(), ?error, "a node tells what can't be");
                return self.lose(revision, NONSENSE).await;
            }
            drawn => drawn?,
        };
        self.turn(revision, move |_, _, revision| {
            let next = match way {
                _ if forgotten => "It does not know the server any more.",
                Way::Bare => "Its old self did not come up again either: it is left stopped.",
                _ => "What was there before is brought back.",
            };
            revision.trouble(now, Rung::Change, format!("{farm} {what}. {next}"));
            revision.reason.get_or_insert_with(|| match forgotten {
                true => "Its node does not know it any more: move it elsewhere, or delete it.".into(),
                false => format!("Its place {what}."),
            });
            revision.drafts.push(draft(way, version, held));
            revision.enter(Stage::Agreeing, now);
            Ok(())
        })
        .await?;
        Ok(self.soon())
    }

    /// The money is moved, and the order is what was asked for.
    async fn settle_revision(&self, revision: &Revision) -> Result<Next> {
        if let Some(charge) = revision.charge {
            let charge = self.drive_capture(charge).await?;
            match charge.state {
                ChargeState::Captured => {}
                ChargeState::Declined { .. } | ChargeState::Voided if revision.kind == Kind::Move => {
                    return self.give_up_on(revision, Rung::Finish, "Your bank let go of the money before it was taken.").await;
                }
                ChargeState::Declined { .. } | ChargeState::Voided => {
                    let order = self.read()?.order(revision.order)?.ok_or_else(|| Error::not_found("order"))?;
                    tracing::info!(revision = %revision.id, "a bank let go of a difference before it was taken");
                    let why = "has done it, but your bank let go of the money before it was taken";
                    return self.or_silence(&order, revision, self.turn_back(&order, revision, why).await).await;
                }
                ChargeState::Sent | ChargeState::NeedsAction { .. } | ChargeState::Authorized => return Ok(self.later()),
            }
        }
        let (now, random) = (self.now(), self.random.clone());
        let (brand, site) = (self.settings.brand.name.clone(), self.settings.server.public_url.clone());
        self.turn(revision, move |tx, order, revision| {
            let costs = revision.kind == Kind::Resize || order.lost.is_some();
            match revision.kind {
                Kind::Move => elsewhere::arrive(tx, order, revision, &*random, now)?,
                Kind::Stop | Kind::Start | Kind::Resize => take_over(order, revision, now)?,
            }
            // What is only switched or moved costs what it costs, whatever became of its price meanwhile.
            let due = if costs {
                order.wish = revision.wish.clone();
                order.parts = revision.parts.clone();
                reprice(tx, order, (revision.price, revision.due, revision.created), revision.charge, &*random, now)?
            } else {
                Due::Nothing
            };
            settle_room(tx, order, now + REPORTED_AFTER, now)?;
            // While its backup VM is in charge, visitors stay there.
            let backup = tx.backup(order.id)?;
            backup::way_in::lead(tx, order, backup.as_ref(), &*random, now)?;
            let money = match due {
                Due::Nothing => String::new(),
                Due::Pay(amount) => format!(" {} was taken for the rest of the month.", amount.shown()),
                Due::Back(amount) => format!(" {} goes back to your card for the rest of the month.", amount.shown()),
            };
            revision.note(now, Rung::Finish, format!("It is {}.{money}", revision.kind.done()));
            revision.ended = Some(now);
            revision.enter(Stage::Done, now);
            tell(tx, order, revision, (&brand, &site), &*random, now)
        })
        .await?;
        self.nudge();
        Ok(Next::Done)
    }

    /// It could not be done: the money is let go, and the order is what the last version left.
    async fn release(&self, revision: &Revision) -> Result<Next> {
        if let Some(charge) = revision.charge
            && !self.drop_difference(charge).await?
        {
            return Ok(self.later());
        }
        let (now, random) = (self.now(), self.random.clone());
        let (brand, site) = (self.settings.brand.name.clone(), self.settings.server.public_url.clone());
        self.turn(revision, move |tx, order, revision| {
            if !revision.lost && revision.drafts.last().is_some_and(|draft| draft.way != Way::Forth) {
                take_over(order, revision, now)?;
            }
            if revision.kind != Kind::Move {
                settle_room(tx, order, now + REPORTED_AFTER, now)?;
            }
            let money = if revision.charge.is_some() { " Nothing was charged." } else { "" };
            let reason = revision.reason.get_or_insert_with(|| "It could not be done.".into()).clone();
            revision.trouble(now, Rung::Finish, format!("It was not {}. {reason}{money}", revision.kind.done()));
            revision.ended = Some(now);
            revision.enter(Stage::Failed, now);
            tell(tx, order, revision, (&brand, &site), &*random, now)
        })
        .await?;
        self.nudge();
        Ok(Next::Done)
    }

    /// The order is being ended: every call of the change is seen to its end, its money goes back whole, and the order goes on.
    async fn drop_open(&self, revision: &Revision) -> Result<Next> {
        for number in 0..u32::try_from(revision.drafts.len()).unwrap_or(u32::MAX) {
            let purpose = Purpose::UpdateContract { revision: revision.id, draft: number };
            if self.fate_of(&purpose).await? == Some(Fate::Pending) {
                return Ok(self.at_next_block().await);
            }
        }
        if let Some(charge) = revision.charge
            && !self.drop_difference(charge).await?
        {
            return Ok(self.later());
        }
        let (id, now, random) = (revision.id, self.now(), self.random.clone());
        self.store
            .write(move |tx| {
                let Some(mut revision) = tx.revision(id)?.filter(|revision| !revision.state.at_rest()) else { return Ok(()) };
                let mut order = tx.order(revision.order)?.ok_or_else(|| Error::not_found("order"))?;
                let what =
                    if order.state == State::Active { "Its place has ended it meanwhile." } else { "It was deleted meanwhile." };
                revision.trouble(now, Rung::Finish, what);
                revision.ended = Some(now);
                revision.enter(Stage::Dropped, now);
                order.revision = None;
                tx.put_revision(&revision)?;
                tx.put_order(&order)?;
                tx.owe(JobId::random(&*random), Work::ClimbOrder(order.id), now)
            })
            .await?;
        self.nudge();
        Ok(Next::Done)
    }

    /// Lets the job of an order's change come to its end. True when there is none any more.
    pub(super) async fn drop_revision(&self, order: &Order) -> Result<bool> {
        let Some(open) = self.read()?.order(order.id)?.and_then(|order| order.revision) else { return Ok(true) };
        let (work, job, now) = (Work::Revise(open.id), JobId::random(&*self.random), self.now());
        self.store
            .write(move |tx| match tx.job_for(&work)?.filter(|job| job.parked) {
                Some(parked) => tx.retry_job(parked.id, now),
                None => tx.owe(job, work, now),
            })
            .await?;
        self.nudge();
        Ok(false)
    }

    /// Every change that is not at rest gets its job back, should it have lost it.
    pub(super) async fn reconcile_revisions(&self) -> Result<usize> {
        const SLICE: usize = 200;
        let (mut last, mut lost) = (None, Vec::new());
        loop {
            let snapshot = self.read()?;
            let open = snapshot.revisions_open(last, SLICE)?;
            for revision in &open {
                if snapshot.job_for(&Work::Revise(revision.id))?.is_none() {
                    lost.push((JobId::random(&*self.random), revision.id));
                }
            }
            match open.last() {
                Some(revision) if open.len() == SLICE => last = Some((revision.created, revision.id)),
                _ => break,
            }
        }
        let (count, now) = (lost.len(), self.now());
        if count > 0 {
            tracing::warn!(count, "changes without a job were found and taken up again");
            self.store.write(move |tx| lost.iter().try_for_each(|(job, id)| tx.owe(*job, Work::Revise(*id), now))).await?;
            self.nudge();
        }
        Ok(count)
    }
}

/// Nothing is left that could be changed: the order ends, or its server is gone and can only be set up elsewhere.
fn is_void(order: &Order, revision: &Revision) -> bool {
    order.state != State::Active || (order.lost.is_some() && revision.kind != Kind::Move)
}

/// A node that answers a question with a refusal is as good as one that does not answer: nobody here can do anything about it.
fn said<T>(answer: Result<T>) -> Result<T> {
    answer.map_err(|error| match error.kind() {
        ErrorKind::Conflict => Error::unavailable("The node does not tell.").because(error),
        _ => error,
    })
}

fn draft(way: Way, version: Version, held: bool) -> Draft {
    Draft { way, deployment: version.deployment, hash: version.hash, off: version.off, held, agreed: None, sent: None }
}

fn current(order: &Order) -> Result<(&Attempt, u64)> {
    let attempt = order.attempt().ok_or_else(|| Error::internal("An active order without an attempt."))?;
    Ok((attempt, attempt.contract.ok_or_else(|| Error::internal("An active order without a contract."))?))
}

/// From now on the order's attempt is its last version.
fn take_over(order: &mut Order, revision: &Revision, now: Time) -> Result<()> {
    let number = order.attempt_number().ok_or_else(|| Error::internal("An active order without an attempt."))?;
    let draft = revision.drafts.last().ok_or_else(|| Error::internal("A change without a version."))?;
    let attempt = &mut order.attempts[number];
    attempt.deployment.clone_from(&draft.deployment);
    attempt.hash.clone_from(&draft.hash);
    attempt.off.clone_from(&draft.off);
    order.stopped = match draft.off {
        Some(_) => order.stopped.or(Some(now)),
        None => None,
    };
    if let Some(access) = &revision.access {
        order.access = Some(access.clone());
    }
    Ok(())
}

/// A mail for what somebody waits for: stopping and starting is quick, and told only when it went wrong.
fn tell(
    tx: &mut Tx<'_>,
    order: &Order,
    revision: &Revision,
    (brand, site): (&str, &str),
    random: &dyn crate::base::Random,
    now: Time,
) -> Result<()> {
    if revision.state == Stage::Done && matches!(revision.kind, Kind::Stop | Kind::Start) {
        return Ok(());
    }
    match tx.user(order.user)? {
        Some(user) => tx.queue_mail(&mail::changed(brand, site, &user, order, revision, random, now), random, now),
        None => Ok(()),
    }
}
