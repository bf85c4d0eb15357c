//! Cooperage: a cloud marketplace for co-ops in one file. The floors of the house are described in `docs/architecture.md`.

pub mod base;
pub mod domain;
pub mod host;
pub mod localgrid;
pub mod store;
pub mod web;
pub mod wire;
