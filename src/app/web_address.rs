//! The way in from the web: what its owner, and whoever moves the machine, can do with it. `tend.rs` carries it out, and `watch.rs` looks after it.

mod clear;
mod point;
mod tell;
mod tend;
mod watch;

use std::net::IpAddr;

use super::App;
use crate::base::ids::{JobId, OrderId, UserId, WebAddressId};
use crate::base::text::{DomainName, WebName};
use crate::base::{Error, Kind, Random, Result, Time};
use crate::domain::backup;
use crate::domain::gateway::gateways;
use crate::domain::job::Work;
use crate::domain::order::{Access, Order, State};
use crate::domain::pool::Entry;
use crate::domain::slot::{Kind as SlotKind, Slot};
use crate::domain::web_address::{Host, Look, Records, Seen, Stage, Target, WebAddress};
use crate::store::Tx;
use crate::store::backup::Backups;
use crate::store::exposure::Exposures;
use crate::store::job::Jobs;
use crate::store::order::Orders;
use crate::store::web_address::WebAddresses;
use crate::wire::visit::client::Seen as Sight;

/// Contracts that the web addresses of one order may have had: each costs a fee, and whoever needs more is up to something.
const SLOTS_MAX: u32 = 200;
/// Addresses looked at in one go.
const SLICE: usize = 200;
/// Letters of names that we make: none that spell words or are taken for others.
const LETTERS: &[u8; 28] = b"bcdfghjkmnpqrstvwxyz23456789";

const TOO_OFTEN: &str = "It has been changed very often today. Please come back tomorrow.";

/// What the form sends, as it was typed.
#[derive(Debug, Clone, Default)]
pub struct WebAddressForm {
    /// `name` or `domain`.
    pub kind: String,
    /// Empty: one of our choosing.
    pub name: String,
    pub domain: String,
    /// Empty: the usual one.
    pub port: String,
    /// TLS ends in the machine.
    pub passthrough: bool,
}

impl App {
    /// The newest web address of a person's own order, whatever has become of it.
    pub fn web_address_of(&self, order: &Order) -> Result<Option<WebAddress>> {
        self.read()?.last_web_address(order.id)
    }

    /// What stands in a browser's address line for a name.
    pub fn web_url(&self, fqdn: &str) -> String {
        self.visitor.url(fqdn)
    }

    /// The door of the pretended web, which has no TLS, if web addresses are of that world.
    pub fn web_door(&self) -> Option<String> {
        self.visitor.via().map(|door| format!("http://{door}/"))
    }

    /// Gives a running machine a web address. Pressing the button twice makes one.
    pub async fn add_web_address(&self, user: UserId, order: OrderId, form: &WebAddressForm) -> Result<WebAddressId> {
        let known = self.order_of(user, order)?;
        let (port, passthrough) = (port(&form.port, form.passthrough)?, form.passthrough);
        let host = match form.kind.as_str() {
            "domain" => Host::Domain(self.own_domain(user, &form.domain).await?),
            _ if form.name.trim().is_empty() => Host::Name { name: ours(&known, &*self.random)?, ours: true },
            _ => Host::Name { name: self.free_name(&form.name).await?, ours: false },
        };
        if !self.obstacles()?.is_empty() {
            return Err(Error::unavailable("Web addresses can't be set up right now. Please try again later."));
        }
        let (random, now) = (self.random.clone(), self.now());
        let id = self
            .store
            .write(move |tx| {
                let order = tx.order(order)?.filter(|order| order.user == user).ok_or_else(|| Error::not_found("deployment"))?;
                let last = tx.last_web_address(order.id)?;
                if let Some(there) = last.as_ref().filter(|there| !there.stage.over()) {
                    return match same(&there.host, &host) {
                        _ if there.stage == Stage::Removing => Err(Error::conflict(
                            "The web address before it is still being removed. Please try again in a minute.",
                        )),
                        true => Ok(there.id),
                        false => Err(Error::conflict("It has a web address already. Please remove that one first.")),
                    };
                }
                if order.state != State::Active || order.paused.is_some() {
                    return Err(Error::conflict("A web address can be set up as soon as the server runs."));
                }
                if let Host::Domain(domain) = &host
                    && tx.web_address_with(domain)?.is_some()
                {
                    return Err(Error::invalid(
                        "domain",
                        "This domain leads to a server here already. Please remove it there first.",
                    ));
                }
                let first = last.map_or(0, |last| last.next_first());
                if first >= SLOTS_MAX {
                    return Err(Error::conflict(
                        "This server has had a great many web addresses. Please write to us if you need more.",
                    ));
                }
                let id = WebAddressId::random(&*random);
                let backup = tx.backup(order.id)?;
                let ip = backup::host(&order, backup.as_ref()).and_then(Access::overlay);
                let ip = ip.ok_or_else(|| Error::conflict("This server has no address that a gateway can reach."))?;
                if let Some(mut backup) = backup
                    && let Some(charge) = backup.charge.as_mut()
                {
                    charge.visited = true;
                    tx.put_backup(&backup)?;
                }
                let target = Target { ip, port, passthrough };
                tx.put_web_address(&fresh(id, order.id, host, target, first, now))?;
                tx.owe(JobId::random(&*random), Work::TendAddress(id), now)?;
                Ok(id)
            })
            .await?;
        self.nudge();
        Ok(id)
    }

