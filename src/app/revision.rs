//! Changing what runs: stop, start, another size, another place. What was confirmed is stored with its price, and climbs by itself.

use super::App;
use super::card::card_of;
use super::charge::{Intent, hold_charge};
use super::order::{OrderForm, ask, new_attempt, no_card, reservation};
use super::wish::{disk_fields, number, size};
use crate::base::ids::{JobId, OrderId, RevisionId, UserId};
use crate::base::money::Usd;
use crate::base::text::MountPath;
use crate::base::time::DAY;
use crate::base::{Error, Result, Time};
use crate::domain::account::User;
use crate::domain::catalogue::{Boot, Capacity, GIB, Place};
use crate::domain::job::Work;
use crate::domain::order::{Order, State};
use crate::domain::placement::{Ask, choose};
use crate::domain::pool::Pool;
use crate::domain::price::{Part, backup_part, total, with_backup_at};
use crate::domain::revision::{Kind, Open, Revision, Rung, State as Stage};
use crate::domain::term::{Due, Proration};
use crate::domain::wish::{DataDisk, Wish};
use crate::store::account::Accounts;
use crate::store::exposure::Exposures;
use crate::store::order::{Orders, Reservation};
use crate::store::revision::Revisions;
use crate::store::schema::RESERVATIONS;
use crate::store::{Read, Tx};

/// Nodes that one order may have been on: each leaves its traces in the order.
const PLACES_MAX: usize = 60;
/// Changes of one order within a day.
const CHANGES_A_DAY: usize = 50;
/// What whoever confirmed a price reads when it is not the price any more.
pub const OTHER_PRICE: &str = "Meanwhile an hour has begun, or a price has changed. This is what it costs now.";
const NO_ROOM: &str =
    "There is no room for that where it runs. Move it to another place, which lets you choose again, or take less.";

/// What a form for another size sends, as it was typed.
#[derive(Debug, Clone, Default)]
pub struct ResizeForm {
    pub size: String,
    /// Measures other than those of the size; empty for the size's own. Memory and disk in GiB.
    pub cores: String,
    pub memory_gib: String,
    pub disk_gib: String,
    /// Sizes of the data disks in GiB and, for a new one, its folder.
    pub disks: Vec<(String, String)>,
}

/// What another size means, before anybody has agreed to it.
#[derive(Debug, Clone)]
pub struct Preview {
    pub wish: Wish,
    /// For 30 days, and what it is made of.
    pub price: Usd,
    pub parts: Vec<Part>,
    pub proration: Proration,
}

impl Preview {
    /// What is confirmed, so that nothing else is charged.
    pub fn seal(&self) -> String {
        let due = match self.proration.due {
            Due::Nothing => "0".to_owned(),
            Due::Pay(amount) => format!("+{}", amount.units()),
            Due::Back(amount) => format!("-{}", amount.units()),
        };
        format!("{}/{due}", self.price.units())
    }
}

/// What is asked for. Whatever is not said here is the order's own at the moment at which the change is stored.
enum Asked {
    Stop,
    Start,
    Resize(Box<Resize>),
    /// To a country, or anywhere.
    Move(String),
}

/// Another size, as it was shown.
struct Resize {
    /// What the order was when it was shown.
    from: Wish,
    wish: Wish,
    price: Usd,
    parts: Vec<Part>,
    /// What was confirmed.
    seal: String,
}

impl Asked {
    fn kind(&self) -> Kind {
        match self {
            Asked::Stop => Kind::Stop,
            Asked::Start => Kind::Start,
            Asked::Resize(_) => Kind::Resize,
            Asked::Move(_) => Kind::Move,
        }
    }

    /// Whether a change under way is this one: a button was pressed twice.
    fn is(&self, known: &Revision) -> bool {
        self.kind() == known.kind
            && match self {
                Asked::Stop | Asked::Start => true,
                Asked::Resize(new) => same_measures(&new.wish, &known.wish),
                Asked::Move(region) => Place::parse(region) == known.wish.place,
            }
    }
}

