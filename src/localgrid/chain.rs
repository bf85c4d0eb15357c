//! The pretended chain: accounts, twins, contracts, blocks and hourly billing.
