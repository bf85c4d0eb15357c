//! Asks for the records of a name, always anew: whoever has just changed a record wants to see the new one.

use std::net::SocketAddr;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{NameServerConfig, ResolveHosts, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use tokio::sync::OnceCell;
use tokio::time::timeout_at;

use super::types::{DnsError, Found};

const ANSWER_WITHIN: Duration = Duration::from_secs(4);
/// For all questions about one name together.
const LOOK_WITHIN: Duration = Duration::from_secs(12);
/// Records of one kind that are kept: nobody needs more, and whoever sends thousands means no good.
const RECORDS_MAX: usize = 16;
/// The longest name, and so the longest that is kept of what stands for one.
const NAME_MAX: usize = 253;
/// Names above this many dots are not asked for certificates' sake: nobody has such names.
const LABELS_MAX: usize = 20;

/// Servers to ask; none: those of this machine (`/etc/resolv.conf`).
pub struct Resolver {
    servers: Vec<SocketAddr>,
    pub(super) within: Duration,
    // Made at the first question: it wants to be made inside the runtime.
    inner: OnceCell<TokioResolver>,
}

impl Resolver {
    pub fn new(servers: Vec<SocketAddr>) -> Resolver {
        Resolver { servers, within: LOOK_WITHIN, inner: OnceCell::new() }
    }

    #[cfg(test)]
    pub(super) fn hurried(self, within: Duration) -> Resolver {
        Resolver { within, ..self }
    }

    async fn inner(&self) -> Result<&TokioResolver, DnsError> {
        let make = || async {
            let mut builder = match self.servers.is_empty() {
                true => TokioResolver::builder_tokio().map_err(no_answer)?,
                false => {
                    let servers = self.servers.iter().map(|server| {
                        let mut config = NameServerConfig::udp_and_tcp(server.ip());
                        config.connections.iter_mut().for_each(|connection| connection.port = server.port());
                        config
                    });
                    let config = ResolverConfig::from_parts(None, vec![], servers.collect());
                    TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
                }
            };
            let options = builder.options_mut();
            options.cache_size = 0;
            options.timeout = ANSWER_WITHIN;
            options.attempts = 2;
            options.use_hosts_file = ResolveHosts::Never;
            options.preserve_intermediates = true;
            builder.build().map_err(no_answer)
        };
        self.inner.get_or_try_init(make).await
    }

    /// Addresses and aliases of a name, and who may make certificates for it. Nothing found is an answer.
    pub async fn look_up(&self, name: &str) -> Result<Found, DnsError> {
        let name = absolute(name)?;
        let until = tokio::time::Instant::now() + self.within;
        let late = |_| DnsError::NoAnswer("it took too long".into());
        let resolver = timeout_at(until, self.inner()).await.map_err(late)??;
        let mut found = timeout_at(until, addresses(resolver, &name)).await.map_err(late)??;
        // Where names lead is known by then: that its servers take their time about certificates is no reason to doubt it.
        found.issuers = timeout_at(until, issuers(resolver, name)).await.unwrap_or_default();
        Ok(found)
    }
}

async fn addresses(resolver: &TokioResolver, name: &Name) -> Result<Found, DnsError> {
    let ask = |kind| records(resolver, name.clone(), kind);
    let (a, aaaa) = tokio::try_join!(ask(RecordType::A), ask(RecordType::AAAA))?;
    let mut found = Found::default();
    for data in a.iter().chain(&aaaa) {
        found.keep(data);
    }
    if found.aliases.is_empty() && found.v4.is_empty() && found.v6.is_empty() {
        // An alias of a name that has no addresses is worth telling.
        ask(RecordType::CNAME).await?.iter().for_each(|data| found.keep(data));
    }
    Ok(found)
}

impl Found {
    fn keep(&mut self, data: &RData) {
        match data {
            RData::A(ip) => keep(&mut self.v4, ip.0),
            RData::AAAA(ip) => keep(&mut self.v6, ip.0),
            RData::CNAME(alias) => keep(&mut self.aliases, plain(&alias.0)),
            _ => {}
        }
    }
}

fn keep<T: PartialEq>(all: &mut Vec<T>, one: T) {
    if all.len() < RECORDS_MAX && !all.contains(&one) {
        all.push(one);
    }
}

/// The certificate records that count: those of the name, or else of the nearest name above it that has any (RFC 8659, 3).
/// A server that can't say is no reason to alarm anybody.
async fn issuers(resolver: &TokioResolver, mut name: Name) -> Option<Vec<String>> {
    for _ in 0..LABELS_MAX {
        let found = records(resolver, name.clone(), RecordType::CAA).await.ok()?;
        let sets: Vec<(String, String)> = found.iter().filter_map(certificate_rule).collect();
        if !sets.is_empty() {
            let mut issue = Vec::new();
            sets.into_iter().filter(|(tag, _)| tag == "issue").for_each(|(_, value)| keep(&mut issue, value));
            // Records that say nothing of plain certificates hold nobody back.
            return (!issue.is_empty()).then_some(issue);
        }
        if name.num_labels() <= 1 {
            return None;
        }
        name = name.base_name();
    }
    None
}

/// Tag and issuer, small letters, without parameters.
fn certificate_rule(data: &RData) -> Option<(String, String)> {
    let RData::CAA(caa) = data else { return None };
    let value = String::from_utf8_lossy(&caa.value);
    let issuer = value.split(';').next().unwrap_or_default().trim().to_lowercase().chars().take(NAME_MAX).collect();
    Some((caa.tag.to_lowercase(), issuer))
}

async fn records(resolver: &TokioResolver, name: Name, kind: RecordType) -> Result<Vec<RData>, DnsError> {
    match resolver.lookup(name, kind).await {
        Ok(found) => Ok(found.answers().iter().map(|record| record.data.clone()).collect()),
        Err(error) if error.is_no_records_found() => Ok(vec![]),
        Err(error) => Err(no_answer(error)),
    }
}

fn no_answer(error: NetError) -> DnsError {
    DnsError::NoAnswer(error.to_string())
}

/// With the dot at the end: nothing is looked for below the domain of this machine.
fn absolute(name: &str) -> Result<Name, DnsError> {
    let mut name = Name::from_ascii(name).map_err(|_| DnsError::BadName)?;
    name.set_fqdn(true);
    Ok(name)
}

fn plain(name: &Name) -> String {
    name.to_ascii().trim_end_matches('.').to_lowercase()
}
