//! Foreign programs that speak Stripe: localstripe behind a small shim, and Python with Stripe's own client library.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

/// A Stripe look-alike by other people. It stops when this is dropped.
pub struct Localstripe {
    /// Where our client talks to.
    pub url: String,
    /// Localstripe itself, for what our client never does.
    pub bare_url: String,
    script: Child,
}

impl Localstripe {
    pub fn start() -> Localstripe {
        let (bare_port, port) = (free_port(), free_port());
        let root = env!("CARGO_MANIFEST_DIR");
        let mut script = Command::new("bash")
            .arg(format!("{root}/tests/localstripe/start.sh"))
            .args([format!("{root}/target/localstripe"), bare_port.to_string(), port.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("bash is there");
        let mut said = String::new();
        BufReader::new(script.stdout.take().expect("piped")).read_line(&mut said).expect("readable");
        assert_eq!(said.trim(), "ready", "localstripe did not start: see the script's messages above");
        Localstripe { url: format!("http://127.0.0.1:{port}"), bare_url: format!("http://localhost:{bare_port}"), script }
    }
}

/// A Python that knows Stripe's own client library.
pub fn python() -> Command {
    let root = env!("CARGO_MANIFEST_DIR");
    let env = format!("{root}/target/localstripe");
    let installed = Command::new("bash").args([format!("{root}/tests/localstripe/install.sh"), env.clone()]).status();
    assert!(installed.expect("bash is there").success(), "the Python environment: see the messages above");
    Command::new(format!("{env}/bin/python"))
}

impl Drop for Localstripe {
    fn drop(&mut self) {
        drop(self.script.stdin.take());
        self.script.wait().expect("the script ends when its input closes");
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port()
}
