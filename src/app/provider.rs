//! Providers: proving that a farm is theirs, and what it earned.

use std::collections::BTreeSet;

use super::App;
use super::proof::signed;
use crate::base::ids::UserId;
use crate::base::money::Tft;
use crate::base::{Error, Result};
use crate::domain::account::{Role, User};
use crate::domain::ledger::Account;
use crate::domain::pool::{Entry, Pool};
use crate::store::Read;
use crate::store::account::Accounts;
use crate::store::ledger::LedgerRead;
use crate::store::schema::{FARM_CLAIMS, FARM_TWINS};

/// What a farmer's twin earned, all in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Earned {
    pub share: Tft,
    pub paid_by_chain: Tft,
    pub owed: Tft,
}

impl App {
    /// The sentence that a farmer signs with the key of the farm's twin. It names the account and this place, so that the
    /// signature is of no use to anybody else; it names no farm, because the key says whose farms they are.
    pub fn claim_text(&self, user: UserId) -> String {
        format!("{} may show the farms of this key to {user}", self.settings.server.public_url)
    }

    /// Proves that a farm is somebody's, by a signature of its twin's key, and makes them a provider.
    pub async fn claim_farm(&self, user: &User, farm: &str, signature: &str) -> Result<()> {
        let farm: u32 = farm.trim().parse().map_err(|_| Error::invalid("farm", "A farm has a number, such as 12."))?;
        let owner = self.nodes().iter().find(|node| node.farm() == farm).map(Entry::owner);
        let owner = owner.ok_or_else(|| Error::invalid("farm", "No node of this farm is on the grid right now."))?;
        let account = self.grid.account_of(owner).await?;
        signed(&account, &self.claim_text(user.id), signature, "the farm's owner")?;
        self.grant_farm(user.id, farm, owner).await
    }

    /// Lets somebody earn what a farm earns, which is booked for its farmer's twin. The proof is the caller's business.
    pub async fn grant_farm(&self, user: UserId, farm: u32, twin: u32) -> Result<()> {
        self.store
            .write(move |tx| {
                if tx.get(&FARM_CLAIMS, farm)?.is_some_and(|owner| owner != user) {
                    return Err(Error::conflict("This farm belongs to another account already."));
                }
                let mut user = tx.user(user)?.ok_or_else(|| Error::not_found("person"))?;
                user.farms.insert(farm);
                user.roles.insert(Role::Provider);
                tx.put(&FARM_CLAIMS, farm, &user.id)?;
                tx.put(&FARM_TWINS, farm, &twin)?;
                tx.put_user(&user)
            })
            .await
    }

    /// The nodes of a provider's farms, by number.
    pub fn nodes_of<'a>(&self, user: &User, pool: &'a Pool) -> Vec<Entry<'a>> {
        pool.iter().filter(|node| user.farms.contains(&node.farm())).collect()
    }

    /// The farmers' twins whose earnings are this provider's, lowest first.
    pub fn owners_of(&self, user: &User) -> Result<Vec<u32>> {
        let snapshot = self.read()?;
        // The grid's index may know nothing just now, or a node may have left it: what was earned was earned all the same.
        let mut owners: BTreeSet<u32> = self.nodes_of(user, &self.nodes()).into_iter().map(Entry::owner).collect();
        for farm in &user.farms {
            owners.extend(snapshot.get(&FARM_TWINS, farm)?);
        }
        owners.remove(&0);
        Ok(owners.into_iter().collect())
    }

    /// What farmers' twins earned all in all.
    pub fn earned(&self, owners: &[u32]) -> Result<Earned> {
        let snapshot = self.read()?;
        let mut earned = Earned::default();
        for owner in owners {
            let account = Account::provider(*owner);
            let balance = snapshot.balance(account)?;
            let add = |sum: &mut Tft, units: i64| *sum = sum.checked_add(Tft::from_units(units)).unwrap_or(*sum);
            add(&mut earned.share, balance.credits_posted);
            add(&mut earned.paid_by_chain, balance.debits_posted);
            add(&mut earned.owed, i64::try_from(balance.posted(account)).unwrap_or(i64::MAX));
        }
        Ok(earned)
    }
}
