//! `health`: asks a running marketplace how it is. Exit code 0 when it takes orders.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::{Context, Say};
use crate::base::{Error, Result};

#[derive(Serialize)]
struct Health {
    url: String,
    ready: bool,
    detail: Value,
}

impl Say for Health {
    fn words(&self) -> String {
        let word = if self.ready { "is ready" } else { "is not ready" };
        format!("{} {word}: {}", self.url, self.detail)
    }
}

pub async fn run(context: &Context) -> Result<()> {
    let url = &context.settings.server.public_url;
    let away = |cause: reqwest::Error| Error::unavailable(format!("Nothing answers at {url}.")).because(cause.without_url());
    let client = reqwest::Client::builder().timeout(Duration::from_secs(5)).build().map_err(away)?;
    let answer = client.get(format!("{url}/readyz")).send().await.map_err(away)?;
    let ready = answer.status().is_success();
    let detail = answer.json().await.unwrap_or(Value::Null);
    context.say(&Health { url: url.clone(), ready, detail })?;
    if ready { Ok(()) } else { Err(Error::unavailable("It is not ready to take orders.")) }
}
