//! A web address: the way in to a machine from the web, through a gateway of the grid, by a name of the gateway's or a domain of
//! the customer's own.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::order::Attempt;
use super::placement::Scored;
use super::slot::{Kind, Slot};
use crate::base::Time;
use crate::base::ids::{OrderId, WebAddressId};
use crate::base::text::{DomainName, WebName};
use crate::base::time::{DAY, MINUTE};

/// Tries with gateways within a day before it is given up.
pub const TRIES_MAX: usize = 8;
/// Names of our own choice that are tried.
pub const NAMES_MAX: usize = 6;
/// So long a domain may point elsewhere before its address is given up: it keeps others from using the domain here.
pub const DOMAIN_PATIENCE: Duration = Duration::from_secs(7 * DAY.as_secs());
/// Who makes the certificates of gateways (`threefoldtech/zosbase: pkg/gateway`).
pub const ISSUER: &str = "letsencrypt.org";

/// What people type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Host {
    /// Below the domain of whichever gateway carries it.
    Name {
        name: WebName,
        /// The name is of our choosing, so another one will do as well.
        #[serde(default)]
        ours: bool,
    },
    Domain(DomainName),
}

/// How far it is. At rest it is `Live` or `Gone`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// A gateway is being chosen.
    Choosing,
    /// The customer's domain has to point at the gateway first: it refuses it otherwise.
    Waiting,
    /// The name is being reserved on the chain.
    Naming,
    /// The contract with the gateway is being made.
    Reserving,
    /// The gateway is setting it up.
    Building,
    Live,
    /// The gateway is told of another machine or port.
    Pointing,
    Removing,
    Gone,
}

impl Stage {
    pub const fn over(self) -> bool {
        matches!(self, Stage::Gone)
    }

    /// Nothing changes by itself for a while.
    pub const fn at_rest(self) -> bool {
        matches!(self, Stage::Live | Stage::Gone)
    }
}

/// The node that carries it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gateway {
    pub place: Scored,
    /// What its names end with.
    pub domain: String,
    #[serde(default)]
    pub v4: Option<Ipv4Addr>,
    #[serde(default)]
    pub v6: Option<Ipv6Addr>,
}

impl Gateway {
    pub fn node(&self) -> u32 {
        self.place.node
    }
}

/// Where visitors come out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    pub ip: IpAddr,
    pub port: u16,
    /// TLS ends in the machine, not at the gateway.
    #[serde(default)]
    pub passthrough: bool,
}

impl Target {
    /// As gateways want it: `http://[400::1]:80`, or `[400::1]:443` where TLS is passed through.
    pub fn backend(&self) -> String {
        let place = std::net::SocketAddr::new(self.ip, self.port);
        if self.passthrough { place.to_string() } else { format!("http://{place}") }
    }
}

/// A name on the chain, or the try to get it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    pub name: WebName,
    pub since: Time,
    #[serde(default)]
    pub contract: Option<u64>,
    /// The contract is gone from the chain, or never was there.
    #[serde(default)]
    pub cleared: bool,
}

/// A new version of what the gateway carries, on its way there: the contract first, then the gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    pub target: Target,
    pub version: u32,
    /// Frozen and hashed, as an attempt's.
    pub deployment: serde_json::Value,
    pub hash: String,
    pub since: Time,
}

/// What a look at the domain's records has found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Look {
    pub at: Time,
    pub records: Records,
}

/// The records of a domain as far as they matter here.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Records {
    #[serde(default)]
    pub aliases: Vec<String>,
    #[serde(default)]
    pub v4: Vec<Ipv4Addr>,
    #[serde(default)]
    pub v6: Vec<Ipv6Addr>,
    /// Whose certificates it admits, if it says so.
    #[serde(default)]
    pub issuers: Option<Vec<String>>,
    /// Nobody could be asked.
    #[serde(default)]
    pub unanswered: bool,
}

