//! Cooperage: a cloud marketplace for co-ops in one file. The floors of the house are described in `docs/architecture.md`.

pub mod app;
pub mod base;
pub mod cli;
pub mod domain;
pub mod grid;
pub mod host;
pub mod jobs;
pub mod localgrid;
pub mod settings;
pub mod store;
pub mod web;
pub mod wire;
