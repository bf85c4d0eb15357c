//! Protocols: types, codec, client and server of each. Nothing here knows what we sell.

pub mod dns;
pub mod graphql;
pub mod gridproxy;
pub mod identity;
pub mod key;
pub mod rmb;
pub mod smtp;
pub mod stripe;
pub mod tfchain;
pub mod visit;
pub mod zdb;
pub mod zos;
