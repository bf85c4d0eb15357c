//! `demo --story`: the whole journey over HTTP, without a browser. Every step is said with its time; exit code 0 only if all holds.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::demo::{Demo, HILBERT, Person, TOM};
use super::visitor::{Page, Visitor, text_of};
use super::{Context, Say};
use crate::base::ids::OrderId;
use crate::base::money::{Tft, Usd};
use crate::base::{Error, Result};
use crate::domain::ledger::Account;
use crate::domain::order::{Order, State};
use crate::store::check::check;
use crate::store::grid::Chain;
use crate::store::ledger::LedgerRead;
use crate::store::order::Orders;

const EMAIL: &str = "ines@cooperage.example";
const PASSWORD: &str = "ines plants an orchard";
const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti ines@laptop";

#[derive(Debug, Clone, Serialize)]
struct Told {
    step: &'static str,
    said: String,
    /// Milliseconds since the start.
    at_ms: u128,
}

#[derive(Serialize)]
struct Story {
    holds: bool,
    took_ms: u128,
    steps: Vec<Told>,
    money: Vec<String>,
    ledger: String,
}

impl Say for Story {
    fn words(&self) -> String {
        let mut text = String::from("\nThe money after two hours, from the card to the provider:\n");
        for line in &self.money {
            text.push_str(&format!("  {line}\n"));
        }
        text.push_str(&format!(
            "\n{}\nEverything holds. {:.2} s.\n",
            self.ledger,
            Duration::from_millis(u64::try_from(self.took_ms).unwrap_or(0)).as_secs_f32()
        ));
        text
    }
}

struct Teller {
    begun: Instant,
    steps: Vec<Told>,
    quiet: bool,
}

impl Teller {
    fn tell(&mut self, step: &'static str, said: impl Into<String>) {
        let told = Told { step, said: said.into(), at_ms: self.begun.elapsed().as_millis() };
        if !self.quiet {
            let mark = if std::io::stdout().is_terminal() { "✓" } else { "ok" };
            // A reader that has gone is no error of ours.
            let _gone = writeln!(std::io::stdout(), "{:>6} ms  {mark} {:10} {}", told.at_ms, told.step, told.said);
        }
        self.steps.push(told);
    }
}

fn holds(true_: bool, sentence: &str) -> Result<()> {
    if true_ { Ok(()) } else { Err(Error::internal(format!("The story does not hold: {sentence}"))) }
}

fn expect(page: Page, status: u16, words: &str) -> Result<Page> {
    let fits = page.status == status && page.says(words);
    let seen: String = page.text().chars().take(400).collect();
    if fits {
        Ok(page)
    } else {
        Err(Error::internal(format!("{} was to say “{words}” with {status}.", page.url.path()))
            .because(format!("{}: {seen}", page.status)))
    }
}

pub async fn run(context: &Context, step: Duration) -> Result<()> {
    let mut quiet = Context { settings: context.settings.clone(), json: context.json };
    // The story never gets into the way of something that runs: it takes any free port.
    quiet.settings.server.listen = "127.0.0.1:0".into();
    quiet.settings.server.public_url = String::new();
    let mut teller = Teller { begun: Instant::now(), steps: Vec::new(), quiet: context.json };
    let demo = Demo::start(&quiet, step).await?;
    let played = play(&demo, &mut teller).await;
    let (money, ledger) = match played {
        Ok(end) => end,
        Err(error) => {
            demo.stop().await?;
            return Err(error);
        }
    };
    let took_ms = teller.begun.elapsed().as_millis();
    demo.stop().await?;
    context.say(&Story { holds: true, took_ms, steps: teller.steps, money, ledger })
}

async fn play(demo: &Demo, teller: &mut Teller) -> Result<(Vec<String>, String)> {
    demo.ready().await?;
    teller.tell("start", format!("{} is up, with {} nodes", demo.instance.url, demo.instance.app.nodes().len()));
    let ines = sign_up(demo, teller).await?;
    save_card(&ines, teller).await?;
    let id = order(demo, &ines, teller).await?;
    let order = delivered(demo, id)?;
    hours(demo, teller, &order).await?;
    let provider = earnings(demo, teller, &order).await?;
    let money = trace(demo, teller, &order, &provider).await?;
    deleted(demo, &ines, teller, &order).await?;
    let report = check(&demo.instance.app.read()?, |_, _| ())?;
    holds(report.is_clean(), &report.findings.join(" "))?;
    teller.tell("books", "the ledger recomputes from its journal");
    Ok((
        money,
        format!("The books are clean: {} entries, {} transfers, {} accounts.", report.entries, report.transfers, report.accounts),
    ))
}

