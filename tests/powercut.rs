//! Power cuts: real ledger transfers on a disk that loses, mixes and tears whatever was not synced.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use cooperage::base::ids::{TransferId, UserId};
use cooperage::base::money::Usd;
use cooperage::base::{Result, Time};
use cooperage::domain::ledger::{self, Account, Books, Cause, NewTransfer, State};
use cooperage::store::check::check;
use cooperage::store::ledger::LedgerRead;
use cooperage::store::{Options, Read, Store, Table, Tx, Writer};
use futures_util::FutureExt;
use futures_util::future::join_all;

use crate::kit::books::PlainBooks;
use crate::kit::chance::Chance;
use crate::kit::disk::{Age, Disk, Fault, Image};

/// Cuts before a world starts anew: short books make a quick check.
const CUTS_A_WORLD: u64 = 10;
/// Of the cuts that are followed by another one while the store recovers.
const AIM_AT_RECOVERY: u64 = 60;

/// Rows of many pages, so that the file grows.
const FAT: Table<u64, String> = Table::new("test_fat");

#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    cuts: u64,
    in_recovery: u64,
    commits: u64,
    acknowledged: u64,
    kept_unheard: u64,
    resized: u64,
    /// The hash of every journal there was, one over the other: two runs of a seed must agree.
    trace: u64,
}

#[test]
fn no_power_cut_loses_or_halves_an_acknowledged_transfer() {
    #[allow(clippy::disallowed_methods, reason = "the length of a test is no setting of the product")]
    let long = std::env::var("COOPERAGE_LONG").is_ok();
    let cuts = if long { 50_000 } else { 4_000 };
    let tally = cut_many(1, cuts, Fault::None).unwrap_or_else(|finding| panic!("{finding}"));
    println!("{tally:?}");
    assert!(tally.in_recovery * 4 >= tally.cuts, "too few cuts hit the recovery: {tally:?}");
    assert!(tally.acknowledged * 2 >= tally.cuts, "too little was acknowledged to prove anything: {tally:?}");
    assert!(tally.resized * 20 >= tally.cuts, "the file hardly ever grew: {tally:?}");
    assert!(tally.kept_unheard > 0, "no cut came between the commit and its answer: {tally:?}");
}

#[test]
fn the_same_seed_cuts_the_same_way() {
    assert_eq!(cut_many(7, 60, Fault::None), cut_many(7, 60, Fault::None));
    assert_ne!(cut_many(7, 60, Fault::None), cut_many(8, 60, Fault::None));
}

#[test]
fn a_disk_that_lies_is_found_out() {
    let faults = [
        Fault::LyingSync(3),
        Fault::LyingSync(10),
        Fault::ReorderingSync(3),
        Fault::LostLength,
        Fault::TornHeader,
        Fault::StaleRead(50),
    ];
    for fault in faults {
        let finding = cut_many(3, 2_000, fault).expect_err(&format!("{fault:?} went unnoticed"));
        println!("{fault:?}: {finding}");
    }
}

#[test]
fn the_judge_sees_that_acknowledged_transfers_are_gone() {
    let findings = (0..20).map(|seed| cut_many(seed, 2_000, Fault::LyingSync(10)).expect_err("a lie went unnoticed"));
    let losses = findings.filter(|finding| finding.contains("acknowledged entries are lost")).count();
    assert!(losses > 0, "in twenty worlds the lying disk never lost what it had promised");
}

/// Cuts the power `cuts` times; the first broken promise ends it.
fn cut_many(seed: u64, cuts: u64, fault: Fault) -> Result<Tally, String> {
    let fresh = fresh_image();
    let mut tally = Tally::default();
    for world in 0.. {
        if tally.cuts >= cuts {
            break;
        }
        let chance = Chance::new(seed << 32 | world);
        let mut world = World {
            chance,
            fault,
            image: fresh.clone(),
            age: Age::default(),
            known: Known::default(),
            unheard: None,
            next: 0,
            tally: &mut tally,
        };
        world.run().map_err(|what| format!("seed {seed}, {what}"))?;
    }
    Ok(tally)
}

/// A store that has just been made and closed.
fn fresh_image() -> Image {
    let disk = Disk::new(Vec::new(), Fault::None, Age::default());
    open(&disk).expect("a good disk").close();
    disk.image_after_cut(&mut Chance::new(0))
}

