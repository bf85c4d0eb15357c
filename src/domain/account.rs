//! People: their account, roles, sessions and one-time links.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::handover::OwnAccount;
use crate::base::ids::{SessionId, UserId};
use crate::base::text::{Email, PersonName, SshKey};
use crate::base::time::{DAY, HOUR, MINUTE};
use crate::base::{Error, Result, Secret, Time};

/// What an account may do. One account may hold several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Role {
    #[serde(rename = "cloud-user")]
    User,
    #[serde(rename = "cloud-provider")]
    Provider,
    #[serde(rename = "cloud-operator")]
    Operator,
}

impl Role {
    pub const ALL: [Role; 3] = [Role::User, Role::Provider, Role::Operator];

    /// The name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Role::User => "cloud-user",
            Role::Provider => "cloud-provider",
            Role::Operator => "cloud-operator",
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct User {
    pub id: UserId,
    pub email: Email,
    pub name: PersonName,
    /// PHC string of Argon2id.
    pub password: Secret<String>,
    /// When the address was proved. Until then the name and the password are those of the newest sign-up, whoever typed them.
    #[serde(default)]
    pub verified: Option<Time>,
    pub roles: BTreeSet<Role>,
    pub created: Time,
    /// Sessions of an older epoch are over: counts up when the password changes.
    #[serde(default)]
    pub epoch: u32,
    /// The card processor's name for this person, once there is one.
    #[serde(default)]
    pub customer: Option<String>,
    /// The key under which the processor is being asked for one.
    #[serde(default)]
    pub customer_key: Option<String>,
    /// Farms whose ownership was proved: their earnings are this person's.
    #[serde(default)]
    pub farms: BTreeSet<u32>,
    /// The card that is charged; the newest one if none was chosen.
    #[serde(default)]
    pub card: Option<crate::base::ids::CardId>,
    /// The last SSH key used, offered again at the next order. Kept in `ssh_keys` since people may have several.
    #[serde(default)]
    pub ssh_key: Option<SshKey>,
    /// SSH keys used before, the last used first.
    #[serde(default)]
    pub ssh_keys: Vec<SshKey>,
    /// Their own account on the chain, if they have shown one: machines are taken over to its twin.
    #[serde(default)]
    pub own_account: Option<OwnAccount>,
}

/// SSH keys that are remembered for a person.
pub const KEYS_MAX: usize = 20;

impl User {
    pub fn has(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }

    /// The keys to offer at the next order.
    pub fn known_keys(&self) -> Vec<&SshKey> {
        if self.ssh_keys.is_empty() { self.ssh_key.iter().collect() } else { self.ssh_keys.iter().collect() }
    }

    /// Puts keys before those that were used earlier, and forgets the oldest.
    pub fn remember_keys<'a>(&mut self, used: impl Iterator<Item = &'a SshKey>) {
        let mut keys: Vec<SshKey> = used.cloned().collect();
        let new: BTreeSet<String> = keys.iter().map(SshKey::fingerprint).collect();
        keys.extend(self.known_keys().into_iter().filter(|known| !new.contains(&known.fingerprint())).cloned());
        keys.truncate(KEYS_MAX);
        (self.ssh_keys, self.ssh_key) = (keys, None);
    }

    /// Forgets a key. False if it was not known.
    pub fn forget_key(&mut self, fingerprint: &str) -> bool {
        let before = self.known_keys().len();
        let kept: Vec<SshKey> = self.known_keys().into_iter().filter(|key| key.fingerprint() != fingerprint).cloned().collect();
        let forgotten = kept.len() < before;
        (self.ssh_keys, self.ssh_key) = (kept, None);
        forgotten
    }
}

/// How long a browser stays logged in without being used, and at most.
pub const SESSION_IDLE: Duration = Duration::from_secs(14 * 86_400);
pub const SESSION_LIFE: Duration = Duration::from_secs(90 * 86_400);
/// `last_seen` is written at most this often: a page view is not a write.
pub const SESSION_STAMP: Duration = HOUR;

/// A browser that is logged in. Stored under the hash of the cookie's secret, so that a stolen store opens no session.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Session {
    pub id: SessionId,
    pub user: UserId,
    pub created: Time,
    pub last_seen: Time,
    pub epoch: u32,
    /// The browser as it introduced itself, shortened, for the list of sessions.
    pub agent: String,
}

impl Session {
    pub fn live(&self, user: &User, now: Time) -> bool {
        self.epoch == user.epoch && now.since(self.last_seen) < SESSION_IDLE && now.since(self.created) < SESSION_LIFE
    }
}

