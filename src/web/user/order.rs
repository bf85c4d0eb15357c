//! The order form.

use actix_web::web::Query;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::app::order::OrderForm;
use crate::base::text::SshKey;
use crate::base::{Kind, Result};
use crate::store::exposure::Exposures;
use crate::web::error::{PageResult, status};
use crate::web::extract::{Form, Me};
use crate::web::guest::offer;
use crate::web::page::user::order::{NEW_KEY, SavedKey, View, page};
use crate::web::ui::form::Filled;

#[derive(Deserialize)]
pub struct Wanted {
    #[serde(default)]
    size: String,
}

pub async fn new(me: Me, wanted: Query<Wanted>) -> PageResult {
    let size = if me.app.catalogue.size(&wanted.size).is_some() { &wanted.size } else { "medium" };
    let mut filled =
        Filled::default().with("size", size).with("image", me.app.catalogue.images.first().map_or("", |image| &image.id));
    if let Some(key) = &me.user.ssh_key {
        filled = filled.with("key", fingerprint(key));
    }
    if let Err(closed) = me.app.open_for_orders() {
        filled = filled.refused(&closed);
    }
    Ok(me.show(200, page(&me.chrome(), &view(&me, filled)?)))
}

pub async fn create(me: Me, form: Form) -> PageResult {
    let saved = me.user.ssh_key.as_ref().filter(|key| form.text("key") == fingerprint(key));
    let wish = OrderForm {
        name: form.text("name").into(),
        image: form.text("image").into(),
        size: form.text("size").into(),
        ssh_key: saved.map_or_else(|| form.text("ssh_key").to_owned(), |key| key.as_str().to_owned()),
        region: form.text("region").into(),
        filter: String::new(),
    };
    match me.app.quote(&me.user, &wish).await {
        Ok(quote) => Ok(me.go(&format!("/quotes/{}", quote.id))),
        Err(error) if matches!(error.kind(), Kind::Invalid | Kind::Unavailable) => {
            let mut filled = form.filled(&["name", "image", "size", "region", "key", "ssh_key"]).refused(&error);
            if wish.ssh_key.contains("PRIVATE KEY") {
                // It came here by mistake: at least no page, no cache and no screenshot has it.
                filled = filled.with("ssh_key", "");
            }
            Ok(me.show(status(error.kind()).as_u16(), page(&me.chrome(), &view(&me, filled)?)))
        }
        Err(error) => Err(error.into()),
    }
}

fn view(me: &Me, filled: Filled) -> Result<View> {
    let buyer = me.app.read()?.buyer(&me.user)?;
    let regions = offer::regions(&me.app, &buyer);
    let keys = me.user.ssh_key.iter().map(|key| SavedKey { fingerprint: fingerprint(key), name: key_name(key) }).collect();
    Ok(View { sizes: offer::sizes(&me.app), images: offer::images(&me.app), regions, keys, filled })
}

/// Short and unmistakable: the first letters of the key's SHA-256.
fn fingerprint(key: &SshKey) -> String {
    let body = key.as_str().split(' ').nth(1).unwrap_or_default();
    format!("SHA256:{}", &hex::encode(Sha256::digest(body))[..32])
}

/// The comment of the key, else its type.
pub fn key_name(key: &SshKey) -> String {
    let mut words = key.as_str().split(' ');
    let kind = words.next().unwrap_or(NEW_KEY);
    words.nth(1).filter(|comment| !comment.is_empty()).unwrap_or(kind).to_owned()
}
