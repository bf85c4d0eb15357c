//! Another size: the form, and what it costs to the cent before anybody agrees to it.

use maud::{Markup, html};
use serde::Serialize;

use super::revisions::loss;
use crate::base::Time;
use crate::base::ids::OrderId;
use crate::base::money::Usd;
use crate::domain::term::Due;
use crate::web::ui::form::{self, Choice, Filled, Text};
use crate::web::ui::format::{money, when};
use crate::web::ui::offer::{self, CardLine, Size};
use crate::web::ui::{Chrome, layout, part};

#[derive(Debug, Clone, Serialize)]
pub struct View {
    pub id: OrderId,
    pub name: String,
    /// What it has, and what that costs.
    pub now: Size,
    pub price: Usd,
    /// What the form sends to keep the size it has.
    pub keep: &'static str,
    pub sizes: Vec<Size>,
    /// Of each data disk: the name of its field, where it is, and how large in GB.
    pub disks: Vec<(&'static str, String, u64)>,
    /// Names of the two fields of another data disk, if there may be one.
    pub another: Option<(&'static str, &'static str)>,
    /// Whether what is not on a data disk is lost.
    pub forgets: bool,
    pub stopped: bool,
    /// Whether the system's disk can only grow.
    pub grows: bool,
    /// It has a backup VM, which stays as it is.
    pub backup: bool,
    pub filled: Filled,
}

pub fn page(chrome: &Chrome, view: &View) -> Markup {
    let filled = &view.filled;
    layout(
        chrome,
        &format!("Resize {}", view.name),
        html! {
            div.wrap.stack {
                (part::back(&format!("/deployments/{}", view.id), &view.name))
                (part::head(
                    &format!("Resize {}", view.name),
                    html! { "Nothing is charged on this page. Next you see what it costs, to the cent." },
                    html! {},
                ))
                (form::sheet(chrome, &format!("/deployments/{}/resize", view.id), filled, html! {
                    (form::choices("size", "Size", Some("It stays where it is, with the same addresses."), &choices(view), filled))
                    section.sheet-part {
                        h2 { "Measures of your own" }
                        p.hint {
                            "An empty field is what the size above has."
                            @if view.grows { " Its disk can only grow; its file system follows at the next start where its system does that." }
                        }
                        div.trio {
                            (Text::new("cores", "Cores").digits().max(3).optional().show(filled))
                            (Text::new("memory_gib", "Memory in GB").digits().max(4).optional().show(filled))
                            (Text::new("disk_gib", "Disk in GB").digits().max(6).optional().show(filled))
                        }
                    }
                    section.sheet-part {
                        h2 { "Data disks" }
                        p.hint { "They can only grow, and what is on them stays. The file system on one is yours to grow." }
                        @for (field, mount, size) in &view.disks {
                            (Text::new(field, &format!("Size in GB of {mount}")).hint(&format!("It has {size} GB.")).digits().max(6).optional().show(filled))
                        }
                        @if let Some((size, path)) = view.another {
                            div.duo.disk-row {
                                (Text::new(size, "Another disk: size in GB").hint("Empty: no other disk.").digits().max(6).optional().show(filled))
                                (Text::new(path, "Another disk: folder").hint("Where it is mounted, such as /srv/more.").code().max(64).optional().show(filled))
                            }
                        }
                    }
                    @if view.backup {
                        p.hint {
                            "Its backup VM keeps its size, its disks and its price. What no longer fits on it is not copied any more: the page of the backup VM \
                             says when copies fail."
                        }
                    }
                    @if view.stopped {
                        p.hint { "It is stopped, and stays so until you start it." }
                    } @else {
                        section.sheet-part {
                            h2 { "It is switched off and on again for this" }
                            (loss(view.forgets, &view.disks.iter().map(|(_, mount, _)| mount.clone()).collect::<Vec<_>>(), filled))
                        }
                    }
                    div.sheet-end {
                        (form::submit("See the price"))
                        p.hint { "No room for more where it is? " a href={ "/deployments/" (view.id) "/move" } { "Move it elsewhere" } "." }
                    }
                }))
            }
        },
    )
}

fn choices(view: &View) -> Vec<Choice> {
    let same = Choice {
        value: view.keep.into(),
        title: format!("As it is: {}", view.now.name),
        text: offer::measures(&view.now),
        aside: html! { span.choice-price { (money(view.now.price)) } },
    };
    let others = view.sizes.iter().filter(|size| size.slug != view.now.slug).map(|size| Choice {
        value: size.slug.clone(),
        title: size.name.clone(),
        text: html! { span.choice-for { (size.summary) } (offer::measures(size)) },
        aside: html! { span.choice-price { (money(size.price)) } },
    });
    std::iter::once(same).chain(others).collect()
}

/// What is agreed to.
#[derive(Debug, Clone, Serialize)]
pub struct PreviewView {
    pub id: OrderId,
    pub name: String,
    pub before: Size,
    pub after: Size,
    /// `20 GB at /mnt/data1`, afterwards.
    pub disks: Vec<String>,
    /// For 30 days.
    pub old: Usd,
    pub new: Usd,
    pub hours: u64,
    pub until: Option<Time>,
    pub due: Due,
    pub card: Option<CardLine>,
    pub forgets: bool,
    pub stopped: bool,
    /// What was typed, and what was shown: sent along with the consent.
    pub hidden: Vec<(String, String)>,
    /// Why it is shown once more.
    pub again: Option<String>,
}

pub fn preview_page(chrome: &Chrome, view: &PreviewView) -> Markup {
    layout(
        chrome,
        &format!("Confirm the new size of {}", view.name),
        html! {
            div.mid.stack {
                (part::back(&format!("/deployments/{}/resize", view.id), "Choose another size"))
                (part::head("Confirm the new size", html! { "Everything you agree to is on this page." }, html! {}))
                @if let Some(again) = &view.again { p.flash.bad role="alert" { span { (again) } } }
                (part::card("What it costs", html! { (cost(view)) }))
                (part::card("What happens", html! {
                    ul {
                        @if view.stopped {
                            li { "It stays stopped until you start it." }
                        } @else {
                            li { "It is switched off and on again: a minute or two." }
                            @if view.forgets { li { "Its system is made anew: what is not on a data disk is lost." } }
                            @else { li { "What is on its disks stays." } }
                        }
                        li { "It stays where it is, with the same addresses." }
                        li { "If it can't be done, it becomes what it was before, and nothing is charged." }
                    }
                }))
                (form::post(chrome, &format!("/deployments/{}/resize", view.id), html! {
                    @for (name, value) in &view.hidden { (form::hidden(name, value)) }
                    div.actions {
                        button.btn.large type="submit" {
                            @match view.due {
                                Due::Pay(amount) => { "Pay " (money(amount)) " and resize" }
                                _ => "Resize it",
                            }
                        }
                        a.btn.quiet.large href={ "/deployments/" (view.id) } { "Leave it as it is" }
                    }
                }))
            }
        },
    )
}

fn cost(view: &PreviewView) -> Markup {
    let size = |size: &Size, price: Usd| html! { (size.name) ": " (size.line()) br; strong { (money(price)) } " for 30 days" };
    let mut facts = vec![("Now", size(&view.before, view.old)), ("Then", size(&view.after, view.new))];
    if !view.disks.is_empty() {
        facts.push(("Data disks then", html! { ul { @for disk in &view.disks { li { (disk) } } } }));
    }
    let rest = html! {
        " for the " (view.hours) " hours left"
        @if let Some(until) = view.until { ", until " (when(until)) }
    };
    facts.push(match view.due {
        Due::Pay(amount) => ("To pay now", html! { strong { (money(amount)) } (rest) }),
        Due::Back(amount) => ("You get back", html! { strong { (money(amount)) } (rest) }),
        Due::Nothing => ("To pay now", html! { strong { (money(Usd::ZERO)) } (rest) }),
    });
    facts.push(("A full month of it", html! { strong { (money(view.new)) } }));
    if let (Due::Pay(_), card) = (view.due, &view.card) {
        facts.push((
            "Card",
            html! {
                @match card { Some(card) => (card.name()), None => { "None yet. " a href="/cards" { "Add one first" } } }
            },
        ));
    }
    html! {
        (part::facts(facts))
        @if view.due == Due::Pay(crate::domain::term::LEAST_CHARGE) { p.hint { "That is the least that a card can be charged." } }
    }
}
