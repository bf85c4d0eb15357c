//! The server half: keys, idempotency, errors and routes of Stripe's REST dialect, in front of whatever keeps the cards.
//! Source: `docs.stripe.com/api`, Authentication, Errors, Idempotent requests, Pagination.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix_web::http::Method;
use actix_web::http::header::{AUTHORIZATION, CONTENT_TYPE};
use actix_web::web::{self, Bytes, Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use base64::Engine;
use serde_json::{Value, json};
use subtle::ConstantTimeEq;

use super::form::Form;
use super::objects::{API_VERSION, error_json};
use super::types::{Metadata, PaymentError};
use crate::base::time::DAY;
use crate::base::{Secret, Time};

/// What a caller may ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    CreateCustomer { email: Option<String>, name: Option<String>, metadata: Metadata },
    Customer(String),
    CreateSetupIntent { customer: Option<String> },
    SetupIntent(String),
    PaymentMethod(String),
    Detach(String),
    CreatePaymentIntent(NewPayment),
    PaymentIntent(String),
    PaymentIntents { customer: Option<String>, page: Page },
    Capture { id: String, amount: Option<i64> },
    Cancel(String),
    CreateRefund { payment_intent: String, amount: Option<i64>, metadata: Metadata },
    Refund(String),
    Refunds { payment_intent: Option<String>, page: Page },
    Charge { id: String, expand_booking: bool },
    Event(String),
    Events { page: Page },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPayment {
    pub amount: i64,
    pub currency: String,
    pub customer: Option<String>,
    pub payment_method: Option<String>,
    pub metadata: Metadata,
    pub description: Option<String>,
    pub manual_capture: bool,
    pub confirm: bool,
    /// Where a bank that asks sends the customer back to. None is off-session: nobody is there to be asked.
    pub return_url: Option<String>,
}

/// Which part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    pub limit: usize,
    pub after: Option<String>,
    /// Unix seconds, inclusive.
    pub since: Option<i64>,
    /// Unix seconds, exclusive.
    pub until: Option<i64>,
}

/// A refusal in Stripe's shape.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiError {
    pub status: u16,
    pub kind: &'static str,
    pub code: Option<&'static str>,
    pub message: String,
    pub param: Option<String>,
    pub payment_intent: Option<Value>,
}

impl ApiError {
    pub fn invalid(code: Option<&'static str>, message: impl Into<String>) -> Self {
        ApiError { status: 400, kind: "invalid_request_error", code, message: message.into(), param: None, payment_intent: None }
    }

    pub fn missing(noun: &str, id: &str) -> Self {
        ApiError { status: 404, ..ApiError::invalid(Some("resource_missing"), format!("No such {noun}: '{id}'")) }
    }

    fn json(&self) -> Value {
        let mut error = json!({ "type": self.kind, "message": self.message });
        let parts = [
            ("code", self.code.map(Value::from)),
            ("param", self.param.clone().map(Value::from)),
            ("payment_intent", self.payment_intent.clone()),
        ];
        for (name, value) in parts {
            if let Some(value) = value {
                error[name] = value;
            }
        }
        json!({ "error": error })
    }
}

/// A declined card: 402 with the payment as it stands.
pub fn card_error(error: &PaymentError, payment_intent: Option<Value>) -> (u16, Value) {
    let mut error = error_json(error);
    if let Some(payment_intent) = payment_intent {
        error["payment_intent"] = payment_intent;
    }
    (402, json!({ "error": error }))
}

/// How many times as long as a caller waits it takes until what is late happens.
const LATE: u32 = 20;

/// What can go wrong between the caller and the cards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing happens, and no answer comes.
    TimeoutBefore,
    /// It happens, but no answer comes. The answer is kept under the key.
    TimeoutAfter,
    /// No answer comes; it happens much later, when the caller has long given up waiting.
    Late,
    /// Answers 500, now and whenever the key is sent again; whether it happened is up to `effect`.
    Cached500 { effect: bool },
    /// Too many requests: nothing happens, nothing is kept.
    Throttled,
    /// Nobody is there: 503.
    Outage,
}

