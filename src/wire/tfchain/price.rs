//! What a contract costs, to the unit: the chain's own fixed-point arithmetic. Source: `threefoldtech/tfchain: pallet-smart-contract/src/billing.rs`.

use fixed::types::U64F64;

use super::types::{Level, PricingPolicy, Resources, TftPrice};

const HOUR: u64 = 3600;
const HOURS_A_MONTH: u64 = 720;
const GIB: u64 = 1 << 30;
/// One TFT in units, and the price's thousandths of a dollar in units of a dollar.
const TFT: u64 = 10_000_000;
const MUSD: u64 = 10_000;

/// The runtime makes these from 64-bit floats, whose last bits decide how an exact half is rounded.
const PAY_80: U64F64 = U64F64::from_bits(0xCCCC_CCCC_CCCC_D000);
const PAY_70: U64F64 = U64F64::from_bits(0xB333_3333_3333_3000);
const PAY_60: U64F64 = U64F64::from_bits(0x9999_9999_9999_9800);
const PAY_40: U64F64 = U64F64::from_bits(0x6666_6666_6666_6800);

/// Held months, in halves, at which each discount level begins.
pub const LEVELS: [(Level, u32); 5] =
    [(Level::None, 0), (Level::Default, 3), (Level::Bronze, 6), (Level::Silver, 12), (Level::Gold, 36)];

/// What is paid at a level; None: all of it.
pub const fn pays(level: Level) -> Option<U64F64> {
    match level {
        Level::None => None,
        Level::Default => Some(PAY_80),
        Level::Bronze => Some(PAY_70),
        Level::Silver => Some(PAY_60),
        Level::Gold => Some(PAY_40),
    }
}

/// Where a payout goes; the parts always add up to the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Split {
    pub farmer: u64,
    pub foundation: u64,
    pub staking_pool: u64,
}

/// What `seconds` of a node contract cost in units of 10⁻⁷ US dollar. `used` is None on a node that the same twin rents.
pub fn node_contract(policy: &PricingPolicy, used: Option<&Resources>, public_ips: u32, seconds: u64) -> Option<u64> {
    let mut total = U64F64::ZERO;
    if let Some(used) = used {
        let su = per(policy.su, seconds)?.checked_mul(storage_units(used)?)?;
        total = su.checked_add(per(policy.cu, seconds)?.checked_mul(compute_units(used)?)?)?;
    }
    if public_ips > 0 {
        let ips = whole(public_ips.into())?.checked_mul(whole(policy.ipu.into())?.checked_div(whole(HOUR)?)?)?;
        total = total.checked_add(ips.checked_mul(whole(seconds)?)?)?;
    }
    rounded(total)
}

/// What `seconds` of a whole rented node cost, without the farmer's extra fee.
pub fn rent_contract(policy: &PricingPolicy, total: &Resources, seconds: u64) -> Option<u64> {
    let full = node_contract(policy, Some(total), 0, seconds)?;
    Some(share(full, policy.dedication_percent.into(), 100))
}

pub fn name_contract(policy: &PricingPolicy, seconds: u64) -> Option<u64> {
    rounded(per(policy.unique_name, seconds)?)
}

/// The farmer's extra fee for a rented node: never discounted, all for the farmer.
pub fn extra_fee(musd_per_month: u64, seconds: u64) -> Option<u64> {
    let product = musd_per_month.checked_mul(MUSD)?.checked_mul(seconds)?;
    rounded(whole(product)?.checked_div(whole(HOURS_A_MONTH * HOUR)?)?)
}

/// What a node's report of public traffic adds to the next bill of its contract.
pub fn traffic(policy: &PricingPolicy, bytes: u64, window_seconds: u64) -> Option<u64> {
    let gigabytes = whole(bytes)?.checked_div(whole(1_000_000_000)?)?;
    let price = whole(policy.nu.into())?.checked_div(whole(HOUR)?)?;
    rounded(gigabytes.checked_mul(price)?.checked_mul(whole(window_seconds)?)?)
}

