//! HTTP: pages are pure functions of values. A folder a role, one noun a file.

pub mod assets;
pub mod error;
pub mod extract;
pub mod guest;
pub mod health;
pub mod hooks;
pub mod list;
pub mod operator;
pub mod page;
pub mod provider;
pub mod report;
pub mod routes;
pub mod ui;
pub mod user;
