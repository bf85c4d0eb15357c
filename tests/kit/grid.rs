//! `cooperage grid` as a process of its own, and the command line that looks at it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Output, Stdio};

use serde_json::Value;

/// The local grid, alone. It stops when this is dropped.
pub struct LonelyGrid {
    child: Child,
    /// What it said when it was ready.
    pub said: Value,
}

fn cooperage() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cooperage"));
    command.env_clear().env("COOPERAGE_LOG", "warn").stdin(Stdio::null());
    command
}

impl LonelyGrid {
    pub fn start(flags: &[&str]) -> LonelyGrid {
        let _already = rustls::crypto::ring::default_provider().install_default();
        let mut child =
            cooperage().args(["--json", "grid"]).args(flags).stdout(Stdio::piped()).spawn().expect("the program starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("readable");
        let said = serde_json::from_str(&line).unwrap_or_else(|_| panic!("one line of JSON, not {line:?}"));
        LonelyGrid { child, said }
    }

    /// A text that it said: `at("/cards/url")`.
    pub fn at(&self, pointer: &str) -> &str {
        self.said.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("no {pointer} in {}", self.said))
    }

    /// The words of one of its ready-made accounts.
    pub fn words_of(&self, name: &str) -> &str {
        let account = self.said["accounts"].as_array().expect("accounts").iter().find(|account| account["name"] == name);
        account.expect("an account of that name")["mnemonic"].as_str().expect("words")
    }

    /// A verb whose settings name this grid, and us as the account `name`.
    pub fn ask(&self, name: &str, words: &[&str]) -> Output {
        self.run(words, "mnemonic", self.words_of(name))
    }

    /// As `ask`, for somebody who has the account's address and not its words.
    pub fn watch(&self, address: &str, words: &[&str]) -> Output {
        self.run(words, "watch", address)
    }

    fn run(&self, words: &[&str], key: &str, value: &str) -> Output {
        let set = |key: &str, value: &str| ["--set".to_owned(), format!("grid.{key}={value}")];
        let settings =
            [set("chain", self.at("/chain")), set("relay", self.at("/relay")), set("index", self.at("/index")), set(key, value)];
        cooperage().args(words).args(settings.as_flattened()).output().expect("the program runs")
    }

    /// As `ask`, for an answer in JSON.
    pub fn told(&self, name: &str, words: &[&str]) -> Value {
        let output = self.ask(name, &[&["--json"], words].concat());
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    /// Throws a switch: `switch("PUT", "/nodes/3", json!({"fault": "silent"}))`. Gives status and answer.
    pub async fn switch(&self, method: &str, path: &str, order: Value) -> (u16, Value) {
        let url = format!("{}{path}", self.at("/control"));
        let request = reqwest::Client::new().request(method.parse().expect("a method"), url);
        let request = if order.is_null() { request } else { request.json(&order) };
        let answer = request.send().await.expect("an answer");
        (answer.status().as_u16(), answer.json().await.expect("JSON"))
    }

    /// Asks it to stop, as a supervisor does.
    pub fn stop(mut self) -> ExitStatus {
        assert!(super::process::terminate(&self.child));
        self.child.wait().expect("it ends")
    }
}

impl Drop for LonelyGrid {
    fn drop(&mut self) {
        let _over = self.child.kill();
        let _over = self.child.wait();
    }
}
