//! Our Stripe client against a processor that others wrote, and our processor against Stripe's own Python client. It needs Python and its package index, so it only runs when asked:
//! `COOPERAGE_LOCALSTRIPE=1 cargo test localstripe -- --ignored`.

use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::web::{self, Bytes, Data};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use cooperage::base::Clock;
use cooperage::host::{HostClock, HostRandom};
use cooperage::localgrid::card::{CardWorld, Options, Truth};
use cooperage::wire::stripe::webhook::{Event, verify};
use cooperage::wire::stripe::{Metadata, PaymentRequest, PaymentStatus, RefundStatus, SetupStatus, Stripe, StripeError};
use serde_json::{Value, json};

use cooperage::app::account::NewPerson;

#[path = "kit/localstripe.rs"]
mod start;
use start::{Localstripe, python};

use crate::kit::bare::Bare;
use crate::kit::browser::{Browser, Taste};
use crate::kit::caller::Caller;
use crate::kit::market::PASSWORD;

const KEY: &str = "sk_test_foreign";
const HOOK_SECRET: &str = "whsec_foreign";

struct Bench {
    processor: Localstripe,
    stripe: Stripe,
    http: reqwest::Client,
}

impl Bench {
    fn start() -> Bench {
        let _chosen_already = rustls::crypto::ring::default_provider().install_default();
        let processor = Localstripe::start();
        let stripe = Stripe::new(&processor.url, KEY.into(), Duration::from_secs(20)).unwrap();
        Bench { processor, stripe, http: reqwest::Client::new() }
    }

    /// What the browser does at Stripe, not we.
    async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Value {
        let url = format!("{}{path}", self.processor.bare_url);
        let answer = self.http.post(url).bearer_auth(KEY).form(fields).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.text().await.unwrap());
        answer.json().await.unwrap()
    }

    async fn saved(&self, number: &str) -> PaymentRequest {
        let customer = self.stripe.create_customer("c1", "ada@example.test", "Ada", "user-1").await.unwrap();
        let setup = self.stripe.create_setup_intent("s1", &customer.id).await.unwrap();
        assert_eq!((setup.status, setup.customer.as_deref()), (SetupStatus::RequiresPaymentMethod, Some(customer.id.as_str())));
        let card = [
            ("type", "card"),
            ("card[number]", number),
            ("card[exp_month]", "12"),
            ("card[exp_year]", "2034"),
            ("card[cvc]", "123"),
        ];
        let method = self.post("/v1/payment_methods", &card).await["id"].as_str().unwrap().to_owned();
        self.post(&format!("/v1/setup_intents/{}/confirm", setup.id), &[("payment_method", &method)]).await;
        let setup = self.stripe.setup_intent(&setup.id).await.unwrap();
        assert_eq!((setup.status, setup.payment_method.as_deref()), (SetupStatus::Succeeded, Some(method.as_str())));
        // Stripe attaches by itself; localstripe wants to be told.
        self.post(&format!("/v1/payment_methods/{method}/attach"), &[("customer", &customer.id)]).await;
        PaymentRequest {
            amount_cents: 2_000,
            currency: "usd".into(),
            customer: customer.id,
            payment_method: method,
            metadata: Metadata::from([("order".into(), "order-1".into()), ("charge".into(), "charge-1".into())]),
            description: "One small machine".into(),
            return_url: None,
        }
    }
}

type Heard = Arc<Mutex<Vec<Event>>>;

async fn hear(request: HttpRequest, body: Bytes, heard: Data<Heard>) -> HttpResponse {
    let signature = request.headers().get("Stripe-Signature").unwrap().to_str().unwrap();
    match verify(&body, signature, &[HOOK_SECRET.into()], HostClock::new().now()) {
        Ok(event) => heard.lock().unwrap().push(event),
        Err(refused) => panic!("{refused}"),
    }
    HttpResponse::Ok().finish()
}

