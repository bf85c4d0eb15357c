//! The ledger against a naive model, and against hledger.
