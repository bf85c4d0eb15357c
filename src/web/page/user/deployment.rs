//! One deployment: how to get in, how it came about, what it costs and what was promised.

use maud::{Markup, html};
use serde::Serialize;

use super::deployments::{self, Status};
use super::{backup, home_copy, metrics, swarm, web_address};
use crate::base::Time;
use crate::base::ids::{ChargeId, OrderId};
use crate::base::money::Usd;
use crate::web::ui::form::{self, Filled, Text};
use crate::web::ui::format::{money, when};
use crate::web::ui::offer::{self, KeyLine, Size, Sla};
use crate::web::ui::part::{self, Step, copyable};
use crate::web::ui::{Chrome, layout, layout_live};

/// How to get in.
#[derive(Debug, Clone, Serialize)]
pub struct Access {
    /// The whole line to type.
    pub ssh: String,
    pub keys: Vec<KeyLine>,
    /// Every address, with what it is: the one of the line above first.
    pub addresses: Vec<(&'static str, String)>,
    pub tunnel: Option<Tunnel>,
    /// Where its console is, inside the private network.
    pub console: Option<String>,
}

/// The customer's WireGuard tunnel.
#[derive(Debug, Clone, Serialize)]
pub struct Tunnel {
    /// What lies behind it.
    pub network: String,
    /// The customer's own address in it.
    pub address: String,
    /// The customer's public key.
    pub key: String,
    /// The name of the file, without its ending.
    pub file: String,
}

/// What became of something that ran.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Over {
    pub at: Time,
    /// What went back to the card, and what was kept for the hours used.
    pub back: Usd,
    pub kept: Usd,
}

/// What is being changed, and what can be.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Changes {
    /// The change under way: a sentence.
    pub open: Option<String>,
    pub can: bool,
    pub stopped: Option<Time>,
    /// The server itself is gone: it can only be set up elsewhere.
    pub lost: bool,
    /// Whether there ever was one.
    pub any: bool,
    /// What became of the last one, if it was not done.
    pub failed: Option<String>,
}

/// What we see of one that does not answer.
#[derive(Debug, Clone, Serialize)]
pub struct Down {
    pub since: Time,
    pub why: &'static str,
}

/// Work that a provider has announced.
#[derive(Debug, Clone, Serialize)]
pub struct Planned {
    /// What of it is there.
    pub what: &'static str,
    pub node: u32,
    pub starts: Time,
    pub ends: Time,
    /// In the provider's words.
    pub why: String,
    /// The server itself is there.
    pub itself: bool,
}

#[derive(Debug, Clone, Serialize)]
pub struct View {
    pub id: OrderId,
    /// What its owner calls it.
    pub name: String,
    /// What it calls itself.
    pub host: String,
    pub tags: Vec<String>,
    pub status: Status,
    /// One sentence when something is not as it should be.
    pub note: Option<String>,
    pub access: Option<Access>,
    /// The five: select, pay, deploy, allocate, access.
    pub steps: Vec<Step>,
    pub size: Size,
    pub image: String,
    pub ordered: Time,
    pub paid_until: Option<Time>,
    pub price: Usd,
    /// How it ended, if it ran and runs no more.
    pub over: Option<Over>,
    /// Of the month, and of what became dearer in it.
    pub receipts: Vec<ChargeId>,
    pub changes: Changes,
    /// It does not answer, as far as we see.
    pub down: Option<Down>,
    /// When something it uses will be worked on, the next first.
    pub maintenance: Vec<Planned>,
    pub sla: Sla,
    pub place: Option<String>,
    pub node: Option<u32>,
    /// `20 GB at /mnt/data1`
    pub disks: Vec<String>,
    pub swarm: Option<swarm::Card>,
    pub can_delete: bool,
    pub backup: Option<backup::Brief>,
    /// How it is doing, if it says so. Shown while it runs.
    pub brief: Option<metrics::Brief>,
    /// Copies on a machine of the customer's own. Shown while it runs.
    pub copies: Option<home_copy::Brief>,
    pub web: Option<web_address::View>,
    /// Holds `title` and `tags`.
    pub filled: Filled,
}

