//! `bench`: what this program needs and does on this machine, as ratios taken in one run.

mod load;
mod process;
mod selection;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use actix_web::{App as Site, HttpResponse, HttpServer, web};
use serde::Serialize;

use self::load::{Load, Seen};
use self::process::Running;
use super::{Context, Say};
use crate::base::{Error, Result};
use crate::store::measure::measure;

const PAGE: &str = "/catalogue";
const CONNECTIONS: u64 = 64;
const WRITERS: u64 = 64;
const IDLE: Duration = Duration::from_secs(5);
const MIB: f64 = (1 << 20) as f64;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Shorter rounds: says less exactly the same.
    #[arg(long)]
    quick: bool,
    /// Only what has to do with choosing nodes.
    #[arg(long)]
    selection: bool,
    /// Writes the made-up nodes that are chosen from to this file, for another program to choose from.
    #[arg(long, hide = true, value_name = "FILE", requires = "selection")]
    csv: Option<PathBuf>,
    /// Serves nothing at this address: the handler that pages are compared with.
    #[arg(long, hide = true, value_name = "ADDRESS")]
    empty: Option<SocketAddr>,
}

/// How long everything goes on.
struct Extent {
    rounds: usize,
    round: Duration,
    growth: u64,
    single: u64,
    group: u64,
}

const FULL: Extent = Extent { rounds: 7, round: Duration::from_millis(1500), growth: 100_000, single: 300, group: 20_000 };
const QUICK: Extent = Extent { rounds: 3, round: Duration::from_millis(400), growth: 20_000, single: 50, group: 3_000 };

#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
enum Goal {
    AtLeast(f64),
    AtMost(f64),
}

#[derive(Debug, Serialize)]
struct Figure {
    name: &'static str,
    value: f64,
    unit: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    goal: Option<Goal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    met: Option<bool>,
    /// What the value was made of.
    from: String,
}

impl Figure {
    fn new(name: &'static str, value: f64, unit: &'static str, from: impl Into<String>) -> Figure {
        Figure { name, value, unit, goal: None, met: None, from: from.into() }
    }

    fn goal(mut self, goal: Goal) -> Figure {
        self.met = Some(match goal {
            Goal::AtLeast(least) => self.value >= least,
            Goal::AtMost(most) => self.value <= most,
        });
        self.goal = Some(goal);
        self
    }
}

#[derive(Serialize)]
struct Report {
    version: &'static str,
    optimised: bool,
    cores: usize,
    figures: Vec<Figure>,
}

impl Say for Report {
    fn words(&self) -> String {
        let build = if self.optimised { "" } else { ", NOT optimised: the goals are for release builds" };
        let mut text = format!("cooperage {} on {} cores{build}\n\n", self.version, self.cores);
        for figure in &self.figures {
            let goal = match figure.goal {
                Some(Goal::AtLeast(least)) => format!("goal ≥ {least}"),
                Some(Goal::AtMost(most)) => format!("goal ≤ {most}"),
                None => String::new(),
            };
            let met = match figure.met {
                Some(true) => "met",
                Some(false) => "MISSED",
                None => "",
            };
            let Figure { name, value, unit, from, .. } = figure;
            text.push_str(&format!("{name:38} {value:>9.2} {unit:10} {goal:12} {met:7} {from}\n"));
        }
        text
    }
}

pub async fn run(context: &Context, args: Args) -> Result<()> {
    if let Some(address) = args.empty {
        return serve_nothing(address).await;
    }
    if args.selection {
        return context.say(&report(chosen(args.csv).await?));
    }
    let folder = Folder::beside(&context.settings.server.data)?;
    let bench = Bench { folder: &folder.0, extent: if args.quick { QUICK } else { FULL } };
    let mut figures = bench.pages().await?;
    figures.extend(bench.ledger().await?);
    figures.extend(bench.at_rest().await?);
    figures.push(bench.story().await?);
    figures.extend(chosen(None).await?);
    figures.push(size()?);
    context.say(&report(figures))
}

fn report(figures: Vec<Figure>) -> Report {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Report { version: env!("CARGO_PKG_VERSION"), optimised: !cfg!(debug_assertions), cores, figures }
}

/// Choosing nodes. It keeps one core busy, and nobody waiting.
async fn chosen(csv: Option<PathBuf>) -> Result<Vec<Figure>> {
    let measured = tokio::task::spawn_blocking(move || selection::measure(csv.as_deref())).await;
    measured.map_err(|cause| Error::internal("The choosing broke off.").because(cause))?
}

/// The least a server of this kind can do: one handler, no body.
async fn serve_nothing(address: SocketAddr) -> Result<()> {
    let failed = |cause| Error::internal("The empty server can't run.").because(cause);
    let server = HttpServer::new(|| Site::new().default_service(web::to(|| async { HttpResponse::Ok().finish() })));
    server.bind(address).map_err(failed)?.run().await.map_err(failed)
}

struct Bench<'a> {
    folder: &'a Path,
    extent: Extent,
}

