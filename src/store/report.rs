//! What VMs say of themselves: who may speak, what was heard by the minute and by the hour, and the end of their logs.

use super::leftover::HELPING;
use super::schema::{REPORT_HOURS, REPORT_MINUTES, REPORT_TAILS, REPORTER_BY_HASH, REPORTERS};
use super::{Order, Read, Row, Store, Table, Tx};
use crate::base::ids::OrderId;
use crate::base::time::{HOUR, MINUTE};
use crate::base::{Result, Time};
use crate::domain::report::{HOURS_KEPT, MINUTES_KEPT, Reporter, Sample, Seat, Sums, Tail, number};
use crate::store::order::Orders;

/// Old samples that one message clears away: it adds one, so that this is always enough in the end.
const CLEARED_AT_ONCE: usize = 20;
/// More samples than one machine can have.
const SAMPLES_MAX: usize = 4000;

pub trait Reports: Read {
    fn reporter(&self, order: OrderId, seat: Seat) -> Result<Option<Reporter>> {
        self.get(&REPORTERS, (order, seat as u8))
    }

    fn reporter_by_hash(&self, hash: &str) -> Result<Option<Reporter>> {
        match self.get(&REPORTER_BY_HASH, hash)? {
            Some(key) => self.get(&REPORTERS, key),
            None => Ok(None),
        }
    }

    /// Samples of a machine by the minute, from a moment on.
    fn report_minutes(&self, order: OrderId, seat: Seat, from: Time) -> Result<Vec<(u32, Sample)>> {
        samples(self, &REPORT_MINUTES, order, seat, number(from, MINUTE))
    }

    /// Samples of a machine by the hour, from a moment on.
    fn report_hours(&self, order: OrderId, seat: Seat, from: Time) -> Result<Vec<(u32, Sample)>> {
        let hours = samples(self, &REPORT_HOURS, order, seat, number(from, HOUR))?;
        Ok(hours.into_iter().filter_map(|(hour, sums): (u32, Sums)| Some((hour, sums.mean()?))).collect())
    }

    fn report_tail(&self, order: OrderId, seat: Seat) -> Result<Tail> {
        Ok(self.get(&REPORT_TAILS, (order, seat as u8))?.unwrap_or_default())
    }
}

impl<T: Read> Reports for T {}

fn samples<V: Row>(
    reader: &(impl Read + ?Sized),
    table: &Table<(OrderId, u8, u32), V>,
    order: OrderId,
    seat: Seat,
    from: u32,
) -> Result<Vec<(u32, V)>> {
    let seat = seat as u8;
    let rows =
        reader.range::<_, _, (OrderId, u8, u32)>(table, (order, seat, from)..=(order, seat, u32::MAX), Order::Up, SAMPLES_MAX)?;
    Ok(rows.into_iter().map(|((_, _, at), row)| (at, row)).collect())
}

impl Tx<'_> {
    /// Remembers who may speak; an older secret of the same machine works no more.
    pub fn put_reporter(&mut self, reporter: &Reporter) -> Result<()> {
        let key = (reporter.order, reporter.seat as u8);
        if let Some(old) = self.get(&REPORTERS, key)?.filter(|old: &Reporter| old.hash != reporter.hash) {
            self.remove(&REPORTER_BY_HASH, old.hash)?;
        }
        self.put(&REPORTER_BY_HASH, reporter.hash.as_str(), &key)?;
        self.put(&REPORTERS, key, reporter)
    }

    /// Keeps a sample under its minute and in its hour, and lets go of those that are too old.
    pub fn add_sample(&mut self, order: OrderId, seat: Seat, at: Time, sample: &Sample) -> Result<()> {
        let (seat, minute, hour) = (seat as u8, number(at, MINUTE), number(at, HOUR));
        self.put(&REPORT_MINUTES, (order, seat, minute), sample)?;
        let mut sums = self.get(&REPORT_HOURS, (order, seat, hour))?.unwrap_or_default();
        Sums::add(&mut sums, sample);
        self.put(&REPORT_HOURS, (order, seat, hour), &sums)?;
        self.forget(&REPORT_MINUTES, order, seat, number(at - MINUTES_KEPT, MINUTE))?;
        self.forget(&REPORT_HOURS, order, seat, number(at - HOURS_KEPT, HOUR))
    }

    fn forget<V: Row>(&mut self, table: &Table<(OrderId, u8, u32), V>, order: OrderId, seat: u8, before: u32) -> Result<()> {
        let old =
            self.range::<_, V, (OrderId, u8, u32)>(table, (order, seat, 0)..(order, seat, before), Order::Up, CLEARED_AT_ONCE)?;
        old.into_iter().try_for_each(|(key, _)| self.remove(table, key).map(drop))
    }

    pub fn put_tail(&mut self, order: OrderId, seat: Seat, tail: &Tail) -> Result<()> {
        self.put(&REPORT_TAILS, (order, seat as u8), tail)
    }

    pub fn remove_tail(&mut self, order: OrderId, seat: Seat) -> Result<()> {
        self.remove(&REPORT_TAILS, (order, seat as u8)).map(drop)
    }

    /// Forgets a machine and what it said, a helping of samples at a time: tells how many rows went, and whether that was all.
    pub fn remove_reporter(&mut self, reporter: &Reporter) -> Result<(usize, bool)> {
        let (order, seat) = (reporter.order, reporter.seat as u8);
        let minutes = self.remove_under(&REPORT_MINUTES, order, seat, HELPING)?;
        let hours = self.remove_under(&REPORT_HOURS, order, seat, HELPING - minutes)?;
        if minutes + hours == HELPING {
            return Ok((HELPING, false));
        }
        self.remove_tail(order, reporter.seat)?;
        self.remove(&REPORTER_BY_HASH, reporter.hash.as_str())?;
        self.remove(&REPORTERS, (order, seat))?;
        Ok((minutes + hours + 1, true))
    }

    fn remove_under<V: Row>(
        &mut self,
        table: &Table<(OrderId, u8, u32), V>,
        order: OrderId,
        seat: u8,
        most: usize,
    ) -> Result<usize> {
        let keys: Vec<_> = self.under(table, &(order, seat), Order::Up, most)?.into_iter().map(|(key, _)| key).collect();
        keys.iter().try_for_each(|key| self.remove(table, *key).map(drop))?;
        Ok(keys.len())
    }
}

