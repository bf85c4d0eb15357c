//! Pages of somebody who orders and runs deployments. No word here about how the nodes are paid.

pub mod backup;
pub mod card_form;
pub mod cards;
pub mod deployment;
pub mod deployments;
pub mod home_copy;
pub mod log;
pub mod metrics;
pub mod order;
pub mod profile;
pub mod progress;
pub mod quote;
pub mod receipt;
pub mod relocation;
pub mod resize;
pub mod revisions;
pub mod saved_filters;
pub mod swarm;
pub mod twin;
pub mod web_address;
