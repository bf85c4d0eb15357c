//! What people call their VMs, and the keys that are kept for their next order: words of theirs that change nothing that runs.

use std::collections::BTreeSet;

use super::App;
use crate::base::ids::{OrderId, UserId};
use crate::base::text::{ShownName, Tag};
use crate::base::{Error, Result};
use crate::domain::order::TAGS_MAX;
use crate::store::account::Accounts;
use crate::store::order::Orders;

impl App {
    /// Gives a VM a name to be shown by and tags to be found by. An empty name is its host name again; tags are separated by
    /// commas or spaces.
    pub async fn label_order(&self, user: UserId, id: OrderId, title: &str, tags: &str) -> Result<()> {
        // Whose it is comes first: what is not theirs has no fields that could be wrong.
        self.order_of(user, id)?;
        let title = match title.trim() {
            "" => None,
            name => Some(ShownName::parse(name).map_err(|why| Error::invalid("title", why))?),
        };
        let words = tags.split([',', ' ']).map(str::trim).filter(|word| !word.is_empty());
        let tags: BTreeSet<Tag> =
            words.map(Tag::parse).collect::<std::result::Result<_, _>>().map_err(|why| Error::invalid("tags", why))?;
        if tags.len() > TAGS_MAX {
            return Err(Error::invalid("tags", format!("At most {TAGS_MAX} tags, please.")));
        }
        self.store
            .write(move |tx| {
                let mut order = tx.order(id)?.filter(|order| order.user == user).ok_or_else(|| Error::not_found("deployment"))?;
                order.title = title.filter(|title| title.as_str() != order.wish.name.as_str());
                tx.tag_order(&mut order, tags)
            })
            .await
    }

    /// Forgets a key that was kept for the next order. What runs keeps it.
    pub async fn forget_key(&self, user: UserId, fingerprint: String) -> Result<()> {
        self.store
            .write(move |tx| {
                let mut user = tx.user(user)?.ok_or_else(|| Error::not_found("key"))?;
                if !user.forget_key(&fingerprint) {
                    return Err(Error::not_found("key"));
                }
                tx.put_user(&user)
            })
            .await
    }
}
