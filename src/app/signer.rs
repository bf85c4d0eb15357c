//! Signing for the chain, exactly once: store the bytes, then send them; send them again; sign anew only when they can't land.

use std::time::Duration;

use super::App;
use crate::base::{Error, Kind, Result};
use crate::domain::signer::{CallState, Purpose, SignedCall, free_nonce};
use crate::grid::{Call, Fate, Signed};
use crate::store::Read;
use crate::store::grid::Chain;
use crate::store::schema::CALLS;

/// So long a call is left to whoever wanted it; then it is looked after for everybody behind it.
const LEFT_ALONE: Duration = Duration::from_secs(20);

/// What to do about a call that can't land any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overdue {
    SignAnew,
    /// It is not wanted any more: `Fate::Expired`.
    LetGo,
}

impl App {
    /// Takes a call as far as it can go now. `Landed` and `Refused` are final, and so is `Expired` for one that is let go;
    /// `Pending` means ask again.
    pub async fn drive_call(&self, purpose: Purpose, call: Call, overdue: Overdue) -> Result<Fate> {
        let known = match self.read()?.call(&purpose)? {
            Some(known) => known,
            None => self.sign(purpose, &call).await?,
        };
        match (self.drive_signed(&known).await?, overdue) {
            (Fate::Expired, Overdue::SignAnew) => {
                let anew = self.sign(purpose, &call).await?;
                self.drive_signed(&anew).await
            }
            (fate, _) => Ok(fate),
        }
    }

    /// What became of a call that is not wanted any more; None if it was never signed.
    pub(super) async fn fate_of(&self, purpose: &Purpose) -> Result<Option<Fate>> {
        match self.read()?.call(purpose)? {
            Some(known) => self.drive_signed(&known).await.map(Some),
            None => Ok(None),
        }
    }

    /// Looks after the calls that nobody has asked about for a while: one that did not land blocks all those behind it,
    /// and whoever wanted it may be waiting for a person.
    pub async fn drive_open_calls(&self) -> Result<usize> {
        let (mut count, mut failed) = (0, None);
        for (_, key) in self.read()?.open_nonces()? {
            // One whose fate can't be learnt, or that can't even be read, holds up nobody behind it.
            match self.drive_left(&key).await {
                Ok(driven) => count += usize::from(driven),
                Err(error) => {
                    tracing::info!(call = %key, ?error, "what became of a call is not known yet");
                    failed.get_or_insert(error);
                }
            }
        }
        failed.map_or(Ok(count), Err)
    }

    /// Drives an open call by its key, unless it was signed just now.
    async fn drive_left(&self, key: &str) -> Result<bool> {
        let call = self.read()?.get(&CALLS, key)?;
        match call.filter(|call| self.now().since(call.signed) >= LEFT_ALONE) {
            Some(call) => self.drive_signed(&call).await.map(|_| true),
            None => Ok(false),
        }
    }

    /// Sends a signed call once more, and asks what became of it.
    async fn drive_signed(&self, call: &SignedCall) -> Result<Fate> {
        match &call.state {
            CallState::Landed { block } => return Ok(Fate::Landed { block: *block }),
            CallState::Refused { reason } => return Ok(Fate::Refused(reason.clone())),
            CallState::Expired => return Ok(Fate::Expired),
            CallState::Open => {}
        }
        let bytes = hex::decode(&call.bytes).map_err(|cause| Error::internal("A signed call can't be read.").because(cause))?;
        // Sending twice is harmless: the bytes carry their nonce. A lost answer is no answer.
        let sent = self.grid.submit(&bytes).await;
        let hash = hash(&call.hash)?;
        let signed = Signed { nonce: call.nonce, bytes, hash, birth_block: call.birth_block, last_block: call.last_block };
        let fate = self.grid.fate(&signed).await?;
        let state = match &fate {
            Fate::Pending => {
                match sent {
                    Ok(()) => {}
                    Err(error) if error.kind() == Kind::Unavailable => {
                        tracing::info!(call = %call.purpose.key(), ?error, "no answer to a signed call");
                    }
                    Err(error) if error.kind() == Kind::Unfunded => {
                        tracing::error!(call = %call.purpose.key(), ?error, "the wallet can't pay for a call");
                    }
                    // It may be in a block already that is not final yet. If it is not, its time runs out.
                    Err(error) => tracing::warn!(call = %call.purpose.key(), ?error, "the chain does not take a signed call"),
                }
                return Ok(fate);
            }
            Fate::Landed { block } => CallState::Landed { block: *block },
            Fate::Refused(reason) => CallState::Refused { reason: reason.clone() },
            Fate::Expired | Fate::Usurped => CallState::Expired,
        };
        let usurped = fate == Fate::Usurped;
        if usurped {
            self.note_usurped(call.nonce).await?;
        }
        let used = usurped || state != CallState::Expired;
        let (call, address) = (call.clone(), self.grid.address());
        self.store.write(move |tx| tx.end_call(&call, state, &address, used)).await?;
        // To whoever wanted it, one is as good as the other: it can be signed for again.
        Ok(if usurped { Fate::Expired } else { fate })
    }

    /// Signs for a purpose, unless somebody just did: two who want the same thing get the same call.
    async fn sign(&self, purpose: Purpose, call: &Call) -> Result<SignedCall> {
        let _one = self.signing.lock().await;
        let chain_next = self.grid.next_nonce().await?;
        let snapshot = self.read()?;
        let before = snapshot.call(&purpose)?;
        if let Some(known) = before.as_ref().filter(|known| known.state != CallState::Expired) {
            return Ok(known.clone());
        }
        let taken = snapshot.open_nonces()?.into_iter().map(|(nonce, _)| nonce).collect();
        let nonce = free_nonce(chain_next, snapshot.nonces_used_to(&self.grid.address())?, &taken);
        let signed = self.grid.sign(call, nonce).await?;
        let row = SignedCall {
            purpose,
            nonce,
            bytes: hex::encode(&signed.bytes),
            hash: hex::encode(signed.hash),
            birth_block: signed.birth_block,
            last_block: signed.last_block,
            signed: self.now(),
            state: CallState::Open,
            renewals: before.map_or(0, |old| old.renewals + 1),
        };
        let stored = row.clone();
        self.store.write(move |tx| tx.put_call(&stored)).await?;
        Ok(row)
    }

    /// Forgets how a call ended, so that the same purpose may be signed for again. One that may still land is not forgotten.
    pub async fn forget_call(&self, purpose: Purpose) -> Result<()> {
        self.store.write(move |tx| tx.forget_call(&purpose)).await
    }
}

fn hash(hex: &str) -> Result<[u8; 32]> {
    let bytes = hex::decode(hex).map_err(|cause| Error::internal("A call's hash can't be read.").because(cause))?;
    bytes.try_into().map_err(|_| Error::internal("A call's hash has another length."))
}
