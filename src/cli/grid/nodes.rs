//! `grid nodes` and `grid node`: what the node index says, in tables.

use std::time::Duration;

use clap::ValueEnum;
use serde::Serialize;

use super::super::{Context, Say};
use super::{somewhere, table};
use crate::base::{Error, Result};
use crate::wire::gridproxy::types::{Node, Resources, Status};
use crate::wire::gridproxy::{FarmFilter, GridProxy, IndexError, NodeFilter, Order, Paging};

const ANSWER_WITHIN: Duration = Duration::from_secs(15);
const GIB: u64 = 1 << 30;

/// All conditions must hold.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only in this country.
    #[arg(long)]
    country: Option<String>,
    #[arg(long)]
    city: Option<String>,
    /// Only on farms of these numbers: `--farm 1,2`. A name works too.
    #[arg(long, value_delimiter = ',', value_name = "NUMBER|NAME")]
    farm: Vec<String>,
    /// At least so many cores.
    #[arg(long, value_name = "COUNT")]
    min_cores: Option<u64>,
    /// At least so much free memory, in GiB.
    #[arg(long, value_name = "GIB")]
    min_memory: Option<u64>,
    /// At least so much free SSD, in GiB.
    #[arg(long, value_name = "GIB")]
    min_ssd: Option<u64>,
    /// At least so much free hard disk, in GiB.
    #[arg(long, value_name = "GIB")]
    min_hdd: Option<u64>,
    #[arg(long, value_enum, value_delimiter = ',')]
    status: Vec<StatusName>,
    /// Only certified hardware.
    #[arg(long)]
    certified: bool,
    /// Only where the farm has a free public IPv4.
    #[arg(long)]
    ipv4: bool,
    /// Only nodes that give machines an IPv6 address.
    #[arg(long)]
    ipv6: bool,
    #[arg(long)]
    gpu: bool,
    /// Only nodes that answer on the bus.
    #[arg(long)]
    healthy: bool,
    /// Order by a field of the index: `free_cru`, `total_mru`, `country`…
    #[arg(long, value_name = "FIELD")]
    sort: Option<String>,
    #[arg(long, requires = "sort")]
    descending: bool,
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    page: u64,
    /// Rows on a page.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=500))]
    size: u64,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum StatusName {
    Up,
    Standby,
    Down,
}

#[derive(Serialize)]
struct Nodes {
    page: u64,
    size: u64,
    /// Of all pages; None if the index does not say.
    count: Option<u64>,
    nodes: Vec<Line>,
}

/// Sizes in bytes.
#[derive(Serialize)]
struct Line {
    node: u32,
    farm: u32,
    farm_name: String,
    country: String,
    city: String,
    status: Status,
    healthy: bool,
    certified: bool,
    total: Resources,
    used: Resources,
    free_ipv4: u64,
    /// Taken by somebody who rents the whole node, or to be rented only as a whole.
    dedicated: bool,
    gpus: u32,
}

#[derive(Serialize)]
struct OneNode {
    #[serde(flatten)]
    line: Line,
    twin: u32,
    features: Vec<String>,
    gateway: Option<String>,
    extra_fee_musd_per_month: u64,
    rented_by: Option<u32>,
    upload_bps: u64,
    download_bps: u64,
    updated_at: i64,
}

impl Say for Nodes {
    fn words(&self) -> String {
        if self.nodes.is_empty() {
            return "No node is like that. Leave out a condition, or look at page 1.".into();
        }
        let head =
            ["Node", "Farm", "Place", "Status", "Cores", "Memory free of GiB", "SSD free of GiB", "HDD GiB", "IPv4", "Notes"];
        let rows: Vec<Vec<String>> = self.nodes.iter().map(Line::cells).collect();
        let shown = format!("{} on page {}", self.nodes.len(), self.page);
        let all = self.count.map_or(shown.clone(), |count| format!("{shown} of {}, {count} in all", count.div_ceil(self.size)));
        format!("{}\n{all}.", table(&head, &rows, &[0, 4, 5, 6, 7, 8]))
    }
}

impl Line {
    fn cells(&self) -> Vec<String> {
        let free = self.total.minus(self.used);
        let of = |free: u64, total: u64| format!("{} of {}", free / GIB, total / GIB);
        let notes = [
            (self.certified, "certified"),
            (self.dedicated, "whole node only"),
            (self.gpus > 0, "GPU"),
            (self.status == Status::Up && !self.healthy, "silent"),
        ];
        let notes: Vec<&str> = notes.into_iter().filter(|(is, _)| *is).map(|(_, note)| note).collect();
        vec![
            self.node.to_string(),
            format!("{} ({})", clean(&self.farm_name), self.farm),
            format!("{}, {}", clean(&self.city), clean(&self.country)),
            self.status.to_string(),
            self.total.cru.to_string(),
            of(free.mru, self.total.mru),
            of(free.sru, self.total.sru),
            (self.total.hru / GIB).to_string(),
            self.free_ipv4.to_string(),
            notes.join(", "),
        ]
    }
}

/// What strangers named must not steer a terminal.
fn clean(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(40).collect()
}

