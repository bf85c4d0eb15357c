//! Calls we signed for the chain, and what the chain billed.

use super::schema::{BILLS, CALLS, CALLS_OPEN, NONCES, UNREAD_BLOCKS};
use super::{Order, Read, Tx};
use crate::base::Result;
use crate::domain::bill::Bill;
use crate::domain::signer::{CallState, Purpose, SignedCall};

pub trait Chain: Read {
    fn call(&self, purpose: &Purpose) -> Result<Option<SignedCall>> {
        self.get(&CALLS, purpose.key().as_str())
    }

    /// Calls that may still land, lowest nonce first: the nonce, and the key the call is stored under. All of them, and no
    /// row is read: one that can't be must not keep its nonce from being known.
    fn open_nonces(&self) -> Result<Vec<(u32, String)>> {
        self.links::<_, _, u32>(&CALLS_OPEN, .., Order::Up, usize::MAX)
    }

    /// The first nonce of an account that no finalized call of ours has used.
    fn nonces_used_to(&self, address: &str) -> Result<u32> {
        Ok(self.get(&NONCES, address)?.unwrap_or(0))
    }

    /// The newest blocks, from and to, that the chain had forgotten when we came to read them.
    fn unread_blocks(&self) -> Result<Option<(u32, u32)>> {
        Ok(self.newest(&UNREAD_BLOCKS, 1)?.pop())
    }

    /// What was billed for one contract, oldest first.
    fn bills_of(&self, contract: u64, limit: usize) -> Result<Vec<Bill>> {
        let rows = self.under(&BILLS, &contract, Order::Up, limit)?;
        Ok(rows.into_iter().map(|(_, bill)| bill).collect())
    }

    /// The newest bill of one contract.
    fn last_bill_of(&self, contract: u64) -> Result<Option<Bill>> {
        Ok(self.under(&BILLS, &contract, Order::Down, 1)?.pop().map(|(_, bill)| bill))
    }
}

impl<T: Read> Chain for T {}

impl Tx<'_> {
    /// Remembers a signed call, before it is sent.
    pub fn put_call(&mut self, call: &SignedCall) -> Result<()> {
        let key = call.purpose.key();
        if let Some(old) = self.call(&call.purpose)? {
            self.unlink(&CALLS_OPEN, old.nonce, key.clone());
        }
        if call.state == CallState::Open {
            self.link(&CALLS_OPEN, call.nonce, key.clone());
        }
        self.put(&CALLS, key.as_str(), call)
    }

    /// Notes how a call of the account at `address` ended, and whether its nonce is used up; unless the call was signed anew meanwhile.
    pub fn end_call(&mut self, call: &SignedCall, state: CallState, address: &str, used: bool) -> Result<()> {
        let Some(now) = self.call(&call.purpose)?.filter(|now| now.state == CallState::Open && now.hash == call.hash) else {
            return Ok(());
        };
        if used {
            let used_to = self.nonces_used_to(address)?.max(call.nonce.saturating_add(1));
            self.put(&NONCES, address, &used_to)?;
        }
        self.put_call(&SignedCall { state, ..now })
    }

    /// Forgets a call that has come to its end.
    pub fn forget_call(&mut self, purpose: &Purpose) -> Result<()> {
        match self.call(purpose)? {
            Some(call) if call.state != CallState::Open => self.remove(&CALLS, purpose.key().as_str()).map(|_| ()),
            _ => Ok(()),
        }
    }

    /// Remembers a bill; tells whether it is new.
    pub fn add_bill(&mut self, bill: &Bill) -> Result<bool> {
        let key = (bill.contract, bill.block, bill.event);
        if self.has(&BILLS, key)? {
            return Ok(false);
        }
        self.put(&BILLS, key, bill)?;
        self.add_earning(bill)?;
        Ok(true)
    }
}
