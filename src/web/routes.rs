//! Every route there is, one a line, and what happens around each of them.

use std::collections::BTreeMap;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderValue};
use actix_web::http::{ConnectionType, StatusCode};
use actix_web::middleware::Next;
use actix_web::web::{Data, ServiceConfig, route, to};
use actix_web::{FromRequest, Handler, HttpRequest, HttpResponse, Responder, ResponseError, Route, guard};

use super::error::Fail;
use super::extract::Browser;
use super::page::guest::error;
use super::{assets, guest, health, hooks, operator, provider, report, user};
use crate::base::{Error, Kind};
use crate::settings::Settings;

pub fn routes(config: &mut ServiceConfig) {
    let mut site = Site { config, ways: Ways::default() };
    site
        // Everybody.
        .route("/", get().to(guest::landing::show))
        .route("/catalogue", get().to(guest::catalogue::show))
        .route("/nodes", get().to(guest::node::list))
        .route("/nodes/{id}", get().to(guest::node::show))
        .route("/signup", get().to(guest::signup::new))
        .route("/signup", post().to(guest::signup::create))
        .route("/verify", get().to(guest::verify::show))
        .route("/verify", post().to(guest::verify::create))
        .route("/verify/again", post().to(guest::verify::again))
        .route("/login", get().to(guest::login::new))
        .route("/login", post().to(guest::login::create))
        .route("/logout", post().to(guest::login::remove))
        .route("/forgot", get().to(guest::forgot::new))
        .route("/forgot", post().to(guest::forgot::create))
        .route("/reset", get().to(guest::forgot::edit))
        .route("/reset", post().to(guest::forgot::update))
        .route("/setup", get().to(guest::setup::new))
        .route("/setup", post().to(guest::setup::create))
        // Users.
        .route("/order", get().to(user::order::new))
        .route("/order", post().to(user::order::create))
        .route("/filters", get().to(user::saved_filter::list))
        .route("/filters", post().to(user::saved_filter::create))
        .route("/filters/{id}/rename", post().to(user::saved_filter::update))
        .route("/filters/{id}/remove", post().to(user::saved_filter::remove))
        .route("/quotes/{id}", get().to(user::quote::show))
        .route("/quotes/{id}/confirm", post().to(user::quote::confirm))
        .route("/deployments", get().to(user::deployment::list))
        .route("/deployments/{id}", get().to(user::deployment::show))
        .route("/deployments/{id}/progress", get().to(user::progress::show))
        .route("/deployments/{id}/events", get().to(user::progress::events))
        .route("/deployments/{id}/metrics", get().to(user::metric::show))
        .route("/deployments/{id}/metrics/events", get().to(user::metric::events))
        .route("/deployments/{id}/logs", get().to(user::metric::logs))
        .route("/deployments/{id}/reports", post().to(user::metric::create))
        .route("/deployments/{id}/reports/logs", post().to(user::metric::update))
        .route("/deployments/{id}/reports/end", post().to(user::metric::remove))
        .route("/deployments/{id}/backup", get().to(user::backup::show))
        .route("/deployments/{id}/backup/line", post().to(user::backup::line))
        .route("/deployments/{id}/backup/plan", post().to(user::backup::plan))
        .route("/deployments/{id}/backup/drill", get().to(user::backup::ask_drill))
        .route("/deployments/{id}/backup/drill", post().to(user::backup::drill))
        .route("/deployments/{id}/backup/return", post().to(user::backup::undrill))
        .route("/deployments/{id}/copies", get().to(user::home_copy::show))
        .route("/deployments/{id}/copies", post().to(user::home_copy::update))
        .route("/deployments/{id}/copies/line", post().to(user::home_copy::line))
        .route("/deployments/{id}/copies/end", post().to(user::home_copy::remove))
        .route("/deployments/{id}/label", post().to(user::deployment::label))
        .route("/deployments/{id}/address", post().to(user::web_address::create))
        .route("/deployments/{id}/address/events", get().to(user::web_address::events))
        .route("/deployments/{id}/address/change", post().to(user::web_address::update))
        .route("/deployments/{id}/address/check", post().to(user::web_address::check))
        .route("/deployments/{id}/address/gateway", get().to(user::web_address::ask))
        .route("/deployments/{id}/address/gateway", post().to(user::web_address::leave))
        .route("/deployments/{id}/address/remove", post().to(user::web_address::remove))
        .route("/deployments/{id}/tunnel", get().to(user::deployment::tunnel))
        .route("/deployments/{id}/handover", get().to(user::twin::handover))
        .route("/deployments/{id}/handover", post().to(user::twin::finish))
        .route("/deployments/{id}/handover/file", get().to(user::twin::file))
        .route("/deployments/{id}/changes", get().to(user::revision::list))
        .route("/deployments/{id}/stop", get().to(user::revision::ask))
        .route("/deployments/{id}/stop", post().to(user::revision::stop))
        .route("/deployments/{id}/start", post().to(user::revision::start))
        .route("/deployments/{id}/resize", get().to(user::resize::edit))
        .route("/deployments/{id}/resize", post().to(user::resize::update))
        .route("/deployments/{id}/move", get().to(user::relocation::edit))
        .route("/deployments/{id}/move", post().to(user::relocation::update))
        .route("/deployments/{id}/delete", get().to(user::deployment::ask))
        .route("/deployments/{id}/delete", post().to(user::deployment::remove))
        .route("/deployments/{id}/swarm", get().to(user::swarm::show))
        .route("/deployments/{id}/swarm/events", get().to(user::swarm::events))
        .route("/deployments/{id}/swarm/config", get().to(user::swarm::config))
        .route("/deployments/{id}/swarm/saved", post().to(user::swarm::saved))
        .route("/deployments/{id}/swarm/drill", post().to(user::swarm::drill))
        .route("/deployments/{id}/swarm/replace", post().to(user::swarm::replace))
        .route("/cards", get().to(user::card::list))
        .route("/cards", post().to(user::card::create))
        .route("/cards/done", get().to(user::card::done))
        .route("/cards/new/{id}", get().to(user::card::new))
        .route("/cards/{id}/default", post().to(user::card::update))
        .route("/cards/{id}/remove", post().to(user::card::remove))
        .route("/receipts/{id}", get().to(user::receipt::show))
        .route("/twin", get().to(user::twin::show))
        .route("/twin", post().to(user::twin::update))
        .route("/twin/forget", post().to(user::twin::remove))
        .route("/profile", get().to(user::profile::show))
        .route("/profile", post().to(user::profile::update))
        .route("/keys/{id}/forget", post().to(user::profile::forget_key))
        .route("/sessions/{id}/end", post().to(user::profile::end_session))
        // Providers. Anybody may show that a farm is theirs.
        .route("/provider/nodes", get().to(provider::node::list))
        .route("/provider/nodes/{id}", get().to(provider::node::show))
        .route("/provider/nodes/{id}/expose", post().to(provider::node::expose))
        .route("/provider/nodes/{id}/offer", post().to(provider::node::offer))
        .route("/provider/nodes/{id}/withdraw", post().to(provider::node::withdraw))
        .route("/provider/nodes/{id}/maintenance", post().to(provider::maintenance::create))
        .route("/provider/nodes/{id}/maintenance/{window}", get().to(provider::maintenance::edit))
        .route("/provider/nodes/{id}/maintenance/{window}", post().to(provider::maintenance::update))
        .route("/provider/nodes/{id}/maintenance/{window}/cancel", post().to(provider::maintenance::remove))
        .route("/provider/earnings", get().to(provider::earning::list))
        .route("/provider/claim", get().to(provider::claim::new))
        .route("/provider/claim", post().to(provider::claim::create))
        // Operators.
        .route("/operator", get().to(operator::overview::show))
        .route("/operator/orders", get().to(operator::order::list))
        .route("/operator/orders/{id}", get().to(operator::order::show))
        .route("/operator/purse", get().to(operator::purse::show))
        .route("/operator/jobs", get().to(operator::job::list))
        .route("/operator/jobs/{id}/retry", post().to(operator::job::update))
        .route("/operator/accounts", get().to(operator::account::list))
        .route("/operator/people", get().to(operator::person::list))
        .route("/operator/pools", get().to(operator::pool::list))
        .route("/operator/pools", post().to(operator::pool::create))
        .route("/operator/pools/{id}", get().to(operator::pool::show))
        .route("/operator/pools/{id}/approve", post().to(operator::pool::approve))
        .route("/operator/pools/{id}/refuse", get().to(operator::pool::ask))
        .route("/operator/pools/{id}/refuse", post().to(operator::pool::refuse))
        .route("/operator/pools/{id}/members", post().to(operator::pool::admit))
        .route("/operator/pools/{id}/leave", post().to(operator::pool::dismiss))
        .route("/operator/settings", get().to(operator::setting::list))
        .route("/operator/clock/skip", post().to(operator::overview::skip))
        // Programs.
        .route("/hooks/cards", post().to(hooks::cards))
        .route("/r/{id}", post().to(report::create))
        .route("/r/{id}/sync", post().to(report::sync))
        .route("/r/{id}/end", post().to(report::end))
        .route("/r/{id}/install", get().to(report::install))
        .route("/assets/{name}", get().to(assets::show))
        .route("/livez", get().to(health::live))
        .route("/readyz", get().to(health::ready))
        .close();
}

