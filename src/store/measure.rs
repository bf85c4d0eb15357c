//! How fast postings become durable on this machine's disk.
