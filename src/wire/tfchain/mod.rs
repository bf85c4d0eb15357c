//! The chain: extrinsics, storage and events of TFChain. Source: `threefoldtech/tfchain`.

pub mod client;
pub mod codec;
mod dynamic;
pub mod extrinsic;
mod later;
pub mod need;
mod panel;
pub mod price;
mod read;
mod rpc;
mod runtime;
pub mod server;
pub mod types;
mod usage;

pub use client::{ChainClient, Error, Result, Timeouts};
pub use codec::{Codec, CodecError};
pub use later::METADATA_LATER;
pub use panel::{Endpoint, Standing};
pub use runtime::Words;
pub use types::*;
pub use usage::Payment;

/// The real metadata of spec version 149: what the built-in chain runs on, with later events, and what the codecs are tested with.
pub static METADATA_149: &[u8] = include_bytes!("tfchain-149.scale");