/// What can be asked of each path, for those who ask it something else.
#[derive(Default)]
struct Ways(BTreeMap<&'static str, Vec<&'static str>>);

struct Site<'a> {
    config: &'a mut ServiceConfig,
    ways: Ways,
}

impl Site<'_> {
    fn route(&mut self, path: &'static str, way: Way) -> &mut Self {
        self.ways.0.entry(path).or_default().extend(way.methods);
        ServiceConfig::route(self.config, path, way.route);
        self
    }

    fn close(&mut self) {
        let ways = std::mem::take(&mut self.ways);
        self.config.app_data(Data::new(ways)).default_service(to(nothing));
    }
}

/// One way to ask for a path.
struct Way {
    methods: &'static [&'static str],
    route: Route,
}

/// Reading. HEAD gets what GET would get, without the body.
fn get() -> Way {
    Way { methods: &["GET", "HEAD"], route: route().guard(guard::Any(guard::Get()).or(guard::Head())) }
}

/// Changing.
fn post() -> Way {
    Way { methods: &["POST"], route: route().guard(guard::Post()) }
}

impl Way {
    fn to<F, Args>(self, handler: F) -> Way
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        Way { route: self.route.to(handler), ..self }
    }
}

/// A path that we have, asked in another way; or none of ours.
async fn nothing(request: HttpRequest, ways: Data<Ways>) -> Result<HttpResponse, Fail> {
    let known = request.match_pattern().and_then(|pattern| ways.0.get(pattern.as_str()).cloned());
    Err(known.map_or_else(|| Error::not_found("page").into(), |ways| Fail::Method { allow: ways.join(", ") }))
}

