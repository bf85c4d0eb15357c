//! Signing up.

use crate::app::account::NewPerson;
use crate::base::Kind;
use crate::web::error::PageResult;
use crate::web::extract::{Browser, Form};
use crate::web::page::guest::signup::{View, page};
use crate::web::page::guest::verify;
use crate::web::ui::form::Filled;

pub async fn new(browser: Browser) -> PageResult {
    if browser.user().is_some() {
        return Ok(browser.go("/deployments"));
    }
    Ok(browser.show(200, page(&browser.chrome(), &View { filled: Filled::default() })))
}

pub async fn create(browser: Browser, form: Form) -> PageResult {
    let person =
        NewPerson { name: form.text("name").into(), email: form.text("email").into(), password: form.secret("password") };
    match browser.app.sign_up(person, &browser.from, &browser.mark()).await {
        Ok(()) => {
            let sent = verify::View::Sent { email: form.text("email").trim().to_lowercase() };
            Ok(browser.show(200, verify::page(&browser.chrome(), &sent)))
        }
        Err(error) if matches!(error.kind(), Kind::Invalid | Kind::Limited) => {
            let view = View { filled: form.filled(&["name", "email"]).refused(&error) };
            Ok(browser.show(crate::web::error::status(error.kind()).as_u16(), page(&browser.chrome(), &view)))
        }
        Err(error) => Err(error.into()),
    }
}
