//! The ledger against a naive model that adds everything up from the beginning, and against hledger.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};

use cooperage::base::ids::{TransferId, UserId};
use cooperage::base::money::{Asset, Usd};
use cooperage::base::{Kind, Time};
use cooperage::domain::export::Format;
use cooperage::domain::ledger::{self, Account, Amount, Balance, Books, Cause, Deed, Done, NewTransfer, State};
use cooperage::store::check::check;
use cooperage::store::ledger::LedgerRead;
use cooperage::store::{Read, Snapshot, Store, schema};
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};

use crate::kit::books::PlainBooks;
use crate::kit::chance::Chance;

const NOW: Time = Time::from_secs(1_795_270_000);

/// Accounts with and without a floor, on both sides, four in each asset.
fn accounts() -> [Account; 8] {
    [
        Account::CARD_PROCESSOR,
        Account::customer(UserId::from_bits(1)),
        Account::customer(UserId::from_bits(2)),
        Account::HOSTING,
        Account::WALLET,
        Account::GRID_RESERVE,
        Account::provider(7),
        Account::opening(Asset::Tft),
    ]
}

#[derive(Debug, Clone, PartialEq)]
enum Act {
    Open { held: bool, new: NewTransfer },
    Post(TransferId, Option<Amount>),
    Void(TransferId),
}

/// An act before it is known what there is to act on.
#[derive(Debug, Clone)]
enum Plan {
    Open {
        held: bool,
        new: NewTransfer,
    },
    /// One of the transfers there are; at the end of the range one that there is not.
    Post(usize, Option<Amount>),
    Void(usize),
    /// The same as one of those before, as a client does that has heard no answer.
    Again(usize),
}

fn a_plan() -> impl Strategy<Value = Plan> {
    prop_oneof![
        8 => a_transfer().prop_map(|(held, new)| Plan::Open { held, new }),
        3 => (any::<usize>(), proptest::option::of((any::<bool>(), -1..40i64))).prop_map(|(which, amount)| {
            Plan::Post(which, amount.map(|(usd, units)| Amount { asset: if usd { Asset::Usd } else { Asset::Tft }, units }))
        }),
        1 => any::<usize>().prop_map(Plan::Void),
        2 => any::<usize>().prop_map(Plan::Again),
    ]
}

/// Ids and causes come from so few that some meet; a few accounts, assets and amounts do not fit.
fn a_transfer() -> impl Strategy<Value = (bool, NewTransfer)> {
    let fields = (any::<bool>(), 0..150u128, any::<bool>(), 0..4usize, 0..4usize, -1..60i64, 0..200u8);
    fields.prop_map(|(held, id, tft, debit, credit, units, cause)| {
        let offset = if tft { 4 } else { 0 };
        let debit = accounts()[debit + offset];
        let credit = accounts()[if units == 5 { credit } else { credit + offset }];
        let asset = if units == 7 { Asset::Usd } else { debit.asset() };
        let cause = if cause == 0 { Cause::new("not a kind", 1) } else { Cause::new("test", cause) };
        let (id, amount) = (TransferId::from_bits(id), Amount { asset, units });
        (held, NewTransfer { id, debit, credit, amount, cause, memo: String::new() })
    })
}

impl Plan {
    fn resolve(self, naive: &Naive, done: &[Act]) -> Option<Act> {
        let id = |which: usize| match naive.0.get(which % (naive.0.len() + 1)) {
            Some((new, ..)) => new.id,
            None => TransferId::from_bits(1 << 100),
        };
        match self {
            Plan::Open { held, new } => Some(Act::Open { held, new }),
            Plan::Post(which, amount) => Some(Act::Post(id(which), amount)),
            Plan::Void(which) => Some(Act::Void(id(which))),
            Plan::Again(which) => done.get(which % done.len().max(1)).cloned(),
        }
    }
}

/// Every transfer there was, as a list. Balances are added up anew each time they are asked for.
#[derive(Default)]
struct Naive(Vec<(NewTransfer, bool, State, i64)>);

