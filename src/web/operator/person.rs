//! Everybody with an account here.

use crate::base::Result;
use crate::domain::account::User;
use crate::store::Snapshot;
use crate::store::account::Accounts;
use crate::store::order::Orders;
use crate::web::error::PageResult;
use crate::web::extract::Operator;
use crate::web::list::{Query, ROWS, paged, read_mark, turn, write_mark};
use crate::web::page::operator::people::{Person, View, page};

/// More than anybody may have at once.
const MOST: usize = 200;

pub async fn list(me: Operator, query: Query) -> PageResult {
    let turn = turn(&query, read_mark)?;
    let snapshot = me.app.read()?;
    let users = snapshot.users(turn, ROWS + 1)?;
    let (users, pager) = paged("/operator/people", &[], &turn, users, |user: &User| write_mark(&(user.created, user.id)));
    let people = users.iter().map(|user| person(&snapshot, user)).collect::<Result<_>>()?;
    Ok(me.show(200, page(&me.chrome(), &View { people, pager })))
}

fn person(snapshot: &Snapshot, user: &User) -> Result<Person> {
    Ok(Person {
        id: user.id,
        name: user.name.to_string(),
        email: user.email.to_string(),
        confirmed: user.verified.is_some(),
        roles: user.roles.iter().copied().collect(),
        since: user.created,
        deployments: snapshot.open_orders_of(user.id, MOST)?,
    })
}
