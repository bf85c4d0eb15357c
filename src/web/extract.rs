//! Who asks, and with what: the one gate every request goes through.

use std::collections::BTreeMap;
use std::future::{Future, Ready, ready};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use actix_web::cookie::{Cookie, SameSite};
use actix_web::dev::Payload;
use actix_web::http::{Method, StatusCode, header};
use actix_web::{FromRequest, HttpMessage, HttpRequest, HttpResponse, web};
use futures_util::StreamExt;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::error::Fail;
use super::hooks::NOTICE_BYTES;
use super::ui::{Chrome, Flash, Mood, Who};
use crate::app::App;
use crate::app::limit::{Limit, place};
use crate::base::{Error, Kind, Secret};
use crate::domain::account::{Role, Session, User};
use crate::domain::report::{MESSAGE_BYTES, Reporter};

/// Largest form that is read.
const FORM_BYTES: usize = 16 * 1024;
const SESSION_SECONDS: i64 = 90 * 86_400;
/// Who is logged in.
const SESSION: &str = "cooperage";
/// The secret of a guest's forms.
const GUEST: &str = "cooperage-guest";
/// A sentence for the next page.
const FLASH: &str = "cooperage-flash";

/// A browser, logged in or not.
#[derive(Clone)]
pub struct Browser {
    pub app: Arc<App>,
    known: Option<(Session, User)>,
    /// The session's secret, or for guests the secret of their forms.
    secret: Secret<String>,
    fresh: bool,
    path: String,
    /// The address it comes from, for limits.
    pub from: String,
    pub agent: String,
    flash: Option<Flash>,
}

impl Browser {
    fn read(request: &HttpRequest) -> Result<Self, Fail> {
        let app = app(request)?;
        let cookie = |name: &str| request.cookie(name).map(|cookie| cookie.value().to_owned());
        let session = cookie(&cookie_name(&app, SESSION)).filter(|token| token.len() == 64);
        let known = session.as_deref().map(|token| app.session(token)).transpose()?.flatten();
        let (secret, fresh) = match (&known, session, cookie(&cookie_name(&app, GUEST)).filter(|token| token.len() == 32)) {
            (Some(_), Some(token), _) => (token, false),
            (_, _, Some(guest)) => (guest, false),
            _ => (hex::encode(app.random.bytes::<16>()), true),
        };
        let flash = cookie(&cookie_name(&app, FLASH)).and_then(|text| {
            let (kind, text) = text.split_once('.')?;
            let kind = match kind {
                "good" => Mood::Good,
                "bad" => Mood::Bad,
                _ => Mood::Notice,
            };
            let text = String::from_utf8(hex::decode(text).ok()?).ok()?;
            Some(Flash { kind, text })
        });
        let agent = request.headers().get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
        Ok(Browser {
            known,
            secret: Secret::new(secret),
            fresh,
            path: request.path().to_owned(),
            from: sender(request, &app),
            agent: agent.to_owned(),
            flash,
            app,
        })
    }

    /// Nobody in particular, and nothing to be said to them.
    pub fn is_plain_guest(&self) -> bool {
        self.known.is_none() && self.flash.is_none()
    }

    pub fn user(&self) -> Option<&User> {
        self.known.as_ref().map(|(_, user)| user)
    }

    pub fn session(&self) -> Option<&Session> {
        self.known.as_ref().map(|(session, _)| session)
    }

    /// The session cookie's secret, if somebody is logged in.
    pub fn token(&self) -> Option<&str> {
        self.known.as_ref().map(|_| self.secret.reveal().as_str())
    }

    /// What forms of this browser carry: bound to its cookie, so that no other site can write it.
    fn csrf(&self) -> String {
        hex::encode(&Sha256::digest(format!("form/{}", self.secret.reveal()))[..16])
    }

    /// By what the browser is known again, without saying its secret.
    pub fn mark(&self) -> String {
        hex::encode(Sha256::digest(format!("browser/{}", self.secret.reveal())))
    }

