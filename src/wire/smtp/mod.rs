//! Mail: the receiving half, for the mail sink. Source: RFC 5321; sending is `lettre`'s.

pub mod server;

pub use server::{Envelope, Inbox, Verdict, serve};
