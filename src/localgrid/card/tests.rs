//! The SDK against the pretended processor over a socket, the card page as a browser sees it, and the webhooks.

use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse, web};
use reqwest::StatusCode;

use super::*;
use crate::host::{HostClock, HostRandom};
use crate::wire::stripe::webhook::verify;
use crate::wire::stripe::{Metadata, PaymentRequest, RefundStatus, Stripe, StripeError};

const KEY: &str = "sk_test_local";
const BACK: &str = "http://127.0.0.1:8080";

struct Bench {
    clock: Arc<HostClock>,
    world: CardWorld,
    stripe: Stripe,
}

async fn bench() -> Bench {
    let clock = HostClock::new();
    let options = Options {
        webhook_url: None,
        webhook_secret: "whsec_local".into(),
        secret_key: KEY.into(),
        return_origins: vec![BACK.into()],
        port: 0,
    };
    let world = CardWorld::start(options, clock.clone(), Arc::new(HostRandom)).await.unwrap();
    let stripe = Stripe::new(&world.base_url, KEY.into(), Duration::from_secs(20)).unwrap();
    Bench { clock, world, stripe }
}

impl Bench {
    /// A customer with this card saved.
    async fn saved(&self, number: &str) -> (String, String) {
        let customer = self.stripe.create_customer("cust-1", "ada@example.test", "Ada", "user-1").await.unwrap();
        let setup = self.stripe.create_setup_intent(&format!("seti-{number}"), &customer.id).await.unwrap();
        assert_eq!(setup.status, SetupStatus::RequiresPaymentMethod);
        assert_eq!(self.world.save_card(&setup.id, number, true), Some(SetupStatus::Succeeded));
        let setup = self.stripe.setup_intent(&setup.id).await.unwrap();
        assert_eq!(setup.status, SetupStatus::Succeeded);
        (customer.id, setup.payment_method.unwrap())
    }

    async fn request(&self, number: &str, amount_cents: i64) -> PaymentRequest {
        let (customer, payment_method) = self.saved(number).await;
        PaymentRequest {
            amount_cents,
            currency: "usd".into(),
            customer,
            payment_method,
            metadata: Metadata::from([("order".into(), "order-1".into()), ("charge".into(), "charge-1".into())]),
            description: "One small machine".into(),
            return_url: None,
        }
    }
}

#[tokio::test]
async fn a_saved_card_is_held_captured_priced_and_partly_refunded() {
    let bench = bench().await;
    let request = bench.request("5555555555554444", 2_000).await;
    let card = bench.stripe.payment_method(&request.payment_method).await.unwrap();
    assert_eq!((card.brand.as_str(), card.last4.as_str(), card.exp_month, card.exp_year), ("mastercard", "4444", 12, 2034));
    assert_eq!(card.customer.as_ref(), Some(&request.customer));

    let held = bench.stripe.authorize("k1", &request).await.unwrap();
    assert_eq!(
        (held.status, held.amount_capturable_cents, held.amount_received_cents),
        (PaymentStatus::RequiresCapture, 2_000, 0)
    );
    assert_eq!((&held.metadata, held.currency.as_str(), held.livemode), (&request.metadata, "usd", false));
    assert_eq!(bench.world.truth("order-1"), Truth { open_cents: 2_000, open: 1, ..Truth::default() });
    let charge = held.latest_charge.clone().unwrap();
    assert!(bench.stripe.fee_of(&charge).await.unwrap_err().is_unknown(), "not booked before it is captured");

    let paid = bench.stripe.capture("k2", &held.id, 1_500).await.unwrap();
    assert_eq!((paid.status, paid.amount_received_cents), (PaymentStatus::Succeeded, 1_500));
    assert_eq!(bench.stripe.fee_of(&charge).await.unwrap(), (74, "usd".to_owned()));

    let why = Metadata::from([("refund".into(), "r-1".into())]);
    let refund = bench.stripe.refund("k3", &held.id, 400, &why).await.unwrap();
    assert_eq!((refund.status, refund.amount_cents, &refund.metadata), (RefundStatus::Succeeded, 400, &why));
    assert_eq!(bench.stripe.refunds(&held.id).await.unwrap(), [refund]);
    let too_much = bench.stripe.refund("k4", &held.id, 1_101, &why).await.unwrap_err();
    assert!(matches!(too_much, StripeError::Rejected { status: 400, .. }), "{too_much:?}");
    let truth = Truth { captured_cents: 1_500, refunded_cents: 400, open_cents: 0, captures: 1, open: 0 };
    assert_eq!(bench.world.truth("order-1"), truth);
}

