//! A storage swarm: how it is, where it is, what it survives, and what its owner has to do.

use maud::{Markup, html};
use serde::Serialize;

use crate::base::Time;
use crate::base::ids::OrderId;
use crate::base::money::Usd;
use crate::domain::swarm::layout::Row;
use crate::web::ui::form::{self, Filled, Text};
use crate::web::ui::format::{ago, disk, money, when};
use crate::web::ui::icon::{Icon, icon};
use crate::web::ui::part::{self, Tone, number, text};
use crate::web::ui::{Chrome, chart, layout, layout_live};

/// What may be asked for in the order form.
#[derive(Debug, Clone, Serialize)]
pub struct Offer {
    pub most_gb: u64,
    /// Of a thousand GB that can be used, in the usual layout.
    pub price: Usd,
    pub minimal: u8,
    pub expected: u8,
    pub spares: u8,
    /// What survives what, in the usual layout.
    pub survives: Vec<Row>,
    pub consent: String,
}

/// What was asked for, as the offer's page says it.
#[derive(Debug, Clone, Serialize)]
pub struct Terms {
    pub usable_gb: u64,
    pub minimal: u8,
    pub expected: u8,
    pub spares: u8,
    pub survives: Vec<Row>,
    pub consent: String,
}

/// The sheet on the page of its server.
#[derive(Debug, Clone, Serialize)]
pub struct Card {
    pub order: OrderId,
    pub headline: String,
    pub tone: Tone,
    pub badge: String,
    /// Shards that are there, of all.
    pub there: usize,
    pub of: usize,
    /// What its owner has to do, if anything.
    pub ask: Option<String>,
}

/// One shard.
#[derive(Debug, Clone, Serialize)]
pub struct Line {
    pub number: u32,
    pub role: &'static str,
    pub node: u32,
    pub farm: String,
    pub place: String,
    pub tone: Tone,
    pub state: String,
    pub seen: Option<Time>,
    /// What it holds, in words.
    pub used: String,
    /// Its owner may have it replaced.
    pub replaceable: bool,
}

#[derive(Debug, Clone, Serialize)]
pub struct Drill {
    pub asked: Time,
    /// None while it runs.
    pub done: Option<(Time, bool, Vec<String>)>,
}

#[derive(Debug, Clone, Serialize)]
pub struct Config {
    pub version: u32,
    /// The version that is in place, as its owner told us; 0 for none.
    pub saved: u32,
    /// The key is in the file.
    pub with_key: bool,
}

#[derive(Debug, Clone, Serialize)]
pub struct View {
    pub name: String,
    pub card: Card,
    /// It is being built, or taken down: the page moves by itself.
    pub moving: bool,
    pub looked: Option<Time>,
    /// Nobody answered at the last look.
    pub blind: bool,
    pub now: Time,
    pub terms: Terms,
    pub raw_gb: u64,
    pub shards: Vec<Line>,
    /// What the failure of one farm or one farmer would cost.
    pub weak: Vec<String>,
    /// Shards are away, and none can be given up without losing something.
    pub held: bool,
    pub config: Option<Config>,
    pub drill: Option<Drill>,
    pub history: Vec<(Time, String, bool)>,
}

/// The part of the order form.
pub fn fields(offer: &Offer, filled: &Filled) -> Markup {
    let names = ["swarm_gib", "swarm_minimal", "swarm_expected", "swarm_spares", "swarm_agreed"];
    let layout = ["swarm_minimal", "swarm_expected", "swarm_spares"];
    let all = usize::from(offer.expected) + usize::from(offer.spares) + 4;
    form::more(
        "Storage swarm",
        "What the server keeps, spread over many nodes: some of them may be lost.",
        &names,
        filled,
        html! {
            section.sheet-part {
                h2 { "Storage swarm" }
                p.hint {
                    "Everything is encrypted on your server, cut into " (offer.expected) " pieces and kept on as many nodes of several farms. Any "
                    (offer.minimal) " pieces give it back. It is for large data that changes slowly, such as backups and archives; it needs a \
                     system with a kernel of its own, and you set it up on your server."
                }
                (Text::new("swarm_gib", "Room in GB").digits().max(7).optional().hint(&format!(
                    "That you can use, up to {} GB. 1000 GB cost {} for 30 days, with all {all} shards. Empty: no swarm.",
                    offer.most_gb,
                    money(offer.price)
                )).show(filled))
                (survives(&offer.survives))
                p { (offer.consent) }
                (form::tick("swarm_agreed", "I have read what can be lost", html! { "This text is stored with your order." }, filled))
                (form::more("Another layout", "More or fewer pieces; the usual ones are fine for most.", &layout, filled, html! {
                    div.trio {
                        (Text::new("swarm_expected", "Pieces").digits().max(2).optional().hint(&format!("{} as a rule", offer.expected)).show(filled))
                        (Text::new("swarm_minimal", "Enough to read").digits().max(2).optional().hint(&format!("{} as a rule", offer.minimal)).show(filled))
                        (Text::new("swarm_spares", "Spare nodes").digits().max(2).optional().hint(&format!("{} as a rule", offer.spares)).show(filled))
                    }
                }))
            }
        },
    )
}