/// Tokens for a cost in units of 10⁻⁷ US dollar. None without a price.
pub fn tft(cost: u64, price: &TftPrice) -> Option<u64> {
    let musd = whole(u64::from(price.musd()) * MUSD)?;
    rounded(whole(cost)?.checked_div(musd)?.checked_mul(whole(TFT)?)?)
}

/// What a wallet must hold for one month of a contract that costs `due` in `seconds`.
pub fn monthly(due: u64, seconds: u64) -> Option<u64> {
    let hourly = whole(due)?.checked_mul(whole(HOUR)?)?.checked_div(whole(seconds)?)?;
    rounded(hourly.checked_mul(whole(HOURS_A_MONTH)?)?)
}

/// The discount level of one contract, by how many months of it the whole wallet could pay.
pub fn level(due: u64, seconds: u64, usable: u128) -> Option<Level> {
    if due == 0 {
        return Some(Level::None);
    }
    let month = monthly(due, seconds)?;
    let usable = whole(u64::try_from(usable).unwrap_or(u64::MAX))?;
    // A contract too cheap to cost one unit a month is covered by any wallet.
    let Some(months) = usable.checked_div(whole(month)?) else { return Some(Level::Gold) };
    let reached = LEVELS.into_iter().rfind(|(_, halves)| months >= U64F64::from_num(*halves) / 2);
    Some(reached.map_or(Level::None, |(level, _)| level))
}

/// What is really due: `undiscounted` at `level`, a quarter more on certified hardware.
pub fn amount_due(undiscounted: u64, level: Level, certified: bool) -> Option<u64> {
    let mut amount = whole(undiscounted)?.checked_mul(pays(level).unwrap_or(U64F64::ONE))?;
    if certified {
        amount = amount.checked_mul(U64F64::ONE + U64F64::ONE / 4)?;
    }
    rounded(amount)
}

/// A payout of a node or rent contract: half to the farmer, 40 % to the foundation, 10 % to the staking pool.
pub fn split_node(total: u64) -> Split {
    let (staking_pool, foundation) = (share(total, 10, 100), share(total, 40, 100));
    Split { farmer: total - staking_pool - foundation, foundation, staking_pool }
}

/// A payout of a name contract: no farmer has a part in it.
pub fn split_name(total: u64) -> Split {
    let staking_pool = share(total, 10, 100);
    Split { farmer: 0, foundation: total - staking_pool, staking_pool }
}

pub fn compute_units(used: &Resources) -> Option<U64F64> {
    let (cores, memory) = (whole(used.cru)?, gib(used.mru)?);
    let balanced = (memory / 4).max(cores / 2);
    let computing = (memory / 8).max(cores);
    let remembering = (memory / 2).max(cores / 4);
    Some(balanced.min(computing).min(remembering))
}

pub fn storage_units(used: &Resources) -> Option<U64F64> {
    (gib(used.hru)? / 1200).checked_add(gib(used.sru)? / 200)
}

/// `part` of `whole` parts of `total`, to the nearest unit, halves down: the runtime's `Perbill` product.
fn share(total: u64, part: u64, parts: u64) -> u64 {
    let product = u128::from(total) * u128::from(part);
    let (quotient, rest) = (product / u128::from(parts), product % u128::from(parts));
    u64::try_from(quotient + u128::from(rest * 2 > u128::from(parts))).unwrap_or(u64::MAX)
}

fn per(value: u32, seconds: u64) -> Option<U64F64> {
    whole(value.into())?.checked_div(whole(HOUR)?)?.checked_mul(whole(seconds)?)
}

fn gib(bytes: u64) -> Option<U64F64> {
    whole(bytes)?.checked_div(whole(GIB)?)
}

fn whole(number: u64) -> Option<U64F64> {
    U64F64::checked_from_num(number)
}

fn rounded(number: U64F64) -> Option<u64> {
    number.checked_round()?.checked_to_num()
}

