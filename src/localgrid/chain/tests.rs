//! Our client against our chain over real sockets, and the chain's own promises.

use std::sync::atomic::Ordering::SeqCst;

use super::*;
use crate::base::Time;
use crate::base::time::HOUR;
use crate::host::HostClock;
use crate::localgrid::genesis::{FarmSeed, NodeSeed, Resources, TwinSeed};
use crate::wire::key::{KeyPair, Scheme};
use crate::wire::tfchain::server::in_process;
use crate::wire::tfchain::{
    BatchKind, ChainClient, ContractState, Error, Event, EventRecord, Level, ModuleError, Outcome, SignedCall, Timeouts, price,
};

const GIB: u64 = 1 << 30;
const TFT: i64 = 10_000_000;
pub(super) const HASH: [u8; 32] = *b"6244a7e9329b79a5d04f600fe78f1e59";
const USED: Resources = Resources { cru: 2, mru: 4 * GIB, sru: 50 * GIB, hru: 0 };

pub(super) struct Bench {
    clock: Arc<HostClock>,
    pub chain: Arc<Chain>,
    pub url: String,
    pub client: ChainClient,
}

pub(super) fn key(number: u8) -> KeyPair {
    KeyPair::from_mini_secret([number; 32], if number.is_multiple_of(2) { Scheme::Sr25519 } else { Scheme::Ed25519 })
}

/// Two twins, one farm with two public addresses, an ordinary node, a certified one and one taken out of billing.
pub(super) fn genesis() -> Genesis {
    let twin = |id: u32, key: &KeyPair| TwinSeed {
        id,
        account: key.public(),
        relay: Some("localhost".into()),
        pk: None,
        balance: Tft::from_units(TFT),
    };
    let node = |id: u32, certified, opted_out| NodeSeed {
        id,
        farm: 1,
        twin: 2,
        country: "Belgium".into(),
        region: "Europe".into(),
        city: "Ghent".into(),
        latitude: "51.05".into(),
        longitude: "3.71".into(),
        total: Resources { cru: 8, mru: 32 * GIB, sru: 500 * GIB, hru: 0 },
        certified,
        upload_bps: 0,
        download_bps: 0,
        ipv6: false,
        opted_out,
    };
    let ip = |last: u8| (format!("185.69.166.{last}/24"), "185.69.166.1".to_owned());
    Genesis {
        twins: vec![twin(1, &key(100)), twin(2, &key(102))],
        farms: vec![FarmSeed { id: 1, name: "farm".into(), twin: 1, public_ips: vec![ip(10), ip(11)], dedicated: false }],
        nodes: vec![node(1, false, false), node(2, true, false), node(3, false, true)],
        balances: vec![(key(2).public(), Tft::from_units(1000 * TFT)), (key(4).public(), Tft::from_units(1000 * TFT))],
        tft_price_musd: 10,
    }
}

pub(super) async fn bench() -> Bench {
    let clock = HostClock::new();
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let (chain, url) = Chain::start(&genesis(), clock.clone(), listen, Duration::ZERO).await.unwrap();
    let timeouts = Timeouts { connect: Duration::from_secs(2), request: Duration::from_secs(2) };
    let client = ChainClient::connect(std::slice::from_ref(&url), timeouts).await.unwrap();
    Bench { clock, chain, url, client }
}

pub(super) fn terms() -> Call {
    Call::AcceptTerms { link: "https://example.org/terms".into(), hash: "09b3e1".into() }
}

pub(super) fn deploy(node: u32, hash: [u8; 32], public_ips: u32) -> Call {
    Call::CreateNodeContract { node, hash, data: b"{}".to_vec(), public_ips, solution_provider: None }
}

impl Bench {
    pub async fn signed(&self, key: &KeyPair, call: &Call) -> SignedCall {
        let nonce = self.client.next_nonce(&key.public()).await.unwrap();
        self.client.sign(key, call, nonce, 64).await.unwrap()
    }

