//! The message bus between us and the nodes.