fn same_measures(one: &Wish, other: &Wish) -> bool {
    (one.size.capacity, &one.disks) == (other.size.capacity, &other.disks)
}

impl App {
    /// Another size: what it would be, and what it costs for the rest of the month.
    pub async fn preview_resize(&self, order: &Order, form: &ResizeForm) -> Result<Preview> {
        let (now, nodes) = (self.now(), self.known_nodes().await?);
        let snapshot = self.read()?;
        let (wish, parts, price) = self.resized(order, form, now)?;
        has_room(&snapshot, &nodes, order, &wish, now)?;
        let proration = order.prorate(price, now).ok_or_else(too_much)?;
        Ok(Preview { wish, price, parts, proration })
    }

    fn resized(&self, order: &Order, form: &ResizeForm, now: Time) -> Result<(Wish, Vec<Part>, Usd)> {
        let (units, old) = (self.unit_prices(now), &order.wish);
        let own = old.size.capacity;
        let or =
            |typed: &str, own: u64| if typed.trim().is_empty() && form.size == KEEP { own.to_string() } else { typed.to_owned() };
        // Whoever keeps the size keeps its measures, whatever the catalogue sells by now.
        let picked = match form.size.as_str() {
            KEEP => self.catalogue.sizes.first().map_or_else(String::new, |size| size.id.clone()),
            other => other.to_owned(),
        };
        let measures = OrderForm {
            size: picked,
            cores: or(&form.cores, own.cores),
            memory_gib: or(&form.memory_gib, own.memory / GIB),
            disk_gib: or(&form.disk_gib, own.ssd / GIB),
            ..OrderForm::default()
        };
        let size = size(&self.catalogue, &self.settings.limits, &units, &measures)?;
        let field = if form.disk_gib.trim().is_empty() { "size" } else { "disk_gib" };
        if size.capacity.ssd < old.image.least_disk {
            return Err(Error::invalid(
                field,
                format!("{} needs a disk of {} GB at least.", old.image.name, old.image.least_disk / GIB),
            ));
        }
        if old.image.boot == Boot::Full && size.capacity.ssd < own.ssd {
            let said = format!(
                "Its disk has {} GB and can only grow. Type {} or more as its own measure.",
                own.ssd / GIB,
                own.ssd / GIB
            );
            return Err(Error::invalid(field, said));
        }
        let disks = self.disks(old, form)?;
        let wish = Wish { size, disks, ..old.clone() };
        if wish == *old {
            return Err(Error::invalid("size", "That is what it has already."));
        }
        // The backup VM stays what it is, and so does its price.
        let parts = with_backup_at(units.parts(&wish).ok_or_else(too_much)?, backup_part(&order.parts));
        let price = total(&parts).ok_or_else(too_much)?;
        Ok((wish, parts, price))
    }

    /// The data disks: those there are, as large or larger, and one that is new at most.
    fn disks(&self, old: &Wish, form: &ResizeForm) -> Result<Vec<DataDisk>> {
        let (mut disks, limits) = (old.disks.clone(), &self.settings.limits);
        for ((at, (size, path)), place) in (1u64..).zip(&form.disks).zip(0..) {
            let (size_field, path_field) = disk_fields(at);
            let Some(gib) = number(size_field, size, 1, limits.data_disk_gib)? else { continue };
            let wanted = gib.saturating_mul(GIB);
            match disks.get_mut(place) {
                Some(disk) if wanted < disk.size => {
                    return Err(Error::invalid(size_field, format!("It has {} GB and can only grow.", disk.size / GIB)));
                }
                Some(disk) => disk.size = wanted,
                None if at > limits.data_disks => {
                    return Err(Error::invalid(size_field, format!("At most {} data disks, please.", limits.data_disks)));
                }
                None => {
                    let usual = format!("/mnt/data{at}");
                    let path = Some(path.trim()).filter(|path| !path.is_empty()).unwrap_or(&usual);
                    let mount = MountPath::parse(path).map_err(|why| Error::invalid(path_field, why))?;
                    let (mine, inside) = (mount.as_str(), |one: &str, other: &str| {
                        one.strip_prefix(other).is_some_and(|rest| rest.starts_with('/'))
                    });
                    let taken = |disk: &DataDisk| {
                        let other = disk.mount.as_str();
                        mine == other || inside(mine, other) || inside(other, mine)
                    };
                    if disks.iter().any(taken) {
                        return Err(Error::invalid(path_field, "Another disk is there already."));
                    }
                    disks.push(DataDisk { size: wanted, mount });
                    break;
                }
            }
        }
        Ok(disks)
    }

