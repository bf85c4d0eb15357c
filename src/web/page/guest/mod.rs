//! Pages that need no account.

pub mod catalogue;
pub mod error;
pub mod forgot;
pub mod landing;
pub mod login;
pub mod node;
pub mod nodes;
pub mod setup;
pub mod signup;
pub mod verify;
