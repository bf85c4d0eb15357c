//! Every table and every index there is. Stored names never change.

use super::order::Reservation;
use super::table::{Index, Single, Table};
use crate::base::Time;
use crate::base::ids::{
    CardId, ChargeId, FilterId, JobId, MailId, MaintenanceId, OrderId, PoolId, QuoteId, RefundId, RevisionId, TransferId, UserId,
    WebAddressId,
};
use crate::base::money::Tft;
use crate::domain::account::{Session, Ticket, User};
use crate::domain::backup::{BackupVm, Looks as BackupLooks};
use crate::domain::benchmark::Benchmark;
use crate::domain::bill::{Bill, Contract, Sum};
use crate::domain::charge::{Card, CardSetup, Charge, Notice, Refund};
use crate::domain::exposure::{Exposure, PrivatePool};
use crate::domain::home_copy::HomeCopies;
use crate::domain::job::Job;
use crate::domain::ledger::{Account, Balance, Entry, Head, Transfer};
use crate::domain::mail::Mail;
use crate::domain::maintenance::Maintenance;
use crate::domain::node::Node;
use crate::domain::observation::{Day, Turned};
use crate::domain::order::{Order, Quote};
use crate::domain::orphan::Orphan;
use crate::domain::outage::Outage;
use crate::domain::report::{Reporter, Sample, Sums, Tail};
use crate::domain::revision::Revision;
use crate::domain::saved_filter::SavedFilter;
use crate::domain::signer::SignedCall;
use crate::domain::swarm::{Looks, Swarm};
use crate::domain::watch::Watch;
use crate::domain::web_address::WebAddress;

// META: single values.
/// How many migrations this file has been through.
pub const VERSION: Single<u64> = Single::new("version");
/// The newest entry of the journal.
pub const JOURNAL_HEAD: Single<Head> = Single::new("journal_head");

// The ledger.
pub const TRANSFERS: Table<TransferId, Transfer> = Table::new("transfers");
pub const TRANSFERS_BY_CAUSE: Table<String, TransferId> = Table::new("transfers_by_cause");
/// Under the number of the entry that opened the transfer, so that they list in the order they happened.
pub const TRANSFERS_BY_ACCOUNT: Index<Account, (u64, TransferId)> = Index::new("transfers_by_account");
pub const BALANCES: Table<Account, Balance> = Table::new("balances");
pub const JOURNAL: Table<u64, Entry> = Table::new("journal");

// People.
pub const USERS: Table<UserId, User> = Table::new("users");
pub const USER_BY_EMAIL: Table<String, UserId> = Table::new("user_by_email");
pub const USERS_BY_AGE: Index<Time, UserId> = Index::new("users_by_age");
/// Under the hash of the cookie's secret.
pub const SESSIONS: Table<String, Session> = Table::new("sessions");
pub const SESSIONS_BY_USER: Index<UserId, String> = Index::new("sessions_by_user");
/// Under the hash of the link's secret.
pub const TICKETS: Table<String, Ticket> = Table::new("tickets");
/// Who earns what a farm earns, by the farm's number.
pub const FARM_CLAIMS: Table<u32, UserId> = Table::new("farm_claims");
/// The farmer's twin that proved a farm, by the farm's number: earnings are booked for twins.
pub const FARM_TWINS: Table<u32, u32> = Table::new("farm_twins");

// Orders.
pub const QUOTES: Table<QuoteId, Quote> = Table::new("quotes");
pub const ORDERS: Table<OrderId, Order> = Table::new("orders");
pub const ORDERS_BY_USER: Index<(UserId, Time), OrderId> = Index::new("orders_by_user");
/// Orders that are not over: what counts against what one person may have.
pub const ORDERS_OPEN: Index<UserId, OrderId> = Index::new("orders_open");
pub const ORDERS_BY_AGE: Index<Time, OrderId> = Index::new("orders_by_age");
/// Under the state's place in `State::ALL`.
pub const ORDERS_BY_STATE: Index<(u8, Time), OrderId> = Index::new("orders_by_state");
/// Under each tag that their owner gave them.
pub const ORDERS_BY_TAG: Index<(UserId, String, Time), OrderId> = Index::new("orders_by_tag");
pub const RESERVATIONS: Table<(u32, OrderId), Reservation> = Table::new("reservations");
/// Under the moment they fade at, the end of time if they don't: those that still count are all behind now.
pub const RESERVATIONS_BY_END: Index<Time, (u32, OrderId)> = Index::new("reservations_by_end");
/// How many reservations a farm has, by its number: no row where there is none.
pub const FARM_LOADS: Table<u32, u32> = Table::new("farm_loads");

