//! How old files become new ones: an append-only list. The version of a file is how much of the list it has been through.

use std::collections::BTreeMap;

use redb::Database;
use serde::{Deserialize, Serialize};

use super::health::Health;
use super::schema::{
    BILLS, EARNED_BY_DAY, EARNED_BY_NODE, EARNED_BY_ORDER, FARM_LOADS, ORDERS, ORDERS_OPEN, RESERVATIONS, RESERVATIONS_BY_END,
    VERSION,
};
use super::table::{Read, Table};
use super::tx::{OpenTables, Tx};
use crate::base::ids::{OrderId, UserId};
use crate::base::money::Tft;
use crate::base::{Error, Result, Time};

/// One step. It reads the old rows with its own frozen copy of their types.
pub(super) struct Migration {
    pub(super) name: &'static str,
    pub(super) run: fn(&mut Tx<'_>) -> Result<()>,
}

/// Append only: an entry that has been released is never changed, moved or removed.
pub(super) const MIGRATIONS: &[Migration] = &[
    Migration { name: "the first tables", run: |_| Ok(()) },
    Migration { name: "each person's open orders", run: list_open_orders },
    Migration { name: "reservations by their end and their farm", run: list_reservations },
    Migration { name: "what nodes earned, added up", run: add_up_earnings },
];

/// Fills `ORDERS_OPEN`.
fn list_open_orders(tx: &mut Tx<'_>) -> Result<()> {
    /// An order as it was then, as far as it matters here.
    #[derive(Serialize, Deserialize)]
    struct Row {
        user: UserId,
        state: String,
    }
    const ROWS: Table<OrderId, Row> = ORDERS.with_rows();
    let mut open = Vec::new();
    tx.each(&ROWS, |id, row: Row| {
        if !matches!(row.state.as_str(), "ended" | "refunded") {
            open.push((row.user, id));
        }
        Ok(())
    })?;
    for (user, id) in open {
        tx.link(&ORDERS_OPEN, user, id);
    }
    Ok(())
}

/// Fills `RESERVATIONS_BY_END` and `FARM_LOADS`.
fn list_reservations(tx: &mut Tx<'_>) -> Result<()> {
    /// A reservation as it was then, as far as it matters here.
    #[derive(Serialize, Deserialize)]
    struct Row {
        farm: u32,
        #[serde(default)]
        until: Option<Time>,
    }
    const ROWS: Table<(u32, OrderId), Row> = RESERVATIONS.with_rows();
    let (mut ends, mut loads) = (Vec::new(), BTreeMap::<u32, u32>::new());
    tx.each(&ROWS, |key, row: Row| {
        ends.push((row.until.unwrap_or(Time::from_ms(i64::MAX)), key));
        *loads.entry(row.farm).or_default() += 1;
        Ok(())
    })?;
    for (end, key) in ends {
        tx.link(&RESERVATIONS_BY_END, end, key);
    }
    loads.into_iter().try_for_each(|(farm, count)| tx.put(&FARM_LOADS, farm, &count))
}

/// Fills `EARNED_BY_ORDER`, `EARNED_BY_NODE` and `EARNED_BY_DAY`.
fn add_up_earnings(tx: &mut Tx<'_>) -> Result<()> {
    /// A bill as it was then, as far as it matters here.
    #[derive(Serialize, Deserialize)]
    struct Row {
        order: OrderId,
        node: u32,
        owner: u32,
        at: Time,
        amount: Tft,
        share: Tft,
    }
    /// What they come to.
    #[derive(Clone, Copy, Default, Serialize, Deserialize)]
    struct Sum {
        billed: Tft,
        share: Tft,
        bills: u64,
        last: Time,
    }
    const ROWS: Table<(u64, u32, u32), Row> = BILLS.with_rows();
    const BY_ORDER: Table<(u32, u32, OrderId), Sum> = EARNED_BY_ORDER.with_rows();
    const BY_NODE: Table<(u32, u32), Sum> = EARNED_BY_NODE.with_rows();
    let add = |sum: Tft, more: Tft| Tft::from_units(sum.units().saturating_add(more.units()));
    let plus = |sum: &mut Sum, row: &Row| {
        *sum = Sum {
            billed: add(sum.billed, row.amount),
            share: add(sum.share, row.share),
            bills: sum.bills + 1,
            last: sum.last.max(row.at),
        };
    };
    let (mut orders, mut nodes, mut days) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    tx.each(&ROWS, |_, row: Row| {
        if row.owner != 0 {
            plus(orders.entry((row.owner, row.node, row.order)).or_default(), &row);
            plus(nodes.entry((row.owner, row.node)).or_default(), &row);
            let day = u32::try_from(row.at.secs().div_euclid(86_400)).unwrap_or(0);
            let share = days.entry((row.owner, day)).or_insert(Tft::ZERO);
            *share = add(*share, row.share);
        }
        Ok(())
    })?;
    orders.into_iter().try_for_each(|(key, sum)| tx.put(&BY_ORDER, key, &sum))?;
    nodes.into_iter().try_for_each(|(key, sum)| tx.put(&BY_NODE, key, &sum))?;
    days.into_iter().try_for_each(|(key, share)| tx.put(&EARNED_BY_DAY, key, &share))
}

/// Runs what is pending, all in one transaction: a file is never left between two versions.
pub(super) fn run(db: &Database, migrations: &[Migration]) -> Result<()> {
    let health = Health::new(); // an error here ends the start, nobody else needs to know
    let fail = |cause: redb::Error| health.fail(cause);
    let known = migrations.len() as u64;
    let mut txn = db.begin_write().map_err(|cause| fail(cause.into()))?;
    txn.set_two_phase_commit(true);
    txn.set_quick_repair(true);
    let version = {
        let tables = OpenTables::new(&txn, &health);
        let mut tx = Tx::new(&tables);
        let version = tx.single(&VERSION)?.unwrap_or(0);
        refuse_newer(version, known)?;
        for migration in migrations.iter().skip(usize::try_from(version).unwrap_or(usize::MAX)) {
            tracing::info!(name = migration.name, "migrating the data file");
            (migration.run)(&mut tx)?;
        }
        tx.set(&VERSION, &known)?;
        tables.apply(tx.into_overlay())?;
        version
    };
    if version == known {
        txn.abort().map_err(|cause| fail(cause.into()))
    } else {
        txn.commit().map_err(|cause| fail(cause.into()))
    }
}

pub(super) fn refuse_newer(version: u64, known: u64) -> Result<()> {
    if version <= known {
        return Ok(());
    }
    Err(Error::conflict(format!(
        "The data file was written by a newer Cooperage (version {version} of the file, this program knows {known}). \
         It was left as it is. Install the newer program again, or restore a backup made by this one."
    )))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::store::order::Orders;
    use crate::store::{Options, Store};

    #[test]
    fn open_orders_of_older_files_are_counted() {
        let folder = std::env::temp_dir().join(format!("cooperage-open-orders-{}", std::process::id()));
        let (alice, bob) = (UserId::from_bits(1), UserId::from_bits(2));
        let older = super::super::open::open(&folder, &Options::default(), &MIGRATIONS[..1]).unwrap();
        let store = Store::start(older, &Options::default()).unwrap();
        const ROWS: Table<OrderId, serde_json::Value> = ORDERS.with_rows();
        let rows = [(1, alice, "active"), (2, alice, "ended"), (3, alice, "paying"), (4, bob, "refunded"), (5, bob, "ending")];
        store
            .write_blocking(move |tx| {
                rows.into_iter().try_for_each(|(id, user, state)| {
                    tx.put(&ROWS, OrderId::from_bits(id), &json!({ "user": user, "state": state, "more": 1 }))
                })
            })
            .unwrap();
        store.close();
        let store = Store::open(&folder, Options::default()).unwrap();
        let snapshot = store.read().unwrap();
        let count = |user| snapshot.open_orders_of(user, 10).unwrap();
        assert_eq!((count(alice), count(bob), count(UserId::from_bits(3))), (2, 1, 0));
        drop((snapshot, store));
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn bills_of_older_files_are_added_up() {
        use crate::store::earning::Earnings;
        let folder = std::env::temp_dir().join(format!("cooperage-earnings-{}", std::process::id()));
        let older = super::super::open::open(&folder, &Options::default(), &MIGRATIONS[..3]).unwrap();
        let store = Store::start(older, &Options::default()).unwrap();
        const ROWS: Table<(u64, u32, u32), serde_json::Value> = BILLS.with_rows();
        let tft = |units| Tft::from_units(units);
        store
            .write_blocking(move |tx| {
                (0..6_u32).try_for_each(|event| {
                    let (order, at) = (OrderId::from_bits(u128::from(event % 2)), Time::from_secs(i64::from(event) * 30_000));
                    let row = json!({
                        "contract": 5, "order": order, "node": 3, "owner": if event == 5 { 0 } else { 7 }, "block": 1, "event": event,
                        "at": at, "amount": tft(100), "level": "Gold", "list": tft(250), "share": tft(50)
                    });
                    tx.put(&ROWS, (5, 1, event), &row)
                })
            })
            .unwrap();
        store.close();
        let store = Store::open(&folder, Options::default()).unwrap();
        let snapshot = store.read().unwrap();
        let rows = snapshot.earned_by_order(&[0, 7], None, 10).unwrap();
        let seen: Vec<_> =
            rows.iter().map(|(_, sum)| (sum.bills, sum.billed.units(), sum.share.units(), sum.last.secs())).collect();
        assert_eq!(seen, [(3, 300, 150, 120_000), (2, 200, 100, 90_000)]);
        assert_eq!(snapshot.earned_by_node(&[7], None, 10).unwrap()[0].1.bills, 5);
        assert_eq!(snapshot.earned_by_day(7, 9).unwrap(), [(1, tft(100)), (0, tft(150))]);
        drop((snapshot, store));
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn reservations_of_older_files_count_as_before() {
        let folder = std::env::temp_dir().join(format!("cooperage-reservations-{}", std::process::id()));
        let older = super::super::open::open(&folder, &Options::default(), &MIGRATIONS[..2]).unwrap();
        let store = Store::start(older, &Options::default()).unwrap();
        const ROWS: Table<(u32, OrderId), serde_json::Value> = RESERVATIONS.with_rows();
        let room = json!({ "cores": 2, "memory": 4, "ssd": 8, "hdd": 0 });
        let rows = [(1, 10, 7, None), (1, 11, 7, Some(500)), (2, 12, 7, Some(2000)), (3, 13, 8, None)];
        let written = rows.map(|(node, order, farm, until)| {
            (
                (node, OrderId::from_bits(order)),
                json!({ "farm": farm, "capacity": room, "ipv4": 1, "until": until.map(Time::from_ms) }),
            )
        });
        store.write_blocking(move |tx| written.into_iter().try_for_each(|(key, row)| tx.put(&ROWS, key, &row))).unwrap();
        store.close();
        let store = Store::open(&folder, Options::default()).unwrap();
        let cores = |snapshot: &crate::store::Snapshot| -> Vec<(u32, u64)> {
            snapshot.reserved(Time::from_ms(1000)).unwrap().into_iter().map(|(node, room)| (node, room.cores)).collect()
        };
        let snapshot = store.read().unwrap();
        assert_eq!(cores(&snapshot), [(1, 2), (2, 2), (3, 2)], "one on node 1 has faded");
        assert_eq!(snapshot.carried().unwrap(), BTreeMap::from([(7, 3), (8, 1)]), "also what has faded is carried");
        assert_eq!(snapshot.promised_addresses().unwrap(), BTreeMap::from([(7, 1), (8, 1)]));
        store.write_blocking(|tx| tx.release(3, OrderId::from_bits(13))).unwrap();
        store
            .write_blocking(|tx| {
                let row = tx.need(&RESERVATIONS, (1, OrderId::from_bits(10)), "reservation")?;
                // Written again it is the same one, until another moment.
                tx.reserve(
                    1,
                    OrderId::from_bits(10),
                    &crate::store::order::Reservation { until: Some(Time::from_ms(900)), ..row },
                )
            })
            .unwrap();
        let snapshot = store.read().unwrap();
        assert_eq!((cores(&snapshot), snapshot.carried().unwrap()), (vec![(2, 2)], BTreeMap::from([(7, 3)])));
        assert!(snapshot.promised_addresses().unwrap().is_empty());
        drop((snapshot, store));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
