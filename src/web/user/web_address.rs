//! The web address of a person's own deployment.

use actix_web::HttpRequest;
use actix_web::web::{Data, Path};

use super::deployment;
use super::id;
use super::progress::TICK;
use super::stream::{self, Look, Streams};
use crate::app::App;
use crate::app::web_address::WebAddressForm;
use crate::base::ids::OrderId;
use crate::base::time::MINUTE;
use crate::base::{Error, Kind, Result, Time};
use crate::domain::order::{Order, State};
use crate::domain::web_address::{Host, Seen, Stage, WebAddress};
use crate::web::error::{PageResult, status};
use crate::web::extract::{Form, Me};
use crate::web::page::user::web_address::{self as page, Found, LeaveView, Record, Shown, View};
use crate::web::ui::form::{Filled, TICKED};
use crate::web::ui::part::{Step, StepState, Tone};

const FIELDS: [&str; 5] = ["kind", "name", "domain", "port", "passthrough"];

pub async fn create(me: Me, path: Path<String>, form: Form) -> PageResult {
    let order: OrderId = id(&path, "deployment")?;
    let typed = WebAddressForm {
        kind: form.text("kind").to_owned(),
        name: form.text("name").to_owned(),
        domain: form.text("domain").to_owned(),
        port: form.text("port").to_owned(),
        passthrough: form.text("passthrough") == TICKED,
    };
    let done = me.app.add_web_address(me.user.id, order, &typed).await.map(drop);
    after(&me, order, &form, done, "Your web address is being set up.")
}

pub async fn update(me: Me, path: Path<String>, form: Form) -> PageResult {
    let order: OrderId = id(&path, "deployment")?;
    let passthrough = form.text("passthrough") == TICKED;
    let done = me.app.change_web_address(me.user.id, order, form.text("port"), passthrough).await;
    after(&me, order, &form, done, "Visitors are led there from now on.")
}

pub async fn check(me: Me, path: Path<String>, form: Form) -> PageResult {
    let order: OrderId = id(&path, "deployment")?;
    let done = me.app.check_web_address(me.user.id, order).await;
    let said = match done {
        Ok(false) => "The name servers do not answer at the moment, so we could not look. We ask again by ourselves.",
        _ => "We have looked.",
    };
    after(&me, order, &form, done.map(drop), said)
}

/// What another gateway would change.
pub async fn ask(me: Me, path: Path<String>) -> PageResult {
    let order = me.app.order_of(me.user.id, id(&path, "deployment")?)?;
    let address = me.app.web_address_of(&order)?.filter(|address| !address.stage.over());
    let address = address.ok_or_else(|| Error::not_found("web address"))?;
    let (Some(gateway), true) = (&address.gateway, address.can_leave()) else {
        return Ok(me.go(&format!("/deployments/{}", order.id)));
    };
    let view = LeaveView {
        id: order.id,
        server: order.shown_name().to_owned(),
        name: address.fqdn().unwrap_or_default(),
        gateway: format!("{}, {}", gateway.place.city, gateway.place.country),
        records: records(&address),
    };
    Ok(me.show(200, page::leave_page(&me.chrome(), &view)))
}

pub async fn leave(me: Me, path: Path<String>, form: Form) -> PageResult {
    let order: OrderId = id(&path, "deployment")?;
    let done = me.app.leave_gateway(me.user.id, order).await;
    after(&me, order, &form, done, "Another gateway is being chosen.")
}

pub async fn remove(me: Me, path: Path<String>, form: Form) -> PageResult {
    let order: OrderId = id(&path, "deployment")?;
    let done = me.app.remove_web_address(me.user.id, order).await;
    after(&me, order, &form, done, "The web address is being removed.")
}

fn after(me: &Me, order: OrderId, form: &Form, done: Result<()>, said: &str) -> PageResult {
    match done {
        Ok(()) => Ok(me.go_saying(&format!("/deployments/{order}"), true, said)),
        Err(error) if error.kind() == Kind::Invalid => {
            let known = me.app.order_of(me.user.id, order)?;
            let filled = form.filled(&FIELDS).refused(&error);
            deployment::show_with(me, &known, status(error.kind()).as_u16(), None, Some(filled))
        }
        Err(error) => Err(error.into()),
    }
}

