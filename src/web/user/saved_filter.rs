//! Filters that somebody keeps.

use actix_web::web::Path;

use super::id;
use crate::base::ids::FilterId;
use crate::base::{Error, Kind, Result};
use crate::domain::pool::Sort;
use crate::store::saved_filter::SavedFilters;
use crate::web::error::{PageResult, status};
use crate::web::extract::{Form, Me};
use crate::web::guest::node;
use crate::web::page::guest::nodes::{Wanted, page as nodes_page};
use crate::web::page::user::saved_filters::{Row, View, page};
use crate::web::ui::form::Filled;

pub async fn list(me: Me) -> PageResult {
    let view = view(&me, None, Filled::default())?;
    Ok(me.show(200, page(&me.chrome(), &view)))
}

/// Keeps what is looked at. The query is the one of the page that the form stood on.
pub async fn create(me: Me, form: Form) -> PageResult {
    let query = form.text("query");
    let wanted = wanted(&me, query)?;
    match me.app.save_filter(me.user.id, form.text("name"), wanted.filter.clone(), wanted.size.clone(), wanted.sort).await {
        Ok(_) => Ok(me.go_saying(&wanted.href(), true, "Saved. You find it below the nodes whenever you choose one.")),
        Err(error) if error.kind() == Kind::Invalid => {
            let (_, view) = node::view(&me, query, form.filled(&["name"]).refused(&error))?;
            Ok(me.show(status(error.kind()).as_u16(), nodes_page(&me.chrome(), &view)))
        }
        Err(error) => Err(error.into()),
    }
}

pub async fn update(me: Me, path: Path<String>, form: Form) -> PageResult {
    let filter: FilterId = id(&path, "filter")?;
    match me.app.rename_filter(me.user.id, filter, form.text("name")).await {
        Ok(()) => Ok(me.go_saying("/filters", true, "It has its new name.")),
        Err(error) if error.kind() == Kind::Invalid => {
            let view = view(&me, Some(filter), form.filled(&["name"]).refused(&error))?;
            Ok(me.show(status(error.kind()).as_u16(), page(&me.chrome(), &view)))
        }
        Err(error) => Err(error.into()),
    }
}

pub async fn remove(me: Me, path: Path<String>, _form: Form) -> PageResult {
    me.app.remove_filter(me.user.id, id(&path, "filter")?).await?;
    Ok(me.go_saying("/filters", true, "It is deleted."))
}

/// What a hidden query asks for: one of our own pages wrote it, so it can be read.
fn wanted(me: &Me, query: &str) -> Result<Wanted> {
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(query).unwrap_or_default();
    let sizes: Vec<String> = me.app.catalogue.sizes.iter().map(|size| size.id.clone()).collect();
    let read = Wanted::read(&pairs, &sizes).filter(|read| !read.wrong && !read.wanted.filter.is_empty());
    let unread = || Error::new(Kind::Invalid, "There is nothing to save: this filter asks for nothing, or can't be read.");
    read.map(|read| read.wanted).ok_or_else(unread)
}

fn view(me: &Me, renamed: Option<FilterId>, filled: Filled) -> Result<View> {
    let row = |saved: crate::domain::saved_filter::SavedFilter| {
        let filled = match renamed {
            Some(id) if id == saved.id => filled.clone(),
            _ => Filled::default(),
        };
        let size = saved.size.as_deref().and_then(|size| me.app.catalogue.size(size));
        let wishes = saved.filter.wishes().into_iter().chain(size.map(|size| format!("Room for {}", size.name)));
        let order = (saved.sort != Sort::default()).then(|| saved.sort.title().to_owned());
        Row {
            id: saved.id,
            wishes: wishes.chain(order).collect(),
            href: Wanted { filter: saved.filter, size: saved.size, sort: saved.sort, ..Wanted::default() }.href(),
            created: saved.created,
            filled: if filled.value("name").is_some() { filled } else { filled.with("name", saved.name.clone()) },
            name: saved.name,
        }
    };
    Ok(View { rows: me.app.read()?.saved_filters_of(me.user.id)?.into_iter().map(row).collect() })
}
