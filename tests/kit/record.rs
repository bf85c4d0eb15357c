//! What the product logs, kept for tests to read. One for all tests: look for words that only yours can cause.

use std::io::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};

static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Record;

fn log() -> MutexGuard<'static, Vec<u8>> {
    LOG.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Write for Record {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        log().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Begins to record, once for all tests: everything of ours, from the finest level up.
pub fn start() {
    let _already = tracing_subscriber::fmt().json().with_env_filter("info,cooperage=trace").with_writer(|| Record).try_init();
}

pub fn text() -> String {
    String::from_utf8_lossy(&log()).into_owned()
}
