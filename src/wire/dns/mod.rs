//! The domain name system: what public names point at. Source: RFC 1035, 3596 and 8659; the codec is hickory's.

pub mod client;
pub mod server;
pub mod types;