/// What survives what. The last word of each line is ours to keep.
fn survives(rows: &[Row]) -> Markup {
    let cells = |row: &Row| vec![html! { (row.lost) }, html! { (row.reads) }, html! { (row.writes) }];
    part::table("What can be lost", &[text("Lost"), text("Reading"), text("Storing")], rows.iter().map(cells).collect())
}

/// On the offer's page, before anybody pays.
pub fn terms(terms: &Terms) -> Markup {
    part::card(
        "Your storage swarm",
        html! {
            p { strong { (disk(terms.usable_gb)) } " to use. " (shape(terms)) }
            (survives(&terms.survives))
            p { (terms.consent) }
            p.hint { "You have said that you read this; it is stored with your order. If the swarm can't be built, the server runs without it and its price goes back to your card." }
        },
    )
}

fn shape(terms: &Terms) -> String {
    format!(
        "Any {} of {} pieces give everything back, {} more nodes stand by, and 4 hold the directory.",
        terms.minimal, terms.expected, terms.spares
    )
}

pub fn card(card: &Card) -> Markup {
    part::card(
        "Storage swarm",
        html! {
            p.cluster { (part::badge(card.tone, &card.badge)) span { (card.headline) } }
            (part::bar("Shards that are there", card.there as u64, card.of as u64))
            @if let Some(ask) = &card.ask { p { strong { (ask) } } }
            p.actions { a.btn.quiet href={ "/deployments/" (card.order) "/swarm" } { "Look at all shards" } }
        },
    )
}

pub fn page(chrome: &Chrome, view: &View) -> Markup {
    let frame = if view.moving { layout_live } else { layout };
    let order = view.card.order;
    frame(
        chrome,
        &format!("Storage swarm of {}", view.name),
        html! {
            div.wrap.stack {
                (part::back(&format!("/deployments/{order}"), &view.name))
                @if view.moving {
                    div.live.stack data-live={ "/deployments/" (order) "/swarm/events" } { (moving(view)) }
                    p.hidden role="status" data-said {}
                } @else {
                    (state(view))
                    @if let Some(config) = &view.config { (configuration(chrome, order, config)) (drill(chrome, order, view)) }
                    (shards(Some(chrome), view))
                }
                div.duo {
                    (part::card("What it survives", html! {
                        (survives(&view.terms.survives))
                        @if view.weak.is_empty() { p.hint { "Any one farm, or all farms of one farmer, may fail as a whole: everything can still be read." } }
                        @else { ul.ticks { @for spot in &view.weak { li { (icon(Icon::Alert)) (spot) } } } }
                    }))
                    (part::card("What you agreed to", html! {
                        (part::facts(vec![
                            ("To use", html! { (disk(view.terms.usable_gb)) }),
                            ("Taken on all nodes", html! { (disk(view.raw_gb)) }),
                            ("Layout", html! { (shape(&view.terms)) }),
                        ]))
                        p { (view.terms.consent) }
                    }))
                }
                (history(view))
            }
        },
    )
}

/// The part that moves while shards come and go, sent again with each change.
pub fn moving(view: &View) -> Markup {
    html! {
        (state(view))
        @if !view.moving { p.actions { (part::button(&format!("/deployments/{}/swarm", view.card.order), "Go on")) } }
        (shards(None, view))
    }
}

fn state(view: &View) -> Markup {
    let card = &view.card;
    html! {
        (part::head(&format!("Storage swarm of {}", view.name), html! { (shape(&view.terms)) }, html! {}))
        section.card.progress-card data-end[!view.moving] {
            p.cluster { (part::badge(card.tone, &card.badge)) }
            p.progress-now data-say { (card.headline) }
            progress.bar.tall value=(card.there) max=(card.of.max(1)) aria-label="Shards that are there" { (card.there) " of " (card.of) }
            p.progress-foot {
                span { (card.there) " of " (card.of) " shards" @if view.moving { " ready" } }
                span { @if let Some(at) = view.looked { "Looked at " (ago(at, view.now)) } }
            }
            (chart::cells(&view.shards.iter().map(|line| line.tone).collect::<Vec<_>>()))
            @if view.blind {
                p.hint { "Nobody answered at the last look, so it may be we who are cut off: nothing is concluded from it." }
            }
            @if view.moving { p.hint { "You may close this page: the work goes on, and we write to you when it is done." } }
        }
    }
}

