//! What is on offer, as every page shows it: sizes, images, regions, and what is promised.

use maud::{Markup, html};
use serde::Serialize;

use super::format::{cpus, disk, memory, money, percent};
use super::icon::{Icon, icon};
use crate::base::money::Usd;

/// A size of machine with its monthly price.
#[derive(Debug, Clone, Serialize)]
pub struct Size {
    pub slug: String,
    pub name: String,
    /// Who it is for, in a few words.
    pub summary: String,
    pub vcpus: u32,
    pub memory_mb: u64,
    pub disk_gb: u64,
    /// For 30 days.
    pub price: Usd,
}

impl Size {
    /// `1 vCPU · 2 GB memory · 50 GB SSD`
    pub fn line(&self) -> String {
        format!("{} · {} memory · {} SSD", cpus(self.vcpus), memory(self.memory_mb), disk(self.disk_gb))
    }
}

/// An operating system image.
#[derive(Debug, Clone, Serialize)]
pub struct Image {
    pub slug: String,
    pub name: String,
    pub summary: String,
    /// Starts a kernel of its own, as any machine does.
    pub own_kernel: bool,
}

/// An SSH key as people tell keys apart.
#[derive(Debug, Clone, Serialize)]
pub struct KeyLine {
    /// The comment at its end, as `alice@laptop`, else its type.
    pub name: String,
    /// `SHA256:…`, as `ssh-keygen -l` prints it.
    pub fingerprint: String,
}

/// Somewhere one can ask a machine to be.
#[derive(Debug, Clone, Serialize)]
pub struct Region {
    pub slug: String,
    pub name: String,
    /// Nodes that could take an order now.
    pub nodes: u32,
}

/// What is promised, word for word as it is frozen into the order.
#[derive(Debug, Clone, Serialize)]
pub struct Sla {
    /// Hundredths of a per cent in a calendar month: 9950 is 99.5 %.
    pub availability: u32,
    pub performance: String,
    pub support: String,
    pub backup: String,
    /// What happens when the promise is broken.
    pub remedy: String,
}

/// A card as people recognise it: never more than the last four digits.
#[derive(Debug, Clone, Serialize)]
pub struct CardLine {
    pub brand: String,
    pub last4: String,
    pub exp_month: u8,
    pub exp_year: u16,
}

impl CardLine {
    /// `Visa ending in 4242`
    pub fn name(&self) -> String {
        format!("{} ending in {}", self.brand, self.last4)
    }
}

/// `$10.00 / 30 days`, large.
pub fn price(amount: Usd) -> Markup {
    html! { span.price { (money(amount)) span.per { " for 30 days" } } }
}

/// Keys, one a line.
pub fn keys(keys: &[KeyLine]) -> Markup {
    html! {
        ul.keys { @for key in keys { li { code { (key.name) } " " code.fingerprint { (key.fingerprint) } } } }
    }
}

/// The three measures of a size, each with its sign.
pub fn measures(size: &Size) -> Markup {
    html! {
        span.measures {
            span { (icon(Icon::Cpu)) (cpus(size.vcpus)) }
            span { (icon(Icon::Memory)) (memory(size.memory_mb)) " memory" }
            span { (icon(Icon::Disk)) (disk(size.disk_gb)) " SSD" }
        }
    }
}

/// The promise as a list, the same on every page that shows it.
pub fn sla(sla: &Sla) -> Markup {
    html! {
        dl.promise {
            div { dt { "Availability" } dd { strong { (percent(sla.availability)) } " of every calendar month" } }
            div { dt { "Performance" } dd { (sla.performance) } }
            div { dt { "Support" } dd { (sla.support) } }
            div { dt { "Backup" } dd { (sla.backup) } }
            div { dt { "If we miss it" } dd { (sla.remedy) } }
        }
    }
}