/// What a visit of ours has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Seen {
    Answers,
    /// The gateway is there, and nobody behind it.
    NothingBehind,
    /// The gateway does not know the name yet.
    NoRoute,
    NoCertificate,
    Silence,
    Nowhere,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visit {
    pub seen: Seen,
    pub at: Time,
    /// Since when it has been so.
    pub since: Time,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebAddress {
    pub id: WebAddressId,
    pub order: OrderId,
    pub host: Host,
    /// Where visitors should come out. Whoever moves the machine changes it.
    pub target: Target,
    pub created: Time,
    pub stage: Stage,
    /// Since when it has been at this stage.
    pub since: Time,
    /// Contracts of the order's earlier addresses: slots are numbered on from here.
    pub first: u32,
    #[serde(default)]
    pub gateway: Option<Gateway>,
    /// Gateways that did not work.
    #[serde(default)]
    pub avoid: Vec<u32>,
    /// Contracts with gateways, one after another; the last one counts.
    #[serde(default)]
    pub attempts: Vec<Attempt>,
    /// Names, one after another; the last one counts. None for a domain.
    #[serde(default)]
    pub names: Vec<Reservation>,
    /// What the newest contract is for, until the gateway carries it.
    #[serde(default)]
    pub planned: Option<Target>,
    /// What the gateway carries, once it does.
    #[serde(default)]
    pub served: Option<Target>,
    #[serde(default)]
    pub change: Option<Change>,
    /// How many changes there were: each is signed for under a number of its own.
    #[serde(default)]
    pub changes: u32,
    /// Changes that did not work, in a row.
    #[serde(default)]
    pub misses: u32,
    #[serde(default)]
    pub look: Option<Look>,
    #[serde(default)]
    pub visit: Option<Visit>,
    /// It can't be paid: the gateway has paused it.
    #[serde(default)]
    pub paused: bool,
    /// Why it is not as it should be, or why it is no more: a sentence for its owner.
    #[serde(default)]
    pub trouble: Option<String>,
}

impl WebAddress {
    /// The whole name, as far as it is known.
    pub fn fqdn(&self) -> Option<String> {
        match &self.host {
            Host::Domain(domain) => Some(domain.to_string()),
            Host::Name { .. } => {
                let (name, gateway) = (self.names.last()?, self.gateway.as_ref()?);
                Some(format!("{}.{}", name.name, gateway.domain))
            }
        }
    }

    pub fn enter(&mut self, stage: Stage, now: Time) {
        if self.stage != stage {
            (self.stage, self.since) = (stage, now);
        }
    }

    /// The slot of a contract with a gateway.
    pub fn slot(&self, number: usize) -> Slot {
        self.numbered(Kind::Gateway, number)
    }

    /// The slot of a name's contract.
    pub fn name_slot(&self, number: usize) -> Slot {
        self.numbered(Kind::Name, number)
    }

    fn numbered(&self, kind: Kind, number: usize) -> Slot {
        let number = self.first.saturating_add(u32::try_from(number).unwrap_or(u32::MAX));
        Slot { order: self.order, kind, number }
    }

    /// All slots that ever were its own.
    pub fn slots(&self) -> Vec<Slot> {
        let gateways = (0..self.attempts.len()).map(|number| self.slot(number));
        gateways.chain((0..self.names.len()).map(|number| self.name_slot(number))).collect()
    }

    /// The name that counts now.
    pub fn name(&self) -> Option<&WebName> {
        self.names.last().map(|name| &name.name)
    }

    /// All contracts that ever were its own, as far as their numbers are known.
    pub fn contracts(&self) -> impl Iterator<Item = u64> {
        let gateways = self.attempts.iter().filter_map(|attempt| attempt.contract);
        gateways.chain(self.names.iter().filter_map(|name| name.contract))
    }

    /// The number after the last one that is taken.
    pub fn next_first(&self) -> u32 {
        let taken = self.attempts.len().max(self.names.len());
        self.first.saturating_add(u32::try_from(taken).unwrap_or(u32::MAX))
    }

    /// Whether the domain points where it must, and what is to be said about it. None for a name, and before a gateway is chosen.
    pub fn verdict(&self) -> Option<Verdict> {
        let (Host::Domain(_), Some(gateway)) = (&self.host, &self.gateway) else { return None };
        let look = self.look.as_ref()?;
        Some(judge(gateway, &look.records, self.target.passthrough))
    }

    /// When it is to be looked at again: soon while something is about to become right, and seldom once it is.
    pub fn look_again(&self, now: Time) -> Time {
        let fresh = now.since(self.since) <= 15 * MINUTE;
        now + match self.stage {
            Stage::Waiting if fresh => MINUTE,
            Stage::Live if self.visit.is_some_and(|visit| visit.seen == Seen::Answers) => 10 * MINUTE,
            Stage::Live if fresh => MINUTE / 6,
            _ => 5 * MINUTE,
        }
    }
}

/// What is to be said of a domain's records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub right: bool,
    /// What was found.
    pub found: String,
    /// What is wrong about it and what to do. Empty when all is right.
    pub advice: String,
}

