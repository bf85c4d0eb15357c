//! This program, once more, as a child that is measured from outside and ends with its value.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::load::status;
use crate::base::{Error, Result};

/// Ticks a second in `/proc`, on every Linux.
const TICKS: u64 = 100;
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(1);

pub struct Running {
    pub at: SocketAddr,
    child: Child,
    begun: Instant,
}

/// This program with no settings but those that are given, whatever the machine is set up for.
pub fn command(folder: &Path) -> Result<Command> {
    let lost = |cause| Error::internal("The program can't be started again.").because(cause);
    let nothing = folder.join("nothing.toml");
    fs::write(&nothing, "").map_err(lost)?;
    let mut command = Command::new(std::env::current_exe().map_err(lost)?);
    command.env_clear().current_dir(folder).stdin(Stdio::null()).args(["--log", "error", "--config"]).arg(nothing);
    Ok(command)
}

impl Running {
    /// The marketplace with its local grid, on a data folder that is made new.
    pub fn serve(folder: &Path, name: &str) -> Result<Running> {
        let data = folder.join(name).to_string_lossy().into_owned();
        Self::start(folder, |at| {
            let listen = format!("server.listen={at}");
            let set = ["serve", "--data", &data, "--set", &listen, "--set", "server.trusted_proxy=127.0.0.1"];
            set.map(str::to_owned).to_vec()
        })
    }

    pub fn start(folder: &Path, args: impl FnOnce(SocketAddr) -> Vec<String>) -> Result<Running> {
        let lost = |cause| Error::internal("The program can't be started again.").because(cause);
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr()).map_err(lost)?;
        let mut command = command(folder)?;
        command.args(args(free)).stdout(Stdio::null()).stderr(Stdio::null());
        let begun = Instant::now();
        Ok(Running { at: free, child: command.spawn().map_err(lost)?, begun })
    }

    /// The time from its start until it says that all is well at `path`.
    pub async fn answers(&self, path: &'static str) -> Result<Duration> {
        while self.begun.elapsed() < PATIENCE {
            if status(self.at, path).await == Some(200) {
                return Ok(self.begun.elapsed());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Err(Error::internal(format!("A server that is measured does not answer at {path}.")))
    }

    /// Bytes that it holds in memory.
    pub fn memory(&self) -> Result<f64> {
        let text = self.proc("status")?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<u32>().ok());
        kib.map(|kib| f64::from(kib) * 1024.0)
            .ok_or_else(|| Error::internal("This system does not tell how much memory is held."))
    }

    /// CPU time that it has used.
    pub fn worked(&self) -> Result<Duration> {
        let text = self.proc("stat")?;
        // The name may hold anything, a closing bracket too; behind the last one come the numbers, from the third on.
        let numbers = text.rsplit_once(')').map(|(_, rest)| rest.split_whitespace()).into_iter().flatten();
        let ticks: u64 = numbers.skip(11).take(2).filter_map(|number| number.parse::<u64>().ok()).sum();
        Ok(Duration::from_millis(ticks * 1000 / TICKS))
    }

    fn proc(&self, file: &str) -> Result<String> {
        let read = fs::read_to_string(format!("/proc/{}/{file}", self.child.id()));
        read.map_err(|cause| Error::internal("The program that is measured is gone.").because(cause))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself; and its books survive worse.
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}
