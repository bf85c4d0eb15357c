//! The drill: something of ours is cut up as the owner's program cuts things up, kept in the swarm's own stores, and read back without
//! as many of them as may be lost; then without one more, which must fail. It proves the stores and the arithmetic, and says no more than that.

use futures_util::future::join_all;
use sha2::{Digest, Sha256};

use super::Passwords;
use crate::app::App;
use crate::base::ids::OrderId;
use crate::base::{Error, Random, Result};
use crate::domain::erasure::{Broken, Code};
use crate::domain::job::Next;
use crate::domain::swarm::{Backend, META, META_MINIMAL, Proof, Role, Stage, Swarm};
use crate::store::swarm::Swarms;

/// Bytes of what is kept for the time of the drill.
const OBJECT_BYTES: usize = 12 * 1024;

/// A store with the number that its password is made of.
struct Store {
    number: u32,
    backend: Backend,
}

/// What a store has of the object, and under which key.
struct Kept<'a> {
    store: &'a Store,
    key: Vec<u8>,
}

impl App {
    pub async fn drill_swarm(&self, id: OrderId) -> Result<Next> {
        let wanted = self
            .read()?
            .swarm(id)?
            .filter(|swarm| swarm.stage == Stage::Ready && swarm.drill.as_ref().is_some_and(|drill| drill.done.is_none()));
        let Some(swarm) = wanted else { return Ok(Next::Done) };
        let passwords = self.passwords(&swarm)?;
        let layout = swarm.layout();
        let data = Code::new(layout.minimal, layout.expected).ok_or_else(|| Error::internal("A layout that is no code."))?;
        let list = Code::new(META_MINIMAL as u8, META as u8).ok_or_else(|| Error::internal("A directory that is no code."))?;
        let mut said = Vec::new();
        let passed = self.prove(&swarm, &passwords, Role::Data, data, layout.disposable(), &mut said).await
            & self.prove(&swarm, &passwords, Role::Meta, list, META - META_MINIMAL, &mut said).await;
        let now = self.now();
        self.store
            .write(move |tx| {
                let Some(mut swarm) = tx.swarm(id)? else { return Ok(()) };
                if let Some(drill) = swarm.drill.as_mut().filter(|drill| drill.done.is_none()) {
                    drill.done = Some(Proof { at: now, passed, said });
                    match passed {
                        true => swarm.note(now, "A drill was passed."),
                        false => swarm.trouble(now, "A drill was not passed."),
                    }
                    tx.put_swarm(&swarm)?;
                }
                Ok(())
            })
            .await?;
        Ok(Next::Done)
    }

    /// Tries the stores of one role, `most` of which may be lost. Says what was done in `said`; true if all of it went as it must.
    async fn prove(
        &self,
        swarm: &Swarm,
        passwords: &Passwords,
        role: Role,
        code: Code,
        most: usize,
        said: &mut Vec<String>,
    ) -> bool {
        let what = match role {
            Role::Data => "data shards",
            Role::Meta => "directory shards",
        };
        let mut stores = self.answering(swarm, passwords, role).await;
        let object = {
            let mut bytes = vec![0; OBJECT_BYTES];
            self.random.fill(&mut bytes);
            bytes
        };
        let pieces = code.encode(&object);
        if stores.len() < pieces.len() {
            let (few, many) = (stores.len(), pieces.len());
            said.push(format!("Only {few} {what} answered, and {many} are needed to store anything: nothing could be tried."));
            return false;
        }
        shuffle(&mut stores, &*self.random);
        // Under a name that nobody else gives anything.
        let name = [&b"drill-"[..], hex::encode(self.random.bytes::<12>()).as_bytes()].concat();
        let keeping = stores.iter().zip(&pieces).map(|(store, piece)| {
            let (password, name) = (passwords.of(store.number), &name);
            async move {
                let kept = self.grid.keep(&store.backend, &password, role, name, piece).await;
                kept.map(|key| Kept { store, key })
            }
        });
        let kept: Vec<Result<Kept<'_>>> = join_all(keeping).await;
        let failed = kept.iter().filter(|kept| kept.is_err()).count();
        let mut kept: Vec<Kept<'_>> = kept.into_iter().flatten().collect();
        let passed = if failed > 0 {
            said.push(format!("{failed} of {} {what} did not keep what they were given.", pieces.len()));
            false
        } else {
            let whole = pieces.len();
            said.push(format!("{OBJECT_BYTES} random bytes were cut into {whole} pieces and kept on {whole} {what}."));
            self.read_without(passwords, &kept, code, &object, most, what, said).await
        };
        let mut left = 0;
        for kept in kept.drain(..) {
            left +=
                usize::from(self.grid.forget(&kept.store.backend, &passwords.of(kept.store.number), &kept.key).await.is_err());
        }
        if left > 0 {
            said.push(format!("{left} pieces of the trial could not be removed: their stores did not answer any more."));
        }
        passed
    }

    /// Reads the object without `most` stores, and then without one more.
    #[allow(clippy::too_many_arguments, reason = "a trial is made of its parts")]
    async fn read_without(
        &self,
        passwords: &Passwords,
        kept: &[Kept<'_>],
        code: Code,
        object: &[u8],
        most: usize,
        what: &str,
        said: &mut Vec<String>,
    ) -> bool {
        let mut gone: Vec<usize> = (0..kept.len()).collect();
        shuffle(&mut gone, &*self.random);
        let reading = kept.iter().enumerate().map(|(place, kept)| {
            let (password, away) = (passwords.of(kept.store.number), gone[..most].contains(&place));
            async move {
                match away {
                    // As if they were not there: they are not even asked.
                    true => None,
                    false => self.grid.fetch(&kept.store.backend, &password, &kept.key).await.ok().flatten(),
                }
            }
        });
        let mut pieces: Vec<Option<Vec<u8>>> = join_all(reading).await;
        let whole =
            |told: &Result<Vec<u8>, Broken>| told.as_ref().is_ok_and(|told| Sha256::digest(told) == Sha256::digest(object));
        let read = whole(&code.decode(&pieces, object.len()));
        said.push(match read {
            true => format!("Read back whole without {most} of them, chosen at random; its hash is the same."),
            false => format!("Without {most} of them, chosen at random, it could not be read back whole."),
        });
        if let Some(place) = gone.get(most) {
            pieces[*place] = None;
        }
        let refused = matches!(code.decode(&pieces, object.len()), Err(Broken::TooFew { .. }));
        said.push(match refused {
            true => format!("Without {} of them it could not be read, as it must be.", most + 1),
            false => format!("Without {} {what} something was read that can't be: this drill proves nothing.", most + 1),
        });
        read && refused
    }

    /// Stores of a role that answer now.
    async fn answering(&self, swarm: &Swarm, passwords: &Passwords, role: Role) -> Vec<Store> {
        let of_role = swarm.working().filter(|(_, shard)| shard.role == role);
        let stores: Vec<Store> =
            of_role.filter_map(|(number, shard)| Some(Store { number, backend: shard.backend.clone()? })).collect();
        let asked = stores.into_iter().map(|store| {
            let password = passwords.of(store.number);
            async move { self.grid.ask_store(&store.backend, &password).await.is_ok().then_some(store) }
        });
        join_all(asked).await.into_iter().flatten().collect()
    }
}

/// Puts things in random order: each order is as likely as any other.
fn shuffle<T>(things: &mut [T], random: &dyn Random) {
    for last in (1..things.len()).rev() {
        let draw = u64::from_be_bytes(random.bytes()) % (last as u64 + 1);
        things.swap(last, usize::try_from(draw).unwrap_or(0));
    }
}
