//! What happened to the money of one order, from the rows themselves: the ledger's transfers and what others call them.

use crate::base::ids::OrderId;
use crate::base::money::{Asset, Rate, Tft, Usd};
use crate::base::{Error, Result};
use crate::domain::bill::Bill;
use crate::domain::charge::Charge;
use crate::domain::ledger::{Account, Cause, State, Transfer};
use crate::domain::order::Order;
use crate::domain::web_address::WebAddress;
use crate::store::backup::Backups;
use crate::store::charge::Charges;
use crate::store::grid::Chain;
use crate::store::ledger::LedgerRead;
use crate::store::swarm::Swarms;
use crate::store::web_address::WebAddresses;
use crate::web::page::operator::order::{Amount, Hop, HopState, Sums};

/// Bills and earnings read for one order: a month has 720 hours.
const MOST: usize = 5000;
/// Bills and payouts of one block.
const PAYOUTS: usize = 5000;

pub struct Trace {
    pub hops: Vec<Hop>,
    pub sums: Sums,
}

impl Trace {
    /// Earned, less the card fee, the grid and what is owed to providers beyond it.
    pub fn margin(&self, rate: Rate) -> Option<Usd> {
        let spent = rate.to_usd(self.sums.grid)?.checked_add(rate.to_usd(self.sums.owed()?)?)?;
        self.sums.earned.checked_sub(self.sums.card_fee)?.checked_sub(spent)
    }
}

/// Follows the money: card, fee, hours, grid, provider, and back to the card.
pub fn trace(books: &impl LedgerRead, order: &Order, rate: Option<Rate>) -> Result<Trace> {
    let mut line = Line { hops: Vec::new(), rate };
    let mut sums = Sums::default();
    for charge in order.charges() {
        let Some(charge) = books.charge(charge)? else { continue };
        let (paid, fee) = card(books, &mut line, &charge)?;
        sums.paid = plus(sums.paid.checked_add(paid))?;
        sums.card_fee = plus(sums.card_fee.checked_add(fee))?;
    }
    sums.earned = usd(line.add("Hours used", books.transfers_at("earned", &order.id.to_string(), MOST)?, None)?);
    let swarm = books.swarm(order.id)?;
    let shards = swarm.iter().flat_map(|swarm| &swarm.shards).filter_map(|shard| shard.attempt.contract);
    for contract in contracts(books, order)?.into_iter().chain(shards) {
        let (grid, share, payouts) = grid(books, &mut line, order.id, contract)?;
        sums.grid = plus(sums.grid.checked_add(grid))?;
        sums.share = plus(sums.share.checked_add(share))?;
        sums.payouts = plus(sums.payouts.checked_add(payouts))?;
    }
    line.owe(sums.owed());
    let refunds = order.charges().map(|charge| books.refunds_of(charge)).collect::<Result<Vec<_>>>()?;
    for refund in refunds.into_iter().flatten() {
        let id = refund.id.to_string();
        let mut sent = found(books, "refund", &id)?;
        // Those that were sent again.
        sent.extend(books.transfers_at("refund", &id, MOST)?);
        let back = usd(line.add("Given back to the card", sent, refund.processor_refund)?);
        sums.refunded = plus(sums.refunded.checked_add(back))?;
        let returned = books.transfers_at("refund-failed", &id, MOST)?;
        if !returned.is_empty() {
            let again = usd(line.add("Sent back by the customer's bank", returned, None)?);
            sums.refunded = plus(sums.refunded.checked_sub(again))?;
        }
    }
    sums.rounding = usd(line.add("Part of a cent that can't go back", found(books, "rounding", order.id)?, None)?);
    Ok(Trace { hops: line.hops, sums })
}

/// What was taken from the card, and what the processor kept.
fn card(books: &impl LedgerRead, line: &mut Line, charge: &Charge) -> Result<(Usd, Usd)> {
    let hold = found(books, "charge", charge.id)?;
    let title = match hold.first().map(|hold| hold.state) {
        Some(State::Posted) => "Taken from the card",
        Some(State::Voided) => "Let go by the bank, never taken",
        _ => "Held on the card",
    };
    let paid = usd(line.add(title, hold, charge.payment_intent.clone())?);
    if let (Some(hop), Some(captured)) = (line.hops.last_mut(), charge.captured) {
        hop.last = Some(captured);
    }
    let fee = usd(line.add("Card fee", found(books, "charge-fee", charge.id)?, charge.processor_charge.clone())?);
    Ok((paid, fee))
}

