//! A market of one's own: the whole product on its own grid, people with browsers, a clock to move. Closing it checks what must always hold.

use std::time::Duration;

use cooperage::base::ids::OrderId;
use cooperage::base::money::Usd;
use cooperage::base::time::{MINUTE, SECOND};
use cooperage::cli::Context;
use cooperage::cli::demo::{ALICE, Demo, Person};
use cooperage::cli::visitor::{Page, Visitor};
use cooperage::domain::order::{Order, State};
use cooperage::domain::revision::Revision;
use cooperage::settings::Settings;
use cooperage::store::Turn;
use cooperage::store::check::check;
use cooperage::store::job::Jobs;
use cooperage::store::order::Orders;
use cooperage::store::revision::Revisions;

pub const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti alice@laptop";
pub const GOOD_CARD: &str = "4242 4242 4242 4242";
pub const PASSWORD: &str = "nobody guesses this one";
/// How long something may take that happens by itself.
const PATIENCE: Duration = Duration::from_secs(30);

/// Another key for each number.
pub fn other_key(number: u8) -> String {
    use base64::Engine;
    let kind = b"ssh-ed25519";
    let mut blob = vec![0, 0, 0, kind.len() as u8];
    blob.extend_from_slice(kind);
    blob.extend_from_slice(&[0, 0, 0, 32]);
    blob.extend_from_slice(&[number.wrapping_add(1); 32]);
    format!("ssh-ed25519 {} key-{number}", base64::engine::general_purpose::STANDARD.encode(blob))
}

pub struct Market {
    pub demo: Demo,
}

impl Market {
    /// Opens a market on free ports, with a node that takes 20 ms for each part of a deployment.
    pub async fn open() -> Market {
        Market::open_with(|_| ()).await
    }

    /// Opens a market with other settings.
    pub async fn open_with(change: impl FnOnce(&mut Settings)) -> Market {
        let _already = rustls::crypto::ring::default_provider().install_default();
        let mut settings = Settings::default();
        settings.server.listen = "127.0.0.1:0".into();
        // On this machine nothing that answers at all needs longer.
        settings.grid.answer_seconds = 3;
        change(&mut settings);
        let demo = Demo::start(&Context { settings, json: false }, Duration::from_millis(20)).await.expect("a market opens");
        demo.ready().await.expect("a market gets ready");
        Market { demo }
    }

    pub fn url(&self) -> &str {
        &self.demo.instance.url
    }

    /// A market that believes to be reached at another address than the one it listens on, as behind a proxy.
    pub async fn open_at(public: &str) -> Market {
        let mut market = Market::open_with(|settings| settings.server.public_url = public.into()).await;
        market.demo.instance.url = format!("http://{}", market.demo.instance.app.settings.server.listen);
        market
    }

    /// A browser without cookies.
    pub fn guest(&self) -> Visitor {
        Visitor::new(self.url()).expect("a browser")
    }

    /// One of the ready-made people, logged in.
    pub async fn log_in(&self, person: &Person) -> Visitor {
        let visitor = self.guest();
        let page =
            visitor.fill("/login", "/login", &[("email", person.email), ("password", person.password)]).await.expect("a log-in");
        assert!(page.says(person.name), "{}", page.text());
        visitor
    }

    /// Somebody new: signs up, opens the mail, proves the address.
    pub async fn newcomer(&self, name: &str) -> Visitor {
        let visitor = self.guest();
        let email = format!("{}@example.org", name.to_lowercase());
        visitor
            .fill("/signup", "/signup", &[("name", name), ("email", &email), ("password", PASSWORD)])
            .await
            .expect("a sign-up");
        let path = self.link(&email, "Confirm").await;
        let page = visitor.fill(&path, "/verify", &[]).await.expect("a proof");
        assert!(page.says(name), "{}", page.text());
        visitor
    }

