//! `ledger`: checks the books, and writes them out for programs of accountants.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};
use serde::Serialize;

use super::{Context, Say};
use crate::base::{Error, Kind, Result};
use crate::domain::export::Format;
use crate::store::check::check;
use crate::store::{Options, Store};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Recompute everything from the journal. Exit code 1 if anything is wrong.
    Check,
    /// Write the journal for an accounting program.
    Export {
        #[arg(long, value_enum, default_value_t = Shape::Hledger)]
        format: Shape,
        /// A file; standard output if none is named.
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Shape {
    Hledger,
    Beancount,
}

#[derive(Serialize)]
struct Checked {
    clean: bool,
    entries: u64,
    transfers: u64,
    held: u64,
    accounts: u64,
    wrong: u64,
    findings: Vec<String>,
}

impl Say for Checked {
    fn words(&self) -> String {
        let head =
            format!("{} entries, {} transfers ({} held), {} accounts", self.entries, self.transfers, self.held, self.accounts);
        match self.clean {
            true => format!("The books are clean: {head}."),
            false => format!("The books are NOT clean: {head}, {} findings.\n  {}", self.wrong, self.findings.join("\n  ")),
        }
    }
}

#[derive(Serialize)]
struct Exported {
    file: PathBuf,
}

impl Say for Exported {
    fn words(&self) -> String {
        format!("Written to {}.", self.file.display())
    }
}

/// Opens the books of the data folder. There must be some: a mistyped folder is not a clean ledger.
fn open(context: &Context) -> Result<Store> {
    let data = &context.settings.server.data;
    if !data.join("cooperage.redb").exists() {
        return Err(Error::new(Kind::Invalid, format!("There is no Cooperage data in {}.", data.display())));
    }
    Store::open(data, Options::default())
}

pub fn run(context: &Context, args: Args) -> Result<()> {
    let store = open(context)?;
    let snapshot = store.read()?;
    match args.verb {
        Verb::Check => {
            let report = check(&snapshot, |_, _| ())?;
            let clean = report.is_clean();
            context.say(&Checked {
                clean,
                entries: report.entries,
                transfers: report.transfers,
                held: report.held,
                accounts: report.accounts,
                wrong: report.wrong,
                findings: report.findings,
            })?;
            if clean { Ok(()) } else { Err(Error::internal("The books are not clean.")) }
        }
        Verb::Export { format, output } => {
            let format = match format {
                Shape::Hledger => Format::Hledger,
                Shape::Beancount => Format::Beancount,
            };
            let failed = |cause: std::io::Error| Error::internal("The export can't be written.").because(cause);
            match output {
                None => snapshot.export(format, &mut std::io::stdout().lock()),
                Some(file) => {
                    let mut out = BufWriter::new(File::create(&file).map_err(failed)?);
                    snapshot.export(format, &mut out)?;
                    out.flush().map_err(failed)?;
                    context.say(&Exported { file })
                }
            }
        }
    }
}