fn open(disk: &Disk) -> Result<Store> {
    let options = Options { writer: Writer::Inline, cache_bytes: 1 << 20, ..Options::default() };
    Store::open_backend(disk.clone(), options)
}

/// What has to be in the store.
#[derive(Clone, Default)]
struct Known {
    books: PlainBooks,
    fat: BTreeMap<u64, String>,
}

struct World<'a> {
    chance: Chance,
    fault: Fault,
    image: Image,
    age: Age,
    /// What was acknowledged.
    known: Known,
    /// What is there if the batch during which the power went is in.
    unheard: Option<Known>,
    next: u128,
    tally: &'a mut Tally,
}

impl World<'_> {
    fn run(&mut self) -> Result<(), String> {
        let end = self.tally.cuts + CUTS_A_WORLD;
        while self.tally.cuts < end {
            let Some((store, disk)) = self.start()? else { continue };
            self.live(&store, &disk)?;
            drop(store);
            self.cut(&disk);
        }
        Ok(())
    }

    /// Starts on what the last cut has left. None if the power went again before the store was open.
    fn start(&mut self) -> Result<Option<(Store, Disk)>, String> {
        let disk = Disk::new(std::mem::take(&mut self.image), self.fault, self.age);
        if self.chance.percent(AIM_AT_RECOVERY) {
            disk.cut_after(self.chance.below(7));
        }
        let opened = catch_unwind(AssertUnwindSafe(|| open(&disk)));
        if disk.is_out() {
            self.tally.in_recovery += 1;
            drop(opened);
            self.cut(&disk);
            return Ok(None);
        }
        match opened {
            Ok(Ok(store)) => {
                catch_unwind(AssertUnwindSafe(|| self.judge(&store))).unwrap_or_else(|_| Err("reading panicked".into()))?;
                Ok(Some((store, disk)))
            }
            Ok(Err(error)) => Err(format!("cut {}: the store does not open: {error:?}", self.tally.cuts)),
            Err(_) => Err(format!("cut {}: opening panicked", self.tally.cuts)),
        }
    }

    fn cut(&mut self, disk: &Disk) {
        self.tally.cuts += 1;
        self.tally.resized += disk.resized();
        self.age = disk.age();
        self.image = disk.image_after_cut(&mut self.chance);
    }

    /// Writes until the power goes.
    fn live(&mut self, store: &Store, disk: &Disk) -> Result<(), String> {
        disk.cut_after(self.chance.below(60));
        while !disk.is_out() {
            let requests: Vec<Request> = (0..=self.chance.below(3)).map(|_| self.request()).collect();
            let mut after = self.known.clone();
            for request in &requests {
                let mut attempt = after.books.clone();
                if request.apply(&mut attempt).is_ok() {
                    after.books = attempt; // a request that fails leaves nothing behind
                    after.fat.extend(request.fat.clone());
                }
            }
            let asked: Vec<_> = requests.into_iter().map(|request| store.write(move |tx| request.write(tx))).collect();
            let answers = join_all(asked).now_or_never().expect("the store writes inline");
            let heard = answers.iter().any(Result::is_ok);
            if disk.is_out() && !heard {
                self.unheard = Some(after); // all of this batch may be in, or none
                return Ok(());
            }
            self.tally.commits += 1;
            self.tally.acknowledged += answers.iter().filter(|answer| answer.is_ok()).count() as u64;
            self.known = after;
        }
        Ok(())
    }

    /// What is in the store is what was acknowledged, or that and the whole last batch.
    fn judge(&mut self, store: &Store) -> Result<(), String> {
        let cut = self.tally.cuts;
        let wrong = |error| format!("cut {cut}: the store cannot be read: {error:?}");
        let snapshot = store.read().map_err(wrong)?;
        let head = snapshot.journal_head().map_err(wrong)?;
        let unheard = self.unheard.take().filter(|unheard| unheard.books.head().unwrap() == head);
        if let Some(unheard) = unheard {
            self.tally.kept_unheard += u64::from(unheard.books.journal.len() > self.known.books.journal.len());
            self.known = unheard; // seen once, it has to stay
        }
        let due = self.known.books.head().unwrap();
        if head != due {
            let lost = due.number.saturating_sub(head.number);
            return Err(format!("cut {cut}: {lost} acknowledged entries are lost or others are there: {head:?}, not {due:?}"));
        }
        let report = check(&snapshot, |_, _| ()).map_err(wrong)?;
        if !report.is_clean() {
            return Err(format!("cut {cut}: the ledger does not check: {:?}", report.findings));
        }
        let balances = snapshot.balances().map_err(wrong)?;
        if BTreeMap::from_iter(balances) != self.known.books.balances {
            return Err(format!("cut {cut}: the balances are not those of the journal"));
        }
        if BTreeMap::from_iter(snapshot.all(&FAT, usize::MAX).map_err(wrong)?) != self.known.fat {
            return Err(format!("cut {cut}: acknowledged rows beside the ledger are lost or others are there"));
        }
        self.tally.trace = head.hash.0[..8].iter().fold(self.tally.trace, |trace, byte| trace.rotate_left(7) ^ u64::from(*byte));
        Ok(())
    }

    /// Steps that belong together, such as a charge and its fee; now and then with a row that makes the file grow.
    fn request(&mut self) -> Request {
        let steps = self.steps();
        let fat = self.chance.percent(8).then(|| {
            let (key, size) = (self.chance.below(4), 1 << (12 + self.chance.below(8)));
            (key, char::from(b'a' + self.chance.below(26) as u8).to_string().repeat(size))
        });
        Request { steps, fat }
    }

    fn steps(&mut self) -> Vec<Step> {
        let user = Account::customer(UserId::from_bits(u128::from(self.chance.below(3))));
        let held: Vec<TransferId> = self
            .known
            .books
            .transfers
            .values()
            .filter(|transfer| transfer.state == State::Held)
            .map(|transfer| transfer.id)
            .collect();
        let amount = 1 + self.chance.below(1000) as i64;
        let settled = (!held.is_empty()).then(|| self.chance.one_of(&held));
        match (self.chance.below(4), settled) {
            (0, Some(id)) => vec![Step::Post(id, None), self.opened(false, user, Account::HOSTING, 1)],
            (1, Some(id)) => vec![Step::Post(id, Some(1)), self.opened(true, user, Account::HOSTING, amount)],
            (2, Some(id)) => vec![self.opened(false, Account::CARD_PROCESSOR, user, 3), Step::Void(id)],
            (3, _) => vec![self.opened(true, user, Account::HOSTING, amount), self.opened(true, user, Account::HOSTING, 1)],
            _ => vec![
                self.opened(false, Account::CARD_PROCESSOR, user, amount * 2),
                self.opened(false, Account::CARD_FEES, Account::CARD_PROCESSOR, 1 + amount / 30),
            ],
        }
    }

    fn opened(&mut self, held: bool, debit: Account, credit: Account, units: i64) -> Step {
        let amount = Usd::from_units(units).into();
        self.next += 1;
        let cause = Cause::new("test", self.next);
        Step::Open(held, NewTransfer { id: TransferId::from_bits(self.next), debit, credit, amount, cause, memo: String::new() })
    }
}

#[derive(Debug, Clone)]
enum Step {
    Open(bool, NewTransfer),
    Post(TransferId, Option<i64>),
    Void(TransferId),
}

impl Step {
    fn apply(&self, books: &mut impl Books) -> Result<()> {
        const NOW: Time = Time::from_secs(1_795_270_000);
        match self.clone() {
            Step::Open(true, new) => ledger::hold(books, new, NOW),
            Step::Open(false, new) => ledger::transfer(books, new, NOW),
            Step::Post(id, units) => ledger::post(books, id, units.map(|units| Usd::from_units(units).into()), NOW),
            Step::Void(id) => ledger::void(books, id, NOW),
        }
        .map(|_| ())
    }
}

#[derive(Debug, Clone)]
struct Request {
    steps: Vec<Step>,
    fat: Option<(u64, String)>,
}

impl Request {
    fn apply(&self, books: &mut impl Books) -> Result<()> {
        self.steps.iter().try_for_each(|step| step.apply(books))
    }

    fn write(&self, tx: &mut Tx<'_>) -> Result<()> {
        if let Some((key, value)) = &self.fat {
            tx.put(&FAT, *key, value)?;
        }
        self.apply(tx)
    }
}