    /// Sends visitors to another port, or ends TLS elsewhere. The name stays.
    pub async fn change_web_address(&self, user: UserId, order: OrderId, typed: &str, passthrough: bool) -> Result<()> {
        self.order_of(user, order)?;
        let (port, now) = (port(typed, passthrough)?, self.now());
        self.on_address(user, order, move |address| {
            let target = Target { port, passthrough, ..address.target.clone() };
            if target != address.target {
                if !address.turn(now) {
                    return Err(Error::conflict(TOO_OFTEN));
                }
                address.target = target;
                address.visit = None;
            }
            Ok(())
        })
        .await
    }

    /// Has another gateway carry it. A name ends otherwise then, and the record of a domain has to be changed.
    pub async fn leave_gateway(&self, user: UserId, order: OrderId) -> Result<()> {
        self.order_of(user, order)?;
        let now = self.now();
        self.on_address(user, order, move |address| {
            if !address.can_leave() {
                return Err(Error::conflict("Its gateway can't be changed at the moment. Please try again in a minute."));
            }
            if !address.turn(now) {
                return Err(Error::conflict(TOO_OFTEN));
            }
            address.leave_gateway(now);
            Ok(())
        })
        .await
    }

    /// Takes a web address away. What it cost is billed once more; the name is free for others then.
    pub async fn remove_web_address(&self, user: UserId, order: OrderId) -> Result<()> {
        self.order_of(user, order)?;
        let (random, now) = (self.random.clone(), self.now());
        self.store
            .write(move |tx| {
                tx.order(order)?.filter(|order| order.user == user).ok_or_else(|| Error::not_found("deployment"))?;
                begin_removal(tx, order, &*random, now)
            })
            .await?;
        self.nudge();
        Ok(())
    }

    /// Looks at the records of a domain at once, and at everything else by and by. False if nobody could say what they are.
    pub async fn check_web_address(&self, user: UserId, order: OrderId) -> Result<bool> {
        self.order_of(user, order)?;
        let address = self.read()?.web_address_of(order)?.ok_or_else(|| Error::not_found("web address"))?;
        let look = match &address.host {
            Host::Domain(domain) => Some(self.records_of(domain.as_str()).await),
            Host::Name { .. } => None,
        };
        let answered = look.as_ref().is_none_or(|look| !look.records.unanswered);
        self.on_address(user, order, move |address| {
            if let Some(look) = look {
                address.looked(look);
            }
            Ok(())
        })
        .await?;
        Ok(answered)
    }

    /// Sends the visitors of an order's web address to another machine: one that was moved, or one that takes over. Nothing happens
    /// where there is no web address. The whole name stays what it is.
    pub async fn point_web_address(&self, order: OrderId, to: IpAddr) -> Result<()> {
        let (random, now) = (self.random.clone(), self.now());
        self.store.write(move |tx| point(tx, order, to, &*random, now)).await?;
        self.nudge();
        Ok(())
    }

    /// Changes a person's own address and has it tended.
    async fn on_address<F>(&self, user: UserId, order: OrderId, change: F) -> Result<()>
    where
        F: FnOnce(&mut WebAddress) -> Result<()> + Send + 'static,
    {
        let (random, now) = (self.random.clone(), self.now());
        self.store
            .write(move |tx| {
                tx.order(order)?.filter(|order| order.user == user).ok_or_else(|| Error::not_found("deployment"))?;
                let mut address = tx.web_address_of(order)?.ok_or_else(|| Error::not_found("web address"))?;
                change(&mut address)?;
                tx.put_web_address(&address)?;
                tx.owe(JobId::random(&*random), Work::TendAddress(address.id), now)
            })
            .await?;
        self.nudge();
        Ok(())
    }

