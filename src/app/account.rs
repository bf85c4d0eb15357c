//! Coming and going: sign-up, log-in, log-out, reset, the first run.

use std::collections::BTreeSet;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::App;
use super::hasher::Hasher;
use super::limit::Limit;
use super::mail;
use crate::base::ids::{SessionId, UserId};
use crate::base::text::{Email, PersonName};
use crate::base::{Clock, Error, Kind, Random, Result, Secret, Time};
use crate::domain::account::{Purpose, Role, SESSION_STAMP, Session, SignUp, Ticket, User, check_password};
use crate::store::account::Accounts;
use crate::store::{Store, Tx};

/// The text of a cookie or one-time link: 256 random bits in hex. Only its hash is stored.
pub type Token = Secret<String>;

/// What a form sends for a new account.
pub struct NewPerson {
    pub name: String,
    pub email: String,
    pub password: Secret<String>,
}

/// A browser's session, ready for its cookie.
pub struct LoggedIn {
    pub token: Token,
    pub user: User,
}

pub fn hash_token(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
}

impl App {
    pub(super) fn token(&self) -> Token {
        Secret::new(hex::encode(self.random.bytes::<32>()))
    }

    /// Signs a person up. The answer is the same whether or not the address is known: the mail tells the difference.
    ///
    /// Until somebody has proved the address, the newest sign-up counts for the log-in, and each link proves only the sign-up it was mailed for.
    pub async fn sign_up(&self, form: NewPerson, from: &str, browser: &str) -> Result<()> {
        let now = self.now();
        let name = PersonName::parse(&form.name).map_err(|why| Error::invalid("name", why))?;
        let email = Email::parse(&form.email).map_err(|why| Error::invalid("email", why))?;
        check_password(form.password.reveal(), &email)?;
        self.limits.take(Limit::SignUp, from, now)?;
        self.limits.take(Limit::SignUpAccount, email.as_str(), now)?;
        let password = self.hasher.hash(form.password, &*self.random).await?;
        let user = new_user(UserId::random(&*self.random), name, email, password, [Role::User].into(), now);
        let (brand, site) = (self.settings.brand.name.clone(), self.settings.server.public_url.clone());
        let random = self.random.clone();
        let browser = browser.to_owned();
        self.store
            .write(move |tx| {
                let user = match tx.user_by_email(&user.email)? {
                    Some(known) if known.verified.is_some() => {
                        let mail = mail::already_known(&brand, &site, &known, &*random, now);
                        return tx.queue_mail(&mail, &*random, now);
                    }
                    Some(known) => {
                        // As old as this sign-up, so that its link is not cleared away with the one before.
                        let user = User { name: user.name, password: user.password, created: now, ..known.clone() };
                        tx.renew_user(&known, &user)?;
                        user
                    }
                    None => {
                        tx.add_user(&user)?;
                        user
                    }
                };
                let ticket = proof(&user, Some(browser), now);
                tx.queue_mail(&mail::verify(&brand, ticket, &user, &*random, now), &*random, now)
            })
            .await?;
        self.nudge();
        Ok(())
    }

    /// The sign-up behind a link that still works.
    fn sign_up_of(&self, token: &str) -> Result<Option<SignUp>> {
        let snapshot = self.read()?;
        let ticket = snapshot.ticket(&hash_token(token))?.filter(|ticket| ticket.expires > self.now());
        let Some(Ticket { user: Some(user), epoch, sign_up, .. }) = ticket else { return Ok(None) };
        let user = snapshot.user(user)?.filter(|user| user.verified.is_none() && user.epoch == epoch);
        Ok(user.and(sign_up))
    }

    /// Whether this browser has to say the password of the sign-up that the link is for: it was typed somewhere else.
    pub fn proof_asks_password(&self, token: &str, browser: &str) -> Result<bool> {
        Ok(self.sign_up_of(token)?.is_some_and(|sign_up| !sign_up.is_from(browser)))
    }

