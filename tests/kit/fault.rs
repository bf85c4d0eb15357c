//! Everything that can go wrong outside, by name: how it strikes a market, and how the world gets well again.

use std::sync::atomic::Ordering;
use std::time::Duration;

use cooperage::base::money::{SCALE, Tft};
use cooperage::base::time::HOUR;
use cooperage::localgrid::fleet::Condition;
use cooperage::localgrid::node::Fault as Node;
use cooperage::localgrid::relay::Fault as Bus;
use cooperage::localgrid::world::OPERATOR_WORDS;
use cooperage::localgrid::{ChainView, ContractStateView};
use cooperage::wire::key::{AccountId, KeyPair, Scheme};

use super::market::Market;

const LATE: Duration = Duration::from_millis(150);

/// Something that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Each new contract is refused.
    ChainRefuses,
    ChainRejectsCalls,
    ChainForgetsCalls,
    CallsLandLate,
    CallsLandAtTheSecondTry,
    AnswersToCallsAreLost,
    ConnectionsBreakInTheCall,
    BlocksAreReorganised,
    FinalityStalls,
    ChainTalksNonsense,
    ChainIsSilent,
    PoolIsFull,
    NonceIsStolen,
    WalletIsEmpty,
    ContractsAreDeleted,
    ContractsAreNotPaid,
    ContractsAreNotBilled,
    RuntimeIsUpgraded,
    RuntimeIsUnknown,
    SecondNodeIsStale,
    SecondNodeIsForked,
    SecondNodeIsForeign,
    SecondNodeIsSilent,
    SecondNodeTalksNonsense,
    RelayIsDown,
    RequestsAreLost,
    AnswersAreLost,
    MessagesComeTwice,
    MessagesAreReordered,
    MessagesAreDelayed,
    AnswersAreForgedToo,
    AnswersAreForged,
    AnswersComeInAnotherName,
    NodeIsSilent,
    NodeDiesDuringDeploy,
    NodeFailsAtTheLast,
    NodeIsSlow,
    NodeLiesAboutCapacity,
    NodeAnswersTwice,
    NodeAnswersLate,
    NodeSaysNo,
    NodeMumbles,
    NodeSeesAnotherHash,
    NodeLagsBehindChain,
    NodePauses,
    NodeReboots,
    NodeHidesMachines,
    NodeIsSwitchedOff,
    IdentityIsNotVerified,
}

impl Fault {
    pub const ALL: [Fault; 49] = [
        Fault::ChainRefuses,
        Fault::ChainRejectsCalls,
        Fault::ChainForgetsCalls,
        Fault::CallsLandLate,
        Fault::CallsLandAtTheSecondTry,
        Fault::AnswersToCallsAreLost,
        Fault::ConnectionsBreakInTheCall,
        Fault::BlocksAreReorganised,
        Fault::FinalityStalls,
        Fault::ChainTalksNonsense,
        Fault::ChainIsSilent,
        Fault::PoolIsFull,
        Fault::NonceIsStolen,
        Fault::WalletIsEmpty,
        Fault::ContractsAreDeleted,
        Fault::ContractsAreNotPaid,
        Fault::ContractsAreNotBilled,
        Fault::RuntimeIsUpgraded,
        Fault::RuntimeIsUnknown,
        Fault::SecondNodeIsStale,
        Fault::SecondNodeIsForked,
        Fault::SecondNodeIsForeign,
        Fault::SecondNodeIsSilent,
        Fault::SecondNodeTalksNonsense,
        Fault::RelayIsDown,
        Fault::RequestsAreLost,
        Fault::AnswersAreLost,
        Fault::MessagesComeTwice,
        Fault::MessagesAreReordered,
        Fault::MessagesAreDelayed,
        Fault::AnswersAreForgedToo,
        Fault::AnswersAreForged,
        Fault::AnswersComeInAnotherName,
        Fault::NodeIsSilent,
        Fault::NodeDiesDuringDeploy,
        Fault::NodeFailsAtTheLast,
        Fault::NodeIsSlow,
        Fault::NodeLiesAboutCapacity,
        Fault::NodeAnswersTwice,
        Fault::NodeAnswersLate,
        Fault::NodeSaysNo,
        Fault::NodeMumbles,
        Fault::NodeSeesAnotherHash,
        Fault::NodeLagsBehindChain,
        Fault::NodePauses,
        Fault::NodeReboots,
        Fault::NodeHidesMachines,
        Fault::NodeIsSwitchedOff,
        Fault::IdentityIsNotVerified,
    ];

