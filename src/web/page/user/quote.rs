//! The price, the promise and the chosen node on one screen, before anything is charged.

use maud::{Markup, html};
use serde::Serialize;

use super::swarm;
use crate::base::Time;
use crate::base::ids::QuoteId;
use crate::base::money::Usd;
use crate::domain::backup::TAKEOVER;
use crate::web::ui::form::{self, Filled};
use crate::web::ui::format::{money, when};
use crate::web::ui::icon::{Icon, icon};
use crate::web::ui::offer::{self, CardLine, KeyLine, Size, Sla};
use crate::web::ui::{Chrome, layout, part};

/// One part of a node's score.
#[derive(Debug, Clone, Serialize)]
pub struct ScorePart {
    pub name: String,
    pub points: u32,
    pub of: u32,
    /// Why so many, in words.
    pub why: String,
}

#[derive(Debug, Clone, Serialize)]
pub struct ChosenNode {
    pub node: u32,
    pub farm: String,
    pub place: String,
    /// The one sentence.
    pub reason: String,
    pub parts: Vec<ScorePart>,
}

impl ChosenNode {
    fn score(&self) -> (u32, u32) {
        self.parts.iter().fold((0, 0), |(points, of), part| (points + part.points, of + part.of))
    }
}

/// The second best, and what it lacked.
#[derive(Debug, Clone, Serialize)]
pub struct RunnerUp {
    pub node: u32,
    pub place: String,
    pub why_not: String,
}

/// One part of the price.
#[derive(Debug, Clone, Serialize)]
pub struct Line {
    pub what: String,
    pub amount: Usd,
}

/// The backup VM's place.
#[derive(Debug, Clone, Serialize)]
pub struct Second {
    pub node: ChosenNode,
    /// Why these two.
    pub apart: String,
    /// What one agrees to.
    pub consent: &'static str,
}

#[derive(Debug, Clone, Serialize)]
pub struct View {
    pub id: QuoteId,
    pub name: String,
    pub image: String,
    pub size: Size,
    /// What the card is charged now.
    pub total: Usd,
    /// What the total is made of.
    pub parts: Vec<Line>,
    pub keys: Vec<KeyLine>,
    /// `20 GB at /mnt/data1`
    pub disks: Vec<String>,
    /// Ways to reach it beside its Mycelium address.
    pub network: Vec<String>,
    pub swarm: Option<swarm::Terms>,
    pub sla: Sla,
    /// Where it may run, as it was asked for.
    pub place: String,
    /// Where the order is changed.
    pub again: String,
    pub node: ChosenNode,
    pub runner_up: Option<RunnerUp>,
    /// Nodes that would fit and will be worked on within a week.
    pub left_out: usize,
    /// Work that is announced for the node, later than that.
    pub planned: Vec<(Time, Time)>,
    /// What is asked of the node beside the room for a server that it may not be sold with.
    pub not_with_it: Option<String>,
    /// Where the backup VM will stand, if there is to be one.
    pub second: Option<Second>,
    /// Holds `consent`.
    pub filled: Filled,
    /// The card that will be charged. None: one has to be added first.
    pub card: Option<CardLine>,
    pub paid_until: Time,
    /// Until when this price and this node are kept.
    pub expires: Time,
}

pub fn page(chrome: &Chrome, view: &View) -> Markup {
    layout(
        chrome,
        "Confirm your order",
        html! {
            div.wrap.stack {
                (part::back(&view.again, "Change the order"))
                (part::head(
                    "Confirm your order",
                    html! { "Everything you agree to is on this page. We keep this price until " (when(view.expires)) "." },
                    html! {},
                ))
                div.order-split {
                    div.stack {
                        (part::card("Your server", server(view)))
                        @if let Some(terms) = &view.swarm { (swarm::terms(terms)) }
                        (part::card("What we promise", html! {
                            (offer::sla(&view.sla))
                            p.hint { "This text is stored with your order and holds for as long as the server runs." }
                        }))
                        (part::card("Where it will run, and why", node(view)))
                        @if let Some(second) = &view.second { (part::card("The backup VM, and why these two", backup(view, second))) }
                    }
                    (bill(chrome, view))
                }
            }
        },
    )
}

fn server(view: &View) -> Markup {
    let mut facts = vec![
        ("Name", html! { code { (view.name) } }),
        ("Size", html! { (view.size.name) ": " (view.size.line()) }),
        ("Operating system", html! { (view.image) }),
        ("Where", html! { (view.place) }),
    ];
    if !view.disks.is_empty() {
        facts.push(("Data disks", html! { ul { @for disk in &view.disks { li { (disk) } } } }));
    }
    facts.push(("Reached by", html! { ul { li { "Mycelium address" } @for way in &view.network { li { (way) } } } }));
    facts.push(("Price", html! { strong { (money(view.total)) } " for 30 days" }));
    facts.push(("Who may sign in", html! {
        @if view.keys.len() == 1 { "The holder of this SSH key:" } @else { "Holders of these SSH keys:" } (offer::keys(&view.keys))
    }));
    part::facts(facts)
}

