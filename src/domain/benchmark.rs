//! How fast a node's processor is, by the benchmark that each node runs by itself (`threefoldtech/zos: docs/tasks/cpubench.md`).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::base::Time;
use crate::base::time::DAY;

/// Nodes run it four times a day; this is often enough to ask.
pub const ASKED_EVERY: Duration = DAY;
/// A thread that does the benchmark's task in this time is as fast as anybody needs.
const FAST_MS: u32 = 1000;
/// Points of a node that is that fast.
const FULL: u32 = 1000;

/// What a node said, or that it said nothing, when it was last asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Benchmark {
    /// Milliseconds that one thread took; None: it told none.
    pub single_ms: Option<u32>,
    pub asked: Time,
}

impl Benchmark {
    /// A thousand is as fast as anybody needs, half of it half as fast. A time of zero is nobody's.
    pub fn points(&self) -> Option<u32> {
        let ms = self.single_ms.filter(|ms| *ms > 0)?;
        Some(FULL.saturating_mul(FAST_MS).checked_div(ms)?.min(2 * FULL))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twice_the_time_is_half_the_points_and_no_answer_is_none() {
        let points = |single_ms| Benchmark { single_ms, asked: Time::EPOCH }.points();
        assert_eq!((points(Some(1000)), points(Some(2000)), points(Some(1135))), (Some(1000), Some(500), Some(881)));
        assert_eq!((points(None), points(Some(0))), (None, None));
        assert_eq!(points(Some(1)), Some(2000), "what is too good to be true is not believed whole");
    }
}