impl Store {
    /// Forgets what the machines said whose order is over; gives how many rows that were.
    pub(super) async fn clear_reports(&self) -> Result<usize> {
        let (mut after, mut gone) = (None, 0);
        loop {
            let snapshot = self.read()?;
            let rows = snapshot.page(&REPORTERS, after, HELPING)?;
            let Some((last, _)) = rows.last() else { return Ok(gone) };
            after = Some(*last);
            let over = |order: OrderId| snapshot.order(order).map(|order| order.is_none_or(|order| order.state.over()));
            let mut ended = Vec::new();
            for (_, reporter) in rows {
                if over(reporter.order)? {
                    ended.push(reporter);
                }
            }
            drop(snapshot);
            for reporter in ended {
                gone += self.forget_reporter(reporter).await?;
            }
        }
    }

    /// Forgets a machine and all it said; gives how many rows that were.
    pub async fn forget_reporter(&self, reporter: Reporter) -> Result<usize> {
        let mut gone = 0;
        loop {
            let reporter = reporter.clone();
            let (rows, all) = self.write(move |tx| tx.remove_reporter(&reporter)).await?;
            gone += rows;
            if all {
                return Ok(gone);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::time::DAY;

    fn sample(load: u64) -> Sample {
        Sample { cpu: Some(load), load, memory_used: 1, memory: 2, disk_used: 1, disk: 2, received: None, sent: None }
    }

    fn reporter(order: u128, hash: &str) -> Reporter {
        let order = OrderId::from_bits(order);
        Reporter { order, seat: Seat::Main, hash: hash.into(), created: Time::EPOCH, logs: false, heard: None }
    }

    #[tokio::test]
    async fn a_machine_keeps_a_day_of_minutes_and_a_month_of_hours_and_no_more() {
        let store = Store::in_memory().unwrap();
        let (one, other) = (OrderId::from_bits(1), OrderId::from_bits(2));
        let start = Time::from_secs(1_795_270_000);
        store
            .write(move |tx| {
                tx.add_sample(other, Seat::Main, start, &sample(7))?;
                for minute in 0..3000_u32 {
                    tx.add_sample(one, Seat::Main, start + MINUTE * minute, &sample(minute.into()))?;
                }
                Ok(())
            })
            .await
            .unwrap();
        let read = store.read().unwrap();
        assert_eq!(read.report_minutes(one, Seat::Main, Time::EPOCH).unwrap().len(), 1441);
        assert_eq!(read.report_hours(one, Seat::Main, Time::EPOCH).unwrap().len(), 51);
        assert_eq!(read.report_minutes(other, Seat::Main, Time::EPOCH).unwrap().len(), 1, "only its own");
        assert_eq!(read.report_minutes(one, Seat::Backup, Time::EPOCH).unwrap().len(), 0);
        let end = start + MINUTE * 2999;
        assert_eq!(read.report_minutes(one, Seat::Main, end).unwrap(), [(number(end, MINUTE), sample(2999))]);
        // After a long silence what is too old goes with the first messages.
        store
            .write(move |tx| (0..100).try_for_each(|n| tx.add_sample(one, Seat::Main, end + DAY * 40 + MINUTE * n, &sample(1))))
            .await
            .unwrap();
        let read = store.read().unwrap();
        assert_eq!(read.report_minutes(one, Seat::Main, Time::EPOCH).unwrap().len(), 100);
        assert_eq!(read.report_hours(one, Seat::Main, Time::EPOCH).unwrap().len(), 2);
    }

    #[tokio::test]
    async fn a_new_secret_ends_the_old_one_and_an_order_that_is_gone_takes_all_with_it() {
        let store = Store::in_memory().unwrap();
        store
            .write(|tx| {
                tx.put_reporter(&reporter(1, "old"))?;
                tx.put_reporter(&reporter(1, "new"))?;
                tx.put_tail(OrderId::from_bits(1), Seat::Main, &Tail { lines: vec!["x".into()] })?;
                (0..1200).try_for_each(|n| tx.add_sample(OrderId::from_bits(1), Seat::Main, Time::EPOCH + MINUTE * n, &sample(1)))
            })
            .await
            .unwrap();
        let read = store.read().unwrap();
        assert!(read.reporter_by_hash("old").unwrap().is_none() && read.reporter_by_hash("new").unwrap().is_some());
        // There is no such order.
        assert_eq!(store.clear_reports().await.unwrap(), 1200 + 20 + 1);
        let read = store.read().unwrap();
        let left = [
            read.count(&REPORTERS),
            read.count(&REPORTER_BY_HASH),
            read.count(&REPORT_MINUTES),
            read.count(&REPORT_HOURS),
            read.count(&REPORT_TAILS),
        ];
        assert_eq!(left.map(Result::unwrap), [0; 5]);
        assert_eq!(store.clear_reports().await.unwrap(), 0);
    }
}
