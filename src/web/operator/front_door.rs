//! Tests through the routes: who gets in, and what becomes of addresses that name nothing.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::body::{BoxBody, to_bytes};
use actix_web::dev::{Service, ServiceResponse};
use actix_web::middleware::from_fn;
use actix_web::test::{TestRequest, init_service};
use actix_web::web::Data;

use super::trace::tests::books;
use crate::app::App;
use crate::app::account::NewPerson;
use crate::base::ids::JobId;
use crate::base::time::HOUR;
use crate::base::{Clock, Random, Secret};
use crate::domain::account::Role;
use crate::domain::job::{Job, Work};
use crate::domain::order::Order;
use crate::grid::{Config, Grid};
use crate::host::{HostClock, HostRandom};
use crate::settings::Settings;
use crate::store::job::Jobs;
use crate::web::routes::{Policy, around, routes};

const WORDS: &str = "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about";
const PASSWORD: &str = "barrels and staves";

/// An app that reaches nothing outside, over books with two orders. It needs no clock of its own: nothing runs by itself.
fn world() -> (Arc<App>, Order, Arc<HostClock>) {
    let _chosen_already = rustls::crypto::ring::default_provider().install_default();
    let (store, order, _) = books();
    let clock = HostClock::new();
    let (shared, random): (Arc<dyn Clock>, Arc<dyn Random>) = (clock.clone(), Arc::new(HostRandom));
    let grid = Grid::new(Config {
        chain: vec![],
        genesis: None,
        relay: "ws://127.0.0.1:9".into(),
        index: vec![],
        identity: String::new(),
        stores: String::new(),
        mnemonic: Secret::from(WORDS),
        watch: String::new(),
        answer: std::time::Duration::from_secs(1),
        clock: shared.clone(),
        random: random.clone(),
    });
    let app = App::new(store, shared, random, Settings::default(), grid.unwrap()).unwrap();
    (app, order, clock)
}

/// Somebody's browser.
struct Person<S> {
    site: S,
    cookie: String,
}

async fn person(
    app: &Arc<App>,
    roles: &[Role],
) -> Person<impl Service<actix_http::Request, Response = ServiceResponse<BoxBody>, Error = actix_web::Error>> {
    let email = format!("p{}@example.org", roles.len());
    let form = NewPerson { name: "Pat".into(), email: email.clone(), password: Secret::from(PASSWORD) };
    app.create_person(form, roles.iter().copied().collect::<BTreeSet<_>>()).await.unwrap();
    let known = app.log_in(&email, Secret::from(PASSWORD), "127.0.0.1", "a test", "").await.unwrap();
    let site = actix_web::App::new()
        .app_data(Data::from(app.clone()))
        .app_data(Data::new(Policy::new(&app.settings)))
        .configure(routes)
        .wrap(from_fn(around));
    Person { site: init_service(site).await, cookie: format!("cooperage={}", known.token.reveal()) }
}

impl<S> Person<S>
where
    S: Service<actix_http::Request, Response = ServiceResponse<BoxBody>, Error = actix_web::Error>,
{
    async fn ask(&self, request: TestRequest) -> (u16, String) {
        let request = request.insert_header(("cookie", self.cookie.as_str())).to_request();
        let answer = self.site.call(request).await.unwrap().into_parts().1;
        let status = answer.status().as_u16();
        let body = to_bytes(answer.into_body()).await.unwrap_or_default();
        (status, String::from_utf8_lossy(&body).into_owned())
    }

    async fn get(&self, path: &str) -> (u16, String) {
        self.ask(TestRequest::get().uri(path)).await
    }

    /// Sends the form of a page, as its button does.
    async fn press(&self, page: &str, action: &str, fields: &[(&str, &str)]) -> (u16, String) {
        let (_, html) = self.get(page).await;
        let csrf = html.split_once("name=\"csrf\" value=\"").unwrap().1.split_once('"').unwrap().0.to_owned();
        let fields: Vec<(&str, &str)> = fields.iter().copied().chain([("csrf", csrf.as_str())]).collect();
        self.ask(TestRequest::post().uri(action).set_form(fields)).await
    }
}

const STAFF: [Role; 3] = Role::ALL;
const PAGES: [&str; 7] = [
    "/operator",
    "/operator/orders",
    "/operator/purse",
    "/operator/jobs",
    "/operator/accounts",
    "/operator/people",
    "/operator/settings",
];

#[actix_web::test]
async fn an_operator_sees_every_page_and_a_user_is_told_that_there_is_none() {
    let (app, order, _) = world();
    let (operator, user) = (person(&app, &STAFF).await, person(&app, &[Role::User]).await);
    let trace = format!("/operator/orders/{}", order.id);
    for path in PAGES.into_iter().chain([trace.as_str(), "/provider/nodes", "/provider/earnings"]) {
        let (status, page) = operator.get(path).await;
        assert_eq!(status, 200, "{path}: {page}");
        assert_eq!(user.get(path).await.0, 404, "{path}");
    }
    assert_eq!(user.get("/provider/claim").await.0, 200, "anybody may show that a farm is theirs");
    let (_, page) = operator.get(&trace).await;
    for known in ["pi_1", "re_1", "contract 42", "$10.00"] {
        assert!(page.contains(known), "{known}");
    }
}

