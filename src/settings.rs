//! Settings: one struct. Flags over `COOPERAGE_SECTION__KEY` over systemd credentials over the file over defaults.

mod discount;
mod gateways;
mod offer;
mod sla;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use toml::{Table, Value};

pub use self::discount::PublishedTable;
pub use self::gateways::Gateways;
pub use self::offer::{BootRule, Dollars, ImageRule, Limits, UnitRule};
use self::offer::{FIRST_UNITS, check_images, check_price};
pub use self::sla::Promise;
use crate::base::money::Usd;
use crate::base::{Error, Result, Secret, Time};

/// Where the file is looked for when no flag names one.
pub const DEFAULT_FILE: &str = "/etc/cooperage/config.toml";
const ENV_PREFIX: &str = "COOPERAGE_";

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    pub server: Server,
    pub grid: Grid,
    pub cards: Cards,
    pub mail: Mail,
    pub brand: Brand,
    pub nodes: Nodes,
    pub gateways: Gateways,
    /// Monthly price of a size in dollars, by its id: `medium = "10.00"`.
    pub prices: BTreeMap<String, String>,
    /// What is promised with every order.
    pub sla: Promise,
    /// How much of everything one machine may have.
    pub limits: Limits,
    /// The images on sale. Empty: the built-in ones.
    pub images: Vec<ImageRule>,
    /// Prices by the unit, newest rule last.
    pub units: Vec<UnitRule>,
    /// The provider's share, newest rule last.
    pub share: Vec<ShareRule>,
    /// The discount as the grid's public pages tell it, newest table last: for looking at, the chain bills by its own.
    pub published: Vec<PublishedTable>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// Address and port to listen on.
    pub listen: String,
    /// What people type into the browser; every link in a mail begins with it. Empty: `http://` and the listen address.
    pub public_url: String,
    /// The data folder.
    pub data: PathBuf,
    /// Address of a proxy whose `X-Forwarded-For` is believed. Empty: nobody's is.
    pub trusted_proxy: String,
    /// How long the body of a request may take to arrive, in seconds.
    pub body_seconds: u64,
}

impl Server {
    pub fn body_within(&self) -> Duration {
        Duration::from_secs(self.body_seconds)
    }
}

impl Default for Server {
    fn default() -> Self {
        Server {
            listen: "127.0.0.1:8080".into(),
            public_url: String::new(),
            data: "./data".into(),
            trusted_proxy: String::new(),
            body_seconds: 10,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Network {
    /// The built-in local grid: nothing leaves the machine.
    #[default]
    Local,
    Main,
    Test,
    Qa,
    Dev,
}

impl Network {
    pub const fn name(self) -> &'static str {
        match self {
            Network::Local => "local",
            Network::Main => "main",
            Network::Test => "test",
            Network::Qa => "qa",
            Network::Dev => "dev",
        }
    }
}

/// Empty addresses mean the network's own (`threefoldtech/tfchain`).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Grid {
    pub network: Network,
    /// Chain endpoints, `wss://…`, tried in order.
    pub chain: Vec<String>,
    /// Relay, `wss://…`.
    pub relay: String,
    /// Node index endpoints, `https://…`, tried in order.
    pub index: Vec<String>,
    /// The identity service that nodes ask whether we are verified, `https://…`.
    pub identity: String,
    /// Where stores of swarms are reached, `127.0.0.1:9900`, if not at the addresses that their nodes tell: the local grid has one port for all.
    pub stores: String,
    /// The words of the operator's account. Better sealed in the data folder: `cooperage admin wallet set`.
    pub mnemonic: Secret<String>,
    /// Opens the words that are sealed in the data folder.
    pub passphrase: Secret<String>,
    /// The address of an account to watch without its words: it is read and billed, and no order is taken.
    pub watch: String,
    /// So many tokens must be free in the wallet for new orders to be taken.
    pub reserve_tft: u64,
    /// How long a node may take to answer one request, in seconds.
    pub answer_seconds: u64,
    /// New orders are refused when the operator's tokens would last for fewer days than this. 0: never.
    pub runway_floor_days: u64,
}

impl Default for Grid {
    fn default() -> Self {
        Grid {
            network: Network::Local,
            chain: Vec::new(),
            relay: String::new(),
            index: Vec::new(),
            identity: String::new(),
            stores: String::new(),
            mnemonic: Secret::default(),
            passphrase: Secret::default(),
            watch: String::new(),
            reserve_tft: 10,
            answer_seconds: 20,
            runway_floor_days: 7,
        }
    }
}

impl Grid {
    /// The grid with its network's addresses filled in.
    pub fn resolved(mut self) -> Grid {
        let known = Endpoints::of(self.network);
        for (set, known) in [(&mut self.chain, known.chain), (&mut self.index, known.index)] {
            if set.is_empty() {
                *set = known;
            }
        }
        for (set, known) in [(&mut self.relay, known.relay), (&mut self.identity, known.identity)] {
            if set.is_empty() {
                *set = known;
            }
        }
        self
    }

