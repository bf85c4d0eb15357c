//! Passwords, hashed at a price that burglars can't pay and that floods can't make us pay.

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

use crate::base::{Error, Random, Result, Secret};

/// OWASP ASVS 5.0.0, 11.4.2: 19 MiB and two passes.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
/// Hashes at once; what comes on top waits.
const AT_ONCE: usize = 2;
/// Waiting hashes; what comes on top is turned away.
const WAITING: usize = 64;
/// Verified against when there is no such person, so that the answer takes as long. Its hash is 32 bytes of chance: no
/// password is known that it is made of.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$BuuKpgXFEhg4hY4feXU/NA$iL4lwHj67T9JOtB4hU9L1pUCGXt81udqZ6Le6tJrYMg";

pub struct Hasher {
    at_once: Arc<Semaphore>,
    places: Arc<Semaphore>,
}

fn argon2() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, 1, None).expect("the parameters are in range");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn hash(password: &str, salt: [u8; 16]) -> Result<String> {
    let failed = |cause| Error::internal("The password can't be kept right now.").because(format!("argon2: {cause}"));
    argon2().hash_password_with_salt(password.as_bytes(), &salt).map(|hash| hash.to_string()).map_err(failed)
}

impl Default for Hasher {
    fn default() -> Self {
        Hasher { at_once: Arc::new(Semaphore::new(AT_ONCE)), places: Arc::new(Semaphore::new(AT_ONCE + WAITING)) }
    }
}

impl Hasher {
    /// The PHC string of a new password.
    pub async fn hash(&self, password: Secret<String>, random: &dyn Random) -> Result<Secret<String>> {
        let salt = random.bytes();
        self.run(move || hash(password.reveal(), salt)).await?.map(Secret::new)
    }

    /// Whether the password fits the PHC string; takes as long, and says no, when there is none.
    pub async fn fits(&self, password: Secret<String>, known: Option<Secret<String>>) -> Result<bool> {
        let against = known.as_ref().map_or_else(|| NOBODY.to_owned(), |phc| phc.reveal().clone());
        let fits = self
            .run(move || {
                PasswordHash::new(&against)
                    .is_ok_and(|hash| argon2().verify_password(password.reveal().as_bytes(), &hash).is_ok())
            })
            .await?;
        Ok(fits && known.is_some())
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let busy = || Error::unavailable("Too many people are logging in at this moment. Please try again in a few seconds.");
        let place = self.places.clone().try_acquire_owned().map_err(|_| busy())?;
        let turn = self.at_once.clone().acquire_owned().await.map_err(|_| busy())?;
        // The work keeps its permits: whoever hangs up meanwhile frees nothing, for the hashing goes on.
        let work = move || {
            let done = work();
            drop((turn, place));
            done
        };
        tokio::task::spawn_blocking(work).await.map_err(|cause| Error::internal("Hashing broke off.").because(cause))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::HostRandom;

    #[tokio::test]
    async fn a_password_fits_its_own_hash_only() {
        let hasher = Hasher::default();
        let known = hasher.hash("barrels and staves".into(), &HostRandom).await.unwrap();
        let price = |phc: &str| phc.split('$').take(4).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(price(known.reveal()), price(NOBODY), "who is not there takes as long as who is");
        assert_eq!(price(NOBODY).join("$"), "$argon2id$v=19$m=19456,t=2,p=1");
        assert!(PasswordHash::new(NOBODY).is_ok());
        assert!(hasher.fits("barrels and staves".into(), Some(known.clone())).await.unwrap());
        assert!(!hasher.fits("barrels and slaves".into(), Some(known)).await.unwrap());
        assert!(!hasher.fits("nobody has this password".into(), None).await.unwrap());
    }

    #[tokio::test]
    async fn whoever_hangs_up_frees_no_place_while_the_hashing_goes_on() {
        let hasher = Hasher::default();
        let (begun, has_begun) = std::sync::mpsc::channel();
        let (end, may_end) = std::sync::mpsc::channel::<()>();
        let run = hasher.run(move || {
            begun.send(()).unwrap();
            may_end.recv().unwrap();
        });
        let mut run = Box::pin(run);
        assert!(futures_util::poll!(&mut run).is_pending());
        tokio::task::spawn_blocking(move || has_begun.recv()).await.unwrap().unwrap();
        drop(run);
        assert_eq!((hasher.at_once.available_permits(), hasher.places.available_permits()), (AT_ONCE - 1, AT_ONCE + WAITING - 1));
        end.send(()).unwrap();
        let all = hasher.places.acquire_many(u32::try_from(AT_ONCE + WAITING).unwrap()).await.unwrap();
        assert_eq!(hasher.at_once.available_permits(), AT_ONCE);
        drop(all);
    }
}