    pub fn chrome(&self) -> Chrome {
        Chrome {
            brand: self.app.settings.brand.name.clone(),
            who: self.user().map(|user| Who { name: user.name.to_string(), roles: user.roles.iter().copied().collect() }),
            csrf: self.csrf(),
            flash: self.flash.clone(),
            path: self.path.clone(),
        }
    }

    /// A page for this browser.
    pub fn show(&self, status: u16, page: maud::Markup) -> HttpResponse {
        let status = actix_web::http::StatusCode::from_u16(status).unwrap_or_default();
        let mut answer = HttpResponse::build(status);
        answer.content_type("text/html; charset=utf-8");
        if self.fresh {
            answer.cookie(self.cookie(GUEST, self.secret.reveal()));
        }
        if self.flash.is_some() {
            answer.cookie(self.gone(FLASH));
        }
        answer.body(page.into_string())
    }

    /// To another page of ours.
    pub fn go(&self, path: &str) -> HttpResponse {
        HttpResponse::SeeOther().insert_header((header::LOCATION, path)).finish()
    }

    /// To another page of ours, with a sentence on top.
    pub fn go_saying(&self, path: &str, good: bool, text: &str) -> HttpResponse {
        let kind = if good { "good" } else { "bad" };
        let flash = self.cookie(FLASH, &format!("{kind}.{}", hex::encode(text)));
        HttpResponse::SeeOther().insert_header((header::LOCATION, path)).cookie(flash).finish()
    }

    /// Logged in: the session's cookie, and on to `path`.
    pub fn enter(&self, token: &str, path: &str) -> HttpResponse {
        let mut cookie = self.cookie(SESSION, token);
        cookie.set_max_age(actix_web::cookie::time::Duration::seconds(SESSION_SECONDS));
        HttpResponse::SeeOther().insert_header((header::LOCATION, path)).cookie(cookie).cookie(self.gone(GUEST)).finish()
    }

    /// Logged out.
    pub fn leave(&self, path: &str) -> HttpResponse {
        let gone = self.gone(SESSION);
        HttpResponse::SeeOther().insert_header((header::LOCATION, path)).cookie(gone).finish()
    }

    fn cookie(&self, name: &str, value: &str) -> Cookie<'static> {
        Cookie::build(cookie_name(&self.app, name), value.to_owned())
            .path("/")
            .http_only(true)
            .same_site(SameSite::Lax)
            .secure(self.app.settings.is_https())
            .finish()
    }

    fn gone(&self, name: &str) -> Cookie<'static> {
        let mut cookie = self.cookie(name, "");
        cookie.make_removal();
        cookie
    }
}

/// `__Host-` keeps subdomains from setting it; browsers take that prefix over https only.
fn cookie_name(app: &App, name: &str) -> String {
    if app.settings.is_https() { format!("__Host-{name}") } else { name.to_owned() }
}

fn app(request: &HttpRequest) -> Result<Arc<App>, Fail> {
    let app = request.app_data::<web::Data<App>>().ok_or_else(|| Error::internal("There is no app behind this route."))?;
    Ok(app.clone().into_inner())
}

/// Where a request comes from, as limits count it: the peer's address; behind the trusted proxy, the one it names.
pub(super) fn sender(request: &HttpRequest, app: &App) -> String {
    let Some(peer) = request.peer_addr().map(|address| address.ip().to_canonical()) else { return String::new() };
    let trusted = app.settings.server.trusted_proxy.parse::<IpAddr>().is_ok_and(|proxy| proxy.to_canonical() == peer);
    let named = request.headers().get_all("x-forwarded-for").filter(|_| trusted).last();
    place(named.and_then(|lines| last_named(lines.to_str().ok()?)).unwrap_or(peer))
}

