//! What the records of a domain say, and what is to be said of them.

use std::net::{Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use super::Gateway;
use crate::base::Time;

/// Who makes the certificates of gateways (`threefoldtech/zosbase: pkg/gateway`).
pub const ISSUER: &str = "letsencrypt.org";

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
pub(super) mod tests {
    use super::*;
    use crate::domain::placement::Scored;

    pub fn gateway() -> Gateway {
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
}
