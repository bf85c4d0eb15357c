//! People, their sessions and one-time links.

use super::page::{AGES, turned};
use super::schema::{SESSIONS, SESSIONS_BY_USER, TICKETS, USER_BY_EMAIL, USERS, USERS_BY_AGE};
use super::{Order, Read, Turn, Tx};
use crate::base::ids::{SessionId, UserId};
use crate::base::text::Email;
use crate::base::{Error, Result, Time};
use crate::domain::account::{Role, Session, Ticket, User};

/// Sessions one person can hold; the oldest goes when another one comes.
const SESSIONS_MAX: usize = 20;

pub trait Accounts: Read {
    fn user(&self, id: UserId) -> Result<Option<User>> {
        self.get(&USERS, id)
    }

    fn user_by_email(&self, email: &Email) -> Result<Option<User>> {
        match self.get(&USER_BY_EMAIL, email.as_str())? {
            Some(id) => self.get(&USERS, id),
            None => Ok(None),
        }
    }

    /// A page of everybody, newest first.
    fn users(&self, turn: Turn<(Time, UserId)>, limit: usize) -> Result<Vec<User>> {
        let all = ((AGES.0, UserId::from_bits(0)), (AGES.1, UserId::from_bits(u128::MAX)));
        let links = turned(self, &USERS_BY_AGE, all, turn, limit)?;
        links.into_iter().map(|(_, id)| self.need(&USERS, id, "person")).collect()
    }

    /// Everybody who answers for the instance.
    fn operators(&self) -> Result<Vec<User>> {
        let mut found = Vec::new();
        self.each(&USERS, |_, user: User| {
            found.extend(user.has(Role::Operator).then_some(user));
            Ok(())
        })?;
        Ok(found)
    }

    /// Whether anybody is an operator: the first run is over then.
    fn has_operator(&self) -> Result<bool> {
        let mut found = false;
        self.each(&USERS, |_, user: User| {
            found |= user.has(Role::Operator);
            Ok(())
        })?;
        Ok(found)
    }

    /// The session behind a cookie and the person behind the session; None when it is over.
    fn session(&self, hash: &str, now: Time) -> Result<Option<(Session, User)>> {
        let Some(session) = self.get(&SESSIONS, hash)? else { return Ok(None) };
        let user = self.user(session.user)?;
        Ok(user.filter(|user| session.live(user, now)).map(|user| (session, user)))
    }

    fn sessions_of(&self, user: UserId) -> Result<Vec<Session>> {
        self.follow(&SESSIONS_BY_USER, user, &SESSIONS, SESSIONS_MAX + 1)
    }

    fn ticket(&self, hash: &str) -> Result<Option<Ticket>> {
        self.get(&TICKETS, hash)
    }
}

impl<T: Read> Accounts for T {}

impl Tx<'_> {
    /// A new person. Conflict when the address is taken.
    pub fn add_user(&mut self, user: &User) -> Result<()> {
        self.insert(&USER_BY_EMAIL, user.email.as_str(), &user.id)?;
        self.link(&USERS_BY_AGE, user.created, user.id);
        self.put(&USERS, user.id, user)
    }

    /// The same person, changed. The address may not change here.
    pub fn put_user(&mut self, user: &User) -> Result<()> {
        self.put(&USERS, user.id, user)
    }

    /// The same person with a new beginning: nobody had proved the old one.
    pub fn renew_user(&mut self, old: &User, new: &User) -> Result<()> {
        self.relink(&USERS_BY_AGE, &new.id, Some(&old.created), Some(&new.created));
        self.put(&USERS, new.id, new)
    }

    pub fn add_session(&mut self, hash: &str, session: &Session) -> Result<()> {
        let mut held: Vec<(Time, String)> = Vec::new();
        for known in self.linked(&SESSIONS_BY_USER, session.user, Order::Up, SESSIONS_MAX + 1)? {
            if let Some(row) = self.get(&SESSIONS, &known)? {
                held.push((row.last_seen, known));
            }
        }
        held.sort();
        while held.len() >= SESSIONS_MAX {
            let (_, oldest) = held.remove(0);
            self.end_session(&oldest)?;
        }
        self.link(&SESSIONS_BY_USER, session.user, hash.to_owned());
        self.put(&SESSIONS, hash, session)
    }

    pub fn stamp_session(&mut self, hash: &str, now: Time) -> Result<()> {
        if let Some(mut session) = self.get(&SESSIONS, hash)? {
            session.last_seen = now;
            self.put(&SESSIONS, hash, &session)?;
        }
        Ok(())
    }

    pub fn end_session(&mut self, hash: &str) -> Result<()> {
        if let Some(session) = self.take(&SESSIONS, hash)? {
            self.unlink(&SESSIONS_BY_USER, session.user, hash.to_owned());
        }
        Ok(())
    }

    /// Ends one of a person's own sessions, by the id shown in the list.
    pub fn end_session_of(&mut self, user: UserId, id: SessionId) -> Result<()> {
        for hash in self.linked(&SESSIONS_BY_USER, user, Order::Up, SESSIONS_MAX + 1)? {
            if self.get(&SESSIONS, &hash)?.is_some_and(|session| session.id == id) {
                return self.end_session(&hash);
            }
        }
        Err(Error::not_found("session"))
    }

    pub fn end_sessions_of(&mut self, user: UserId) -> Result<()> {
        for hash in self.linked(&SESSIONS_BY_USER, user, Order::Up, SESSIONS_MAX + 1)? {
            self.end_session(&hash)?;
        }
        Ok(())
    }

    pub fn add_ticket(&mut self, hash: &str, ticket: &Ticket) -> Result<()> {
        self.put(&TICKETS, hash, ticket)
    }

    /// Uses a ticket up. Whoever comes second finds nothing.
    pub fn take_ticket(&mut self, hash: &str) -> Result<Option<Ticket>> {
        self.take(&TICKETS, hash)
    }
}
