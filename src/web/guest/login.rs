//! Logging in and out.

use actix_web::web::Query;
use serde::Deserialize;

use crate::base::Kind;
use crate::domain::account::{Role, User};
use crate::web::error::{PageResult, status};
use crate::web::extract::{Browser, Form};
use crate::web::page::guest::login::{View, page};
use crate::web::ui::form::Filled;

#[derive(Deserialize)]
pub struct Next {
    #[serde(default)]
    pub next: String,
}

/// A path of ours, or the usual one: nobody is sent elsewhere by a link.
pub fn local(next: &str, usual: &str) -> String {
    let ours = next.starts_with('/')
        && !next.contains("//")
        && !next.contains("..")
        && next.chars().all(|letter| letter.is_ascii_alphanumeric() || "/_-?=&%.+*".contains(letter));
    if ours { next.to_owned() } else { usual.to_owned() }
}

pub async fn new(browser: Browser, next: Query<Next>) -> PageResult {
    let next = local(&next.next, "");
    if browser.user().is_some() {
        return Ok(browser.go(if next.is_empty() { "/deployments" } else { &next }));
    }
    let view = View { filled: Filled::default(), next: Some(next).filter(|next| !next.is_empty()) };
    Ok(browser.show(200, page(&browser.chrome(), &view)))
}

pub async fn create(browser: Browser, form: Form) -> PageResult {
    let (email, password) = (form.text("email"), form.secret("password"));
    match browser.app.log_in(email, password, &browser.from, &browser.agent, &browser.mark()).await {
        Ok(entered) => {
            let home = home(&entered.user);
            Ok(browser.enter(entered.token.reveal(), &local(form.text("next"), home)))
        }
        Err(error) if matches!(error.kind(), Kind::Invalid | Kind::Limited) => {
            let next = Some(local(form.text("next"), "")).filter(|next| !next.is_empty());
            let view = View { filled: form.filled(&["email"]).refused(&error), next };
            Ok(browser.show(status(error.kind()).as_u16(), page(&browser.chrome(), &view)))
        }
        Err(error) => Err(error.into()),
    }
}

/// Where somebody starts: the area of their first role.
fn home(user: &User) -> &'static str {
    match user {
        user if user.has(Role::User) => "/deployments",
        user if user.has(Role::Operator) => "/operator",
        user if user.has(Role::Provider) => "/provider/nodes",
        _ => "/profile",
    }
}

pub async fn remove(browser: Browser, _form: Form) -> PageResult {
    if let Some(token) = browser.token() {
        browser.app.log_out(token).await?;
    }
    Ok(browser.leave("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_never_leads_away_from_us() {
        for ours in ["/quotes/quo_1?x=1", "/nodes?country=United+States&gpu=RTX%204090*"] {
            assert_eq!(local(ours, "/"), ours);
        }
        for wrong in [
            "//evil.example",
            "/..//evil.example",
            "https://evil.example",
            "/\\evil.example",
            "/a\r\nx: y",
            "javascript:alert(1)",
            "/@evil",
            "",
        ] {
            assert_eq!(local(wrong, "/usual"), "/usual", "{wrong}");
        }
    }
}
