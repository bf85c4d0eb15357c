//! Quoting, ordering and ending a VM.

use super::charge::{Intent, hold_charge};
use super::limit::Limit;
use super::mail::standing::{self, Letters};
use super::wish::wish;
use super::{App, backup};
use crate::base::ids::{CardId, JobId, OrderId, QuoteId, UserId};
use crate::base::money::Usd;
use crate::base::{Error, Random, Result, Time};
use crate::domain::account::User;
use crate::domain::backup::{Backup, Consent, apart_from};
use crate::domain::catalogue::Sla;
use crate::domain::exposure::Buyer;
use crate::domain::job::Work;
use crate::domain::order::{Attempt, Order, Outcome, Quote, State, Step, Wish};
use crate::domain::placement::{Ask, Choice, choose};
use crate::domain::pool::{Filter, Pool};
use crate::domain::price::{Part, UnitPrices, total};
use crate::grid::Plan;
use crate::store::Tx;
use crate::store::account::Accounts;
use crate::store::backup::Backups;
use crate::store::charge::Charges;
use crate::store::exposure::Exposures;
use crate::store::order::{Orders, Reservation};

/// What an order form sends, as it was typed.
#[derive(Debug, Clone, Default)]
pub struct OrderForm {
    pub name: String,
    pub image: String,
    pub size: String,
    /// Fingerprints of keys that the person has used before.
    pub saved_keys: Vec<String>,
    /// New keys, one a line.
    pub ssh_key: String,
    /// A country, or empty for any.
    pub region: String,
    /// Further wishes as a query, of somebody who chooses for themselves; empty for none.
    pub filter: String,
    /// The number of a node that was chosen; it counts before the country.
    pub node: String,
    /// Measures other than those of the size; empty for the size's own. Memory and disk in GiB.
    pub cores: String,
    pub memory_gib: String,
    pub disk_gib: String,
    /// Data disks: size in GiB and where each is mounted. A row of two empty texts is none.
    pub disks: Vec<(String, String)>,
    pub ipv4: bool,
    pub ipv6: bool,
    /// A WireGuard public key, or empty.
    pub wireguard: String,
    /// What shall stand beside it; empty for nothing.
    pub backup: String,
    pub swarm: SwarmForm,
}

/// What it sends of a storage swarm.
#[derive(Debug, Clone, Default)]
pub struct SwarmForm {
    /// Empty for none.
    pub usable_gib: String,
    /// Empty for the usual layout's.
    pub minimal: String,
    pub expected: String,
    pub spares: String,
    /// What can be lost was read.
    pub agreed: bool,
}

/// Live VMs and orders under way that one person may have: a stolen account must not empty the grid.
const OPEN_ORDERS_MAX: usize = 50;
/// What is promised of backups where a backup VM was ordered.
const WITH_BACKUP: &str = "A backup VM elsewhere, with the folders you choose as of the last copy. Its age is shown; keep another copy of what you can't do without.";
/// Why an order ended whose owner ended it.
const BY_OWNER: &str = "You deleted it.";

