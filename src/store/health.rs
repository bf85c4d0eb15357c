//! Whether the store can still be trusted. After the first error of the disk it never is again: the process must end.

use std::sync::Arc;

use tokio::sync::watch;

use crate::base::Error;

/// `None` while all is well; afterwards what happened, for the log.
pub(super) struct Health(watch::Sender<Option<Arc<str>>>);

impl Health {
    pub(super) fn new() -> Self {
        Health(watch::channel(None).0)
    }

    /// Notes the first failure and gives the error for whoever ran into it.
    pub(super) fn fail(&self, cause: redb::Error) -> Error {
        self.stop(&cause.to_string());
        refusal().because(cause)
    }

    pub(super) fn stop(&self, what: &str) {
        self.0.send_if_modified(|reason| {
            let first = reason.is_none();
            if first {
                tracing::error!(reason = what, "the store failed and takes no more requests");
                *reason = Some(what.into());
            }
            first
        });
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        if self.is_well() { Ok(()) } else { Err(refusal()) }
    }

    pub(super) fn is_well(&self) -> bool {
        self.0.borrow().is_none()
    }

    /// Comes back when the store has failed, with the reason for the log.
    pub(super) async fn failed(&self) -> Arc<str> {
        let mut watch = self.0.subscribe();
        loop {
            if let Some(reason) = watch.borrow_and_update().clone() {
                return reason;
            }
            if watch.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}

pub(super) fn refusal() -> Error {
    Error::unavailable("The storage has failed. The service will restart; please try again in a minute.")
}