/// What a one-time link is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Purpose {
    VerifyEmail,
    ResetPassword,
    /// The first run: whoever holds it becomes the first operator.
    SetUp,
}

impl Purpose {
    /// The path of the page that its link opens.
    pub const fn page(self) -> &'static str {
        match self {
            Purpose::VerifyEmail => "/verify",
            Purpose::ResetPassword => "/reset",
            Purpose::SetUp => "/setup",
        }
    }

    pub const fn life(self) -> Duration {
        match self {
            Purpose::VerifyEmail => DAY,
            Purpose::ResetPassword => Duration::from_secs(15 * MINUTE.as_secs()),
            Purpose::SetUp => Duration::from_secs(7 * 86_400),
        }
    }
}

/// A one-time link, stored under the hash of its secret; used by deleting it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Ticket {
    pub purpose: Purpose,
    /// None for the set-up ticket: there is nobody yet.
    pub user: Option<UserId>,
    pub expires: Time,
    /// The epoch it was made in: a changed password kills older reset links.
    #[serde(default)]
    pub epoch: u32,
    /// For `VerifyEmail`: the one sign-up that the link proves.
    #[serde(default)]
    pub sign_up: Option<SignUp>,
}

/// A sign-up as it was typed. Anybody can sign up with anybody's address, so a link vouches for the sign-up it was mailed for and no other.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SignUp {
    pub name: PersonName,
    /// PHC string of Argon2id.
    pub password: Secret<String>,
    /// The mark of the browser in which this password was typed. Any other one is asked for the password.
    pub browser: Option<String>,
}

impl SignUp {
    /// Whether the password was typed in the browser of this mark.
    pub fn is_from(&self, browser: &str) -> bool {
        self.browser.as_deref() == Some(browser)
    }
}

pub const PASSWORD_MIN: usize = 12;
pub const PASSWORD_MAX: usize = 128;

/// A password a person may choose: long enough, not their address, not one of the worst.
pub fn check_password(password: &str, email: &Email) -> Result<()> {
    let length = password.chars().count();
    if length < PASSWORD_MIN {
        return Err(Error::invalid(
            "password",
            format!("At least {PASSWORD_MIN} characters, please. A few words are easiest to remember."),
        ));
    }
    if length > PASSWORD_MAX {
        return Err(Error::invalid("password", format!("At most {PASSWORD_MAX} characters, please.")));
    }
    let lower = password.to_lowercase();
    let mut kinds: Vec<char> = lower.chars().collect();
    kinds.sort_unstable();
    kinds.dedup();
    let local = email.as_str().split('@').next().unwrap_or_default();
    const WORST: [&str; 8] =
        ["password", "1234567890", "qwertyuiop", "letmein", "iloveyou", "cooperage", "administrator", "abcdefghij"];
    let bare: String = lower.chars().filter(|letter| letter.is_alphabetic() || letter.is_ascii_digit()).collect();
    if kinds.len() < 5
        || lower.contains(email.as_str())
        || bare.trim_end_matches(char::is_numeric) == local
        || WORST.iter().any(|worst| bare.trim_end_matches('1') == *worst)
    {
        return Err(Error::invalid("password", "This one is among the first that others would try. Please take another."));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weak_passwords_are_refused_with_a_reason() {
        let alice = Email::parse("alice@example.org").unwrap();
        for weak in ["short", "aaaaaaaaaaaa", "password11", "1234567890", "alice@example.org", "Cooperage111"] {
            assert_eq!(check_password(weak, &alice).unwrap_err().field(), Some("password"), "{weak}");
        }
        assert!(check_password(&"x1y2z3".repeat(30), &alice).is_err());
        assert!(check_password("barrels and staves", &alice).is_ok());
    }

    #[test]
    fn a_session_ends_with_its_epoch_its_idleness_and_its_age() {
        let now = Time::from_secs(1_000_000_000);
        let mut user = User {
            id: UserId::from_bits(1),
            email: Email::parse("a@example.org").unwrap(),
            name: PersonName::parse("A").unwrap(),
            password: Secret::default(),
            verified: None,
            roles: BTreeSet::new(),
            created: now,
            epoch: 0,
            customer: None,
            customer_key: None,
            farms: BTreeSet::new(),
            card: None,
            ssh_key: None,
            ssh_keys: vec![],
            own_account: None,
        };
        let session =
            Session { id: SessionId::from_bits(1), user: user.id, created: now, last_seen: now, epoch: 0, agent: String::new() };
        assert!(session.live(&user, now + DAY));
        assert!(!session.live(&user, now + SESSION_IDLE));
        user.epoch = 1;
        assert!(!session.live(&user, now));
    }
}