/// Compares records with the addresses of a gateway. All of them must lead there: visitors come by any of them.
pub fn judge(gateway: &Gateway, records: &Records, passthrough: bool) -> Verdict {
    let found = said(records);
    let wrong = |advice: String| Verdict { right: false, found: found.clone(), advice };
    if records.unanswered {
        return wrong("The name servers do not answer at the moment. We ask again by ourselves.".into());
    }
    let expected = expected(gateway);
    if records.v4.is_empty() && records.v6.is_empty() {
        return wrong(match records.aliases.last() {
            Some(alias) => format!("It stands for {alias}, and that name leads nowhere. {expected}"),
            None => format!(
                "There is no record of this name yet. {expected} A new record can take up to an hour to be seen everywhere."
            ),
        });
    }
    let strange4: Vec<_> = records.v4.iter().filter(|ip| Some(**ip) != gateway.v4).map(ToString::to_string).collect();
    let strange6: Vec<_> = records.v6.iter().filter(|ip| Some(**ip) != gateway.v6).map(ToString::to_string).collect();
    if !strange4.is_empty() {
        return wrong(format!("It leads to {}, which is not the gateway. {expected}", strange4.join(" and ")));
    }
    if !strange6.is_empty() {
        let instead = match gateway.v6 {
            Some(ip) => format!("set it to {ip}, or remove it"),
            None => "remove it: this gateway has no IPv6 address".into(),
        };
        return wrong(format!("The AAAA record leads to {}, which is not the gateway: {instead}.", strange6.join(" and ")));
    }
    if records.v4.is_empty() && gateway.v4.is_some() {
        return wrong(format!("Visitors without IPv6 do not find it. {expected}"));
    }
    if !passthrough
        && let Some(issuers) = &records.issuers
        && !issuers.iter().any(|issuer| issuer == ISSUER)
    {
        let others: Vec<_> = issuers.iter().filter(|issuer| !issuer.is_empty()).cloned().collect();
        let admits = if others.is_empty() { "nobody".into() } else { others.join(" and ") };
        return wrong(format!(
            "It leads to the gateway, but its CAA record lets {admits} make certificates for it, and the gateway's come from {ISSUER}. \
             Add the record CAA 0 issue \"{ISSUER}\", or remove the others."
        ));
    }
    Verdict { right: true, found, advice: String::new() }
}

/// The record to make, as a sentence.
pub fn expected(gateway: &Gateway) -> String {
    match (gateway.v4, gateway.v6) {
        (Some(v4), Some(v6)) => format!("We expected A {v4} (and, if you like, AAAA {v6})."),
        (Some(v4), None) => format!("We expected A {v4}."),
        (None, Some(v6)) => format!("We expected AAAA {v6}."),
        (None, None) => format!("We expected what {} leads to.", gateway.domain),
    }
}