/// Machines that can take over, under the orders that they stand beside.
pub const BACKUPS: Table<OrderId, BackupVm> = Table::new("backups");
/// How they and their servers are, as last seen.
pub const BACKUP_LOOKS: Table<OrderId, BackupLooks> = Table::new("backup_looks");
/// Those that are not over, under nothing (0).
pub const BACKUPS_OPEN: Index<u8, OrderId> = Index::new("backups_open");
// Changes of what runs.
pub const REVISIONS: Table<RevisionId, Revision> = Table::new("revisions");
pub const REVISIONS_BY_ORDER: Index<(OrderId, Time), RevisionId> = Index::new("revisions_by_order");
/// Those that are not at rest, by when they were begun.
pub const REVISIONS_OPEN: Index<Time, RevisionId> = Index::new("revisions_open");

/// Servers that do not answer, under their orders.
pub const OUTAGES: Table<OrderId, Outage> = Table::new("outages");

// Storage swarms, under their order.
pub const SWARMS: Table<OrderId, Swarm> = Table::new("swarms");
/// How their shards are, as last seen.
pub const SWARM_LOOKS: Table<OrderId, Looks> = Table::new("swarm_looks");
/// Those that are not gone, under the stage's place in `Stage`.
pub const SWARMS_OPEN: Index<u8, OrderId> = Index::new("swarms_open");

// Cards. `CARD_SETUPS`, `CHARGE_BY_PAYMENT` and `NOTICES` are under the processor's own ids.
pub const CARDS: Table<CardId, Card> = Table::new("cards");
pub const CARDS_BY_USER: Index<UserId, CardId> = Index::new("cards_by_user");
pub const CARD_SETUPS: Table<String, CardSetup> = Table::new("card_setups");
pub const CHARGES: Table<ChargeId, Charge> = Table::new("charges");
pub const CHARGES_BY_USER: Index<(UserId, Time), ChargeId> = Index::new("charges_by_user");
pub const CHARGE_BY_PAYMENT: Table<String, ChargeId> = Table::new("charge_by_payment");
pub const REFUNDS: Table<RefundId, Refund> = Table::new("refunds");
pub const REFUNDS_BY_CHARGE: Index<ChargeId, RefundId> = Index::new("refunds_by_charge");
pub const NOTICES: Table<String, Notice> = Table::new("notices");
/// The newest of the processor's events that were listed.
pub const NOTICED_TO: Single<Time> = Single::new("noticed_to");
/// The number of the last receipt.
pub const RECEIPTS: Single<u64> = Single::new("receipts");

// The grid.
/// Our contracts, under the chain's numbers.
pub const CONTRACTS: Table<u64, Contract> = Table::new("contracts");
/// Under contract, block and event.
pub const BILLS: Table<(u64, u32, u32), Bill> = Table::new("bills");
/// What the nodes of a farmer's twin earned with each order, under twin, node and order: the sum of its bills.
pub const EARNED_BY_ORDER: Table<(u32, u32, OrderId), Sum> = Table::new("earned_by_order");
/// The same under twin and node.
pub const EARNED_BY_NODE: Table<(u32, u32), Sum> = Table::new("earned_by_node");
/// The shares of one day, under twin and the day's number since 1970.
pub const EARNED_BY_DAY: Table<(u32, u32), Tft> = Table::new("earned_by_day");
/// Under the purpose they were signed for.
pub const CALLS: Table<String, SignedCall> = Table::new("calls");
/// Purposes whose call may still land, by nonce.
pub const CALLS_OPEN: Index<u32, String> = Index::new("calls_open");
/// The first nonce that no finalized call of ours has used, by the account's address.
pub const NONCES: Table<String, u32> = Table::new("nonces");
/// The last finalized block whose bills were read.
pub const BILLED_TO: Single<u32> = Single::new("billed_to");
/// The chain these books were made with: hex of its first block's hash.
pub const CHAIN: Single<String> = Single::new("chain");
/// Blocks that the chain had forgotten when we came to read them: from, to. Their bills are in nobody's books.
pub const UNREAD_BLOCKS: Table<u32, u32> = Table::new("unread_blocks");
/// Farmers' twins that carry or carried contracts of ours.
pub const OWNERS: Single<std::collections::BTreeSet<u32>> = Single::new("owners");
/// Orders whose contract the wallet could not pay.
pub const PAUSED: Single<std::collections::BTreeSet<OrderId>> = Single::new("paused");
/// Contracts of our twin that the books know nothing of, under the chain's numbers.
pub const ORPHANS: Single<std::collections::BTreeMap<u64, Orphan>> = Single::new("orphans");
/// When somebody else last used a nonce of ours, and how often that was.
pub const USURPED: Single<(Time, u32)> = Single::new("usurped");
/// What of our contracts' bills could not be paid so far, under the chain's numbers: the next bill that can be takes it along.
pub const OVERDRAFTS: Single<std::collections::BTreeMap<u64, Tft>> = Single::new("overdrafts");
/// What operators were told of how long the tokens last.
pub const RUNWAY: Single<Watch> = Single::new("runway");
/// Our twin on the grid.
pub const TWIN: Single<u32> = Single::new("twin");

