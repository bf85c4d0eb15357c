//! `grid contracts`: what our account holds on the chain, read at one finalized block.

use clap::ValueEnum;
use serde::Serialize;

use super::super::wallet::address_in_force;
use super::super::{Context, Say};
use super::{somewhere, table};
use crate::base::{Error, Kind, Result, Time};
use crate::wire::key::account;
use crate::wire::tfchain::client::{ChainClient, Timeouts};
use crate::wire::tfchain::types::{Cause, Contract, ContractKind, ContractState};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only contracts on this node.
    #[arg(long)]
    node: Option<u32>,
    /// Only contracts in this state.
    #[arg(long, value_enum)]
    state: Option<State>,
    /// Only contracts of this kind.
    #[arg(long, value_enum)]
    kind: Option<Kinds>,
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    page: u64,
    /// Rows on a page.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=500))]
    size: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum State {
    /// Paid, as far as anybody knows.
    Live,
    /// What it carries sleeps until it is paid.
    Unpaid,
    /// Not taken away by the chain yet.
    Ended,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kinds {
    /// A part of a node.
    Node,
    /// A name of the web gateways.
    Name,
    /// A node as a whole.
    Rent,
}

impl Args {
    fn wants(&self, contract: &Contract) -> bool {
        let state = match contract.state {
            ContractState::Created => State::Live,
            ContractState::GracePeriod(_) => State::Unpaid,
            ContractState::Deleted(_) => State::Ended,
        };
        let kind = match contract.kind {
            ContractKind::Node { .. } => Some(Kinds::Node),
            ContractKind::Name { .. } => Some(Kinds::Name),
            ContractKind::Rent { .. } => Some(Kinds::Rent),
            ContractKind::Other => None,
        };
        (self.node.is_none() || self.node == node_of(contract))
            && self.state.is_none_or(|wanted| wanted == state)
            && (self.kind.is_none() || self.kind == kind)
    }
}

#[derive(Serialize)]
struct Contracts {
    address: String,
    /// None for an account that has no twin yet.
    twin: Option<u32>,
    /// The finalized block that all of it is read at.
    block: u32,
    block_time: i64,
    page: u64,
    size: u64,
    count: usize,
    contracts: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    contract: u64,
    kind: &'static str,
    state: String,
    node: Option<u32>,
    /// The 32 letters of the deployment's hash; the name of a name contract.
    hash: Option<String>,
    public_ips: u32,
    /// Unix seconds.
    billed_until: Option<i64>,
}

impl Say for Contracts {
    fn words(&self) -> String {
        let at = format!("Block {}, finalized, of {}.", self.block, Time::from_secs(self.block_time));
        let Some(twin) = self.twin else { return format!("The account {} has no twin on this chain. {at}", self.address) };
        if self.contracts.is_empty() {
            return format!("No contract of twin {twin} here, of {} in all. {at}", self.count);
        }
        let or_none = |text: Option<String>| text.unwrap_or_else(|| "–".into());
        let rows: Vec<Vec<String>> = self
            .contracts
            .iter()
            .map(|it| {
                vec![
                    it.contract.to_string(),
                    it.kind.to_owned(),
                    it.state.clone(),
                    or_none(it.node.map(|node| node.to_string())),
                    or_none(it.hash.clone()),
                    it.public_ips.to_string(),
                    or_none(it.billed_until.map(|at| Time::from_secs(at).to_string())),
                ]
            })
            .collect();
        let head = ["Contract", "Kind", "State", "Node", "Hash", "IPv4", "Billed until"];
        let pages = self.count.div_ceil(usize::try_from(self.size).unwrap_or(usize::MAX));
        let shown = format!("Twin {twin}: {} on page {} of {pages}, {} in all.", rows.len(), self.page, self.count);
        format!("{}\n{shown} {at}", table(&head, &rows, &[0, 3, 5]))
    }
}

pub async fn list(context: &Context, args: Args) -> Result<()> {
    let grid = &context.settings.grid;
    somewhere(context, &grid.chain, "grid.chain")?;
    let address = address_in_force(&context.settings)?;
    let key = account(&address).ok_or_else(|| Error::new(Kind::Invalid, format!("{address} is no address of the chain.")))?;
    let away = |cause| Error::unavailable("The chain does not answer.").because(cause);
    let chain = ChainClient::connect(&grid.chain, Timeouts::default()).await.map_err(away)?;
    let block = chain.finalized().await.map_err(away)?;
    let at = Some(block.hash);
    let twin = chain.twin_id_of(&key, at).await.map_err(away)?;
    let mut contracts = match twin {
        Some(twin) => chain.contracts_of(twin, at).await.map_err(away)?,
        None => vec![],
    };
    contracts.retain(|contract| args.wants(contract));
    let skip = usize::try_from(args.page.saturating_sub(1).saturating_mul(args.size)).unwrap_or(usize::MAX);
    let mut lines = Vec::new();
    for contract in contracts.iter().skip(skip).take(usize::try_from(args.size).unwrap_or(usize::MAX)) {
        lines.push(line(contract, chain.billed_until(contract.id, at).await.map_err(away)?));
    }
    context.say(&Contracts {
        address,
        twin,
        block: block.number,
        block_time: block.time.secs(),
        page: args.page,
        size: args.size,
        count: contracts.len(),
        contracts: lines,
    })
}

fn node_of(contract: &Contract) -> Option<u32> {
    match contract.kind {
        ContractKind::Node { node, .. } | ContractKind::Rent { node } => Some(node),
        ContractKind::Name { .. } | ContractKind::Other => None,
    }
}

fn line(contract: &Contract, billed_until: Option<Time>) -> Line {
    let letters = |bytes: &[u8]| String::from_utf8_lossy(bytes).chars().filter(|letter| !letter.is_control()).collect();
    let (kind, hash, public_ips) = match &contract.kind {
        ContractKind::Node { hash, public_ips, .. } => ("node", Some(letters(hash)), *public_ips),
        ContractKind::Name { name } => ("name", Some(letters(name.as_bytes())), 0),
        ContractKind::Rent { .. } => ("rent", None, 0),
        ContractKind::Other => ("other", None, 0),
    };
    Line {
        contract: contract.id,
        kind,
        state: match contract.state {
            ContractState::Created => "live".into(),
            ContractState::GracePeriod(since) => format!("unpaid since block {since}"),
            ContractState::Deleted(Cause::CanceledByUser) => "cancelled".into(),
            ContractState::Deleted(Cause::OutOfFunds) => "ended unpaid".into(),
            ContractState::Deleted(Cause::CanceledByCollective) => "ended by the council".into(),
            ContractState::Deleted(Cause::Other) => "ended".into(),
        },
        node: node_of(contract),
        hash,
        public_ips,
        billed_until: billed_until.map(Time::secs),
    }
}
