//! `twin`: somebody's own account on the grid, on their own machine: a key, a signature, and a server that is theirs alone.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Subcommand;
use serde::{Deserialize, Serialize};

use super::wallet::read_words;
use super::{Context, Say};
use crate::app::order::new_attempt;
use crate::base::{Clock, Error, Kind, Random, Result, Secret};
use crate::domain::handover::{FORMAT, Handover};
use crate::domain::order::{Access, Attempt, DEPLOY_PATIENCE};
use crate::grid::{Call, Config, ContractState, Fate, Grid, Progress};
use crate::host::{HostClock, HostRandom};
use crate::wire::key::{KeyPair, Scheme, address, words_of};

/// Between two questions about something that is under way.
const STEP: Duration = Duration::from_secs(1);
/// How long a node may take to answer.
const ANSWER: Duration = Duration::from_secs(20);

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make a key: twelve words, shown this once, and the address that belongs to them.
    New,
    /// Sign a sentence, to show a marketplace that the key is yours.
    Sign {
        text: String,
        #[command(flatten)]
        words: Words,
    },
    /// Set a server up under your own account, from the file that the marketplace gave you. Cut off, it goes on where it was.
    Take {
        file: PathBuf,
        #[command(flatten)]
        words: Words,
    },
    /// Give the contract of a server back that was taken over with this file. Everything on it is gone.
    End {
        file: PathBuf,
        #[command(flatten)]
        words: Words,
    },
}

#[derive(Debug, clap::Args)]
struct Words {
    /// The words are the first line of this file; of standard input if none is named.
    #[arg(long, value_name = "FILE")]
    words_file: Option<PathBuf>,
}

#[derive(Serialize)]
struct Made {
    words: String,
    address: String,
}

impl Say for Made {
    fn words(&self) -> String {
        format!(
            "Words:    {}\nAddress:  {}\n\nThe words are the key: whoever has them has all that is yours. They are not kept anywhere and not shown again.",
            self.words, self.address
        )
    }
}

#[derive(Serialize)]
struct Signature {
    address: String,
    signature: String,
}

impl Say for Signature {
    fn words(&self) -> String {
        format!("Address:    {}\nSignature:  {}", self.address, self.signature)
    }
}

#[derive(Serialize)]
struct Server {
    address: String,
    twin: u32,
    contract: u64,
    node: u32,
    access: Access,
}

impl Say for Server {
    fn words(&self) -> String {
        format!(
            "It is yours: contract {} of your twin {}, on node {}.\n\n    {}\n\nCopy your data over, then let go of the rented one on its page.",
            self.contract,
            self.twin,
            self.node,
            self.access.ssh()
        )
    }
}

#[derive(Serialize)]
struct Gone {
    contract: u64,
}

impl Say for Gone {
    fn words(&self) -> String {
        format!("Contract {} is given back.", self.contract)
    }
}

/// How far a server is, kept beside its file: what is put on the node is made once.
#[derive(Serialize, Deserialize)]
struct Standing {
    twin: u32,
    attempt: Attempt,
}

pub async fn run(context: &Context, args: Args) -> Result<()> {
    match args.verb {
        Verb::New => {
            let words = words_of(&(&HostRandom as &dyn Random).bytes::<16>());
            let key = key(&Secret::new(words.clone()))?;
            context.say(&Made { words, address: address(&key.public()) })
        }
        Verb::Sign { text, words } => {
            let key = key(&read_words(words.words_file)?)?;
            context.say(&Signature { address: address(&key.public()), signature: hex::encode(key.sign(text.as_bytes())) })
        }
        Verb::Take { file, words } => context.say(&Taking::begin(&file, words).await?.take().await?),
        Verb::End { file, words } => context.say(&Taking::begin(&file, words).await?.end().await?),
    }
}

fn key(words: &Secret<String>) -> Result<KeyPair> {
    KeyPair::from_mnemonic(words.reveal(), Scheme::Sr25519)
        .map_err(|_| Error::new(Kind::Invalid, "These are not 12 to 24 words of the list."))
}

/// One server on its way to its owner.
struct Taking {
    handover: Handover,
    grid: Grid,
    clock: Arc<dyn Clock>,
    /// Where `Standing` lies.
    notes: PathBuf,
}

