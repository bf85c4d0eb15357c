//! The processor's own card page, on its own origin: the application never sees a card number. Complete without script.

use std::sync::Arc;

use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::http::{StatusCode, Uri};
use actix_web::web::{self, Data, Form, Path, Query, ServiceConfig};
use actix_web::{HttpResponse, HttpResponseBuilder};
use maud::{DOCTYPE, Markup, html};
use serde::Deserialize;
use subtle::ConstantTimeEq;

use super::World;
use super::numbers::{TEST_CARDS, card, looks_like_a_card};
use crate::base::{Secret, Time};
use crate::wire::stripe::{PaymentStatus, SetupStatus};

const CSS: &str = include_str!("../../../assets/card/card.css");

pub(super) fn routes(world: Arc<World>) -> impl FnOnce(&mut ServiceConfig) + Clone {
    move |config| {
        config
            .app_data(Data::from(world))
            .route("/card.css", web::get().to(css))
            .route("/card/{setup}", web::get().to(show))
            .route("/card/{setup}", web::post().to(save))
            .route("/card/{setup}/confirm", web::get().to(ask))
            .route("/card/{setup}/confirm", web::post().to(answer))
            .route("/pay/{payment}", web::get().to(ask_payment))
            .route("/pay/{payment}", web::post().to(answer_payment));
    }
}

pub(super) fn card_url(base: &str, setup: &str, client_secret: &Secret<String>, return_url: &str) -> String {
    format!("{base}/card/{setup}?{}", query(client_secret.reveal(), return_url))
}

pub(super) fn pay_url(base: &str, payment: &str, client_secret: &Secret<String>, return_url: &str) -> String {
    format!("{base}/pay/{payment}?{}", query(client_secret.reveal(), return_url))
}

fn query(client_secret: &str, return_url: &str) -> String {
    format!("client_secret={}&return_url={}", encode(client_secret), encode(return_url))
}

/// What every request brings: the right to be here, and where to go back to.
#[derive(Deserialize)]
struct Ticket {
    #[serde(default)]
    client_secret: String,
    #[serde(default)]
    return_url: String,
    /// A test number to fill in.
    #[serde(default)]
    fill: String,
}

