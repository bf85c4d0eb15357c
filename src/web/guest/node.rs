//! The nodes, for whoever wants to choose one. Looking needs no account.

use actix_web::HttpRequest;
use actix_web::web::Path;

use super::offer;
use crate::app::App;
use crate::app::node::OLD_AFTER;
use crate::base::{Error, Result, Time};
use crate::domain::catalogue::{Capacity, Place};
use crate::domain::exposure::{on_show, open_to};
use crate::domain::placement::{Ask, Listing, choose};
use crate::domain::pool::{Entry, Field, Filter, Pool, Search};
use crate::store::node::Nodes;
use crate::store::saved_filter::SavedFilters;
use crate::web::error::PageResult;
use crate::web::extract::Browser;
use crate::web::page::guest::node;
use crate::web::page::guest::nodes::{Found, Look, Node, Saved, View, Wanted, page};
use crate::web::ui::form::Filled;
use crate::web::ui::map::Dot;
use crate::web::ui::part::Pager;

/// Nodes of one page.
const PAGE: usize = 24;
/// What became of a node, as far as its page tells.
const TURNS_SHOWN: usize = 8;
const DAY_S: i64 = 86_400;

pub async fn list(browser: Browser, request: HttpRequest) -> PageResult {
    let (status, view) = view(&browser, request.query_string(), Filled::default())?;
    Ok(browser.show(status, page(&browser.chrome(), &view)))
}

pub async fn show(browser: Browser, path: Path<String>) -> PageResult {
    let id = path.parse().map_err(|_| Error::not_found("node"))?;
    let view = node_view(&browser, id)?;
    Ok(browser.show(200, node::page(&browser.chrome(), &view)))
}

/// What an address asks for, and its status.
pub fn view(browser: &Browser, query: &str, saving: Filled) -> Result<(u16, View)> {
    let app = &browser.app;
    // Any bytes are some pairs: the format knows no errors but those of the target type.
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(query).unwrap_or_default();
    let sizes: Vec<(String, String)> = app.catalogue.sizes.iter().map(|size| (size.id.clone(), size.name.clone())).collect();
    let keys: Vec<String> = sizes.iter().map(|(key, _)| key.clone()).collect();
    let nowhere = || Error::not_found("page of this list");
    let read = Wanted::read(&pairs, &keys).ok_or_else(nowhere)?;
    let (wanted, pool) = (read.wanted, app.nodes());
    let ask =
        Ask { filter: wanted.filter.clone(), buyer: app.buyer(browser.user())?, ..Ask::new(need(app, &wanted), Place::Anywhere) };
    let shown = if read.wrong || wanted.look == Look::Map { 0 } else { PAGE };
    let (market, census) = (app.shown_market()?, app.census());
    let from = wanted.page.saturating_mul(PAGE);
    let found = app.list_nodes(&pool, &ask, wanted.sort, from, shown)?;
    if wanted.page > 0 && from >= found.total {
        return Err(nowhere());
    }
    let what = match () {
        () if read.wrong => Found::Unread,
        () if pool.is_empty() => Found::Unknown,
        () if found.total == 0 => {
            let ask = Ask { need: Capacity::default(), ..ask };
            let any_size = wanted.size.as_ref().map(|_| app.count_nodes(&pool, &ask)).transpose()?;
            let mut ways = ways(&wanted, &found, any_size, &sizes);
            if ways.is_empty() {
                // No single step helps: without any wish at all there may be some.
                let all = app.count_nodes(&pool, &Ask { filter: Filter::default(), ..ask })?;
                ways.extend((all > 0).then(|| (wanted.cleared().href(), format!("Without any of it {}.", there(all)))));
            }
            Found::Nothing { ways }
        }
        () if wanted.look == Look::Map => map(&pool, &wanted, &found),
        () => Found::Nodes {
            nodes: found
                .nodes
                .iter()
                .filter_map(|scored| {
                    let worked_on = market.kept_free.get(&scored.node).copied();
                    Some(Node { worked_on, ..row(pool.node(scored.node)?, scored.points(), scored.of()) })
                })
                .collect(),
            pager: Pager {
                newer: wanted.page.checked_sub(1).map(|page| wanted.on_page(page).href()),
                older: (from + PAGE < found.total).then(|| wanted.on_page(wanted.page + 1).href()),
            },
        },
    };
    let saved = match browser.user() {
        Some(user) => app.read()?.saved_filters_of(user.id)?,
        None => vec![],
    };
    let saved = saved.into_iter().map(|saved| Saved {
        id: saved.id,
        name: saved.name,
        href: Wanted { filter: saved.filter, size: saved.size, sort: saved.sort, look: wanted.look, page: 0 }.href(),
    });
    let view = View {
        link: format!("{}{}", app.settings.server.public_url, wanted.href()),
        told: census.at,
        old: census.at.is_some_and(|at| app.now().since(at) >= OLD_AFTER),
        facets: found.facets,
        typed: read.typed,
        sizes,
        found: what,
        orderable: found.orderable,
        saved: saved.collect(),
        saving,
        wanted,
    };
    Ok((if read.wrong { 422 } else { 200 }, view))
}

