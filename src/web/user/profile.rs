//! Who somebody is, and where they are logged in.

use actix_web::web::Path;

use super::id;
use crate::base::Kind;
use crate::base::ids::SessionId;
use crate::store::account::Accounts;
use crate::web::error::{PageResult, status};
use crate::web::extract::{Form, Me};
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
        browser: if session.agent.is_empty() { "A browser that gives no name".into() } else { session.agent },
        address: String::new(),
        last_seen: session.last_seen,
    });
    Ok(View {
        email: me.user.email.to_string(),
        email_confirmed: me.user.verified.is_some(),
        roles: me.chrome().who.map(|who| who.roles).unwrap_or_default(),
        sessions: sessions.collect(),
        filled,
        now: me.app.now(),
    })
}