    async fn call(&self, key: &KeyPair, call: &Call) -> Result<Vec<Event>, ModuleError> {
        let signed = self.signed(key, call).await;
        assert_eq!(self.client.submit(&signed.bytes).await.unwrap(), signed.hash);
        match self.client.outcome(&signed).await.unwrap() {
            Outcome::Included { result, .. } => result,
            other => panic!("{other:?}"),
        }
    }

    async fn refusal(&self, key: &KeyPair, call: &Call) -> String {
        self.call(key, call).await.unwrap_err().to_string()
    }

    pub async fn with_twin(&self, key: &KeyPair) -> u32 {
        self.call(key, &terms()).await.unwrap();
        self.call(key, &Call::CreateTwin { relay: Some("localhost".into()), pk: Some(vec![2; 33]) }).await.unwrap();
        self.client.twin_id_of(&key.public(), None).await.unwrap().unwrap()
    }

    pub async fn contract(&self, key: &KeyPair, call: &Call) -> u64 {
        self.call(key, call).await.unwrap();
        self.chain.contracts().last().unwrap().id
    }

    pub fn leap(&self, span: Duration) {
        self.clock.leap(span);
        self.chain.tick();
    }

    /// Every event from block `from` on.
    async fn events_since(&self, from: u32) -> Vec<EventRecord> {
        let mut all = vec![];
        for number in from..=self.client.finalized().await.unwrap().number {
            let hash = self.client.block_hash(number).await.unwrap().unwrap();
            all.extend(self.client.events(hash).await.unwrap());
        }
        all
    }

    fn total(&self) -> u128 {
        let accounts = [key(2), key(4), key(100), key(102)].map(|key| key.public());
        let all = accounts.into_iter().chain([FOUNDATION, STAKING_POOL, seed::SALES]);
        all.map(|account| self.chain.balances(&account)).map(|balances| balances.free + balances.reserved).sum()
    }
}

#[tokio::test]
async fn a_contract_lives_is_billed_to_the_unit_and_pays_the_farmer_half() {
    let bench = bench().await;
    let user = key(2);
    assert_eq!(bench.client.missing(), Vec::<String>::new());
    let runtime = bench.client.runtime();
    assert_eq!((runtime.spec_name.as_str(), runtime.spec_version), ("substrate-threefold", 149));
    assert!(!bench.client.accepted_terms(&user.public(), None).await.unwrap());
    let twin = bench.with_twin(&user).await;
    assert!(bench.client.accepted_terms(&user.public(), None).await.unwrap());
    let stored = bench.client.twin(twin, None).await.unwrap().unwrap();
    assert_eq!((stored.account, stored.pk), (user.public(), Some(vec![2; 33])));

    let id = bench.contract(&user, &deploy(1, HASH, 1)).await;
    assert_eq!(bench.client.contract_by_hash(1, &HASH, None).await.unwrap(), Some(id));
    bench.chain.report_resources(id, USED);
    let start = bench.client.finalized().await.unwrap();
    let created = ChainView::contract(&*bench.chain, id).unwrap().created;
    let total = bench.total();
    let before = bench.client.account(&user.public(), None).await.unwrap();

    bench.leap(HOUR);
    let events = bench.events_since(start.number + 1).await;
    let bills: Vec<_> = events.iter().filter(|record| matches!(record.event, Event::ContractBilled { .. })).collect();
    let [EventRecord { extrinsic: None, event: Event::ContractBilled { contract, timestamp, level, amount } }] = bills[..] else {
        panic!("{bills:?}")
    };
    let policy = bench.client.pricing_policy(None).await.unwrap();
    let feed = bench.client.tft_price(None).await.unwrap();
    let seconds = timestamp - u64::try_from(created).unwrap();
    // The bill comes in the 600th block by number, and blocks that were sealed at once for extrinsics count as well.
    assert!((3500..=3600).contains(&seconds), "{seconds}");
    let used = crate::wire::tfchain::Resources { cru: USED.cru, mru: USED.mru, sru: USED.sru, hru: USED.hru };
    let cost = price::node_contract(&policy, Some(&used), 1, seconds).unwrap();
    let undiscounted = price::tft(cost, &feed).unwrap();
    let expected = price::level(undiscounted, seconds, before.usable()).unwrap();
    let due = price::amount_due(undiscounted, expected, false).unwrap();
    assert_eq!((*contract, level.clone(), *amount), (id, format!("{expected:?}"), u128::from(due)));
    assert_eq!(bench.client.account(&user.public(), None).await.unwrap().reserved, *amount);
    assert_eq!(bench.total(), total);
    assert_eq!(bench.chain.paid_to_farmer(1), 0);

    let farmer_before = bench.chain.balances(&key(100).public()).free;
    let ended = bench.call(&user, &Call::CancelContract { contract: id }).await.unwrap();
    let last: u128 = ended.iter().map(|event| if let Event::ContractBilled { amount, .. } = event { *amount } else { 0 }).sum();
    assert!(ended.iter().any(|event| matches!(event, Event::NodeContractCanceled { contract } if *contract == id)));
    let billed = amount + last;
    let split = price::split_node(u64::try_from(billed).unwrap());
    let farmer = bench.chain.balances(&key(100).public()).free - farmer_before;
    assert_eq!((farmer, bench.chain.paid_to_farmer(1)), (split.farmer.into(), split.farmer.into()));
    assert!(farmer * 2 >= billed && farmer * 2 <= billed + 2, "{farmer} of {billed}");
    assert_eq!(bench.chain.balances(&user.public()).reserved, 0);
    assert_eq!(bench.client.contract(id, None).await.unwrap(), None);
    assert_eq!(bench.client.contract_by_hash(1, &HASH, None).await.unwrap(), None);
    assert_eq!(ChainView::contract(&*bench.chain, id).unwrap().state, ContractStateView::Deleted);
}

