//! What the grid bills, read from finalized blocks into the books, and what customers' paid hours earn meanwhile.

use sha2::{Digest, Sha256};

use super::chain::follow;
use super::mail::standing::Letters;
use super::{App, lock};
use crate::base::ids::TransferId;
use crate::base::money::{Asset, Tft, Usd};
use crate::base::{Result, Time};
use crate::domain::bill::{Bill, list_amount, share};
use crate::domain::ledger::{Account, Amount, Books, Cause, NewTransfer};
use crate::domain::order::{Order, State};
use crate::domain::slot::Kind;
use crate::grid::{Block, BlockReport, ContractState, Wallet};
use crate::settings::{Basis, Settings};
use crate::store::ledger::LedgerRead;
use crate::store::order::Orders;
use crate::store::schema::{BILLED_TO, CONTRACTS, OVERDRAFTS, OWNERS, UNREAD_BLOCKS};
use crate::store::{Read, Tx};

/// Blocks read in one go; what is left waits for the next round.
const BLOCKS_AT_ONCE: u32 = 1200;
/// Every node has the state of this many blocks: 256 is the least that nodes can be told to keep.
const SURELY_KEPT: u32 = 200;

impl App {
    /// Resolves when there is a finalized block that was not read.
    pub async fn more_to_bill(&self) -> Result<()> {
        let last = self.read()?.single(&BILLED_TO)?.unwrap_or(0);
        self.grid.next_block(last).await
    }

    /// Reads the finalized blocks that were not read before. Each bill is booked once: its cause is where it stands on the
    /// chain. At the end the ledger's wallet equals the chain's, and what explains the difference is written down.
    pub async fn read_bills(&self) -> Result<u32> {
        let head = self.hear_head().await?;
        let before = self.read()?.single(&BILLED_TO)?;
        let from = match before {
            Some(last) => last.saturating_add(1),
            // A fresh instance has no contracts in blocks before its own.
            None => head.number,
        };
        if from > head.number {
            return Ok(0);
        }
        let from = self.skip_forgotten(from, &head).await?;
        let to = head.number.min(from.saturating_add(BLOCKS_AT_ONCE - 1));
        let owners = self.read()?.single(&OWNERS)?.unwrap_or_default();
        let mut reports = self.grid.reports(from, to, &head, owners.into_iter()).await?;
        self.vouch_for_ends(&mut reports, &head).await?;
        let wallet = match to == head.number {
            true => Some((self.grid.wallet(&head).await?, head)),
            false => None,
        };
        if let Some((wallet, head)) = &wallet {
            lock(&self.heard).wallet = Some(*wallet);
            self.purse_may_have_moved(*wallet, head.at);
        }
        let (settings, letters) = (self.settings.clone(), self.letters());
        let now = self.now();
        let booked = self
            .store
            .write(move |tx| {
                if tx.single(&BILLED_TO)? != before {
                    return Ok(false);
                }
                for (block, report) in &reports {
                    book(tx, &settings, *block, report, now)?;
                    follow_contracts(tx, report, &letters, now)?;
                }
                if let Some((wallet, head)) = &wallet {
                    reconcile(tx, *wallet, head, now)?;
                }
                tx.set(&BILLED_TO, &to)?;
                Ok(true)
            })
            .await?;
        self.heads.notify_waiters();
        self.nudge();
        // Set back meanwhile by a contract that had been unknown: there is more to read, at once.
        Ok(if booked { to - from + 1 } else { u32::MAX })
    }

    /// What ends an order for good is asked for at the head, where two nodes of the chain have to say so: what a block did is told by one.
    async fn vouch_for_ends(&self, reports: &mut [(u32, BlockReport)], head: &Block) -> Result<()> {
        let snapshot = self.read()?;
        for (block, report) in reports {
            for contract in std::mem::take(&mut report.gone) {
                if !snapshot.has(&CONTRACTS, contract)? {
                    continue; // somebody else's
                }
                match self.grid.contract_state(contract, &head.hash).await? {
                    ContractState::Gone => report.gone.push(contract),
                    ContractState::Runs | ContractState::Paused => {
                        tracing::error!(contract, block, "a node of the chain tells that a contract was deleted which is there");
                    }
                }
            }
        }
        Ok(())
    }

    /// Goes on behind blocks that the chain has forgotten, and writes down which: what they billed must be booked by a person.
    /// Without this, one long outage would hold up every later bill and refund for ever.
    async fn skip_forgotten(&self, from: u32, head: &Block) -> Result<u32> {
        if head.number - from < SURELY_KEPT {
            return Ok(from);
        }
        let first = self.grid.remembered_from(from, head).await?;
        if first > from {
            tracing::error!(
                from,
                to = first - 1,
                "the chain has forgotten blocks that were not read: their bills are not in the books"
            );
            self.store.write(move |tx| tx.put(&UNREAD_BLOCKS, from, &(first - 1))).await?;
        }
        Ok(first)
    }

