//! Proving an address.

use actix_web::web::Query;
use serde::Deserialize;

use crate::base::Kind;
use crate::web::error::{PageResult, status};
use crate::web::extract::{Browser, Form};
use crate::web::page::guest::verify::{View, page};
use crate::web::ui::form::Filled;

#[derive(Deserialize)]
pub struct Link {
    #[serde(default)]
    pub token: String,
}

/// Opening the link changes nothing: mail programs open links too.
pub async fn show(browser: Browser, link: Query<Link>) -> PageResult {
    let code = link.into_inner().token;
    let asks = browser.app.proof_asks_password(&code, &browser.mark())?;
    Ok(browser.show(200, page(&browser.chrome(), &View::Confirm { code, asks, filled: Filled::default() })))
}

pub async fn create(browser: Browser, form: Form) -> PageResult {
    let (code, password) = (form.text("code"), form.secret("password"));
    match browser.app.verify_email(code, password, &browser.from, &browser.agent, &browser.mark()).await {
        Ok(entered) => Ok(browser.enter(entered.token.reveal(), "/order")),
        Err(error) if error.field() == Some("password") => {
            let view = View::Confirm { code: code.into(), asks: true, filled: Filled::default().refused(&error) };
            Ok(browser.show(status(error.kind()).as_u16(), page(&browser.chrome(), &view)))
        }
        Err(error) if error.kind() == Kind::Invalid => {
            Ok(browser.show(status(error.kind()).as_u16(), page(&browser.chrome(), &View::Stale)))
        }
        Err(error) => Err(error.into()),
    }
}

/// Sends the mail again; says the same whether or not there is such a person.
pub async fn again(browser: Browser, form: Form) -> PageResult {
    let email = form.text("email").to_owned();
    browser.app.verify_again(&email, &browser.from).await?;
    Ok(browser.show(200, page(&browser.chrome(), &View::Sent { email })))
}
