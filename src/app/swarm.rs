//! Storage swarms: begun when a machine runs, handed over with a key that is ours for a moment only, mended, proved, taken down.
//!
//! One job tends a swarm from its beginning to its end (`tend.rs`), so that nobody signs for a shard while somebody else gives it back.

mod drill;
mod settle;
mod tend;
mod watch;

use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::App;
use crate::base::ids::{JobId, OrderId, UserId};
use crate::base::seal::Locker;
use crate::base::{Error, Random, Result, Secret, Time};
use crate::domain::exposure::{Buyer, Market};
use crate::domain::job::Work;
use crate::domain::order::{Order, Outcome, State};
use crate::domain::placement::Choice;
use crate::domain::pool::Pool;
use crate::domain::slot::Slot;
use crate::domain::swarm::config::{Entry, zstor_toml};
use crate::domain::swarm::place::{self, Ground};
use crate::domain::swarm::{Drill, Looks, REPAIR_ASKED_AFTER, Role, Stage, Swarm, SwarmWish};
use crate::grid::ContractState;
use crate::store::Tx;
use crate::store::backup::Backups;
use crate::store::order::{Orders, Reservation};
use crate::store::swarm::Swarms;

/// The part of the server's disk that the swarm's cache may fill: one of so many.
const CACHE_PART: u64 = 4;

/// Why nothing is given up now.
const TOO_MANY_AWAY: &str = "So many shards are away, or new and not filled yet, that giving one up could lose what is stored for good. It can be \
                             replaced when more of them are back.";

/// Makes the passwords of a swarm's stores, each of its number; what they are made of is locked away.
pub(super) struct Passwords(Zeroizing<Vec<u8>>);

impl Passwords {
    /// 32 hex letters, fewer than a store takes.
    pub(super) fn of(&self, number: u32) -> Secret<String> {
        let mut made = <Hmac<Sha256> as Mac>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        made.update(format!("store {number}").as_bytes());
        let bytes = made.finalize().into_bytes();
        Secret::new(hex::encode(&bytes[..16]))
    }
}

fn seed_label(order: OrderId) -> String {
    format!("swarm/{order}/seed")
}

fn key_label(order: OrderId) -> String {
    format!("swarm/{order}/key")
}

impl App {
    /// Refuses what could not be built beside machines on `taken`.
    pub(super) fn swarm_fits(&self, nodes: &Pool, market: &Market, wish: &SwarmWish, taken: &[u32], buyer: &Buyer) -> Result<()> {
        self.locker()?;
        Ground { pool: nodes, market, wish, never: taken, buyer }.choose_all().map(drop).map_err(|none| {
            Error::invalid("swarm_gib", format!("There is no room for so large a swarm now. {}", none.sentence()))
        })
    }

    fn locker(&self) -> Result<&Locker> {
        self.locker.as_ref().ok_or_else(|| Error::unavailable("There are no words for the wallet: no secret can be kept."))
    }

    pub(super) fn passwords(&self, swarm: &Swarm) -> Result<Passwords> {
        self.locker()?.open(&seed_label(swarm.order), &swarm.seed).map(Passwords)
    }

    /// A person's own swarm, and how its shards are.
    pub fn swarm_of(&self, user: UserId, order: OrderId) -> Result<(Swarm, Looks)> {
        let snapshot = self.read()?;
        let swarm = snapshot.swarm(order)?.filter(|swarm| swarm.user == user).ok_or_else(|| Error::not_found("storage swarm"))?;
        let looks = snapshot.looks(order)?;
        Ok((swarm, looks))
    }

