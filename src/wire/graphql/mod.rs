//! The chain's GraphQL index, as far as ThreeFold's clients ask it: lists with conditions, and counts. Source: `threefoldtech/tfchain_graphql: schema.graphql`.

pub mod query;
pub mod server;

pub use server::{GraphBackend, Row, answer};