/// The cards behind the wire.
pub trait Cards: Send + Sync + 'static {
    fn now(&self) -> Time;
    fn secret_key(&self) -> Secret<String>;
    /// The status and body to answer with. Only called when the request is well-formed and allowed.
    fn run(&self, command: Command) -> Result<Value, Box<Refusal>>;
    /// What goes wrong with this request, if anything.
    fn fault(&self, changes_something: bool) -> Option<Fault>;
    /// How long a request hangs that never gets an answer.
    fn hang(&self) -> Duration;
}

#[derive(Debug, Clone, PartialEq)]
pub enum Refusal {
    Api(ApiError),
    Card { error: PaymentError, payment_intent: Option<Value> },
}

impl From<ApiError> for Box<Refusal> {
    fn from(error: ApiError) -> Self {
        Box::new(Refusal::Api(error))
    }
}

/// Stripe keeps an answer at least this long.
const KEEP: Duration = DAY;

enum Kept {
    Running,
    Answered { status: u16, body: Value },
}

#[derive(Default)]
struct Keys(Mutex<HashMap<String, (String, Time, Kept)>>);

struct Shared {
    cards: Arc<dyn Cards>,
    keys: Keys,
}

/// Mounts `/v1/…`.
pub fn routes(cards: Arc<dyn Cards>) -> impl FnOnce(&mut ServiceConfig) + Clone {
    // One table of keys for all workers.
    let shared = Data::new(Shared { cards, keys: Keys::default() });
    move |config| {
        config.app_data(shared).service(web::resource("/v1/{path:.*}").to(serve));
    }
}

async fn serve(request: HttpRequest, body: Bytes, shared: Data<Shared>) -> HttpResponse {
    let Some(key) = presented_key(&request) else {
        return respond(401, &auth_error("You did not provide an API key."), false);
    };
    if !bool::from(key.as_bytes().ct_eq(shared.cards.secret_key().reveal().as_bytes())) {
        return respond(401, &auth_error("Invalid API Key provided."), false);
    }
    let changes = request.method() != Method::GET;
    let idempotency = if request.method() == Method::POST { header(&request, "idempotency-key") } else { None };
    let fault = shared.cards.fault(changes);
    match fault {
        Some(Fault::Outage) => return respond(503, &api_error("The service is down."), false),
        Some(Fault::Throttled) => {
            return respond(
                429,
                &json!({ "error": { "type": "invalid_request_error", "code": "rate_limit", "message": "Too many requests." } }),
                false,
            );
        }
        _ => {}
    }
    let text = String::from_utf8_lossy(&body);
    let fingerprint = format!("{} {} {text}", request.method(), request.path());
    if let Some(key) = &idempotency {
        match shared.keys.enter(key, &fingerprint, shared.cards.now()) {
            Entry::New => {}
            Entry::Replay(status, body) => return respond(status, &body, true),
            Entry::Busy => return respond(409, &conflict(), false),
            Entry::Other => return respond(400, &other_parameters(key), false),
        }
    }
    let keep = |status: u16, body: &Value| {
        if let Some(key) = &idempotency {
            shared.keys.keep(key, status, body.clone());
        }
    };
    let forget = || {
        if let Some(key) = &idempotency {
            shared.keys.forget(key);
        }
    };
    if fault == Some(Fault::TimeoutBefore) {
        // Held for the while, so that an impatient second call finds the key in use.
        let _in_use = Forget { shared: shared.clone(), key: idempotency.clone() };
        tokio::time::sleep(shared.cards.hang()).await;
        return respond(504, &api_error("Gateway timeout."), false);
    }
    if fault == (Some(Fault::Cached500 { effect: false })) {
        let body = api_error("An unknown error occurred.");
        keep(500, &body);
        return respond(500, &body, false);
    }
    let form = if request.method() == Method::POST { Form::parse(&text) } else { Form::parse(request.query_string()) };
    let command = match read_command(request.method(), request.match_info().query("path"), &form) {
        Ok(command) => command,
        Err(error) => {
            // Refused before it began: not kept under the key.
            forget();
            return respond(error.status, &error.json(), false);
        }
    };
    if fault == Some(Fault::Late) {
        let (hang, shared, key) = (shared.cards.hang(), shared.clone(), idempotency.clone());
        actix_web::rt::spawn(async move {
            tokio::time::sleep(LATE * hang).await;
            let (status, body) = run(&shared, command);
            if let Some(key) = key {
                shared.keys.keep(&key, status, body);
            }
        });
        tokio::time::sleep(hang).await;
        return respond(504, &api_error("Gateway timeout."), false);
    }
    let (status, body) = run(&shared, command);
    if fault == (Some(Fault::Cached500 { effect: true })) {
        let body = api_error("An unknown error occurred.");
        keep(500, &body);
        return respond(500, &body, false);
    }
    keep(status, &body);
    if fault == Some(Fault::TimeoutAfter) {
        tokio::time::sleep(shared.cards.hang()).await;
        return respond(504, &api_error("Gateway timeout."), false);
    }
    respond(status, &body, false)
}

