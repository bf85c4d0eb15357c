//! Mails we owe. Plain text first; a mail never carries an action that is harmful twice.

use serde::{Deserialize, Serialize};

use crate::base::Time;
use crate::base::ids::MailId;
use crate::base::text::Email;
use crate::domain::account::Ticket;

/// Where the link stands in a mail that has not been sent: no name and no sentence of ours holds this letter.
pub const LINK: char = '\u{1}';

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Mail {
    /// Also its Message-ID, so that a second copy after a crash is recognised as one.
    pub id: MailId,
    pub to: Email,
    pub subject: String,
    /// With `LINK` where the one-time link comes; empty once the mail has been sent.
    pub text: String,
    /// The one-time link that the mail brings: made when it is sent, and kept as a hash only.
    #[serde(default)]
    pub ticket: Option<Ticket>,
    pub created: Time,
    #[serde(default)]
    pub sent: Option<Time>,
}