async fn sign_up(demo: &Demo, teller: &mut Teller) -> Result<Visitor> {
    let ines = Visitor::new(&demo.instance.url)?;
    expect(ines.get("/catalogue").await?, 200, "Medium")?;
    let sent = ines.fill("/signup", "/signup", &[("name", "Ines"), ("email", EMAIL), ("password", PASSWORD)]).await?;
    expect(sent, 200, EMAIL)?;
    teller.tell("sign up", "Ines signs up");
    let mail = demo.world.mail.wait_for(EMAIL, "Confirm").await.ok_or_else(|| Error::internal("The mail did not come."))?;
    let link = mail.text.split_whitespace().find(|word| word.contains("/verify?token=")).unwrap_or_default().to_owned();
    let path = link.strip_prefix(&demo.instance.url).ok_or_else(|| Error::internal("The mail's link leads elsewhere."))?;
    let entered = ines.fill(path, "/verify", &[]).await?;
    expect(entered, 200, "Ines")?;
    teller.tell("mail", "the mail arrives, its link proves the address");
    Ok(ines)
}

async fn save_card(ines: &Visitor, teller: &mut Teller) -> Result<()> {
    let page = ines.fill("/cards", "/cards", &[]).await?;
    let action = page.action().ok_or_else(|| Error::internal("The card page has no form."))?;
    let typed = [("number", "4242 4242 4242 4242"), ("expiry", "12 / 39"), ("cvc", "123"), ("name", "Ines")];
    let saved = ines.submit(&page, &action, &typed).await?;
    expect(saved, 200, "4242")?;
    teller.tell("card", "a card is saved at the processor's own page; we keep its last four digits");
    Ok(())
}

async fn order(demo: &Demo, ines: &Visitor, teller: &mut Teller) -> Result<OrderId> {
    let wish = [("name", "orchard"), ("size", "medium"), ("image", "ubuntu-24.04"), ("region", "Belgium"), ("ssh_key", KEY)];
    let quote = expect(ines.fill("/order", "/order", &wish).await?, 200, "99.5")?;
    let id = quote.url.path().trim_start_matches("/quotes/").to_owned();
    let known = demo
        .instance
        .app
        .read()?
        .quote(id.parse().map_err(|_| Error::internal("The quote has no id."))?)?
        .ok_or_else(|| Error::not_found("quote"))?;
    let best = &known.choice.best;
    teller.tell(
        "quote",
        format!(
            "{} for 30 days, at {} in {} ({} of {} points, {} fit)",
            known.price,
            best.farm_name,
            best.city,
            best.points(),
            best.of(),
            known.choice.fitting
        ),
    );
    let progress = ines.submit(&quote, &format!("/quotes/{id}/confirm"), &[]).await?;
    let progress = expect(progress, 200, "orchard")?;
    let id: OrderId = progress
        .url
        .path()
        .split('/')
        .nth(2)
        .and_then(|id| id.parse().ok())
        .ok_or_else(|| Error::internal("The order has no id."))?;
    let mut last = String::new();
    ines.events(&format!("/deployments/{id}/events"), |html| {
        let now = headline(html);
        if now != last && !now.is_empty() {
            teller.tell("progress", now.clone());
            last = now;
        }
        html.contains("data-end")
    })
    .await?;
    let page = expect(ines.get(&format!("/deployments/{id}")).await?, 200, "ssh root@")?;
    let ssh =
        page.text().split("ssh root@").nth(1).and_then(|rest| rest.split_whitespace().next()).unwrap_or_default().to_owned();
    teller.tell("running", format!("ssh root@{ssh}"));
    Ok(id)
}

/// The sentence at the top of a progress fragment.
fn headline(html: &str) -> String {
    let from = html.find("data-say").and_then(|at| html[at..].find('>').map(|end| at + end + 1));
    from.and_then(|from| html[from..].find("</p>").map(|end| text_of(&html[from..from + end]))).unwrap_or_default()
}

fn delivered(demo: &Demo, id: OrderId) -> Result<Order> {
    let order = demo.instance.app.read()?.order(id)?.ok_or_else(|| Error::not_found("order"))?;
    holds(order.state == State::Active, "the order is not running.")?;
    let truth = demo.world.cards.truth(&id.to_string());
    holds(
        truth.captured_cents == order.price.cents().unwrap_or(-1) && truth.captures == 1,
        "the card was not charged exactly once.",
    )?;
    Ok(order)
}

async fn log_in(demo: &Demo, person: &Person) -> Result<Visitor> {
    let visitor = Visitor::new(&demo.instance.url)?;
    expect(visitor.fill("/login", "/login", &[("email", person.email), ("password", person.password)]).await?, 200, person.name)?;
    Ok(visitor)
}

