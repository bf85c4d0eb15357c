//! Every page with rich and with empty data: held against the rules all pages share, and written out to be looked at.

mod address;
mod back;
mod backup;
mod change;
mod copies;
mod exposure;
mod front;
mod metrics;
mod nodes;
mod purse;
mod swarm;

use std::time::Duration;

use maud::Markup;

use super::part::{Step, StepState};
use super::{Chrome, Who, asset};
use crate::base::Time;
use crate::base::ids::OrderId;
use crate::domain::account::Role;
use crate::web::page::user::progress;

const NOW: Time = Time::from_secs(1_795_270_000);

/// Who may see a page decides what words may be on it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum For {
    Anybody,
    Staff,
}

struct Shown {
    name: &'static str,
    of: For,
    markup: Markup,
}

fn guest(path: &str) -> Chrome {
    Chrome { brand: "Cooperage".into(), who: None, csrf: "c5rf".into(), flash: None, path: path.into() }
}

fn user(path: &str) -> Chrome {
    Chrome { who: Some(Who { name: "Alice Verbeke".into(), roles: vec![Role::User] }), ..guest(path) }
}

fn staff(path: &str) -> Chrome {
    let roles = vec![Role::User, Role::Provider, Role::Operator];
    Chrome { who: Some(Who { name: "Tom Okafor".into(), roles }), ..guest(path) }
}

fn ago(span: Duration) -> Time {
    NOW - span
}

fn order() -> OrderId {
    OrderId::from_bits(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef)
}

fn step(name: &str, text: &str, state: StepState, at: Option<Time>) -> Step {
    Step { name: name.into(), text: text.into(), state, at }
}

fn all() -> Vec<Shown> {
    [
        front::guest_pages(),
        front::order_pages(),
        front::deployment_pages(),
        metrics::pages(),
        backup::pages(),
        copies::pages(),
        change::pages(),
        front::money_pages(),
        back::provider_pages(),
        exposure::pages(),
        nodes::pages(),
        back::overview_pages(),
        back::trace_pages(),
        back::list_pages(),
        back::ledger_pages(),
        purse::pages(),
        swarm::pages(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The text of every tag that begins with `<name`, up to its `>`.
fn tags<'a>(html: &'a str, name: &str) -> Vec<&'a str> {
    let open = format!("<{name}");
    html.match_indices(&open)
        .map(|(at, _)| &html[at..])
        .filter(|rest| rest[open.len()..].starts_with([' ', '>']))
        .map(|rest| &rest[..=rest.find('>').expect("a tag ends")])
        .collect()
}

fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let rest = &tag[tag.find(&format!(" {name}=\""))? + name.len() + 3..];
    Some(&rest[..rest.find('"')?])
}

#[test]
fn every_page_has_a_title_a_language_and_one_heading() {
    for Shown { name, markup, .. } in all() {
        let html = markup.into_string();
        assert!(html.starts_with("<!DOCTYPE html><html lang=\"en\">"), "{name}");
        assert_eq!(tags(&html, "h1").len(), 1, "{name}: h1");
        let title = html.split("<title>").nth(1).and_then(|rest| rest.split("</title>").next());
        assert!(title.is_some_and(|title| title.ends_with(" · Cooperage") && title.len() > 14), "{name}: {title:?}");
        assert_eq!(tags(&html, "main").len(), 1, "{name}: main");
    }
}

#[test]
fn no_page_needs_an_exception_in_the_content_security_policy() {
    // The processor's own script is admitted to one page, by a policy of that page's own.
    const OF_CARDS: &str = "<script src=\"https://js.stripe.com/v3/\" defer></script>";
    for Shown { name, markup, .. } in all() {
        let mut html = markup.into_string();
        if name == "card-form" {
            assert!(html.contains(OF_CARDS));
            html = html.replace(OF_CARDS, "");
        }
        // Where a customer's own server is found: a link that says nothing of where one comes from.
        let leaves = |tag: &&str| tag.starts_with("<a ") && tag.contains(" rel=\"noreferrer\"");
        html = html.split_inclusive('>').filter(|tag| !leaves(tag)).collect();
        assert!(!html.contains(" style=") && tags(&html, "style").is_empty(), "{name}: style");
        for script in html.split("<script").skip(1) {
            let (tag, rest) = script.split_once('>').expect("a tag ends");
            assert!(tag.contains(" src=\"/assets/") && rest.starts_with("</script>"), "{name}: script");
        }
        for handler in [" onclick=", " onload=", " onsubmit=", " onchange=", "javascript:"] {
            assert!(!html.contains(handler), "{name}: {handler}");
        }
        for address in ["src=\"http", "href=\"http", "action=\"http", "src=\"//", "href=\"//"] {
            assert!(!html.contains(address), "{name}: another origin");
        }
    }
}