    /// The path of the link in the newest mail to `email` whose subject says `subject`.
    pub async fn link(&self, email: &str, subject: &str) -> String {
        let mail = self.demo.world.mail.wait_for(email, subject).await.expect("a mail");
        let link = mail.text.split_whitespace().find(|word| word.starts_with(self.url())).expect("a link");
        link[self.url().len()..].to_owned()
    }

    /// Saves a card on the processor's own page. Gives the page one comes back to.
    pub async fn save_card(&self, visitor: &Visitor, number: &str) -> Page {
        let page = visitor.fill("/cards", "/cards", &[]).await.expect("the card page");
        let action = page.action().expect("a card form");
        let typed = [("number", number), ("expiry", "12 / 39"), ("cvc", "123"), ("name", "Somebody")];
        visitor.submit(&page, &action, &typed).await.expect("a card")
    }

    /// Asks for a price. Gives the page with it.
    pub async fn quote(&self, visitor: &Visitor, name: &str, region: &str) -> Page {
        let wish =
            [("name", name), ("size", "medium"), ("image", "ubuntu-24.04"), ("region", region), ("key", "new"), ("ssh_key", KEY)];
        visitor.fill("/order", "/order", &wish).await.expect("a quote")
    }

    /// Presses the button on a quote's page.
    pub async fn confirm(&self, visitor: &Visitor, quote: &Page) -> OrderId {
        let page = visitor.submit(quote, &format!("{}/confirm", quote.url.path()), &[]).await.expect("an order");
        let id = page.url.path().split('/').nth(2).unwrap_or_default();
        id.parse().unwrap_or_else(|_| panic!("no order: {} {}", page.url, page.text()))
    }

    /// Orders a VM in one go.
    pub async fn order(&self, visitor: &Visitor, name: &str, region: &str) -> OrderId {
        let quote = self.quote(visitor, name, region).await;
        self.confirm(visitor, &quote).await
    }

    /// Alice with a card that works.
    pub async fn shopper(&self) -> Visitor {
        let alice = self.log_in(&ALICE).await;
        self.save_card(&alice, GOOD_CARD).await;
        alice
    }

    pub fn read(&self, id: OrderId) -> Order {
        self.demo.instance.app.read().expect("a snapshot").order(id).expect("a read").expect("an order")
    }

    /// Waits until the order is at rest, and gives it.
    pub async fn rest(&self, id: OrderId) -> Order {
        self.until("the order is at rest", || self.read(id).state.at_rest()).await;
        self.read(id)
    }

    pub async fn ended(&self, id: OrderId) -> Order {
        self.until("the order has ended", || matches!(self.read(id).state, State::Ended | State::Refunded)).await;
        self.read(id)
    }

    /// Waits until nothing is being changed of an order that runs, and gives the last change of it.
    pub async fn revised(&self, id: OrderId) -> Revision {
        self.nurse_by(5 * SECOND, "the change is at rest", || self.read(id).revision.is_none()).await;
        self.last_revision(id)
    }

    pub fn last_revision(&self, id: OrderId) -> Revision {
        let snapshot = self.demo.instance.app.read().expect("a snapshot");
        snapshot.revisions_of(id, None, 1).expect("a read").pop().expect("a change")
    }

    /// Waits until the order is at rest, or on no way but its own.
    pub async fn ended_or_active(&self, id: OrderId) {
        let order = self.rest(id).await;
        assert!(matches!(order.state, State::Active | State::Refunded | State::Ended), "{:?}", order.timeline);
    }

    /// Looks again and again, for what happens by itself. Not a sleep: it goes on as soon as it is true.
    pub async fn until(&self, what: &str, is: impl FnMut() -> bool) {
        wait(what, PATIENCE, is).await;
    }

    /// The same, for what moves a great many blocks.
    pub async fn patient_until(&self, what: &str, is: impl FnMut() -> bool) {
        wait(what, 8 * PATIENCE, is).await;
    }

    /// Waits until `is`, and leaps in growing steps whenever nothing has happened for a while: what waits for a clock gets its time.
    pub async fn nurse(&self, what: &str, is: impl FnMut() -> bool) {
        self.nurse_by(4 * MINUTE, what, is).await;
    }

