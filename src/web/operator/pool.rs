//! Private pools: making them, deciding about nodes, letting people in.

use std::collections::BTreeMap;
use std::ops::Bound;

use actix_web::web::Path;

use super::id;
use crate::base::ids::{PoolId, UserId};
use crate::base::{Error, Kind, Result, Time};
use crate::domain::exposure::{Exposure, PrivatePool, Stage};
use crate::domain::pool as nodes;
use crate::store::Snapshot;
use crate::store::account::Accounts;
use crate::store::exposure::Exposures;
use crate::web::error::{PageResult, status};
use crate::web::extract::{Form, Operator};
use crate::web::list::{Names, Query, ROWS, numbered, paged, paged_as, read_mark, turn, turn_of, write_mark};
use crate::web::page::operator::pool::{About, Member, Node, Refusal, View, page, refusal_page};
use crate::web::page::operator::pools;
use crate::web::ui::form::Filled;
use crate::web::ui::part::Pager;

const HERE: &str = "/operator/pools";
/// Pages of the offers are called so: nodes have theirs on the same page.
const OFFERS: Names = ("offers_before", "offers_after");
/// Nodes and offers that are counted; beyond it nobody counts.
const COUNTED: usize = 100_000;

pub async fn list(me: Operator, query: Query) -> PageResult {
    Ok(me.show(200, pools::page(&me.chrome(), &all(&me, &query, Filled::default())?)))
}

pub async fn create(me: Operator, form: Form) -> PageResult {
    match me.app.create_private_pool(form.text("name")).await {
        Ok(pool) => Ok(me.go_saying(&format!("{HERE}/{pool}"), true, "The pool is made. Providers can offer nodes to it now.")),
        Err(error) if can_be_mended(&error) => {
            let view = all(&me, &BTreeMap::new(), form.filled(&["name"]).refused(&error))?;
            Ok(me.show(status(error.kind()).as_u16(), pools::page(&me.chrome(), &view)))
        }
        Err(error) => Err(error.into()),
    }
}

pub async fn show(me: Operator, path: Path<String>, query: Query) -> PageResult {
    let view = view(&me, id(&path, "pool")?, &query, Filled::default())?;
    Ok(me.show(200, page(&me.chrome(), &view)))
}

pub async fn approve(me: Operator, path: Path<String>, form: Form) -> PageResult {
    let (pool, node) = (pool_of(&me, &path)?.id, number(form.text("node"))?);
    me.app.approve_offer(pool, node).await?;
    Ok(me.go_saying(&format!("{HERE}/{pool}"), true, &format!("Node {node} is in the pool now, and sold to its members only.")))
}

/// Asks for the reason first.
pub async fn ask(me: Operator, path: Path<String>, query: Query) -> PageResult {
    let (pool, node) = (pool_of(&me, &path)?, number(query.get("node").map_or("", String::as_str))?);
    let view = refusal(&me, &pool, node, Filled::default())?;
    Ok(me.show(200, refusal_page(&me.chrome(), &view)))
}

pub async fn refuse(me: Operator, path: Path<String>, form: Form) -> PageResult {
    let (pool, node) = (pool_of(&me, &path)?, number(form.text("node"))?);
    match me.app.refuse_offer(pool.id, node, form.text("reason")).await {
        Ok(()) => {
            let said = format!("Node {node} is not in the pool. Its provider reads why.");
            Ok(me.go_saying(&format!("{HERE}/{}", pool.id), true, &said))
        }
        Err(error) if error.kind() == Kind::Invalid => {
            let view = refusal(&me, &pool, node, form.filled(&["reason"]).refused(&error))?;
            Ok(me.show(status(error.kind()).as_u16(), refusal_page(&me.chrome(), &view)))
        }
        Err(error) => Err(error.into()),
    }
}

pub async fn admit(me: Operator, path: Path<String>, form: Form) -> PageResult {
    let pool = pool_of(&me, &path)?.id;
    match me.app.add_pool_member(pool, form.text("email")).await {
        Ok(()) => Ok(me.go_saying(&format!("{HERE}/{pool}"), true, "They can order on these nodes now.")),
        Err(error) if can_be_mended(&error) => {
            let view = view(&me, pool, &BTreeMap::new(), form.filled(&["email"]).refused(&error))?;
            Ok(me.show(status(error.kind()).as_u16(), page(&me.chrome(), &view)))
        }
        Err(error) => Err(error.into()),
    }
}

pub async fn dismiss(me: Operator, path: Path<String>, form: Form) -> PageResult {
    let (pool, user): (PoolId, UserId) = (pool_of(&me, &path)?.id, id(form.text("user"), "person")?);
    me.app.remove_pool_member(pool, user).await?;
    Ok(me.go_saying(&format!("{HERE}/{pool}"), true, "They can't order on these nodes any more. What they run there goes on."))
}

fn can_be_mended(error: &Error) -> bool {
    matches!(error.kind(), Kind::Invalid | Kind::Conflict)
}