    /// Confirms another size at the price that was shown. What does not cost that any more is a conflict that says `OTHER_PRICE`.
    pub async fn resize_order(&self, user: &User, id: OrderId, form: &ResizeForm, seal: &str) -> Result<RevisionId> {
        let order = self.order_of(user.id, id)?;
        let (wish, parts, price) = self.resized(&order, form, self.now()).map_err(|wrong| match order.unchangeable() {
            Some(why) => Error::conflict(why),
            None => wrong,
        })?;
        let asked = Resize { from: order.wish, wish, price, parts, seal: seal.to_owned() };
        self.begin_revision(user, id, Asked::Resize(Box::new(asked))).await
    }

    /// Switches a server off, or on again. Its disks, its addresses and its room are kept, and its price.
    pub async fn switch_order(&self, user: &User, id: OrderId, on: bool) -> Result<RevisionId> {
        self.begin_revision(user, id, if on { Asked::Start } else { Asked::Stop }).await
    }

    /// Begins to set it up elsewhere. It runs on where it is until it runs there.
    pub async fn move_order(&self, user: &User, id: OrderId, region: &str) -> Result<RevisionId> {
        self.begin_revision(user, id, Asked::Move(region.to_owned())).await
    }

    /// Stores what is to be, holds the difference, reserves the room and queues the job. One transaction; nothing leaves before it.
    async fn begin_revision(&self, user: &User, id: OrderId, asked: Asked) -> Result<RevisionId> {
        let (now, user) = (self.now(), user.id);
        let (nodes, sales, open) = (self.known_nodes().await?, self.sales().await?, self.open_for_orders());
        let planner = self.grid.planner(self.twin()?);
        let random = self.random.clone();
        let begun = self
            .store
            .write(move |tx| {
                let (mut order, kind) = (own(tx, user, id)?, asked.kind());
                if let Some(open) = order.revision
                    && let Some(known) = tx.revision(open.id)?
                    && asked.is(&known)
                {
                    return Ok(known.id);
                }
                if let Some(why) = order.unchangeable() {
                    return Err(Error::conflict(why));
                }
                super::swarm::at_rest(tx, id)?;
                if order.lost.is_some() && kind != Kind::Move {
                    return Err(Error::conflict("Its place has ended it. Move it to another place first, or delete it."));
                }
                if matches!(kind, Kind::Move | Kind::Resize) {
                    super::backup::at_rest(tx, id)?;
                }
                match (kind, order.stopped.is_some()) {
                    (Kind::Stop, true) => return Err(Error::conflict("It is stopped already.")),
                    (Kind::Start, false) => return Err(Error::conflict("It runs already.")),
                    _ => {}
                }
                // Each of them costs a fee on the chain, and is kept.
                let newest = tx.revisions_of(id, None, CHANGES_A_DAY)?;
                if newest.get(CHANGES_A_DAY - 1).is_some_and(|old| now.since(old.created) < DAY) {
                    return Err(Error::conflict("It has been changed very often today. Please come back tomorrow."));
                }
                let (mut wish, mut price, mut parts, mut due) =
                    (order.wish.clone(), order.price, order.parts.clone(), Due::Nothing);
                match asked {
                    Asked::Stop | Asked::Start => {}
                    Asked::Move(region) => {
                        wish = moved(&order, &region);
                        // One that its place has ended is paid again from when it is set up again.
                        if order.lost.is_some() {
                            (price, parts) = order.restored().ok_or_else(too_much)?;
                            due = order.prorate(price, now).ok_or_else(too_much)?.due;
                        }
                    }
                    Asked::Resize(new) => {
                        let proration = order.prorate(new.price, now).ok_or_else(too_much)?;
                        let Resize { from, wish: wanted, price: shown, parts: of, seal } = *new;
                        let preview = Preview { wish: wanted, price: shown, parts: of, proration };
                        if from != order.wish || seal != preview.seal() {
                            return Err(Error::conflict(OTHER_PRICE));
                        }
                        due = preview.proration.due;
                        (wish, price, parts) = (preview.wish, preview.price, preview.parts);
                    }
                }
                let revision = RevisionId::random(&*random);
                let mut row = Revision {
                    id: revision,
                    order: id,
                    user,
                    kind,
                    created: now,
                    state: Stage::Agreeing,
                    since: now,
                    wish,
                    price,
                    parts,
                    due,
                    before: match kind {
                        Kind::Move => order.attempt().map(|it| it.choice.best.place()).unwrap_or_default(),
                        _ => order.wish.measures(),
                    },
                    charge: None,
                    drafts: vec![],
                    attempts_from: None,
                    access: None,
                    lost: false,
                    story: vec![],
                    reason: None,
                    ended: None,
                };
                match kind {
                    Kind::Stop | Kind::Start => {}
                    Kind::Resize => {
                        let growth = has_room(tx, &nodes, &order, &row.wish, now)?;
                        if growth != Capacity::default() {
                            open?;
                            sales.admit_room(tx, growth, 0, now)?;
                            grow_room(tx, &order, growth, now)?;
                        }
                    }
                    Kind::Move => {
                        open?;
                        if order.attempts.len() >= PLACES_MAX {
                            return Err(Error::conflict("It has been moved very often. Please order a new one instead."));
                        }
                        let mut here: Vec<u32> = order.attempt().map(|attempt| attempt.node()).into_iter().collect();
                        // Beside a shard of its own it would fall with it; and a node has one reservation an order.
                        here.extend(super::swarm::nodes_of(tx, id)?);
                        let mut ask = ask(&row.wish, tx.buyer_of(user)?).without_nodes(&here);
                        super::backup::keep_apart(tx, id, &mut ask)?;
                        let choice =
                            choose(&nodes, &ask, &tx.market(now)?).map_err(|none| Error::invalid("region", none.sentence()))?;
                        sales.admit_room(tx, row.wish.capacity(), row.wish.public_ips(), now)?;
                        let best = choice.best.clone();
                        row.attempts_from = u32::try_from(order.attempts.len()).ok();
                        row.state = Stage::Moving;
                        row.note(
                            now,
                            Rung::Change,
                            format!("Room kept for you at {} in {}, {}.", best.farm_name, best.city, best.country),
                        );
                        let plan = planner.plan(&row.wish, id, &choice, &*random)?;
                        tx.reserve(best.node, id, &reservation(&row.wish, best.farm, None))?;
                        order.attempts.push(new_attempt(choice, plan, now));
                    }
                }
                if let Due::Pay(amount) = row.due {
                    let user = tx.user(user)?.ok_or_else(|| Error::not_found("person"))?;
                    let (card, customer) = (card_of(tx, &user)?.ok_or_else(no_card)?, user.customer.ok_or_else(no_card)?);
                    let name = &order.wish.name;
                    let what = match row.kind {
                        Kind::Move => format!("{name}: set up again, the rest of its month"),
                        _ => format!("{name}: {} instead of {}, the rest of its month", row.wish.measures(), row.before),
                    };
                    let difference = Intent {
                        order: id,
                        user: user.id,
                        card: &card,
                        customer,
                        amount,
                        lines: vec![Part { what, amount }],
                        revision: Some(revision),
                        memo: "difference for the rest of the month",
                    };
                    row.charge = Some(hold_charge(tx, difference, &*random, now)?);
                    row.state = Stage::Paying;
                    row.note(now, Rung::Pay, format!("Asking the bank of {} to hold {}.", card.label(), amount.shown()));
                }
                order.revision = Some(Open { id: revision, kind: row.kind, since: now });
                tx.add_revision(&row)?;
                tx.put_order(&order)?;
                tx.owe(JobId::random(&*random), Work::Revise(revision), now)?;
                Ok(revision)
            })
            .await?;
        self.nudge();
        Ok(begun)
    }
}