#[tokio::test]
async fn the_same_bytes_sent_three_times_make_one_contract() {
    let bench = bench().await;
    let user = key(2);
    bench.with_twin(&user).await;
    let signed = bench.signed(&user, &deploy(1, HASH, 0)).await;
    for _ in 0..3 {
        assert_eq!(bench.client.submit(&signed.bytes).await.unwrap(), signed.hash);
    }
    assert_eq!(bench.chain.contracts().len(), 1);
    assert_eq!(bench.refusal(&user, &deploy(1, HASH, 0)).await, "SmartContractModule.ContractIsNotUnique");
}

#[tokio::test]
async fn a_lost_reply_is_recovered_by_the_deployment_hash() {
    let bench = bench().await;
    let user = key(2);
    let twin = bench.with_twin(&user).await;
    let signed = bench.signed(&user, &deploy(1, HASH, 0)).await;
    bench.chain.faults.swallow_submit_reply.store(true, SeqCst);
    assert!(matches!(bench.client.submit(&signed.bytes).await, Err(Error::Unavailable(_))));
    bench.chain.faults.swallow_submit_reply.store(false, SeqCst);
    let head = bench.client.finalized().await.unwrap();
    let id = bench.client.contract_by_hash(1, &HASH, Some(head.hash)).await.unwrap().unwrap();
    assert_eq!(bench.client.contract(id, Some(head.hash)).await.unwrap().unwrap().twin, twin);
    assert!(matches!(bench.client.outcome(&signed).await.unwrap(), Outcome::Included { result: Ok(_), .. }));
}

#[tokio::test]
async fn an_extrinsic_that_never_arrived_expires_only_after_its_era() {
    let bench = bench().await;
    let user = key(2);
    bench.chain.faults.drop_extrinsics.store(true, SeqCst);
    let signed = bench.signed(&user, &terms()).await;
    bench.client.submit(&signed.bytes).await.unwrap();
    assert_eq!(bench.client.outcome(&signed).await.unwrap(), Outcome::Pending);
    bench.chain.faults.drop_extrinsics.store(false, SeqCst);
    bench.leap(Duration::from_secs(6 * 65));
    assert_eq!(bench.client.outcome(&signed).await.unwrap(), Outcome::Expired);
    let refused = bench.client.submit(&signed.bytes).await;
    assert!(matches!(refused, Err(Error::Rejected { ref reason }) if reason.contains("bad signature")), "{refused:?}");
    assert_eq!(bench.chain.balances(&user.public()).nonce, 0);
}