fn node(view: &View) -> Markup {
    let (points, of) = view.node.score();
    html! {
        div.chosen {
            div { p.chosen-place { (icon(Icon::Pin)) (view.node.place) } p.hint { "Node " (view.node.node) ", " (view.node.farm) } }
            p.score { strong { (points) } " of " (of) }
        }
        p { (view.node.reason) }
        ul.score-parts {
            @for part in &view.node.parts {
                li {
                    span.score-name { (part.name) }
                    (part::bar(&part.name, part.points.into(), part.of.into()))
                    span.score-points { (part.points) " / " (part.of) }
                    span.score-why { (part.why) }
                }
            }
        }
        @if let Some(sentence) = &view.not_with_it { p.flash.notice { span { (sentence) } } }
        @for (starts, ends) in &view.planned {
            p.flash.notice { span { "Its provider will work on it from " (when(*starts)) " to " (when(*ends)) ": meanwhile your server may not answer." } }
        }
        @if view.left_out > 0 {
            p.runner_up {
                strong { "Why not " @if view.left_out == 1 { "another one" } @else { (view.left_out) " others" } "? " }
                @if view.left_out == 1 { "It would fit, and will" } @else { "They would fit, and will" }
                " be worked on within a week: nobody new is placed there until then."
            }
        }
        @if let Some(other) = &view.runner_up {
            p.runner-up { strong { "Why not node " (other.node) " in " (other.place) "? " } (other.why_not) }
        }
    }
}

/// The form that orders.
const CONFIRM: &str = "confirm";

fn backup(view: &View, second: &Second) -> Markup {
    let (points, of) = second.node.score();
    html! {
        div.chosen {
            div { p.chosen-place { (icon(Icon::Pin)) (second.node.place) } p.hint { "Node " (second.node.node) ", " (second.node.farm) } }
            p.score { strong { (points) } " of " (of) }
        }
        p { (second.apart) }
        p.hint {
            "The same system, size, disks and keys. It starts empty, after the server itself runs. What is copied to it, and how often, you choose then; the \
             page shows how far behind the copy is. Visitors of a web address of ours are at the backup VM within " (TAKEOVER.as_secs() / 60) " minutes after the \
             server fails; a drill shows whether that holds. If no second place can be had, the server goes on alone and the backup VM's price goes back."
        }
        // Without a card there is no form to agree in yet.
        @if view.card.is_some() {
            (form::tick_of(Some(CONFIRM), "consent", "Both can fail at once", html! { (second.consent) }, &view.filled))
        }
    }
}

fn bill(chrome: &Chrome, view: &View) -> Markup {
    html! {
        aside.bill aria-label="The price" {
            p.bill-label { "To pay now" }
            p.bill-total { (money(view.total)) }
            p.hint { "For 30 days, until " (when(view.paid_until)) ". Nothing is added to it." }
            @if view.parts.len() > 1 {
                dl.bill-parts {
                    @for part in &view.parts {
                        div { dt { (part.what) } dd { @if part.amount == Usd::ZERO { "Included" } @else { (money(part.amount)) } } }
                    }
                }
            }
            ul.ticks {
                li { (icon(Icon::Check)) (view.size.line()) }
                li { (icon(Icon::Check)) "An address of its own" }
                li { (icon(Icon::Check)) "Your money back if it can't be delivered" }
            }
            @match &view.card {
                Some(card) => {
                    p.bill-card { (icon(Icon::Card)) span { (card.name()) br; a href="/cards" { "Use another card" } } }
                    @if let Some(wrong) = view.filled.error("consent") {
                        p.flash.bad role="alert" { (icon(Icon::Alert)) span { (wrong) " " a href="#f-consent" { "It stands here." } } }
                    } @else if view.second.is_some() {
                        p.hint { "First tick the box about " a href="#f-consent" { "what a backup VM can't do" } "." }
                    }
                    (form::post_as(CONFIRM, chrome, &format!("/quotes/{}/confirm", view.id), html! {
                        button.btn.large.wide type="submit" { "Pay " (money(view.total)) " and deploy" }
                    }))
                }
                None => {
                    p.bill-card { (icon(Icon::Card)) span { "There is no card yet. Your order waits while you add one." } }
                    (form::post(chrome, "/cards", html! {
                        (form::hidden("next", &format!("/quotes/{}", view.id)))
                        button.btn.large.wide type="submit" { "Add a card" }
                    }))
                }
            }
            div.next {
                h2 { "What happens next" }
                ol {
                    li { "We set the amount aside on your card." }
                    li { "The node reserves your place and starts the server. You watch." }
                    li { "Only when it runs is the amount taken. If it can't be delivered, it is released." }
                }
            }
        }
    }
}