fn configuration(chrome: &Chrome, order: OrderId, config: &Config) -> Markup {
    let current = config.saved >= config.version;
    let title = match (config.saved, current) {
        (0, _) => "Put it in place",
        (_, false) => "Download the new configuration",
        (_, true) => "Configuration",
    };
    part::card(
        title,
        html! {
            @if config.saved == 0 {
                p {
                    "The file holds the key that everything is encrypted with. " strong { "Keep a copy of it somewhere else" }
                    ": without the key nobody can read what is stored, and we throw ours away when you press the button below."
                }
            } @else if current {
                p { "Configuration " (config.version) " is in place. We do not have the key any more: in a file that you download again, a line says where it belongs." }
            } @else {
                p {
                    "Configuration " (config.version) " names the shards that were replaced; until it is in place they are empty. Download it, put your \
                     key where the file says, and send zstor the signal: " code { "pkill -SIGUSR1 zstor" } ". It fills them by itself, which takes a while."
                }
            }
            p.actions { a.btn href={ "/deployments/" (order) "/swarm/config" } download="zstor.toml" { "Download zstor.toml" } }
            @if !current {
                (form::post(chrome, &format!("/deployments/{order}/swarm/saved"), html! {
                    (form::hidden("version", &config.version.to_string()))
                    p.actions {
                        button.btn.quiet type="submit" {
                            @if config.with_key { "I have saved it: throw the key away" } @else { "Configuration " (config.version) " is in place" }
                        }
                    }
                }))
            }
            details.more {
                summary { "How it works on your server" span.hint { "Once, with three programs of the grid's makers." } }
                div.more-body {
                    ol {
                        li { "Save the file as " code { "/etc/zstor.toml" } ", readable by root only." }
                        li { "Install zstor, zdb and zdbfs: one file each, from the releases of threefoldtech/0-stor_v2, 0-db and 0-db-fs." }
                        li { "Start zdb, then zstor with " code { "zstor_v2 -c /etc/zstor.toml monitor" } ", then zdbfs on " code { "/mnt/qsfs" } "." }
                        li { "What you write to " code { "/mnt/qsfs" } " leaves the server in portions, a quarter of an hour apart as a rule." }
                    }
                    p.hint { "How it does on your server itself, " code { "zstor_v2 -c /etc/zstor.toml status" } " tells: we see the shards from outside only." }
                }
            }
        },
    )
}

fn drill(chrome: &Chrome, order: OrderId, view: &View) -> Markup {
    let runs = view.drill.as_ref().is_some_and(|drill| drill.done.is_none());
    part::card(
        "Prove it",
        html! {
            p {
                "We cut something of our own into pieces, keep them on your shards, and read it back without as many as may be lost; then without \
                 one more, which must fail. It is removed again. This proves the shards and the arithmetic, not the program on your server."
            }
            @match view.drill.as_ref().and_then(|drill| drill.done.as_ref()) {
                Some((at, passed, said)) => {
                    p.cluster {
                        @if *passed { (part::badge(Tone::Good, "Passed")) } @else { (part::badge(Tone::Bad, "Not passed")) }
                        span { (when(*at)) }
                    }
                    ul.ticks { @for sentence in said { li { (icon(if *passed { Icon::Check } else { Icon::Info })) (sentence) } } }
                }
                None if runs => p.cluster { (part::badge(Tone::Busy, "Running")) span { "Load this page again in a moment." } },
                None => p.hint { "It was not tried yet." },
            }
            @if !runs {
                (form::post(chrome, &format!("/deployments/{order}/swarm/drill"), html! {
                    p.actions { button.btn.quiet type="submit" { @if view.drill.is_some() { "Prove it again" } @else { "Prove it" } } }
                }))
            }
        },
    )
}

/// `chrome` for the buttons; without it there are none.
fn shards(chrome: Option<&Chrome>, view: &View) -> Markup {
    if view.shards.is_empty() {
        return html! {};
    }
    let columns = [text("Shard"), text("State"), text("Where"), text("Node"), text("Last seen"), number("Holds"), text("")];
    let row = |line: &Line| {
        vec![
            html! { strong { (line.role) " " (line.number + 1) } },
            part::badge(line.tone, &line.state),
            html! { (line.place) },
            html! { (line.node) ", " (line.farm) },
            html! { @match line.seen { Some(at) => (ago(at, view.now)), None => "–" } },
            html! { (line.used) },
            html! {
                @if let Some(chrome) = chrome.filter(|_| line.replaceable) {
                    (form::post(chrome, &format!("/deployments/{}/swarm/replace", view.card.order), html! {
                        (form::hidden("shard", &line.number.to_string()))
                        button.btn.quiet.small type="submit" { "Replace" span.hidden { " shard " (line.number + 1) } }
                    }))
                }
            },
        ]
    };
    part::card(
        "Shards",
        html! {
            @if view.held {
                p.hint { "None is replaced now, for that would give up what can't be read without it: we wait until more of them are back or filled." }
            }
            (part::table("Shards", &columns, view.shards.iter().map(row).collect()))
        },
    )
}

fn history(view: &View) -> Markup {
    html! {
        @if !view.history.is_empty() {
            section.card {
                h2 { "What happened" }
                ul.ticks {
                    @for (at, said, trouble) in &view.history {
                        li { (icon(if *trouble { Icon::Alert } else { Icon::Check })) span { (said) br; span.hint { (when(*at)) } } }
                    }
                }
            }
        }
    }
}