async fn hours(demo: &Demo, teller: &mut Teller, order: &Order) -> Result<()> {
    let tom = log_in(demo, &TOM).await?;
    for _ in 0..2 {
        tom.fill("/operator", "/operator/clock/skip", &[("hours", "1")]).await?;
    }
    let contract = order.attempt().and_then(|attempt| attempt.contract).unwrap_or_default();
    for _ in 0..400 {
        if demo.instance.app.read()?.bills_of(contract, 10)?.len() >= 2 {
            teller.tell("hours", "two hours go by; the chain bills for each");
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Err(Error::internal("The chain did not bill."))
}

/// Ines deletes the VM: the chain bills a last time and pays the farmer, and what she has not used goes back to her card.
async fn deleted(demo: &Demo, ines: &Visitor, teller: &mut Teller, order: &Order) -> Result<()> {
    let path = format!("/deployments/{}/delete", order.id);
    ines.fill(&path, &path, &[]).await?;
    let truth = || demo.world.cards.truth(&order.id.to_string());
    let now = || demo.instance.app.read()?.order(order.id)?.ok_or_else(|| Error::not_found("order"));
    for _ in 0..600 {
        let ended = now()?;
        let kept = truth().captured_cents - truth().refunded_cents;
        if ended.state == State::Ended && truth().refunded_cents > 0 {
            let unused = order.price.checked_sub(ended.earned).unwrap_or_default().floor_to_cent();
            holds(unused.cents() == Some(truth().refunded_cents), "another amount was paid back than was not used.")?;
            teller.tell("deleted", format!("the hours not used go back to the card: {unused}; {} stays", Usd::from_cents(kept)));
            return paid_by_chain(demo, teller, order);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Err(Error::internal("The VM was not ended."))
}

/// What the chain says it paid the farmer must be what the ledger says he earned, to the unit.
fn paid_by_chain(demo: &Demo, teller: &mut Teller, order: &Order) -> Result<()> {
    let contract = order.attempt().and_then(|attempt| attempt.contract).unwrap_or_default();
    let bills = demo.instance.app.read()?.bills_of(contract, 100)?;
    let billed: i64 = bills.iter().map(|bill| bill.amount.units()).sum();
    let shares: i64 = bills.iter().map(|bill| bill.share.units()).sum();
    let rewards: Vec<_> = demo.world.chain.rewards().into_iter().filter(|reward| reward.contract == contract).collect();
    let chain_billed: u128 = rewards.iter().map(|reward| reward.farmer + reward.foundation + reward.staking_pool).sum();
    let farmer: u128 = rewards.iter().map(|reward| reward.farmer).sum();
    holds(u128::try_from(billed).ok() == Some(chain_billed), "the chain took another amount than we booked.")?;
    holds(farmer.abs_diff(chain_billed / 2) <= 1, "the chain did not pay the farmer half.")?;
    holds(
        farmer.abs_diff(u128::try_from(shares).unwrap_or(0)) <= bills.len() as u128,
        "the chain paid the farmer another amount than his share.",
    )?;
    let paid = Tft::from_units(i64::try_from(farmer).unwrap_or(i64::MAX));
    teller.tell("paid out", format!("the chain pays the farmer {paid} of the {} it billed", Tft::from_units(billed)));
    Ok(())
}

struct Share {
    billed: Tft,
    share: Tft,
}

async fn earnings(demo: &Demo, teller: &mut Teller, order: &Order) -> Result<Share> {
    let snapshot = demo.instance.app.read()?;
    let contract = order.attempt().and_then(|attempt| attempt.contract).unwrap_or_default();
    let bills = snapshot.bills_of(contract, 100)?;
    let sum = |of: fn(&crate::domain::bill::Bill) -> Tft| {
        bills.iter().try_fold(Tft::ZERO, |sum, bill| sum.checked_add(of(bill))).unwrap_or_default()
    };
    let (billed, share) = (sum(|bill| bill.amount), sum(|bill| bill.share));
    let halves: i64 = bills.iter().map(|bill| bill.amount.units() / 2).sum();
    holds(billed.units() > 0 && share.units() == halves, "the provider's share is not half of each bill.")?;
    let owner = order.attempt().map(|attempt| attempt.choice.best.owner).unwrap_or_default();
    let account = Account::provider(owner);
    holds(snapshot.balance(account)?.credits_posted == share.units(), "the ledger owes the provider another amount.")?;
    let hilbert = log_in(demo, &HILBERT).await?;
    let page = expect(hilbert.get("/provider/earnings").await?, 200, "Hilbert")?;
    if order.attempt().is_some_and(|attempt| attempt.choice.best.farm_name.starts_with("Hilbert")) {
        holds(page.body.contains(&order.id.to_string()), "Hilbert does not see what he earned.")?;
    }
    teller.tell("earnings", format!("the chain billed {billed}; {share} of it is the provider's: half, to the unit"));
    Ok(Share { billed, share })
}

async fn trace(demo: &Demo, teller: &mut Teller, order: &Order, share: &Share) -> Result<Vec<String>> {
    let tom = log_in(demo, &TOM).await?;
    let page = expect(tom.get(&format!("/operator/orders/{}", order.id)).await?, 200, "orchard")?;
    holds(page.body.contains("trf_"), "the operator's trace names no transfers.")?;
    teller.tell("trace", "the operator sees every hop");
    let snapshot = demo.instance.app.read()?;
    let mut lines = Vec::new();
    for (account, balance) in snapshot.balances()? {
        let posted = balance.posted(account);
        if posted != 0 {
            let mut amount = String::new();
            crate::base::money::write_units(&mut amount, posted).map_err(|_| Error::internal("An amount does not print."))?;
            lines.push(format!("{:44} {:>20} {}", account.to_string(), amount, account.asset()));
        }
    }
    lines.push(format!("billed by the chain {}, share of the provider {}", share.billed, share.share));
    Ok(lines)
}
