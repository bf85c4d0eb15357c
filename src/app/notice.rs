//! Webhooks of the card processor: recorded first, believed never. What they point to is fetched again before anything moves.

use super::App;
use crate::base::ids::JobId;
use crate::base::{Error, Kind, Result};
use crate::domain::charge::Notice;
use crate::domain::job::{Next, Work};
use crate::store::charge::Charges;
use crate::wire::stripe::webhook;

impl App {
    /// Whether notices are taken at all: without a secret anybody could write them.
    pub fn takes_notices(&self) -> bool {
        !self.settings.cards.webhook_secret.reveal().is_empty()
    }

    /// Checks the signature over the raw bytes and records the notice. A copy of one that is known has no effect.
    pub async fn receive_notice(&self, raw: &[u8], signature: &str) -> Result<()> {
        let now = self.now();
        let secrets: Vec<_> = [&self.settings.cards.webhook_secret, &self.settings.cards.webhook_secret_old]
            .into_iter()
            .filter(|secret| !secret.reveal().is_empty())
            .cloned()
            .collect();
        let event = webhook::verify(raw, signature, &secrets, now).map_err(|refused| {
            tracing::warn!(%refused, "a card notice was refused");
            Error::forbidden("The signature does not fit.")
        })?;
        let notice = Notice {
            id: event.id.clone(),
            kind: event.kind,
            object: event.object_id.unwrap_or_default(),
            received: now,
            handled: None,
            note: String::new(),
        };
        let job = JobId::random(&*self.random);
        self.store
            .write(move |tx| {
                if tx.notice(&notice.id)?.is_some() {
                    return Ok(());
                }
                tx.put_notice(&notice)?;
                tx.owe(job, Work::ReadNotice(notice.id.clone()), now)
            })
            .await?;
        self.nudge();
        Ok(())
    }

    /// Looks at the object a notice points to, and lets the order it belongs to look for itself.
    pub async fn read_notice(&self, id: &str) -> Result<Next> {
        let snapshot = self.read()?;
        let Some(notice) = snapshot.notice(id)?.filter(|notice| notice.handled.is_none()) else { return Ok(Next::Done) };
        let note = match notice.object.split('_').next() {
            Some("seti") => match snapshot.card_setup(&notice.object)? {
                Some(_) if notice.kind == "setup_intent.succeeded" => match self.finish_card(&notice.object).await {
                    Ok(_) => "card saved".to_owned(),
                    // The processor itself says otherwise: it is believed, the notice is not.
                    Err(error) if matches!(error.kind(), Kind::Conflict | Kind::NotFound) => {
                        tracing::warn!(notice = %notice.id, ?error, "a card notice does not hold");
                        "not so, says the processor".to_owned()
                    }
                    Err(error) => return Err(error),
                },
                _ => "nothing of ours".to_owned(),
            },
            Some("pi") => match snapshot.charge_by_payment(&notice.object)? {
                Some(charge) => {
                    // The order's own climb asks the processor; the notice only says when.
                    let (job, now) = (JobId::random(&*self.random), self.now());
                    self.store.write(move |tx| tx.owe(job, Work::ClimbOrder(charge.order), now)).await?;
                    self.nudge();
                    format!("order {} looks for itself", charge.order)
                }
                None => "nothing of ours, or not yet".to_owned(),
            },
            _ => "noted".to_owned(),
        };
        let now = self.now();
        let handled = Notice { handled: Some(now), note, ..notice };
        self.store.write(move |tx| tx.put_notice(&handled)).await?;
        Ok(Next::Done)
    }
}