/// The last address in the last line is what the proxy itself added; whatever stands before it, anybody may have written.
fn last_named(line: &str) -> Option<IpAddr> {
    line.rsplit(',').next()?.trim().parse().ok()
}

/// Reads the browser behind a request once and remembers it.
fn browser(request: &HttpRequest) -> Result<Browser, Fail> {
    if let Some(known) = request.extensions().get::<Browser>() {
        return Ok(known.clone());
    }
    let browser = Browser::read(request)?;
    let who = browser.user().map_or_else(|| browser.from.clone(), |user| user.id.to_string());
    browser.app.limits.take(Limit::Read, &who, browser.app.now())?;
    request.extensions_mut().insert(browser.clone());
    Ok(browser)
}

impl FromRequest for Browser {
    type Error = Fail;
    type Future = Ready<Result<Self, Fail>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(browser(request))
    }
}

/// Somebody who is logged in.
#[derive(Clone)]
pub struct Me {
    pub browser: Browser,
    pub user: User,
}

impl std::ops::Deref for Me {
    type Target = Browser;
    fn deref(&self) -> &Browser {
        &self.browser
    }
}

fn me(request: &HttpRequest) -> Result<Me, Fail> {
    let browser = browser(request)?;
    match browser.user().cloned() {
        Some(user) => Ok(Me { browser, user }),
        None if matches!(*request.method(), Method::GET | Method::HEAD) => {
            let query = request.query_string();
            let path = request.path();
            Err(Fail::LogIn { next: if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") } })
        }
        None => Err(Fail::LogIn { next: String::new() }),
    }
}

fn with_role(request: &HttpRequest, role: Role) -> Result<Me, Fail> {
    let me = me(request)?;
    // What one may not see does not exist.
    if me.user.has(role) { Ok(me) } else { Err(Error::not_found("page").into()) }
}

impl FromRequest for Me {
    type Error = Fail;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Fail>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        Box::pin(stamped(me(request)))
    }
}

/// Notes that the session is in use, whoever it is that uses it.
async fn stamped(me: Result<Me, Fail>) -> Result<Me, Fail> {
    let me = me?;
    if let (Some(token), Some(session)) = (me.token(), me.session()) {
        me.app.stamp_session(token, session).await?;
    }
    Ok(me)
}

macro_rules! roles {
    ($($name:ident $role:ident $doc:literal,)*) => {$(
        #[doc = $doc]
        pub struct $name(pub Me);

        impl std::ops::Deref for $name {
            type Target = Me;
            fn deref(&self) -> &Me {
                &self.0
            }
        }

        impl FromRequest for $name {
            type Error = Fail;
            type Future = Pin<Box<dyn Future<Output = Result<Self, Fail>>>>;

            fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
                let me = with_role(request, Role::$role);
                Box::pin(async move { stamped(me).await.map($name) })
            }
        }
    )*};
}

roles! {
    Provider Provider "Somebody who is logged in and a provider.",
    Operator Operator "Somebody who is logged in and an operator.",
}

/// A form that was sent by one of our own pages: field by field, unknown ones ignored by whoever reads it.
pub struct Form(BTreeMap<String, String>);

