//! The way out for mails: one SMTP connection pool.

use std::time::Duration;

use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};

use crate::base::{Error, Kind, Result};
use crate::domain::mail::Mail;
use crate::settings::Settings;

/// How long the mail server may take for each of its answers: one that swallows mails must not hold up everything else we owe.
const ANSWER: Duration = Duration::from_secs(10);
/// Answers that are about the mailbox (RFC 5321, 4.2.3), not about us.
const NO_MAILBOX: [&str; 3] = ["550", "551", "553"];

pub struct PostOffice {
    from: Mailbox,
    /// None when no mail server is set: mails wait in the outbox.
    transport: Option<AsyncSmtpTransport<Tokio1Executor>>,
    domain: String,
}

impl PostOffice {
    pub fn new(settings: &Settings) -> Result<Self> {
        let wrong = |what: &str| Error::new(Kind::Invalid, format!("The setting mail.{what} can't be used."));
        let from: Mailbox = settings.mail.from.parse().map_err(|cause| wrong("from").because(cause))?;
        let url = settings.mail.smtp.reveal();
        let transport = match url.is_empty() {
            true => None,
            false => Some(
                AsyncSmtpTransport::<Tokio1Executor>::from_url(url).map_err(|_| wrong("smtp"))?.timeout(Some(ANSWER)).build(),
            ),
        };
        let domain = from.email.domain().to_owned();
        Ok(PostOffice { from, transport, domain })
    }

    /// Whether the mail server lets us in; nothing is sent.
    pub async fn greet(&self) -> Result<()> {
        let Some(transport) = &self.transport else { return Err(Error::unavailable("No mail server is set (mail.smtp).")) };
        let failed = || Error::unavailable("The mail server does not greet us.");
        match tokio::time::timeout(ANSWER, transport.test_connection()).await {
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false)) => Err(failed()),
            Ok(Err(cause)) => Err(failed().because(cause)),
            Err(_) => Err(failed().because("no answer in time")),
        }
    }

    /// `NotFound` when there is no such mailbox.
    pub async fn send(&self, mail: &Mail) -> Result<()> {
        let Some(transport) = &self.transport else { return Err(Error::unavailable("No mail server is set (mail.smtp).")) };
        let failed = |cause: String| Error::unavailable("The mail server did not take the mail.").because(cause);
        let to = mail.to.as_str().parse().map_err(|_| Error::internal("The address can't be written to."))?;
        let message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .message_id(Some(format!("<{}@{}>", mail.id, self.domain)))
            .subject(&mail.subject)
            .header(ContentType::TEXT_PLAIN)
            .body(mail.text.clone())
            .map_err(|cause| failed(cause.to_string()))?;
        transport.send(message).await.map(drop).map_err(|cause| {
            let nobody = cause.status().is_some_and(|code| NO_MAILBOX.contains(&code.to_string().as_str()));
            match cause.is_permanent() {
                true if nobody => Error::not_found("mailbox").because(cause),
                // It says so again however often it is asked: in the end a person must look.
                true => Error::internal("The mail server refuses the mail.").because(cause),
                false => failed(cause.to_string()),
            }
        })
    }
}