impl Say for OneNode {
    fn words(&self) -> String {
        let cells = self.line.cells();
        let [_, farm, place, status, cores, memory, ssd, hdd, ipv4, notes] = &cells[..] else { return String::new() };
        let or_none = |text: &str| if text.is_empty() { "–".to_owned() } else { text.to_owned() };
        let rented = self.rented_by.map_or("nobody".to_owned(), |twin| format!("twin {twin}"));
        let rows = [
            ("Node", format!("{} (twin {})", self.line.node, self.twin)),
            ("Farm", farm.clone()),
            ("Place", place.clone()),
            ("Status", status.clone()),
            ("Cores", cores.clone()),
            ("Memory", format!("{memory} GiB free")),
            ("SSD", format!("{ssd} GiB free")),
            ("Hard disk", format!("{hdd} GiB")),
            ("Free IPv4 of the farm", ipv4.clone()),
            ("Gateway", or_none(self.gateway.as_deref().unwrap_or_default())),
            ("Rented as a whole by", rented),
            ("Takes", or_none(&self.features.iter().map(|it| clean(it)).collect::<Vec<_>>().join(", "))),
            ("Notes", or_none(notes)),
        ];
        rows.iter().map(|(name, value)| format!("{name:24}{value}\n")).collect()
    }
}

fn line(node: &Node) -> Line {
    Line {
        node: node.node_id,
        farm: node.farm_id,
        farm_name: node.farm_name.clone(),
        country: node.country.clone(),
        city: node.city.clone(),
        status: node.status,
        healthy: node.healthy,
        certified: node.certification_type == "Certified",
        total: node.total_resources,
        used: node.used_resources,
        free_ipv4: node.farm_free_ips,
        dedicated: node.dedicated || node.in_dedicated_farm || node.rented,
        gpus: node.num_gpu,
    }
}

fn index(context: &Context) -> Result<GridProxy> {
    let bases = &context.settings.grid.index;
    somewhere(context, bases, "grid.index")?;
    let wrong = |_| Error::invalid("grid.index", "The setting grid.index is no address.");
    let bases = bases.iter().map(|base| base.parse().map_err(wrong)).collect::<Result<Vec<_>>>()?;
    let http = reqwest::Client::builder()
        .timeout(ANSWER_WITHIN)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|cause| Error::internal("No HTTP client can be made.").because(cause))?;
    Ok(GridProxy::new(bases, http))
}

fn away(cause: IndexError) -> Error {
    Error::unavailable("The node index does not answer.").because(cause)
}

pub async fn list(context: &Context, args: Args) -> Result<()> {
    let index = index(context)?;
    let (page, size) = (args.page, args.size);
    let filter = filter(&index, args).await?;
    let paging = Paging { page, size, ret_count: true };
    let found = index.nodes(&filter, paging).await.map_err(away)?;
    context.say(&Nodes { page, size, count: found.count, nodes: found.items.iter().map(line).collect() })
}

async fn filter(index: &GridProxy, args: Args) -> Result<NodeFilter> {
    let bytes = |gib: Option<u64>| gib.map(|gib| gib.saturating_mul(GIB));
    let mut farm_ids = Vec::new();
    for farm in &args.farm {
        match farm.parse() {
            Ok(id) => farm_ids.push(id),
            Err(_) => {
                let named = FarmFilter { name: Some(farm.clone()), ..FarmFilter::default() };
                let farms = index.every_farm(&named).await.map_err(away)?;
                let farm = farms.items.first().ok_or_else(|| Error::not_found(&format!("farm “{farm}”")))?;
                farm_ids.push(farm.farm_id);
            }
        }
    }
    let status = |name: &StatusName| match name {
        StatusName::Up => Status::Up,
        StatusName::Standby => Status::Standby,
        StatusName::Down => Status::Down,
    };
    Ok(NodeFilter {
        country: args.country,
        city: args.city,
        farm_ids,
        total_cru: args.min_cores,
        free_mru: bytes(args.min_memory),
        free_sru: bytes(args.min_ssd),
        free_hru: bytes(args.min_hdd),
        status: args.status.iter().map(status).collect(),
        certification_type: args.certified.then(|| "Certified".to_owned()),
        free_ips: args.ipv4.then_some(1),
        has_ipv6: args.ipv6.then_some(true),
        has_gpu: args.gpu.then_some(true),
        healthy: args.healthy.then_some(true),
        sort_by: args.sort,
        sort_order: args.descending.then_some(Order::Desc),
        ..NodeFilter::default()
    })
}

pub async fn show(context: &Context, id: u32) -> Result<()> {
    let node = index(context)?.node(id).await.map_err(|cause| match cause {
        IndexError::NotFound => Error::not_found(&format!("node {id}")),
        other => away(other),
    })?;
    context.say(&OneNode {
        line: line(&node),
        twin: node.twin_id,
        gateway: Some(clean(&node.public_config.domain)).filter(|domain| !domain.is_empty()),
        extra_fee_musd_per_month: node.extra_fee,
        rented_by: node.rented.then_some(node.rented_by_twin_id),
        upload_bps: node.speed.upload,
        download_bps: node.speed.download,
        updated_at: node.updated_at,
        features: node.features,
    })
}