    /// Whether hours go by when it strikes.
    pub fn takes_hours(self) -> bool {
        matches!(self, Fault::ContractsAreNotPaid | Fault::ContractsAreNotBilled)
    }

    /// Whether it strikes single nodes and leaves the others well.
    pub fn is_a_nodes(self) -> bool {
        self.of_node().is_some() || self == Fault::NodeIsSwitchedOff
    }

    /// What a node does that is struck; None for faults of others.
    fn of_node(self) -> Option<Node> {
        Some(match self {
            Fault::NodeIsSilent => Node::Silent,
            Fault::NodeDiesDuringDeploy => Node::DiesDuringDeploy,
            Fault::NodeFailsAtTheLast => Node::FailsAtTheLast,
            Fault::NodeIsSlow => Node::Slow(2 * LATE),
            Fault::NodeLiesAboutCapacity => Node::LiesAboutCapacity,
            Fault::NodeAnswersTwice => Node::AnswersTwice,
            Fault::NodeAnswersLate => Node::AnswersLate(2 * LATE),
            Fault::NodeSaysNo => Node::SaysNo,
            Fault::NodeMumbles => Node::Mumbles,
            Fault::NodeSeesAnotherHash => Node::SeesAnotherHash,
            Fault::NodeLagsBehindChain => Node::LagsBehindChain,
            Fault::NodePauses => Node::Pauses,
            Fault::NodeReboots => Node::Reboots,
            Fault::NodeHidesMachines => Node::HidesMachines,
            _ => return None,
        })
    }

    fn of_bus(self) -> Option<Bus> {
        Some(match self {
            Fault::RelayIsDown => Bus::Down,
            Fault::RequestsAreLost => Bus::DropsRequests,
            Fault::AnswersAreLost => Bus::DropsAnswers,
            Fault::MessagesComeTwice => Bus::Duplicates,
            Fault::MessagesAreReordered => Bus::Reorders(LATE),
            Fault::MessagesAreDelayed => Bus::Delays(LATE),
            Fault::AnswersAreForgedToo => Bus::ForgesFirst,
            Fault::AnswersAreForged => Bus::ForgesAll,
            Fault::AnswersComeInAnotherName => Bus::Misnames,
            _ => return None,
        })
    }

