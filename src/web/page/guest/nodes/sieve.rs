//! The form that narrows the nodes down: beside each value stands how many nodes there would be with it.

use maud::{Markup, html};

use super::{Found, View};
use crate::domain::pool::{Count, Field};
use crate::web::ui::form::error_line;
use crate::web::ui::format::count;

pub(super) fn form(view: &View) -> Markup {
    html! {
        // On a phone the form is folded away, unless something in it is to be mended.
        input.sieve-switch #sieve-switch type="checkbox" checked[matches!(view.found, Found::Unread)];
        label.btn.quiet.sieve-open for="sieve-switch" {
            "Filters" @if asked(view) > 0 { " (" (asked(view)) ")" }
        }
        form.sieve #sieve method="get" action="/nodes" data-sieve novalidate {
            @if view.wanted.look != Default::default() { input type="hidden" name="look" value=(view.wanted.look.key()); }
            (group("Where", html! {
                (radios(view, Field::Region, "Continent"))
                (list(view, Field::Country, "Country", "Any country"))
                (list(view, Field::City, "City", "Any city"))
            }))
            (group("What is free on it", html! {
                (sizes(view))
                (amount(view, Field::Cores, "Cores, at least"))
                (amount(view, Field::Memory, "Memory, at least"))
                (amount(view, Field::Ssd, "SSD, at least"))
                (amount(view, Field::Hdd, "HDD, at least"))
                (list(view, Field::Gpu, "Graphics card", "None needed"))
            }))
            (group("Good for", radios(view, Field::Class, "Kind of node")))
            (group("Network", html! {
                (amount(view, Field::Bandwidth, "Measured both ways, at least"))
                (tick(view, Field::Ipv4, "A public IPv4 address is free"))
                (tick(view, Field::Ipv6, "IPv6"))
            }))
            (group("Price and reliability", html! {
                (amount(view, Field::Price, "Whole node, at most"))
                (amount(view, Field::Uptime, "Measured uptime, at least"))
                (list(view, Field::Certified, "Certified hardware", "Either"))
                (list(view, Field::Dedicated, "Only rented whole", "Either"))
            }))
            (group("Whose", html! {
                @if !view.facets.of(Field::Mine).is_empty() || view.wanted.filter.mine { (tick(view, Field::Mine, "My own nodes")) }
                (list(view, Field::Farm, "Farm", "Any farm"))
                (typed(view, Field::Node, "Node numbers"))
                (typed(view, Field::Owner, "Farmer's number"))
            }))
            div.sieve-end {
                button.btn type="submit" { "Show nodes" }
                span data-part="clear" { @if asked(view) > 0 { a href=(view.wanted.cleared().href()) data-sieve-link { "Clear all" } } }
            }
        }
    }
}

/// How many things are asked for.
fn asked(view: &View) -> usize {
    view.wanted.filter.pairs().len() + usize::from(view.wanted.size.is_some())
}

fn group(legend: &str, body: Markup) -> Markup {
    html! { fieldset.sieve-group { legend { (legend) } (body) } }
}

/// What the field holds: what was typed if it is wrong, and the value as it is written otherwise.
fn value(view: &View, field: Field) -> String {
    let wrong = view.typed.error(field.key()).and(view.typed.value(field.key()));
    wrong.map_or_else(|| view.wanted.filter.get(field).unwrap_or_default(), str::to_owned)
}

/// A value to choose: as in a query, for people, its number if it is known, and whether it is the one.
type Offered = (String, String, Option<usize>, bool);

/// All values of a field, and the one that is asked for though nobody has it.
fn offered(view: &View, field: Field) -> Vec<Offered> {
    let held = value(view, field);
    let wrong = view.typed.error(field.key()).is_some();
    let one = |known: &Count| (known.value.clone(), known.label.clone(), Some(known.nodes), known.chosen && !wrong);
    let mut all: Vec<Offered> = view.facets.of(field).iter().map(one).collect();
    if !held.is_empty() && !all.iter().any(|(.., chosen)| *chosen) {
        let nodes = if wrong { None } else { Some(0) };
        all.push((held.clone(), held, nodes, true));
    }
    all
}

fn nodes(number: Option<usize>) -> Markup {
    html! { @if let Some(number) = number { span.tally-of { (count(number as u64)) } } }
}

fn invalid(view: &View, field: &str) -> (Option<&'static str>, Option<String>) {
    match view.typed.error(field) {
        Some(_) => (Some("true"), Some(format!("f-{field}-error"))),
        None => (None, None),
    }
}

fn note(view: &View, field: &str) -> Markup {
    html! { div data-part={ (field) "-note" } { (error_line(&format!("f-{field}"), view.typed.error(field))) } }
}

