//! What everybody may do without an account, and how one gets one.

pub mod catalogue;
pub mod forgot;
pub mod landing;
pub mod login;
pub mod node;
pub mod offer;
pub mod setup;
pub mod shelf;
pub mod signup;
pub mod verify;
