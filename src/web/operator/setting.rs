//! The settings this instance runs with.

use crate::web::error::PageResult;
use crate::web::extract::Operator;
use crate::web::page::operator::settings::{Setting, View, page};

pub async fn list(me: Operator) -> PageResult {
    let settings = me.app.settings.printed().into_iter().map(|(name, value)| Setting { name, value }).collect();
    let view = View { settings, version: env!("CARGO_PKG_VERSION") };
    Ok(me.show(200, page(&me.chrome(), &view)))
}