    /// The same, in steps up to `most`.
    pub async fn nurse_by(&self, most: Duration, what: &str, mut is: impl FnMut() -> bool) {
        let (asked, mut span) = (tokio::time::Instant::now(), Duration::from_secs(2));
        let mut commits = self.demo.instance.app.store.commits();
        while !is() {
            assert!(asked.elapsed() < 4 * PATIENCE, "waited in vain until {what}");
            let quiet = tokio::time::timeout(Duration::from_millis(150), commits.changed()).await.is_err();
            if quiet && !is() {
                self.leap(span);
                span = (span * 2).min(most);
            }
        }
    }

    /// What must be true of an order at rest, whatever happened to it.
    pub fn assert_settled(&self, order: &Order, what: &str) {
        let truth = self.demo.world.cards.truth(&order.id.to_string());
        assert_eq!((truth.open, truth.open_cents), (0, 0), "{what}: the bank still holds something: {:?}", order.timeline);
        let app = &self.demo.instance.app;
        let changes = app.read().expect("a snapshot").revisions_of(order.id, None, 100).expect("a read");
        // What was taken for a change that was not made after all has gone back whole.
        let dropped = changes.iter().filter_map(|it| it.charge).filter(|it| order.charges().all(|known| known != *it)).count();
        let charges = order.charges().count();
        assert!(truth.captures <= charges + dropped, "{what}: charged twice");
        match order.state {
            State::Active => {
                assert_eq!(self.charged(order.id), order.paid(), "{what}");
                assert!(truth.captures >= charges, "{what}");
            }
            // One that ran keeps what its hours cost; the refund of the rest may still be on its way.
            State::Ended if order.active_since.is_some() => {
                let reason = order.reason.as_deref().unwrap_or_default();
                assert!(reason.ends_with('.'), "{what}: no sentence: {reason:?}");
            }
            State::Refunded | State::Ended => {
                assert_eq!(truth.captured_cents, truth.refunded_cents, "{what}");
                let reason = order.reason.as_deref().unwrap_or_default();
                assert!(reason.ends_with('.') && reason.len() > 20, "{what}: no sentence: {reason:?}");
            }
            _ => panic!("{what}: not at rest: {:?}", order.timeline),
        }
    }

    /// Moves the clock.
    pub fn leap(&self, span: Duration) {
        self.demo.clock.leap(span);
    }

    /// What the card processor itself says it took for an order, less what it gave back.
    pub fn charged(&self, id: OrderId) -> Usd {
        let truth = self.demo.world.cards.truth(&id.to_string());
        Usd::from_cents(truth.captured_cents - truth.refunded_cents)
    }

    /// Closes the market: the books are clean, no job is parked, no contract is on the chain without a live order.
    pub async fn close(self) {
        use cooperage::localgrid::{ChainView, ContractStateView};
        let app = self.demo.instance.app.clone();
        let snapshot = app.read().expect("a snapshot");
        let report = check(&snapshot, |_, _| ()).expect("a check");
        assert!(report.is_clean(), "{:?}", report.findings);
        let parked = snapshot.jobs_parked(Turn::First, 10).expect("the jobs");
        assert!(parked.is_empty(), "{parked:?}");
        for contract in self.demo.world.chain.contracts() {
            if contract.state != ContractStateView::Deleted {
                let order = snapshot.contract(contract.id).expect("a read").map(|known| self.read(known.slot.order));
                let live = order.as_ref().is_some_and(|order| !matches!(order.state, State::Ended | State::Refunded));
                assert!(live, "contract {} is on the chain without a live order: {order:?}", contract.id);
            }
        }
        drop(snapshot);
        drop(app);
        self.demo.stop().await.expect("a market closes");
    }
}

async fn wait(what: &str, patience: Duration, mut is: impl FnMut() -> bool) {
    let asked = tokio::time::Instant::now();
    while !is() {
        assert!(asked.elapsed() < patience, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
