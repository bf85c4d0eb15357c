//! What more than one story needs.

pub mod books;
pub mod caller;
pub mod browser;
pub mod chance;
pub mod disk;
pub mod market;
pub mod process;