fn run(shared: &Shared, command: Command) -> (u16, Value) {
    match shared.cards.run(command) {
        Ok(body) => (200, body),
        Err(refusal) => match *refusal {
            Refusal::Api(error) => (error.status, error.json()),
            Refusal::Card { error, payment_intent } => card_error(&error, payment_intent),
        },
    }
}

/// Frees a key also when the caller hangs up and this request is dropped half-way.
struct Forget {
    shared: Data<Shared>,
    key: Option<String>,
}

impl Drop for Forget {
    fn drop(&mut self) {
        if let Some(key) = &self.key {
            self.shared.keys.forget(key);
        }
    }
}

enum Entry {
    New,
    Replay(u16, Value),
    Busy,
    Other,
}

impl Keys {
    fn enter(&self, key: &str, fingerprint: &str, now: Time) -> Entry {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        keys.retain(|_, (_, since, _)| now.since(*since) < KEEP);
        match keys.get(key) {
            Some((first, ..)) if first != fingerprint => Entry::Other,
            Some((_, _, Kept::Running)) => Entry::Busy,
            Some((_, _, Kept::Answered { status, body })) => Entry::Replay(*status, body.clone()),
            None => {
                keys.insert(key.to_owned(), (fingerprint.to_owned(), now, Kept::Running));
                Entry::New
            }
        }
    }

    fn keep(&self, key: &str, status: u16, body: Value) {
        if let Some(entry) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get_mut(key) {
            entry.2 = Kept::Answered { status, body };
        }
    }

