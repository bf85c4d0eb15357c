//! A new password by mail.

use actix_web::web::Query;

use super::verify::Link;
use crate::base::Kind;
use crate::web::error::{PageResult, status};
use crate::web::extract::{Browser, Form};
use crate::web::page::guest::forgot::{ResetView, View, page, reset_page};
use crate::web::ui::form::Filled;

pub async fn new(browser: Browser) -> PageResult {
    Ok(browser.show(200, page(&browser.chrome(), &View { filled: Filled::default(), sent: false })))
}

pub async fn create(browser: Browser, form: Form) -> PageResult {
    match browser.app.forgot_password(form.text("email"), &browser.from).await {
        Ok(()) => Ok(browser.show(200, page(&browser.chrome(), &View { filled: form.filled(&["email"]), sent: true }))),
        Err(error) if matches!(error.kind(), Kind::Invalid | Kind::Limited) => {
            let view = View { filled: form.filled(&["email"]).refused(&error), sent: false };
            Ok(browser.show(status(error.kind()).as_u16(), page(&browser.chrome(), &view)))
        }
        Err(error) => Err(error.into()),
    }
}

pub async fn edit(browser: Browser, link: Query<Link>) -> PageResult {
    let view = ResetView { filled: Filled::default(), code: link.into_inner().token };
    Ok(browser.show(200, reset_page(&browser.chrome(), &view)))
}

pub async fn update(browser: Browser, form: Form) -> PageResult {
    match browser.app.reset_password(form.text("code"), form.secret("password"), &browser.from).await {
        Ok(()) => Ok(browser.go_saying("/login", true, "Your new password is set. Every open session was ended.")),
        Err(error) if matches!(error.kind(), Kind::Invalid | Kind::Limited) => {
            let view = ResetView { filled: Filled::default().refused(&error), code: form.text("code").into() };
            Ok(browser.show(status(error.kind()).as_u16(), reset_page(&browser.chrome(), &view)))
        }
        Err(error) => Err(error.into()),
    }
}