/// What a form sends as its size to keep the measures there are.
pub const KEEP: &str = "keep";

fn own(tx: &Tx<'_>, user: UserId, id: OrderId) -> Result<Order> {
    tx.order(id)?.filter(|order| order.user == user).ok_or_else(|| Error::not_found("deployment"))
}

fn too_much() -> Error {
    Error::invalid("size", "So much of it can't be priced.")
}

/// The same server at another place; what else was asked of a node is asked again, but for where it is and whose.
fn moved(order: &Order, region: &str) -> Wish {
    Wish { place: Place::parse(region), filter: order.wish.filter.anywhere(), ..order.wish.clone() }
}

/// What more a wish takes of the node that an order is on, if the node has it and is for sale to its owner.
fn has_room(store: &impl Exposures, nodes: &Pool, order: &Order, wish: &Wish, now: Time) -> Result<Capacity> {
    let (old, new) = (order.wish.capacity(), wish.capacity());
    let growth = new.minus(old);
    if growth == Capacity::default() {
        return Ok(growth);
    }
    let node = order.attempt().ok_or_else(|| Error::internal("An active order without an attempt."))?.node();
    // Cores are shared between machines; a node must only have as many as one wants.
    let need = Capacity { cores: new.cores, ..growth };
    let ask = Ask { buyer: store.buyer_of(order.user)?, ..Ask::new(need, Place::Node(node)) };
    match choose(nodes, &ask, &store.market(now)?.regardless()) {
        Ok(_) => Ok(growth),
        Err(_) if order.state == State::Active => Err(Error::invalid("size", NO_ROOM)),
        Err(none) => Err(Error::unfunded(none.sentence())),
    }
}