#[tokio::test]
async fn a_hold_is_let_go_when_it_is_canceled_or_grows_old() {
    let bench = bench().await;
    let request = bench.request("4242424242424242", 900).await;
    let held = bench.stripe.authorize("k1", &request).await.unwrap();
    assert_eq!(bench.stripe.cancel("k2", &held.id).await.unwrap().status, PaymentStatus::Canceled);
    let late = bench.stripe.capture("k3", &held.id, 900).await.unwrap_err();
    assert!(
        matches!(&late, StripeError::Rejected { status: 400, code: Some(code), .. } if code == "payment_intent_unexpected_state"),
        "{late:?}"
    );
    let old = bench.stripe.authorize("k4", &request).await.unwrap();
    bench.clock.leap(bank::HOLD_LASTS);
    assert_eq!(bench.stripe.payment_intent(&old.id).await.unwrap().status, PaymentStatus::Canceled);
    assert_eq!(bench.world.truth("order-1"), Truth::default());
}

#[tokio::test]
async fn each_decline_says_why_and_takes_nothing() {
    for (number, expected_code, expected_decline) in [
        ("4000000000000002", "card_declined", "generic_decline"),
        ("4000000000009995", "card_declined", "insufficient_funds"),
        ("4000000000000069", "expired_card", "expired_card"),
    ] {
        let bench = bench().await;
        let request = bench.request(number, 2_000).await;
        let StripeError::Declined { code, decline_code, message, payment_intent } =
            bench.stripe.authorize("k1", &request).await.unwrap_err()
        else {
            panic!("{number} is not declined");
        };
        assert_eq!((code.as_deref(), decline_code.as_deref()), (Some(expected_code), Some(expected_decline)));
        assert!(message.is_some());
        let stored = bench.stripe.payment_intent(&payment_intent.unwrap().id).await.unwrap();
        assert_eq!(stored.status, PaymentStatus::RequiresPaymentMethod);
        assert_eq!(stored.last_error.unwrap().decline_code.as_deref(), Some(expected_decline));
        assert_eq!(bench.world.truth("order-1"), Truth::default());
    }
}

#[tokio::test]
async fn a_bank_that_always_asks_wants_the_customer_at_the_keyboard() {
    let bench = bench().await;
    let mut request = bench.request("4000002760003184", 2_000).await;
    let refused = bench.stripe.authorize("k1", &request).await.unwrap_err();
    let StripeError::Authentication { payment_intent: Some(left) } = refused else { panic!("{refused:?}") };
    assert_eq!(left.status, PaymentStatus::RequiresPaymentMethod);

    request.return_url = Some(BACK.to_owned());
    let asked = bench.stripe.authorize("k2", &request).await.unwrap();
    assert_eq!(asked.status, PaymentStatus::RequiresAction);
    assert_eq!(bench.world.truth("order-1"), Truth::default());
    assert_eq!(bench.world.answer_payment(&asked.id, true), Some(PaymentStatus::RequiresCapture));
    let again = bench.stripe.authorize("k3", &request).await.unwrap();
    assert_eq!(bench.world.answer_payment(&again.id, false), Some(PaymentStatus::RequiresPaymentMethod));
    assert_eq!(bench.world.truth("order-1").open, 1);
}

