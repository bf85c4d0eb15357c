//! What we saw of the nodes: a row a day.

use super::schema::OBSERVATIONS;
use super::{Order, Read, Tx};
use crate::base::Result;
use crate::domain::observation::{DAYS, Day};

/// Old days that one write clears away; more are left to the next.
const CLEARED_AT_ONCE: usize = 200;

pub trait Observed: Read {
    /// The days until this one that count, with their numbers.
    fn days_until(&self, day: u32) -> Result<Vec<(u32, Day)>> {
        let from = day.saturating_sub(DAYS - 1);
        self.range::<_, _, u32>(&OBSERVATIONS, from..=day, Order::Up, DAYS as usize)
    }

    /// The days from one number up to before another.
    fn days_between(&self, from: u32, to: u32) -> Result<Vec<(u32, Day)>> {
        self.range::<_, _, u32>(&OBSERVATIONS, from..to, Order::Up, DAYS as usize)
    }
}

impl<T: Read> Observed for T {}

impl Tx<'_> {
    /// Remembers a day, and forgets those that count no more.
    pub fn put_day(&mut self, day: u32, looks: &Day) -> Result<()> {
        let old = self.range::<_, Day, u32>(&OBSERVATIONS, ..day.saturating_sub(DAYS - 1), Order::Up, CLEARED_AT_ONCE)?;
        for (old, _) in old {
            self.remove(&OBSERVATIONS, old)?;
        }
        self.put(&OBSERVATIONS, day, looks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::observation::Observations;
    use crate::store::Store;

    #[tokio::test]
    async fn days_that_count_no_more_are_forgotten() {
        let store = Store::in_memory().unwrap();
        for day in [5, 100, 188, 189] {
            let mut looks = Observations::new(day, []);
            looks.look([(1, true)]);
            let (day, row) = looks.today();
            store.write(move |tx| tx.put_day(day, &row)).await.unwrap();
        }
        let kept: Vec<u32> = store.read().unwrap().days_until(189).unwrap().into_iter().map(|(day, _)| day).collect();
        assert_eq!(kept, [100, 188, 189]);
        assert_eq!(store.read().unwrap().count(&OBSERVATIONS).unwrap(), 3, "day 5 is gone");
    }
}