#[actix_web::test]
async fn what_names_nothing_is_answered_with_a_page_that_says_so() {
    let (app, ..) = world();
    let operator = person(&app, &STAFF).await;
    let nobody = format!("/operator/orders/ord_{}", "0".repeat(26));
    let answers = [
        (nobody.as_str(), 404),
        ("/operator/orders/usr_00000000000000000000000003", 404),
        ("/operator/orders/%ff", 404),
        ("/operator/orders?state=quoted", 404),
        ("/operator/orders?before=yesterday", 422),
        ("/operator/orders?after=1-usr_00000000000000000000000003", 422),
        ("/operator/orders?before=1-ord_00000000000000000000000003", 200),
        ("/operator/orders?state=ended&after=1-ord_00000000000000000000000003", 200),
        ("/operator/jobs?state=running", 404),
        ("/operator/jobs?after=0", 422),
        ("/operator/people?before=", 422),
        ("/operator/accounts?before=asset:pocket:usd", 422),
        ("/operator/accounts?after=asset:wallet:tft", 200),
        ("/operator/purse?from=5", 200),
        ("/operator/purse?from=-1", 422),
        ("/operator/purse?from=first", 422),
        ("/operator/purse?machines=many", 422),
    ];
    for (path, expected) in answers {
        let (status, page) = operator.get(path).await;
        assert_eq!(status, expected, "{path}");
        assert!(page.contains("<h1>"), "{path} is a page");
    }
}

#[actix_web::test]
async fn a_purse_that_was_never_read_says_so_and_keeps_what_was_asked() {
    let (app, ..) = world();
    let operator = person(&app, &STAFF).await;
    let (_, page) = operator.get("/operator/purse?machines=many").await;
    for part in ["Nothing known yet", "The chain does not answer", "value=\"many\"", "A whole number from 1"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(operator.get("/operator").await.1.contains("Not known yet"));
}

#[actix_web::test]
async fn a_parked_job_is_tried_again_when_the_operator_says_so() {
    let (app, ..) = world();
    let operator = person(&app, &STAFF).await;
    let job = Job {
        id: JobId::from_bits(5),
        work: Work::SetUpGrid,
        created: app.now(),
        due: app.now(),
        failures: 16,
        last_error: Some("The chain does not answer.".into()),
        parked: true,
        asked: 1,
    };
    let (id, parked) = (job.id, "/operator/jobs?state=parked");
    app.store.write(move |tx| tx.put_job(&job)).await.unwrap();
    assert!(operator.get(parked).await.1.contains("The chain does not answer."));
    let retry = format!("/operator/jobs/{id}/retry");
    let forged = operator.ask(TestRequest::post().uri(&retry).set_form([("csrf", "x")])).await;
    assert_eq!(forged.0, 403, "a form of another site");
    assert_eq!(operator.press(parked, &retry, &[]).await.0, 303);
    assert!(app.read().unwrap().job(id).unwrap().is_some_and(|job| !job.parked && job.failures == 0));
    assert_eq!(operator.press(parked, &retry, &[]).await.0, 404, "it is not parked any more");
    assert!(operator.get("/operator/jobs").await.1.contains("Set up the grid account"));
}

#[actix_web::test]
async fn an_hour_can_be_skipped_only_where_time_can_be_moved() {
    let (app, _, clock) = world();
    let operator = person(&app, &STAFF).await;
    assert_eq!(operator.press("/operator", "/operator/clock/skip", &[]).await.0, 404);
    assert!(!operator.get("/operator").await.1.contains("Skip an hour"));
    let leapt = Arc::new(Mutex::new(Duration::ZERO));
    let (sum, hand) = (leapt.clone(), clock.clone());
    let app = app.clone().with_leap(Arc::new(move |span| {
        *sum.lock().unwrap() += span;
        hand.leap(span);
    }));
    let before = app.now();
    assert!(operator.get("/operator").await.1.contains("Skip an hour"));
    assert_eq!(operator.press("/operator", "/operator/clock/skip", &[]).await.0, 303);
    assert_eq!(*leapt.lock().unwrap(), HOUR);
    assert!(app.now().since(before) >= HOUR);
}

#[actix_web::test]
async fn the_ledger_is_checked_once_a_day_of_business_time_and_the_overview_says_so() {
    let (app, _, clock) = world();
    let operator = person(&app, &STAFF).await;
    assert!(operator.get("/operator").await.1.contains("Not checked yet"));
    app.check_ledger_daily().await.unwrap();
    let first = app.ledger_checked().unwrap();
    assert!(first.report.is_clean(), "{:?}", first.report);
    clock.leap(HOUR * 23);
    app.check_ledger_daily().await.unwrap();
    assert_eq!(app.ledger_checked().unwrap().at, first.at);
    clock.leap(HOUR);
    app.check_ledger_daily().await.unwrap();
    assert!(app.ledger_checked().unwrap().at.since(first.at) >= HOUR * 24);
    assert!(operator.get("/operator").await.1.contains("Agrees"));
}

#[actix_web::test]
async fn a_wrong_claim_is_shown_again_with_what_is_wrong() {
    let (app, ..) = world();
    let user = person(&app, &[Role::User]).await;
    let claim = "/provider/claim";
    let (status, page) = user.press(claim, claim, &[("farm", "twelve"), ("signature", "0xabc")]).await;
    assert_eq!(status, 422);
    assert!(page.contains("A farm has a number") && page.contains("twelve") && page.contains("0xabc"));
}