impl App {
    /// Checks a form and finds a node; the price stands for half an hour.
    pub async fn quote(&self, user: &User, form: &OrderForm) -> Result<Quote> {
        let now = self.now();
        self.limits.take(Limit::Offer, &user.id.to_string(), now)?;
        // First of all: what closes the shop may be nothing but a list that nobody has asked for lately.
        let nodes = self.nodes_to_sell().await?;
        self.open_for_orders()?;
        self.sales_are_open(now).await?;
        let units = self.unit_prices(now);
        let wish = wish(&self.catalogue, &self.settings.limits, &units, user, form)?;
        let too_much = || Error::invalid("size", "So much of it can't be priced.");
        let parts = units.parts(&wish).ok_or_else(too_much)?;
        let price = total(&parts).ok_or_else(too_much)?;
        let snapshot = self.read()?;
        let choice = choose(&nodes, &ask(&wish, snapshot.buyer(user)?), &snapshot.market(now)?)
            .map_err(|none| Error::invalid(none.field(), none.sentence()))?;
        let backup = match wish.backup {
            Backup::None => None,
            Backup::Machine => Some(backup::beside(&snapshot, &nodes, &wish, user.id, &choice.best, &[], now)?),
        };
        if let Some(swarm) = &wish.swarm {
            let taken: Vec<u32> = backup.iter().chain([&choice]).map(|choice| choice.best.node).collect();
            self.swarm_fits(&nodes, &snapshot.market(now)?, swarm, &taken, &snapshot.buyer(user)?)?;
        }
        let quote = Quote {
            id: QuoteId::random(&*self.random),
            user: user.id,
            wish,
            price,
            parts,
            sla: match backup {
                Some(_) => Sla { backup: WITH_BACKUP.into(), ..self.catalogue.sla.clone() },
                None => self.catalogue.sla.clone(),
            },
            choice,
            backup,
            created: now,
            order: None,
        };
        let (row, owner) = (quote.clone(), user.id);
        self.store
            .write(move |tx| {
                if let Some(mut user) = tx.user(owner)? {
                    user.remember_keys(row.wish.keys());
                    tx.put_user(&user)?;
                }
                tx.put_quote(&row)
            })
            .await?;
        Ok(quote)
    }

    /// What everything costs by the unit at a moment.
    pub fn unit_prices(&self, at: Time) -> UnitPrices {
        let rule = self.settings.units_at(at);
        UnitPrices {
            base: rule.base.0,
            core: rule.core.0,
            memory_gib: rule.memory_gib.0,
            disk_gib: rule.disk_gib.0,
            ipv4: rule.ipv4.0,
            ipv6: rule.ipv6.0,
            swarm_gib: rule.swarm_gib.0,
        }
    }

    /// A person's own quote.
    pub fn quote_of(&self, user: UserId, id: QuoteId) -> Result<Quote> {
        self.read()?.quote(id)?.filter(|quote| quote.user == user).ok_or_else(|| Error::not_found("offer"))
    }

    /// A person's own order.
    pub fn order_of(&self, user: UserId, id: OrderId) -> Result<Order> {
        self.read()?.order(id)?.filter(|order| order.user == user).ok_or_else(|| Error::not_found("deployment"))
    }