    /// The configuration for the owner's server. It holds the key until the owner has said that it is saved.
    pub fn swarm_config(&self, user: UserId, id: OrderId) -> Result<Secret<String>> {
        let (swarm, _) = self.swarm_of(user, id)?;
        let order = self.order_of(user, id)?;
        if swarm.stage != Stage::Ready {
            return Err(Error::not_found("configuration"));
        }
        let passwords = self.passwords(&swarm)?;
        let entry = |(number, shard): (u32, &crate::domain::swarm::Shard)| {
            let backend = shard.backend.as_ref()?;
            Some(Entry {
                role: shard.role,
                address: backend.address(),
                namespace: backend.namespace.clone(),
                password: passwords.of(number),
            })
        };
        let entries: Vec<Entry> = swarm.working().filter_map(entry).collect();
        let key = match &swarm.key {
            Some(key) => Some(Secret::new(hex::encode(&*self.locker()?.open(&key_label(id), key)?))),
            None => None,
        };
        let cache_mib = (order.wish.size.capacity.ssd / CACHE_PART) >> 20;
        Ok(zstor_toml(&swarm, &entries, key.as_ref(), cache_mib))
    }

    /// The owner has put a version of the configuration in place. From the first time on we do not have the key any more.
    pub async fn keep_config(&self, user: UserId, id: OrderId, version: u32) -> Result<()> {
        let now = self.now();
        self.change_swarm_of(user, id, move |_, swarm| {
            if !(1..=swarm.version).contains(&version) {
                return Err(Error::conflict("There is another configuration by now. Please download that one."));
            }
            if swarm.key.take().is_some() {
                swarm.note(now, "You have saved the configuration; we have thrown the key away.");
            } else if version > swarm.saved {
                swarm.note(now, format!("Configuration {version} is in place."));
            }
            swarm.saved = swarm.saved.max(version);
            Ok(())
        })
        .await
    }

    /// Asks for a drill. One at a time.
    pub async fn ask_drill(&self, user: UserId, id: OrderId) -> Result<()> {
        let (now, random) = (self.now(), self.random.clone());
        self.change_swarm_of(user, id, move |tx, swarm| {
            if swarm.stage != Stage::Ready {
                return Err(Error::conflict("It can be tried as soon as all of it is there."));
            }
            if swarm.drill.as_ref().is_none_or(|drill| drill.done.is_some()) {
                swarm.drill = Some(Drill { asked: now, done: None });
            }
            tx.owe(JobId::random(&*random), Work::DrillSwarm(id), now)
        })
        .await?;
        self.nudge();
        Ok(())
    }

    /// Replaces a shard that is away, because its owner does not want to wait.
    pub async fn replace_shard(&self, user: UserId, id: OrderId, number: u32) -> Result<()> {
        let (now, random, nodes) = (self.now(), self.random.clone(), self.known_nodes().await?);
        let make = self.shard_maker()?;
        self.change_swarm_of(user, id, move |tx, swarm| {
            let looks = tx.looks(id)?;
            let known = swarm.shard(number).is_some_and(|shard| shard.works());
            if swarm.stage != Stage::Ready || !known {
                return Err(Error::not_found("shard"));
            }
            if looks.away_since(number).is_none_or(|since| now.since(since) < REPAIR_ASKED_AFTER) {
                return Err(Error::conflict("It answers, or has not been away for five minutes yet."));
            }
            if !swarm.can_spare(&looks) {
                return Err(Error::conflict(TOO_MANY_AWAY));
            }
            if !make.replace(tx, &nodes, swarm, number, now, &*random)? {
                return Err(Error::unfunded("No other node has room for it now. Please try again later."));
            }
            tx.owe(JobId::random(&*random), Work::TendSwarm(id), now)
        })
        .await?;
        self.nudge();
        Ok(())
    }