fn need(app: &App, wanted: &Wanted) -> Capacity {
    wanted.size.as_deref().and_then(|size| app.catalogue.size(size)).map_or(Capacity::default(), |size| size.capacity)
}

/// What to drop where nothing was found, with how many nodes that gives.
fn ways(wanted: &Wanted, found: &Listing, any_size: Option<usize>, sizes: &[(String, String)]) -> Vec<(String, String)> {
    let mut ways: Vec<(String, String)> =
        found.facets.relax.iter().map(|relax| (wanted.without(&relax.fields).href(), relax.sentence(&wanted.filter))).collect();
    if let Some(nodes) = any_size.filter(|nodes| *nodes > 0) {
        let size = sizes.iter().find(|(key, _)| Some(key) == wanted.size.as_ref()).map_or("", |(_, name)| name);
        ways.push((wanted.of_any_size().href(), format!("Without “Room for {size}” {}.", there(nodes))));
    }
    ways
}

fn there(nodes: usize) -> String {
    if nodes == 1 { "there is 1 node".to_owned() } else { format!("there are {nodes} nodes") }
}

/// Countries, or the cities of the country that is asked for.
fn map(pool: &Pool, wanted: &Wanted, found: &Listing) -> Found {
    let by = if wanted.filter.country.is_some() { Field::City } else { Field::Country };
    let clusters = pool.clusters(&found.found, by);
    let placed: usize = clusters.iter().filter(|cluster| cluster.spot.is_some()).map(|cluster| cluster.nodes).sum();
    // Into a country one looks by the map again, into a city by the list.
    let href = |name: &str| {
        let near = wanted.with(by, name);
        if by == Field::City { near.looking(Look::Cards).href() } else { near.href() }
    };
    let dots = clusters.into_iter().map(|cluster| Dot {
        href: Some(href(&cluster.name)),
        name: cluster.name,
        nodes: cluster.nodes,
        spot: cluster.spot,
    });
    Found::Map { by, dots: dots.collect(), nowhere: found.total - placed }
}

fn row(entry: Entry<'_>, points: u32, of: u32) -> Node {
    let (total, free) = (entry.total(), entry.free());
    Node {
        id: entry.id(),
        farm_name: entry.farm_name().to_owned(),
        place: offer::place(entry),
        classes: entry.classes().collect(),
        certified: entry.certified(),
        whole: entry.dedicated(),
        cores: u32::try_from(total.cores).unwrap_or(u32::MAX),
        memory_mb: total.memory >> 20,
        memory_free_mb: free.memory >> 20,
        ssd_gb: total.ssd >> 30,
        ssd_free_gb: free.ssd >> 30,
        hdd_gb: total.hdd >> 30,
        gpus: entry.gpus().map(|gpu| gpu.model()).collect(),
        measured: entry.measured_bp(),
        line_mbps: entry.upload_bps().min(entry.download_bps()) / 1_000_000,
        price: entry.price(),
        ipv4: entry.free_ips(),
        ipv6: entry.ipv6(),
        points,
        of,
        worked_on: None,
    }
}

fn node_view(browser: &Browser, id: u32) -> Result<node::View> {
    let app = &browser.app;
    let (pool, market, buyer) = (app.nodes(), app.shown_market()?, app.buyer(browser.user())?);
    let entry = pool.node(id).ok_or_else(|| Error::not_found("node"))?;
    if !open_to(&pool, &market.exposures, &buyer).contains(entry.row()) {
        return Err(Error::not_found("node"));
    }
    let on = |need| Ask { buyer: buyer.clone(), ..Ask::new(need, Place::Node(id)) };
    let farm = Filter { farm: Some(entry.farm()), ..Filter::default() };
    let (shown, own) = (on_show(&pool, &market.exposures, &buyer), buyer.twins.contains(&entry.owner()));
    let sizes = offer::sizes(app).into_iter().zip(&app.catalogue.sizes).map(|(size, known)| node::SizeHere {
        line: size.line(),
        slug: size.slug,
        name: size.name,
        price: size.price,
        fits: choose(&pool, &on(known.capacity), &market).is_ok(),
    });
    let days = app.days_of(id)?.into_iter().map(|(day, looks)| (Time::from_secs(i64::from(day) * DAY_S), looks));
    Ok(node::View {
        node: Node { worked_on: market.kept_free.get(&id).copied(), ..row(entry, 0, 0) },
        last_contact: entry.seen(),
        turns: app.read()?.turns_of(id, TURNS_SHOWN)?,
        now: app.now(),
        region: entry.region().to_owned(),
        spot: entry.spot(),
        state: entry.state(),
        orderable: market.for_sale(&pool, &buyer).contains(entry.row()),
        own,
        farm: entry.farm(),
        owner: entry.owner(),
        siblings: pool.find(&Search { filter: &farm, among: &shown, mine: &buyer.twins }).count(),
        upload_mbps: entry.upload_bps() / 1_000_000,
        download_mbps: entry.download_bps() / 1_000_000,
        uptime_s: entry.uptime_s(),
        looks: entry.looks(),
        days: days.collect(),
        sizes: sizes.collect(),
    })
}
