//! The pages: pure functions of values, a folder a role, one noun a file.

pub mod guest;
pub mod operator;
pub mod provider;
pub mod user;