/// The policy that the chain began with (`threefoldtech/tfchain`); whoever has another one has it from the chain.
pub const GENESIS: PricingPolicy =
    PricingPolicy { su: 50_000, cu: 100_000, nu: 15_000, ipu: 40_000, unique_name: 2_500, dedication_percent: 50 };

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn price(average: u64) -> TftPrice {
        TftPrice { average: u32::try_from(average).unwrap(), min: 1, max: 1000 }
    }

    fn assert_split(split: Split, want: &Value) {
        assert_eq!(split.farmer, want["farmer"].as_u64().unwrap());
        assert_eq!(split.foundation, want["foundation"].as_u64().unwrap());
        assert_eq!(split.staking_pool, want["staking_pool"].as_u64().unwrap());
    }

    fn node_case(case: &Value, number: &impl Fn(&str) -> u64) {
        let used = Resources { cru: number("cru"), mru: number("mru"), sru: number("sru"), hru: number("hru") };
        let (ips, seconds) = (u32::try_from(number("public_ips")).unwrap(), number("seconds"));
        let cost = node_contract(&GENESIS, Some(&used), ips, seconds).unwrap();
        assert_eq!(cost, number("cost_units_usd_1e-7"), "{case}");
        let due = tft(cost, &price(number("avg_tft_price_musd"))).unwrap();
        assert_eq!(due, number("cost_before_discount_tft_1e-7"), "{case}");
        assert_eq!(monthly(due, seconds), Some(number("monthly_before_discount_tft_1e-7")), "{case}");
        let level = level(due, seconds, number("usable_balance").into()).unwrap();
        assert_eq!(format!("{level:?}"), case["discount_level"].as_str().unwrap(), "{case}");
        let amount = amount_due(due, level, case["certified"].as_bool().unwrap()).unwrap();
        assert_eq!(amount, number("amount_due_tft_1e-7"), "{case}");
        assert_split(split_node(amount), &case["distribution_current"]);
    }

    #[test]
    fn every_recorded_bill_comes_out_to_the_unit() {
        let vectors: Value = serde_json::from_str(include_str!("../../../tests/vectors/grid/pricing_onchain.json")).unwrap();
        let cases = vectors["cases"].as_array().unwrap();
        assert_eq!(cases.len(), 111);
        for case in cases {
            let number = |name: &str| case[name].as_u64().unwrap_or_else(|| panic!("{name} in {case}"));
            match case["contract"].as_str().unwrap() {
                "node" => node_case(case, &number),
                "node on rented node" => {
                    let cost = node_contract(&GENESIS, None, 1, number("seconds")).unwrap();
                    assert_eq!(cost, number("cost_units_usd_1e-7"));
                    assert_eq!(tft(cost, &price(10)), Some(number("cost_before_discount_tft_1e-7")));
                }
                "rent" => {
                    let total = Resources {
                        cru: number("node_cru"),
                        mru: number("node_mru"),
                        sru: number("node_sru"),
                        hru: number("node_hru"),
                    };
                    let (seconds, feed) = (number("seconds"), price(number("avg_tft_price_musd")));
                    let full = node_contract(&GENESIS, Some(&total), 0, seconds).unwrap();
                    assert_eq!(full, number("cost_units_usd_1e-7_before_dedication"));
                    let cost = rent_contract(&GENESIS, &total, seconds).unwrap();
                    assert_eq!(cost, number("cost_units_usd_1e-7"));
                    let due = tft(cost, &feed).unwrap();
                    assert_eq!(due, number("cost_before_discount_tft_1e-7"));
                    assert_eq!(amount_due(due, Level::None, false), Some(number("amount_due_no_discount")));
                    assert_eq!(level(due, seconds, u128::MAX), Some(Level::Gold));
                    assert_eq!(amount_due(due, Level::Gold, false), Some(number("amount_due_gold")));
                    let fee = extra_fee(number("extra_fee_musd_month"), seconds).unwrap();
                    assert_eq!(fee, number("extra_fee_units_usd_1e-7"));
                    assert_eq!(tft(fee, &feed), Some(number("extra_fee_tft_1e-7_never_discounted_all_to_farmer")));
                }
                "name" => {
                    let cost = name_contract(&GENESIS, number("seconds")).unwrap();
                    assert_eq!(cost, number("cost_units_usd_1e-7"));
                    let due = tft(cost, &price(10)).unwrap();
                    assert_eq!(due, number("cost_before_discount_tft_1e-7"));
                    assert_split(split_name(due), &case["distribution_current"]);
                }
                "nru report" => {
                    let added = traffic(&GENESIS, number("nru_bytes"), number("window_seconds"));
                    assert_eq!(added, Some(number("added_to_amount_unbilled_units_usd_1e-7")));
                }
                "price clamp" => {
                    let narrow = |name: &str| u32::try_from(number(name)).unwrap();
                    let feed = TftPrice { average: narrow("avg"), min: narrow("min"), max: narrow("max") };
                    assert_eq!(tft(number("cost_units_usd_1e-7"), &feed), Some(number("tft_1e-7")));
                }
                other => panic!("a kind of contract this test does not know: {other}"),
            }
        }
    }

    /// ThreeFold's dashboard estimates a month in floating point. The chain's formulas, asked for a month at once, come to
    /// the same unit. One thing differs: the dashboard compares the wallet with the month of a certified node, the chain
    /// with what the month would be without that surcharge.
    #[test]
    fn the_dashboards_recorded_estimates_come_out_to_the_unit() {
        const MONTH: u64 = HOURS_A_MONTH * HOUR;
        let vectors: Value = serde_json::from_str(include_str!("../../../tests/vectors/grid/pricing_client.json")).unwrap();
        let units = |value: &Value| (value.as_f64().unwrap() * 1e7).round() as u64;
        assert_eq!(name_contract(&GENESIS, MONTH), Some(units(&vectors["name_contract_usd_month"])));
        let cases = vectors["cases"].as_array().unwrap();
        assert_eq!(cases.len(), 27);
        for case in cases {
            let gib = |name: &str| case["resources_gib"][name].as_u64().unwrap();
            let used = Resources { cru: gib("cru"), mru: gib("mru") * GIB, sru: gib("sru") * GIB, hru: gib("hru") * GIB };
            let (certified, ips) = (case["certified"].as_bool().unwrap(), u32::from(case["ipv4u"].as_bool().unwrap()));
            assert_eq!(compute_units(&used).map(|units| units.to_num::<f64>()), case["cu"].as_f64(), "{case}");
            let su = storage_units(&used).map(|units| units.to_num::<f64>()).unwrap();
            assert!((su - case["su"].as_f64().unwrap()).abs() < 1e-12, "{case}");
            let plain = node_contract(&GENESIS, Some(&used), ips, MONTH).unwrap();
            let month = amount_due(plain, Level::None, certified).unwrap();
            assert_eq!(month, units(&case["usd_month_undiscounted"]), "{case}");
            assert_eq!(share(month, 50, 100), units(&case["usd_month_dedicated_undiscounted"]), "{case}");
            for musd in [5, 10, 50] {
                let recorded = units(&case["tft_month_undiscounted"][format!("price_musd_{musd}")]);
                assert_eq!(tft(month, &price(musd)), Some(recorded), "{case}");
            }
            let in_tft = tft(month, &price(10)).unwrap();
            for held in case["levels"].as_array().unwrap() {
                let level = level(in_tft, MONTH, units(&held["balance_tft"]).into()).unwrap();
                assert_eq!(format!("{level:?}").to_lowercase(), held["level"].as_str().unwrap(), "{held}");
                assert_eq!(amount_due(plain, level, certified), Some(units(&held["usd_month"])), "{held}");
            }
        }
    }

    #[test]
    fn absurd_numbers_give_none_and_never_panic() {
        let huge = Resources { hru: u64::MAX, sru: u64::MAX, cru: u64::MAX, mru: u64::MAX };
        assert_eq!(node_contract(&GENESIS, Some(&huge), u32::MAX, u64::MAX), None);
        assert_eq!(tft(1, &TftPrice { average: 0, min: 0, max: 0 }), None);
        assert_eq!(monthly(u64::MAX, 1), None);
        assert_eq!(level(5, 0, 1), None);
    }

    #[test]
    fn a_split_always_adds_up() {
        for total in (0..5_000).chain([u64::MAX / 3, u64::MAX]) {
            for split in [split_node(total), split_name(total)] {
                assert_eq!(split.farmer + split.foundation + split.staking_pool, total);
            }
        }
    }
}