impl Taking {
    async fn begin(file: &Path, words: Words) -> Result<Taking> {
        let wrong = |cause: String| Error::new(Kind::Invalid, format!("{} is no handover.", file.display())).because(cause);
        let text = fs::read_to_string(file).map_err(|cause| wrong(cause.to_string()))?;
        let handover: Handover = serde_json::from_str(&text).map_err(|cause| wrong(cause.to_string()))?;
        if handover.format != FORMAT {
            return Err(wrong(format!("its format is {:?}, and this program reads {FORMAT:?}", handover.format)));
        }
        let words = read_words(words.words_file)?;
        key(&words)?;
        let clock: Arc<dyn Clock> = HostClock::new();
        let grid = Grid::new(Config {
            chain: handover.chain.clone(),
            genesis: Some(handover.genesis.clone()),
            relay: handover.relay.clone(),
            index: handover.index.clone(),
            identity: String::new(),
            stores: String::new(),
            mnemonic: words,
            watch: String::new(),
            answer: ANSWER,
            clock: clock.clone(),
            random: Arc::new(HostRandom),
        })?;
        if grid.genesis().await?.is_none() {
            return Err(wrong("the chain that it names is another one now".into()));
        }
        let notes = file.with_extension("taken.json");
        Ok(Taking { handover, grid, clock, notes })
    }

    async fn take(&self) -> Result<Server> {
        let twin = self.twin().await?;
        let mut standing = match self.standing()? {
            Some(standing) => standing,
            None => {
                let plan =
                    self.grid.planner(twin).plan(&self.handover.wish, self.handover.order, &self.handover.choice, &HostRandom)?;
                let attempt = new_attempt(self.handover.choice.clone(), plan, self.clock.now());
                let standing = Standing { twin, attempt };
                self.note(&standing)?;
                standing
            }
        };
        let node = standing.attempt.node();
        let contract = match standing.attempt.contract {
            Some(contract) => contract,
            None => {
                say(&format!("Making the contract with node {node} …"));
                let contract = self.contract(&standing).await?;
                standing.attempt.contract = Some(contract);
                self.note(&standing)?;
                contract
            }
        };
        say(&format!("Contract {contract} is yours. The node sets the server up …"));
        match self.built(&standing.attempt, contract).await {
            Ok(access) => Ok(Server { address: self.grid.address(), twin, contract, node, access }),
            Err(error) if error.kind() == Kind::Conflict => {
                say("The node could not do it: giving the contract back …");
                self.cancel(contract).await?;
                self.forget()?;
                Err(error)
            }
            Err(error) => Err(error),
        }
    }

    async fn end(&self) -> Result<Gone> {
        let none = || Error::new(Kind::Invalid, "Nothing was taken over with this file from this machine.");
        let standing = self.standing()?.ok_or_else(none)?;
        let head = self.grid.finalized().await?;
        let Attempt { contract, hash, .. } = &standing.attempt;
        let found = match contract {
            Some(contract) => Some(*contract),
            None => self.grid.contract_of(standing.attempt.node(), hash, standing.twin, &head.hash).await?,
        };
        let contract = found.ok_or_else(none)?;
        self.cancel(contract).await?;
        self.forget()?;
        Ok(Gone { contract })
    }

    /// Terms, twin, relay and key of our account, whatever of it the chain lacks.
    async fn twin(&self) -> Result<u32> {
        loop {
            let account = self.grid.account().await?;
            let call = match account.twin {
                None if !account.terms_accepted => Call::AcceptTerms,
                None => Call::CreateTwin,
                Some(_) if !account.twin_current => Call::UpdateTwin,
                Some(twin) => return Ok(twin),
            };
            say(match call {
                Call::AcceptTerms => "Accepting the grid's terms …",
                Call::CreateTwin => "Making your twin …",
                _ => "Telling the chain where your twin listens …",
            });
            self.drive(&call).await?;
        }
    }

    /// The contract for what was planned: found if it was made before, or made now. The hash makes it the only one.
    async fn contract(&self, standing: &Standing) -> Result<u64> {
        let attempt = &standing.attempt;
        let head = self.grid.finalized().await?;
        let of = async |at: [u8; 32]| self.grid.contract_of(attempt.node(), &attempt.hash, standing.twin, &at).await;
        if let Some(found) = of(head.hash).await? {
            return Ok(found);
        }
        if let Some(why) = self.grid.standing(attempt.node()).await?.refusal(standing.twin) {
            self.forget()?;
            return Err(Error::conflict(format!("This node {why}. Download the file anew: it will name another one.")));
        }
        let ips = self.handover.wish.public_ips();
        let block = self.drive(&self.grid.contract_call(self.handover.order, attempt, ips)).await?;
        loop {
            let head = self.grid.finalized().await?;
            match of(head.hash).await? {
                Some(found) => return Ok(found),
                None if head.number < block => tokio::time::sleep(STEP).await,
                None => return Err(Error::unavailable("The contract was made and is gone again.")),
            }
        }
    }