fn number(text: &str) -> Result<u32> {
    text.parse().map_err(|_| Error::not_found("node"))
}

fn pool_of(me: &Operator, path: &str) -> Result<PrivatePool> {
    me.app.read()?.private_pool(id(path, "pool")?)?.ok_or_else(|| Error::not_found("pool"))
}

fn all(me: &Operator, query: &BTreeMap<String, String>, filled: Filled) -> Result<pools::View> {
    let snapshot = me.app.read()?;
    let pools = snapshot.private_pools()?;
    let (shown, pager) = numbered(HERE, query, &pools)?;
    let row = |pool: PrivatePool| {
        let counted = |stage| Ok(snapshot.count_in_pool(pool.id, stage, COUNTED)? as u64);
        let (nodes, offers) = (counted(Stage::Allocated)?, counted(Stage::Offered)?);
        Ok(pools::Pool { id: pool.id, members: pool.members.len(), name: pool.name, created: pool.created, nodes, offers })
    };
    let pools = shown.iter().cloned().map(row).collect::<Result<_>>()?;
    Ok(pools::View { pools, pager, filled, now: me.app.now() })
}

fn view(me: &Operator, pool: PoolId, query: &BTreeMap<String, String>, filled: Filled) -> Result<View> {
    let snapshot = me.app.read()?;
    let pool = snapshot.private_pool(pool)?.ok_or_else(|| Error::not_found("pool"))?;
    let nodes = me.app.nodes();
    let described = |exposure: &Exposure| described(&snapshot, &nodes, exposure);
    let here = format!("{HERE}/{}", pool.id);
    let mark = |exposure: &Exposure| write_mark(&(since(exposure), exposure.node));
    let asked = turn_of(query, OFFERS, read_mark)?;
    let offers = snapshot.nodes_in_pool(pool.id, Stage::Offered, asked, ROWS + 1)?;
    let (offers, offers_pager) = paged_as(OFFERS, &here, &[], &asked, offers, mark);
    let asked = turn(query, read_mark)?;
    let inside = snapshot.nodes_in_pool(pool.id, Stage::Allocated, asked, ROWS + 1)?;
    let (inside, pager) = paged(&here, &[], &asked, inside, mark);
    let from = match query.get("members") {
        Some(text) => Bound::Excluded(id::<UserId>(text, "place in this list")?),
        None => Bound::Unbounded,
    };
    let ids: Vec<UserId> = pool.members.range((from, Bound::Unbounded)).take(ROWS + 1).copied().collect();
    let members_pager = Pager {
        newer: query.get("members").map(|_| here.clone()),
        older: ids.get(ROWS - 1).filter(|_| ids.len() > ROWS).map(|last| format!("{here}?members={last}")),
    };
    let mut members = Vec::with_capacity(ids.len());
    for id in ids.iter().take(ROWS) {
        let user = snapshot.user(*id)?;
        let (name, email) = user.map(|user| (user.name.to_string(), user.email.to_string())).unwrap_or_default();
        members.push(Member { id: *id, name, email });
    }
    members.sort_by(|left, right| left.name.cmp(&right.name));
    Ok(View {
        id: pool.id,
        name: pool.name,
        offers: offers.iter().map(described).collect::<Result<_>>()?,
        offers_pager,
        nodes: inside.iter().map(described).collect::<Result<_>>()?,
        pager,
        members,
        members_pager,
        filled,
        now: me.app.now(),
    })
}

fn described(snapshot: &Snapshot, nodes: &nodes::Pool, exposure: &Exposure) -> Result<Node> {
    let about = nodes.node(exposure.node).map(|entry| About {
        farm_name: entry.farm_name().to_owned(),
        place: format!("{}, {}", entry.city(), entry.country()),
        cores: entry.total().cores,
        memory_gb: entry.total().memory >> 30,
        up: entry.up(),
        classes: entry.classes().collect(),
    });
    let allocation = exposure.allocation.as_ref();
    let provider = allocation.map(|allocation| snapshot.user(allocation.by)).transpose()?.flatten();
    Ok(Node {
        id: exposure.node,
        farm: exposure.farm,
        about,
        provider: provider.map_or_else(|| "somebody who left".to_owned(), |user| user.name.to_string()),
        since: since(exposure),
        kept_back: !exposure.exposed,
    })
}

/// Since when it is offered, or in the pool.
fn since(exposure: &Exposure) -> Time {
    exposure.allocation.as_ref().map_or(Time::EPOCH, |allocation| allocation.since)
}

fn refusal(me: &Operator, pool: &PrivatePool, node: u32, filled: Filled) -> Result<Refusal> {
    let exposure = me.app.read()?.exposure(node)?;
    let allocation = exposure.and_then(|exposure| exposure.allocation).filter(|allocation| allocation.pool == pool.id);
    let allocation = allocation.ok_or_else(|| Error::not_found("offer"))?;
    let inside = allocation.stage == Stage::Allocated;
    Ok(Refusal { pool: pool.id, pool_name: pool.name.clone(), node, inside, filled })
}
