//! Signing for the chain, exactly once: store the bytes, then send them; send them again; sign anew only when they can't land.

use super::App;
use crate::base::{Error, Result};
use crate::domain::signer::{CallState, Purpose, SignedCall};
use crate::grid::{Call, Fate, Signed};
use crate::store::grid::Chain;

impl App {
    /// Takes a call as far as it can go now. `Landed` and `Refused` are final; `Pending` means ask again.
    pub async fn drive_call(&self, purpose: Purpose, call: Call) -> Result<Fate> {
        let known = self.read()?.call(&purpose)?;
        let signed = match known {
            Some(known) => match &known.state {
                CallState::Landed { block } => return Ok(Fate::Landed { block: *block }),
                CallState::Refused { reason } => return Ok(Fate::Refused(reason.clone())),
                CallState::Open => known,
            },
            None => self.sign(purpose, &call, None).await?,
        };
        let bytes = hex::decode(&signed.bytes).map_err(|cause| Error::internal("A signed call can't be read.").because(cause))?;
        // Sending twice is harmless: the bytes carry their nonce. A lost answer is no answer.
        let sent = self.grid.submit(&bytes).await;
        let sent_call = Signed { bytes, hash: [0; 32], birth_block: signed.birth_block, last_block: signed.last_block };
        let fate = self.grid.fate(&sent_call).await?;
        match &fate {
            Fate::Pending => sent.map(|()| Fate::Pending),
            Fate::Landed { block } => self.settle_call(signed, CallState::Landed { block: *block }).await.map(|()| fate),
            Fate::Refused(reason) => {
                let state = CallState::Refused { reason: reason.clone() };
                self.settle_call(signed, state).await.map(|()| fate)
            }
            Fate::Expired => {
                // It can never land, so its nonce is free again, and the same intent may be signed anew.
                self.sign(purpose, &call, Some(signed)).await?;
                Ok(Fate::Pending)
            }
        }
    }

    async fn sign(&self, purpose: Purpose, call: &Call, expired: Option<SignedCall>) -> Result<SignedCall> {
        let _one = self.signing.lock().await;
        let chain_next = self.grid.next_nonce().await?;
        let nonce = match &expired {
            // Only if nobody used it meanwhile: a wallet used elsewhere moves on.
            Some(old) if old.nonce >= chain_next => old.nonce,
            // Nonces given out already are those of open calls; the chain's own count may lag behind them.
            _ => {
                let open = self.read()?.open_calls(1000)?;
                open.iter().map(|call| call.nonce + 1).max().unwrap_or(0).max(chain_next)
            }
        };
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
            renewals: expired.map_or(0, |old| old.renewals + 1),
        };
        let stored = row.clone();
        self.store.write(move |tx| tx.put_call(&stored)).await?;
        Ok(row)
    }

    /// Forgets how a call ended, so that the same purpose may be signed for again. One that may still land is not forgotten.
    pub async fn forget_call(&self, purpose: Purpose) -> Result<()> {
        self.store.write(move |tx| tx.forget_call(&purpose)).await
    }

    async fn settle_call(&self, call: SignedCall, state: CallState) -> Result<()> {
        let call = SignedCall { state, ..call };
        self.store.write(move |tx| tx.put_call(&call)).await
    }
}