/// Server-sent events: the moving part of the card, whenever it says something new.
pub async fn events(me: Me, path: Path<String>, request: HttpRequest, streams: Data<Streams>) -> PageResult {
    let order: OrderId = id(&path, "deployment")?;
    let user = me.user.id;
    me.app.order_of(user, order)?;
    let app = me.app.clone();
    let (mut last, mut ended) = (String::new(), false);
    stream::answer(&me, &request, streams, TICK, move |_| {
        let known = || app.web_address_of(&app.order_of(user, order).ok()?).ok()?;
        let Some(address) = Some(()).filter(|()| !ended).and_then(|()| known()) else { return Look::Over };
        let shown = shown(&app, &address, app.now());
        ended = !shown.moves;
        let now = page::body(order, &shown, app.web_door().as_deref()).into_string();
        if now == last {
            return Look::Still;
        }
        last = now;
        stream::fragment(&last)
    })
}

/// The card, where there is one: a machine that does not run has no way in.
pub fn view(app: &App, order: &Order, filled: Option<Filled>) -> Result<Option<View>> {
    let address = app.web_address_of(order)?;
    let there = address.as_ref().is_some_and(|address| !address.stage.over());
    if order.state != State::Active && !there {
        return Ok(None);
    }
    // One that was removed as it was meant to be leaves no words behind.
    let told = address.filter(|address| !address.stage.over() || address.trouble.is_some());
    let filled = filled.unwrap_or_else(|| {
        let kept = told.as_ref().filter(|_| there).map(|address| &address.target);
        let filled = Filled::default().with("port", kept.map(|target| target.port.to_string()).unwrap_or_default());
        match kept.is_some_and(|target| target.passthrough) {
            true => filled.with("passthrough", TICKED),
            false => filled,
        }
    });
    Ok(Some(View {
        id: order.id,
        shown: told.map(|address| shown(app, &address, app.now())),
        host: order.wish.name.to_string(),
        door: app.web_door(),
        filled,
    }))
}

fn shown(app: &App, address: &WebAddress, now: Time) -> Shown {
    let (tone, word, sentence) = said(address, now);
    let setting_up =
        matches!(address.stage, Stage::Choosing | Stage::Waiting | Stage::Naming | Stage::Reserving | Stage::Building);
    let answers = address.visit.is_some_and(|visit| visit.seen == Seen::Answers);
    let moves = match address.stage {
        Stage::Gone => false,
        Stage::Live => !answers,
        _ => true,
    };
    // Days may go by until a domain is right or a web server answers.
    let soon = match address.stage {
        Stage::Live => address.visit.is_none(),
        stage => moves && stage != Stage::Waiting,
    };
    Shown {
        url: address.fqdn().filter(|_| !address.stage.over()).map(|fqdn| app.web_url(&fqdn)),
        tone,
        word,
        sentence,
        steps: if setting_up { steps(address) } else { vec![] },
        own: matches!(address.host, Host::Domain(_)),
        records: records(address),
        found: address.look.as_ref().zip(address.verdict()).map(|(look, verdict)| Found {
            at: look.at,
            found: verdict.found,
            advice: verdict.advice,
            right: verdict.right,
        }),
        gateway: address.gateway.as_ref().map(|gateway| format!("{}, {}", gateway.place.city, gateway.place.country)),
        port: address.target.port,
        passthrough: address.target.passthrough,
        opens: matches!(address.stage, Stage::Live | Stage::Pointing),
        moves,
        soon,
        over: address.stage.over(),
        leaving: address.stage == Stage::Removing,
        may_leave: address.can_leave() && address.gateway.is_some(),
    }
}

fn records(address: &WebAddress) -> Vec<Record> {
    let (Host::Domain(domain), Some(gateway)) = (&address.host, &address.gateway) else { return vec![] };
    if matches!(address.stage, Stage::Choosing | Stage::Removing | Stage::Gone) {
        return vec![];
    }
    let record = |kind, value: String, note| Record { kind, name: domain.to_string(), value, note };
    let v4 = gateway.v4.map(|ip| record("A", ip.to_string(), ""));
    let v6 = gateway.v6.map(|ip| record("AAAA", ip.to_string(), if gateway.v4.is_some() { ", if you like" } else { "" }));
    v4.into_iter().chain(v6).collect()
}

