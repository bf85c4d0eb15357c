//! Who somebody is, and where they are logged in.

use actix_web::web::Path;

use super::id;
use crate::base::ids::SessionId;
use crate::base::text::SshKey;
use crate::base::{Error, Kind};
use crate::store::account::Accounts;
use crate::web::error::{PageResult, status};
use crate::web::extract::{Form, Me};
use crate::web::guest::offer;
use crate::web::page::user::order::key_field;
use crate::web::page::user::profile::{self, View, page};
use crate::web::ui::form::Filled;

pub async fn show(me: Me) -> PageResult {
    let filled = Filled::default().with("name", me.user.name.as_str());
    Ok(me.show(200, page(&me.chrome(), &view(&me, filled)?)))
}

pub async fn update(me: Me, form: Form) -> PageResult {
    match me.app.rename(me.user.id, form.text("name")).await {
        Ok(()) => Ok(me.go_saying("/profile", true, "Saved.")),
        Err(error) if error.kind() == Kind::Invalid => {
            let filled = form.filled(&["name"]).refused(&error);
            Ok(me.show(status(error.kind()).as_u16(), page(&me.chrome(), &view(&me, filled)?)))
        }
        Err(error) => Err(error.into()),
    }
}

pub async fn forget_key(me: Me, path: Path<String>, _form: Form) -> PageResult {
    let known = me.user.known_keys().into_iter().map(SshKey::fingerprint).find(|key| key_field(key) == format!("key_{path}"));
    me.app.forget_key(me.user.id, known.ok_or_else(|| Error::not_found("key"))?).await?;
    Ok(me.go_saying("/profile", true, "That key is forgotten. Servers that have it keep it."))
}

pub async fn end_session(me: Me, path: Path<String>, _form: Form) -> PageResult {
    let session: SessionId = id(&path, "session")?;
    me.app.end_session(me.user.id, session).await?;
    Ok(me.go_saying("/profile", true, "That browser is signed out."))
}

fn view(me: &Me, filled: Filled) -> crate::base::Result<View> {
    let this = me.session().map(|session| session.id);
    let mut sessions = me.app.read()?.sessions_of(me.user.id)?;
    sessions.sort_by_key(|session| std::cmp::Reverse(session.last_seen));
    let sessions = sessions.into_iter().map(|session| profile::Session {
        this: Some(session.id) == this,
        id: session.id,
        browser: browser_name(&session.agent),
        address: String::new(),
        last_seen: session.last_seen,
    });
    Ok(View {
        email: me.user.email.to_string(),
        email_confirmed: me.user.verified.is_some(),
        roles: me.chrome().who.map(|who| who.roles).unwrap_or_default(),
        sessions: sessions.collect(),
        account: me.user.own_account.as_ref().map(|own| own.address.clone()),
        keys: offer::keys(me.user.known_keys()),
        filled,
        now: me.app.now(),
    })
}

/// What people call the browser behind a user agent: `Firefox on Linux`. Most pretend to be others, so the order matters.
fn browser_name(agent: &str) -> String {
    const BROWSERS: [(&str, &str); 9] = [
        ("Edg", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("FxiOS/", "Firefox"),
        ("HeadlessChrome/", "Chromium"),
        ("Chromium/", "Chromium"),
        ("CriOS/", "Chrome"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ];
    const SYSTEMS: [(&str, &str); 7] = [
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("CrOS", "ChromeOS"),
        ("Mac OS X", "Mac"),
        ("Linux", "Linux"),
    ];
    let known = |names: &[(&str, &'static str)]| names.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, name)| *name);
    match (known(&BROWSERS), known(&SYSTEMS)) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(browser), None) => browser.into(),
        (None, Some(system)) => format!("A program on {system}"),
        // Programs call themselves `curl/8.5.0`.
        (None, None) => match agent.split(['/', ' ']).next().filter(|name| !name.is_empty()) {
            Some(name) => name.chars().take(40).collect(),
            None => "A browser that gives no name".into(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_called_by_what_people_call_their_browser() {
        for (agent, name) in [
            ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
            (
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/156.0.0.0 Safari/537.36",
                "Chromium on Linux",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0",
                "Edge on Windows",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
                "Safari on iPhone",
            ),
            ("curl/8.5.0", "curl"),
            ("", "A browser that gives no name"),
        ] {
            assert_eq!(browser_name(agent), name);
        }
    }
}