impl Bench<'_> {
    /// The catalogue page against the empty handler, round by round in turn, and memory under many pages.
    async fn pages(&self) -> Result<Vec<Figure>> {
        let empty = Running::start(self.folder, |at| vec!["bench".into(), "--empty".into(), at.to_string()])?;
        empty.answers(PAGE).await?;
        let served = Running::serve(self.folder, "pages")?;
        served.answers("/readyz").await?;
        let mut sides = [Side::new(&empty, false), Side::new(&served, false), Side::new(&served, true)];
        for side in &mut sides {
            side.round(self.extent.round).await?;
            side.forget();
        }
        for _ in 0..self.extent.rounds {
            for side in &mut sides {
                side.round(self.extent.round).await?;
            }
        }
        let [empty, plain, gzip] = sides.map(Side::sum);
        let mut figures = vec![
            plain.rate_to(&empty, "page rate / empty handler").goal(Goal::AtLeast(0.5)),
            Figure::new(
                "page p99 / empty handler",
                plain.p99 / empty.p99,
                "×",
                format!("{:.2} ms, {:.2} ms", plain.p99, empty.p99),
            ),
            plain.work_to(&empty, "page CPU time / empty handler"),
            gzip.rate_to(&empty, "gzip page rate / empty handler"),
            gzip.work_to(&empty, "gzip page CPU time / empty handler"),
        ];
        figures.push(self.growth(&served).await?);
        Ok(figures)
    }

    /// How much memory stays behind for each page, by the line that fits best through the readings.
    async fn growth(&self, served: &Running) -> Result<Figure> {
        const READINGS: u64 = 10;
        let asked = Arc::new(AtomicU64::new(1 << 32));
        let part = Load { requests: self.extent.growth / READINGS, within: Duration::from_secs(60), ..load(served.at, false) };
        let (mut pages, mut readings) = (0.0, vec![(0.0, served.memory()?)]);
        for _ in 0..READINGS {
            pages += part.run(&asked).await.map_err(broke)?.requests();
            readings.push((pages, served.memory()?));
        }
        let at = |reading: Option<&(f64, f64)>| reading.map_or(0.0, |(_, bytes)| bytes / MIB);
        let from = format!("{pages} pages: {:.1} MiB to {:.1} MiB", at(readings.first()), at(readings.last()));
        Ok(Figure::new("growth", slope(&readings), "bytes/page", from))
    }

    async fn ledger(&self) -> Result<Vec<Figure>> {
        let (folder, single, group) = (self.folder.to_owned(), self.extent.single, self.extent.group);
        let measured = tokio::task::spawn_blocking(move || measure(&folder, WRITERS, single, group)).await;
        let figures = measured.map_err(|cause| Error::internal("The ledger's run broke off.").because(cause))??;
        let from = format!(
            "{:.0}/s by {} writers in {} commits, {:.0}/s one by one",
            figures.group.per_second(),
            figures.group.writers,
            figures.group.commits,
            figures.single.per_second()
        );
        Ok(vec![Figure::new("durable postings, group / single", figures.gain(), "×", from).goal(Goal::AtLeast(4.0))])
    }

    /// Start-up on a new data folder, and memory when nobody asks for anything.
    async fn at_rest(&self) -> Result<Vec<Figure>> {
        let served = Running::serve(self.folder, "rest")?;
        let live = served.answers("/livez").await?;
        let ready = served.answers("/readyz").await?;
        tokio::time::sleep(IDLE).await;
        let memory = served.memory()? / MIB;
        Ok(vec![
            Figure::new("idle memory", memory, "MiB", "5 s after it was ready, local grid included").goal(Goal::AtMost(48.0)),
            Figure::new("start until /livez", live.as_secs_f64(), "s", "new data folder"),
            Figure::new("start until /readyz", ready.as_secs_f64(), "s", "new data folder, new grid account"),
        ])
    }

    async fn story(&self) -> Result<Figure> {
        let mut command = process::command(self.folder)?;
        command.args(["demo", "--story", "--json"]);
        let begun = Instant::now();
        let output = tokio::task::spawn_blocking(move || command.output()).await.map_err(std::io::Error::other);
        let output = output.flatten().map_err(|cause| Error::internal("The story can't be started.").because(cause))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(Error::internal("The story does not hold.").because(said));
        }
        let took = begun.elapsed().as_secs_f64();
        Ok(Figure::new("story", took, "s", "demo --story, from start to exit").goal(Goal::AtMost(5.0)))
    }
}

fn size() -> Result<Figure> {
    let found = std::env::current_exe().and_then(fs::metadata);
    let bytes = found.map_err(|cause| Error::internal("The program does not find its own file.").because(cause))?.len();
    Ok(Figure::new("binary", bytes as f64 / MIB, "MiB", format!("{bytes} bytes")).goal(Goal::AtMost(40.0)))
}

fn load(at: SocketAddr, gzip: bool) -> Load {
    Load { at, path: PAGE, gzip, connections: CONNECTIONS, requests: 1_000_000, within: Duration::MAX }
}

fn broke(cause: std::io::Error) -> Error {
    Error::internal("The load broke off.").because(cause)
}

