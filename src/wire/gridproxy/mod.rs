//! The node index: a read-only REST view of nodes and farms.
