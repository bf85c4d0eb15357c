//! What other programs tell us.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use super::error::PageResult;
use super::extract::{Raw, sender};
use crate::app::App;
use crate::app::limit::Limit;
use crate::base::{Error, Kind};

/// Largest notice that is read.
pub const NOTICE_BYTES: usize = 256 * 1024;

/// A notice of the card processor: signature over the raw bytes, recorded, answered at once.
pub async fn cards(app: Data<App>, request: HttpRequest, raw: Raw) -> PageResult {
    if !app.takes_notices() {
        return Err(Error::not_found("page").into());
    }
    app.limits.take(Limit::Notice, &sender(&request, &app), app.now())?;
    let signature = request.headers().get("stripe-signature").and_then(|value| value.to_str().ok()).unwrap_or_default();
    match app.receive_notice(&raw.0, signature).await {
        Ok(()) => Ok(HttpResponse::Ok().body("recorded\n")),
        Err(error) if error.kind() == Kind::Forbidden => Ok(HttpResponse::BadRequest().body("refused\n")),
        Err(error) => Err(error.into()),
    }
}
