//! The first run: one link, one operator. Closed for good afterwards.

use actix_web::web::Query;

use super::verify::Link;
use crate::app::account::NewPerson;
use crate::base::{Error, Kind};
use crate::web::error::{PageResult, status};
use crate::web::extract::{Browser, Form};
use crate::web::page::guest::setup::{View, page};
use crate::web::ui::form::Filled;

pub async fn new(browser: Browser, link: Query<Link>) -> PageResult {
    if !browser.app.set_up_is_open(&link.token)? {
        return Err(Error::not_found("page").into());
    }
    let view = View { filled: Filled::default(), code: Some(link.into_inner().token) };
    Ok(browser.show(200, page(&browser.chrome(), &view)))
}

pub async fn create(browser: Browser, form: Form) -> PageResult {
    let code = form.text("code").to_owned();
    let person =
        NewPerson { name: form.text("name").into(), email: form.text("email").into(), password: form.secret("password") };
    match browser.app.set_up(&code, person, &browser.from, &browser.agent).await {
        Ok(entered) => Ok(browser.enter(entered.token.reveal(), "/operator")),
        Err(error) if matches!(error.kind(), Kind::Invalid | Kind::Limited) => {
            let view = View { filled: form.filled(&["name", "email"]).refused(&error), code: Some(code) };
            Ok(browser.show(status(error.kind()).as_u16(), page(&browser.chrome(), &view)))
        }
        Err(error) => Err(error.into()),
    }
}
