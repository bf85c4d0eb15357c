//! Pages of somebody who answers for the whole instance.

pub mod accounts;
pub mod jobs;
pub mod order;
pub mod orders;
pub mod overview;
pub mod people;
pub mod pool;
pub mod pools;
pub mod purse;
pub mod settings;
pub mod simulator;
