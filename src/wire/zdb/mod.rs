//! 0-db, the key-value store of the grid's storage: a small part of the Redis protocol (`threefoldtech/0-db: README.md`). Both halves.
//!
//! Absent on purpose: everything an administrator may do (nodes make the namespaces), cursors, history, and the hashed log-in, for
//! connections go through an encrypted overlay.

pub mod client;
pub mod codec;
pub mod server;
pub mod types;

pub use client::{Zdb, ZdbError};
pub use types::{Info, Mode, Reply};