/// How it stands, in a word and in a sentence.
fn said(address: &WebAddress, now: Time) -> (Tone, &'static str, String) {
    let trouble = |usual: &str| address.trouble.clone().unwrap_or_else(|| usual.to_owned());
    match address.stage {
        Stage::Choosing | Stage::Naming | Stage::Reserving | Stage::Building => {
            (Tone::Busy, "Being set up", trouble("This takes about a minute."))
        }
        Stage::Waiting => (
            Tone::Warn,
            "Waiting for your domain",
            trouble("As soon as your domain leads to the gateway, the rest goes by itself."),
        ),
        Stage::Live | Stage::Pointing if address.paused => {
            (Tone::Warn, "Paused", "It is paused, and that is our fault. We have been told, and it goes on by itself.".into())
        }
        Stage::Pointing => (Tone::Busy, "Being changed", trouble("The gateway is being told. The name stays.")),
        Stage::Removing => (Tone::Quiet, "Being removed", trouble("Everything is given back.")),
        Stage::Gone => (Tone::Bad, "Not set up", trouble("It is no more.")),
        Stage::Live => live(address, now),
    }
}

/// What was seen last, and that nothing can be seen now where that is so: whose fault it is nobody knows.
fn live(address: &WebAddress, now: Time) -> (Tone, &'static str, String) {
    let (tone, word, said) = seen(address, now);
    match address.blind {
        Some(since) if now.since(since) > 15 * MINUTE => (
            Tone::Warn,
            "Can't be looked at",
            "The name servers have not answered us for a while: visitors may not find the way either. We keep asking.".into(),
        ),
        Some(_) => (tone, word, format!("{said} The name servers do not answer us at the moment: this is what we saw before.")),
        None => (tone, word, said),
    }
}

fn seen(address: &WebAddress, now: Time) -> (Tone, &'static str, String) {
    let known = address.look.as_ref().is_some_and(|look| !look.records.unanswered);
    if known && address.verdict().is_some_and(|verdict| !verdict.right) {
        return (
            Tone::Warn,
            "Your domain leads elsewhere",
            "Visitors may not find your server until its record is right.".into(),
        );
    }
    let Some(visit) = address.visit else { return (Tone::Busy, "Trying it out", "It is set up. We are trying it out.".into()) };
    let long = now.since(visit.since) > 15 * MINUTE;
    let port = address.target.port;
    match visit.seen {
        Seen::Answers => (Tone::Good, "Works", "Your server answers.".into()),
        Seen::NothingBehind => (
            Tone::Warn,
            "Does not answer yet",
            format!("The gateway works, and your server does not answer: is a web server running on port {port}, on IPv6 too?"),
        ),
        Seen::NoCertificate if address.target.passthrough => {
            (Tone::Warn, "No certificate", "Your server answers with a certificate that browsers do not believe.".into())
        }
        Seen::NoCertificate if !long => {
            (Tone::Busy, "Almost ready", "The certificate is being made. That can take a few minutes.".into())
        }
        Seen::NoRoute if !long => (Tone::Busy, "Almost ready", "The gateway is getting ready.".into()),
        Seen::NoCertificate => (Tone::Warn, "No certificate", "The gateway has not got a certificate for the name yet.".into()),
        Seen::NoRoute => (Tone::Warn, "Not ready", "The gateway does not know the name yet.".into()),
        Seen::Silence if address.target.passthrough => (
            Tone::Warn,
            "Does not answer yet",
            format!("Nobody answers: is a web server with TLS running on port {port}, on IPv6 too?"),
        ),
        Seen::Silence => {
            (Tone::Bad, "The gateway is silent", "The gateway does not answer at the moment. We keep looking.".into())
        }
        Seen::Nowhere => (Tone::Bad, "Not found", "The name leads nowhere at the moment. We keep looking.".into()),
    }
}

/// The way to a working address, and how far it is.
fn steps(address: &WebAddress) -> Vec<Step> {
    let own = matches!(address.host, Host::Domain(_));
    let names = [
        ("Gateway", "One near your server is chosen."),
        if own { ("Domain", "It has to lead to the gateway.") } else { ("Name", "It is reserved for you.") },
        ("Agreement", "The gateway's owner agrees to carry it."),
        ("Set up", "The gateway learns the way to your server."),
    ];
    let current = match address.stage {
        Stage::Choosing => 0,
        Stage::Waiting | Stage::Naming => 1,
        Stage::Reserving => 2,
        _ => 3,
    };
    let step = |(place, (name, text)): (usize, (&str, &str))| Step {
        name: name.into(),
        text: text.into(),
        state: match place {
            _ if place < current => StepState::Done,
            _ if place == current => StepState::Now,
            _ => StepState::Todo,
        },
        at: None,
    };
    names.into_iter().enumerate().map(step).collect()
}