#[tokio::test]
#[ignore = "installs Python packages: COOPERAGE_LOCALSTRIPE=1 cargo test localstripe -- --ignored"]
async fn a_processor_by_others_saves_holds_captures_refunds_and_tells() {
    let bench = Bench::start();
    let heard = Heard::default();
    let data = Data::new(heard.clone());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let hook = format!("http://{}/hooks/stripe", listener.local_addr().unwrap());
    let app = move || App::new().app_data(data.clone()).route("/hooks/stripe", web::post().to(hear));
    tokio::spawn(HttpServer::new(app).workers(1).disable_signals().listen(listener).unwrap().run());
    let registered = bench
        .http
        .post(format!("{}/_config/webhooks/cooperage", bench.processor.bare_url))
        .json(&json!({ "url": hook, "secret": HOOK_SECRET }));
    assert!(registered.send().await.unwrap().status().is_success());

    let request = bench.saved("4242424242424242").await;
    let card = bench.stripe.payment_method(&request.payment_method).await.unwrap();
    assert_eq!((card.brand.as_str(), card.last4.as_str(), card.exp_year), ("visa", "4242", 2034));

    let held = bench.stripe.authorize("k1", &request).await.unwrap();
    assert_eq!((held.status, held.amount_cents, held.amount_received_cents), (PaymentStatus::RequiresCapture, 2_000, 0));
    assert_eq!(held.metadata, request.metadata);
    let paid = bench.stripe.capture("k2", &held.id, 2_000).await.unwrap();
    assert_eq!((paid.status, paid.amount_received_cents), (PaymentStatus::Succeeded, 2_000));
    let fee = bench.stripe.fee_of(&paid.latest_charge.unwrap()).await.unwrap();
    assert_eq!(fee, (0, "usd".to_owned()), "localstripe works for nothing");

    let refund = bench.stripe.refund("k3", &held.id, 700, &Metadata::from([("refund".into(), "r-1".into())])).await.unwrap();
    assert_eq!((refund.status, refund.amount_cents), (RefundStatus::Succeeded, 700));
    assert_eq!(bench.stripe.refunds(&held.id).await.unwrap(), [refund]);

    let other = bench.stripe.authorize("k4", &request).await.unwrap();
    assert_eq!(bench.stripe.cancel("k5", &other.id).await.unwrap().status, PaymentStatus::Canceled);
    assert_eq!(bench.stripe.payment_intent(&other.id).await.unwrap().status, PaymentStatus::Canceled);
    let since = HostClock::new().now() - Duration::from_secs(600);
    let found = bench.stripe.find_payment_intents(&request.customer, since).await.unwrap();
    assert_eq!(found.len(), 2);

    let succeeded = |event: &Event| event.kind == "payment_intent.succeeded" && event.object_id.as_ref() == Some(&held.id);
    for _ in 0..500 {
        if heard.lock().unwrap().iter().any(succeeded) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(heard.lock().unwrap().iter().any(succeeded), "{heard:?}");
    let listed = bench.stripe.events(since, None, 100).await.unwrap().unwrap();
    assert!(listed.iter().any(|event| event.kind == "payment_intent.succeeded" && event.object_id.as_ref() == Some(&held.id)));
    assert_eq!(bench.stripe.detach(&request.payment_method).await.unwrap().customer, None);
}

#[tokio::test]
#[ignore = "installs Python packages: COOPERAGE_LOCALSTRIPE=1 cargo test localstripe -- --ignored"]
async fn a_processor_by_others_declines_and_refuses() {
    let bench = Bench::start();
    // Its number for a card that saves fine and is declined when charged.
    let request = bench.saved("4000000000000341").await;
    let declined = bench.stripe.authorize("k1", &request).await.unwrap_err();
    assert!(matches!(&declined, StripeError::Declined { code: Some(code), .. } if code == "card_declined"), "{declined:?}");
    let absent = bench.stripe.payment_intent("pi_nobody").await.unwrap_err();
    assert!(matches!(absent, StripeError::Rejected { status: 404, .. }), "{absent:?}");
    let url = bench.processor.url.clone();
    let stranger = Stripe::new(&url, "no key".into(), Duration::from_secs(20)).unwrap();
    let refused = stranger.authorize("k2", &request).await.unwrap_err();
    assert!(matches!(refused, StripeError::Rejected { status: 401, .. }), "{refused:?}");
    drop(bench);
    let gone = Stripe::new(&url, KEY.into(), Duration::from_secs(5)).unwrap();
    assert!(gone.authorize("k3", &request).await.unwrap_err().is_unknown());
}

#[tokio::test]
#[ignore = "installs Python packages: COOPERAGE_LOCALSTRIPE=1 cargo test localstripe -- --ignored"]
async fn stripes_own_client_believes_our_processor() {
    let options = Options {
        webhook_url: None,
        webhook_secret: HOOK_SECRET.into(),
        secret_key: KEY.into(),
        return_origins: vec!["http://127.0.0.1:8080".into()],
        port: 0,
    };
    let world = CardWorld::start(options, HostClock::new(), Arc::new(HostRandom)).await.unwrap();
    let url = world.base_url.clone();
    let story = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/localstripe/sdk.py");
    let run = move || python().args([story, &url, KEY]).status().unwrap();
    assert!(tokio::task::spawn_blocking(run).await.unwrap().success(), "see the trace above");
    let truth = Truth { captured_cents: 1_500, refunded_cents: 100, open_cents: 0, captures: 1, open: 0 };
    assert_eq!(world.truth("order-1"), truth);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "installs Python packages and needs Chromium: COOPERAGE_LOCALSTRIPE=1 COOPERAGE_BROWSER=1 cargo test localstripe -- --ignored"]
async fn a_card_typed_into_the_frame_of_a_script_by_others_is_saved_on_our_page() {
    let processor = Localstripe::start();
    let script = format!("{}/js.stripe.com/v3/", processor.bare_url);
    let bare = Bare::open(|settings| {
        settings.cards.url = processor.url.clone();
        settings.cards.page = String::new();
        settings.cards.secret_key = KEY.into();
        settings.cards.publishable_key = "pk_test_foreign".into();
        settings.cards.script = script.clone();
    })
    .await;
    let app = &bare.instance.app;
    let nora = NewPerson { name: "Nora".into(), email: "nora@example.org".into(), password: PASSWORD.into() };
    app.create_person(nora, [].into()).await.unwrap();
    let browser = Browser::open(Taste::default()).await;
    browser.goto(&format!("{}/login", bare.url)).await;
    browser.types("email", "nora@example.org").await;
    browser.types("password", PASSWORD).await;
    browser.presses("Sign in").await;
    browser.goto(&format!("{}/cards", bare.url)).await;
    browser.presses("Add a card").await;
    browser.arrives("/cards/new/seti_").await;
    // A wrong number is said on the page, and one may try again.
    for (number, words) in [("4000000000000002", "declined"), ("4242424242424242", "Your card is saved.")] {
        for (field, value) in
            [("number", number), ("exp_month", "12"), ("exp_year", "34"), ("cvc", "123"), ("postal_code", "1000")]
        {
            browser.fills(&format!("input[placeholder={field}]"), value).await;
        }
        browser.presses("Save the card").await;
        browser.sees(words).await;
    }
    browser.sees("4242").await;
    // The set-up of one person is nobody else's.
    let stranger = Caller::new(&bare.url);
    let answer = stranger.get("/cards/new/seti_1").await;
    assert_eq!(answer.status, 303, "first of all one signs in");
    // What the other's script says of itself, and the card it declined: nothing was held back by our page's policy.
    browser.close_having_said(&["localstripe:", "status of 402"]).await;
    bare.close().await;
}
