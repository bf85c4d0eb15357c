//! Errors become status codes and words here, and nowhere else on the web.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};

use crate::base::{Error, Kind};

/// What a handler gives when it can't give a page.
#[derive(Debug)]
pub enum Fail {
    /// Shown as an error page, in the frame of whoever asked.
    Error(Error),
    /// Nobody is logged in: to the log-in, and back here afterwards.
    LogIn { next: String },
    /// A form that is not used: none of our pages has sent it to this browser, or not lately, or it takes for ever to come.
    Form { status: StatusCode, title: &'static str, text: &'static str },
    /// A path of ours, asked in a way that it does not answer.
    Method { allow: String },
}

pub type PageResult = std::result::Result<HttpResponse, Fail>;

impl From<Error> for Fail {
    fn from(error: Error) -> Self {
        Fail::Error(error)
    }
}

impl fmt::Display for Fail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fail::Error(error) => write!(f, "{error}"),
            Fail::LogIn { .. } => f.write_str("not logged in"),
            Fail::Form { text, .. } => f.write_str(text),
            Fail::Method { .. } => f.write_str("another method"),
        }
    }
}

pub fn status(kind: Kind) -> StatusCode {
    match kind {
        Kind::NotFound => StatusCode::NOT_FOUND,
        Kind::Forbidden => StatusCode::FORBIDDEN,
        Kind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
        Kind::Conflict => StatusCode::CONFLICT,
        Kind::Unfunded => StatusCode::CONFLICT,
        Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Kind::Limited => StatusCode::TOO_MANY_REQUESTS,
        Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The bare answer; `routes.rs` puts the page around it, because only there is known who asked.
impl ResponseError for Fail {
    fn status_code(&self) -> StatusCode {
        match self {
            Fail::Error(error) => status(error.kind()),
            Fail::LogIn { .. } => StatusCode::SEE_OTHER,
            Fail::Form { status, .. } => *status,
            Fail::Method { .. } => StatusCode::METHOD_NOT_ALLOWED,
        }
    }

    fn error_response(&self) -> HttpResponse {
        let mut answer = HttpResponse::build(self.status_code());
        match self {
            Fail::Error(error) => {
                if matches!(error.kind(), Kind::Unavailable | Kind::Limited) {
                    answer.insert_header(("retry-after", "30"));
                }
                answer.body(error.message().to_owned())
            }
            Fail::LogIn { next } => {
                let query = url_query(&[("next", next)]);
                answer.insert_header(("location", format!("/login?{query}"))).finish()
            }
            Fail::Form { text, .. } => answer.body(*text),
            Fail::Method { allow } => answer.insert_header(("allow", allow.as_str())).finish(),
        }
    }
}

/// `name=value&…`, with everything escaped that needs it.
pub fn url_query(pairs: &[(&str, &str)]) -> String {
    serde_urlencoded::to_string(pairs).unwrap_or_default()
}