impl Form {
    pub fn text(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    pub fn secret(&self, name: &str) -> Secret<String> {
        Secret::from(self.text(name))
    }

    /// The fields that may be shown again.
    pub fn filled(&self, names: &[&str]) -> super::ui::form::Filled {
        names.iter().fold(Default::default(), |filled: super::ui::form::Filled, name| filled.with(name, self.text(name)))
    }
}

impl FromRequest for Form {
    type Error = Fail;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Fail>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let browser = browser(request);
        let payload = payload.take();
        let foreign = is_foreign(request);
        Box::pin(async move {
            let browser = browser?;
            if foreign(&browser) {
                return Err(Fail::Form {
                    status: StatusCode::FORBIDDEN,
                    title: "This form came from somewhere else",
                    text: "It did not come from one of our pages, so nothing was done with it.",
                });
            }
            let within = browser.app.settings.server.body_within();
            let body = read_body(payload, FORM_BYTES, within, StatusCode::UNPROCESSABLE_ENTITY).await?;
            let fields: Vec<(String, String)> =
                serde_urlencoded::from_bytes(&body).map_err(|_| Error::new(Kind::Invalid, "The form can't be read."))?;
            // Bytes that are no text come out of the decoder as this letter: nobody typed that.
            if fields.iter().any(|(name, value)| name.contains('\u{fffd}') || value.contains('\u{fffd}')) {
                return Err(Error::new(Kind::Invalid, "The form can't be read.").into());
            }
            let form = Form(fields.into_iter().collect());
            let fits: bool = form.text("csrf").as_bytes().ct_eq(browser.csrf().as_bytes()).into();
            if !fits {
                return Err(Fail::Form {
                    status: StatusCode::FORBIDDEN,
                    title: "Please send this form once more",
                    text: "It was open for too long, or your browser keeps no cookies. Go back, load the page again and try once more.",
                });
            }
            if let Some(user) = browser.user() {
                browser.app.limits.take(Limit::Change, &user.id.to_string(), browser.app.now())?;
            }
            Ok(form)
        })
    }
}

/// The bytes of a notice as they came, for its signature.
pub struct Raw(pub Vec<u8>);

impl FromRequest for Raw {
    type Error = Fail;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Fail>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (app, payload) = (app(request), payload.take());
        Box::pin(async move {
            let within = app?.settings.server.body_within();
            Ok(Raw(read_body(payload, NOTICE_BYTES, within, StatusCode::PAYLOAD_TOO_LARGE).await?))
        })
    }
}

/// A VM that says how it is: known by its address, not too often, and not too much at once. Nobody else's message is even read.
pub struct Told {
    pub reporter: Reporter,
    pub message: Vec<u8>,
}

impl FromRequest for Told {
    type Error = Fail;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Fail>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let admitted = app(request).and_then(|app| {
            let reporter = app.reporter_of(request.match_info().query("id"), &sender(request, &app))?;
            app.admit_report(&reporter)?;
            Ok((app.settings.server.body_within(), reporter))
        });
        let payload = payload.take();
        Box::pin(async move {
            let (within, reporter) = admitted?;
            let message = read_body(payload, MESSAGE_BYTES, within, StatusCode::PAYLOAD_TOO_LARGE).await?;
            Ok(Told { reporter, message })
        })
    }
}

/// Reads a body of at most so many bytes. A sender who takes longer than all of ours gives the place to others.
async fn read_body(mut payload: Payload, most: usize, within: Duration, larger: StatusCode) -> Result<Vec<u8>, Fail> {
    let read = async {
        let mut body = Vec::new();
        while let Some(chunk) = payload.next().await {
            let chunk = chunk.map_err(|_| Error::new(Kind::Invalid, "The form broke off on its way."))?;
            if body.len() + chunk.len() > most {
                let (title, text) = ("That did not work", "This form is larger than any of ours.");
                return Err(Fail::Form { status: larger, title, text });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    };
    let slow = Fail::Form {
        status: StatusCode::REQUEST_TIMEOUT,
        title: "This took too long to arrive",
        text: "Not all of it came in time, so nothing was done with it. Please try once more.",
    };
    tokio::time::timeout(within, read).await.unwrap_or(Err(slow))
}

/// Whether the browser itself says that another site sent this.
fn is_foreign(request: &HttpRequest) -> impl FnOnce(&Browser) -> bool + use<> {
    let text = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let (site, origin) = (text("sec-fetch-site"), text("origin"));
    move |browser| {
        let site = site.is_some_and(|site| site != "same-origin" && site != "none");
        let origin = origin.is_some_and(|origin| origin != browser.app.settings.server.public_url);
        site || origin
    }
}
