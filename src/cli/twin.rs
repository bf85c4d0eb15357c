//! `twin`: somebody's own account on the grid, on their own machine: a key, a signature, and a server that is theirs alone.

mod notes;
mod patience;
mod take;

use std::path::PathBuf;

use clap::Subcommand;
use serde::Serialize;

use self::take::Taking;
use super::wallet::read_words;
use super::{Context, Say};
use crate::base::{Error, Kind, Random, Result, Secret};
use crate::domain::order::Access;
use crate::host::HostRandom;
use crate::wire::key::{KeyPair, Scheme, address, words_of};

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
    /// Where the file of its WireGuard tunnel lies, if it has one.
    tunnel: Option<PathBuf>,
}

impl Say for Server {
    fn words(&self) -> String {
        let mut words = format!(
            "It is yours: contract {} of your twin {}, on node {}.\n\n    {}\n\n",
            self.contract,
            self.twin,
            self.node,
            self.access.ssh()
        );
        if let Some(file) = &self.tunnel {
            words += &format!(
                "Its WireGuard tunnel is a new one, with another key, port and network: it is in {}.\n\n",
                file.display()
            );
        }
        words
            + "Copy your data over, then let go of the rented one on its page: it asks for the number of the contract. A web address and a backup VM \
                 of the rented one do not come along; they end with it."
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
