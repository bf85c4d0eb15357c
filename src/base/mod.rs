//! Words every other room is written in: money, ids, time, text, secrets, errors. No IO, no clock.

pub mod error;
pub mod ids;
pub mod money;
pub mod seal;
pub mod seam;
pub mod secret;
pub mod text;
pub mod time;

pub use error::{Error, Kind, Result};
pub use seam::{Clock, Random};
pub use secret::Secret;
pub use time::Time;