impl Naive {
    fn balance(&self, account: Account) -> Balance {
        let mut sums = Balance::default();
        for (new, _, state, posted) in &self.0 {
            let pending = if *state == State::Held { new.amount.units } else { 0 };
            if new.debit == account {
                sums.debits_pending += pending;
                sums.debits_posted += posted;
            }
            if new.credit == account {
                sums.credits_pending += pending;
                sums.credits_posted += posted;
            }
        }
        sums
    }

    /// Only these three may not spend what they have not.
    fn breaks_a_floor(&self) -> bool {
        let spends_by_credit = [Account::WALLET, Account::GRID_RESERVE];
        let spends_by_debit = [accounts()[1], accounts()[2], accounts()[6]];
        spends_by_credit
            .map(|account| self.balance(account))
            .iter()
            .any(|sums| sums.credits_posted + sums.credits_pending > sums.debits_posted)
            || spends_by_debit
                .map(|account| self.balance(account))
                .iter()
                .any(|sums| sums.debits_posted + sums.debits_pending > sums.credits_posted)
    }

    fn open(&mut self, held: bool, new: &NewTransfer) -> Result<Done, Kind> {
        let sound = new.amount.units > 0 && new.debit != new.credit;
        let sound = sound && [new.debit.asset(), new.credit.asset()] == [new.amount.asset; 2];
        if !sound || !new.cause.as_str().starts_with("test:") {
            return Err(Kind::Invalid);
        }
        if let Some((old, old_held, ..)) = self.0.iter().find(|(old, ..)| old.id == new.id) {
            return if (old, *old_held) == (new, held) { Ok(Done::Before) } else { Err(Kind::Conflict) };
        }
        if self.0.iter().any(|(old, ..)| old.cause == new.cause) {
            return Err(Kind::Conflict);
        }
        let (state, posted) = if held { (State::Held, 0) } else { (State::Posted, new.amount.units) };
        self.0.push((new.clone(), held, state, posted));
        if self.breaks_a_floor() {
            self.0.pop();
            return Err(Kind::Unfunded);
        }
        Ok(Done::Now)
    }

    fn settle(&mut self, id: TransferId, amount: Option<Amount>, into: State) -> Result<Done, Kind> {
        let (new, held, state, posted) = self.0.iter_mut().find(|(new, ..)| new.id == id).ok_or(Kind::NotFound)?;
        let wanted = amount.unwrap_or(new.amount);
        let fits = wanted.asset == new.amount.asset && wanted.units >= 1 && wanted.units <= new.amount.units;
        if into == State::Posted && !fits {
            return Err(Kind::Invalid);
        }
        let amount = if into == State::Voided { 0 } else { wanted.units };
        match *state {
            State::Held => {
                (*state, *posted) = (into, amount);
                Ok(Done::Now)
            }
            old if old == into && *posted == amount && *held => Ok(Done::Before),
            _ => Err(Kind::Conflict),
        }
    }

    fn act(&mut self, act: &Act) -> Result<Done, Kind> {
        match act {
            Act::Open { held, new } => self.open(*held, new),
            Act::Post(id, amount) => self.settle(*id, *amount, State::Posted),
            Act::Void(id) => self.settle(*id, None, State::Voided),
        }
    }
}

/// The error stays inside the write, which is kept: a verb that fails must itself leave nothing behind.
fn act_on(store: &Store, act: &Act) -> Result<Done, Kind> {
    let act = act.clone();
    let outcome = store.write_blocking(move |tx| {
        Ok(match act {
            Act::Open { held: true, new } => tx.hold(new, NOW),
            Act::Open { held: false, new } => tx.transfer(new, NOW),
            Act::Post(id, amount) => tx.post(id, amount, NOW),
            Act::Void(id) => tx.void(id, NOW),
        })
    });
    outcome.expect("the store takes it").map_err(|error| error.kind())
}