#[test]
fn every_field_has_a_label_and_every_id_is_its_own() {
    for Shown { name, markup, .. } in all() {
        let html = markup.into_string();
        let mut labelled: Vec<&str> = tags(&html, "label").into_iter().filter_map(|tag| attribute(tag, "for")).collect();
        labelled.sort_unstable();
        for kind in ["input", "textarea", "select"] {
            for tag in tags(&html, kind).into_iter().filter(|tag| attribute(tag, "type") != Some("hidden")) {
                let id = attribute(tag, "id").unwrap_or_else(|| panic!("{name}: {tag} has no id"));
                assert!(labelled.binary_search(&id).is_ok(), "{name}: {tag} has no label");
            }
        }
        let mut ids: Vec<&str> = html.match_indices(" id=\"").map(|(at, _)| html[at + 5..].split('"').next().unwrap()).collect();
        let number = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), number, "{name}: an id twice");
        for tag in html.split('<').filter(|tag| tag.contains("aria-describedby=")) {
            for id in attribute(tag, "aria-describedby").unwrap().split(' ') {
                assert!(ids.binary_search(&id).is_ok(), "{name}: {id} describes nothing");
            }
        }
    }
}

#[test]
fn every_form_that_changes_something_carries_the_anti_forgery_field() {
    for Shown { name, markup, .. } in all() {
        let html = markup.into_string();
        for form in html.split("<form").skip(1) {
            let form = form.split("</form>").next().unwrap();
            let (tag, body) = form.split_once('>').unwrap();
            assert!(tag.contains("method=\"post\"") || tag.contains("method=\"get\""), "{name}: a form without a method");
            assert!(tag.contains("action=\"/"), "{name}: a form leads nowhere");
            if tag.contains("method=\"post\"") {
                assert!(body.contains("<input type=\"hidden\" name=\"csrf\" value=\"c5rf\">"), "{name}: {tag}");
            }
        }
    }
}

#[test]
fn s0_24_no_page_of_a_user_speaks_of_how_nodes_are_paid() {
    // Whoever takes a server over to an account of their own pays the grid themselves.
    let own = |name: &str| name.starts_with("twin") || name.starts_with("handover");
    for Shown { name, markup, .. } in all().into_iter().filter(|page| page.of == For::Anybody && !own(page.name)) {
        let html = markup.into_string().to_lowercase();
        for word in ["token", "wallet", "seed phrase", "tft", "chain", "crypto", "mnemonic"] {
            assert!(!html.contains(word), "{name}: {word}");
        }
    }
}

#[test]
fn the_quote_shows_price_promise_reason_and_card_on_one_screen() {
    let page = all().into_iter().find(|page| page.name == "quote").expect("a quote").markup.into_string();
    for part in ["Pay $10.00 and deploy", "99.5 %", "214 days", "Why not node 5", "Visa ending in 4242", "What happens next"] {
        assert!(page.contains(part), "{part}");
    }
    let bare = all().into_iter().find(|page| page.name == "quote-no-card").expect("a quote").markup.into_string();
    assert!(bare.contains("Add a card") && !bare.contains("and deploy</button>"));
}

#[test]
fn the_live_part_alone_is_what_the_page_shows() {
    for (name, view) in front::progress_views() {
        let fragment = progress::steps(&view).into_string();
        assert!(!fragment.contains("<html") && !fragment.contains('\n'), "{name}: one line without a frame");
        let page = progress::page(&user("/deployments/x/progress"), &view).into_string();
        assert!(page.contains(&fragment), "{name}");
    }
}

#[test]
fn the_gallery_is_written_where_it_is_asked_for() {
    let Some(folder) = option_env_folder() else { return };
    std::fs::create_dir_all(folder.join("assets")).expect("a folder for the gallery");
    for name in asset::names() {
        let address = asset::url(&name);
        let hashed = address.strip_prefix("/assets/").expect("under /assets/");
        let file = asset::find(hashed).expect("a listed asset");
        std::fs::write(folder.join("assets").join(hashed), file.bytes).expect("an asset is written");
    }
    for Shown { name, markup, .. } in all() {
        let html = markup.into_string().replace("\"/assets/", "\"assets/");
        std::fs::write(folder.join(format!("{name}.html")), html).expect("a page is written");
    }
}

#[allow(clippy::disallowed_methods)] // a wish of whoever runs the tests, not a setting of the program
fn option_env_folder() -> Option<std::path::PathBuf> {
    std::env::var("COOPERAGE_GALLERY").ok().map(Into::into)
}