/// What browsers are told to refuse, worked out once for all answers.
pub struct Policy {
    content: HeaderValue,
    /// The same for the page with the card processor's frame in it.
    with_cards: HeaderValue,
    https: bool,
}

/// What the processor's script needs beside its own origin (`docs.stripe.com/security/guide`, content security policy).
const CARD_FRAMES: &str = "https://hooks.stripe.com";
const CARD_CALLS: &str = "https://api.stripe.com";

impl Policy {
    pub fn new(settings: &Settings) -> Policy {
        let origin = |url: &str| reqwest::Url::parse(url).ok().map(|url| url.origin().ascii_serialization()).unwrap_or_default();
        // A form may send the browser on to the card page, which has an origin of its own.
        let (cards, script) = (origin(&settings.cards.page), origin(&settings.cards.script));
        let https = settings.is_https();
        let upgrade = if https { "; upgrade-insecure-requests" } else { "" };
        let policy = |scripts: &str, calls: &str, frames: &str| {
            let text = format!(
                "default-src 'none'; script-src 'self'{scripts}; style-src 'self'; img-src 'self'; connect-src 'self'{calls};{frames} form-action 'self' {cards}; frame-ancestors 'none'; base-uri 'none'{upgrade}"
            );
            HeaderValue::from_str(&text).expect("origins in ASCII and our own words")
        };
        // The script starts frames on names below its own too; below an address there are none.
        let named = reqwest::Url::parse(&script).is_ok_and(|url| url.domain().is_some());
        let below = if named { script.replacen("://", "://*.", 1) } else { String::new() };
        let with_cards = policy(
            &format!(" {script} {below}"),
            &format!(" {script} {CARD_CALLS}"),
            &format!(" frame-src {script} {below} {CARD_FRAMES};"),
        );
        Policy { content: policy("", "", ""), with_cards, https }
    }

