//! The files the pages load.

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::Path;

use super::error::PageResult;
use super::ui::asset;
use crate::base::Error;

pub async fn show(name: Path<String>) -> PageResult {
    let asset = asset::find(&name).ok_or_else(|| Error::not_found("file"))?;
    let answer = HttpResponse::Ok()
        .content_type(asset.mime)
        .insert_header((header::CACHE_CONTROL, asset::CACHE_CONTROL))
        .body(asset.bytes.into_owned());
    Ok(answer)
}