    /// `Conflict` when the node can't, for good.
    async fn built(&self, attempt: &Attempt, contract: u64) -> Result<Access> {
        const ANEW: &str =
            "The node could not set it up, and the contract is given back. Download the file anew to try once more.";
        let (twin, begun) = (attempt.choice.best.twin, self.clock.now());
        loop {
            let late = self.clock.now().since(begun) > DEPLOY_PATIENCE;
            match self.grid.progress(twin, contract).await {
                Ok(Progress::Ready(deployed)) => return deployed.access(),
                Ok(Progress::Failed(why)) => return Err(Error::conflict(ANEW).because(why)),
                Ok(Progress::Working { .. }) if !late => {}
                Ok(Progress::Unknown) if !late => match self.grid.deploy(twin, contract, &attempt.deployment).await {
                    Err(error) if error.kind() != Kind::Unavailable => return Err(Error::conflict(ANEW).because(error)),
                    _ => {}
                },
                Err(_) if !late => {}
                _ => {
                    return Err(Error::unavailable(
                        "The node did not get it done so far. Type the line again to look once more, or end it with `cooperage twin end`.",
                    ));
                }
            }
            tokio::time::sleep(STEP).await;
        }
    }

    async fn cancel(&self, contract: u64) -> Result<()> {
        let head = self.grid.finalized().await?;
        if self.grid.contract_state(contract, &head.hash).await? != ContractState::Gone {
            self.drive(&Call::CancelContract { contract }).await?;
        }
        Ok(())
    }

    /// Signs a call and sends it until it is in a finalized block, whose number this is.
    async fn drive(&self, call: &Call) -> Result<u32> {
        loop {
            let nonce = self.grid.next_nonce().await?;
            let signed = self.grid.sign(call, nonce).await?;
            loop {
                match self.grid.submit(&signed.bytes).await {
                    Err(error) if error.kind() == Kind::Unfunded => {
                        let address = self.grid.address();
                        return Err(Error::unfunded(format!(
                            "Your account {address} has no tokens for this. Send it some first."
                        ))
                        .because(error));
                    }
                    // An answer that was lost, or bytes that are in a block already: their fate tells.
                    Ok(()) | Err(_) => {}
                }
                match self.grid.fate(&signed).await? {
                    Fate::Pending => tokio::time::sleep(STEP).await,
                    Fate::Landed { block } => return Ok(block),
                    Fate::Refused(reason) => {
                        return Err(Error::unavailable("The chain refused it.").because(reason));
                    }
                    Fate::Expired | Fate::Usurped => break,
                }
            }
        }
    }

    fn standing(&self) -> Result<Option<Standing>> {
        let wrong = |cause: String| Error::new(Kind::Invalid, format!("{} can't be read.", self.notes.display())).because(cause);
        match fs::read_to_string(&self.notes) {
            Ok(text) => serde_json::from_str(&text).map(Some).map_err(|cause| wrong(cause.to_string())),
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(cause) => Err(wrong(cause.to_string())),
        }
    }

    /// The node's half of the network's key is in it: for its owner only.
    fn note(&self, standing: &Standing) -> Result<()> {
        let wrong = |cause: std::io::Error| {
            Error::new(Kind::Invalid, format!("{} can't be written.", self.notes.display())).because(cause)
        };
        let text = serde_json::to_string(standing).map_err(|cause| Error::internal("A plan does not print.").because(cause))?;
        let new = self.notes.with_extension("new");
        let mut out = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new).map_err(wrong)?;
        out.write_all(text.as_bytes()).and_then(|()| out.sync_all()).map_err(wrong)?;
        fs::rename(&new, &self.notes).map_err(wrong)
    }

    fn forget(&self) -> Result<()> {
        fs::remove_file(&self.notes)
            .map_err(|cause| Error::new(Kind::Invalid, format!("{} can't be removed.", self.notes.display())).because(cause))
    }
}

/// What goes on, beside what is said in the end.
fn say(what: &str) {
    eprintln!("{what}");
}
