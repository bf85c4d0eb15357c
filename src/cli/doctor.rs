//! `doctor`: looks at everything the marketplace depends on, and says of each thing whether it is well and what to do if not.

mod around;
mod chain;
mod here;

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::instance::grid_config;
use super::{Context, Say};
use crate::base::{Error, Result};
use crate::grid::Grid;
use crate::host::{HostClock, HostRandom};
use crate::localgrid::world::World;
use crate::settings::{Network, Settings};

/// How long anybody may take to answer.
const WITHIN: Duration = Duration::from_secs(10);
/// Column of what is said.
const WIDTH: usize = 22;
/// A line of a terminal.
const LINE: usize = 110;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Ok,
    Warning,
    Failure,
}

/// One thing that was looked at.
#[derive(Debug, Clone, Serialize)]
struct Check {
    group: &'static str,
    name: String,
    state: State,
    said: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

#[derive(Serialize)]
struct Report {
    version: &'static str,
    network: &'static str,
    /// Nothing failed.
    well: bool,
    warnings: usize,
    failures: usize,
    checks: Vec<Check>,
    #[serde(skip)]
    colours: bool,
}

/// What is looked at goes on this list, in its order.
#[derive(Default)]
struct List {
    group: &'static str,
    checks: Vec<Check>,
}

impl List {
    fn ok(&mut self, name: &str, said: impl Into<String>) {
        self.push(name, State::Ok, said.into(), None);
    }

    fn warn(&mut self, name: &str, said: impl Into<String>, hint: impl Into<String>) {
        self.push(name, State::Warning, said.into(), Some(hint.into()));
    }

    fn fail(&mut self, name: &str, said: impl Into<String>, hint: impl Into<String>) {
        self.push(name, State::Failure, said.into(), Some(hint.into()));
    }