    /// Proves the address and logs the browser in. Whoever owns the mailbox vouches for their own sign-up only: the password that counts from
    /// then on was typed in this very browser, or is typed now.
    pub async fn verify_email(
        &self,
        token: &str,
        password: Secret<String>,
        from: &str,
        agent: &str,
        browser: &str,
    ) -> Result<LoggedIn> {
        let now = self.now();
        self.limits.take(Limit::Ticket, from, now)?;
        let sign_up = self.sign_up_of(token)?.ok_or_else(used_up)?;
        if !sign_up.is_from(browser) {
            if password.reveal().is_empty() {
                return Err(Error::invalid("password", "Please type the password that you chose when you signed up."));
            }
            if !self.hasher.fits(password, Some(sign_up.password.clone())).await? {
                return Err(Error::invalid("password", "This is not the password of the sign-up that this mail is about."));
            }
        }
        let hash = hash_token(token);
        let user = self
            .store
            .write(move |tx| {
                let mut user = claim(tx, &hash, Purpose::VerifyEmail, now)?;
                // Links of mails sent again die with the first one used: none of them is a way in by itself.
                if user.verified.is_some() {
                    return Err(used_up());
                }
                user.verified = Some(now);
                user.name = sign_up.name;
                user.password = sign_up.password;
                tx.put_user(&user)?;
                Ok(user)
            })
            .await?;
        self.open_session(user, agent).await
    }

    /// Logs in. Unknown address and wrong password are one answer, and take as long.
    pub async fn log_in(
        &self,
        email: &str,
        password: Secret<String>,
        from: &str,
        agent: &str,
        browser: &str,
    ) -> Result<LoggedIn> {
        let now = self.now();
        let refused = || Error::invalid("password", "This address and password don't go together.");
        self.limits.take(Limit::LogIn, from, now)?;
        let Ok(email) = Email::parse(email) else {
            return Err(Error::invalid("email", "This does not look like an e-mail address."));
        };
        self.limits.take(Limit::LogInAccount, &format!("{email} {from}"), now)?;
        self.limits.take(Limit::LogInAnywhere, email.as_str(), now)?;
        let user = self.read()?.user_by_email(&email)?;
        let fits = self.hasher.fits(password, user.as_ref().map(|user| user.password.clone())).await?;
        let user = user.filter(|_| fits).ok_or_else(refused)?;
        if user.verified.is_none() {
            // Said in the same words when no more mails may go there: a password that fits is no reason to flood a mailbox.
            if self.may_mail_link(&email, from, now).is_ok() {
                self.send_verification(&user, Some(browser.to_owned())).await?;
            }
            return Err(Error::invalid("email", "Please confirm your address first: the newest mail we sent you has the link."));
        }
        self.open_session(user, agent).await
    }

    /// Sends the proof of an address again, if there is such an account and it needs one; says the same in either case.
    pub async fn verify_again(&self, email: &str, from: &str) -> Result<()> {
        let email = Email::parse(email).map_err(|why| Error::invalid("email", why))?;
        self.may_mail_link(&email, from, self.now())?;
        match self.read()?.user_by_email(&email)?.filter(|user| user.verified.is_none()) {
            Some(user) => self.send_verification(&user, None).await,
            None => {
                let (random, now) = (self.random.clone(), self.now());
                self.store.write(move |tx| waste(tx, &*random, now)).await
            }
        }
    }

    /// Whether one more link may be mailed to this address, asked for from there.
    fn may_mail_link(&self, to: &Email, from: &str, now: Time) -> Result<()> {
        self.limits.take(Limit::Link, from, now)?;
        self.limits.take(Limit::LinkAccount, to.as_str(), now)
    }

    /// `browser` is where the password was typed just now; None when it was not, and the link will ask for it.
    async fn send_verification(&self, user: &User, browser: Option<String>) -> Result<()> {
        let now = self.now();
        let mail = mail::verify(&self.settings.brand.name, proof(user, browser, now), user, &*self.random, now);
        let random = self.random.clone();
        self.store.write(move |tx| tx.queue_mail(&mail, &*random, now)).await?;
        self.nudge();
        Ok(())
    }

    async fn open_session(&self, user: User, agent: &str) -> Result<LoggedIn> {
        let now = self.now();
        let token = self.token();
        let session = Session {
            id: SessionId::random(&*self.random),
            user: user.id,
            created: now,
            last_seen: now,
            epoch: user.epoch,
            agent: agent.chars().filter(|letter| !letter.is_control()).take(120).collect(),
        };
        let hash = hash_token(token.reveal());
        self.store.write(move |tx| tx.add_session(&hash, &session)).await?;
        Ok(LoggedIn { token, user })
    }

    /// Who a cookie belongs to.
    pub fn session(&self, token: &str) -> Result<Option<(Session, User)>> {
        self.read()?.session(&hash_token(token), self.now())
    }

    /// Notes that a session is in use, at most once in a while: a page view is not a write.
    pub async fn stamp_session(&self, token: &str, session: &Session) -> Result<()> {
        let now = self.now();
        if now.since(session.last_seen) < SESSION_STAMP {
            return Ok(());
        }
        let hash = hash_token(token);
        self.store.write(move |tx| tx.stamp_session(&hash, now)).await
    }