#[tokio::test]
async fn a_bank_that_asked_at_set_up_lets_later_charges_pass() {
    let bench = bench().await;
    let request = bench.request("4000002500003155", 2_000).await;
    assert_eq!(bench.stripe.authorize("k1", &request).await.unwrap().status, PaymentStatus::RequiresCapture);
}

#[tokio::test]
async fn the_same_key_holds_once_and_other_parameters_under_it_are_unknown() {
    let bench = bench().await;
    let request = bench.request("4242424242424242", 2_000).await;
    let first = bench.stripe.authorize("k1", &request).await.unwrap();
    let second = bench.stripe.authorize("k1", &request).await.unwrap();
    assert_eq!(first.id, second.id);
    let other = bench.stripe.authorize("k1", &PaymentRequest { amount_cents: 3_000, ..request.clone() }).await.unwrap_err();
    assert!(other.is_unknown(), "the first call under this key may have held money: {other:?}");
    assert_eq!(bench.world.truth("order-1"), Truth { open_cents: 2_000, open: 1, ..Truth::default() });

    let declined = bench.request("4000000000000002", 2_000).await;
    let (first, second) = (bench.stripe.authorize("k2", &declined).await, bench.stripe.authorize("k2", &declined).await);
    let id = |answer: Result<_, StripeError>| match answer {
        Err(StripeError::Declined { payment_intent: Some(payment), .. }) => payment.id,
        other => panic!("{other:?}"),
    };
    assert_eq!(id(first), id(second), "a decline is replayed too");
}

#[tokio::test]
async fn every_answer_that_does_not_tell_is_unknown_and_the_same_key_settles_it() {
    let bench = bench().await;
    let request = bench.request("4242424242424242", 2_000).await;

    let impatient = Stripe::new(&bench.world.base_url, KEY.into(), Duration::from_millis(500)).unwrap();
    for (key, fault, holds) in [("a", Fault::TimeoutBefore, 0), ("b", Fault::TimeoutAfter, 1), ("c", Fault::Throttled, 1)] {
        bench.world.fail_next(fault);
        let error = impatient.authorize(key, &request).await.unwrap_err();
        assert!(error.is_unknown(), "{fault:?}: {error:?}");
        until(|| bench.world.truth("order-1").open == holds).await;
        if fault == Fault::TimeoutBefore {
            let busy = bench.stripe.authorize(key, &request).await.unwrap_err();
            assert!(matches!(&busy, StripeError::Unknown { reason } if reason.contains("409")), "{busy:?}");
        }
    }
    let settled = bench.stripe.authorize("b", &request).await.unwrap();
    assert_eq!(settled.status, PaymentStatus::RequiresCapture);
    assert_eq!(bench.world.truth("order-1").open, 1, "the resent call found the first one");

    bench.world.set_outage(true);
    assert!(bench.stripe.authorize("d", &request).await.unwrap_err().is_unknown());
    assert!(bench.stripe.payment_intent(&settled.id).await.unwrap_err().is_unknown());
    bench.world.set_outage(false);
    assert!(bench.stripe.authorize("d", &request).await.is_ok());

    let nobody = Stripe::new("http://127.0.0.1:1", KEY.into(), Duration::from_secs(1)).unwrap();
    assert!(nobody.authorize("e", &request).await.unwrap_err().is_unknown());
}

#[tokio::test]
async fn a_cached_500_stays_unknown_under_its_key_and_is_settled_by_looking() {
    let bench = bench().await;
    let request = bench.request("4242424242424242", 2_000).await;
    bench.world.fail_next(Fault::Cached500 { effect: true });
    for _ in 0..2 {
        assert!(bench.stripe.authorize("k1", &request).await.unwrap_err().is_unknown());
    }
    let since = bench.clock.now() - Duration::from_secs(60);
    let found = bench.stripe.find_payment_intents(&request.customer, since).await.unwrap();
    let mine: Vec<_> = found.iter().filter(|payment| payment.metadata.get("charge").is_some_and(|id| id == "charge-1")).collect();
    assert_eq!(mine.len(), 1);
    assert_eq!(mine[0].status, PaymentStatus::RequiresCapture);

    bench.world.fail_next(Fault::Cached500 { effect: false });
    assert!(bench.stripe.authorize("k2", &request).await.unwrap_err().is_unknown());
    assert_eq!(bench.world.truth("order-1").open, 1);
}