pub fn page(chrome: &Chrome, view: &View) -> Markup {
    let frame = if view.web.as_ref().is_some_and(web_address::View::moves) { layout_live } else { layout };
    frame(
        chrome,
        &view.name,
        html! {
            div.wrap.stack {
                (part::back("/deployments", "All deployments"))
                header.head {
                    div {
                        h1 { (view.name) }
                        p.lead.cluster { (view.status.badge()) span { (view.size.line()) } span { (view.image) } }
                        @if !view.tags.is_empty() { p.cluster { (deployments::tags(&view.tags)) } }
                    }
                    div.actions {
                        (changing(chrome, view))
                        @if view.can_delete { a.btn.quiet.danger href={ "/deployments/" (view.id) "/delete" } { "Delete" } }
                    }
                }
                @if matches!(view.status, Status::Ended | Status::Refunded | Status::NotStarted) { (gone(view)) } @else {
                    (down(view))
                    (planned(view))
                    @if let Some(open) = &view.changes.open {
                        p.flash.notice { span { (open) " " a href={ "/deployments/" (view.id) "/progress" } { "Watch it" } } }
                    }
                    @if let Some(failed) = &view.changes.failed {
                        p.flash.notice { span { (failed) " " a href={ "/deployments/" (view.id) "/changes" } { "See what happened" } } }
                    }
                    @if let Some(note) = &view.note { p.flash.notice { span { (note) } } }
                    (access(view))
                }
                @if let Some(web) = &view.web { (web_address::card(chrome, web)) }
                @if let Some(card) = &view.swarm { (swarm::card(card)) }
                @if let Some(backup) = &view.backup { (backup::brief(view.id, backup)) }
                @if view.can_delete { (home_copy::brief(view.id, view.copies.as_ref())) }
                @if view.can_delete { (metrics::brief(view.id, view.brief.as_ref())) }
                section.card { h2 { "How it came about" } (part::track(&view.steps)) }
                div.duo {
                    (part::card("Price and place", price(view)))
                    (part::card("What we promise", offer::sla(&view.sla)))
                }
                (label(chrome, view))
                @if view.status == Status::Running { (yours(view)) }
            }
        },
    )
}

/// What is seen of one that does not answer, and what can be done.
fn down(view: &View) -> Markup {
    html! {
        @if let Some(down) = &view.down {
            p.flash.bad role="alert" { span {
                strong { "It does not answer since " (when(down.since)) ". " } (down.why) " Most of the time that passes by itself, and you get a mail when it does. "
                @if view.changes.can { "If you can't wait: " a href={ "/deployments/" (view.id) "/move" } { "set it up elsewhere" } ", with empty disks. " }
                @if view.backup.is_some() { a href={ "/deployments/" (view.id) "/backup" } { "Its backup VM can take over" } "." }
                @else { "A backup VM, ordered with a server, could take over." }
            } }
        }
    }
}

fn planned(view: &View) -> Markup {
    html! {
        @for work in &view.maintenance {
            p.flash.notice { span {
                strong { "Maintenance from " (when(work.starts)) " to " (when(work.ends)) ". " }
                "The provider of node " (work.node) " writes: “" (work.why) "” Meanwhile " (work.what) " may not answer; what is on disks is kept. "
                @if work.itself {
                    @if view.changes.can { "If you can't do without it: " a href={ "/deployments/" (view.id) "/move" } { "set it up elsewhere before" } ". " }
                    @if view.backup.is_some() { a href={ "/deployments/" (view.id) "/backup" } { "Its backup VM can take over meanwhile" } "." }
                    @else { "A backup VM, ordered with a server, could take over meanwhile." }
                }
            } }
        }
    }
}

/// The way out: nobody is kept here.
fn yours(view: &View) -> Markup {
    html! {
        details.more {
            summary { "Make it yours" span.hint { "Take it over to an account of your own on the grid; it goes on without us." } }
            div.more-body {
                p { "Your own key, your own place on the grid, and no right of ours to it." }
                p.actions { a.btn.quiet href={ "/deployments/" (view.id) "/handover" } { "How it is done" } }
            }
        }
    }
}

/// What can be done to it beside deleting it.
fn changing(chrome: &Chrome, view: &View) -> Markup {
    html! {
        @if view.changes.can {
            @if view.changes.stopped.is_some() {
                (form::post(chrome, &format!("/deployments/{}/start", view.id), html! { button.btn type="submit" { "Start" } }))
            } @else if !view.changes.lost {
                a.btn.quiet href={ "/deployments/" (view.id) "/stop" } { "Stop" }
            }
            @if !view.changes.lost { a.btn.quiet href={ "/deployments/" (view.id) "/resize" } { "Resize" } }
            a.btn.quiet href={ "/deployments/" (view.id) "/move" } { "Move" }
        }
    }
}

fn access(view: &View) -> Markup {
    html! {
        section.access {
            h2 { "Sign in" }
            @match &view.access {
                Some(access) => {
                    p { "From any terminal, with " @if access.keys.len() == 1 { "this SSH key:" } @else { "one of these SSH keys:" } }
                    (offer::keys(&access.keys))
                    (copyable("Command", &access.ssh))
                    div.access-ways {
                        @for (what, address) in &access.addresses { (copyable(what, address)) }
                    }
                    @if let Some(tunnel) = &access.tunnel { (way_in(view, tunnel)) }
                    @if let Some(console) = &access.console {
                        p.hint {
                            "If it does not answer: a text console is at " code { "http://" (console) } " in a browser, from inside its private network only"
                            @if access.tunnel.is_some() { ", through the tunnel." } @else { "; this one was ordered without a way in." }
                        }
                    }
                }
                None if view.status == Status::Starting => {
                    p { "The address appears here when the server runs. " }
                    p.actions { (part::button(&format!("/deployments/{}/progress", view.id), "Watch it start")) }
                }
                None if view.changes.lost => p { "There is no server to sign in to. Its backup VM runs; its page says how to sign in to that one." },
                None if view.changes.stopped.is_some() => p { "It is stopped. Start it to sign in; its addresses stay." },
                None => p { "There is nothing to sign in to any more." },
            }
        }
    }
}

