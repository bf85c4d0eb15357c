//! What VMs say of themselves: who may speak, what was heard by the minute and by the hour, and the end of their logs.

use super::leftover::HELPING;
use super::schema::{HOME_COPIES, REPORT_HOURS, REPORT_MINUTES, REPORT_TAILS, REPORTER_BY_HASH, REPORTERS};
use super::{Order, Read, Row, Store, Table, Tx};
use crate::base::ids::OrderId;
use crate::base::time::{HOUR, MINUTE};
use crate::base::{Result, Time};
use crate::domain::report::{HOURS_KEPT, MINUTES_KEPT, Reporter, Sample, Seat, Sums, Tail, number};
use crate::store::backup::Backups;
use crate::store::order::Orders;

/// Old samples that one message clears away: it adds one, so that this is always enough in the end.
const CLEARED_AT_ONCE: usize = 20;
/// More samples than one machine can have.
const SAMPLES_MAX: usize = 4000;

pub trait Reports: Read {
    fn reporter(&self, order: OrderId, seat: Seat) -> Result<Option<Reporter>> {
        self.get(&REPORTERS, (order, seat as u8))
    }

    /// Whose secret this is, as it is when it has spoken with it.
    fn reporter_by_hash(&self, hash: &str) -> Result<Option<Reporter>> {
        let Some(key) = self.get(&REPORTER_BY_HASH, hash)? else { return Ok(None) };
        Ok(self.get(&REPORTERS, key)?.map(|known: Reporter| known.spoken(hash)))
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
    /// Remembers who may speak; secrets of the same machine that are not named any more work no more.
    pub fn put_reporter(&mut self, reporter: &Reporter) -> Result<()> {
        let key = (reporter.order, reporter.seat as u8);
        self.remove_hashes(reporter.order, reporter.seat)?;
        reporter.hashes().try_for_each(|hash| self.put(&REPORTER_BY_HASH, hash, &key))?;
        self.put(&REPORTERS, key, reporter)
    }

    /// Whoever spoke with the secret of this hash; a secret that it replaces works no more. None: nobody has it.
    pub fn hear_reporter(&mut self, hash: &str) -> Result<Option<Reporter>> {
        let Some(known) = self.reporter_by_hash(hash)? else { return Ok(None) };
        if self.reporter(known.order, known.seat)?.as_ref() != Some(&known) {
            self.put_reporter(&known)?;
        }
        Ok(Some(known))
    }

    fn remove_hashes(&mut self, order: OrderId, seat: Seat) -> Result<()> {
        let Some(known) = self.reporter(order, seat)? else { return Ok(()) };
        known.hashes().try_for_each(|hash| self.remove(&REPORTER_BY_HASH, hash).map(drop))
    }

    /// Keeps a sample under its minute and in its hour, and lets go of those that are too old.
    pub fn add_sample(&mut self, order: OrderId, seat: Seat, at: Time, sample: &Sample) -> Result<()> {
        let (seat, minute, hour) = (seat as u8, number(at, MINUTE), number(at, HOUR));
        self.put(&REPORT_MINUTES, (order, seat, minute), sample)?;
        let mut sums = self.get(&REPORT_HOURS, (order, seat, hour))?.unwrap_or_default();
        Sums::add(&mut sums, sample);
        self.put(&REPORT_HOURS, (order, seat, hour), &sums)?;
        self.forget_samples((order, seat), at, CLEARED_AT_ONCE).map(drop)
    }

    /// Lets go of samples that are too old, so many of each kind at most; gives how many those were.
    fn forget_samples(&mut self, of: (OrderId, u8), now: Time, most: usize) -> Result<usize> {
        let minutes = self.forget(&REPORT_MINUTES, of, number(now - MINUTES_KEPT, MINUTE), most)?;
        Ok(minutes + self.forget(&REPORT_HOURS, of, number(now - HOURS_KEPT, HOUR), most)?)
    }

    fn forget<V: Row>(
        &mut self,
        table: &Table<(OrderId, u8, u32), V>,
        of: (OrderId, u8),
        before: u32,
        most: usize,
    ) -> Result<usize> {
        let old = older(self, table, of, before, most)?;
        old.iter().try_for_each(|key| self.remove(table, *key).map(drop))?;
        Ok(old.len())
    }

    /// Lets go of all that a machine said too long ago, a helping at a time; gives how many rows that changed.
    fn forget_old(&mut self, order: OrderId, seat: Seat, now: Time) -> Result<usize> {
        let mut gone = self.forget_samples((order, seat as u8), now, HELPING)?;
        let mut tail = self.report_tail(order, seat)?;
        if tail.forget(now - HOURS_KEPT, now) {
            self.put_tail(order, seat, &tail)?;
            gone += 1;
        }
        Ok(gone)
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
        self.remove_hashes(order, reporter.seat)?;
        self.remove(&REPORTERS, (order, seat))?;
        if reporter.seat == Seat::Home {
            self.remove(&HOME_COPIES, order)?;
        }
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
    /// Forgets machines that are over, and what the others said too long ago; gives how many rows that were.
    pub(super) async fn clear_reports(&self, now: Time) -> Result<usize> {
        let (mut after, mut gone) = (None, 0);
        loop {
            let snapshot = self.read()?;
            let rows = snapshot.page(&REPORTERS, after, HELPING)?;
            let Some((last, _)) = rows.last() else { return Ok(gone) };
            after = Some(*last);
            let (mut ended, mut aged) = (Vec::new(), Vec::new());
            for (_, reporter) in rows {
                if is_over(&snapshot, &reporter)? {
                    ended.push(reporter);
                } else if has_old(&snapshot, &reporter, now)? {
                    aged.push((reporter.order, reporter.seat));
                }
            }
            drop(snapshot);
            for reporter in ended {
                gone += self.forget_reporter(reporter).await?;
            }
            for (order, seat) in aged {
                while let more @ 1.. = self.write(move |tx| tx.forget_old(order, seat, now)).await? {
                    gone += more;
                }
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

/// Whether there is no such machine any more.
fn is_over(reader: &impl Read, reporter: &Reporter) -> Result<bool> {
    let order = reader.order(reporter.order)?;
    if order.is_none_or(|order| order.state.over()) {
        return Ok(true);
    }
    Ok(reporter.seat == Seat::Backup && reader.backup(reporter.order)?.is_none_or(|backup| backup.stage.over()))
}

/// Whether anything that it said is too old.
fn has_old(reader: &impl Read, reporter: &Reporter, now: Time) -> Result<bool> {
    let of = (reporter.order, reporter.seat as u8);
    Ok(!older(reader, &REPORT_MINUTES, of, number(now - MINUTES_KEPT, MINUTE), 1)?.is_empty()
        || !older(reader, &REPORT_HOURS, of, number(now - HOURS_KEPT, HOUR), 1)?.is_empty()
        || reader.report_tail(reporter.order, reporter.seat)?.has_older(now - HOURS_KEPT))
}

/// Keys of a machine's oldest samples, from before a step.
fn older<V: Row>(
    reader: &(impl Read + ?Sized),
    table: &Table<(OrderId, u8, u32), V>,
    (order, seat): (OrderId, u8),
    before: u32,
    most: usize,
) -> Result<Vec<(OrderId, u8, u32)>> {
    let rows = reader.range::<_, V, (OrderId, u8, u32)>(table, (order, seat, 0)..(order, seat, before), Order::Up, most)?;
    Ok(rows.into_iter().map(|(key, _)| key).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::time::DAY;

    fn sample(load: u64) -> Sample {
        Sample { cpu: Some(load), load, memory_used: 1, memory: 2, disk_used: 1, disk: 2, received: None, sent: None }
    }

    fn reporter(order: u128, hash: &str) -> Reporter {
        Reporter::new(OrderId::from_bits(order), Seat::Main, hash.into(), Time::EPOCH)
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
                let mut tail = Tail::default();
                tail.extend(vec!["x".into()], Time::EPOCH);
                tx.put_tail(OrderId::from_bits(1), Seat::Main, &tail)?;
                (0..1200).try_for_each(|n| tx.add_sample(OrderId::from_bits(1), Seat::Main, Time::EPOCH + MINUTE * n, &sample(1)))
            })
            .await
            .unwrap();
        let read = store.read().unwrap();
        assert!(read.reporter_by_hash("old").unwrap().is_none() && read.reporter_by_hash("new").unwrap().is_some());
        // There is no such order.
        let now = Time::EPOCH + DAY;
        assert_eq!(store.clear_reports(now).await.unwrap(), 1200 + 20 + 1);
        let read = store.read().unwrap();
        let left = [
            read.count(&REPORTERS),
            read.count(&REPORTER_BY_HASH),
            read.count(&REPORT_MINUTES),
            read.count(&REPORT_HOURS),
            read.count(&REPORT_TAILS),
        ];
        assert_eq!(left.map(Result::unwrap), [0; 5]);
        assert_eq!(store.clear_reports(now).await.unwrap(), 0);
    }
}