    /// The newest finalized block, remembered for whoever wants to see how the chain is doing; with it, what it runs on.
    async fn hear_head(&self) -> Result<Block> {
        let head = self.grid.finalized().await;
        // A runtime that was changed is learned of here, before any block of its own is read.
        let footing = match &head {
            Ok(head) => self.grid.footing(head).await.ok(),
            Err(_) => None,
        };
        let now = self.now();
        let mut heard = lock(&self.heard);
        heard.answers = head.is_ok();
        match &head {
            Ok(head) => (heard.head, heard.lost) = (Some(head.clone()), None),
            Err(_) => heard.lost = Some((heard.lost.map_or(now, |(since, _)| since), now)),
        }
        if footing.is_some() {
            heard.footing = footing;
        }
        head
    }
}

/// A contract of ours has become known that was made in `block`: what was read since without knowing it is read again.
/// Nothing is booked twice, for what is booked is named after its place on the chain.
pub(super) fn read_again_from(tx: &mut Tx<'_>, block: u32) -> Result<()> {
    match tx.single(&BILLED_TO)? {
        Some(read_to) if read_to >= block => tx.set(&BILLED_TO, &block.saturating_sub(1)),
        _ => Ok(()),
    }
}

fn book(tx: &mut Tx<'_>, settings: &Settings, block: u32, report: &BlockReport, now: Time) -> Result<()> {
    for event in &report.bills {
        let Some(contract) = tx.contract(event.contract)? else { continue }; // somebody else's
        let owed = carry_over(tx, event.contract, event.left)?;
        if event.amount <= Tft::ZERO {
            continue; // nothing could be taken
        }
        let list = list_amount(event.amount, owed, &event.level);
        let rule = settings.share_at(event.at);
        let basis = if rule.basis == Basis::List { list } else { event.amount };
        let bill = Bill {
            contract: event.contract,
            order: contract.slot.order,
            node: contract.node,
            owner: contract.owner,
            block,
            event: event.event,
            at: event.at,
            amount: event.amount,
            level: event.level.clone(),
            list,
            // A name is on nobody's node.
            share: if contract.owner == 0 { Tft::ZERO } else { share(basis, rule.percent) },
        };
        if !tx.add_bill(&bill)? {
            continue;
        }
        let place = format!("{block}-{}", event.event);
        move_once(tx, "grid-bill", &place, Account::GRID, Account::GRID_DUE, bill.amount, "billed by the grid", now)?;
        move_once(
            tx,
            "provider-share",
            &place,
            Account::PROVIDER_SHARE,
            Account::provider(bill.owner),
            bill.share,
            "the provider's share",
            now,
        )?;
        if let Some(mut order) = tx.order(bill.order)?.filter(|order| order.state == State::Active) {
            // One customer's books must not hold up everybody's bills; at the order's end this is tried again, and fails aloud.
            match earn(tx, &mut order, event.at.min(now)) {
                Ok(()) => tx.put_order(&order)?,
                Err(error) => tracing::error!(order = %order.id, ?error, "hours used can't be booked"),
            }
        }
    }
    for payment in &report.payments {
        // What the chain paid a farmer counts towards his share, as far as he is due one.
        let due = LedgerRead::balance(tx, Account::provider(payment.to))?.posted(Account::provider(payment.to));
        let counted = Tft::from_units(i64::try_from(due.clamp(0, i128::from(payment.amount.units()))).unwrap_or(0));
        let place = format!("{block}-{}", payment.event);
        move_once(tx, "chain-payout", &place, Account::provider(payment.to), Account::GRID, counted, "paid by the chain", now)?;
    }
    Ok(())
}

/// Notes what a contract owes after a bill, and gives what it owed before.
fn carry_over(tx: &mut Tx<'_>, contract: u64, left: Tft) -> Result<Tft> {
    let mut all = tx.single(&OVERDRAFTS)?.unwrap_or_default();
    let before = if left > Tft::ZERO { all.insert(contract, left) } else { all.remove(&contract) };
    if before.is_some() || left > Tft::ZERO {
        tx.set(&OVERDRAFTS, &all)?;
    }
    Ok(before.unwrap_or_default())
}