    async fn change_swarm_of<F>(&self, user: UserId, order: OrderId, change: F) -> Result<()>
    where
        F: FnOnce(&mut Tx<'_>, &mut Swarm) -> Result<()> + Send + 'static,
    {
        self.store
            .write(move |tx| {
                let swarm = tx.swarm(order)?.filter(|swarm| swarm.user == user && swarm.stage != Stage::Gone);
                let mut swarm = swarm.ok_or_else(|| Error::not_found("storage swarm"))?;
                change(tx, &mut swarm)?;
                tx.put_swarm(&swarm)
            })
            .await
    }

    /// Whether nothing is left of an order's swarm; until then it is being taken down.
    pub(super) async fn swarm_is_down(&self, order: &Order) -> Result<bool> {
        let Some(swarm) = self.read()?.swarm(order.id)? else { return Ok(true) };
        if swarm.stage == Stage::Gone {
            return Ok(true);
        }
        let (id, now, random) = (order.id, self.now(), self.random.clone());
        if matches!(swarm.stage, Stage::Building | Stage::Ready) {
            self.store
                .write(move |tx| {
                    let Some(mut swarm) = tx.swarm(id)? else { return Ok(()) };
                    if matches!(swarm.stage, Stage::Building | Stage::Ready) {
                        swarm.stage = Stage::Ending;
                        swarm.key = None;
                        swarm.note(now, "Its server is deleted: all shards are given back.");
                        tx.put_swarm(&swarm)?;
                        tx.owe(JobId::random(&*random), Work::TendSwarm(id), now)?;
                    }
                    Ok(())
                })
                .await?;
            self.nudge();
        }
        Ok(false)
    }
}

/// Refuses what can't be done while a swarm is built or given back: its part of the price is not settled before.
pub(super) fn at_rest(books: &impl Swarms, order: OrderId) -> Result<()> {
    match books.swarm(order)?.map(|swarm| swarm.stage) {
        Some(Stage::Building | Stage::Undoing | Stage::Ending) => {
            Err(Error::conflict("Its storage swarm is being built or given back: it can be changed as soon as that is done."))
        }
        Some(Stage::Ready | Stage::Gone) | None => Ok(()),
    }
}

/// Nodes that carry or carried an order's machine, or its backup VM's: what takes them down must not take a shard, too, and a node has
/// one reservation an order.
fn machine_nodes(tx: &Tx<'_>, id: OrderId) -> Result<Vec<u32>> {
    let order = tx.order(id)?.map(|order| order.tried()).unwrap_or_default();
    let backup = tx.backup(id)?.map(|backup| backup.nodes()).unwrap_or_default();
    Ok(order.into_iter().chain(backup).collect())
}

/// Nodes that hold a shard of an order's.
pub(super) fn nodes_of(books: &impl Swarms, order: OrderId) -> Result<Vec<u32>> {
    let swarm = books.swarm(order)?;
    Ok(swarm.iter().flat_map(|swarm| swarm.open()).map(|(_, shard)| shard.node().node).collect())
}

/// Begins the swarm of an order that runs, if it has one.
pub(super) fn begin(tx: &mut Tx<'_>, order: &Order, locker: Option<&Locker>, random: &dyn Random, now: Time) -> Result<()> {
    let Some(wish) = &order.wish.swarm else { return Ok(()) };
    if tx.swarm(order.id)?.is_some() {
        return Ok(());
    }
    let locker = locker.ok_or_else(|| Error::unavailable("There are no words for the wallet: no secret can be kept."))?;
    let mut swarm = Swarm {
        order: order.id,
        user: order.user,
        wish: wish.clone(),
        created: now,
        stage: Stage::Building,
        shards: vec![],
        seed: locker.lock(&seed_label(order.id), &random.bytes::<32>(), random)?,
        key: Some(locker.lock(&key_label(order.id), &random.bytes::<32>(), random)?),
        ready: None,
        version: 0,
        saved: 0,
        no_room: None,
        drill: None,
        reason: None,
        history: vec![],
    };
    swarm.note(now, "The server runs; its storage swarm is being built.");
    tx.put_swarm(&swarm)?;
    tx.owe(JobId::random(random), Work::TendSwarm(order.id), now)
}

/// Seats for an order's swarm; refuses one that has no room any more.
pub(super) fn still_fits(
    nodes: &Pool,
    market: &Market,
    wish: &SwarmWish,
    taken: &[u32],
    buyer: &Buyer,
) -> Result<Vec<(Role, Choice)>> {
    Ground { pool: nodes, market, wish, never: taken, buyer }
        .choose_all()
        .map_err(|none| Error::unfunded(format!("There is no room for the storage swarm any more. {}", none.sentence())))
}

/// Keeps the room of those seats until the swarm is begun, in the write that makes the order.
pub(super) fn keep_room(tx: &mut Tx<'_>, order: OrderId, wish: &SwarmWish, seats: &[(Role, Choice)]) -> Result<()> {
    let taken = place::taken(wish, seats.iter().map(|(role, choice)| (*role, &choice.best)));
    taken
        .into_iter()
        .try_for_each(|(node, (farm, capacity))| tx.reserve(node, order, &Reservation { farm, capacity, ipv4: 0, until: None }))
}

/// The order is over: no room is kept for a swarm that was never begun.
pub(super) fn let_go(tx: &mut Tx<'_>, order: &Order) -> Result<()> {
    match order.wish.swarm {
        Some(_) => tx.kept_for(order.id)?.into_iter().try_for_each(|node| tx.release(node, order.id)),
        None => Ok(()),
    }
}

/// Refuses to let go of a machine whose swarm would be taken down with it.
pub(super) fn none_left(reader: &impl Swarms, order: OrderId) -> Result<()> {
    match reader.swarm(order)?.is_some_and(|swarm| swarm.stage != Stage::Gone) {
        true => Err(Error::conflict(
            "This server has a storage swarm, which is rented with it and can't be taken over: what it holds would be gone.",
        )),
        false => Ok(()),
    }
}

/// Lets a swarm follow what became of the contract of a shard.
pub(super) fn follow_shard(tx: &mut Tx<'_>, slot: Slot, state: ContractState, random: &dyn Random, now: Time) -> Result<()> {
    let Some(mut swarm) = tx.swarm(slot.order)? else { return Ok(()) };
    let running = matches!(swarm.stage, Stage::Building | Stage::Ready)
        && tx.order(slot.order)?.is_some_and(|order| order.state == State::Active);
    let Some(shard) = swarm.shard_mut(slot.number).filter(|shard| running && shard.is_open()) else { return Ok(()) };
    if state != ContractState::Gone {
        return Ok(()); // a pause passes, and what is there stays
    }
    let farm = shard.node().farm_name.clone();
    tracing::warn!(%slot, "the grid deleted the contract of a shard");
    shard.attempt.outcome = Outcome::Failed { why: "Its place has ended it.".into() };
    swarm.no_room = None; // nobody has looked for one more yet
    swarm.trouble(now, format!("{farm} has given up the shard that it held: it is replaced."));
    tx.put_swarm(&swarm)?;
    tx.owe(JobId::random(random), Work::TendSwarm(slot.order), now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::backup::BackupVm;
    use crate::domain::order::tests::order;
    use crate::domain::swarm::tests::{scored, swarm};
    use crate::store::Store;

    fn seat(node: u32) -> Choice {
        Choice { best: scored(node, node), runner_up: None, fitting: 1 }
    }

    #[test]
    fn shards_keep_away_from_where_the_backup_vm_is_or_may_be() {
        let nodes = |tx: &mut Tx<'_>| {
            tx.add_order(&order())?;
            tx.put_backup(&BackupVm::new(order().id, Default::default(), seat(7)))?;
            machine_nodes(tx, order().id)
        };
        assert_eq!(Store::in_memory().unwrap().write_blocking(nodes).unwrap(), [7]);
    }

    #[test]
    fn room_is_kept_from_the_order_on_and_let_go_of_with_it() {
        let kept = |tx: &mut Tx<'_>| {
            let (wish, id) = (swarm().wish, order().id);
            keep_room(tx, id, &wish, &[(Role::Data, seat(1)), (Role::Meta, seat(1)), (Role::Data, seat(2))])?;
            keep_room(tx, OrderId::from_bits(9), &wish, &[(Role::Data, seat(2))])?;
            let (before, sum) = (tx.kept_for(id)?, tx.reserved(Time::from_ms(i64::MAX - 1))?);
            let mut order = order();
            order.wish.swarm = Some(wish.clone());
            let_go(tx, &order)?;
            let one = |role| place::need(&wish, role);
            assert_eq!((sum[&1], sum[&2]), (one(Role::Data).plus(one(Role::Meta)), one(Role::Data).plus(one(Role::Data))));
            Ok((before, tx.kept_for(id)?, tx.kept_for(OrderId::from_bits(9))?))
        };
        assert_eq!(Store::in_memory().unwrap().write_blocking(kept).unwrap(), (vec![1, 2], vec![], vec![2]));
    }
}