    pub async fn log_out(&self, token: &str) -> Result<()> {
        let hash = hash_token(token);
        self.store.write(move |tx| tx.end_session(&hash)).await
    }

    /// Changes how a person is called.
    pub async fn rename(&self, user: UserId, name: &str) -> Result<()> {
        let name = PersonName::parse(name).map_err(|why| Error::invalid("name", why))?;
        self.store
            .write(move |tx| {
                let mut user = tx.user(user)?.ok_or_else(|| Error::not_found("person"))?;
                user.name = name;
                tx.put_user(&user)
            })
            .await
    }

    pub async fn end_session(&self, user: UserId, id: SessionId) -> Result<()> {
        self.store.write(move |tx| tx.end_session_of(user, id)).await
    }

    /// Sends a reset link, if there is such a person; says the same in either case.
    pub async fn forgot_password(&self, email: &str, from: &str) -> Result<()> {
        let now = self.now();
        let email = Email::parse(email).map_err(|why| Error::invalid("email", why))?;
        self.may_mail_link(&email, from, now)?;
        let brand = self.settings.brand.name.clone();
        let random = self.random.clone();
        self.store
            .write(move |tx| {
                let Some(user) = tx.user_by_email(&email)? else { return waste(tx, &*random, now) };
                let ticket = ticket(Purpose::ResetPassword, &user, now);
                tx.queue_mail(&mail::reset(&brand, ticket, &user, &*random, now), &*random, now)
            })
            .await?;
        self.nudge();
        Ok(())
    }

    /// Sets a new password and ends every session there is.
    pub async fn reset_password(&self, token: &str, password: Secret<String>, from: &str) -> Result<()> {
        let now = self.now();
        self.limits.take(Limit::Ticket, from, now)?;
        let hash = hash_token(token);
        let known = self.read()?.ticket(&hash)?.and_then(|ticket| ticket.user);
        let user = known.map(|id| self.read()?.user(id)).transpose()?.flatten().ok_or_else(used_up)?;
        check_password(password.reveal(), &user.email)?;
        let password = self.hasher.hash(password, &*self.random).await?;
        self.store
            .write(move |tx| {
                let mut user = claim(tx, &hash, Purpose::ResetPassword, now)?;
                user.password = password;
                user.epoch += 1;
                // Whoever reads the mail owns the address.
                user.verified = user.verified.or(Some(now));
                tx.end_sessions_of(user.id)?;
                tx.put_user(&user)
            })
            .await
    }

    /// On a store without an operator: a fresh one-time link that makes one. None once there is an operator.
    pub async fn offer_set_up(&self) -> Result<Option<String>> {
        if self.read()?.has_operator()? {
            return Ok(None);
        }
        let now = self.now();
        let token = self.token();
        let link = format!("{}/setup?token={}", self.settings.server.public_url, token.reveal());
        let ticket =
            Ticket { purpose: Purpose::SetUp, user: None, expires: now + Purpose::SetUp.life(), epoch: 0, sign_up: None };
        self.store.write(move |tx| tx.add_ticket(&hash_token(token.reveal()), &ticket)).await?;
        Ok(Some(link))
    }

    /// Whether the first run is still open to whoever holds this token.
    pub fn set_up_is_open(&self, token: &str) -> Result<bool> {
        let snapshot = self.read()?;
        let open = snapshot
            .ticket(&hash_token(token))?
            .is_some_and(|ticket| ticket.purpose == Purpose::SetUp && ticket.expires > self.now());
        Ok(open && !snapshot.has_operator()?)
    }

    /// Makes the first operator, once.
    pub async fn set_up(&self, token: &str, form: NewPerson, from: &str, agent: &str) -> Result<LoggedIn> {
        let now = self.now();
        self.limits.take(Limit::Ticket, from, now)?;
        if !self.set_up_is_open(token)? {
            return Err(Error::not_found("page"));
        }
        let user = self.person(form, Role::ALL.into_iter().filter(|role| *role != Role::Provider).collect()).await?;
        let (hash, added) = (hash_token(token), user.clone());
        self.store
            .write(move |tx| {
                if tx.take_ticket(&hash)?.is_none() || tx.has_operator()? {
                    return Err(Error::not_found("page"));
                }
                tx.add_user(&added)
            })
            .await?;
        self.open_session(user, agent).await
    }

