//! What happened to the money of one order, from the rows themselves: the ledger's transfers and what others call them.

use crate::base::ids::OrderId;
use crate::base::money::{Asset, Rate, Tft, Usd};
use crate::base::{Error, Result, Time};
use crate::domain::bill::Bill;
use crate::domain::charge::Charge;
use crate::domain::ledger::{Cause, State, Transfer};
use crate::domain::order::Order;
use crate::store::charge::Charges;
use crate::store::grid::Chain;
use crate::store::ledger::LedgerRead;
use crate::web::page::operator::order::{Amount, Hop, HopState, Sums};

/// Bills and earnings read for one order: a month has 720 hours.
const MOST: usize = 5000;
/// Payouts of one block to farmers.
const PAYOUTS: usize = 500;

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
    if let Some(charge) = books.charge(order.charge)? {
        (sums.paid, sums.card_fee) = card(books, &mut line, &charge)?;
    }
    sums.earned = usd(line.add("Hours used", books.transfers_at("earned", &order.id.to_string(), MOST)?, None)?);
    for contract in contracts(order) {
        let (grid, share, payouts) = grid(books, &mut line, order.id, contract)?;
        sums.grid = plus(sums.grid.checked_add(grid))?;
        sums.share = plus(sums.share.checked_add(share))?;
        sums.payouts = plus(sums.payouts.checked_add(payouts))?;
    }
    line.owe(sums.owed());
    for refund in books.refunds_of(order.charge)? {
        let found = found(books, "refund", refund.id)?;
        let back = usd(line.add("Given back to the card", found, refund.processor_refund)?);
        sums.refunded = plus(sums.refunded.checked_add(back))?;
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
        let farmer = crate::domain::ledger::Account::provider(bill.owner);
        let in_block = books.transfers_at("chain-payout", &bill.block.to_string(), PAYOUTS)?;
        let others = books.transfers_at("grid-bill", &bill.block.to_string(), PAYOUTS)?;
        let others: Vec<u32> = others.iter().filter_map(event).collect();
        paid.extend(in_block.into_iter().filter(|payout| {
            let at = event(payout).unwrap_or_default();
            payout.terms.debit == farmer && bill_of(at, &others) == Some(bill.event)
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

fn contracts(order: &Order) -> impl Iterator<Item = u64> {
    order.attempts.iter().filter_map(|attempt| attempt.contract)
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
            last: None::<Time>,
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
