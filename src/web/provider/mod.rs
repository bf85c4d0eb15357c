//! What providers see of their own farms, and nobody else's.

pub mod claim;
pub mod earning;
pub mod maintenance;
pub mod node;
