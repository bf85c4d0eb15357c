//! What can go wrong, sorted by what the caller can do about it.

use std::fmt;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What the caller can do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// It does not exist, or the caller may not know that it does.
    NotFound,
    /// The caller is known and may not do this.
    Forbidden,
    /// The input is wrong; `field` says where.
    Invalid,
    /// Somebody else was faster, or the thing is in a state that does not allow this.
    Conflict,
    /// There is not enough money, credit or capacity.
    Unfunded,
    /// Something outside does not answer; trying again later may help.
    Unavailable,
    /// Too often; waiting helps.
    Limited,
    /// Our fault.
    Internal,
}

/// An error with a sentence for people outside and, apart from it, the cause for the log.
pub struct Error {
    kind: Kind,
    message: String,
    field: Option<&'static str>,
    cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Error { kind, message: message.into(), field: None, cause: None }
    }

    pub fn not_found(what: &str) -> Self {
        Error::new(Kind::NotFound, format!("There is no such {what}."))
    }

    pub fn forbidden(message: impl Into<String>) -> Self {
        Error::new(Kind::Forbidden, message)
    }

    /// Wrong input in the form field `field`.
    pub fn invalid(field: &'static str, message: impl Into<String>) -> Self {
        Error { field: Some(field), ..Error::new(Kind::Invalid, message) }
    }

    pub fn conflict(message: impl Into<String>) -> Self {
        Error::new(Kind::Conflict, message)
    }

    pub fn unfunded(message: impl Into<String>) -> Self {
        Error::new(Kind::Unfunded, message)
    }

    pub fn unavailable(message: impl Into<String>) -> Self {
        Error::new(Kind::Unavailable, message)
    }

    pub fn internal(message: impl Into<String>) -> Self {
        Error::new(Kind::Internal, message)
    }

    /// The same error with what lies beneath it, for the log only.
    pub fn because(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The sentence for people outside. Never holds a cause or a secret.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The form field that is wrong, for `Invalid`.
    pub fn field(&self) -> Option<&'static str> {
        self.field
    }

    pub fn cause(&self) -> Option<&(dyn std::error::Error + Send + Sync)> {
        self.cause.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.kind, self.message)?;
        if let Some(field) = self.field {
            write!(f, " (field {field})")?;
        }
        if let Some(cause) = &self.cause {
            write!(f, " (because {cause})")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.as_ref().map(|cause| cause.as_ref() as _)
    }
}