    /// Makes an order of a quote. Pressing the button twice makes one order: the second press gives the first one's.
    ///
    /// One transaction reserves the room on the node, stores the intent to charge with its keys, holds the money in
    /// the ledger and queues the job. Only then does anything leave the house. `agreed`: to what can be lost in spite of a backup VM.
    pub async fn place_order(&self, user: &User, quote: QuoteId, card: CardId, agreed: bool) -> Result<OrderId> {
        let now = self.now();
        let customer = user.customer.clone().ok_or_else(no_card)?;
        let (user, random, nodes) = (user.id, self.random.clone(), self.nodes_to_sell().await?);
        let (twin, open) = (self.twin()?, self.open_for_orders());
        // Plans of the first choice and, should its room be gone meanwhile, of a new one are made inside: they are pure.
        let planner = self.grid.planner(twin);
        let sales = self.sales().await?;
        let id = self
            .store
            .write(move |tx| {
                let mut quote = tx.quote(quote)?.filter(|quote| quote.user == user).ok_or_else(|| Error::not_found("offer"))?;
                if let Some(order) = quote.order {
                    return Ok(order);
                }
                open?;
                if quote.expires() <= now {
                    return Err(Error::conflict("This offer is more than half an hour old. Please ask for a new one."));
                }
                let card = tx.card(card)?.filter(|card| card.user == user && card.removed.is_none()).ok_or_else(no_card)?;
                if tx.open_orders_of(user, OPEN_ORDERS_MAX)? >= OPEN_ORDERS_MAX {
                    return Err(Error::conflict(format!(
                        "You have {OPEN_ORDERS_MAX} VMs already. Please write to us if you need more."
                    )));
                }
                if quote.backup.is_some() && !agreed {
                    return Err(Error::invalid(
                        "consent",
                        "Please read this and tick the box: nobody can promise more than it says.",
                    ));
                }
                let choice = still_free(tx, &nodes, &quote, now)?;
                let second = backup::still_free(tx, &nodes, &quote, &choice.best, now)?;
                let seats = match &quote.wish.swarm {
                    Some(swarm) => {
                        let taken: Vec<u32> = second.iter().chain([&choice]).map(|choice| choice.best.node).collect();
                        super::swarm::still_fits(&nodes, &tx.market(now)?, swarm, &taken, &tx.buyer_of(user)?)?
                    }
                    None => vec![],
                };
                sales.admit(tx, &quote.wish, now)?;
                let id = OrderId::random(&*random);
                let plan = planner.plan(&quote.wish, id, &choice, &*random)?;
                let attempt = new_attempt(choice, plan, now);
                let month = Intent {
                    order: id,
                    user,
                    card: &card,
                    customer,
                    amount: quote.price,
                    lines: receipt_lines(&quote.wish, &quote.parts, quote.price),
                    revision: None,
                    memo: "prepaid month",
                };
                let charge = hold_charge(tx, month, &*random, now)?;
                let first = &attempt.choice.best;
                tx.reserve(first.node, id, &reservation(&quote.wish, first.farm, None))?;
                let mut order = Order {
                    id,
                    user,
                    quote: quote.id,
                    wish: quote.wish.clone(),
                    price: quote.price,
                    sla: quote.sla.clone(),
                    card: card.id,
                    charge,
                    created: now,
                    state: State::Paying,
                    attempts: vec![],
                    timeline: vec![],
                    access: None,
                    active_since: None,
                    ended: None,
                    paused: None,
                    resumed: None,
                    reason: None,
                    earned: Default::default(),
                    parts: quote.parts.clone(),
                    title: None,
                    tags: Default::default(),
                    handed_over: None,
                    consent: second.is_some().then(|| Consent::now(now)),
                    term: None,
                    more_charges: vec![],
                    revision: None,
                    stopped: None,
                    lost: None,
                    reminded: None,
                };
                order.note(
                    now,
                    Step::Select,
                    format!("Room kept for you at {} in {}, {}.", first.farm_name, first.city, first.country),
                );
                if let Some(swarm) = &quote.wish.swarm {
                    super::swarm::keep_room(tx, id, swarm, &seats)?;
                }
                if let Some(second) = second {
                    backup::begin(tx, &quote, id, second)?;
                }
                order.note(now, Step::Pay, format!("Asking the bank of {} to hold {}.", card.label(), quote.price.shown()));
                order.attempts.push(attempt);
                quote.order = Some(id);
                tx.put_quote(&quote)?;
                tx.add_order(&order)?;
                tx.owe(JobId::random(&*random), Work::ClimbOrder(id), now)?;
                Ok(id)
            })
            .await?;
        self.nudge();
        Ok(id)
    }

    /// Ends a running VM: the contract is cancelled, the last bill awaited, and what was paid for hours not used goes back.
    pub async fn end_order(&self, user: UserId, id: OrderId) -> Result<()> {
        let (now, letters) = (self.now(), self.letters());
        self.store
            .write(move |tx| {
                let order = tx.order(id)?.filter(|order| order.user == user).ok_or_else(|| Error::not_found("deployment"))?;
                begin_end(tx, order, BY_OWNER, &letters, now)
            })
            .await?;
        self.nudge();
        Ok(())
    }
}

/// What an order asks of a node.
pub(super) fn ask(wish: &Wish, buyer: Buyer) -> Ask {
    Ask { filter: wish.filter.clone(), reach: wish.reach(), buyer, ..Ask::new(wish.capacity(), wish.place.clone()) }
}

/// Takes an active order onto its way out.
pub(super) fn begin_end(tx: &mut Tx<'_>, order: Order, reason: &str, letters: &Letters, now: Time) -> Result<()> {
    begin_end_at(tx, order, reason, letters, now, now)
}

/// The same for one that had stopped being the customer's at an earlier moment: hours are counted until `ended`.
pub(super) fn begin_end_at(
    tx: &mut Tx<'_>,
    mut order: Order,
    reason: &str,
    letters: &Letters,
    ended: Time,
    now: Time,
) -> Result<()> {
    // Whoever ended it knows.
    if order.state == State::Active && reason != BY_OWNER && order.handed_over.is_none() {
        order.reason = Some(reason.to_owned());
        letters.send(tx, order.user, now, |user| standing::ended(letters, user, &order, now))?;
    }
    begin_end_told(tx, order, reason, &*letters.random, ended, now)
}