/// What is kept on the node of an order beyond what the node reports, at this moment.
fn kept(tx: &Tx<'_>, order: &Order, now: Time) -> Result<Option<(u32, Reservation)>> {
    let Some(attempt) = order.attempt() else { return Ok(None) };
    let (node, farm) = (attempt.node(), attempt.choice.best.farm);
    let none = Reservation { farm, capacity: Capacity::default(), ipv4: 0, until: Some(now) };
    let row = tx.get(&RESERVATIONS, (node, order.id))?.unwrap_or(none.clone());
    Ok(Some((node, if row.until.is_none_or(|until| until > now) { row } else { none })))
}

/// Keeps more room for an order that grows, until it has grown.
fn grow_room(tx: &mut Tx<'_>, order: &Order, growth: Capacity, now: Time) -> Result<()> {
    let Some((node, row)) = kept(tx, order, now)? else { return Ok(()) };
    tx.reserve(node, order.id, &Reservation { capacity: row.capacity.plus(growth), ipv4: 0, until: None, ..row })
}

/// Keeps the room that an order needs at rest: of one that runs its node reports it by and by, of one that is stopped nobody does.
pub(super) fn settle_room(tx: &mut Tx<'_>, order: &Order, until: Time, now: Time) -> Result<()> {
    let Some((node, row)) = kept(tx, order, now)? else { return Ok(()) };
    let row = match order.stopped {
        Some(_) => Reservation { capacity: order.wish.machine_room(), ipv4: 0, until: None, ..row },
        None => Reservation { capacity: order.wish.capacity(), ipv4: 0, until: Some(until), ..row },
    };
    tx.reserve(node, order.id, &row)
}
