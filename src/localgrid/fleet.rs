//! The founding fleet: a few dozen nodes in several countries with different owners.
