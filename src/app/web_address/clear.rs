//! Gives back what a web address holds: contracts with gateways, and names.

use super::super::App;
use super::super::signer::Overdue;
use crate::base::{Error, Result, Time};
use crate::domain::bill::Contract;
use crate::domain::job::Next;
use crate::domain::order::Outcome;
use crate::domain::signer::{CallState, Purpose, SignedCall};
use crate::domain::web_address::{Stage, WebAddress};
use crate::grid::{Call, Fate};
use crate::store::Tx;
use crate::store::grid::Chain;
use crate::store::web_address::WebAddresses;

impl App {
    /// Everything is given back, and the last bills are read.
    pub(super) async fn take_away(&self, address: &WebAddress) -> Result<Next> {
        let mut clear = true;
        for number in 0..address.attempts.len() {
            clear &= self.clear_gateway(address, number).await?;
        }
        for number in 0..address.names.len() {
            clear &= self.clear_name(address, number).await?;
        }
        if !clear || !self.last_bills_are_read(address.slots().into_iter())? {
            return Ok(self.at_next_block().await);
        }
        let now = self.now();
        self.alter(address, move |_, address| {
            (address.served, address.change, address.paused) = (None, None, false);
            address.enter(Stage::Gone, now);
            Ok(())
        })
        .await?;
        self.nudge();
        Ok(Next::Done)
    }

    /// Gives back what was tried and did not do, and what was left. True when nothing of it is left.
    pub(super) async fn clear_stale(&self, address: &WebAddress) -> Result<bool> {
        let mut clear = true;
        for (number, attempt) in address.attempts.iter().enumerate() {
            if !attempt.cleared && matches!(attempt.outcome, Outcome::Failed { .. } | Outcome::Left) {
                clear &= self.clear_gateway(address, number).await?;
            }
        }
        Ok(clear)
    }

    async fn clear_gateway(&self, address: &WebAddress, number: usize) -> Result<bool> {
        let (attempt, id) = (&address.attempts[number], address.id);
        if attempt.cleared {
            return Ok(true);
        }
        let keep = move |tx: &mut Tx<'_>, contract| {
            let mut address = tx.web_address(id)?.ok_or_else(|| Error::not_found("web address"))?;
            address.attempts[number].contract = Some(contract);
            tx.put_web_address(&address)
        };
        if !self.clear_lease(address.slot(number), attempt, 0, keep).await? {
            return Ok(false);
        }
        self.store
            .write(move |tx| {
                let mut address = tx.web_address(id)?.ok_or_else(|| Error::not_found("web address"))?;
                address.attempts[number].cleared = true;
                tx.put_web_address(&address)
            })
            .await?;
        Ok(true)
    }

    /// Gives a name back, whether or not we know the number of its contract.
    async fn clear_name(&self, address: &WebAddress, number: usize) -> Result<bool> {
        let (name, id, slot) = (&address.names[number], address.id, address.name_slot(number));
        if name.cleared {
            return Ok(true);
        }
        let creation = Purpose::CreateContract(slot);
        let made = match (self.read()?.call(&creation)?, name.contract) {
            (None, None) => None,
            (Some(SignedCall { state: CallState::Landed { block }, .. }), _) => Some(block),
            (_, Some(_)) => Some(0),
            (Some(_), None) => {
                let call = Call::CreateName { name: name.name.to_string() };
                match self.drive_call(creation, call, Overdue::LetGo).await? {
                    Fate::Pending => return Ok(false),
                    Fate::Refused(_) | Fate::Expired | Fate::Usurped => None,
                    Fate::Landed { block } => Some(block),
                }
            }
        };
        if let Some(made) = made {
            let head = self.grid.finalized().await?;
            if head.number < made {
                return Ok(false);
            }
            let contract = match name.contract {
                Some(contract) => Some(contract),
                None => {
                    let twin = self.twin()?;
                    let holder = self.grid.name_holder(&name.name, Some(head.hash)).await?.filter(|(_, who)| *who == twin);
                    if let Some((contract, _)) = holder {
                        let now = self.now();
                        self.store
                            .write(move |tx| {
                                let mut address = tx.web_address(id)?.ok_or_else(|| Error::not_found("web address"))?;
                                know_name(tx, &mut address, number, contract, made, now)?;
                                tx.put_web_address(&address)
                            })
                            .await?;
                    }
                    holder.map(|(contract, _)| contract)
                }
            };
            if let Some(contract) = contract
                && !self.cancel_contract(slot, contract, &head).await?
            {
                return Ok(false);
            }
        }
        self.store
            .write(move |tx| {
                let mut address = tx.web_address(id)?.ok_or_else(|| Error::not_found("web address"))?;
                address.names[number].cleared = true;
                tx.put_web_address(&address)
            })
            .await?;
        Ok(true)
    }
}

/// From now on the bills of a name are ours. It is on nobody's node, so nobody has a share.
pub(super) fn know_name(
    tx: &mut Tx<'_>,
    address: &mut WebAddress,
    number: usize,
    contract: u64,
    block: u32,
    now: Time,
) -> Result<()> {
    address.names[number].contract = Some(contract);
    let slot = address.name_slot(number);
    tx.put_contract(&Contract { id: contract, slot, node: 0, farm: 0, owner: 0, created: now })?;
    super::super::bill::read_again_from(tx, block)
}
