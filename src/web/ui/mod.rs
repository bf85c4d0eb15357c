//! What every page shares: the frame around it and the parts it is made of.

pub mod asset;
pub mod chart;
pub mod form;
pub mod format;
#[cfg(test)]
mod gallery;
pub mod graph;
pub mod icon;
mod land;
pub mod map;
pub mod offer;
pub mod part;

use maud::{DOCTYPE, Markup, html};
use serde::Serialize;

use self::icon::{Icon, icon};
use crate::domain::account::Role;

/// Who is looking at the page.
#[derive(Debug, Clone, Serialize)]
pub struct Who {
    pub name: String,
    pub roles: Vec<Role>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mood {
    Good,
    Notice,
    Bad,
}

/// One sentence carried over a redirect.
#[derive(Debug, Clone, Serialize)]
pub struct Flash {
    pub kind: Mood,
    pub text: String,
}

/// All that the frame around a page needs to know.
#[derive(Debug, Clone, Serialize)]
pub struct Chrome {
    pub brand: String,
    pub who: Option<Who>,
    #[serde(skip)]
    pub csrf: String,
    pub flash: Option<Flash>,
    /// The path of the request, to mark where we are.
    pub path: String,
}

impl Chrome {
    /// The area this page belongs to, by its path. Nobody is shown the way around in an area that is not theirs.
    fn area(&self) -> Role {
        let area = match self.path.split('/').nth(1) {
            Some("provider") => Role::Provider,
            Some("operator") => Role::Operator,
            _ => Role::User,
        };
        let theirs = self.who.as_ref().is_none_or(|who| who.roles.contains(&area));
        if theirs { area } else { Role::User }
    }
}

struct Link {
    href: &'static str,
    text: &'static str,
}

const fn link(href: &'static str, text: &'static str) -> Link {
    Link { href, text }
}

const GUEST: [Link; 3] = [link("/#how", "How it works"), link("/catalogue", "Sizes and prices"), link("/nodes", "Nodes")];
const USER: [Link; 6] = [
    link("/deployments", "Deployments"),
    link("/order", "Order"),
    link("/nodes", "Nodes"),
    link("/catalogue", "Catalogue"),
    link("/cards", "Cards"),
    link("/profile", "Profile"),
];
const PROVIDER: [Link; 3] =
    [link("/provider/nodes", "Nodes"), link("/provider/earnings", "Earnings"), link("/provider/claim", "Add a farm")];
const OPERATOR: [Link; 8] = [
    link("/operator", "Overview"),
    link("/operator/orders", "Orders"),
    link("/operator/purse", "Purse"),
    link("/operator/jobs", "Jobs"),
    link("/operator/accounts", "Ledger"),
    link("/operator/people", "People"),
    link("/operator/pools", "Pools"),
    link("/operator/settings", "Settings"),
];

const fn links_of(role: Role) -> &'static [Link] {
    match role {
        Role::User => &USER,
        Role::Provider => &PROVIDER,
        Role::Operator => &OPERATOR,
    }
}

/// Where the area of a role starts.
pub const fn home(role: Role) -> &'static str {
    match role {
        Role::User => "/deployments",
        Role::Provider => "/provider/nodes",
        Role::Operator => "/operator",
    }
}

const fn area_name(role: Role) -> &'static str {
    match role {
        Role::User => "My cloud",
        Role::Provider => "Provider",
        Role::Operator => "Operator",
    }
}

/// A whole page.
pub fn layout(chrome: &Chrome, title: &str, body: Markup) -> Markup {
    frame(chrome, title, html! {}, body)
}

/// A whole page that a browser without script loads again every few seconds, because its content moves by itself.
pub fn layout_live(chrome: &Chrome, title: &str, body: Markup) -> Markup {
    frame(chrome, title, html! { noscript { meta http-equiv="refresh" content="4"; } }, body)
}

/// The same for content that moves once a minute.
pub fn layout_slow(chrome: &Chrome, title: &str, body: Markup) -> Markup {
    frame(chrome, title, html! { noscript { meta http-equiv="refresh" content="60"; } }, body)
}

fn frame(chrome: &Chrome, title: &str, head: Markup, body: Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · " (chrome.brand) }
                link rel="icon" type="image/svg+xml" href=(asset::url("mark.svg"));
                link rel="stylesheet" href=(asset::url("app.css"));
                script src=(asset::url("app.js")) defer {}
                (head)
            }
            body {
                a.skip href="#main" { "Skip to the content" }
                (top(chrome))
                main #main {
                    @if let Some(flash) = &chrome.flash { (flash_line(flash)) }
                    (body)
                }
                (foot(chrome))
            }
        }
    }
}

fn top(chrome: &Chrome) -> Markup {
    html! {
        header.top {
            div.wrap.top-row {
                a.brand href=(if chrome.who.is_some() { home(chrome.area()) } else { "/" }) {
                    img.brand-mark src=(asset::url("mark.svg")) alt="" width="32" height="32";
                    span { (chrome.brand) }
                }
                @match &chrome.who {
                    Some(who) => (account(chrome, who)),
                    None => (guest_nav(chrome)),
                }
            }
            @if chrome.who.is_some() {
                nav.tabs aria-label="Pages" {
                    div.wrap.tabs-row { (links(chrome, links_of(chrome.area()))) }
                }
            }
        }
    }
}

fn account(chrome: &Chrome, who: &Who) -> Markup {
    html! {
        div.top-end {
            @if who.roles.len() > 1 {
                nav.areas aria-label="Areas" {
                    @for role in &who.roles {
                        a href=(home(*role)) aria-current=[(*role == chrome.area()).then_some("true")] { (area_name(*role)) }
                    }
                }
            }
            a.who href="/profile" { (icon(Icon::Person)) span { (who.name) } }
            (form::post(chrome, "/logout", html! { button.btn.quiet.small type="submit" { "Sign out" } }))
        }
    }
}

fn guest_nav(chrome: &Chrome) -> Markup {
    html! {
        nav.top-end.guest-nav aria-label="Pages" {
            (links(chrome, &GUEST))
            a.login href="/login" aria-current=[(chrome.path == "/login").then_some("page")] { "Sign in" }
            a.btn.small href="/signup" { "Create account" }
        }
    }
}

fn links(chrome: &Chrome, links: &[Link]) -> Markup {
    // The longest link that begins the path is where we are: `/operator` also begins `/operator/orders`.
    let here = links
        .iter()
        .filter(|link| chrome.path == link.href || chrome.path.starts_with(&format!("{}/", link.href)))
        .max_by_key(|link| link.href.len())
        .map(|link| link.href);
    html! {
        @for link in links {
            a href=(link.href) aria-current=[(here == Some(link.href)).then_some("page")] { (link.text) }
        }
    }
}

fn flash_line(flash: &Flash) -> Markup {
    let (class, sign) = match flash.kind {
        Mood::Good => ("good", Icon::Check),
        Mood::Notice => ("notice", Icon::Info),
        Mood::Bad => ("bad", Icon::Alert),
    };
    html! {
        div.wrap { p.flash.(class) role="status" { (icon(sign)) span { (flash.text) } } }
    }
}

fn foot(chrome: &Chrome) -> Markup {
    html! {
        footer.foot {
            div.wrap.foot-row {
                p { strong { (chrome.brand) } " is run by its members, on hardware its members own." }
                nav aria-label="More" {
                    a href="/catalogue" { "Sizes and prices" }
                    @if chrome.who.is_none() { a href="/login" { "Sign in" } }
                }
            }
        }
    }
}