    fn forget(&self, key: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

fn respond(status: u16, body: &Value, replayed: bool) -> HttpResponse {
    let status = actix_web::http::StatusCode::from_u16(status).unwrap_or(actix_web::http::StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponseBuilder::new(status);
    response.insert_header((CONTENT_TYPE, "application/json")).insert_header(("Stripe-Version", API_VERSION));
    if replayed {
        response.insert_header(("Idempotent-Replayed", "true"));
    }
    response.body(body.to_string())
}

fn auth_error(message: &str) -> Value {
    json!({ "error": { "type": "invalid_request_error", "message": message } })
}

fn api_error(message: &str) -> Value {
    json!({ "error": { "type": "api_error", "message": message } })
}

fn conflict() -> Value {
    let message = "There is currently another in-progress request using this Stripe token.";
    json!({ "error": { "type": "invalid_request_error", "code": "idempotency_key_in_use", "message": message } })
}

fn other_parameters(key: &str) -> Value {
    let message = format!(
        "Keys for idempotent requests can only be used with the same parameters they were first used with. \
         Try using a key other than '{key}' if you meant to execute a different request."
    );
    json!({ "error": { "type": "idempotency_error", "message": message } })
}

fn header(request: &HttpRequest, name: &str) -> Option<String> {
    request.headers().get(name)?.to_str().ok().filter(|value| !value.is_empty() && value.len() <= 255).map(str::to_owned)
}

/// `Bearer key`, or Basic with the key as the user name.
fn presented_key(request: &HttpRequest) -> Option<String> {
    let value = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    if let Some(key) = value.strip_prefix("Bearer ") {
        return Some(key.trim().to_owned());
    }
    let basic = base64::engine::general_purpose::STANDARD.decode(value.strip_prefix("Basic ")?.trim()).ok()?;
    let text = String::from_utf8(basic).ok()?;
    Some(text.split_once(':').map_or(text.as_str(), |(user, _)| user).to_owned())
}

fn read_command(method: &Method, path: &str, form: &Form) -> Result<Command, ApiError> {
    let id = |text: &str| text.to_owned();
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    Ok(match (method.as_str(), segments.as_slice()) {
        ("POST", ["customers"]) => {
            Command::CreateCustomer { email: form.owned("email"), name: form.owned("name"), metadata: form.map("metadata") }
        }
        ("GET", ["customers", one]) => Command::Customer(id(one)),
        ("POST", ["setup_intents"]) => Command::CreateSetupIntent { customer: form.owned("customer") },
        ("GET", ["setup_intents", one]) => Command::SetupIntent(id(one)),
        ("GET", ["payment_methods", one]) => Command::PaymentMethod(id(one)),
        ("POST", ["payment_methods", one, "detach"]) => Command::Detach(id(one)),
        ("POST", ["payment_intents"]) => Command::CreatePaymentIntent(NewPayment {
            amount: whole(form, "amount")?.ok_or_else(|| absent("amount"))?,
            currency: form.owned("currency").ok_or_else(|| absent("currency"))?,
            customer: form.owned("customer"),
            payment_method: form.owned("payment_method"),
            metadata: form.map("metadata"),
            description: form.owned("description"),
            manual_capture: form.text("capture_method") == Some("manual"),
            confirm: form.flag("confirm"),
            return_url: form.owned("return_url").filter(|_| !form.flag("off_session")),
        }),
        ("GET", ["payment_intents"]) => Command::PaymentIntents { customer: form.owned("customer"), page: read_page(form)? },
        ("GET", ["payment_intents", one]) => Command::PaymentIntent(id(one)),
        ("POST", ["payment_intents", one, "capture"]) => {
            Command::Capture { id: id(one), amount: whole(form, "amount_to_capture")? }
        }
        ("POST", ["payment_intents", one, "cancel"]) => Command::Cancel(id(one)),
        ("POST", ["refunds"]) => Command::CreateRefund {
            payment_intent: form.owned("payment_intent").ok_or_else(|| absent("payment_intent"))?,
            amount: whole(form, "amount")?,
            metadata: form.map("metadata"),
        },
        ("GET", ["refunds"]) => Command::Refunds { payment_intent: form.owned("payment_intent"), page: read_page(form)? },
        ("GET", ["refunds", one]) => Command::Refund(id(one)),
        ("GET", ["charges", one]) => {
            Command::Charge { id: id(one), expand_booking: form.list("expand").iter().any(|name| name == "balance_transaction") }
        }
        ("GET", ["events"]) => Command::Events { page: read_page(form)? },
        ("GET", ["events", one]) => Command::Event(id(one)),
        (method, _) => {
            let message = format!("Unrecognized request URL ({method}: /v1/{path}).");
            return Err(ApiError { status: 404, ..ApiError::invalid(None, message) });
        }
    })
}

fn read_page(form: &Form) -> Result<Page, ApiError> {
    let limit = whole(form, "limit")?.unwrap_or(10).clamp(1, 100);
    Ok(Page {
        limit: usize::try_from(limit).unwrap_or(10),
        after: form.owned("starting_after"),
        since: whole(form, "created[gte]")?,
        until: whole(form, "created[lt]")?,
    })
}

fn whole(form: &Form, name: &str) -> Result<Option<i64>, ApiError> {
    form.whole(name).map_err(|name| ApiError {
        param: Some(name.clone()),
        ..ApiError::invalid(Some("parameter_invalid_integer"), format!("Invalid integer: {name}"))
    })
}

fn absent(name: &str) -> ApiError {
    ApiError {
        param: Some(name.to_owned()),
        ..ApiError::invalid(Some("parameter_missing"), format!("Missing required param: {name}."))
    }
}
