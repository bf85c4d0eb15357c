//! Puts a genesis into the first block's storage.

use std::sync::Arc;

use super::db::plain;
use super::record::{Account, Farm, Location, Node, Price, PricingPolicy, PublicIp, Resources, Terms, Twin};
use super::world::World;
use crate::base::Time;
use crate::base::money::Tft;
use crate::localgrid::genesis::Genesis;
use crate::wire::key::AccountId;
use crate::wire::tfchain::codec::CodecError;
use crate::wire::tfchain::{Codec, METADATA_LATER, Runtime};

/// Accounts without a known key that payouts go to. They begin with a token, so that no payout is too small for them.
pub const FOUNDATION: AccountId = *b"local grid: foundation account  ";
pub const SALES: AccountId = *b"local grid: certified sales acct";
pub const STAKING_POOL: AccountId = *b"local grid: staking pool account";

const ONE_TFT: i64 = 10_000_000;
const PRICES_UP_TO: u32 = 1000;
const GIGABYTES: u8 = 3;

pub fn world(genesis: &Genesis, now: Time) -> Result<World, CodecError> {
    let codec = Arc::new(Codec::new(&METADATA_LATER)?);
    let time_ms = u64::try_from(now.ms()).unwrap_or(0);
    let runtime = Runtime { spec_name: "substrate-threefold".into(), spec_version: 149, tx_version: 2, genesis: [0; 32] };
    let mut world = World::new(codec, runtime, time_ms, STAKING_POOL);
    world.db.begin(0);
    prices(&mut world, genesis.tft_price_musd);
    people(&mut world, genesis);
    places(&mut world, genesis);
    world.runtime.genesis = world.seal_genesis();
    Ok(world)
}

fn prices(world: &mut World, musd: u32) {
    let price = |value| Price { value, unit: GIGABYTES };
    let policy = PricingPolicy {
        version: 2,
        id: 1,
        name: b"threefold_default_pricing_policy".to_vec(),
        su: price(50_000),
        cu: price(100_000),
        nu: price(15_000),
        ipu: price(40_000),
        unique_name: price(2_500),
        domain_name: price(5_000),
        foundation: FOUNDATION,
        certified_sales: SALES,
        dedication_percent: 50,
    };
    world.put_tfgrid("PricingPolicies", &1u32, &policy);
    world.put_tfgrid("PricingPolicyIdByName", &policy.name, &1u32);
    world.db.put(plain("TfgridModule", "PricingPolicyID"), &1u32);
    world.db.put(plain("SmartContractModule", "BillingFrequency"), &super::billing::FREQUENCY);
    world.db.put(plain("SmartContractModule", "ContractID"), &0u64);
    world.db.put(plain("TFTPriceModule", "MinTftPrice"), &1u32);
    set_price(world, musd);
}

pub fn set_price(world: &mut World, musd: u32) {
    world.db.put(plain("TFTPriceModule", "TftPrice"), &musd);
    world.db.put(plain("TFTPriceModule", "AverageTftPrice"), &musd);
    world.db.put(plain("TFTPriceModule", "MaxTftPrice"), &musd.max(PRICES_UP_TO));
    world.db.put(plain("TFTPriceModule", "LastBlockSet"), &world.number);
}

fn people(world: &mut World, genesis: &Genesis) {
    for twin in &genesis.twins {
        let record = Twin {
            id: twin.id,
            account: twin.account,
            relay: twin.relay.clone().map(String::into_bytes),
            entities: vec![],
            pk: twin.pk.clone(),
        };
        let (link, hash) = (b"https://localhost/terms".to_vec(), b"genesis".to_vec());
        let terms = vec![Terms { account: twin.account, timestamp: world.seconds(), link, hash }];
        world.put_tfgrid("Twins", &twin.id, &record);
        world.put_tfgrid("TwinIdByAccountID", &twin.account, &twin.id);
        world.put_tfgrid("UsersTermsAndConditions", &twin.account, &terms);
        endow(world, &twin.account, twin.balance);
    }
    let last = genesis.twins.iter().map(|twin| twin.id).max().unwrap_or(0);
    world.db.put(plain("TfgridModule", "TwinID"), &last);
    for (account, amount) in &genesis.balances {
        endow(world, account, *amount);
    }
    for account in [FOUNDATION, SALES, STAKING_POOL] {
        endow(world, &account, Tft::from_units(ONE_TFT));
    }
}

fn endow(world: &mut World, account: &AccountId, amount: Tft) {
    let Ok(amount) = u128::try_from(amount.units()) else { return };
    if amount == 0 {
        return;
    }
    let before: Account = world.account(account);
    world.put_account(account, &Account { free: before.free + amount, ..before });
    let issued = plain("Balances", "TotalIssuance");
    let total: u128 = world.db.get(&issued).unwrap_or_default();
    world.db.put(issued, &(total + amount));
}

fn places(world: &mut World, genesis: &Genesis) {
    for farm in &genesis.farms {
        let public_ips = farm.public_ips.iter().map(|(ip, gateway)| PublicIp {
            ip: ip.clone().into_bytes(),
            gateway: gateway.clone().into_bytes(),
            contract: 0,
        });
        let record = Farm {
            version: 4,
            id: farm.id,
            name: farm.name.clone().into_bytes(),
            twin: farm.twin,
            pricing_policy: 1,
            certification: 0,
            public_ips: public_ips.collect(),
            dedicated: farm.dedicated,
            limits: None,
        };
        world.put_tfgrid("Farms", &farm.id, &record);
        world.put_tfgrid("FarmIdByName", &record.name, &farm.id);
        let nodes: Vec<u32> = genesis.nodes.iter().filter(|node| node.farm == farm.id).map(|node| node.id).collect();
        world.put_tfgrid("NodesByFarmID", &farm.id, &nodes);
    }
    for node in &genesis.nodes {
        let bytes = |text: &str| text.as_bytes().to_vec();
        let record = Node {
            version: 6,
            id: node.id,
            farm: node.farm,
            twin: node.twin,
            resources: Resources { hru: node.total.hru, sru: node.total.sru, cru: node.total.cru, mru: node.total.mru },
            location: Location {
                city: bytes(&node.city),
                country: bytes(&node.country),
                latitude: bytes(&node.latitude),
                longitude: bytes(&node.longitude),
            },
            public_config: None,
            created: world.seconds(),
            farming_policy: 1,
            interfaces: vec![],
            certified: node.certified,
            secure_boot: false,
            virtualized: false,
            serial_number: None,
            connection_price: 80,
        };
        world.put_tfgrid("Nodes", &node.id, &record);
        world.put_tfgrid("NodeIdByTwinID", &node.twin, &node.id);
        world.put_tfgrid("NodePower", &node.id, &(0u8, 0u8));
        if node.opted_out {
            let now = world.seconds();
            world.put_tfgrid("NodeV3BillingOptOut", &node.id, &now);
        }
    }
    let last_farm = genesis.farms.iter().map(|farm| farm.id).max().unwrap_or(0);
    let last_node = genesis.nodes.iter().map(|node| node.id).max().unwrap_or(0);
    world.db.put(plain("TfgridModule", "FarmID"), &last_farm);
    world.db.put(plain("TfgridModule", "NodeID"), &last_node);
}