/// The same where its owner hears of it otherwise.
pub(super) fn begin_end_told(
    tx: &mut Tx<'_>,
    mut order: Order,
    reason: &str,
    random: &dyn Random,
    ended: Time,
    now: Time,
) -> Result<()> {
    match order.state {
        State::Active => {}
        State::Ending | State::Ended => return Ok(()), // pressed twice
        _ => return Err(Error::conflict("It can be deleted as soon as it is running, or by itself if it can't.")),
    }
    order.state = State::Ending;
    // Hours in which it stood still were not used.
    order.ended = Some(order.paused.map_or(ended, |since| ended.min(since)));
    if order.paused.take().is_some() {
        super::chain::list_paused(tx, order.id, false)?;
    }
    order.reason = Some(reason.to_owned());
    if reason != BY_OWNER && order.handed_over.is_none() {
        order.trouble(now, Step::Access, reason);
    }
    order.note(now, Step::Access, "Switching off and giving the room back.");
    super::web_address::begin_removal(tx, order.id, random, now)?;
    tx.owe(JobId::random(random), Work::ClimbOrder(order.id), now)?;
    tx.put_order(&order)
}

pub(super) fn no_card() -> Error {
    Error::invalid("card", "Please add a card first.")
}

/// The node of the quote if it still has room, else the best one now: the price stays.
fn still_free(tx: &Tx<'_>, nodes: &Pool, quote: &Quote, now: Time) -> Result<Choice> {
    let (market, ask) = (tx.market(now)?, ask(&quote.wish, tx.buyer_of(quote.user)?));
    let only = Filter { nodes: [quote.choice.best.node].into(), ..ask.filter.clone() };
    if choose(nodes, &Ask { filter: only, ..ask.clone() }, &market).is_ok() {
        return Ok(quote.choice.clone());
    }
    choose(nodes, &ask, &market).map_err(|none| Error::unfunded(none.sentence()))
}

/// What a wish takes of a node and its farm.
pub(super) fn reservation(wish: &Wish, farm: u32, until: Option<Time>) -> Reservation {
    Reservation { farm, capacity: wish.capacity(), ipv4: wish.public_ips(), until }
}

/// What a month is charged for: the server first, by name, then what comes with it.
fn receipt_lines(wish: &Wish, parts: &[Part], price: Usd) -> Vec<Part> {
    let what = format!("{} ({}, {}), 30 days", wish.name, wish.size.name, wish.image.name);
    match parts.split_first().filter(|_| total(parts) == Some(price)) {
        Some((machine, extras)) => std::iter::once(Part { what, amount: machine.amount }).chain(extras.iter().cloned()).collect(),
        None => vec![Part { what, amount: price }],
    }
}

/// The next node for an order whose last attempt failed, or None when enough were tried.
pub(super) fn next_choice(tx: &Tx<'_>, nodes: &Pool, order: &Order, now: Time) -> Result<Option<Choice>> {
    if order.attempts.len() >= crate::domain::order::MAX_ATTEMPTS {
        return Ok(None);
    }
    let (ask, market) = (ask(&order.wish, tx.buyer_of(order.user)?).without_nodes(&order.tried()), tx.market(now)?);
    // Not where the backup VM is meant to be, as long as there is another place.
    if let Some(backup) = tx.backup(order.id)? {
        let mut away = ask.clone();
        away.avoid.extend(apart_from(&backup.first.best));
        if let Ok(choice) = choose(nodes, &away, &market) {
            return Ok(Some(choice));
        }
    }
    Ok(choose(nodes, &ask, &market).ok())
}

pub fn new_attempt(choice: Choice, plan: Plan, now: Time) -> Attempt {
    Attempt {
        choice,
        started: now,
        deployment: plan.deployment,
        hash: plan.hash,
        tunnel: plan.tunnel,
        contract: None,
        sent: None,
        outcome: Outcome::Trying,
        off: None,
        cleared: false,
    }
}
