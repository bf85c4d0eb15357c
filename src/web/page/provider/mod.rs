//! Pages of somebody whose nodes carry deployments.

pub mod claim;
pub mod earnings;
pub mod maintenance;
pub mod node;
pub mod nodes;
