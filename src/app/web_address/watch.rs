//! Looks after a web address that is live: is it still there, does it lead where it should, and does it answer?

use std::time::Duration;

use super::super::App;
use super::tend::current;
use crate::base::time::MINUTE;
use crate::base::{Error, Kind, Result};
use crate::domain::job::Next;
use crate::domain::web_address::{Host, Seen, Stage, Visit, WebAddress};
use crate::grid::ContractState;
use crate::store::web_address::WebAddresses;

/// So long a gateway may take to know a name again, say after a start of its own.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(10 * MINUTE.as_secs());

impl App {
    /// One look.
    pub(super) async fn watch(&self, address: &WebAddress) -> Result<Next> {
        let now = self.now();
        if address.served.as_ref() != Some(&address.target) {
            self.alter(address, move |_, address| {
                address.enter(Stage::Pointing, now);
                Ok(())
            })
            .await?;
            return Ok(self.soon());
        }
        if let Some(next) = self.follow_contracts_of(address).await? {
            return Ok(next);
        }
        let Some(fqdn) = address.fqdn() else { return Err(Error::internal("A live web address without a name.")) };
        let (look, seen) = self.visit(&fqdn).await;
        let now = self.now();
        if look.records.unanswered {
            // It may be we who are cut off, or the name servers of the domain: nothing is known, so what was seen before stays.
            self.alter(address, move |_, address| {
                address.blind.get_or_insert(now);
                address.trouble = None;
                Ok(())
            })
            .await?;
            return Ok(Next::Again(now + MINUTE));
        }
        let lost =
            seen == Seen::NoRoute && address.visit.is_some_and(|it| it.seen == seen && now.since(it.since) > FORGOTTEN_AFTER);
        if lost && self.is_forgotten(address).await? {
            return self.start_over(address, "The gateway has forgotten it. We set it up anew.").await;
        }
        let own = matches!(address.host, Host::Domain(_));
        self.alter(address, move |_, address| {
            let since = address.visit.filter(|visit| visit.seen == seen).map_or(now, |visit| visit.since);
            address.visit = Some(Visit { seen, at: now, since });
            (address.look, address.blind) = (own.then_some(look), None);
            address.trouble = None;
            Ok(())
        })
        .await?;
        let again = self.read()?.web_address(address.id)?.map_or(now, |address| address.look_again(now));
        Ok(Next::Again(again))
    }

    /// Whether the gateway itself says that it does not carry the address. One that is silent says nothing.
    async fn is_forgotten(&self, address: &WebAddress) -> Result<bool> {
        let (_, attempt) = current(address)?;
        let Some(contract) = attempt.contract else { return Ok(false) };
        match self.grid.gateway_state(attempt.choice.best.twin, contract).await {
            Ok(state) => Ok(state.is_none_or(|state| state.failed.is_some())),
            Err(error) if error.kind() == Kind::Unavailable => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// What the chain did to the contracts of an address that is or was live. None: they are there; `paused` says whether they are paid.
    pub(super) async fn follow_contracts_of(&self, address: &WebAddress) -> Result<Option<Next>> {
        let head = self.grid.finalized().await?;
        let name = address.names.last().and_then(|name| name.contract);
        let gateway = address.attempts.last().and_then(|attempt| attempt.contract);
        let mut paused = false;
        for contract in name.into_iter().chain(gateway) {
            match self.grid.contract_state(contract, &head.hash).await? {
                ContractState::Runs => {}
                ContractState::Paused => paused = true,
                ContractState::Gone => {
                    tracing::warn!(address = %address.id, contract, "the grid deleted a contract of a web address");
                    let lost = contract;
                    self.alter(address, move |_, address| {
                        address.attempts.iter_mut().filter(|it| it.contract == Some(lost)).for_each(|it| it.cleared = true);
                        address.names.iter_mut().filter(|it| it.contract == Some(lost)).for_each(|it| it.cleared = true);
                        Ok(())
                    })
                    .await?;
                    let why = "The grid ended it. We set it up anew.";
                    return self.start_over(address, why).await.map(Some);
                }
            }
        }
        if paused != address.paused {
            self.alter(address, move |_, address| {
                address.paused = paused;
                Ok(())
            })
            .await?;
        }
        Ok(None)
    }
}
