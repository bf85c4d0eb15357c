//! The ledger: accounts, transfers that are held, posted or voided, and the journal they leave behind.