    /// Strikes the world; faults of nodes strike `nodes`.
    pub fn strike(self, market: &Market, nodes: &[u32]) {
        let world = &market.demo.world;
        if let Some(fault) = self.of_node() {
            nodes.iter().for_each(|node| world.nodes.set_fault(*node, fault));
        }
        if let Some(fault) = self.of_bus() {
            world.relay.set_fault(fault);
        }
        let (chain, faults, window) = (&world.chain, &world.chain.faults, &world.window);
        let on = |switch: &std::sync::atomic::AtomicBool| switch.store(true, Ordering::SeqCst);
        match self {
            Fault::ChainRefuses => on(&faults.refuse_contracts),
            Fault::ChainRejectsCalls => on(&faults.reject_submits),
            Fault::ChainForgetsCalls => on(&faults.drop_extrinsics),
            Fault::CallsLandLate => on(&faults.hold_extrinsics),
            Fault::CallsLandAtTheSecondTry => faults.refuse_next.store(2, Ordering::SeqCst),
            Fault::AnswersToCallsAreLost => on(&faults.swallow_submit_reply),
            Fault::ConnectionsBreakInTheCall => on(&faults.hang_up_on_submit),
            Fault::BlocksAreReorganised => chain.reorganise(),
            Fault::FinalityStalls => on(&faults.stall_finality),
            Fault::ChainTalksNonsense => on(&faults.garbage),
            Fault::ChainIsSilent => on(&faults.silent),
            Fault::PoolIsFull => on(&faults.pool_full),
            Fault::NonceIsStolen => chain.steal_nonce(&operator()),
            Fault::WalletIsEmpty => chain.drain(&operator(), Tft::from_units(SCALE / 1000)),
            Fault::ContractsAreDeleted => {
                let live = chain.contracts().into_iter().filter(|contract| contract.state != ContractStateView::Deleted);
                live.for_each(|contract| chain.end_contract(contract.id));
            }
            Fault::ContractsAreNotPaid => {
                chain.drain(&operator(), Tft::from_units(SCALE / 1000));
                market.leap(HOUR + HOUR / 10);
            }
            Fault::ContractsAreNotBilled => {
                chain.set_billing(false);
                market.leap(2 * HOUR);
            }
            Fault::RuntimeIsUpgraded => chain.upgrade(None),
            Fault::RuntimeIsUnknown => chain.upgrade(Some(("cancel_contract", "cancel_kontract"))),
            Fault::SecondNodeIsStale => window.set_stale(true),
            Fault::SecondNodeIsForked => window.set_forked(true),
            Fault::SecondNodeIsForeign => window.set_foreign(true),
            Fault::SecondNodeIsSilent => on(&window.silent),
            Fault::SecondNodeTalksNonsense => on(&window.garbage),
            Fault::NodeIsSwitchedOff => nodes.iter().for_each(|node| world.nodes.set_condition(*node, Condition::Down)),
            Fault::IdentityIsNotVerified => set_verified(market, false),
            _ => {}
        }
    }

    /// Makes the world well again. What hangs is let go.
    pub fn heal(self, market: &Market, nodes: &[u32]) {
        let world = &market.demo.world;
        let (chain, faults, window) = (&world.chain, &world.chain.faults, &world.window);
        if self.of_node().is_some() {
            nodes.iter().for_each(|node| world.nodes.set_fault(*node, Node::None));
        }
        if self.of_bus().is_some() {
            world.relay.set_fault(Bus::None);
        }
        for switch in [
            &faults.refuse_contracts,
            &faults.reject_submits,
            &faults.drop_extrinsics,
            &faults.hold_extrinsics,
            &faults.swallow_submit_reply,
            &faults.hang_up_on_submit,
            &faults.stall_finality,
            &faults.garbage,
            &faults.silent,
            &faults.pool_full,
            &window.silent,
            &window.garbage,
        ] {
            switch.store(false, Ordering::SeqCst);
        }
        faults.refuse_next.store(0, Ordering::SeqCst);
        match self {
            Fault::WalletIsEmpty | Fault::ContractsAreNotPaid => chain.fund(&operator(), Tft::from_units(400_000 * SCALE)),
            Fault::ContractsAreNotBilled => chain.set_billing(true),
            Fault::RuntimeIsUnknown => chain.upgrade(None),
            Fault::SecondNodeIsStale => window.set_stale(false),
            Fault::SecondNodeIsForked => window.set_forked(false),
            Fault::SecondNodeIsForeign => window.set_foreign(false),
            Fault::NodeIsSwitchedOff => nodes.iter().for_each(|node| world.nodes.set_condition(*node, Condition::Up)),
            Fault::IdentityIsNotVerified => set_verified(market, true),
            _ => {}
        }
        if matches!(self, Fault::ChainIsSilent | Fault::AnswersToCallsAreLost | Fault::SecondNodeIsSilent) {
            // Nobody waits for answers that never come.
            chain.disconnect_all();
            window.disconnect_all();
        }
    }
}

/// The marketplace's own account.
pub fn operator() -> AccountId {
    KeyPair::from_mnemonic(OPERATOR_WORDS, Scheme::Sr25519).expect("the operator's words").public()
}

fn set_verified(market: &Market, verified: bool) {
    let twin = market.demo.instance.app.twin().expect("a twin");
    market.demo.world.nodes.set_verified(twin, verified);
}