#[tokio::test]
async fn refusals_that_happened_before_anything_are_rejected() {
    let bench = bench().await;
    let request = bench.request("4242424242424242", 2_000).await;
    let small = bench.stripe.authorize("k1", &PaymentRequest { amount_cents: 49, ..request.clone() }).await.unwrap_err();
    assert!(
        matches!(&small, StripeError::Rejected { status: 400, code: Some(code), .. } if code == "amount_too_small"),
        "{small:?}"
    );
    let absent = bench.stripe.payment_intent("pi_nobody").await.unwrap_err();
    assert!(matches!(absent, StripeError::Rejected { status: 404, .. }), "{absent:?}");
    let stranger = Stripe::new(&bench.world.base_url, "sk_test_other".into(), Duration::from_secs(1)).unwrap();
    let refused = stranger.authorize("k2", &request).await.unwrap_err();
    assert!(matches!(refused, StripeError::Rejected { status: 401, .. }), "{refused:?}");
    let no_key = bench.stripe.authorize("", &request).await.unwrap_err();
    assert!(matches!(no_key, StripeError::Rejected { status: 0, .. }), "{no_key:?}");

    assert_eq!(bench.stripe.detach(&request.payment_method).await.unwrap().customer, None);
    let forgotten = bench.stripe.authorize("k3", &request).await.unwrap_err();
    assert!(matches!(forgotten, StripeError::Rejected { status: 400, .. }), "{forgotten:?}");
    assert!(matches!(bench.stripe.detach(&request.payment_method).await, Err(StripeError::Rejected { .. })));
}

#[tokio::test]
async fn long_lists_are_read_to_their_end() {
    let bench = bench().await;
    let request = bench.request("4242424242424242", 100).await;
    for n in 0..103 {
        bench.stripe.authorize(&format!("k{n}"), &request).await.unwrap();
    }
    let since = bench.clock.now() - Duration::from_secs(600);
    let found = bench.stripe.find_payment_intents(&request.customer, since).await.unwrap();
    assert_eq!(found.len(), 103);
    let events = bench.stripe.events(since, None, 100).await.unwrap().unwrap();
    assert_eq!(events.len(), bench.world.events().len());
    assert!(events.iter().any(|event| event.kind == "payment_intent.amount_capturable_updated"));
    assert!(bench.stripe.find_payment_intents(&request.customer, since + Duration::from_secs(6000)).await.unwrap().is_empty());
}

