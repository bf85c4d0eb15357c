//! Mails we owe. Plain text first; a mail never carries an action that is harmful twice.

use serde::{Deserialize, Serialize};

use crate::base::Time;
use crate::base::ids::MailId;
use crate::base::text::Email;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    /// Also its Message-ID, so that a second copy after a crash is recognised as one.
    pub id: MailId,
    pub to: Email,
    pub subject: String,
    pub text: String,
    pub created: Time,
    #[serde(default)]
    pub sent: Option<Time>,
}