/// How often each verb ended in each way.
type Tally = BTreeMap<(&'static str, String), u32>;

#[test]
fn the_ledger_agrees_with_a_naive_model_after_each_step() {
    #[allow(clippy::disallowed_methods, reason = "the length of a test is no setting of the product")]
    let cases = if std::env::var("COOPERAGE_LONG").is_ok() { 5_000 } else { 300 };
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let tally = RefCell::new(Tally::new());
    let histories = proptest::collection::vec(a_plan(), 1..80);
    runner.run(&histories, |plans| both_agree(plans, &mut tally.borrow_mut())).unwrap_or_else(|finding| panic!("{finding}"));
    let tally = tally.into_inner();
    println!("{tally:#?}");
    let open = ["Ok(Now)", "Ok(Before)", "Err(Invalid)", "Err(Conflict)", "Err(Unfunded)"];
    let settle = ["Ok(Now)", "Ok(Before)", "Err(Conflict)", "Err(NotFound)"];
    let open = ["hold", "transfer"].into_iter().flat_map(|verb| open.map(|end| (verb, end)));
    let settle = ["post", "post in part", "void"].into_iter().flat_map(|verb| settle.map(|end| (verb, end)));
    for (verb, end) in open.chain(settle).chain([("post in part", "Err(Invalid)")]) {
        assert!(tally.contains_key(&(verb, end.to_owned())), "no {verb} ever came to {end}: {tally:?}");
    }
}

fn both_agree(plans: Vec<Plan>, tally: &mut Tally) -> Result<(), TestCaseError> {
    let (store, mut naive) = (Store::in_memory().unwrap(), Naive::default());
    let mut done: Vec<Act> = Vec::new();
    for plan in plans {
        let Some(act) = plan.resolve(&naive, &done) else { continue };
        let due = naive.act(&act);
        prop_assert_eq!(act_on(&store, &act), due, "{:?}", act);
        let verb = match &act {
            Act::Open { held: true, .. } => "hold",
            Act::Open { held: false, .. } => "transfer",
            Act::Post(_, None) => "post",
            Act::Post(_, Some(_)) => "post in part",
            Act::Void(_) => "void",
        };
        *tally.entry((verb, format!("{due:?}"))).or_default() += 1;
        let snapshot = store.read().unwrap();
        for account in accounts() {
            let balance = LedgerRead::balance(&snapshot, account).unwrap();
            prop_assert_eq!(balance, naive.balance(account), "{:?} after {:?}", account, act);
        }
        done.push(act);
    }
    let snapshot = store.read().unwrap();
    for (new, _, state, posted) in &naive.0 {
        let row = snapshot.transfer_of(new.id).unwrap().expect("the transfer is there");
        prop_assert_eq!((row.state, row.posted), (*state, *posted));
    }
    let report = check(&snapshot, |_, _| ()).unwrap();
    prop_assert!(report.is_clean(), "{:?}", report);
    prop_assert_eq!(report.transfers, naive.0.len() as u64);
    prop_assert_eq!(replayed(&snapshot).head().unwrap(), snapshot.journal_head().unwrap());
    Ok(())
}

/// The same deeds in the same order on empty books.
fn replayed(snapshot: &Snapshot) -> PlainBooks {
    let mut books = PlainBooks::default();
    for entry in snapshot.journal(0, usize::MAX).unwrap() {
        let new = |terms: ledger::Terms| NewTransfer {
            id: entry.transfer,
            debit: terms.debit,
            credit: terms.credit,
            amount: Amount { asset: terms.debit.asset(), units: terms.amount },
            cause: terms.cause,
            memo: terms.memo,
        };
        let done = match entry.deed {
            Deed::Hold(terms) => ledger::hold(&mut books, new(terms), entry.at),
            Deed::Transfer(terms) => ledger::transfer(&mut books, new(terms), entry.at),
            Deed::Post(units) => {
                let asset = books.transfers[&entry.transfer].terms.debit.asset();
                ledger::post(&mut books, entry.transfer, Some(Amount { asset, units }), entry.at)
            }
            Deed::Void => ledger::void(&mut books, entry.transfer, entry.at),
        };
        assert_eq!(done.expect("it was allowed before"), Done::Now);
    }
    books
}

/// A month of a small co-op: charges, fees, holds that are posted in part, tokens bought and spent.
fn a_month(store: &Store) {
    let mut chance = Chance::new(5);
    let mut next = 0;
    let mut open = |held: bool, debit: Account, credit: Account, units: i64, at: Time| {
        let amount = Amount { asset: debit.asset(), units };
        next += 1;
        let (id, cause) = (TransferId::from_bits(next), Cause::new("test", next));
        let memo = if next % 3 == 0 { "a \"quoted\"; memo | with marks".into() } else { String::new() };
        let new = NewTransfer { id, debit, credit, amount, cause, memo };
        store.write_blocking(move |tx| if held { tx.hold(new, at) } else { tx.transfer(new, at) }).unwrap();
        id
    };
    open(false, Account::WALLET, Account::opening(Asset::Tft), 5_000_000_000_000, NOW);
    for day in 0..30u32 {
        let at = NOW + cooperage::base::time::DAY * day;
        let user = Account::customer(UserId::from_bits(u128::from(chance.below(4))));
        open(false, Account::CARD_PROCESSOR, user, 100_000_000, at);
        open(false, Account::CARD_FEES, Account::CARD_PROCESSOR, 5_900_000, at);
        let used = open(true, user, Account::HOSTING, 90_000_000, at);
        match chance.below(3) {
            0 => drop(store.write_blocking(move |tx| tx.post(used, Some(Usd::from_units(12_345_678).into()), at)).unwrap()),
            1 => drop(store.write_blocking(move |tx| tx.void(used, at)).unwrap()),
            _ => drop(store.write_blocking(move |tx| tx.post(used, None, at)).unwrap()),
        }
        open(false, Account::GRID_RESERVE, Account::WALLET, 1_000_000_001, at);
        open(false, Account::GRID, Account::GRID_RESERVE, 999_999_999, at);
        open(false, Account::PROVIDER_SHARE, Account::provider(7), 499_999_999, at);
        open(true, user, Account::HOSTING, 1, at);
    }
}

fn exported(snapshot: &Snapshot, format: Format) -> String {
    let mut out = Vec::new();
    snapshot.export(format, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// What hledger prints about a journal, or what it does not like about it.
fn hledger(journal: &str, arguments: &[&str]) -> Result<String, String> {
    let mut command = Command::new("hledger");
    command.args(arguments).args(["-f", "-"]).env("LC_ALL", "C.UTF-8");
    let started = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = started.expect("this test needs the Debian package `hledger`");
    child.stdin.take().unwrap().write_all(journal.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

#[test]
fn hledger_accepts_the_books_unchanged_and_comes_to_the_same_balances() {
    let store = Store::in_memory().unwrap();
    a_month(&store);
    let snapshot = store.read().unwrap();
    let journal = exported(&snapshot, Format::Hledger);
    hledger(&journal, &["check", "--strict", "accounts", "commodities", "ordereddates"]).unwrap();

    let listed = hledger(&journal, &["balance", "--flat", "--empty", "--no-total", "--output-format", "csv"]).unwrap();
    let theirs: BTreeMap<String, String> = listed
        .lines()
        .skip(1)
        .map(|line| line.trim_matches('"').split_once("\",\"").expect("two columns"))
        .map(|(account, sum)| (account.into(), sum.into()))
        .collect();
    let ours: BTreeMap<String, String> =
        snapshot.balances().unwrap().iter().map(|(account, balance)| (account.to_string(), printed(*account, balance))).collect();
    assert_eq!(theirs, ours);

    let kinds = hledger(&journal, &["accounts", "--types"]).unwrap();
    for (account, kind) in [
        ("asset:wallet:tft", "A"),
        ("liability:provider:7:tft", "L"),
        ("equity:opening:tft", "E"),
        ("income:hosting:usd", "R"),
        ("expense:grid:tft", "X"),
    ] {
        assert!(
            kinds.lines().any(|line| line.starts_with(account) && line.ends_with(&format!("type: {kind}"))),
            "{account}: {kinds}"
        );
    }
    let tagged = hledger(&journal, &["print", &format!("tag:transfer={}", TransferId::from_bits(2))]).unwrap();
    assert!(tagged.contains("cause:test:2"), "{tagged}");
}

/// A balance as hledger prints it.
fn printed(account: Account, balance: &Balance) -> String {
    let (units, sign) = (balance.net().unsigned_abs(), if balance.net() < 0 { "-" } else { "" });
    if units == 0 { "0".into() } else { format!("{sign}{}.{:07} {}", units / 10_000_000, units % 10_000_000, account.asset()) }
}

#[test]
fn hledger_refuses_books_in_which_one_unit_is_missing() {
    let store = Store::in_memory().unwrap();
    a_month(&store);
    let journal = exported(&store.read().unwrap(), Format::Hledger).replacen("10.0000000 USD", "9.9999999 USD", 1);
    let refused = hledger(&journal, &["check", "--strict"]).unwrap_err();
    assert!(refused.contains("0.0000001"), "{refused}");
}

#[test]
fn a_customer_reads_their_transfers_newest_first_page_by_page() {
    let store = Store::in_memory().unwrap();
    a_month(&store);
    let snapshot = store.read().unwrap();
    let all = snapshot.transfers_of(Account::CARD_PROCESSOR, None, 1000).unwrap();
    assert_eq!(all.len(), 60);
    let first = snapshot.transfers_of(Account::CARD_PROCESSOR, None, 25).unwrap();
    let second = snapshot.transfers_of(Account::CARD_PROCESSOR, Some(first[24].entry), 25).unwrap();
    assert_eq!([first, second].concat(), all[..50]);
    let cause = all[0].terms.cause.clone();
    assert_eq!(snapshot.transfer_by_cause(&cause).unwrap().as_ref(), Some(&all[0]));
}

#[test]
fn the_check_finds_each_kind_of_tampering() {
    type Tamper = fn(&mut cooperage::store::Tx<'_>) -> cooperage::base::Result<()>;
    let first = TransferId::from_bits(1);
    let tampers: [(&str, Tamper); 9] = [
        ("The hash of entry 5", |tx| {
            let mut entry = tx.need(&schema::JOURNAL, 5, "entry")?;
            entry.at = entry.at + cooperage::base::time::SECOND;
            tx.put(&schema::JOURNAL, 5, &entry)
        }),
        ("follows entry 4", |tx| tx.remove(&schema::JOURNAL, 5).map(drop)),
        ("The journal ends with", |tx| {
            let last = tx.last(&schema::JOURNAL)?.expect("a journal").0;
            tx.remove(&schema::JOURNAL, last).map(drop)
        }),
        ("is stored as Balance", |tx| {
            let mut balance = LedgerRead::balance(tx, Account::WALLET)?;
            balance.debits_posted += 1;
            tx.put(&schema::BALANCES, Account::WALLET, &balance)
        }),
        ("USD does not add up to zero", |tx| {
            let mut balance = LedgerRead::balance(tx, Account::HOSTING)?;
            balance.credits_posted += 1;
            tx.put(&schema::BALANCES, Account::HOSTING, &balance)
        }),
        ("is missing", |tx| tx.remove(&schema::TRANSFERS, TransferId::from_bits(1)).map(drop)),
        ("is used twice or does not lead", |tx| tx.put(&schema::TRANSFERS_BY_CAUSE, "test:1", &TransferId::from_bits(2))),
        ("is not listed under asset:wallet:tft", |tx| {
            tx.unlink(&schema::TRANSFERS_BY_ACCOUNT, Account::WALLET, (1, TransferId::from_bits(1)));
            Ok(())
        }),
        ("is not what entry 1 says", |tx| {
            let mut row = tx.need(&schema::TRANSFERS, TransferId::from_bits(1), "transfer")?;
            row.terms.amount += 1;
            tx.put(&schema::TRANSFERS, row.id, &row)
        }),
    ];
    for (sentence, tamper) in tampers {
        let store = Store::in_memory().unwrap();
        a_month(&store);
        assert!(store.read().unwrap().transfer_of(first).unwrap().is_some());
        let clean = check(&store.read().unwrap(), |_, _| ()).unwrap();
        assert!(clean.is_clean() && clean.held == 30, "{clean:?}");
        store.write_blocking(tamper).unwrap();
        let report = check(&store.read().unwrap(), |_, _| ()).unwrap();
        assert!(report.findings.iter().any(|finding| finding.contains(sentence)), "{sentence}: {report:?}");
    }
}
