//! HTTP: pages are pure functions of values. A folder a role, one noun a file.

pub mod guest;
pub mod operator;
pub mod provider;
pub mod ui;
pub mod user;
