//! The command line: one verb a file; what a verb says is a value that prints for people or as JSON.

mod admin;
mod bench;
pub mod demo;
pub mod doctor;
mod grid;
mod health;
pub mod instance;
mod ledger;
mod serve;
mod setting;
pub mod story;
mod twin;
pub mod visitor;
pub mod wallet;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use serde::Serialize;

use crate::base::{Error, Kind, Result};
use crate::settings::{DEFAULT_FILE, Settings};

/// A cloud marketplace for co-ops in one file.
///
/// Exit codes: 0 done, 1 failed, 2 used wrongly, 3 a setting or the data folder is wrong.
#[derive(Debug, Parser)]
#[command(name = "cooperage", version, max_term_width = 100)]
struct Line {
    #[command(subcommand)]
    verb: Verb,
    /// The settings file.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// One setting, over file and environment: `--set server.listen=127.0.0.1:9000`.
    #[arg(long = "set", global = true, value_name = "SECTION.KEY=VALUE")]
    set: Vec<String>,
    /// The data folder.
    #[arg(long, global = true, value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// Say it as JSON.
    #[arg(long, global = true)]
    json: bool,
    /// What to log: a level, or levels by module.
    #[arg(long, global = true, env = "COOPERAGE_LOG", default_value = "info", value_name = "LEVEL")]
    log: String,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run the marketplace.
    Serve,
    /// Run it with its own grid, ready-made people and a fast clock, in a folder that is thrown away.
    Demo(demo::Args),
    /// Run the local grid alone, for tests of other programs; or look at the nodes and contracts of a grid.
    Grid(grid::Args),
    /// Make people who run this; seal the words of the wallet.
    Admin(admin::Args),
    /// Your own account on the grid: a key of yours, and servers that are yours alone.
    Twin(twin::Args),
    /// Check and export the books.
    Ledger(ledger::Args),
    /// Ask a running marketplace how it is.
    Health,
    /// Look at everything it depends on: folder, clock, chain, nodes, wallet, card processor, mail. Works while it runs.
    ///
    /// Exit codes: 0 nothing failed (there may be warnings), 1 something failed, 3 the settings can't be used.
    Doctor,
    /// Print the settings in force, secrets as dots.
    Settings,
    /// Measure speed, memory and size on this machine, as ratios. Nothing but a folder beside the data folder is touched.
    Bench(bench::Args),
}

/// What every verb gets.
pub struct Context {
    pub settings: Settings,
    pub json: bool,
}

/// What a verb has to say.
pub trait Say: Serialize {
    /// For people.
    fn words(&self) -> String;
}

impl Context {
    /// Says it on standard output, in the form that was asked for.
    pub fn say(&self, what: &impl Say) -> Result<()> {
        self.print(what, serde_json::to_string_pretty)
    }

    /// As `say`, with all of the JSON on one line: for what a program waits for.
    pub fn line(&self, what: &impl Say) -> Result<()> {
        self.print(what, serde_json::to_string)
    }

    /// What goes on: for people on standard error, beside the log; as JSON a line of standard output.
    pub fn tell(&self, what: &impl Say) -> Result<()> {
        if self.json {
            return self.line(what);
        }
        eprintln!("{}", what.words());
        Ok(())
    }

    fn print<T: Say>(&self, what: &T, json: fn(&T) -> serde_json::Result<String>) -> Result<()> {
        use std::io::Write;
        let text = match self.json {
            true => json(what).map_err(|cause| Error::internal("The answer does not print.").because(cause))?,
            false => what.words(),
        };
        // A reader that has gone, such as `head`, is no error of ours.
        let _gone = writeln!(std::io::stdout(), "{}", text.trim_end());
        Ok(())
    }
}

pub fn main() -> ExitCode {
    let line = Line::parse();
    // Somebody else in this process may have chosen one already; both are the same.
    let _already = rustls::crypto::ring::default_provider().install_default();
    // Doctor says everything itself: unless somebody asks for the log, it would only be in the way.
    let quiet = matches!(line.verb, Verb::Doctor) && line.log == "info";
    start_log(if quiet { "off" } else { &line.log });
    match run(line) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cooperage: {}", error.message());
            for cause in causes(&error) {
                eprintln!("  because: {cause}");
            }
            match error.kind() {
                Kind::Invalid | Kind::Conflict => ExitCode::from(3),
                _ => ExitCode::FAILURE,
            }
        }
    }
}

/// What lies beneath an error, down to the first words; what only repeats another one is left out.
fn causes(error: &Error) -> Vec<String> {
    let mut told: Vec<String> = Vec::new();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        let text = cause.to_string();
        if !told.last().is_some_and(|last| last.contains(&text)) {
            told.push(text);
        }
        next = cause.source();
    }
    told
}

fn run(line: Line) -> Result<()> {
    let settings = settings(&line)?;
    let context = Context { settings, json: line.json };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|cause| Error::internal("The program can't start its threads.").because(cause))?;
    match line.verb {
        Verb::Serve => runtime.block_on(serve::run(&context)),
        Verb::Demo(args) => runtime.block_on(demo::run(&context, args)),
        Verb::Grid(args) => runtime.block_on(grid::run(&context, args)),
        Verb::Admin(args) => runtime.block_on(admin::run(&context, args)),
        Verb::Twin(args) => runtime.block_on(twin::run(&context, args)),
        Verb::Ledger(args) => ledger::run(&context, args),
        Verb::Health => runtime.block_on(health::run(&context)),
        Verb::Doctor => runtime.block_on(doctor::run(&context)),
        Verb::Settings => setting::run(&context),
        Verb::Bench(args) => runtime.block_on(bench::run(&context, args)),
    }
}

fn settings(line: &Line) -> Result<Settings> {
    let mut flags = Vec::new();
    for set in &line.set {
        let (name, value) = set
            .split_once('=')
            .ok_or_else(|| Error::new(Kind::Invalid, format!("“--set {set}” has no “=”: it is --set section.key=value.")))?;
        flags.push((name.to_owned(), value.to_owned()));
    }
    if let Some(data) = &line.data {
        flags.push(("server.data".into(), data.to_string_lossy().into_owned()));
    }
    let file = line.config.clone().unwrap_or_else(|| DEFAULT_FILE.into());
    Settings::load(&flags, std::env::vars(), &file, line.config.is_some())
}

/// Logs are for people on a terminal, JSON otherwise, and always on standard error.
fn start_log(levels: &str) {
    // What mail and bus say at lower levels has passwords and links in it.
    const QUIET: &str = "hyper=warn,reqwest=warn,actix_server=warn,lettre=info,tungstenite=info,tokio_tungstenite=info";
    let filter = tracing_subscriber::EnvFilter::builder().parse_lossy(format!("{levels},{QUIET}"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // In tests somebody may have started it before.
    let _already = match std::io::stderr().is_terminal() {
        true => log.with_target(false).try_init(),
        false => log.json().try_init(),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_told_down_to_the_first_words() {
        let deep = Error::conflict("The node refused.").because("it is not verified".to_owned());
        let error = Error::unavailable("It could not be set up.").because(Error::conflict("The node refused.").because(deep));
        assert_eq!(causes(&error), ["The node refused.", "it is not verified"]);
        assert!(causes(&Error::not_found("thing")).is_empty());
    }
}