#[tokio::test]
async fn nonces_of_yesterday_are_stale_and_those_of_tomorrow_wait() {
    let bench = bench().await;
    let user = key(2);
    bench.call(&user, &terms()).await.unwrap();
    let stale = bench.client.sign(&user, &Call::CreateNameContract { name: b"abc".to_vec() }, 0, 64).await.unwrap();
    let refused = bench.client.submit(&stale.bytes).await;
    assert!(matches!(refused, Err(Error::Rejected { ref reason }) if reason.contains("outdated")), "{refused:?}");

    let later = bench.client.sign(&user, &Call::CreateNameContract { name: b"abc".to_vec() }, 2, 64).await.unwrap();
    bench.client.submit(&later.bytes).await.unwrap();
    bench.client.submit(&later.bytes).await.unwrap();
    assert_eq!(bench.client.outcome(&later).await.unwrap(), Outcome::Pending);
    let twin = bench.client.sign(&user, &Call::CreateTwin { relay: None, pk: None }, 1, 64).await.unwrap();
    bench.client.submit(&twin.bytes).await.unwrap();
    assert!(matches!(bench.client.outcome(&later).await.unwrap(), Outcome::Included { result: Ok(_), .. }));
    assert_eq!(bench.client.next_nonce(&user.public()).await.unwrap(), 3);
}

#[tokio::test]
async fn who_cannot_pay_the_fee_is_refused_and_forgeries_are_too() {
    let bench = bench().await;
    let refused = bench.client.submit(&bench.signed(&key(6), &terms()).await.bytes).await;
    assert!(matches!(refused, Err(Error::Rejected { ref reason }) if reason.contains("pay some fees")), "{refused:?}");
    let mut forged = bench.signed(&key(2), &terms()).await;
    let end = forged.bytes.len() - 1;
    forged.bytes[end] ^= 1;
    assert!(matches!(bench.client.submit(&forged.bytes).await, Err(Error::Rejected { .. })));
    assert!(matches!(bench.client.submit(b"rubbish").await, Err(Error::Rejected { .. })));
    bench.chain.faults.reject_submits.store(true, SeqCst);
    assert!(matches!(bench.client.submit(&bench.signed(&key(2), &terms()).await.bytes).await, Err(Error::Rejected { .. })));
}

#[tokio::test]
async fn the_pallets_rules_have_their_names() {
    let bench = bench().await;
    let (user, other) = (key(2), key(4));
    let no_terms = Call::CreateTwin { relay: None, pk: None };
    assert_eq!(bench.refusal(&user, &no_terms).await, "TfgridModule.UserDidNotSignTermsAndConditions");
    assert_eq!(bench.refusal(&user, &deploy(1, HASH, 0)).await, "SmartContractModule.TwinNotExists");
    bench.call(&user, &terms()).await.unwrap();
    let bad_relay = Call::CreateTwin { relay: Some("wss://relay".into()), pk: None };
    assert_eq!(bench.refusal(&user, &bad_relay).await, "TfgridModule.InvalidRelayAddress");
    bench.call(&user, &no_terms).await.unwrap();
    assert_eq!(bench.refusal(&user, &no_terms).await, "TfgridModule.TwinWithPubkeyExists");
    assert_eq!(bench.refusal(&user, &deploy(9, HASH, 0)).await, "SmartContractModule.NodeNotExists");
    assert_eq!(bench.refusal(&user, &deploy(3, HASH, 0)).await, "SmartContractModule.NodeNotAvailableToDeploy");
    assert_eq!(bench.refusal(&user, &deploy(1, HASH, 3)).await, "SmartContractModule.FarmHasNotEnoughPublicIPs");
    let id = bench.contract(&user, &deploy(1, HASH, 2)).await;
    let full = deploy(1, [b'0'; 32], 1);
    assert_eq!(bench.refusal(&user, &full).await, "SmartContractModule.FarmHasNotEnoughPublicIPsFree");
    bench.with_twin(&other).await;
    let foreign = Call::CancelContract { contract: id };
    assert_eq!(bench.refusal(&other, &foreign).await, "SmartContractModule.TwinNotAuthorizedToCancelContract");
    let nothing = Call::CancelContract { contract: 999 };
    assert_eq!(bench.refusal(&user, &nothing).await, "SmartContractModule.ContractNotExists");
    let poor = Call::TransferKeepAlive { to: other.public(), amount: u128::MAX / 2 };
    assert_eq!(bench.refusal(&user, &poor).await, ".Token.FundsUnavailable");
    let used = bench.client.account(&user.public(), None).await.unwrap();
    assert_eq!(used.nonce, bench.client.next_nonce(&user.public()).await.unwrap());
}

