//! The identity service that nodes ask before they take a deployment. Source: `threefoldtech/zosbase: pkg/provision`.

use reqwest::{Client, StatusCode, Url};
use serde::Deserialize;

/// `GET /api/v1/status?twin_id=7` answers `{"result":{"status":"VERIFIED"}}`.
#[derive(Debug, Clone)]
pub struct Identity {
    base: Url,
    http: Client,
}

#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    #[error("{0}")]
    Unreachable(#[from] reqwest::Error),
    #[error("it answers with status {0}")]
    Status(StatusCode),
}

#[derive(Deserialize)]
struct Answer {
    result: Outcome,
}

#[derive(Deserialize)]
struct Outcome {
    status: String,
}

impl Identity {
    pub fn new(base: Url, http: Client) -> Self {
        Identity { base, http }
    }

    /// Whether the twin is verified. A service that does not know it has not verified it.
    pub async fn is_verified(&self, twin: u32) -> Result<bool, IdentityError> {
        let mut url = self.base.clone();
        url.set_path("/api/v1/status");
        let answer = self.http.get(url).query(&[("twin_id", twin)]).send().await.map_err(reqwest::Error::without_url)?;
        match answer.status() {
            StatusCode::OK => {
                let answer: Answer = answer.json().await.map_err(reqwest::Error::without_url)?;
                Ok(answer.result.status == "VERIFIED")
            }
            StatusCode::NOT_FOUND => Ok(false),
            other => Err(IdentityError::Status(other)),
        }
    }
}
