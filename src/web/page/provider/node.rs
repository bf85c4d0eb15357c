//! One node of a provider: what it is, how it does, and whom it is sold to.

use maud::{Markup, html};
use serde::Serialize;

use super::maintenance::{self, Windows};
use super::nodes::badge;
use crate::base::Time;
use crate::base::ids::PoolId;
use crate::base::money::Usd;
use crate::domain::node::{Class, Looks, NodeState};
use crate::domain::observation::Turned;
use crate::web::ui::form::{self, Filled};
use crate::web::ui::format::{about, ago, count, cpus, disk, memory, percent, span, when};
use crate::web::ui::part::{self, Tone};
use crate::web::ui::{Chrome, layout};

/// Where a node stands with private pools.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// In none, and offered to none.
    Public,
    Offered {
        pool: String,
        since: Time,
    },
    Allocated {
        pool: String,
        since: Time,
    },
}

/// The operator did not want it.
#[derive(Debug, Clone, Serialize)]
pub struct Refused {
    pub pool: String,
    pub reason: String,
    pub at: Time,
}

#[derive(Debug, Clone, Serialize)]
pub struct View {
    pub id: u32,
    pub farm: u32,
    pub farm_name: String,
    pub place: String,
    pub state: NodeState,
    pub healthy: bool,
    pub opted_out: bool,
    /// Is only rented out whole: no order of ours comes to it.
    pub dedicated: bool,
    pub last_contact: Time,
    /// Since its last start, in seconds.
    pub uptime_s: u64,
    pub looks: Looks,
    pub classes: Vec<Class>,
    pub certified: bool,
    pub cores: u32,
    pub memory_mb: u64,
    pub memory_used_mb: u64,
    pub ssd_gb: u64,
    pub hdd_gb: u64,
    pub gpus: Vec<String>,
    pub upload_mbps: u64,
    pub download_mbps: u64,
    pub free_ips: u32,
    pub ipv6: bool,
    /// For a month of all it has.
    pub price: Option<Usd>,
    pub deployments: usize,
    pub exposed: bool,
    pub standing: Standing,
    pub refused: Option<Refused>,
    /// Pools it can be offered to.
    pub pools: Vec<(PoolId, String)>,
    /// Holds `pool`.
    pub filled: Filled,
    pub maintenance: Windows,
    /// What became of it while we looked, newest first.
    pub turns: Vec<(Time, Turned)>,
    pub now: Time,
}

pub fn page(chrome: &Chrome, view: &View) -> Markup {
    layout(
        chrome,
        &format!("Node {}", view.id),
        html! {
            div.wrap.stack {
                (part::back("/provider/nodes", "Your nodes"))
                (part::head(
                    &format!("Node {}", view.id),
                    html! { (view.farm_name) " (farm " (view.farm) "), " (view.place) },
                    html! { a.btn.quiet href={ "/order?node=" (view.id) } { "Order on it yourself" } },
                ))
                div.duo {
                    (part::card("How it does", condition(view)))
                    (part::card("Who can order on it", exposure(chrome, view)))
                }
                (maintenance::card(chrome, view.id, &view.maintenance))
                div.duo {
                    (part::card("What it has", machine(view)))
                    (part::card("What we saw become of it", turns(&view.turns)))
                }
            }
        },
    )
}

fn condition(view: &View) -> Markup {
    let measured = view.looks.basis_points();
    html! {
        p.cluster {
            (badge(view.state))
            @if view.state == NodeState::Up && !view.healthy { (part::badge(Tone::Warn, "Does not answer the grid")) }
            @if view.opted_out { (part::badge(Tone::Warn, "Left the grid's billing")) }
            @if view.dedicated { (part::badge(Tone::Quiet, "Rented whole only")) }
        }
        (part::facts(vec![
            ("Last contact", html! { (ago(view.last_contact, view.now)) }),
            ("Up since its last start", html! { (span(std::time::Duration::from_secs(view.uptime_s))) }),
            ("Measured by us", html! {
                @match measured {
                    Some(points) => { (percent(points.into())) " up, of " (count(view.looks.seen.into())) " looks in 90 days" }
                    None => { "We have not looked often enough yet (" (count(view.looks.seen.into())) " of " (count(Looks::ENOUGH.into())) " times)" }
                }
            }),
            ("Deployments of ours", html! { (count(view.deployments as u64)) }),
        ]))
    }
}

