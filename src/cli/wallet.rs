//! `admin wallet`: puts the words of the operator's account sealed into the data folder, and opens them at the start.

use std::fs;
use std::io::{BufRead, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde::{Deserialize, Serialize};

use super::{Context, Say};
use crate::base::seal::Sealed;
use crate::base::{Error, Kind, Result, Secret};
use crate::host::HostRandom;
use crate::settings::Settings;
use crate::wire::key::{KeyPair, Scheme, address};

const FILE: &str = "wallet.sealed";

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Seal the words under the passphrase of the setting grid.passphrase. They are never shown again. Works while the
    /// marketplace runs, and counts from its next start.
    Set {
        /// The words are the first line of this file; of standard input if none is named.
        #[arg(long, value_name = "FILE")]
        words_file: Option<PathBuf>,
        /// Take the place of words that were sealed before.
        #[arg(long)]
        replace: bool,
    },
    /// Show the address of the wallet in force, and where its words come from.
    Show,
}

/// What lies in the data folder.
#[derive(Serialize, Deserialize)]
struct Stored {
    /// Of the account, to be read without the passphrase.
    address: String,
    words: Sealed,
}

#[derive(Serialize)]
struct Wallet {
    address: String,
    words: &'static str,
}

impl Say for Wallet {
    fn words(&self) -> String {
        format!("The wallet is {}; its words are {}.", self.address, self.words)
    }
}

pub fn run(context: &Context, verb: Verb) -> Result<()> {
    match verb {
        Verb::Set { words_file, replace } => set(context, words_file, replace),
        Verb::Show => show(context),
    }
}

fn set(context: &Context, words_file: Option<PathBuf>, replace: bool) -> Result<()> {
    let settings = &context.settings;
    if settings.grid.passphrase.reveal().chars().count() < 8 {
        return Err(Error::new(
            Kind::Invalid,
            "The setting grid.passphrase is not set, or shorter than eight letters: the words are sealed under it. \
             Give it as a systemd credential, or as COOPERAGE_GRID__PASSPHRASE_FILE.",
        ));
    }
    let folder = &settings.server.data;
    let file = folder.join(FILE);
    if file.exists() && !replace {
        return Err(Error::conflict("There are sealed words already. Say --replace if others are to take their place."));
    }
    let words = read_words(words_file)?;
    let key = KeyPair::from_mnemonic(words.reveal(), Scheme::Sr25519)
        .map_err(|_| Error::new(Kind::Invalid, "These are not 12 to 24 words of the list, or one of them is misspelt."))?;
    let stored = Stored { address: address(&key.public()), words: Sealed::seal(&words, &settings.grid.passphrase, &HostRandom)? };
    let text = serde_json::to_string_pretty(&stored).map_err(|cause| Error::internal("A seal does not print.").because(cause))?;
    write(folder, &file, &text)
        .map_err(|cause| Error::new(Kind::Invalid, format!("{} can't be written.", file.display())).because(cause))?;
    context.say(&Wallet { address: stored.address, words: "sealed in the data folder" })
}

pub(super) fn read_words(file: Option<PathBuf>) -> Result<Secret<String>> {
    let failed = |cause: std::io::Error| Error::new(Kind::Invalid, "The words can't be read.").because(cause);
    let text = match file {
        Some(file) => Secret::new(fs::read_to_string(file).map_err(failed)?),
        None => {
            eprintln!("Words (first line of standard input):");
            let mut line = String::new();
            std::io::stdin().lock().read_line(&mut line).map_err(failed)?;
            Secret::new(line)
        }
    };
    let line = text.reveal().lines().next().unwrap_or_default();
    Ok(Secret::new(line.split_whitespace().collect::<Vec<_>>().join(" ")))
}

/// Whole or not at all, for its owner only, and owned by whoever owns the folder: the service may be another user than we are.
fn write(folder: &Path, file: &Path, text: &str) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    let (new, owner) = (file.with_extension("new"), fs::metadata(folder)?);
    match fs::remove_file(&new) {
        Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => return Err(cause),
        _ => {}
    }
    let mut out = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    out.write_all(text.as_bytes())?;
    out.sync_all()?;
    // By the open file: whoever owns the folder could have put a link in its place.
    if out.metadata()?.uid() != owner.uid() {
        fchown(&out, Some(owner.uid()), Some(owner.gid()))?;
    }
    fs::rename(&new, file)?;
    fs::File::open(folder)?.sync_all()
}

fn show(context: &Context) -> Result<()> {
    context.say(&in_force(&context.settings)?)
}

/// The address of the wallet that counts. It takes no passphrase.
pub fn address_in_force(settings: &Settings) -> Result<String> {
    in_force(settings).map(|wallet| wallet.address)
}

fn in_force(settings: &Settings) -> Result<Wallet> {
    let grid = &settings.grid;
    Ok(match stored(settings)? {
        _ if !grid.mnemonic.reveal().is_empty() => {
            let key = KeyPair::from_mnemonic(grid.mnemonic.reveal(), Scheme::Sr25519)
                .map_err(|_| Error::new(Kind::Invalid, "The setting grid.mnemonic is not 12 to 24 words of the list."))?;
            Wallet { address: address(&key.public()), words: "in the setting grid.mnemonic" }
        }
        Some(stored) => Wallet { address: stored.address, words: "sealed in the data folder" },
        None if !grid.watch.is_empty() => Wallet { address: grid.watch.clone(), words: "not here: it is only watched" },
        None => return Err(Error::new(Kind::Invalid, "No wallet is set: see `cooperage admin wallet set`.")),
    })
}

fn stored(settings: &Settings) -> Result<Option<Stored>> {
    let file = settings.server.data.join(FILE);
    let unread = |cause: String| Error::new(Kind::Invalid, format!("{} can't be read.", file.display())).because(cause);
    match fs::read_to_string(&file) {
        Ok(text) => serde_json::from_str(&text).map(Some).map_err(|cause| unread(cause.to_string())),
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(unread(cause.to_string())),
    }
}

/// Opens the words that are sealed in the data folder, unless the settings hold words themselves.
pub fn unlock(settings: &mut Settings) -> Result<()> {
    if !settings.grid.mnemonic.reveal().is_empty() {
        return Ok(());
    }
    let Some(stored) = stored(settings)? else { return Ok(()) };
    if settings.grid.passphrase.reveal().is_empty() {
        return Err(Error::new(
            Kind::Invalid,
            "The words of the wallet are sealed in the data folder, and the setting grid.passphrase, which opens them, is not set.",
        ));
    }
    settings.grid.mnemonic = stored.words.open(&settings.grid.passphrase)?;
    Ok(())
}
