//! Whom nodes are sold to: what a provider says of a node, and what the operator makes of it. Every change counts at once.

use super::App;
use crate::base::ids::{PoolId, UserId};
use crate::base::text::Email;
use crate::base::{Error, Result};
use crate::domain::account::User;
use crate::domain::exposure::{Allocation, Exposure, PrivatePool, Refused, Stage};
use crate::store::Tx;
use crate::store::account::Accounts;
use crate::store::exposure::{Exposures, POOLS_MAX};

const NAME_MAX: usize = 60;
const REASON_MAX: usize = 300;
/// People in one private pool.
const MEMBERS_MAX: usize = 1000;

impl App {
    /// A provider shows a node to buyers, or keeps it back. VMs that run there go on.
    pub async fn expose_node(&self, provider: &User, node: u32, exposed: bool) -> Result<()> {
        self.change_node(provider, node, move |_, exposure| {
            exposure.exposed = exposed;
            Ok(())
        })
        .await
    }

    /// A provider offers a node to a private pool. It is sold as before until the operator agrees.
    pub async fn offer_node(&self, provider: &User, node: u32, pool: PoolId) -> Result<()> {
        let (now, by) = (self.now(), provider.id);
        self.change_node(provider, node, move |tx, exposure| {
            tx.private_pool(pool)?.ok_or_else(|| Error::invalid("pool", "Please choose one of the pools."))?;
            match &exposure.allocation {
                // Pressed twice.
                Some(allocation) if allocation.pool == pool => return Ok(()),
                Some(_) => return Err(Error::conflict("This node is in another pool, or offered to one: take it back first.")),
                None => {}
            }
            exposure.allocation = Some(Allocation { pool, stage: Stage::Offered, by, since: now });
            exposure.refused = None;
            Ok(())
        })
        .await
    }

    /// A provider takes an offer back, or a node out of a private pool: from then on it is sold to everybody again, if it is shown.
    pub async fn withdraw_node(&self, provider: &User, node: u32) -> Result<()> {
        self.change_node(provider, node, |_, exposure| {
            exposure.allocation = None;
            exposure.refused = None;
            Ok(())
        })
        .await
    }

    /// The operator takes an offered node into its pool: nobody else can order on it any more.
    pub async fn approve_offer(&self, pool: PoolId, node: u32) -> Result<()> {
        let now = self.now();
        self.decide(pool, node, move |exposure| {
            if let Some(allocation) = exposure.allocation.as_mut().filter(|allocation| allocation.stage == Stage::Offered) {
                allocation.stage = Stage::Allocated;
                allocation.since = now;
            }
        })
        .await
    }

    /// The operator does not want a node that was offered, or no longer wants one that is in the pool. The provider reads why.
    pub async fn refuse_offer(&self, pool: PoolId, node: u32, reason: &str) -> Result<()> {
        let reason = line("reason", reason, REASON_MAX, "Please say why, in a sentence: the provider reads it.")?;
        let now = self.now();
        self.decide(pool, node, move |exposure| {
            exposure.allocation = None;
            exposure.refused = Some(Refused { pool, reason, at: now });
        })
        .await
    }

    pub async fn create_private_pool(&self, name: &str) -> Result<PoolId> {
        let name = line("name", name, NAME_MAX, "Please give the pool a name.")?;
        let pool = PrivatePool { id: PoolId::random(&*self.random), name, created: self.now(), members: Default::default() };
        let id = pool.id;
        self.store
            .write(move |tx| {
                let others = tx.private_pools()?;
                if others.len() >= POOLS_MAX {
                    return Err(Error::conflict(format!("There are {POOLS_MAX} pools already: that is as many as can be.")));
                }
                if others.iter().any(|other| other.name.to_lowercase() == pool.name.to_lowercase()) {
                    return Err(Error::invalid("name", "There is a pool with this name already."));
                }
                tx.put_private_pool(&pool)
            })
            .await?;
        Ok(id)
    }

    /// Lets somebody order on the nodes of a private pool.
    pub async fn add_pool_member(&self, pool: PoolId, email: &str) -> Result<()> {
        let unknown = || Error::invalid("email", "Nobody has an account here with this address.");
        let email = Email::parse(email).map_err(|why| Error::invalid("email", why))?;
        self.change_pool(pool, move |tx, pool| {
            let user = tx.user_by_email(&email)?.ok_or_else(unknown)?;
            if pool.members.len() >= MEMBERS_MAX {
                return Err(Error::conflict(format!("A pool has at most {MEMBERS_MAX} members.")));
            }
            pool.members.insert(user.id);
            Ok(())
        })
        .await
    }

    /// What somebody runs there goes on; new orders go elsewhere.
    pub async fn remove_pool_member(&self, pool: PoolId, user: UserId) -> Result<()> {
        self.change_pool(pool, move |_, pool| {
            pool.members.remove(&user);
            Ok(())
        })
        .await
    }

    async fn change_pool<F>(&self, pool: PoolId, change: F) -> Result<()>
    where
        F: FnOnce(&Tx<'_>, &mut PrivatePool) -> Result<()> + Send + 'static,
    {
        self.store
            .write(move |tx| {
                let mut pool = tx.private_pool(pool)?.ok_or_else(|| Error::not_found("pool"))?;
                change(tx, &mut pool)?;
                tx.put_private_pool(&pool)
            })
            .await
    }

    /// Changes what is said of a node on one of the provider's farms; any other is not there for them.
    async fn change_node<F>(&self, provider: &User, node: u32, change: F) -> Result<()>
    where
        F: FnOnce(&Tx<'_>, &mut Exposure) -> Result<()> + Send + 'static,
    {
        // The index may be silent just now: then what was said of the node before tells whose it is.
        let (farm, user) = (self.nodes().node(node).map(|entry| entry.farm()), provider.id);
        self.store
            .write(move |tx| {
                let known = tx.exposure(node)?;
                let farm = farm.or(known.as_ref().map(|known| known.farm)).ok_or_else(|| Error::not_found("node"))?;
                if !tx.user(user)?.is_some_and(|user| user.farms.contains(&farm)) {
                    return Err(Error::not_found("node"));
                }
                let mut exposure = known.unwrap_or_else(|| Exposure::public(node, farm));
                exposure.farm = farm;
                change(tx, &mut exposure)?;
                tx.put_exposure(&exposure)
            })
            .await?;
        self.reread_exposures()
    }

    /// Changes what is said of a node that is offered to this pool, or in it.
    async fn decide<F>(&self, pool: PoolId, node: u32, change: F) -> Result<()>
    where
        F: FnOnce(&mut Exposure) + Send + 'static,
    {
        self.store
            .write(move |tx| {
                let mut exposure = tx
                    .exposure(node)?
                    .filter(|exposure| exposure.allocation.as_ref().is_some_and(|allocation| allocation.pool == pool))
                    .ok_or_else(|| Error::conflict("This node is not offered to this pool any more."))?;
                change(&mut exposure);
                tx.put_exposure(&exposure)
            })
            .await?;
        self.reread_exposures()
    }
}

/// One line of text that is not empty.
fn line(field: &'static str, text: &str, most: usize, missing: &str) -> Result<String> {
    let text = text.trim();
    match text {
        "" => Err(Error::invalid(field, missing)),
        _ if text.chars().count() > most => Err(Error::invalid(field, format!("Please use at most {most} letters."))),
        _ if text.chars().any(char::is_control) => Err(Error::invalid(field, "Please write it on one line.")),
        _ => Ok(text.to_owned()),
    }
}