    /// Lets a page have the card processor's frame in it.
    pub fn admit_cards(&self, answer: &mut HttpResponse) {
        answer.headers_mut().insert(header::CONTENT_SECURITY_POLICY, self.with_cards.clone());
    }
}

/// Puts a page around every error, and the security headers on every answer.
pub async fn around<B: MessageBody + 'static>(
    policy: Data<Policy>,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let answer = next.call(request).await?;
    let mut answer = match failed(&answer) {
        Some(page) => {
            let (request, _) = answer.into_parts();
            ServiceResponse::new(request, page)
        }
        None => answer.map_into_boxed_body(),
    };
    let headers = answer.headers_mut();
    let mut set = |name, value| drop(headers.insert(name, HeaderValue::from_static(value)));
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::REFERRER_POLICY, "same-origin");
    set(header::CROSS_ORIGIN_OPENER_POLICY, "same-origin");
    set(header::CROSS_ORIGIN_RESOURCE_POLICY, "same-origin");
    set(header::PERMISSIONS_POLICY, "camera=(), microphone=(), geolocation=(), payment=()");
    if policy.https {
        set(header::STRICT_TRANSPORT_SECURITY, "max-age=31536000; includeSubDomains");
    }
    if !headers.contains_key(header::CONTENT_SECURITY_POLICY) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy.content.clone());
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    Ok(answer)
}

/// The page for an answer that is an error.
fn failed<B>(answer: &ServiceResponse<B>) -> Option<HttpResponse> {
    let error = answer.response().error()?;
    let request = answer.request();
    let own = Error::new(Kind::Invalid, "The request can't be read.");
    let (bare, error) = match error.as_error::<Fail>() {
        Some(fail @ Fail::LogIn { .. }) => return Some(fail.error_response()),
        Some(fail @ Fail::Form { title, text, .. }) => {
            return Some(error_page(request, fail.error_response(), &Error::new(Kind::Invalid, *text), Some(title)));
        }
        Some(fail @ Fail::Method { .. }) => {
            let text = "There is such a page, but this can't be asked of it.";
            return Some(error_page(request, fail.error_response(), &Error::new(Kind::Invalid, text), None));
        }
        Some(fail @ Fail::Error(error)) => (fail.error_response(), error),
        None => (HttpResponse::new(error.as_response_error().status_code()), &own),
    };
    if error.kind() == Kind::Internal {
        // Some paths hold a secret: the pattern says enough.
        let path = request.match_pattern();
        tracing::error!(path = path.as_deref().unwrap_or_default(), ?error, "a request failed");
    }
    Some(error_page(request, bare, error, None))
}

fn error_page(request: &HttpRequest, bare: HttpResponse, error: &Error, title: Option<&'static str>) -> HttpResponse {
    let Ok(browser) = Browser::from_request(request, &mut actix_web::dev::Payload::None).into_inner() else { return bare };
    let view = error::View { title, status: bare.status().as_u16(), message: Some(error.message().to_owned()), reference: None };
    let mut page = browser.show(view.status, error::page(&browser.chrome(), &view));
    for name in [header::RETRY_AFTER, header::ALLOW] {
        if let Some(value) = bare.headers().get(&name) {
            page.headers_mut().insert(name, value.clone());
        }
    }
    if bare.status() == StatusCode::REQUEST_TIMEOUT {
        // The rest of the body may come or not: nobody waits for it.
        page.head_mut().set_connection_type(ConnectionType::Close);
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_card_processors_origins_are_admitted_to_its_page_alone() {
        let policy = Policy::new(&Settings::default());
        let (others, with_cards) = (policy.content.to_str().unwrap(), policy.with_cards.to_str().unwrap());
        assert!(!others.contains("stripe"), "{others}");
        // As `docs.stripe.com/security/guide` asks for them.
        for part in [
            "script-src 'self' https://js.stripe.com https://*.js.stripe.com;",
            "frame-src https://js.stripe.com https://*.js.stripe.com https://hooks.stripe.com;",
            "https://api.stripe.com;",
        ] {
            assert!(with_cards.contains(part), "{part} is not in {with_cards}");
        }
        assert!(!with_cards.contains("unsafe"));
    }
}