#[derive(Deserialize)]
struct Entered {
    #[serde(default)]
    client_secret: String,
    #[serde(default)]
    return_url: String,
    #[serde(default)]
    number: String,
    #[serde(default)]
    expiry: String,
    #[serde(default)]
    cvc: String,
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct Verdict {
    #[serde(default)]
    client_secret: String,
    #[serde(default)]
    return_url: String,
    #[serde(default)]
    answer: String,
}

#[derive(Default)]
struct Errors {
    number: Option<&'static str>,
    expiry: Option<&'static str>,
    cvc: Option<&'static str>,
    name: Option<&'static str>,
}

async fn css() -> HttpResponse {
    HttpResponse::Ok().insert_header((CONTENT_TYPE, "text/css; charset=utf-8")).body(CSS)
}

async fn show(world: Data<World>, setup: Path<String>, ticket: Query<Ticket>) -> HttpResponse {
    let Some(back) = world.enter_setup(&setup, &ticket.client_secret, &ticket.return_url) else { return world.refuse() };
    match world.setup_status(&setup) {
        Some(SetupStatus::Succeeded) => return leave(&back, "setup_intent", &setup, true),
        Some(SetupStatus::RequiresAction) => return to_challenge(&setup, &ticket.client_secret, &ticket.return_url),
        _ => {}
    }
    let filled = card(&ticket.fill);
    let entered = Entered {
        client_secret: ticket.client_secret.clone(),
        return_url: ticket.return_url.clone(),
        number: filled.map_or_else(String::new, |card| grouped(card.number)),
        expiry: if filled.is_some() { "12 / 34".into() } else { String::new() },
        cvc: if filled.is_some() { "123".into() } else { String::new() },
        name: if filled.is_some() { "Ada Example".into() } else { String::new() },
    };
    world.page(StatusCode::OK, "Save a card", &form(&setup, &entered, &Errors::default()))
}

async fn save(world: Data<World>, setup: Path<String>, entered: Form<Entered>) -> HttpResponse {
    let Some(back) = world.enter_setup(&setup, &entered.client_secret, &entered.return_url) else { return world.refuse() };
    let now = world.clock.now();
    let (expiry, mut errors) = check(&entered, now);
    if let (Some(expiry), Some(card)) = (expiry, card(&entered.number).filter(|_| errors.none())) {
        let status = world.bank().offer_card(&setup, card, entered.name.trim(), expiry, now);
        world.wake.notify_one();
        match status {
            Some(SetupStatus::Succeeded) => return leave(&back, "setup_intent", &setup, true),
            Some(SetupStatus::RequiresAction) => return to_challenge(&setup, &entered.client_secret, &entered.return_url),
            _ => errors.cvc = Some("Your bank says that this code is wrong. Please check it, or use another card."),
        }
    }
    world.page(StatusCode::UNPROCESSABLE_ENTITY, "Please check your card", &form(&setup, &entered, &errors))
}

async fn ask(world: Data<World>, setup: Path<String>, ticket: Query<Ticket>) -> HttpResponse {
    let Some(back) = world.enter_setup(&setup, &ticket.client_secret, &ticket.return_url) else { return world.refuse() };
    match world.setup_status(&setup) {
        Some(SetupStatus::RequiresAction) => {
            let what = html! { "Somebody wants to save your card for later payments." };
            world.page(StatusCode::OK, "Was this you?", &challenge(&format!("/card/{setup}/confirm"), &ticket, &what))
        }
        status => leave(&back, "setup_intent", &setup, status == Some(SetupStatus::Succeeded)),
    }
}

async fn answer(world: Data<World>, setup: Path<String>, verdict: Form<Verdict>) -> HttpResponse {
    let Some(back) = world.enter_setup(&setup, &verdict.client_secret, &verdict.return_url) else { return world.refuse() };
    let now = world.clock.now();
    let status = world.bank().answer_setup(&setup, verdict.answer == "approve", now);
    world.wake.notify_one();
    leave(&back, "setup_intent", &setup, status == Some(SetupStatus::Succeeded))
}

async fn ask_payment(world: Data<World>, payment: Path<String>, ticket: Query<Ticket>) -> HttpResponse {
    let Some(back) = world.enter_payment(&payment, &ticket.client_secret, &ticket.return_url) else { return world.refuse() };
    let (status, amount, currency) = match world.bank().find_payment(&payment) {
        Some(found) => (found.status, found.amount, found.currency.to_uppercase()),
        None => return world.refuse(),
    };
    if status != PaymentStatus::RequiresAction {
        return leave(&back, "payment_intent", &payment, paid(Some(status)));
    }
    let what = html! { "A payment of " strong { (amount / 100) "." (format!("{:02}", amount % 100)) " " (currency) } "." };
    world.page(StatusCode::OK, "Was this you?", &challenge(&format!("/pay/{payment}"), &ticket, &what))
}

async fn answer_payment(world: Data<World>, payment: Path<String>, verdict: Form<Verdict>) -> HttpResponse {
    let back = world.enter_payment(&payment, &verdict.client_secret, &verdict.return_url);
    let Some(back) = back else { return world.refuse() };
    let now = world.clock.now();
    let status = world.bank().answer_payment(&payment, verdict.answer == "approve", now);
    world.wake.notify_one();
    leave(&back, "payment_intent", &payment, paid(status))
}

fn paid(status: Option<PaymentStatus>) -> bool {
    matches!(status, Some(PaymentStatus::RequiresCapture | PaymentStatus::Succeeded))
}

impl World {
    /// Where to go back to, if the secret fits the set-up and the way back is allowed.
    fn enter_setup(&self, id: &str, client_secret: &str, return_url: &str) -> Option<Uri> {
        let known = self.bank().setup(id)?.client_secret.clone();
        self.enter(&known, client_secret, return_url)
    }

    fn enter_payment(&self, id: &str, client_secret: &str, return_url: &str) -> Option<Uri> {
        let known = self.bank().find_payment(id)?.client_secret.clone();
        self.enter(&known, client_secret, return_url)
    }

    fn enter(&self, known: &Secret<String>, client_secret: &str, return_url: &str) -> Option<Uri> {
        let fits = bool::from(known.reveal().as_bytes().ct_eq(client_secret.as_bytes()));
        allowed_return(return_url, &self.settings().return_origins).filter(|_| fits)
    }

    fn setup_status(&self, id: &str) -> Option<SetupStatus> {
        self.bank().setup(id).map(|setup| setup.status)
    }

    fn refuse(&self) -> HttpResponse {
        let body = html! {
            h1 { "This link does not work" }
            p { "It is incomplete, or it leads back to a site that this card processor does not know. Please go back to the shop and start again." }
        };
        self.page(StatusCode::NOT_FOUND, "This link does not work", &body)
    }

