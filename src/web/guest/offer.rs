//! The catalogue as the pages show it.

use std::collections::BTreeMap;

use crate::app::App;
use crate::base::text::SshKey;
use crate::domain::catalogue;
use crate::domain::exposure::{Buyer, for_sale};
use crate::domain::pool::Entry;
use crate::domain::wish::Wish;
use crate::web::ui::format;
use crate::web::ui::offer::{Image, KeyLine, Region, Size, Sla};

pub fn size(size: &catalogue::Size) -> Size {
    let summary = match size.id.as_str() {
        "small" => "A website, a bot, a first try",
        "medium" => "An app with its database",
        "large" => "A team's tools, memory to spare",
        "huge" => "Builds, analytics, many services",
        _ => "",
    };
    Size {
        slug: size.id.clone(),
        name: size.name.clone(),
        summary: summary.into(),
        vcpus: u32::try_from(size.capacity.cores).unwrap_or(u32::MAX),
        memory_mb: size.capacity.memory >> 20,
        disk_gb: size.capacity.ssd >> 30,
        price: size.price,
    }
}

pub fn sizes(app: &App) -> Vec<Size> {
    app.catalogue.sizes.iter().map(size).collect()
}

pub fn images(app: &App) -> Vec<Image> {
    let image = |image: &catalogue::Image| Image {
        slug: image.id.clone(),
        name: image.name.clone(),
        summary: image.about.clone(),
        own_kernel: image.boot.own_kernel(),
    };
    app.catalogue.images.iter().map(image).collect()
}

pub fn keys<'a>(keys: impl IntoIterator<Item = &'a SshKey>) -> Vec<KeyLine> {
    let line = |key: &SshKey| KeyLine { name: key.label().to_owned(), fingerprint: key.fingerprint() };
    keys.into_iter().map(line).collect()
}

/// `20 GB at /mnt/data1`, for each data disk.
pub fn disks(wish: &Wish) -> Vec<String> {
    wish.disks.iter().map(|disk| format!("{} at {}", format::disk(disk.size >> 30), disk.mount)).collect()
}

/// Ways to reach a machine that were asked for.
pub fn network(wish: &Wish) -> Vec<String> {
    let ways = [
        (wish.net.ipv4, "Public IPv4 address"),
        (wish.net.ipv6, "Public IPv6 address"),
        (wish.net.tunnel.is_some(), "WireGuard tunnel into its private network"),
    ];
    ways.into_iter().filter(|(asked, _)| *asked).map(|(_, way)| way.to_owned()).collect()
}

/// Countries with nodes that could take an order of this buyer now, by name.
pub fn regions(app: &App, buyer: &Buyer) -> Vec<Region> {
    let pool = app.nodes();
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    for node in for_sale(&pool, &app.exposures(), buyer).iter().filter_map(|row| pool.at(row)) {
        if !node.country().is_empty() {
            *counts.entry(node.country().to_owned()).or_default() += 1;
        }
    }
    counts.into_iter().map(|(name, nodes)| Region { slug: name.clone(), name, nodes }).collect()
}

/// `Ghent, Belgium`; of a node that does not say, what is known.
pub fn place(node: Entry<'_>) -> String {
    let known: Vec<&str> = [node.city(), node.country()].into_iter().filter(|name| !name.is_empty()).collect();
    if known.is_empty() { "Somewhere".to_owned() } else { known.join(", ") }
}

pub fn sla(sla: &catalogue::Sla) -> Sla {
    Sla {
        availability: sla.availability_bp,
        performance: format!("Usually ready within {} minutes. You pay only once it runs.", sla.deploy_minutes),
        support: sla.support.clone(),
        backup: sla.backup.clone(),
        remedy: format!(
            "Write to us: {} % of the month's price goes back to your card. We look at what we saw of the node; nothing is paid out by itself.",
            sla.credit_percent
        ),
    }
}