// Nodes, as the index last told when they were stored.
/// Some hundred each, under their place.
pub const NODES: Table<u32, Vec<Node>> = Table::new("nodes");
/// When the index told of them.
pub const NODES_AT: Single<Time> = Single::new("nodes_at");
/// What we saw become of nodes, under the node's number and the moment.
pub const NODE_TURNS: Table<(u32, Time), Turned> = Table::new("node_turns");

// Whom nodes are sold to.
pub const PRIVATE_POOLS: Table<PoolId, PrivatePool> = Table::new("private_pools");
/// Under the node's number: a node is in one pool at most.
pub const EXPOSURES: Table<u32, Exposure> = Table::new("exposures");
/// Under the pool, how far the node is on its way into it (`Stage`), and since when.
pub const EXPOSURES_BY_POOL: Index<(PoolId, u8, Time), u32> = Index::new("exposures_by_pool");

// When nodes are worked on.
pub const MAINTENANCES: Table<MaintenanceId, Maintenance> = Table::new("maintenances");
/// Under the node's number and the window's beginning.
pub const MAINTENANCES_BY_NODE: Index<(u32, Time), MaintenanceId> = Index::new("maintenances_by_node");
/// Those that were not cancelled, under their end: those that are not over are all behind now.
pub const MAINTENANCES_BY_END: Index<Time, MaintenanceId> = Index::new("maintenances_by_end");

// Filters that people keep.
pub const SAVED_FILTERS: Table<FilterId, SavedFilter> = Table::new("saved_filters");
pub const SAVED_FILTERS_BY_USER: Index<UserId, FilterId> = Index::new("saved_filters_by_user");

// Ways in from the web.
pub const WEB_ADDRESSES: Table<WebAddressId, WebAddress> = Table::new("web_addresses");
/// An order's, in the order in which they were made: one of them at most is not gone.
pub const WEB_ADDRESSES_BY_ORDER: Index<(OrderId, Time), WebAddressId> = Index::new("web_addresses_by_order");
/// Those that are not gone.
pub const WEB_ADDRESSES_OPEN: Index<Time, WebAddressId> = Index::new("web_addresses_open");
/// Those that are not gone, by the node that is their gateway.
pub const WEB_ADDRESSES_BY_GATEWAY: Index<u32, WebAddressId> = Index::new("web_addresses_by_gateway");
/// Domains of customers' own whose address is not gone.
pub const WEB_ADDRESS_BY_DOMAIN: Table<String, WebAddressId> = Table::new("web_address_by_domain");

// What we saw of nodes.
/// Under the day's number since 1970.
pub const OBSERVATIONS: Table<u32, Day> = Table::new("observations");

/// What nodes say of their own speed, under the node's number.
pub const BENCHMARKS: Table<u32, Benchmark> = Table::new("benchmarks");
// What VMs say of themselves.
/// Under the order, and which of its machines (`Seat`).
pub const REPORTERS: Table<(OrderId, u8), Reporter> = Table::new("reporters");
/// Under the hash of the secret in the machine's address.
pub const REPORTER_BY_HASH: Table<String, (OrderId, u8)> = Table::new("reporter_by_hash");
/// Of a machine, under the minute's number since 1970.
pub const REPORT_MINUTES: Table<(OrderId, u8, u32), Sample> = Table::new("report_minutes");
/// Of a machine, under the hour's number since 1970.
pub const REPORT_HOURS: Table<(OrderId, u8, u32), Sums> = Table::new("report_hours");
/// The end of a machine's log.
pub const REPORT_TAILS: Table<(OrderId, u8), Tail> = Table::new("report_tails");

/// What machines of customers' own copy from their servers, under the order.
pub const HOME_COPIES: Table<OrderId, HomeCopies> = Table::new("home_copies");

// What we owe.
pub const JOBS: Table<JobId, Job> = Table::new("jobs");
pub const JOB_BY_WORK: Table<String, JobId> = Table::new("job_by_work");
pub const JOBS_BY_DUE: Index<Time, JobId> = Index::new("jobs_by_due");
pub const JOBS_PARKED: Index<Time, JobId> = Index::new("jobs_parked");
pub const MAILS: Table<MailId, Mail> = Table::new("mails");
