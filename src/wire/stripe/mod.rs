//! Card payments: Stripe, and what speaks like it. Source: `docs.stripe.com/api`, pinned by the SDK to one API version.

pub mod client;
pub mod decline;
pub mod form;
pub mod objects;
pub mod server;
pub mod types;
pub mod webhook;

pub use client::{Stripe, StripeError};
pub use types::*;
