//! The pretended card processor: customers, cards, payments and their webhooks, behind Stripe's wire, with its own card page.

pub mod bank;
pub mod hooks;
pub mod numbers;
mod page;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpServer};
use serde_json::Value;
use tokio::sync::Notify;

pub use bank::Truth;
pub use hooks::HookFaults;

use crate::base::{Clock, Random, Secret, Time};
use crate::wire::stripe::server::{Cards, Command, Fault, Refusal, routes};
use crate::wire::stripe::webhook::Event;
use crate::wire::stripe::{PaymentStatus, SetupStatus};
use bank::Bank;

#[derive(Debug, Clone)]
pub struct Options {
    /// Where events go; may be told later with `set_webhook`.
    pub webhook_url: Option<String>,
    pub webhook_secret: Secret<String>,
    pub secret_key: Secret<String>,
    /// Origins that the card page may send people back to: `http://127.0.0.1:8080`. May be told later.
    pub return_origins: Vec<String>,
    /// 0 takes any free port.
    pub port: u16,
}

/// The running processor. Dropping it stops it.
pub struct CardWorld {
    pub base_url: String,
    world: Arc<World>,
    server: ServerHandle,
    deliveries: tokio::task::JoinHandle<()>,
}

impl CardWorld {
    /// Needs a tokio runtime around it.
    pub async fn start(options: Options, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> std::io::Result<CardWorld> {
        // Somebody may have chosen one already; any will do.
        let _chosen_already = rustls::crypto::ring::default_provider().install_default();
        let listener = TcpListener::bind(("127.0.0.1", options.port))?;
        let base_url = format!("http://{}", listener.local_addr()?);
        let mut bank = Bank::new(random);
        bank.base_url.clone_from(&base_url);
        let world = Arc::new(World {
            clock,
            secret_key: options.secret_key,
            bank: Mutex::new(bank),
            settings: Mutex::new(Settings {
                hook_url: options.webhook_url,
                hook_secret: options.webhook_secret,
                return_origins: options.return_origins,
                hook_faults: HookFaults::default(),
                faults: VecDeque::new(),
                outage: false,
                hang: Duration::from_secs(60),
            }),
            wake: Notify::new(),
        });
        let api = routes(world.clone());
        let pages = world.clone();
        let server = HttpServer::new(move || App::new().configure(api.clone()).configure(page::routes(pages.clone())))
            .workers(1)
            .shutdown_timeout(1)
            .disable_signals()
            .listen(listener)?
            .run();
        let handle = server.handle();
        tokio::spawn(server);
        let deliveries = tokio::spawn(hooks::deliver(world.clone()));
        Ok(CardWorld { base_url, world, server: handle, deliveries })
    }

    pub fn set_webhook(&self, url: &str) {
        self.world.settings().hook_url = Some(url.to_owned());
        self.world.wake.notify_one();
    }

    pub fn set_return_origins(&self, origins: Vec<String>) {
        self.world.settings().return_origins = origins;
    }

    /// Where a browser saves a card for a set-up.
    pub fn card_page(&self, setup_intent: &str, client_secret: &Secret<String>, return_url: &str) -> String {
        page::card_url(&self.base_url, setup_intent, client_secret, return_url)
    }

    /// Where a browser confirms a payment whose bank asks.
    pub fn pay_page(&self, payment_intent: &str, client_secret: &Secret<String>, return_url: &str) -> String {
        page::pay_url(&self.base_url, payment_intent, client_secret, return_url)
    }

    /// What is held, taken and given back for an order, as the processor alone knows.
    pub fn truth(&self, order: &str) -> Truth {
        let now = self.world.now();
        self.world.bank().truth(order, now)
    }

    /// Goes wrong with the next request that changes something; several queue up.
    pub fn fail_next(&self, fault: Fault) {
        self.world.settings().faults.push_back(fault);
    }

    pub fn set_outage(&self, down: bool) {
        self.world.settings().outage = down;
    }

    /// How long a request hangs that never gets an answer.
    pub fn set_hang(&self, hang: Duration) {
        self.world.settings().hang = hang;
    }

    pub fn set_hook_faults(&self, faults: HookFaults) {
        self.world.settings().hook_faults = faults;
        self.world.wake.notify_one();
    }

    /// Saves a test card for a set-up without a browser. `approve` answers the bank if it asks.
    pub fn save_card(&self, setup_intent: &str, number: &str, approve: bool) -> Option<SetupStatus> {
        let card = numbers::card(number)?;
        let now = self.world.now();
        let mut status = self.world.bank().offer_card(setup_intent, card, "Ada Example", (12, 2034), now)?;
        if status == SetupStatus::RequiresAction {
            status = self.world.bank().answer_setup(setup_intent, approve, now)?;
        }
        self.world.wake.notify_one();
        Some(status)
    }

    /// Answers the bank about a payment without a browser.
    pub fn answer_payment(&self, payment_intent: &str, approve: bool) -> Option<PaymentStatus> {
        let now = self.world.now();
        let status = self.world.bank().answer_payment(payment_intent, approve, now);
        self.world.wake.notify_one();
        status
    }

    /// The customers' banks send the refunds of an order back, after they were thought done. How many that were.
    pub fn send_refunds_back(&self, order: &str) -> usize {
        let now = self.world.now();
        let back = self.world.bank().send_refunds_back(order, now);
        self.world.wake.notify_one();
        back
    }

    /// A busy account: so many events more, one a second until now.
    pub fn flood(&self, count: u32) {
        let now = self.world.now();
        self.world.bank().flood(count, now);
    }

    /// Ids and kinds of everything that happened, oldest first.
    pub fn events(&self) -> Vec<Event> {
        let bank = self.world.bank();
        let text = |object: &Value, name: &str| object[name].as_str().map(str::to_owned);
        let event = |event: &crate::wire::stripe::objects::EventObject| Event {
            id: event.id.clone(),
            kind: event.kind.clone(),
            created: event.created,
            livemode: false,
            account: None,
            object_id: text(&event.object, "id"),
            object_kind: text(&event.object, "object"),
        };
        bank.events_from(0).map(event).collect()
    }
}

impl Drop for CardWorld {
    fn drop(&mut self) {
        self.deliveries.abort();
        // The order to stop is sent at once; nobody needs to wait for it.
        drop(self.server.stop(false));
    }
}

struct Settings {
    hook_url: Option<String>,
    hook_secret: Secret<String>,
    return_origins: Vec<String>,
    hook_faults: HookFaults,
    faults: VecDeque<Fault>,
    outage: bool,
    hang: Duration,
}

struct Hook {
    url: String,
    secret: Secret<String>,
}

struct World {
    clock: Arc<dyn Clock>,
    secret_key: Secret<String>,
    bank: Mutex<Bank>,
    settings: Mutex<Settings>,
    wake: Notify,
}

impl World {
    fn bank(&self) -> MutexGuard<'_, Bank> {
        self.bank.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn settings(&self) -> MutexGuard<'_, Settings> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Events from number `seen` on, with their bodies, and how to deliver them. Moves `seen` past them.
    fn news(&self, seen: &mut usize) -> (Vec<(String, String)>, HookFaults, Option<Hook>) {
        let bank = self.bank();
        let news = bank.events_from(*seen).map(|event| (event.id.clone(), event.json().to_string())).collect();
        *seen = bank.event_count();
        drop(bank);
        let settings = self.settings();
        let hook = settings.hook_url.clone().map(|url| Hook { url, secret: settings.hook_secret.clone() });
        (news, settings.hook_faults.clone(), hook)
    }

    fn lose_one(&self) -> bool {
        let left = &mut self.settings().hook_faults.drop_next;
        let lose = *left > 0;
        *left = left.saturating_sub(1);
        lose
    }

    fn delivered(&self, event: &str) {
        self.bank().delivered(event);
    }
}

impl Cards for World {
    fn now(&self) -> Time {
        self.clock.now()
    }

    fn secret_key(&self) -> Secret<String> {
        self.secret_key.clone()
    }

    fn run(&self, command: Command) -> Result<Value, Box<Refusal>> {
        let now = self.clock.now();
        let answer = self.bank().run(command, now);
        self.wake.notify_one();
        answer
    }

    fn fault(&self, changes_something: bool) -> Option<Fault> {
        let mut settings = self.settings();
        if settings.outage {
            return Some(Fault::Outage);
        }
        if changes_something { settings.faults.pop_front() } else { None }
    }

    fn hang(&self) -> Duration {
        self.settings().hang
    }
}