    /// Adds a person who needs no mail to be believed, with the PHC string of their password: the ready-made people of the demo.
    pub async fn add_person(&self, name: &str, email: &str, password: Secret<String>, roles: BTreeSet<Role>) -> Result<User> {
        let (name, email) = (PersonName::parse(name), Email::parse(email));
        let (name, email) =
            (name.map_err(|why| Error::invalid("name", why))?, email.map_err(|why| Error::invalid("email", why))?);
        let mut user = new_user(UserId::random(&*self.random), name, email, password, roles, self.now());
        user.verified = Some(user.created);
        add(&self.store, user).await
    }

    /// Makes a person who needs no mail to be believed.
    pub async fn create_person(&self, form: NewPerson, roles: BTreeSet<Role>) -> Result<User> {
        create_person(&self.store, &*self.clock, self.random.clone(), form, roles).await
    }

    async fn person(&self, form: NewPerson, roles: BTreeSet<Role>) -> Result<User> {
        believed(&self.hasher, &*self.random, form, roles, self.now()).await
    }
}

/// Makes a person who needs no mail to be believed: for the command line, which has a store and nothing else.
pub async fn create_person(
    store: &Store,
    clock: &dyn Clock,
    random: Arc<dyn Random>,
    form: NewPerson,
    roles: BTreeSet<Role>,
) -> Result<User> {
    let hasher = Hasher::default();
    add(store, believed(&hasher, &*random, form, roles, clock.now()).await?).await
}

async fn add(store: &Store, user: User) -> Result<User> {
    let added = user.clone();
    store.write(move |tx| tx.add_user(&added)).await.map_err(|error| match error.kind() {
        Kind::Conflict => Error::conflict(format!("There is already an account for {}.", user.email)),
        _ => error,
    })?;
    Ok(user)
}

async fn believed(hasher: &Hasher, random: &dyn Random, form: NewPerson, roles: BTreeSet<Role>, now: Time) -> Result<User> {
    let name = PersonName::parse(&form.name).map_err(|why| Error::invalid("name", why))?;
    let email = Email::parse(&form.email).map_err(|why| Error::invalid("email", why))?;
    check_password(form.password.reveal(), &email)?;
    let password = hasher.hash(form.password, random).await?;
    let mut user = new_user(UserId::random(random), name, email, password, roles, now);
    user.verified = Some(now);
    Ok(user)
}

fn new_user(id: UserId, name: PersonName, email: Email, password: Secret<String>, roles: BTreeSet<Role>, now: Time) -> User {
    User {
        id,
        email,
        name,
        password,
        verified: None,
        roles,
        created: now,
        epoch: 0,
        customer: None,
        customer_key: None,
        farms: BTreeSet::new(),
        card: None,
        ssh_key: None,
        ssh_keys: vec![],
        own_account: None,
    }
}

fn ticket(purpose: Purpose, user: &User, now: Time) -> Ticket {
    Ticket { purpose, user: Some(user.id), expires: now + purpose.life(), epoch: user.epoch, sign_up: None }
}

/// A write like the one for an address we know, so that the time an answer takes does not tell who has an account. Nobody knows the
/// secret of this ticket, it is over already, and it is cleared away like any other.
fn waste(tx: &mut Tx<'_>, random: &dyn Random, now: Time) -> Result<()> {
    let nobody = Ticket { purpose: Purpose::ResetPassword, user: None, expires: now, epoch: 0, sign_up: None };
    tx.add_ticket(&hex::encode(random.bytes::<32>()), &nobody)
}

/// The ticket that proves the sign-up which `user` holds at this moment.
fn proof(user: &User, browser: Option<String>, now: Time) -> Ticket {
    let sign_up = SignUp { name: user.name.clone(), password: user.password.clone(), browser };
    Ticket { sign_up: Some(sign_up), ..ticket(Purpose::VerifyEmail, user, now) }
}

fn used_up() -> Error {
    Error::new(Kind::Invalid, "This link was used already, or it is too old. Please ask for a new one.")
}

/// Takes a ticket and gives the person it is for.
fn claim(tx: &mut Tx<'_>, hash: &str, purpose: Purpose, now: Time) -> Result<User> {
    let ticket = tx.take_ticket(hash)?.filter(|ticket| ticket.purpose == purpose && ticket.expires > now).ok_or_else(used_up)?;
    let user = ticket.user.map(|id| tx.user(id)).transpose()?.flatten().ok_or_else(used_up)?;
    if ticket.epoch != user.epoch {
        return Err(used_up());
    }
    Ok(user)
}