fn way_in(view: &View, tunnel: &Tunnel) -> Markup {
    html! {
        section.way-in {
            h3 { "WireGuard tunnel" }
            p {
                "Into " code { (tunnel.network) } ", with the private key that belongs to " code.fingerprint { (tunnel.key) } ". You are "
                code { (tunnel.address) } " in there."
            }
            p.actions {
                a.btn.quiet href={ "/deployments/" (view.id) "/tunnel" } download={ (tunnel.file) ".conf" } { "Download " (tunnel.file) ".conf" }
            }
            p.hint {
                "It holds no secret. On Linux it goes to /etc/wireguard, beside your private key as " code { (tunnel.file) ".key" }
                "; other programs want the line PrivateKey added, and say so."
            }
        }
    }
}

/// Other words for it: they change nothing that runs.
fn label(chrome: &Chrome, view: &View) -> Markup {
    let wrong = view.filled.error("title").is_some() || view.filled.error("tags").is_some();
    html! {
        details.more open[wrong] {
            summary { "Name and tags" span.hint { "How you find it again; its host name stays " (view.host) "." } }
            div.more-body {
                (form::sheet(chrome, &format!("/deployments/{}/label", view.id), &view.filled, html! {
                    div.duo {
                        (Text::new("title", "Name").hint("Empty: the host name.").max(60).optional().show(&view.filled))
                        (Text::new("tags", "Tags").code().hint("Words of small letters, digits and hyphens.").max(220).optional()
                            .show(&view.filled))
                    }
                    div.actions { button.btn.quiet type="submit" { "Save" } }
                }))
            }
        }
    }
}

/// What one comes here for when there is nothing to sign in to any more.
fn gone(view: &View) -> Markup {
    part::card(
        if view.status == Status::Ended { "It runs no more" } else { "It never ran" },
        html! {
            @if let Some(note) = &view.note { p { (note) } }
            p.actions {
                (part::button("/order", "Order a server"))
                @if let Some(id) = view.receipts.first() { a.btn.quiet href={ "/receipts/" (id) } { "See the receipt" } }
            }
        },
    )
}

fn price(view: &View) -> Markup {
    let mut facts = vec![("Price", html! { strong { (money(view.price)) } " for 30 days" })];
    match view.over {
        Some(over) => facts.extend([
            ("Ran until", when(over.at)),
            ("Paid back", html! { (money(over.back)) }),
            ("In the end", html! { strong { (money(over.kept)) } " for the hours used" }),
        ]),
        None => facts.push(("Paid until", html! { @match view.paid_until { Some(at) => (when(at)), None => "Not charged" } })),
    }
    html! {
        (part::facts(facts.into_iter().chain([
            ("Receipt", html! {
                @match view.receipts.as_slice() {
                    [] => "None yet",
                    [id] => a href={ "/receipts/" (id) } { "Open the receipt" },
                    all => ul { @for (number, id) in (1..).zip(all) { li { a href={ "/receipts/" (id) } { "Receipt " (number) } } } },
                }
            }),
            ("Ordered", when(view.ordered)),
            ("Changed", html! {
                @if view.changes.any { a href={ "/deployments/" (view.id) "/changes" } { "See what was changed" } } @else { "Never" }
            }),
            ("Host name", html! { code { (view.host) } }),
            ("Data disks", html! {
                @if view.disks.is_empty() { "None" } @else { ul { @for disk in &view.disks { li { (disk) } } } }
            }),
            ("Runs in", html! { (view.place.as_deref().unwrap_or("Not chosen yet")) }),
            ("Node", html! { @match view.node { Some(node) => (node), None => "–" } }),
            ("Order number", html! { code { (view.id) } }),
        ]).collect()))
    }
}

/// Asked before a deployment is deleted.
#[derive(Debug, Clone, Serialize)]
pub struct RemoveView {
    pub id: OrderId,
    pub name: String,
    /// A storage swarm goes with it.
    pub swarm: bool,
    pub paid_until: Option<Time>,
    /// A backup VM goes with it.
    pub backup: bool,
}

pub fn remove_page(chrome: &Chrome, view: &RemoveView) -> Markup {
    layout(
        chrome,
        &format!("Delete {}", view.name),
        html! {
            div.narrow {
                (part::back(&format!("/deployments/{}", view.id), &view.name))
                h1 { "Delete " (view.name) "?" }
                p.lead {
                    "The server stops and everything on its disk is gone for good" @if view.swarm { ", and so is everything in its storage swarm" }
                    ". We keep no copy."
                }
                @if view.backup { p { strong { "Its backup VM goes with it, and so does the copy on it." } } }
                @if let Some(until) = view.paid_until {
                    p { "It is paid until " (when(until)) ". Hours you have not used go back to your card." }
                }
                (form::post(chrome, &format!("/deployments/{}/delete", view.id), html! {
                    div.actions {
                        button.btn.danger.large type="submit" { "Delete " (view.name) }
                        a.btn.quiet.large href={ "/deployments/" (view.id) } { "Keep it" }
                    }
                }))
            }
        },
    )
}
