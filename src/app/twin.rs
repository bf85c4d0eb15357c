//! People's own twins: showing that a key is theirs, taking a machine over to it, and letting go of what was rented.

use super::App;
use super::order::{ask, begin_end};
use super::proof::signed;
use crate::base::ids::{OrderId, UserId};
use crate::base::{Error, Result};
use crate::domain::account::User;
use crate::domain::handover::{FORMAT, Handover, OwnAccount, Taken};
use crate::domain::order::{Order, State, Step};
use crate::domain::placement::{Ask, Choice, choose};
use crate::domain::pool::Filter;
use crate::store::Read;
use crate::store::account::Accounts;
use crate::store::backup::Backups;
use crate::store::exposure::Exposures;
use crate::store::order::Orders;
use crate::store::schema::CHAIN;
use crate::store::swarm::Swarms;
use crate::wire::key;

impl App {
    /// The sentence that somebody signs with the key of their own account. It names the person and this place, so that the
    /// signature is of no use to anybody else.
    pub fn own_text(&self, user: UserId) -> String {
        format!("{} may know this key as the own key of {user}", self.settings.server.public_url)
    }

    /// Notes which account on the chain is a person's own, by a signature of its key.
    pub async fn prove_account(&self, user: UserId, address: &str, signature: &str) -> Result<()> {
        let address = address.trim().to_owned();
        let account = key::account(&address).ok_or_else(|| {
            Error::invalid("address", "This is no address of the grid's chain; one begins with 5 and has 48 letters.")
        })?;
        if address == self.grid.address() {
            return Err(Error::invalid("address", "This is the marketplace's own account."));
        }
        signed(&account, &self.own_text(user), signature, "this address")?;
        let own = OwnAccount { address, proved: self.now() };
        self.change_user(user, move |user| user.own_account = Some(own)).await
    }

    /// Forgets which account is a person's own. What they took over stays theirs.
    pub async fn forget_account(&self, user: UserId) -> Result<()> {
        self.change_user(user, |user| user.own_account = None).await
    }

    async fn change_user(&self, id: UserId, change: impl FnOnce(&mut User) + Send + 'static) -> Result<()> {
        self.store
            .write(move |tx| {
                let mut user = tx.user(id)?.ok_or_else(|| Error::not_found("person"))?;
                change(&mut user);
                tx.put_user(&user)
            })
            .await
    }

    /// What somebody needs to set their machine up once more, under their own twin: on the same node if it has room for both. `not`
    /// are nodes where it was tried in vain.
    pub async fn handover(&self, user: &User, id: OrderId, not: &[u32]) -> Result<Handover> {
        let order = self.order_of(user.id, id)?;
        if order.state != State::Active {
            return Err(Error::conflict("Only a server that runs can be taken over."));
        }
        own_account(user)?;
        super::swarm::none_left(&self.read()?, id)?;
        let here = order.attempt().ok_or_else(|| Error::internal("An order without an attempt."))?.node();
        let snapshot = self.read()?;
        let (nodes, market) = (self.known_nodes().await?, snapshot.market(self.now())?);
        let anywhere = ask(&order.wish, snapshot.buyer(user)?).without_nodes(not);
        let only = Filter { nodes: [here].into(), ..anywhere.filter.clone() };
        let choice: Choice = choose(&nodes, &Ask { filter: only, ..anywhere.clone() }, &market)
            .or_else(|_| choose(&nodes, &anywhere, &market))
            .map_err(|none| Error::conflict(none.sentence()))?;
        let grid = self.settings.grid.public();
        Ok(Handover {
            format: FORMAT.into(),
            site: self.settings.server.public_url.clone(),
            order: id,
            genesis: snapshot.single(&CHAIN)?.ok_or_else(|| Error::unavailable("The grid account is still being set up."))?,
            chain: grid.chain,
            relay: grid.relay,
            index: grid.index,
            identity: grid.identity,
            wish: order.wish,
            choice,
        })
    }

    /// Ends what was rented, once the chain shows that its owner has it under their own twin, as this contract. From then on we have
    /// no part in it. `agreed`: its owner knows that its backup VM ends, too.
    pub async fn finish_handover(&self, user: &User, id: OrderId, contract: u64, agreed: bool) -> Result<Taken> {
        let order = self.order_of(user.id, id)?;
        if let Some(taken) = order.handed_over {
            return Ok(taken); // pressed twice
        }
        may_let_go(&self.read()?, &order, agreed)?;
        let own = own_account(user)?;
        let taken = self.grid.taken_over(&own.address, id, contract).await?.ok_or_else(|| {
            Error::invalid(
                "contract",
                "Your account has no contract of this number for this server on the chain. A new one is seen within half a minute.",
            )
        })?;
        let (owner, now, letters) = (user.id, self.now(), self.letters());
        let taken = self
            .store
            .write(move |tx| {
                let mut order =
                    tx.order(id)?.filter(|order| order.user == owner).ok_or_else(|| Error::not_found("deployment"))?;
                if let Some(before) = order.handed_over {
                    return Ok(before);
                }
                may_let_go(tx, &order, agreed)?;
                order.handed_over = Some(taken);
                let Taken { twin, contract, node } = taken;
                order.note(now, Step::Access, format!("Yours now: contract {contract} of your twin {twin}, on node {node}."));
                let reason =
                    format!("You took it over: it is contract {contract} of your twin {twin} now, and we have no part in it.");
                begin_end(tx, order, &reason, &letters, now)?;
                Ok(taken)
            })
            .await?;
        self.nudge();
        Ok(taken)
    }
}

/// Whether what is rented can end because its owner has it elsewhere.
fn may_let_go(reader: &(impl Swarms + Backups), order: &Order, agreed: bool) -> Result<()> {
    match order.state {
        State::Active => {}
        State::Ending | State::Ended => {
            return Err(Error::conflict(
                "The rented one ends already, as it was asked to before. What you took over stays yours.",
            ));
        }
        _ => return Err(Error::conflict("Only a server that runs can be taken over.")),
    }
    super::swarm::none_left(reader, order.id)?;
    if !agreed && reader.backup(order.id)?.is_some_and(|backup| !backup.stage.over()) {
        return Err(Error::invalid("agreed", "Please say that you know: its backup VM ends with it."));
    }
    Ok(())
}

fn own_account(user: &User) -> Result<&OwnAccount> {
    user.own_account.as_ref().ok_or_else(|| Error::conflict("Please show us first which account on the chain is yours."))
}