    /// Takes up addresses that lost their job.
    pub async fn reconcile_addresses(&self) -> Result<usize> {
        let snapshot = self.read()?;
        let (mut lost, mut last) = (Vec::new(), None);
        loop {
            let slice = snapshot.open_web_addresses(last, SLICE)?;
            for address in &slice {
                if snapshot.job_for(&Work::TendAddress(address.id))?.is_none() {
                    lost.push((JobId::random(&*self.random), address.id));
                }
            }
            match slice.last() {
                Some(address) if slice.len() == SLICE => last = Some((address.created, address.id)),
                _ => break,
            }
        }
        let (count, now) = (lost.len(), self.now());
        if count > 0 {
            tracing::warn!(count, "web addresses without a job were found and taken up again");
            self.store.write(move |tx| lost.iter().try_for_each(|(job, id)| tx.owe(*job, Work::TendAddress(*id), now))).await?;
            self.nudge();
        }
        Ok(count)
    }

    /// Whether nothing is left of an order's web address; one that is there is taken away.
    pub(super) async fn web_address_is_gone(&self, order: OrderId) -> Result<bool> {
        let Some(address) = self.read()?.web_address_of(order)? else { return Ok(true) };
        if address.stage != Stage::Removing {
            let (random, now) = (self.random.clone(), self.now());
            self.store.write(move |tx| begin_removal(tx, order, &*random, now)).await?;
            self.nudge();
        }
        Ok(false)
    }

    /// What the records of a name say now.
    async fn records_of(&self, name: &str) -> Look {
        let records = match self.resolver.look_up(name).await {
            Ok(found) => {
                Records { aliases: found.aliases, v4: found.v4, v6: found.v6, issuers: found.issuers, unanswered: false }
            }
            Err(error) => {
                tracing::info!(name, %error, "a name can't be looked up");
                Records { unanswered: true, ..Records::default() }
            }
        };
        Look { at: self.now(), records }
    }

    /// One visit of a name: what its records say, and who answers there.
    pub(super) async fn visit(&self, fqdn: &str) -> (Look, Seen) {
        let look = self.records_of(fqdn).await;
        let mut ips: Vec<IpAddr> = look.records.v4.iter().copied().map(IpAddr::from).collect();
        ips.extend(look.records.v6.iter().copied().map(IpAddr::from));
        let seen = match self.visitor.visit(fqdn, &ips).await {
            Sight::Answer { .. } => Seen::Answers,
            Sight::NothingBehind => Seen::NothingBehind,
            Sight::NoRoute => Seen::NoRoute,
            Sight::NoCertificate => Seen::NoCertificate,
            Sight::Silence => Seen::Silence,
            Sight::NotPublic | Sight::Nowhere => Seen::Nowhere,
        };
        (look, seen)
    }

    /// A name that nobody has on the chain. Where the chain does not answer, it says so later.
    async fn free_name(&self, typed: &str) -> Result<WebName> {
        let name = WebName::parse(typed).map_err(|why| Error::invalid("name", why))?;
        match self.grid.name_holder(&name, None).await {
            Ok(Some(_)) => Err(Error::invalid("name", "Somebody has this name already. Please choose another one.")),
            Ok(None) => Ok(name),
            Err(error) if error.kind() == Kind::Unavailable => Ok(name),
            Err(error) => Err(error),
        }
    }

    /// A domain of the customer's own: not ours, and not that of a gateway which it could be with. What other nodes say of themselves
    /// keeps nobody from a domain.
    async fn own_domain(&self, user: UserId, typed: &str) -> Result<DomainName> {
        let wrong = |why: String| Error::invalid("domain", why);
        let domain = DomainName::parse(typed).map_err(|why| wrong(why.into()))?;
        let within =
            |other: &str| domain.as_str() == other || domain.as_str().strip_suffix(other).is_some_and(|rest| rest.ends_with('.'));
        let site = self.settings.server.public_url.split("://").nth(1).unwrap_or_default();
        let site = site.split([':', '/']).next().unwrap_or_default();
        if !site.is_empty() && within(site) {
            return Err(wrong("This is our own name. Please enter one of yours.".into()));
        }
        let (pool, snapshot) = (self.known_nodes().await?, self.read()?);
        let rows = snapshot.market(self.now())?.for_sale(&pool, &snapshot.buyer_of(user)?);
        let gateways = gateways(&pool, &rows, None, None, &[], |_| 0);
        let theirs = |own: &&str| DomainName::parse(own).is_ok_and(|own| within(own.as_str()));
        if let Some(gateway) = gateways.into_iter().map(Entry::domain).find(theirs) {
            return Err(wrong(format!("Names below {gateway} are the gateway's own: please choose “A name from us” instead.")));
        }
        // In the pretended world these can be opened on this machine.
        if within("localhost") && self.web_door().is_none() {
            return Err(wrong("Names that end so are not known on the Internet.".into()));
        }
        Ok(domain)
    }
}