/// Orders follow what the block did to their contracts.
fn follow_contracts(tx: &mut Tx<'_>, report: &BlockReport, letters: &Letters, now: Time) -> Result<()> {
    let random = &*letters.random;
    let changes =
        [(&report.paused, ContractState::Paused), (&report.resumed, ContractState::Runs), (&report.gone, ContractState::Gone)];
    for (contracts, state) in changes {
        for contract in contracts {
            let Some(known) = tx.contract(*contract)? else { continue }; // somebody else's
            super::web_address::follow(tx, known.slot, random, now)?;
            if state == ContractState::Gone {
                carry_over(tx, *contract, Tft::ZERO)?;
            }
            let order =
                tx.order(known.slot.order)?.filter(|order| order.attempt().is_some_and(|it| it.contract == Some(*contract)));
            if known.slot.kind == Kind::Backup && state == ContractState::Gone {
                super::backup::lose(tx, known.slot, random, now)?;
            }
            if known.slot.kind == Kind::Shard {
                super::swarm::follow_shard(tx, known.slot, state, random, now)?;
            }
            if let Some(order) = order {
                follow(tx, order, state, report.at.unwrap_or(now), letters, now)?;
            }
        }
    }
    Ok(())
}

/// Brings home what running has earned since the last time.
pub(super) fn earn(tx: &mut Tx<'_>, order: &mut Order, now: Time) -> Result<()> {
    let earned = order.earned_by(now);
    let more = earned.checked_sub(order.earned).unwrap_or_default();
    if more.units() > 0 {
        let place = format!("{}-{}", order.id, earned.units());
        move_once(tx, "earned", &place, Account::customer(order.user), Account::HOSTING, more, "hours used", now)?;
        order.earned = earned;
    }
    Ok(())
}

/// The part of a cent that can't be refunded.
pub(super) fn round_off(tx: &mut Tx<'_>, order: &mut Order, refunded: Usd, now: Time) -> Result<()> {
    let rest = order.paid().checked_sub(order.earned).and_then(|rest| rest.checked_sub(refunded)).unwrap_or_default();
    if rest.units() > 0 && rest < Usd::from_cents(1) {
        let account = Account::rounding(Asset::Usd);
        move_once(tx, "rounding", &order.id.to_string(), Account::customer(order.user), account, rest, "part of a cent", now)?;
    }
    Ok(())
}

/// Makes the ledger's wallet and dues equal the chain's, at one finalized block.
fn reconcile(tx: &mut Tx<'_>, wallet: Wallet, head: &Block, now: Time) -> Result<()> {
    let place = head.number.to_string();
    let total = i128::from(wallet.free.units()) + i128::from(wallet.reserved.units());
    let booked = LedgerRead::balance(tx, Account::WALLET)?.posted(Account::WALLET);
    let due = LedgerRead::balance(tx, Account::GRID_DUE)?.posted(Account::GRID_DUE);
    let units = |amount: i128| Tft::from_units(i64::try_from(amount).unwrap_or(i64::MAX));
    if total > booked {
        // Tokens came in: what was there before the books began, or a top-up by hand.
        let opening = Account::opening(Asset::Tft);
        return move_once(tx, "wallet-in", &place, Account::WALLET, opening, units(total - booked), "tokens came in", now);
    }
    // What the chain no longer reserves, it has taken; beyond that it took fees.
    let missing = booked - total;
    let settled = (due - i128::from(wallet.reserved.units())).clamp(0, missing);
    move_once(tx, "grid-settled", &place, Account::GRID_DUE, Account::WALLET, units(settled), "taken by the grid", now)?;
    let fees = Account::transfer_fees(Asset::Tft);
    move_once(tx, "grid-fee", &place, fees, Account::WALLET, units(missing - settled), "fees of the chain", now)
}

#[allow(clippy::too_many_arguments, reason = "a transfer is made of its parts")]
fn move_once(
    tx: &mut Tx<'_>,
    kind: &str,
    place: &str,
    debit: Account,
    credit: Account,
    amount: impl Into<Amount>,
    memo: &str,
    now: Time,
) -> Result<()> {
    let amount = amount.into();
    if amount.units <= 0 {
        return Ok(());
    }
    let cause = Cause::new(kind, place);
    if Books::cause_is_used(tx, &cause)? {
        return Ok(()); // its amount may have depended on what was known then
    }
    // The id is made of what happened, not of the attempt to write it down: twice is once.
    let id = TransferId::from_bits(u128::from_be_bytes(first_16(&Sha256::digest(cause.as_str()))));
    tx.transfer(NewTransfer { id, debit, credit, amount, cause, memo: memo.into() }, now).map(|_| ())
}

fn first_16(hash: &[u8]) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    bytes
}
