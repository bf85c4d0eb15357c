//! Proving an address.

use actix_web::web::Query;
use serde::Deserialize;

use crate::base::Kind;
use crate::web::error::{PageResult, status};
use crate::web::extract::{Browser, Form};
use crate::web::page::guest::verify::{View, page};

#[derive(Deserialize)]
pub struct Link {
    #[serde(default)]
    pub token: String,
}

/// Opening the link changes nothing: mail programs open links too.
pub async fn show(browser: Browser, link: Query<Link>) -> PageResult {
    Ok(browser.show(200, page(&browser.chrome(), &View::Confirm { code: link.into_inner().token })))
}

pub async fn create(browser: Browser, form: Form) -> PageResult {
    match browser.app.verify_email(form.text("code"), &browser.from, &browser.agent).await {
        Ok(entered) => Ok(browser.enter(entered.token.reveal(), "/order")),
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
