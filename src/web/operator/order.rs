//! All orders, and one with the trace of its money.

use actix_web::web::Path;

use super::id;
use super::trace::{Trace, trace};
use crate::base::ids::{OrderId, UserId};
use crate::base::money::Rate;
use crate::base::{Error, Result};
use crate::domain::backup::Backup;
use crate::domain::order::{self as domain, Entry, Order, Outcome, Wish};
use crate::domain::revision::{Kind, Revision, Told};
use crate::store::Snapshot;
use crate::store::account::Accounts;
use crate::store::backup::Backups;
use crate::store::order::Orders;
use crate::store::revision::Revisions;
use crate::web::error::PageResult;
use crate::web::extract::Operator;
use crate::web::guest::offer;
use crate::web::list::{Query, ROWS, paged, read_mark, turn, write_mark};
use crate::web::page::operator::order::{Attempt, View, page};
use crate::web::page::operator::orders;
use crate::web::ui::part::{Step, StepState};

/// Changes whose story is told with the order's.
const CHANGES: usize = 20;
const HERE: &str = "/operator/orders";

pub async fn list(me: Operator, query: Query) -> PageResult {
    let filter = match query.get("state") {
        Some(text) => Some(orders::state_of(text).ok_or_else(|| Error::not_found("state of an order"))?),
        None => None,
    };
    let (turn, snapshot) = (turn(&query, read_mark)?, me.app.read()?);
    let found = snapshot.orders_page(filter, turn, ROWS + 1)?;
    let keep: Vec<_> = filter.map(|state| ("state", orders::slug(state))).into_iter().collect();
    let (found, pager) = paged(HERE, &keep, &turn, found, |order: &Order| write_mark(&(order.created, order.id)));
    let rows = found.into_iter().map(|order| row(&snapshot, order)).collect::<Result<_>>()?;
    Ok(me.show(200, orders::page(&me.chrome(), &orders::View { rows, filter, pager })))
}

pub async fn show(me: Operator, path: Path<String>) -> PageResult {
    let order: OrderId = id(&path, "order")?;
    let snapshot = me.app.read()?;
    let order = snapshot.order(order)?.ok_or_else(|| Error::not_found("order"))?;
    let rate = me.app.rate();
    let trace = trace(&snapshot, &order, rate)?;
    let who = name_of(&snapshot, order.user)?;
    let swarm = crate::web::user::swarm::card(&me.app, &order)?;
    let changes = snapshot.revisions_of(order.id, None, CHANGES)?;
    let backup = snapshot.backup(order.id)?.map(|backup| backup.attempts).unwrap_or_default();
    let mut view = View { swarm, ..view(order, who, trace, rate, &changes) };
    // Its backup VM's places, behind its own.
    let beside = |attempt: Attempt| Attempt { result: format!("Backup VM: {}", attempt.result), ..attempt };
    view.attempts.extend((1..).zip(&backup).map(|(number, attempt)| beside(tried(number, attempt))));
    Ok(me.show(200, page(&me.chrome(), &view)))
}

fn row(snapshot: &Snapshot, order: Order) -> Result<orders::Row> {
    Ok(orders::Row {
        who: name_of(snapshot, order.user)?,
        node: order.attempt().map(|attempt| attempt.node()),
        id: order.id,
        name: order.wish.name.to_string(),
        state: order.state,
        price: order.price,
        at: order.created,
    })
}

fn name_of(snapshot: &Snapshot, user: UserId) -> Result<String> {
    Ok(snapshot.user(user)?.map_or_else(|| user.to_string(), |user| user.name.to_string()))
}

fn view(order: Order, who: String, trace: Trace, rate: Option<Rate>, changes: &[Revision]) -> View {
    let mut steps: Vec<Step> = order.timeline.iter().cloned().map(step).collect();
    steps.extend(changes.iter().flat_map(|change| change.story.iter().map(|told| told_of(change.kind, told))));
    steps.sort_by_key(|step| step.at);
    View {
        id: order.id,
        name: order.wish.name.to_string(),
        state: order.state,
        who,
        asked: asked(&order.wish),
        ordered: order.created,
        swarm: None,
        sums: trace.sums,
        grid_worth: rate.and_then(|rate| rate.to_usd(trace.sums.grid)),
        owed_worth: rate.and_then(|rate| rate.to_usd(trace.sums.owed()?)),
        margin: rate.and_then(|rate| trace.margin(rate)),
        hops: trace.hops,
        attempts: (1..).zip(begun(&order)).map(|(number, attempt)| tried(number, attempt)).collect(),
        steps,
    }
}

fn asked(wish: &Wish) -> Vec<String> {
    let machine = [wish.image.name.clone(), offer::size(&wish.size).line()];
    let backup = (wish.backup == Backup::Machine).then(|| "Backup VM".to_owned());
    machine.into_iter().chain(offer::disks(wish)).chain(offer::network(wish)).chain(backup).collect()
}

/// The tries on nodes. When an order ended before its node was asked, there was none.
fn begun(order: &Order) -> impl Iterator<Item = &domain::Attempt> {
    let over = order.state.at_rest();
    order.attempts.iter().filter(move |attempt| !over || attempt.contract.is_some() || attempt.outcome != Outcome::Trying)
}

fn step(entry: Entry) -> Step {
    Step {
        name: entry.step.title().into(),
        text: entry.text,
        state: if entry.trouble { StepState::Failed } else { StepState::Done },
        at: Some(entry.at),
    }
}

fn told_of(kind: Kind, told: &Told) -> Step {
    Step {
        name: format!("{}: {}", kind.noun(), told.rung.title().to_lowercase()),
        text: told.text.clone(),
        state: if told.trouble { StepState::Failed } else { StepState::Done },
        at: Some(told.at),
    }
}

fn tried(number: u32, attempt: &domain::Attempt) -> Attempt {
    let (ok, result) = match &attempt.outcome {
        Outcome::Trying => (None, "No answer yet.".to_owned()),
        Outcome::Works => (Some(true), "The node runs it.".to_owned()),
        Outcome::Failed { why } => (Some(false), why.clone()),
        Outcome::Left => (None, "It was moved elsewhere.".to_owned()),
    };
    Attempt {
        number,
        node: attempt.node(),
        farm: attempt.choice.best.farm_name.clone(),
        contract: attempt.contract,
        result,
        ok,
        at: attempt.started,
    }
}
