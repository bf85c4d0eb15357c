//! The two seams that make a world repeatable: what time it is, and what is random. Implemented in `host.rs` and in tests only.

use super::time::Time;

/// Tells business time. Never goes backwards. One reading a verb: pass it on as `now`.
pub trait Clock: Send + Sync + 'static {
    fn now(&self) -> Time;
}

/// Gives random bytes, fit for keys and tokens.
pub trait Random: Send + Sync + 'static {
    fn fill(&self, bytes: &mut [u8]);
}

impl dyn Random {
    /// `N` random bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }
}