/// One of the servers that are compared.
struct Side<'a> {
    server: &'a Running,
    load: Load,
    asked: Arc<AtomicU64>,
    rounds: Vec<Seen>,
    worked: Duration,
}

impl<'a> Side<'a> {
    fn new(server: &'a Running, gzip: bool) -> Self {
        // Visitors of their own for each side: nobody looks at more pages than is allowed.
        let asked = Arc::new(AtomicU64::new(if gzip { 1 << 30 } else { 0 }));
        Side { server, load: load(server.at, gzip), asked, rounds: Vec::new(), worked: Duration::ZERO }
    }

    async fn round(&mut self, within: Duration) -> Result<()> {
        let before = self.server.worked()?;
        let load = Load { within, ..self.load.clone() };
        self.rounds.push(load.run(&self.asked).await.map_err(broke)?);
        self.worked += self.server.worked()?.saturating_sub(before);
        Ok(())
    }

    fn forget(&mut self) {
        self.rounds.clear();
        self.worked = Duration::ZERO;
    }

    fn sum(self) -> Sum {
        let requests: f64 = self.rounds.iter().map(Seen::requests).sum();
        let bytes: u64 = self.rounds.iter().map(|round| round.bytes).sum();
        let mut waits: Vec<Duration> = self.rounds.iter().flat_map(|round| round.waits.iter().copied()).collect();
        waits.sort_unstable();
        let p99 = waits.get(waits.len() * 99 / 100).copied().unwrap_or_default();
        Sum {
            rates: self.rounds.iter().map(Seen::per_second).collect(),
            p99: p99.as_secs_f64() * 1e3,
            work: self.worked.as_secs_f64() * 1e6 / requests,
            bytes: bytes as f64 / requests,
        }
    }
}

struct Sum {
    /// Requests a second, round by round.
    rates: Vec<f64>,
    /// Milliseconds.
    p99: f64,
    /// Microseconds of the server's CPU time for a request.
    work: f64,
    /// Of an answer.
    bytes: f64,
}

impl Sum {
    /// Rounds that followed each other are compared, so that what else the machine does cancels out.
    fn rate_to(&self, base: &Sum, name: &'static str) -> Figure {
        let ratios = self.rates.iter().zip(&base.rates).map(|(mine, its)| mine / its).collect();
        let (mine, its) = (median(self.rates.clone()), median(base.rates.clone()));
        let from = format!("{mine:.0}/s, {its:.0}/s; {:.0} bytes an answer, {:.0} bytes", self.bytes, base.bytes);
        Figure::new(name, median(ratios), "×", from)
    }

    fn work_to(&self, base: &Sum, name: &'static str) -> Figure {
        Figure::new(name, self.work / base.work, "×", format!("{:.1} µs, {:.1} µs of the server", self.work, base.work))
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// Of the line through the points with the least squares.
fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let (mut both, mut wide) = (0.0, 0.0);
    for point in points {
        both += (point.0 - x) * (point.1 - y);
        wide += (point.0 - x).powi(2);
    }
    both / wide
}

/// A folder beside the data folder, on the same disk, that goes away with this value.
struct Folder(PathBuf);

impl Folder {
    fn beside(data: &Path) -> Result<Folder> {
        let name = format!("cooperage-bench-{}", std::process::id());
        let parent = data.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let made = std::path::absolute(parent.join(name)).and_then(|folder| fs::create_dir(&folder).map(|()| folder));
        made.map(Folder).map_err(|cause| Error::internal("No folder can be made beside the data folder.").because(cause))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(cause) = fs::remove_dir_all(&self.0) {
            tracing::warn!(%cause, folder = %self.0.display(), "what was measured with could not be removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slope_is_what_stays_behind_for_each_page() {
        assert_eq!(slope(&[(0.0, 7.0), (10.0, 7.0), (20.0, 7.0)]), 0.0);
        assert_eq!(slope(&[(0.0, 100.0), (10.0, 120.0), (20.0, 140.0)]), 2.0);
    }

    #[test]
    fn a_goal_is_met_on_its_side() {
        let at = |value, goal| Figure::new("x", value, "×", "").goal(goal).met;
        assert_eq!(at(0.5, Goal::AtLeast(0.5)), Some(true));
        assert_eq!(at(0.4, Goal::AtLeast(0.5)), Some(false));
        assert_eq!(at(48.5, Goal::AtMost(48.0)), Some(false));
    }

    #[test]
    fn one_odd_round_does_not_move_the_ratio() {
        let sum = |rates: [f64; 3]| Sum { rates: rates.into(), p99: 0.0, work: 0.0, bytes: 0.0 };
        let figure = sum([50.0, 1.0, 60.0]).rate_to(&sum([100.0, 100.0, 120.0]), "x");
        assert_eq!(figure.value, 0.5);
    }

    #[test]
    fn the_folder_goes_away() {
        let folder = Folder::beside(&std::env::temp_dir().join("data")).unwrap();
        let path = folder.0.clone();
        assert!(path.is_dir());
        drop(folder);
        assert!(!path.exists());
    }
}