fn said(records: &Records) -> String {
    let mut parts: Vec<String> = records.aliases.iter().map(|alias| format!("CNAME {alias}")).collect();
    parts.extend(records.v4.iter().map(|ip| format!("A {ip}")));
    parts.extend(records.v6.iter().map(|ip| format!("AAAA {ip}")));
    parts.extend(records.issuers.iter().flatten().map(|issuer| format!("CAA issue \"{issuer}\"")));
    match parts.is_empty() {
        _ if records.unanswered => "no answer".into(),
        true => "no record".into(),
        false => parts.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gateway() -> Gateway {
        Gateway {
            place: Scored {
                node: 5,
                twin: 5,
                farm: 5,
                farm_name: "Farm".into(),
                owner: 5,
                country: "Belgium".into(),
                city: "Ghent".into(),
                parts: vec![],
                address: None,
            },
            domain: "gw.example.net".into(),
            v4: Some([203, 0, 113, 5].into()),
            v6: "2001:db8::5".parse().ok(),
        }
    }

    fn records(v4: &[&str], v6: &[&str]) -> Records {
        Records {
            v4: v4.iter().map(|ip| ip.parse().unwrap()).collect(),
            v6: v6.iter().map(|ip| ip.parse().unwrap()).collect(),
            ..Records::default()
        }
    }

    #[test]
    fn every_way_to_get_a_record_wrong_has_words_of_its_own() {
        let good4 = "203.0.113.5";
        let caa = |issuers: &[&str]| Records {
            issuers: Some(issuers.iter().map(|issuer| (*issuer).to_owned()).collect()),
            ..records(&[good4], &[])
        };
        let alias = |v4: &[&str]| Records { aliases: vec!["gw.example.net".into()], ..records(v4, &[]) };
        for right in [
            records(&[good4], &[]),
            records(&[good4], &["2001:db8::5"]),
            alias(&[good4]),
            caa(&["other.example", "letsencrypt.org"]),
        ] {
            let verdict = judge(&gateway(), &right, false);
            assert!(verdict.right && verdict.advice.is_empty(), "{verdict:?}");
        }
        for (wrong, found, advice) in [
            (records(&[], &[]), "no record", "There is no record of this name yet. We expected A 203.0.113.5"),
            (records(&["192.0.2.1"], &[]), "A 192.0.2.1", "It leads to 192.0.2.1, which is not the gateway. We expected A"),
            (records(&[good4, "192.0.2.1"], &[]), "A 203.0.113.5, A 192.0.2.1", "It leads to 192.0.2.1"),
            (records(&[good4], &["2001:db8::9"]), "A 203.0.113.5, AAAA 2001:db8::9", "The AAAA record leads to 2001:db8::9"),
            (records(&[], &["2001:db8::5"]), "AAAA 2001:db8::5", "Visitors without IPv6"),
            (alias(&[]), "CNAME gw.example.net", "It stands for gw.example.net, and that name leads nowhere."),
            (caa(&["other.example"]), "A 203.0.113.5, CAA issue \"other.example\"", "lets other.example make certificates"),
            (caa(&[""]), "A 203.0.113.5, CAA issue \"\"", "lets nobody make certificates"),
            (Records { unanswered: true, ..Records::default() }, "no answer", "do not answer at the moment"),
        ] {
            let verdict = judge(&gateway(), &wrong, false);
            assert!(!verdict.right && verdict.advice.contains(advice), "{verdict:?}");
            assert_eq!(verdict.found, found);
        }
        assert!(judge(&gateway(), &caa(&["other.example"]), true).right, "where TLS ends in the machine the gateway needs none");
        let plain = Gateway { v6: None, ..gateway() };
        assert!(judge(&plain, &records(&[good4], &["2001:db8::9"]), false).advice.contains("has no IPv6 address"));
    }

    #[test]
    fn a_backend_is_written_as_gateways_read_it() {
        let mut target = Target { ip: "400::1".parse().unwrap(), port: 80, passthrough: false };
        assert_eq!(target.backend(), "http://[400::1]:80");
        target.passthrough = true;
        target.port = 443;
        assert_eq!(target.backend(), "[400::1]:443");
    }
}