#[tokio::test]
async fn an_atomic_batch_leaves_nothing_behind_when_one_call_fails() {
    let bench = bench().await;
    let user = key(2);
    bench.with_twin(&user).await;
    let id = bench.contract(&user, &deploy(1, HASH, 1)).await;
    bench.chain.report_resources(id, USED);
    bench.leap(HOUR);
    let reserved = bench.chain.balances(&user.public()).reserved;
    let calls = vec![Call::CancelContract { contract: id }, Call::CancelContract { contract: 999 }];
    let atomic = Call::Batch { kind: BatchKind::Atomic, calls: calls.clone() };
    assert_eq!(bench.refusal(&user, &atomic).await, "SmartContractModule.ContractNotExists");
    assert_eq!(bench.client.contract(id, None).await.unwrap().unwrap().state, ContractState::Created);
    assert!(bench.chain.balances(&user.public()).reserved >= reserved && reserved > 0);
    assert!(bench.chain.rewards().is_empty());
    let events = bench.call(&user, &Call::Batch { kind: BatchKind::Forced, calls }).await.unwrap();
    assert!(events.contains(&Event::Other { pallet: "Utility".into(), name: "BatchCompletedWithErrors".into() }));
    assert_eq!(bench.client.contract(id, None).await.unwrap(), None);
    assert_eq!(bench.chain.rewards().len(), 1);
}

#[tokio::test]
async fn an_empty_wallet_gets_grace_a_top_up_resumes_and_two_weeks_end_it() {
    let bench = bench().await;
    let user = key(2);
    bench.with_twin(&user).await;
    let id = bench.contract(&user, &deploy(1, HASH, 0)).await;
    bench.chain.report_resources(id, USED);
    let rest = bench.chain.balances(&user.public()).free;
    let away = Call::TransferKeepAlive { to: key(4).public(), amount: rest - 100_000 };
    bench.call(&user, &away).await.unwrap();
    let (total, from) = (bench.total(), bench.client.finalized().await.unwrap().number);
    bench.leap(HOUR);
    let told = bench.events_since(from + 1).await;
    let parts = told.iter().filter_map(|record| match record.event {
        Event::PaymentOverdrawn { contract, taken, left, .. } => Some((contract, taken)).filter(|_| left > 0),
        Event::ContractBilled { .. } => panic!("{record:?}"),
        _ => None,
    });
    // What there was is taken, and told as what it is.
    assert_eq!(parts.collect::<Vec<_>>(), [(id, bench.chain.balances(&user.public()).reserved)]);
    let state = |contract: Option<crate::wire::tfchain::Contract>| contract.map(|contract| contract.state);
    assert!(matches!(state(bench.client.contract(id, None).await.unwrap()), Some(ContractState::GracePeriod(_))));
    assert_eq!(ChainView::contract(&*bench.chain, id).unwrap().state, ContractStateView::GracePeriod);
    assert_eq!(bench.chain.balances(&user.public()).free, 500);
    assert_eq!(bench.total(), total);

    bench.chain.fund(&user.public(), Tft::from_units(100 * TFT));
    let update = Call::UpdateNodeContract { contract: id, hash: [b'1'; 32], data: vec![] };
    assert_eq!(bench.refusal(&user, &update).await, "SmartContractModule.CannotUpdateContractInGraceState");
    let events = bench.call(&user, &Call::BillContract { contract: id }).await.unwrap();
    assert!(events.contains(&Event::GracePeriodEnded { contract: id }));
    bench.call(&user, &update).await.unwrap();
    assert_eq!(bench.client.contract_by_hash(1, &[b'1'; 32], None).await.unwrap(), Some(id));

    let rest = bench.chain.balances(&user.public()).free;
    bench.call(&user, &Call::TransferKeepAlive { to: key(4).public(), amount: rest - 100_000 }).await.unwrap();
    bench.leap(HOUR * 2);
    assert!(matches!(state(bench.client.contract(id, None).await.unwrap()), Some(ContractState::GracePeriod(_))));
    bench.leap(HOUR * 24 * 15);
    assert_eq!(bench.client.contract(id, None).await.unwrap(), None);
    assert_eq!(bench.chain.balances(&user.public()).reserved, 0);
    assert!(bench.chain.paid_to_farmer(1) > 0);
}