    /// Where anybody reaches this grid. What is set for us alone stays here: it may be of this machine, or hold a key. The local grid
    /// has no other addresses than those that are set.
    pub fn public(&self) -> Endpoints {
        match self.network {
            Network::Local => Endpoints {
                chain: self.chain.clone(),
                index: self.index.clone(),
                relay: self.relay.clone(),
                identity: self.identity.clone(),
            },
            network => Endpoints::of(network),
        }
    }
}

/// Who answers for a grid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints {
    pub chain: Vec<String>,
    pub index: Vec<String>,
    pub relay: String,
    /// What nodes ask whether a twin is verified (`threefoldtech/zosbase: pkg/environment`).
    pub identity: String,
}

impl Endpoints {
    /// A network's own. Those of the local grid are made when it starts.
    fn of(network: Network) -> Endpoints {
        let (chain, index, relay, identity): (&[&str], &[&str], _, _) = match network {
            Network::Local => (&[], &[], "", ""),
            Network::Main => (
                &["wss://tfchain.grid.tf/ws", "wss://tfchain.grid.threefold.me/ws", "wss://02.tfchain.grid.tf/ws"],
                &["https://gridproxy.grid.tf", "https://gridproxy.grid.threefold.me"],
                "wss://relay.grid.tf",
                "https://kyc.threefold.me",
            ),
            Network::Test => (
                &["wss://tfchain.test.grid.tf/ws", "wss://tfchain.test.threefold.me/ws"],
                &["https://gridproxy.test.grid.tf"],
                "wss://relay.test.grid.tf",
                "https://kyc.test.grid.tf",
            ),
            Network::Qa => (
                &["wss://tfchain.qa.grid.tf/ws"],
                &["https://gridproxy.qa.grid.tf"],
                "wss://relay.qa.grid.tf",
                "https://kyc.qa.grid.tf",
            ),
            Network::Dev => (
                &["wss://tfchain.dev.grid.tf/ws"],
                &["https://gridproxy.dev.grid.tf"],
                "wss://relay.dev.grid.tf",
                "https://kyc.dev.grid.tf",
            ),
        };
        let all = |urls: &[&str]| urls.iter().map(|url| (*url).to_owned()).collect();
        Endpoints { chain: all(chain), index: all(index), relay: relay.into(), identity: identity.into() }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cards {
    /// The processor's API. Stripe's own, unless it is the local one.
    pub url: String,
    /// The processor's own page that takes the number of a card, where it has one, as the local processor has. Empty: the
    /// number is typed into the processor's frame on our page.
    pub page: String,
    /// The processor's script that puts its frame into our page. It must come from the processor itself.
    pub script: String,
    pub secret_key: Secret<String>,
    pub publishable_key: String,
    /// Signs webhooks. Without it there is no webhook route, and the processor's list of events is all we hear.
    pub webhook_secret: Secret<String>,
    /// The secret before the last rotation, still accepted.
    pub webhook_secret_old: Secret<String>,
}

impl Default for Cards {
    fn default() -> Self {
        Cards {
            url: "https://api.stripe.com".into(),
            page: String::new(),
            script: "https://js.stripe.com/v3/".into(),
            secret_key: Secret::default(),
            publishable_key: String::new(),
            webhook_secret: Secret::default(),
            webhook_secret_old: Secret::default(),
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mail {
    /// `smtp://host:port`, or `smtps://user:password@host`.
    pub smtp: Secret<String>,
    pub from: String,
}

impl Default for Mail {
    fn default() -> Self {
        Mail { smtp: Secret::default(), from: "Cooperage <hello@cooperage.example>".into() }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Brand {
    pub name: String,
}

impl Default for Brand {
    fn default() -> Self {
        Brand { name: "Cooperage".into() }
    }
}

/// What nodes are taken for.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Nodes {
    /// From this much SSD on, in gigabytes of 2³⁰ bytes, a node counts as one for storage.
    pub storage_ssd_gb: u64,
    /// Or from this much HDD on.
    pub storage_hdd_gb: u64,
}

impl Nodes {
    /// The same in bytes: SSD and HDD.
    pub const fn storage_bytes(&self) -> (u64, u64) {
        (self.storage_ssd_gb.saturating_mul(1 << 30), self.storage_hdd_gb.saturating_mul(1 << 30))
    }
}

impl Default for Nodes {
    fn default() -> Self {
        Nodes { storage_ssd_gb: 4096, storage_hdd_gb: 8192 }
    }
}

/// Which amount the provider's share is a part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Basis {
    /// What the chain bills, after the discount.
    #[default]
    Billed,
    /// What it would have billed without one: "make providers whole".
    List,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShareRule {
    /// Milliseconds since 1970; the rule holds for bills from then on.
    pub from: Time,
    pub basis: Basis,
    pub percent: u32,
}

const FIRST_RULE: ShareRule = ShareRule { from: Time::EPOCH, basis: Basis::Billed, percent: 50 };

impl Settings {
    /// Puts the layers on top of each other. `flags` and `env` are pairs of name and text; `file` must exist when `required`.
    pub fn load(
        flags: &[(String, String)],
        env: impl Iterator<Item = (String, String)>,
        file: &Path,
        required: bool,
    ) -> Result<Settings> {
        let env: BTreeMap<String, String> = env.collect();
        let mut all = Table::try_from(Settings::default())
            .map_err(|cause| Error::internal("The default settings do not print.").because(cause))?;
        match std::fs::read_to_string(file) {
            Ok(text) => {
                let layer: Table = text.parse().map_err(|cause| wrong(file, &place(&text, &cause)))?;
                merge(&mut all, with_files(layer)?);
            }
            Err(cause) if required || cause.kind() != std::io::ErrorKind::NotFound => {
                return Err(wrong(file, &cause.to_string()));
            }
            Err(_) => {}
        }
        if let Some(folder) = env.get("CREDENTIALS_DIRECTORY") {
            for (name, text) in credentials(Path::new(folder))? {
                if let Some((section, key)) = name.split_once('.') {
                    set(&mut all, section, key, &text)?;
                }
            }
        }
        for (name, text) in &env {
            let Some((section, key)) = name.strip_prefix(ENV_PREFIX).and_then(|name| name.split_once("__")) else { continue };
            let (section, key) = (section.to_lowercase(), key.to_lowercase());
            match key.strip_suffix("_file") {
                Some(key) => set(&mut all, &section, key, &read_secret(Path::new(text))?)?,
                None => set(&mut all, &section, &key, text)?,
            }
        }
        for (name, text) in flags {
            let (section, key) = name.split_once('.').unwrap_or((name, ""));
            set(&mut all, section, key, text)?;
        }
        let settings: Settings = Value::Table(all).try_into().map_err(|cause: toml::de::Error| {
            Error::new(crate::base::Kind::Invalid, format!("A setting is wrong: {}.", cause.message().trim_end_matches('.')))
        })?;
        settings.checked()
    }

    fn checked(mut self) -> Result<Settings> {
        let bad = |what: String| Error::new(crate::base::Kind::Invalid, what);
        let listen: std::net::SocketAddr = self.server.listen.parse().map_err(|_| {
            bad(format!("server.listen is “{}”, which is not an address with a port such as 127.0.0.1:8080.", self.server.listen))
        })?;
        if self.server.public_url.is_empty() && listen.ip().is_unspecified() {
            return Err(bad(format!(
                "server.public_url is not set, and server.listen is “{}”: say what people type into the browser, such as https://cloud.example.org.",
                self.server.listen
            )));
        }
        if self.server.public_url.is_empty() {
            self.server.public_url = format!("http://{listen}");
        }
        self.server.public_url = origin(&self.server.public_url).map_err(|why| bad(format!("server.public_url {why}.")))?;
        let proxy = &self.server.trusted_proxy;
        if !proxy.is_empty() && proxy.parse::<std::net::IpAddr>().is_err() {
            return Err(bad(format!("server.trusted_proxy is “{proxy}”, which is not an address such as 127.0.0.1.")));
        }
        for (size, price) in &self.prices {
            check_price(size, price)?;
        }
        self.sla.check()?;
        self.limits.check()?;
        check_images(&self.images, &self.limits)?;
        if self.share.iter().any(|rule| rule.percent > 100) {
            return Err(bad("A share rule gives more than 100 percent.".into()));
        }
        if !(1..=300).contains(&self.server.body_seconds) {
            return Err(bad(format!("server.body_seconds is {}: it must be from 1 to 300.", self.server.body_seconds)));
        }
        if self.grid.reserve_tft > 1_000_000_000 {
            return Err(bad(format!("grid.reserve_tft is {}: there are not so many tokens.", self.grid.reserve_tft)));
        }
        if !(1..=120).contains(&self.grid.answer_seconds) {
            return Err(bad(format!("grid.answer_seconds is {}: it must be from 1 to 120.", self.grid.answer_seconds)));
        }
        if self.grid.runway_floor_days > 365 {
            return Err(bad(format!("grid.runway_floor_days is {}: it must be from 0 to 365.", self.grid.runway_floor_days)));
        }
        if !self.grid.stores.is_empty() && self.grid.network != Network::Local {
            return Err(bad("grid.stores is for the local grid only: elsewhere stores are where their nodes say.".into()));
        }
        self.gateways.check(self.grid.network)?;
        discount::check(&self.published)?;
        self.share.sort_by_key(|rule| rule.from);
        self.units.sort_by_key(|rule| rule.from);
        self.grid = self.grid.resolved();
        Ok(self)
    }

    /// The share rule in force at a moment.
    pub fn share_at(&self, at: Time) -> ShareRule {
        self.share.iter().rev().find(|rule| rule.from <= at).copied().unwrap_or(FIRST_RULE)
    }

    /// The prices by the unit in force at a moment.
    pub fn units_at(&self, at: Time) -> UnitRule {
        self.units.iter().rev().find(|rule| rule.from <= at).copied().unwrap_or(FIRST_UNITS)
    }

    /// The price of a size, if the operator set one.
    pub fn price_of(&self, size: &str) -> Option<Usd> {
        self.prices.get(size).and_then(|text| parse_price(text))
    }

    /// `https` needs cookies that never travel without it.
    pub fn is_https(&self) -> bool {
        self.server.public_url.starts_with("https://")
    }

    /// Name and value of each setting, secrets as dots.
    pub fn printed(&self) -> Vec<(String, String)> {
        let mut lines = Vec::new();
        let Ok(table) = Table::try_from(self) else { return lines };
        for (section, value) in table {
            match value {
                Value::Table(keys) => {
                    for (key, value) in keys {
                        let secret = is_secret(&section, &key);
                        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                        let shown = if !secret {
                            text
                        } else if text.is_empty() {
                            "(not set)".into()
                        } else {
                            "•••".into()
                        };
                        lines.push((format!("{section}.{key}"), shown));
                    }
                }
                other => lines.push((section, other.to_string())),
            }
        }
        lines
    }
}

fn is_secret(section: &str, key: &str) -> bool {
    matches!(
        (section, key),
        ("grid", "mnemonic" | "passphrase")
            | ("cards", "secret_key" | "webhook_secret" | "webhook_secret_old")
            | ("mail", "smtp")
    )
}

/// A site's address as browsers name it in `Origin`: small letters, no port that is understood, nothing behind it. Else what is wrong.
fn origin(text: &str) -> std::result::Result<String, String> {
    let Some(url) = reqwest::Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https")) else {
        return Err(format!("is “{text}”: it must begin with https:// (or http:// on your own machine)"));
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err("holds a name or a password: it is shown to everybody".into());
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err(format!("is “{text}”: nothing may come after the host and its port, for the pages stand at the root"));
    }
    Ok(url.origin().ascii_serialization())
}

/// `10`, `10.5` or `10.50` dollars.
fn parse_price(text: &str) -> Option<Usd> {
    let (whole, cents) = text.split_once('.').unwrap_or((text, "0"));
    if whole.is_empty()
        || cents.is_empty()
        || cents.len() > 2
        || !text.chars().all(|letter| letter.is_ascii_digit() || letter == '.')
    {
        return None;
    }
    let cents: i64 = format!("{cents:0<2}").parse().ok()?;
    let whole: i64 = whole.parse().ok()?;
    whole.checked_mul(100)?.checked_add(cents).filter(|cents| (1..=100_000_000).contains(cents)).map(Usd::from_cents)
}

fn wrong(file: &Path, cause: &str) -> Error {
    Error::new(crate::base::Kind::Invalid, format!("The settings file {} can't be used: {}", file.display(), cause.trim_end()))
}

/// What is wrong and in which line, without the line: it may hold a secret.
fn place(text: &str, cause: &toml::de::Error) -> String {
    let line = cause.span().and_then(|span| text.get(..span.start)).map(|before| before.matches('\n').count() + 1);
    match line {
        Some(line) => format!("line {line}: {}.", cause.message()),
        None => format!("{}.", cause.message()),
    }
}

fn read_secret(path: &Path) -> Result<String> {
    std::fs::read_to_string(path)
        .map(|text| text.trim_end_matches(['\r', '\n']).to_owned())
        .map_err(|cause| wrong(path, &cause.to_string()))
}

fn credentials(folder: &Path) -> Result<Vec<(String, String)>> {
    let entries = std::fs::read_dir(folder).map_err(|cause| wrong(folder, &cause.to_string()))?;
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|cause| wrong(folder, &cause.to_string()))?;
        found.push((entry.file_name().to_string_lossy().into_owned(), read_secret(&entry.path())?));
    }
    Ok(found)
}

/// Replaces each `key_file = "path"` by the key with the file's content.
fn with_files(mut layer: Table) -> Result<Table> {
    for (_, section) in layer.iter_mut() {
        let Value::Table(keys) = section else { continue };
        let files: Vec<String> = keys.keys().filter(|key| key.ends_with("_file")).cloned().collect();
        for name in files {
            if let Some(Value::String(path)) = keys.remove(&name) {
                keys.insert(name.trim_end_matches("_file").to_owned(), Value::String(read_secret(Path::new(&path))?));
            }
        }
    }
    Ok(layer)
}

fn merge(below: &mut Table, above: Table) {
    for (key, value) in above {
        match (below.get_mut(&key), value) {
            (Some(Value::Table(below)), Value::Table(above)) => merge(below, above),
            (_, value) => {
                below.insert(key, value);
            }
        }
    }
}

/// Sets one key from text, as the type it has in the defaults.
fn set(all: &mut Table, section: &str, key: &str, text: &str) -> Result<()> {
    let unknown = || Error::new(crate::base::Kind::Invalid, format!("There is no setting {section}.{key}."));
    let Some(Value::Table(keys)) = all.get_mut(section) else { return Err(unknown()) };
    let value = match keys.get(key) {
        Some(Value::Integer(_)) => {
            let number = text.trim().parse().map_err(|_| {
                Error::new(crate::base::Kind::Invalid, format!("{section}.{key} is “{text}”, which is not a whole number."))
            })?;
            Value::Integer(number)
        }
        Some(Value::Boolean(_)) => Value::Boolean(text.trim().parse().map_err(|_| {
            Error::new(crate::base::Kind::Invalid, format!("{section}.{key} is “{text}”: it must be true or false."))
        })?),
        Some(Value::Array(_)) => Value::Array(text.split(',').map(|part| Value::String(part.trim().to_owned())).collect()),
        Some(_) => Value::String(text.to_owned()),
        None if section == "prices" => Value::String(text.to_owned()),
        None => return Err(unknown()),
    };
    keys.insert(key.to_owned(), value);
    Ok(())
}
