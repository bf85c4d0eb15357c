//! Looks at a web address as a visitor does: one request, no redirects, and never to an address that is not public.

pub mod client;