    fn push(&mut self, name: &str, state: State, said: String, hint: Option<String>) {
        self.checks.push(Check { group: self.group, name: name.to_owned(), state, said, hint });
    }
}

pub async fn run(context: &Context) -> Result<()> {
    let mut settings = context.settings.clone();
    let (clock, mut list) = (HostClock::new(), List { group: "Here", checks: vec![] });
    let unlocked = super::wallet::unlock(&mut settings);
    let running = here::look(&mut list, &settings, unlocked.err()).await;
    let world = match settings.grid.network == Network::Local && settings.grid.chain.is_empty() {
        true => Some(super::serve::start_world(&clock, &mut settings, super::serve::STEP).await?),
        false => None,
    };
    if world.is_some() {
        list.ok("built-in grid", "started for this look: what follows is a fresh one, not that of a running marketplace");
    }
    look_outside(&mut list, &settings, running, &clock).await;
    if let Some(world) = world {
        World::stop(world).await;
    }
    let count = |state| list.checks.iter().filter(|check| check.state == state).count();
    let (warnings, failures) = (count(State::Warning), count(State::Failure));
    let report = Report {
        version: env!("CARGO_PKG_VERSION"),
        network: context.settings.grid.network.name(),
        well: failures == 0,
        warnings,
        failures,
        checks: list.checks,
        colours: std::io::stdout().is_terminal(),
    };
    context.say(&report)?;
    match failures {
        0 => Ok(()),
        1 => Err(Error::unavailable("One thing needs you.")),
        more => Err(Error::unavailable(format!("{more} things need you."))),
    }
}

async fn look_outside(list: &mut List, settings: &Settings, running: bool, clock: &Arc<HostClock>) {
    list.group = "Chain";
    let head = chain::endpoints(list, settings, &**clock).await;
    let grid = Grid::new(grid_config(settings, WITHIN, clock.clone(), Arc::new(HostRandom)));
    list.group = "Account";
    match grid {
        Ok(grid) if head => chain::account(list, settings, &grid, running, clock).await,
        Ok(_) => list.fail("wallet", "not asked, for no node of the chain answers", "Mend the chain's nodes first."),
        Err(error) => {
            list.fail("wallet", error.message(), "Seal the words with `cooperage admin wallet set`, or set grid.watch.")
        }
    }
    list.group = "Around";
    around::index(list, settings).await;
    around::cards(list, settings, &**clock).await;
    around::mail(list, settings).await;
    around::clocks(list, settings, &**clock).await;
}

/// An address without what may be secret in it.
fn place(url: &str) -> String {
    match reqwest::Url::parse(url) {
        Ok(url) => {
            let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
            format!("{}://{}{port}{}", url.scheme(), url.host_str().unwrap_or_default(), url.path().trim_end_matches('/'))
        }
        Err(_) => "what is no address".into(),
    }
}

/// The heart of an error: what is behind the last of its colons, without those who passed it on.
fn heart(error: &impl std::fmt::Display) -> String {
    let text = error.to_string();
    text.rsplit(": ").next().unwrap_or_default().trim_end_matches('.').to_owned()
}

impl Say for Report {
    fn words(&self) -> String {
        let paint = |text: &str, code: &str| if self.colours { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() };
        let mut out = format!("{} {} on the network “{}”\n", paint("Cooperage", "1"), self.version, self.network);
        let mut group = "";
        for check in &self.checks {
            if check.group != group {
                group = check.group;
                out.push_str(&format!("\n{}\n", paint(group, "1")));
            }
            let mark = match check.state {
                State::Ok => paint("ok  ", "32"),
                State::Warning => paint("look", "33"),
                State::Failure => paint("FAIL", "31"),
            };
            // Long names, such as addresses, get a line of their own.
            let lead = match check.name.chars().count() < WIDTH {
                true => format!("  {mark}  {:WIDTH$}", check.name),
                false => format!("  {mark}  {}\n        {:WIDTH$}", check.name, ""),
            };
            out.push_str(&lead);
            out.push_str(&wrapped(&check.said, 8 + WIDTH));
            out.push('\n');
            if let Some(hint) = &check.hint {
                out.push_str(&format!("        {:WIDTH$}{} {}\n", "", paint("→", "36"), wrapped(hint, 10 + WIDTH)));
            }
        }
        let plural = |count: usize, noun: &str| format!("{count} {noun}{}", if count == 1 { "" } else { "s" });
        let all = plural(self.checks.len(), "thing");
        let end = match (self.failures, self.warnings) {
            (0, 0) => format!("{all} looked at: all is well."),
            (0, warnings) => format!("{all} looked at: nothing failed, {} to look at.", plural(warnings, "thing")),
            (failures, warnings) => {
                format!("{all} looked at: {} and {}.", plural(failures, "failure"), plural(warnings, "warning"))
            }
        };
        out.push_str(&format!("\n{end}\n"));
        out
    }
}

/// Breaks a text at spaces, so that what follows its first line stands under it.
fn wrapped(text: &str, indent: usize) -> String {
    let (mut out, mut at) = (String::new(), indent);
    for word in text.split(' ') {
        let long = word.chars().count();
        if at > indent && at + long + 1 > LINE {
            out.push('\n');
            out.push_str(&" ".repeat(indent));
            at = indent;
        } else if at > indent {
            out.push(' ');
            at += 1;
        }
        out.push_str(word);
        at += long;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_reads_well_without_colours() {
        let mut list = List { group: "Here", checks: vec![] };
        list.ok("data folder", "/var/lib/cooperage, 80 GB free");
        list.group = "Chain";
        list.fail("wss://tfchain.grid.tf/ws", "does not answer", "Check the name and the firewall.");
        list.warn("clock", format!("{} end", "word ".repeat(30).trim()), "Switch time synchronisation on.");
        let report = Report {
            version: "1.0.0",
            network: "main",
            well: false,
            warnings: 1,
            failures: 1,
            checks: list.checks,
            colours: false,
        };
        let words = report.words();
        assert!(words.contains("  ok    data folder           /var/lib/cooperage, 80 GB free\n"), "{words}");
        assert!(words.contains("  FAIL  wss://tfchain.grid.tf/ws\n                              does not answer\n"), "{words}");
        assert!(words.contains("→ Check the name and the firewall."), "{words}");
        assert!(words.ends_with("3 things looked at: 1 failure and 1 warning.\n"), "{words}");
        assert!(words.lines().all(|line| line.chars().count() <= LINE && line == line.trim_end()), "{words}");
    }

    #[test]
    fn an_address_is_shown_without_its_password() {
        assert_eq!(place("smtps://tom:hunter2@mail.example.org:465/?x=y"), "smtps://mail.example.org:465");
        assert_eq!(place("wss://tfchain.grid.tf/ws"), "wss://tfchain.grid.tf/ws");
        assert_eq!(heart(&"RPC error: client error: Connection refused (os error 111)"), "Connection refused (os error 111)");
    }
}