fn fresh(id: WebAddressId, order: OrderId, host: Host, target: Target, first: u32, now: Time) -> WebAddress {
    WebAddress {
        id,
        order,
        host,
        target,
        created: now,
        stage: Stage::Choosing,
        since: now,
        first,
        gateway: None,
        avoid: vec![],
        attempts: vec![],
        names: vec![],
        planned: None,
        served: None,
        change: None,
        changes: 0,
        misses: 0,
        look: None,
        visit: None,
        blind: None,
        before: None,
        turns: vec![],
        paused: false,
        trouble: None,
    }
}

/// Two names that we chose are as good as each other.
fn same(one: &Host, other: &Host) -> bool {
    match (one, other) {
        (Host::Name { ours: true, .. }, Host::Name { ours: true, .. }) => true,
        _ => one == other,
    }
}

fn port(typed: &str, passthrough: bool) -> Result<u16> {
    match typed.trim() {
        "" if passthrough => Ok(443),
        "" => Ok(80),
        text => match text.parse() {
            Ok(0) | Err(_) => Err(Error::invalid("port", "A whole number from 1 to 65535, such as 80.")),
            Ok(port) => Ok(port),
        },
    }
}

/// A name of our choosing: the machine's, and a few letters that nobody else has.
fn ours(order: &Order, random: &dyn Random) -> Result<WebName> {
    let letters: String =
        random.bytes::<5>().iter().map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()])).collect();
    WebName::parse(&format!("{}-{letters}", order.wish.name))
        .or_else(|_| WebName::parse(&format!("server-{letters}")))
        .map_err(|why| Error::internal("A name of our own can't be used.").because(why))
}

/// Has an order's web address taken away, if it has one.
pub(super) fn begin_removal(tx: &mut Tx<'_>, order: OrderId, random: &dyn Random, now: Time) -> Result<()> {
    let Some(mut address) = tx.web_address_of(order)? else { return Ok(()) };
    if address.stage != Stage::Removing {
        address.enter(Stage::Removing, now);
        address.trouble = None;
        tx.put_web_address(&address)?;
    }
    tx.owe(JobId::random(random), Work::TendAddress(address.id), now)
}

/// The same as `App::point_web_address`, in a write of the caller's.
pub(super) fn point(tx: &mut Tx<'_>, order: OrderId, to: IpAddr, random: &dyn Random, now: Time) -> Result<()> {
    let Some(mut address) = tx.web_address_of(order)?.filter(|address| address.target.ip != to) else { return Ok(()) };
    address.target.ip = to;
    address.visit = None;
    tx.put_web_address(&address)?;
    tx.owe(JobId::random(random), Work::TendAddress(address.id), now)
}

/// Notes that its owner is about to send visitors elsewhere, and back; refused where that was too often today.
pub(super) fn turn(tx: &mut Tx<'_>, order: OrderId, now: Time) -> Result<()> {
    let Some(mut address) = tx.web_address_of(order)? else { return Ok(()) };
    match address.turn(now) {
        true => tx.put_web_address(&address),
        false => Err(Error::conflict(TOO_OFTEN)),
    }
}

/// The chain did something to a contract: whoever tends the address looks what.
pub(super) fn follow(tx: &mut Tx<'_>, slot: Slot, random: &dyn Random, now: Time) -> Result<()> {
    if !matches!(slot.kind, SlotKind::Gateway | SlotKind::Name) {
        return Ok(());
    }
    match tx.web_address_of(slot.order)? {
        Some(address) => tx.owe(JobId::random(random), Work::TendAddress(address.id), now),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_a_number_that_something_can_listen_on() {
        assert_eq!((port("", false).ok(), port("", true).ok(), port(" 8080 ", false).ok()), (Some(80), Some(443), Some(8080)));
        for wrong in ["0", "65536", "-1", "80a", "http", "8 0", "１"] {
            assert_eq!(port(wrong, false).unwrap_err().field(), Some("port"), "{wrong}");
        }
    }
}