/// Also for the page that everybody sees.
pub fn turns(turns: &[(Time, Turned)]) -> Markup {
    html! {
        @if turns.is_empty() { p.soft { "It was there each time we looked, as far as we remember." } } @else {
            ul.lines { @for (at, turned) in turns { li {
                span {
                    @if turned.up { "Back " } @else { "Down " } (when(*at))
                    @if !turned.up { span.sub { "Its last report was of " (when(turned.seen)) "." } }
                }
                @if turned.announced { (part::badge(Tone::Quiet, "Announced maintenance")) }
                @else if turned.up { (part::badge(Tone::Good, "Back")) }
                @else { (part::badge(Tone::Bad, "Down")) }
            } } }
        }
    }
}

fn exposure(chrome: &Chrome, view: &View) -> Markup {
    let here = |verb: &str| format!("/provider/nodes/{}/{verb}", view.id);
    html! {
        p.cluster {
            @match (view.exposed, &view.standing) {
                (false, _) => (part::badge(Tone::Quiet, "Only you")),
                (true, Standing::Allocated { pool, .. }) => (part::badge(Tone::Busy, &format!("Members of {pool}"))),
                (true, _) => (part::badge(Tone::Good, "Everybody")),
            }
        }
        p.soft {
            @if view.exposed { "New orders can come to this node. Keep it back and none come any more; what runs on it goes on." }
            @else { "No order but your own comes to this node. What runs on it goes on." }
        }
        (form::post(chrome, &here("expose"), html! {
            (form::hidden("exposed", if view.exposed { "no" } else { "yes" }))
            button.btn.quiet type="submit" { @if view.exposed { "Keep it back" } @else { "Show it to buyers" } }
        }))
        @match &view.standing {
            Standing::Public => {
                @if let Some(refused) = &view.refused {
                    p.flash.notice { span {
                        strong { (refused.pool) " did not take it. " } (refused.reason) " " span.soft { (when(refused.at)) }
                    } }
                }
                @if !view.pools.is_empty() {
                    p.soft { "In a private pool a node is sold to the pool's members only, and to nobody else." }
                    (form::sheet(chrome, &here("offer"), &view.filled, html! {
                        (form::select("pool", "Private pool", None, &options(view), &view.filled))
                        div.between { button.btn.quiet type="submit" { "Offer this node" } }
                    }))
                }
            }
            Standing::Offered { pool, since } => {
                p { "Offered to " strong { (pool) } " " (ago(*since, view.now)) ". Until it is taken, it is sold as before." }
                (take_back(chrome, &here("withdraw"), "Take the offer back"))
            }
            Standing::Allocated { pool, since } => {
                p { "In " strong { (pool) } " since " (when(*since)) ": nobody else can order on it." }
                (take_back(chrome, &here("withdraw"), "Take it out of the pool"))
            }
        }
    }
}

fn take_back(chrome: &Chrome, action: &str, text: &str) -> Markup {
    form::post(chrome, action, html! { button.btn.quiet type="submit" { (text) } })
}

fn options(view: &View) -> Vec<(String, String)> {
    view.pools.iter().map(|(id, name)| (id.to_string(), name.clone())).collect()
}

fn machine(view: &View) -> Markup {
    html! {
        @if !view.classes.is_empty() || view.certified {
            p.cluster {
                @for class in &view.classes { (part::badge(Tone::Busy, class.word())) }
                @if view.certified { (part::badge(Tone::Good, "Certified")) }
            }
        }
        (part::facts(vec![
            ("Cores", html! { (cpus(view.cores)) }),
            ("Memory", html! {
                (memory(view.memory_used_mb)) " of " (memory(view.memory_mb)) " in use"
                (part::bar("Memory in use", view.memory_used_mb, view.memory_mb))
            }),
            ("SSD", html! { (disk(view.ssd_gb)) }),
            ("HDD", html! { @if view.hdd_gb > 0 { (disk(view.hdd_gb)) } @else { "None" } }),
            ("Graphics cards", html! { @if view.gpus.is_empty() { "None" } @else { (view.gpus.join(", ")) } }),
            ("Measured bandwidth", html! {
                @if view.upload_mbps == 0 && view.download_mbps == 0 { "Not measured yet" }
                @else { (count(view.upload_mbps)) " Mbit/s up, " (count(view.download_mbps)) " Mbit/s down" }
            }),
            ("Public addresses", html! {
                @if view.free_ips > 0 { (count(view.free_ips.into())) " IPv4 free on the farm" } @else { "No IPv4 free on the farm" }
                @if view.ipv6 { ", IPv6" }
            }),
            ("List price of it all", html! {
                @match view.price { Some(price) => { (about(price)) " a month" } None => "Not known" }
            }),
        ]))
    }
}
