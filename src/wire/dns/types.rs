//! Records as far as a web address needs them.

use std::net::{Ipv4Addr, Ipv6Addr};

/// One record of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    A(Ipv4Addr),
    Aaaa(Ipv6Addr),
    /// Another name that this one stands for, without the dot at the end.
    Cname(String),
    /// Who may make certificates (RFC 8659): `issue` and `letsencrypt.org`.
    Caa {
        tag: String,
        value: String,
    },
}

/// What asking for a name has found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    /// The names it stands for, in their order, without the dot at the end.
    pub aliases: Vec<String>,
    pub v4: Vec<Ipv4Addr>,
    pub v6: Vec<Ipv6Addr>,
    /// Whose certificates the name admits, if it says so: the values of `issue`.
    pub issuers: Option<Vec<String>>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DnsError {
    #[error("not a name that can be asked for")]
    BadName,
    /// No server gave an answer. Nothing is known of the name.
    #[error("no answer: {0}")]
    NoAnswer(String),
}
