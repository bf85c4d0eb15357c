//! What more than one story needs.

pub mod bare;
pub mod books;
pub mod caller;
pub mod chance;
pub mod disk;
pub mod market;
pub mod record;
