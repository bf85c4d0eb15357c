//! What more than one story needs.

pub mod books;
pub mod browser;
pub mod caller;
pub mod chance;
pub mod disk;
pub mod market;
pub mod process;
