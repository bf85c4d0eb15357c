//! What must hold on the chain after a siege: every contract belongs to something that runs, and is billed as the chain billed it.

use std::collections::{BTreeMap, BTreeSet};

use cooperage::base::ids::OrderId;
use cooperage::domain::backup::{BackupVm, Stage};
use cooperage::domain::order::{Attempt, Order, State};
use cooperage::domain::slot::Kind;
use cooperage::localgrid::world::OPERATOR_WORDS;
use cooperage::localgrid::{ChainView, ContractStateView};
use cooperage::store::Snapshot;
use cooperage::store::backup::Backups;
use cooperage::store::grid::Chain;
use cooperage::store::ledger::LedgerRead;
use cooperage::store::order::Orders;
use cooperage::wire::key::{KeyPair, Scheme};

use super::Siege;

impl Siege {
    pub(super) fn audit_chain(&self, snapshot: &Snapshot, orders: &[Order]) {
        let (mut live, backups) = (BTreeSet::new(), backups(snapshot));
        for contract in self.world.chain.contracts() {
            let known = snapshot.contract(contract.id).unwrap();
            let known = known.unwrap_or_else(|| panic!("a contract nobody knows: {contract:?}"));
            let order = orders.iter().find(|order| order.id == known.slot.order).expect("the order of a contract");
            if contract.state != ContractStateView::Deleted {
                let current = match (known.slot.kind, backups.get(&order.id)) {
                    (Kind::Backup, Some(backup)) => backup.current().and_then(|(_, attempt)| attempt.contract),
                    _ => order.attempt().and_then(|attempt| attempt.contract),
                };
                assert!(order.state == State::Active && current == Some(contract.id), "an orphan: {contract:?} {order:?}");
                live.insert((order.id, known.slot.kind));
                continue; // what it was billed is reserved, and paid out once a day: the wallet below counts it
            }
            let billed: i64 = snapshot.bills_of(contract.id, 10_000).unwrap().iter().map(|bill| bill.amount.units()).sum();
            let rewards = self.world.chain.rewards();
            let paid = rewards.iter().filter(|reward| reward.contract == contract.id);
            let paid: u128 = paid.map(|reward| reward.farmer + reward.foundation + reward.staking_pool).sum();
            assert_eq!(paid, u128::try_from(billed).unwrap(), "contract {}: what the chain took and what is billed", contract.id);
        }
        for order in orders.iter().filter(|order| order.state == State::Active) {
            assert!(live.contains(&(order.id, Kind::Machine)), "it runs without a contract: {order:?}");
        }
        for backup in backups.values() {
            let runs = live.contains(&(backup.order, Kind::Backup));
            assert_eq!(runs, backup.stage == Stage::Active, "a backup VM and its contract: {backup:?}");
            let stale = |(place, attempt): (usize, &Attempt)| !attempt.cleared && (place + 1 < backup.attempts.len() || !runs);
            assert!(!backup.attempts.iter().enumerate().any(stale), "a place was never cleaned up: {backup:?}");
        }
        for order in orders {
            for attempt in &order.attempts {
                let over = order.state != State::Active || Some(attempt.node()) != order.attempt().map(|last| last.node());
                assert!(!over || attempt.cleared, "an attempt was never cleaned up: {order:?}");
            }
        }
        let open = snapshot.open_nonces().unwrap();
        assert!(open.is_empty(), "calls whose fate nobody asked for: {open:?}");
        let own = KeyPair::from_mnemonic(OPERATOR_WORDS, Scheme::Sr25519).unwrap().public();
        let balances = self.world.chain.balances(&own);
        let wallet = snapshot.balance(cooperage::domain::ledger::Account::WALLET).unwrap();
        let wallet = wallet.posted(cooperage::domain::ledger::Account::WALLET);
        assert_eq!(wallet, i128::try_from(balances.free + balances.reserved).unwrap(), "the ledger's wallet is not the chain's");
    }
}

pub(super) fn backups(snapshot: &Snapshot) -> BTreeMap<OrderId, BackupVm> {
    snapshot.backups(None, 10_000).unwrap().into_iter().map(|backup| (backup.order, backup)).collect()
}