#[tokio::test]
async fn a_payout_comes_every_twenty_four_bills_with_the_certified_surcharge() {
    let bench = bench().await;
    let user = key(2);
    bench.chain.fund(&user.public(), Tft::from_units(100_000 * TFT));
    bench.with_twin(&user).await;
    let id = bench.contract(&user, &deploy(2, HASH, 0)).await;
    bench.chain.report_resources(id, USED);
    bench.leap(HOUR * 23);
    assert_eq!(bench.chain.paid_to_farmer(1), 0);
    let reserved = bench.chain.balances(&user.public()).reserved;
    // 2 cores, 4 GiB and 50 GiB cost 11 250 000 units an hour undiscounted; gold pays 40 % and certified hardware a quarter more.
    assert!(reserved.abs_diff(23 * 5_625_000) < 6 * 5_625_000 / 600 + 600, "{reserved}");
    bench.leap(HOUR);
    let reward = bench.chain.rewards()[0];
    assert_eq!(bench.chain.balances(&user.public()).reserved, 0);
    assert_eq!(reward.farmer + reward.foundation + reward.staking_pool, reward.farmer * 2);
    assert_eq!(reward.farmer_twin, Some(1));
}

#[tokio::test]
async fn a_rented_node_bears_only_its_renters_contracts_and_they_share_its_fate() {
    let bench = bench().await;
    let (user, other) = (key(2), key(4));
    bench.with_twin(&user).await;
    bench.with_twin(&other).await;
    let rent = bench.contract(&user, &Call::CreateRentContract { node: 1, solution_provider: None }).await;
    assert_eq!(bench.refusal(&other, &deploy(1, HASH, 0)).await, "SmartContractModule.NodeNotAvailableToDeploy");
    let id = bench.contract(&user, &deploy(1, HASH, 0)).await;
    assert_eq!(
        bench.refusal(&user, &Call::CancelContract { contract: rent }).await,
        "SmartContractModule.NodeHasActiveContracts"
    );
    let rest = bench.chain.balances(&user.public()).free;
    bench.call(&user, &Call::TransferKeepAlive { to: other.public(), amount: rest - 100_000 }).await.unwrap();
    bench.leap(HOUR * 2);
    for contract in [rent, id] {
        assert_eq!(ChainView::contract(&*bench.chain, contract).unwrap().state, ContractStateView::GracePeriod);
    }
    bench.leap(HOUR * 24 * 15);
    for contract in [rent, id] {
        assert_eq!(ChainView::contract(&*bench.chain, contract).unwrap().state, ContractStateView::Deleted);
    }
}