/// What one contract cost, the provider's share, and what the chain paid of it.
fn grid(books: &impl LedgerRead, line: &mut Line, order: OrderId, contract: u64) -> Result<(Tft, Tft, Tft)> {
    let bills: Vec<Bill> = books.bills_of(contract, MOST)?.into_iter().filter(|bill| bill.order == order).collect();
    let booked = |kind: &str| -> Result<Vec<Transfer>> {
        let causes = bills.iter().map(|bill| Cause::new(kind, format!("{}-{}", bill.block, bill.event)));
        Ok(causes.map(|cause| books.transfer_by_cause(&cause)).collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
    };
    let blocks = match (bills.first(), bills.last()) {
        (Some(first), Some(last)) if first.block != last.block => format!(", blocks {} to {}", first.block, last.block),
        (Some(only), _) => format!(", block {}", only.block),
        _ => String::new(),
    };
    let outside = Some(format!("contract {contract}{blocks}"));
    let spent = tft(line.add("Billed by the grid", booked("grid-bill")?, outside.clone())?);
    let share = tft(line.add("The provider's share", booked("provider-share")?, outside.clone())?);
    let paid = tft(line.add("Paid to the provider by the chain", payouts(books, &bills)?, outside)?);
    Ok((spent, share, paid))
}

/// What the chain paid to this contract's farmer for these bills. Where it billed several contracts of one farmer in one
/// block, a payout belongs to the bill right before it: the chain pays a contract's farmer while it bills that contract.
fn payouts(books: &impl LedgerRead, bills: &[Bill]) -> Result<Vec<Transfer>> {
    let mut paid = Vec::new();
    for bill in bills {
        let farmer = Account::provider(bill.owner);
        let mut to_farmer = books.transfers_at("chain-payout", &bill.block.to_string(), PAYOUTS)?;
        to_farmer.retain(|payout| payout.terms.debit == farmer);
        if to_farmer.is_empty() {
            continue; // most blocks: the chain bills by the hour and pays out once a day
        }
        let bills: Vec<u32> =
            books.transfers_at("grid-bill", &bill.block.to_string(), PAYOUTS)?.iter().filter_map(event).collect();
        paid.extend(to_farmer.into_iter().filter(|payout| {
            let at = event(payout).unwrap_or_default();
            bill_of(at, &bills) == Some(bill.event)
        }));
    }
    Ok(paid)
}

/// The bill a payout at place `at` in its block belongs to: the last one before it, else the first one.
fn bill_of(at: u32, bills: &[u32]) -> Option<u32> {
    bills.iter().copied().filter(|bill| *bill < at).max().or_else(|| bills.iter().copied().min())
}

/// The place in its block that a cause `kind:block-event` names.
fn event(transfer: &Transfer) -> Option<u32> {
    transfer.terms.cause.id().rsplit_once('-')?.1.parse().ok()
}

/// Of its machine, node after node, of its backup VM, and of its web addresses.
fn contracts(books: &impl LedgerRead, order: &Order) -> Result<Vec<u64>> {
    let backup = books.backup(order.id)?.map(|backup| backup.attempts).unwrap_or_default();
    let mut all: Vec<u64> = order.attempts.iter().chain(&backup).filter_map(|attempt| attempt.contract).collect();
    let mut addresses = books.web_addresses_of(order.id, MOST)?;
    addresses.reverse();
    all.extend(addresses.iter().flat_map(WebAddress::contracts));
    Ok(all)
}

fn found(books: &impl LedgerRead, kind: &str, id: impl std::fmt::Display) -> Result<Vec<Transfer>> {
    Ok(books.transfer_by_cause(&Cause::new(kind, id))?.into_iter().collect())
}

/// The hops so far.
struct Line {
    hops: Vec<Hop>,
    rate: Option<Rate>,
}

impl Line {
    /// Adds transfers of one kind as one hop. Gives the units that were posted.
    fn add(&mut self, title: &str, mut transfers: Vec<Transfer>, outside: Option<String>) -> Result<i64> {
        transfers.sort_by_key(|transfer| transfer.entry);
        let (Some(first), Some(last)) = (transfers.first(), transfers.last()) else { return Ok(0) };
        let posted = sum(transfers.iter().map(|transfer| transfer.posted))?;
        let shown = if posted > 0 { posted } else { sum(transfers.iter().map(|transfer| transfer.terms.amount))? };
        let amount = match first.terms.debit.asset() {
            Asset::Usd => Amount::Usd(Usd::from_units(shown)),
            Asset::Tft => Amount::Tft(Tft::from_units(shown)),
        };
        self.hops.push(Hop {
            title: title.into(),
            debit: first.terms.debit.to_string(),
            credit: first.terms.credit.to_string(),
            amount,
            worth: self.worth(amount),
            state: match last.state {
                State::Held => HopState::Held,
                State::Posted => HopState::Posted,
                State::Voided => HopState::Voided,
            },
            number: transfers.len(),
            first: Some(first.at),
            last: Some(last.at),
            transfers: if first.id == last.id { vec![first.id] } else { vec![first.id, last.id] },
            outside,
        });
        Ok(posted)
    }

    /// What is promised to providers and not paid: no transfer yet, but on its way to be one.
    fn owe(&mut self, owed: Option<Tft>) {
        let Some(owed) = owed.filter(|owed| *owed > Tft::ZERO) else { return };
        let amount = Amount::Tft(owed);
        self.hops.push(Hop {
            title: "Still owed to the provider".into(),
            debit: String::new(),
            credit: String::new(),
            amount,
            worth: self.worth(amount),
            state: HopState::Owed,
            number: 0,
            first: None,
            last: None,
            transfers: vec![],
            outside: None,
        });
    }

    fn worth(&self, amount: Amount) -> Option<Usd> {
        match amount {
            Amount::Usd(_) => None,
            Amount::Tft(amount) => self.rate?.to_usd(amount),
        }
    }
}

fn sum(mut units: impl Iterator<Item = i64>) -> Result<i64> {
    plus(units.try_fold(0i64, i64::checked_add))
}

fn plus<T>(sum: Option<T>) -> Result<T> {
    sum.ok_or_else(|| Error::internal("The money of one order is more than a number can be."))
}

fn usd(units: i64) -> Usd {
    Usd::from_units(units)
}

fn tft(units: i64) -> Tft {
    Tft::from_units(units)
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::base::Time;
    use crate::base::ids::{CardId, ChargeId, QuoteId, RefundId, TransferId, UserId};
    use crate::base::text::{SshKey, VmName};
    use crate::base::time::HOUR;
    use crate::domain::catalogue::{Catalogue, Place};
    use crate::domain::charge::{ChargeState, Refund, RefundState};
    use crate::domain::ledger::NewTransfer;
    use crate::domain::order::{Attempt, Outcome, State as OrderState, Wish};
    use crate::domain::placement::{Choice, Scored};
    use crate::store::{Store, Tx};

    const USER: UserId = UserId::from_bits(3);
    const START: Time = Time::from_secs(1_795_270_000);
    const FARMER: u32 = 7;

    fn attempt(contract: u64) -> Attempt {
        let best = Scored {
            node: 11,
            twin: 5,
            farm: 1,
            farm_name: "Ghent".into(),
            owner: FARMER,
            country: "Belgium".into(),
            city: "Ghent".into(),
            parts: vec![],
            address: None,
        };
        Attempt {
            choice: Choice { best, runner_up: None, fitting: 1 },
            started: START,
            deployment: serde_json::Value::Null,
            hash: String::new(),
            tunnel: None,
            contract: Some(contract),
            sent: None,
            outcome: Outcome::Works,
            off: None,
            cleared: false,
        }
    }

    fn order(bits: u128, contracts: &[u64]) -> Order {
        let catalogue = Catalogue::default();
        let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti a@b";
        Order {
            id: OrderId::from_bits(bits),
            user: USER,
            quote: QuoteId::from_bits(1),
            wish: Wish::basic(
                VmName::parse("web").unwrap(),
                catalogue.images[0].clone(),
                catalogue.sizes[0].clone(),
                SshKey::parse(key).unwrap(),
                Place::Anywhere,
            ),
            price: Usd::from_cents(1000),
            sla: Default::default(),
            card: CardId::from_bits(1),
            charge: ChargeId::from_bits(bits),
            created: START,
            state: OrderState::Ended,
            attempts: contracts.iter().copied().map(attempt).collect(),
            timeline: vec![],
            access: None,
            active_since: Some(START),
            ended: None,
            paused: None,
            resumed: None,
            reason: None,
            earned: Usd::ZERO,
            parts: vec![],
            title: None,
            tags: Default::default(),
            handed_over: None,
            consent: None,
            term: None,
            more_charges: vec![],
            revision: None,
            stopped: None,
            lost: None,
            reminded: None,
        }
    }

    fn charge(order: &Order) -> Charge {
        Charge {
            id: order.charge,
            order: order.id,
            user: USER,
            card: order.card,
            amount: order.price,
            customer: "cus_1".into(),
            method: "pm_1".into(),
            created: START,
            state: ChargeState::Captured,
            authorize_key: String::new(),
            capture_key: String::new(),
            cancel_key: String::new(),
            hold: hold_of(order.charge),
            payment_intent: Some("pi_1".into()),
            processor_charge: Some("ch_1".into()),
            captured: Some(START + HOUR),
            fee: None,
            refunded: Usd::ZERO,
            receipt: None,
            lines: vec![],
            revision: None,
        }
    }

    fn hold_of(charge: ChargeId) -> TransferId {
        TransferId::from_bits(charge.bits() << 64)
    }

    fn new(cause: Cause, debit: Account, credit: Account, amount: i64) -> NewTransfer {
        let bits = cause.as_str().bytes().fold(7u128, |bits, byte| bits.wrapping_mul(257).wrapping_add(byte.into()));
        NewTransfer {
            id: TransferId::from_bits(bits),
            debit,
            credit,
            amount: crate::domain::ledger::Amount { asset: debit.asset(), units: amount },
            cause,
            memo: String::new(),
        }
    }

    fn pay(tx: &mut Tx<'_>, order: &Order) -> Result<()> {
        let cause = Cause::new("charge", order.charge);
        let held = new(cause, Account::CARD_PROCESSOR, Account::customer(USER), order.price.units());
        tx.hold(NewTransfer { id: hold_of(order.charge), ..held }, START)?;
        tx.add_order(order)?;
        tx.add_charge(&charge(order))
    }

    fn bill(tx: &mut Tx<'_>, order: &Order, contract: u64, block: u32, event: u32, amount: i64) -> Result<()> {
        let bill = Bill {
            contract,
            order: order.id,
            node: 11,
            owner: FARMER,
            block,
            event,
            at: START,
            amount: Tft::from_units(amount),
            level: "Gold".into(),
            list: Tft::from_units(amount),
            share: Tft::from_units(amount / 2),
        };
        tx.add_bill(&bill)?;
        let place = format!("{block}-{event}");
        tx.transfer(new(Cause::new("grid-bill", &place), Account::GRID, Account::GRID_DUE, amount), START)?;
        let share = Cause::new("provider-share", &place);
        tx.transfer(new(share, Account::PROVIDER_SHARE, Account::provider(FARMER), amount / 2), START).map(drop)
    }

    fn payout(tx: &mut Tx<'_>, block: u32, event: u32, amount: i64) -> Result<()> {
        let cause = Cause::new("chain-payout", format!("{block}-{event}"));
        tx.transfer(new(cause, Account::provider(FARMER), Account::GRID, amount), START).map(drop)
    }

    fn earn(tx: &mut Tx<'_>, order: &Order, units: i64) -> Result<()> {
        let cause = Cause::new("earned", format!("{}-{units}", order.id));
        tx.transfer(new(cause, Account::customer(USER), Account::HOSTING, units), START).map(drop)
    }

    /// Two orders of one person on one farmer's nodes; the first moved to another node once.
    pub fn books() -> (Store, Order, Order) {
        let (one, two) = (order(1, &[41, 42]), order(2, &[43]));
        let store = Store::in_memory().unwrap();
        let (first, second) = (one.clone(), two.clone());
        store
            .write_blocking(move |tx| {
                pay(tx, &first)?;
                tx.post(hold_of(first.charge), None, START + HOUR)?;
                let fee = Cause::new("charge-fee", first.charge);
                tx.transfer(new(fee, Account::CARD_FEES, Account::CARD_PROCESSOR, 5_900_000), START)?;
                bill(tx, &first, 41, 9, 1, 1000)?;
                bill(tx, &first, 42, 10, 1, 2000)?;
                payout(tx, 10, 2, 400)?;
                pay(tx, &second)?;
                bill(tx, &second, 43, 10, 4, 8000)?;
                payout(tx, 10, 5, 1600)?;
                bill(tx, &first, 42, 100, 1, 3000)?;
                for units in [1_000_000, 2_500_000] {
                    earn(tx, &first, units)?;
                }
                let refund = Refund {
                    id: RefundId::from_bits(1),
                    charge: first.charge,
                    order: first.id,
                    amount: Usd::from_units(96_000_000),
                    key: String::new(),
                    hold: TransferId::from_bits(99),
                    created: START,
                    state: RefundState::Done,
                    processor_refund: Some("re_1".into()),
                    sent: Some(START),
                    last_sent: Some(START),
                    failed: vec![],
                };
                let back = new(Cause::new("refund", refund.id), Account::customer(USER), Account::CARD_PROCESSOR, 96_000_000);
                tx.hold(NewTransfer { id: refund.hold, ..back }, START)?;
                tx.post(refund.hold, None, START)?;
                tx.put_refund(&refund)?;
                let rest = Cause::new("rounding", first.id);
                tx.transfer(new(rest, Account::customer(USER), Account::rounding(Asset::Usd), 500_000), START).map(drop)
            })
            .unwrap();
        (store, one, two)
    }

    #[test]
    fn the_hops_of_an_order_add_up_and_nothing_of_another_order_is_among_them() {
        let (store, one, _) = books();
        let trace = trace(&store.read().unwrap(), &one, Rate::from_musd(10)).unwrap();
        let sums = Sums {
            paid: Usd::from_cents(1000),
            refunded: Usd::from_units(96_000_000),
            rounding: Usd::from_units(500_000),
            earned: Usd::from_units(3_500_000),
            card_fee: Usd::from_cents(59),
            grid: Tft::from_units(6000),
            share: Tft::from_units(3000),
            payouts: Tft::from_units(400),
        };
        assert_eq!(trace.sums, sums);
        assert_eq!((sums.unused(), sums.owed()), (Some(Usd::ZERO), Some(Tft::from_units(2600))));
        let mut by_title: BTreeMap<&str, (usize, i64)> = BTreeMap::new();
        for hop in &trace.hops {
            let sum = by_title.entry(&hop.title).or_default();
            sum.0 += hop.number;
            sum.1 += match hop.amount {
                Amount::Usd(amount) => amount.units(),
                Amount::Tft(amount) => amount.units(),
            };
        }
        let expected = BTreeMap::from([
            ("Taken from the card", (1, 100_000_000)),
            ("Card fee", (1, 5_900_000)),
            ("Hours used", (2, 3_500_000)),
            ("Billed by the grid", (3, 6000)),
            ("The provider's share", (3, 3000)),
            ("Paid to the provider by the chain", (1, 400)),
            ("Still owed to the provider", (0, 2600)),
            ("Given back to the card", (1, 96_000_000)),
            ("Part of a cent that can't go back", (1, 500_000)),
        ]);
        assert_eq!(by_title, expected);
        let names: Vec<&str> = trace.hops.iter().filter_map(|hop| hop.outside.as_deref()).collect();
        assert!(
            names.contains(&"pi_1") && names.contains(&"re_1") && names.contains(&"contract 42, blocks 10 to 100"),
            "{names:?}"
        );
        let left = 3_500_000 - 5_900_000 - 60 - 26;
        assert_eq!(trace.margin(Rate::from_musd(10).unwrap()), Some(Usd::from_units(left)));
    }

    #[test]
    fn money_that_is_only_held_is_shown_and_not_counted() {
        let (store, _, two) = books();
        let trace = trace(&store.read().unwrap(), &two, None).unwrap();
        assert_eq!((trace.sums.paid, trace.sums.payouts), (Usd::ZERO, Tft::from_units(1600)));
        let card = &trace.hops[0];
        assert_eq!((card.title.as_str(), card.state), ("Held on the card", HopState::Held));
        assert!(matches!(card.amount, Amount::Usd(amount) if amount == two.price));
        assert!(trace.hops.iter().all(|hop| hop.worth.is_none()), "no price, no worth");
    }

    #[test]
    fn a_payout_belongs_to_the_bill_before_it() {
        assert_eq!(bill_of(5, &[1, 4, 9]), Some(4));
        assert_eq!(bill_of(0, &[4, 1]), Some(1));
        assert_eq!(bill_of(5, &[]), None);
    }
}