    fn page(&self, status: StatusCode, title: &str, body: &Markup) -> HttpResponse {
        // Browsers hold a form's redirect to `form-action` too, so the ways back are named.
        let back = self.settings().return_origins.join(" ");
        let policy =
            format!("default-src 'none'; style-src 'self'; form-action 'self' {back}; base-uri 'none'; frame-ancestors 'none'");
        HttpResponseBuilder::new(status)
            .insert_header((CONTENT_TYPE, "text/html; charset=utf-8"))
            .insert_header((CONTENT_SECURITY_POLICY, policy))
            .insert_header((REFERRER_POLICY, "no-referrer"))
            .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
            .insert_header((CACHE_CONTROL, "no-store"))
            .body(layout(title, body).into_string())
    }
}

fn allowed_return(url: &str, origins: &[String]) -> Option<Uri> {
    if url.chars().any(|c| c == '\\' || c.is_whitespace() || c.is_control()) {
        return None;
    }
    let uri: Uri = url.parse().ok()?;
    let origin = format!("{}://{}", uri.scheme_str()?, uri.authority()?);
    origins.iter().any(|known| known.trim_end_matches('/') == origin).then_some(uri)
}

fn leave(back: &Uri, noun: &str, id: &str, succeeded: bool) -> HttpResponse {
    let status = if succeeded { "succeeded" } else { "failed" };
    let glue = if back.query().is_some() { '&' } else { '?' };
    let url = format!("{back}{glue}{noun}={id}&redirect_status={status}");
    HttpResponse::SeeOther().insert_header((LOCATION, url)).insert_header((REFERRER_POLICY, "no-referrer")).finish()
}

fn to_challenge(setup: &str, client_secret: &str, return_url: &str) -> HttpResponse {
    let url = format!("/card/{setup}/confirm?{}", query(client_secret, return_url));
    HttpResponse::SeeOther().insert_header((LOCATION, url)).insert_header((REFERRER_POLICY, "no-referrer")).finish()
}

impl Errors {
    fn none(&self) -> bool {
        self.number.or(self.expiry).or(self.cvc).or(self.name).is_none()
    }
}

fn check(entered: &Entered, now: Time) -> (Option<(i64, i64)>, Errors) {
    let mut errors = Errors::default();
    if !looks_like_a_card(&entered.number) {
        errors.number = Some("This is not a card number. Please check the digits.");
    } else if card(&entered.number).is_none() {
        errors.number = Some("Only the test numbers below work here. Please never enter a real card.");
    }
    let expiry = read_expiry(&entered.expiry);
    let this_month = now.date().split('-').take(2).map_while(|part| part.parse::<i64>().ok()).collect::<Vec<_>>();
    errors.expiry = match (expiry, this_month.as_slice()) {
        (None, _) => Some("Please write month and year like 12 / 34."),
        (Some((month, year)), [this_year, this_month]) if (year, month) < (*this_year, *this_month) => {
            Some("This date is past. Please use another card.")
        }
        _ => None,
    };
    if !(3..=4).contains(&entered.cvc.trim().len()) || !entered.cvc.trim().bytes().all(|byte| byte.is_ascii_digit()) {
        errors.cvc = Some("Three or four digits, from the back of the card.");
    }
    if entered.name.trim().is_empty() || entered.name.chars().count() > 100 || entered.name.chars().any(char::is_control) {
        errors.name = Some("Please write the name as it is on the card.");
    }
    (expiry, errors)
}

/// `12 / 34`, `12/2034`, `1234` → (12, 2034).
fn read_expiry(text: &str) -> Option<(i64, i64)> {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let clean = text.chars().all(|c| c.is_ascii_digit() || matches!(c, ' ' | '/' | '-'));
    let (month, year) = digits.split_at_checked(2).filter(|(_, year)| clean && matches!(year.len(), 2 | 4))?;
    let (month, year): (i64, i64) = (month.parse().ok()?, year.parse().ok()?);
    (1..=12).contains(&month).then_some((month, if year < 100 { year + 2000 } else { year }))
}

fn grouped(number: &str) -> String {
    let mut shown = String::new();
    for (at, digit) in number.chars().enumerate() {
        if at > 0 && at % 4 == 0 {
            shown.push(' ');
        }
        shown.push(digit);
    }
    shown
}

fn encode(text: &str) -> String {
    let mut coded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            coded.push(char::from(byte));
        } else {
            coded.push_str(&format!("%{byte:02X}"));
        }
    }
    coded
}

fn layout(title: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="robots" content="noindex";
                title { (title) " · Test card processor" }
                link rel="stylesheet" href="/card.css";
            }
            body {
                header { p { span.mark aria-hidden="true" {} strong { "Test card processor" } span.note { "no real money" } } }
                main { (body) }
                footer { p { "Part of the local world. Nothing leaves this computer." } }
            }
        }
    }
}

