//! The books in the store: the ledger's verbs on a transaction, its questions on any reader, and the full check.