#[tokio::test]
async fn the_contracts_of_a_twin_are_found_among_all_and_at_one_block() {
    let bench = bench().await;
    let (user, other) = (key(2), key(4));
    let (mine, theirs) = (bench.with_twin(&user).await, bench.with_twin(&other).await);
    let hash = |number: u8| [b'a' + number; 32];
    let mut made = vec![];
    for number in 0..5 {
        made.push(bench.contract(&user, &deploy(1, hash(number), 0)).await);
    }
    let foreign = bench.contract(&other, &Call::CreateNameContract { name: b"other".to_vec() }).await;
    let then = bench.client.finalized().await.unwrap();
    bench.call(&user, &Call::CancelContract { contract: made[0] }).await.unwrap();
    let ids = async |twin, at| {
        let found = bench.client.contracts_of(twin, at).await.unwrap();
        found.iter().map(|contract| contract.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(mine, None).await, made[1..]);
    assert_eq!(ids(mine, Some(then.hash)).await, made, "as it was at that block");
    assert_eq!(ids(theirs, None).await, [foreign]);
    assert_eq!(ids(4711, None).await, Vec::<u64>::new());
    let before = bench.client.billed_until(made[1], None).await.unwrap().unwrap();
    bench.leap(HOUR * 2);
    let after = bench.client.billed_until(made[1], None).await.unwrap().unwrap();
    assert!(after >= before + HOUR, "{before} {after}");
    assert_eq!(bench.client.billed_until(made[0], None).await.unwrap(), None);
    let (bills, name) = (ChainView::bills(&*bench.chain, foreign), ChainView::contract(&*bench.chain, foreign).unwrap().name);
    assert!(!bills.is_empty() && bills.iter().all(|bill| bill.contract == foreign));
    assert_eq!(name.as_deref(), Some("other"));
}

#[tokio::test]
async fn a_cut_connection_and_a_dead_node_are_survived() {
    let bench = bench().await;
    let dead = "ws://127.0.0.1:9".to_owned();
    let timeouts = Timeouts { connect: Duration::from_secs(2), request: Duration::from_secs(2) };
    let client = ChainClient::connect(&[dead.clone(), bench.url.clone(), bench.url.clone()], timeouts).await.unwrap();
    for _ in 0..3 {
        bench.chain.disconnect_all();
        tokio::time::sleep(Duration::from_millis(20)).await;
        client.finalized().await.unwrap();
    }
    assert!(matches!(ChainClient::connect(&[dead], timeouts).await, Err(Error::Unavailable(_))));
}

#[tokio::test]
async fn no_question_goes_to_another_chain_even_at_the_same_address() {
    let bench = bench().await;
    let ours = bench.client.genesis().await.unwrap();
    bench.leap(HOUR);
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let (_other, other) = Chain::start(&genesis(), bench.clock.clone(), listen, Duration::ZERO).await.unwrap();
    let timeouts = Timeouts { connect: Duration::from_secs(2), request: Duration::from_secs(2) };
    let refused = ChainClient::connect_to(std::slice::from_ref(&other), timeouts, Some(ours)).await;
    assert!(matches!(refused, Err(Error::OtherChain)));
    let urls = [other.clone(), bench.url.clone()];
    // Nobody can tell which of the two is meant, unless it was said before.
    assert!(matches!(ChainClient::connect(&urls, timeouts).await, Err(Error::Unavailable(_))));
    let client = ChainClient::connect_to(&urls, timeouts, Some(ours)).await.unwrap();
    assert_eq!(client.genesis().await.unwrap(), ours);
    assert!(matches!(client.finalized().await, Err(Error::Unavailable(_))), "one alone is not believed");
    // The network begins anew.
    bench.chain.stop();
    let address = bench.url.strip_prefix("ws://").unwrap().parse().unwrap();
    let _reset = loop {
        // The old server lets go of its port in a moment.
        if let Ok(reset) = Chain::start(&genesis(), bench.clock.clone(), address, Duration::ZERO).await {
            break reset;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert!(matches!(bench.client.finalized().await, Err(Error::OtherChain)));
    assert!(matches!(bench.client.contract(1, None).await, Err(Error::OtherChain)));
}

#[tokio::test]
async fn finality_can_stall_and_then_catches_up() {
    let bench = bench().await;
    let mut blocks = bench.client.finalized_blocks().await.unwrap();
    let first = blocks.next().await.unwrap();
    bench.chain.faults.stall_finality.store(true, SeqCst);
    let signed = bench.signed(&key(2), &terms()).await;
    bench.client.submit(&signed.bytes).await.unwrap();
    assert_eq!(bench.client.outcome(&signed).await.unwrap(), Outcome::Pending);
    bench.chain.faults.stall_finality.store(false, SeqCst);
    assert!(blocks.next().await.unwrap() > first);
    assert!(matches!(bench.client.outcome(&signed).await.unwrap(), Outcome::Included { .. }));
}

#[tokio::test]
async fn the_client_works_straight_into_the_server_without_sockets() {
    let clock = HostClock::new();
    let chain = Chain::new(&genesis(), clock, Duration::ZERO).unwrap();
    let client = ChainClient::over(in_process(chain.clone()), Timeouts::default()).await.unwrap();
    let signed = client.sign(&key(2), &terms(), 0, 64).await.unwrap();
    client.submit(&signed.bytes).await.unwrap();
    assert!(matches!(client.outcome(&signed).await.unwrap(), Outcome::Included { result: Ok(_), .. }));
    let node = client.node(2, None).await.unwrap().unwrap();
    assert_eq!((node.id, node.certified), (2, true));
    // The recorded metadata is older than the map: it is found all the same.
    assert!(client.opted_out(3, None).await.unwrap() && !client.opted_out(1, None).await.unwrap());
}

#[tokio::test]
async fn whoever_left_billing_is_found_page_by_page_and_by_name() {
    let bench = bench().await;
    let many: Vec<u32> = (1000..2100).collect();
    many.iter().for_each(|node| bench.chain.set_opted_out(*node, true));
    let found = bench.client.opted_out_nodes(None).await.unwrap();
    assert_eq!(found.len(), 1101, "node 3 from the beginning, and 1100 more");
    assert!(found.contains(&3) && many.iter().all(|node| found.contains(node)));
    bench.chain.set_opted_out(3, false);
    assert!(!bench.client.opted_out(3, None).await.unwrap());
    assert_eq!(bench.client.rented_by(1, None).await.unwrap(), None);
    assert_eq!(bench.client.extra_fee(1, None).await.unwrap(), 0);
}

#[test]
fn everything_stored_reads_back_through_the_runtimes_metadata() {
    let world = seed::world(&genesis(), Time::from_secs(1_800_000_000)).unwrap();
    let mut items = 0;
    let more = ["Farms", "Nodes", "NodesByFarmID", "PricingPolicies"].map(|item| ("TfgridModule", item));
    let read = crate::wire::tfchain::need::STORAGE.iter().map(|(pallet, item, ..)| (*pallet, *item));
    for (pallet, item) in read.chain(more) {
        for key in world.db.keys(&db::plain(pallet, item), None, 100, 0) {
            let bytes = world.db.raw(&key).unwrap();
            world.codec.decode_storage(pallet, item, bytes).unwrap_or_else(|error| panic!("{pallet}.{item}: {error}"));
            items += 1;
        }
    }
    assert!(items > 15, "{items}");
}

#[test]
fn a_leap_of_an_hour_makes_six_hundred_blocks_in_no_time() {
    let clock = HostClock::new();
    let chain = Chain::new(&genesis(), clock.clone(), Duration::ZERO).unwrap();
    let best = chain.heads().borrow().best;
    clock.leap(HOUR);
    let started = std::time::Instant::now();
    chain.tick();
    let took = started.elapsed();
    assert_eq!(chain.heads().borrow().best, best + 600);
    // The goal is 150 ms in a debug build; the margin is for a busy machine.
    assert!(took < Duration::from_millis(600), "{took:?}");
    let world = chain.world();
    for pair in (best + 1..=best + 600).map(|number| (&world.blocks[&(number - 1)], &world.blocks[&number])) {
        assert_eq!(pair.1.header.parent, pair.0.hash);
        assert_eq!(pair.1.time_ms - pair.0.time_ms, 6_000);
    }
    assert_eq!(Level::Gold, price::level(1, 3600, 1 << 60).unwrap());
}
