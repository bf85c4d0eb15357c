//! What more than one story needs.

pub mod bare;
pub mod books;
pub mod browser;
pub mod caller;
pub mod chance;
pub mod disk;
pub mod fault;
pub mod grid;
pub mod machine;
pub mod market;
pub mod process;
pub mod record;