struct Field<'a> {
    name: &'static str,
    label: &'static str,
    hint: &'static str,
    autocomplete: &'static str,
    numeric: bool,
    value: &'a str,
    error: Option<&'static str>,
}

fn field(field: &Field<'_>) -> Markup {
    let error_id = format!("{}-error", field.name);
    html! {
        div.field.wrong[field.error.is_some()] {
            label for=(field.name) { (field.label) }
            input id=(field.name) name=(field.name) value=(field.value) placeholder=(field.hint) autocomplete=(field.autocomplete)
                inputmode=(if field.numeric { "numeric" } else { "text" }) required spellcheck="false"
                aria-invalid=[field.error.map(|_| "true")] aria-describedby=[field.error.map(|_| error_id.as_str())];
            @if let Some(error) = field.error { p.error id=(error_id) { (error) } }
        }
    }
}

fn form(setup: &str, entered: &Entered, errors: &Errors) -> Markup {
    let fill = |number: &str| format!("/card/{setup}?{}&fill={number}", query(&entered.client_secret, &entered.return_url));
    html! {
        h1 { "Save a card" }
        p { "Your card is kept by the card processor. Nothing is charged now." }
        @if !errors.none() { p.alert role="alert" { "The card was not saved. Please look at the marked fields." } }
        form method="post" action=(format!("/card/{setup}")) novalidate {
            input type="hidden" name="client_secret" value=(entered.client_secret);
            input type="hidden" name="return_url" value=(entered.return_url);
            (field(&Field { name: "number", label: "Card number", hint: "4242 4242 4242 4242", autocomplete: "cc-number",
                numeric: true, value: &entered.number, error: errors.number }))
            div.pair {
                (field(&Field { name: "expiry", label: "Expires", hint: "MM / YY", autocomplete: "cc-exp",
                    numeric: true, value: &entered.expiry, error: errors.expiry }))
                (field(&Field { name: "cvc", label: "Security code", hint: "CVC", autocomplete: "cc-csc",
                    numeric: true, value: &entered.cvc, error: errors.cvc }))
            }
            (field(&Field { name: "name", label: "Name on card", hint: "Ada Example", autocomplete: "cc-name",
                numeric: false, value: &entered.name, error: errors.name }))
            button type="submit" { "Save card" }
            p { a.quiet href=(entered.return_url) { "Go back without saving" } }
        }
        section aria-labelledby="numbers" {
            h2 id="numbers" { "Test numbers" }
            p { "Any future date and any security code will do." }
            ul.numbers {
                @for card in TEST_CARDS {
                    li {
                        code { (grouped(card.number)) }
                        span { (card.says) }
                        a href=(fill(card.number)) { "Use" span.hidden { " " (card.number) } }
                    }
                }
            }
        }
    }
}

fn challenge(action: &str, ticket: &Ticket, what: &Markup) -> Markup {
    html! {
        h1 { "Your bank asks: was this you?" }
        p { (what) }
        form method="post" action=(action) {
            input type="hidden" name="client_secret" value=(ticket.client_secret);
            input type="hidden" name="return_url" value=(ticket.return_url);
            div.pair {
                button name="answer" value="approve" { "Yes, approve" }
                button.second name="answer" value="refuse" { "No, refuse" }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_back_is_allowed_by_its_whole_origin_only() {
        let origins = vec!["http://127.0.0.1:8080".to_owned()];
        assert!(allowed_return("http://127.0.0.1:8080/wallet?x=1", &origins).is_some());
        for url in [
            "http://127.0.0.1:8080.evil.test/",
            "http://127.0.0.1:8080@evil.test/",
            "http://127.0.0.1:8080\\@evil.test/",
            "https://127.0.0.1:8080/",
            "http://127.0.0.1:80/",
            "//127.0.0.1:8080/",
            "/wallet",
            "javascript:alert(1)",
            "",
        ] {
            assert!(allowed_return(url, &origins).is_none(), "{url}");
        }
    }

    #[test]
    fn an_expiry_is_read_as_people_write_it() {
        assert_eq!(read_expiry("12 / 34"), Some((12, 2034)));
        assert_eq!(read_expiry("01/2031"), Some((1, 2031)));
        assert_eq!(read_expiry("1231"), Some((12, 2031)));
        for text in ["", "13/30", "00/30", "1/3", "12/345", "ab/cd", "é2/30"] {
            assert_eq!(read_expiry(text), None, "{text}");
        }
    }
}
