//! The real program, as a process of its own: started, killed, asked to stop, and looked at afterwards.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use cooperage::localgrid::world::Addresses;
use cooperage::store::{Options, Store};

const READY_WITHIN: Duration = Duration::from_secs(60);
const FILE: &str = "cooperage.redb";
static HOUSES: AtomicU32 = AtomicU32::new(0);

/// Where a marketplace lives: its folder, its address and its settings. It outlives every process in it.
pub struct House {
    pub folder: PathBuf,
    pub listen: String,
    environment: Vec<(String, String)>,
    client: reqwest::Client,
}

/// A running program. Dropping it kills it.
pub struct Process {
    child: Child,
}

/// How a program ended, and the words it left.
pub struct End {
    pub status: ExitStatus,
    pub said: String,
}

impl House {
    /// A house without a world: what is tried there must fail before it needs one.
    pub fn new() -> House {
        let _already = rustls::crypto::ring::default_provider().install_default();
        let number = HOUSES.fetch_add(1, Ordering::SeqCst);
        let folder = std::env::temp_dir().join(format!("cooperage-house-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let client = reqwest::Client::builder().tls_certs_only([]).timeout(Duration::from_secs(5)).build().unwrap();
        let mut house = House { folder, listen: format!("127.0.0.1:{}", free_port(number)), environment: vec![], client };
        house.set("COOPERAGE_SERVER__LISTEN", &house.listen.clone());
        house
    }

    /// A house in a world that is already there.
    pub fn within(world: &Addresses) -> House {
        let mut house = House::new();
        house.set("COOPERAGE_GRID__NETWORK", "local");
        house.set("COOPERAGE_GRID__CHAIN", &world.chain.join(","));
        house.set("COOPERAGE_GRID__RELAY", &world.relay);
        house.set("COOPERAGE_GRID__INDEX", &world.index);
        house.set("COOPERAGE_GRID__IDENTITY", &world.identity);
        house.set("COOPERAGE_GRID__STORES", &world.stores);
        house.set("COOPERAGE_GRID__MNEMONIC", world.mnemonic.reveal());
        house.set("COOPERAGE_GATEWAYS__DNS", &world.dns.to_string());
        house.set("COOPERAGE_GATEWAYS__VIA", &world.web.to_string());
        house.set("COOPERAGE_CARDS__URL", &world.cards);
        house.set("COOPERAGE_CARDS__PAGE", &world.cards);
        house.set("COOPERAGE_CARDS__SECRET_KEY", world.cards_secret_key.reveal());
        house.set("COOPERAGE_CARDS__WEBHOOK_SECRET", world.webhook_secret.reveal());
        house.set("COOPERAGE_MAIL__SMTP", &world.smtp);
        house
    }

    pub fn unset(&mut self, name: &str) {
        self.environment.retain(|(known, _)| known != name);
    }

    pub fn set(&mut self, name: &str, value: &str) {
        self.unset(name);
        self.environment.push((name.into(), value.into()));
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.listen)
    }

    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    pub fn store_file(&self) -> PathBuf {
        self.data().join(FILE)
    }

    fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// What all processes in this house have said so far.
    pub fn said(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.log()).unwrap_or_default()).into_owned()
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cooperage"));
        command.args(words).arg("--data").arg(self.data());
        command.env_clear().env("COOPERAGE_LOG", "warn").envs(self.environment.iter().cloned());
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    /// Runs a verb to its end, with something to read.
    pub fn run(&self, words: &[&str], input: &str) -> Output {
        let mut command = self.command(words);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // Who does not read is no error of ours.
        let _unread = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    }

    /// Starts the marketplace, and does not wait for anything.
    pub fn start(&self) -> Process {
        let log = OpenOptions::new().create(true).append(true).open(self.log()).unwrap();
        Process { child: self.command(&["serve"]).stderr(log).spawn().unwrap() }
    }

    /// Starts a marketplace that is expected to end by itself, and gives its last words.
    pub async fn try_to_start(&self) -> End {
        let said = self.folder.join("said");
        let mut process = Process { child: self.command(&["serve"]).stderr(File::create(&said).unwrap()).spawn().unwrap() };
        let end = process.end(READY_WITHIN).await.expect("it was to refuse, and goes on running");
        End { status: end, said: std::fs::read_to_string(said).unwrap() }
    }

    /// Waits until orders can be taken.
    pub async fn ready(&self, process: &mut Process) {
        let asked = tokio::time::Instant::now();
        loop {
            if let Some(status) = process.child.try_wait().unwrap() {
                panic!("the marketplace ended with {status}:\n{}", tail(&self.said()));
            }
            if self.client.get(format!("{}/readyz", self.url())).send().await.is_ok_and(|answer| answer.status().is_success()) {
                return;
            }
            assert!(asked.elapsed() < READY_WITHIN, "it never got ready:\n{}", tail(&self.said()));
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The store as it is now, seen in a copy: opening the real one would take its recovery from the program.
    pub fn look(&self) -> Option<Store> {
        if !self.store_file().exists() {
            return None;
        }
        let copy = self.folder.join("copy");
        let _none_yet = std::fs::remove_dir_all(&copy);
        std::fs::create_dir_all(&copy).unwrap();
        std::fs::copy(self.store_file(), copy.join(FILE)).unwrap();
        Some(Store::open(&copy, Options::default()).unwrap_or_else(|error| panic!("a killed store does not open: {error:?}")))
    }

    /// The store itself, when no process is in the house.
    pub fn store(&self) -> Store {
        Store::open(&self.data(), Options::default()).unwrap()
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("kept for a look: {}", self.folder.display());
        } else {
            let _gone = std::fs::remove_dir_all(&self.folder);
        }
    }
}

impl Process {
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and how it ends.
    pub async fn stop(&mut self, within: Duration) -> Option<ExitStatus> {
        assert!(terminate(&self.child), "the process is gone already");
        self.end(within).await
    }

    /// How it ended, if it did in time.
    pub async fn end(&mut self, within: Duration) -> Option<ExitStatus> {
        let asked = tokio::time::Instant::now();
        while asked.elapsed() < within {
            if let Some(status) = self.child.try_wait().unwrap() {
                return Some(status);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        None
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Already gone is as good.
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

/// Sends SIGTERM. The shell has the word built in, so that no program for it need be installed.
pub fn terminate(child: &Child) -> bool {
    Command::new("/bin/sh").args(["-c", &format!("kill -TERM {}", child.id())]).status().unwrap().success()
}

/// Bytes of every file of a folder, the lock apart: it names who looked last.
pub fn bytes_of(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().is_some_and(|name| name != "lock"))
        .map(|path| (path.clone(), std::fs::read(path).unwrap()))
        .collect();
    files.sort();
    files
}

fn tail(text: &str) -> &str {
    let lines: Vec<_> = text.rmatch_indices('\n').map(|(at, _)| at).take(30).collect();
    &text[lines.last().copied().unwrap_or(0)..]
}

/// Below the ports that the system gives to outgoing connections: nobody takes it while the program is dead.
fn free_port(house: u32) -> u16 {
    let first = 20_000 + u16::try_from((std::process::id() * 101 + house * 20) % 10_000).unwrap();
    (0..20).map(|step| first + step).find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).expect("a free port")
}