/// A list to drop down: for names of which there are many.
fn list(view: &View, field: Field, label: &str, any: &str) -> Markup {
    let (key, all) = (field.key(), offered(view, field));
    let options = all.into_iter().map(|(value, label, nodes, chosen)| {
        let label = nodes.map_or(label.clone(), |nodes| format!("{label} · {}", count(nodes as u64)));
        (value, label, chosen)
    });
    drop_down(view, key, label, any, options.collect())
}

fn sizes(view: &View) -> Markup {
    let chosen = view.typed.error("size").and(view.typed.value("size")).or(view.wanted.size.as_deref());
    let mut options: Vec<_> =
        view.sizes.iter().map(|(key, name)| (key.clone(), name.clone(), chosen == Some(key.as_str()))).collect();
    options.extend(
        chosen.filter(|chosen| !view.sizes.iter().any(|(key, _)| key == chosen)).map(|it| (it.to_owned(), it.to_owned(), true)),
    );
    drop_down(view, "size", "Room for a server of size", "Any size", options)
}

fn drop_down(view: &View, key: &str, label: &str, any: &str, options: Vec<(String, String, bool)>) -> Markup {
    let (invalid, described) = invalid(view, key);
    html! {
        div.pick {
            label for={ "f-" (key) } { (label) }
            select id={ "f-" (key) } name=(key) data-part={ (key) "-options" } aria-invalid=[invalid] aria-describedby=[described] {
                option value="" { (any) }
                @for (value, label, chosen) in options { option value=(value) selected[chosen] { (label) } }
            }
            (note(view, key))
        }
    }
}

/// A number to type, and usual ones to choose.
fn amount(view: &View, field: Field, label: &str) -> Markup {
    html! {
        div.pick {
            (text(view, field, label))
            (note(view, field.key()))
            ul.chips data-part={ (field.key()) "-chips" } aria-label={ (label) ": usual values" } {
                @for one in view.facets.of(field) {
                    li { a.chip.none[one.nodes == 0] href=(view.wanted.with(field, &one.value).href()) data-sieve-link
                        data-field=(field.key()) data-value=(one.value) aria-current=[one.chosen.then_some("true")] {
                        (one.label) " " (nodes(Some(one.nodes)))
                    } }
                }
            }
        }
    }
}

/// A number to type of which there is no list.
fn typed(view: &View, field: Field, label: &str) -> Markup {
    html! { div.pick { (text(view, field, label)) (note(view, field.key())) } }
}

fn text(view: &View, field: Field, label: &str) -> Markup {
    let key = field.key();
    let (invalid, described) = invalid(view, key);
    html! {
        label for={ "f-" (key) } { (label) }
        span.pick-line {
            input id={ "f-" (key) } name=(key) type="text" inputmode=(if field == Field::Node { "text" } else { "decimal" }) autocomplete="off"
                value=(value(view, field)) maxlength="100" aria-invalid=[invalid] aria-describedby=[described];
            @if let Some(unit) = field.unit() { span.unit { (unit) } }
        }
    }
}

/// A few values, one of which can be chosen.
fn radios(view: &View, field: Field, label: &str) -> Markup {
    let (key, all) = (field.key(), offered(view, field));
    let none = !all.iter().any(|(.., chosen)| *chosen);
    let (_, described) = invalid(view, key);
    html! {
        div.pick role="radiogroup" aria-label=(label) aria-describedby=[described] {
            div data-part={ (key) "-options" } {
                (radio(key, 0, "", "Any", None, none))
                @for (place, (value, label, nodes, chosen)) in (1..).zip(&all) { (radio(key, place, value, label, *nodes, *chosen)) }
            }
            (note(view, key))
        }
    }
}

fn radio(key: &str, place: usize, value: &str, label: &str, number: Option<usize>, chosen: bool) -> Markup {
    html! {
        span.sieve-value.none[number == Some(0)] {
            input id={ "f-" (key) "-" (place) } type="radio" name=(key) value=(value) checked[chosen];
            label for={ "f-" (key) "-" (place) } { (label) }
            (nodes(number))
        }
    }
}

/// Wanted or not.
fn tick(view: &View, field: Field, label: &str) -> Markup {
    let key = field.key();
    let (invalid, described) = invalid(view, key);
    let number = view.facets.of(field).first().map_or(0, |one| one.nodes);
    let held = value(view, field);
    html! {
        div.pick {
            span.sieve-value.none[number == 0] {
                // What was typed that is neither yes nor no stays, too.
                input id={ "f-" (key) } type="checkbox" name=(key) value=(if held.is_empty() { "yes" } else { &held })
                    checked[!held.is_empty()] aria-invalid=[invalid] aria-describedby=[described];
                label for={ "f-" (key) } { (label) }
                span data-part={ (key) "-number" } { (nodes(Some(number))) }
            }
            (note(view, key))
        }
    }
}