#[tokio::test]
async fn the_wire_tells_replays_refusals_and_its_version_as_stripe_does() {
    let bench = bench().await;
    let url = |path: &str| format!("{}/v1/{path}", bench.world.base_url);
    let post = |key: &'static str, body: &'static str| {
        let request = browser().post(url("customers")).basic_auth(KEY, Some("")).header("Idempotency-Key", key);
        request.header("Content-Type", "application/x-www-form-urlencoded").body(body).send()
    };
    let first = post("k", "email=ada%40example.test&metadata[user]=u+1").await.unwrap();
    assert_eq!((first.status(), first.headers().contains_key("idempotent-replayed")), (StatusCode::OK, false));
    assert!(first.headers()["stripe-version"].to_str().unwrap().contains("endive"));
    let first: Value = first.json().await.unwrap();
    assert_eq!((&first["email"], &first["metadata"]["user"]), (&"ada@example.test".into(), &"u 1".into()));
    let second = post("k", "email=ada%40example.test&metadata[user]=u+1").await.unwrap();
    assert_eq!(second.headers()["idempotent-replayed"], "true");
    assert_eq!(second.json::<Value>().await.unwrap(), first);
    let other = post("k", "email=bob%40example.test").await.unwrap();
    assert_eq!(other.status(), StatusCode::BAD_REQUEST);
    assert_eq!(other.json::<Value>().await.unwrap()["error"]["type"], "idempotency_error");
    bench.clock.leap(crate::base::time::DAY);
    let later: Value = post("k", "email=bob%40example.test").await.unwrap().json().await.unwrap();
    assert_ne!(later["id"], first["id"], "a key is forgotten after a day");

    for (method, path, body, status, says) in [
        ("POST", "payment_intents", "currency=usd", 400, "parameter_missing"),
        ("POST", "payment_intents", "amount=1e3&currency=usd", 400, "parameter_invalid_integer"),
        ("GET", "payment_intents/pi_x", "", 404, "resource_missing"),
        ("GET", "nothing", "", 404, "Unrecognized request URL"),
        ("DELETE", "customers", "", 404, "Unrecognized request URL"),
    ] {
        let answer = browser().request(method.parse().unwrap(), url(path)).bearer_auth(KEY).body(body).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{method} {path}");
        let text = answer.text().await.unwrap();
        assert!(text.contains(says), "{text}");
    }
    assert_eq!(browser().get(url("events")).send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
}

// Webhooks

type Heard = Arc<Mutex<Vec<(Bytes, String)>>>;

async fn hear(request: HttpRequest, body: Bytes, heard: Data<Heard>, deaf: Data<Mutex<usize>>) -> HttpResponse {
    let signature = request.headers().get("Stripe-Signature").unwrap().to_str().unwrap().to_owned();
    let mut deaf = deaf.lock().unwrap();
    if *deaf > 0 {
        *deaf -= 1;
        return HttpResponse::InternalServerError().finish();
    }
    heard.lock().unwrap().push((body, signature));
    HttpResponse::Ok().finish()
}

/// An application that hears events, after `deaf` failed deliveries.
fn ear(deaf: usize) -> (String, Heard, ServerHandle) {
    let heard = Heard::default();
    let (data, deaf) = (Data::new(heard.clone()), Data::new(Mutex::new(deaf)));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hooks/stripe", listener.local_addr().unwrap());
    let app = move || App::new().app_data(data.clone()).app_data(deaf.clone()).route("/hooks/stripe", web::post().to(hear));
    let server = HttpServer::new(app).workers(1).disable_signals().listen(listener).unwrap().run();
    let handle = server.handle();
    tokio::spawn(server);
    (url, heard, handle)
}

async fn until(what: impl Fn() -> bool) {
    tokio::time::timeout(Duration::from_secs(20), async {
        while !what() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .expect("it happens in time");
}

#[tokio::test]
async fn every_event_is_delivered_signed_even_to_an_application_that_comes_late_and_stumbles() {
    let bench = bench().await;
    bench.saved("4242424242424242").await;
    let (url, heard, _server) = ear(2);
    bench.world.set_webhook(&url);
    let all: Vec<Event> = bench.world.events();
    assert!(all.iter().any(|event| event.kind == "setup_intent.succeeded"));
    until(|| heard.lock().unwrap().len() == all.len()).await;
    let secrets = ["whsec_local".into()];
    let mut got: Vec<String> = Vec::new();
    for (body, signature) in heard.lock().unwrap().iter() {
        got.push(verify(body, signature, &secrets, bench.clock.now()).unwrap().id);
    }
    let mut sent: Vec<String> = all.into_iter().map(|event| event.id).collect();
    got.sort();
    sent.sort();
    assert_eq!(got, sent);
}

#[tokio::test]
async fn a_bad_day_duplicates_reorders_forges_and_loses() {
    let bench = bench().await;
    bench.saved("4242424242424242").await;
    let all = bench.world.events();
    bench.world.set_hook_faults(HookFaults {
        duplicate: true,
        reorder: true,
        forge: true,
        drop_next: 1,
        ..HookFaults::default()
    });
    let (url, heard, _server) = ear(0);
    bench.world.set_webhook(&url);
    until(|| heard.lock().unwrap().len() == (all.len() - 1) * 3).await;
    let secrets = ["whsec_local".into()];
    let verdicts: Vec<_> =
        heard.lock().unwrap().iter().map(|(body, signature)| verify(body, signature, &secrets, bench.clock.now())).collect();
    assert_eq!(verdicts.iter().filter(|verdict| verdict.is_err()).count(), all.len() - 1);
    let genuine: Vec<String> = verdicts.into_iter().flatten().map(|event| event.id).collect();
    let expected: Vec<String> = all.iter().rev().skip(1).flat_map(|event| [event.id.clone(), event.id.clone()]).collect();
    assert_eq!(genuine, expected, "newest first, each twice, and the newest is lost");
}

#[tokio::test]
async fn late_events_come_late_and_are_marked_as_delivered_only_then() {
    let bench = bench().await;
    bench.world.set_hook_faults(HookFaults { delay: Duration::from_millis(400), ..HookFaults::default() });
    let (url, heard, _server) = ear(0);
    bench.world.set_webhook(&url);
    let before = std::time::Instant::now();
    bench.stripe.create_customer("c", "ada@example.test", "Ada", "user-1").await.unwrap();
    until(|| heard.lock().unwrap().len() == 1).await;
    assert!(before.elapsed() >= Duration::from_millis(400));
    until(|| bench.world.world.bank().events_from(0).all(|event| event.delivered)).await;
}

// The card page

fn browser() -> reqwest::Client {
    let _chosen_already = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

struct Visit {
    bench: Bench,
    browser: reqwest::Client,
    setup: String,
    secret: Secret<String>,
}

async fn visit() -> Visit {
    let bench = bench().await;
    let customer = bench.stripe.create_customer("c", "ada@example.test", "Ada", "user-1").await.unwrap();
    let setup = bench.stripe.create_setup_intent("s", &customer.id).await.unwrap();
    Visit { bench, browser: browser(), setup: setup.id, secret: setup.client_secret.unwrap() }
}

impl Visit {
    async fn post(&self, path: &str, fields: &[(&str, &str)]) -> reqwest::Response {
        let back = format!("{BACK}/wallet?from=card");
        let mut all = vec![("client_secret", self.secret.reveal().as_str()), ("return_url", back.as_str())];
        all.extend_from_slice(fields);
        self.browser.post(format!("{}{path}", self.bench.world.base_url)).form(&all).send().await.unwrap()
    }

    async fn enter(&self, number: &str) -> reqwest::Response {
        let fields = [("number", number), ("expiry", "12 / 34"), ("cvc", "123"), ("name", "Ada <Example>")];
        self.post(&format!("/card/{}", self.setup), &fields).await
    }

    fn back(&self, status: &str) -> String {
        format!("{BACK}/wallet?from=card&setup_intent={}&redirect_status={status}", self.setup)
    }
}

fn location(answer: &reqwest::Response) -> &str {
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    answer.headers()["location"].to_str().unwrap()
}

#[tokio::test]
async fn a_card_is_saved_on_the_processors_own_page() {
    let visit = visit().await;
    let page = visit.bench.world.card_page(&visit.setup, &visit.secret, &format!("{BACK}/wallet"));
    let shown = visit.browser.get(page).send().await.unwrap();
    assert_eq!(shown.status(), StatusCode::OK);
    let policy = shown.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe") && policy.contains(BACK));
    let html = shown.text().await.unwrap();
    assert!(html.contains("Card number") && html.contains("no real money") && !html.contains("style="));
    let done = visit.enter("4242 4242 4242 4242").await;
    assert_eq!(location(&done), visit.back("succeeded"));
    let setup = visit.bench.stripe.setup_intent(&visit.setup).await.unwrap();
    assert_eq!(setup.status, SetupStatus::Succeeded);
    let card = visit.bench.stripe.payment_method(&setup.payment_method.unwrap()).await.unwrap();
    assert_eq!((card.last4.as_str(), card.customer), ("4242", setup.customer));
    assert_eq!(location(&visit.enter("5555555555554444").await), visit.back("succeeded"), "sent twice, saved once");
}

#[tokio::test]
async fn a_mistake_is_named_at_its_field_and_the_rest_is_kept() {
    let visit = visit().await;
    for (number, says) in [
        ("4242 4242 4242 4241", "not a card number"),
        ("4111 1111 1111 1111", "never enter a real card"),
        ("4000000000000127", "this code is wrong"),
    ] {
        let answer = visit.enter(number).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let html = answer.text().await.unwrap();
        assert!(html.contains(says) && html.contains("aria-invalid") && html.contains("12 / 34"), "{number}: {html}");
        assert!(html.contains("Ada &lt;Example&gt;"));
    }
    let answer = visit.post(&format!("/card/{}", visit.setup), &[("expiry", "01/20")]).await;
    let html = answer.text().await.unwrap();
    assert_eq!(html.matches("class=\"error\"").count(), 4, "{html}");
    assert!(html.contains("This date is past"));
}

#[tokio::test]
async fn the_bank_asks_and_the_customer_decides() {
    for (verdict, status) in [("approve", "succeeded"), ("refuse", "failed")] {
        let visit = visit().await;
        let asked = visit.enter("4000002500003155").await;
        let challenge = format!("{}{}", visit.bench.world.base_url, location(&asked));
        let html = visit.browser.get(challenge).send().await.unwrap().text().await.unwrap();
        assert!(html.contains("was this you?"));
        let done = visit.post(&format!("/card/{}/confirm", visit.setup), &[("answer", verdict)]).await;
        assert_eq!(location(&done), visit.back(status));
        let setup = visit.bench.stripe.setup_intent(&visit.setup).await.unwrap();
        assert_eq!(
            (setup.status == SetupStatus::Succeeded, setup.last_error.is_some()),
            (verdict == "approve", verdict == "refuse")
        );
    }
}

#[tokio::test]
async fn a_payment_is_confirmed_on_the_processors_page() {
    let bench = bench().await;
    let request = PaymentRequest { return_url: Some(BACK.to_owned()), ..bench.request("4000002760003184", 2_050).await };
    let asked = bench.stripe.authorize("k", &request).await.unwrap();
    let (browser, secret) = (browser(), asked.client_secret.unwrap());
    let url = format!("{}/pay/{}", bench.world.base_url, asked.id);
    let ticket = [("client_secret", secret.reveal().as_str()), ("return_url", BACK)];
    let html = browser.get(bench.world.pay_page(&asked.id, &secret, BACK)).send().await.unwrap().text().await.unwrap();
    assert!(html.contains("20.50 USD"), "{html}");
    let done = browser.post(&url).form(&[ticket[0], ticket[1], ("answer", "approve")]).send().await.unwrap();
    assert!(location(&done).ends_with(&format!("?payment_intent={}&redirect_status=succeeded", asked.id)));
    assert_eq!(bench.world.truth("order-1").open_cents, 2_050);
}

#[tokio::test]
async fn no_way_in_without_the_secret_and_no_way_out_to_strangers() {
    let visit = visit().await;
    let get = |secret: &str, back: &str| {
        let url = page::card_url(&visit.bench.world.base_url, &visit.setup, &secret.into(), back);
        visit.browser.get(url).send()
    };
    let secret = visit.secret.reveal().as_str();
    assert_eq!(get(secret, BACK).await.unwrap().status(), StatusCode::OK);
    assert_eq!(get("guess", BACK).await.unwrap().status(), StatusCode::NOT_FOUND);
    assert_eq!(get(secret, "http://evil.test/").await.unwrap().status(), StatusCode::NOT_FOUND);
    assert_eq!(get(secret, "").await.unwrap().status(), StatusCode::NOT_FOUND);
}
