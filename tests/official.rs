//! ThreeFold's own npm clients on the local grid, and what they do there on our pages. They are installed from the npm registry, so this only
//! runs when asked: `COOPERAGE_OFFICIAL=1 cargo test --test stories official -- --ignored`.

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;

use cooperage::app::account::NewPerson;
use cooperage::base::Secret;
use cooperage::cli::instance::{Instance, bind};
use cooperage::domain::account::Role;
use cooperage::host::{HostClock, HostRandom};
use cooperage::settings::{Network, Settings};
use serde_json::{Value, json};

use crate::kit::caller::Caller;
use crate::kit::grid::LonelyGrid;
use crate::kit::market::PASSWORD;

/// The node that the foreign client deploys on, of Hilbert's farm.
const NODE: u32 = 2;
const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The clients' side of the story, one line of JSON a step.
struct Clients {
    child: Child,
    steps: Lines<BufReader<ChildStdout>>,
    home: PathBuf,
}

impl Clients {
    fn start(grid: &LonelyGrid) -> Clients {
        let packages = format!("{ROOT}/target/official");
        let installed = Command::new("bash").args([format!("{ROOT}/tests/official/install.sh"), packages.clone()]).status();
        assert!(installed.expect("bash is there").success(), "the clients' packages: see the messages above");
        // They keep files in their home, and must not find those of an earlier run.
        let home = std::env::temp_dir().join(format!("cooperage-official-{}", std::process::id()));
        std::fs::create_dir_all(&home).expect("a folder");
        let said = std::fs::File::create(home.join("said")).expect("a file");
        let mut child = Command::new("node")
            .args([format!("{ROOT}/tests/official/story.cjs"), packages.clone(), grid.said.to_string(), NODE.to_string()])
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", &home)
            .env("NODE_EXTRA_CA_CERTS", format!("{packages}/certificate.pem"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(said)
            .spawn()
            .expect("Node.js is there");
        let steps = BufReader::new(child.stdout.take().expect("piped")).lines();
        Clients { child, steps, home }
    }

    /// The next step, which must be called `name`.
    fn step(&mut self, name: &str) -> Value {
        let line = self.steps.next().and_then(Result::ok).unwrap_or_default();
        let step: Value = serde_json::from_str(&line).unwrap_or_default();
        assert_eq!(step["step"], name, "{}", std::fs::read_to_string(self.home.join("said")).unwrap_or_default());
        step
    }

    fn go_on(&mut self) {
        let input = self.child.stdin.as_mut().expect("piped");
        input.write_all(b"\n").expect("it listens");
    }
}

impl Drop for Clients {
    fn drop(&mut self) {
        let _over = self.child.kill();
        let _over = self.child.wait();
        let _gone = std::fs::remove_dir_all(&self.home);
    }
}

/// A marketplace of ours on somebody else's grid, with Hilbert as its provider.
async fn marketplace(grid: &LonelyGrid) -> (Instance, PathBuf) {
    let mut settings = Settings::default();
    settings.server.listen = "127.0.0.1:0".into();
    let listener = bind(&settings).expect("a port");
    let local = listener.local_addr().expect("bound");
    let folder = std::env::temp_dir().join(format!("cooperage-beside-{}-{}", std::process::id(), local.port()));
    settings.server.public_url = format!("http://{local}");
    settings.server.data = folder.clone();
    settings.grid.network = Network::Local;
    settings.grid.chain = vec![grid.at("/chain").into()];
    settings.grid.relay = grid.at("/relay").into();
    settings.grid.index = vec![grid.at("/index").into()];
    settings.grid.mnemonic = grid.words_of("operator").into();
    settings.cards.url = grid.at("/cards/url").into();
    settings.cards.page = grid.at("/cards/url").into();
    settings.cards.secret_key = grid.at("/cards/secret_key").into();
    settings.cards.webhook_secret = grid.at("/cards/webhook_secret").into();
    settings.mail.smtp = Secret::new(grid.at("/mail/smtp").to_owned());
    let instance = Instance::start(settings, listener, HostClock::new(), Arc::new(HostRandom), None).await.expect("a start");
    let hilbert = NewPerson { name: "Hilbert".into(), email: "hilbert@example.org".into(), password: PASSWORD.into() };
    let hilbert = instance.app.create_person(hilbert, [Role::User].into()).await.expect("an account");
    instance.app.grant_farm(hilbert.id, 1, 1).await.expect("a farm");
    (instance, folder)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "installs npm packages: COOPERAGE_OFFICIAL=1 cargo test --test stories official -- --ignored"]
async fn threefolds_own_clients_list_talk_deploy_and_cancel_and_our_pages_show_it() {
    let grid = LonelyGrid::start(&["--still", "--cards", "--mail"]);
    let (instance, folder) = marketplace(&grid).await;
    let hilbert = Caller::with_password(&instance.url, "hilbert@example.org", PASSWORD).await;
    let in_use = async || {
        instance.app.refresh_nodes().await.expect("an index");
        let page = hilbert.get("/provider/nodes").await;
        let text = cooperage::cli::visitor::text_of(&page.body);
        let row = text.split(&format!("Node {NODE} ")).nth(1).expect("the node's row").to_owned();
        row.split(" of ").next().expect("what is in use").rsplit("Belgium ").next().expect("a place").to_owned()
    };
    let before = in_use().await;

    let mut clients = Clients::start(&grid);
    clients.step("index");
    let twin = clients.step("twin")["twin"].clone();
    clients.step("bus");
    clients.step("connected");
    let deployed = clients.step("deployed");
    let during = in_use().await;
    assert_ne!(during, before, "what the foreign client deployed is in use on the provider's page");
    let told = grid.told("ada", &["grid", "contracts"]);
    let contracts = told["contracts"].as_array().expect("contracts");
    assert_eq!((&told["twin"], contracts.len()), (&twin, 2));
    for (contract, (id, hash)) in contracts
        .iter()
        .zip(deployed["contracts"].as_array().expect("ids").iter().zip(deployed["hashes"].as_array().expect("hashes")))
    {
        assert_eq!((&contract["contract"], &contract["hash"], &contract["node"]), (id, hash, &json!(NODE)));
        assert_eq!((&contract["state"], contract["billed_until"].is_i64()), (&json!("live"), true));
    }
    let (status, _) = grid.switch("POST", "/skip", json!({ "seconds": 2 * 3600 })).await;
    assert_eq!(status, 200);
    clients.go_on();
    clients.step("billed");
    clients.step("deleted");
    assert_eq!(in_use().await, before, "and no longer when it is cancelled");
    // The client goes by the newest block, we by the newest final one, which is a second behind.
    let mut left = Value::Null;
    for _ in 0..100 {
        left = grid.told("ada", &["grid", "contracts"])["count"].clone();
        if left == 0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(left, 0);
    clients.go_on();
    clients.step("done");
    assert!(clients.child.wait().expect("it ends").success());

    instance.stop().await;
    std::fs::remove_dir_all(folder).expect("our own folder");
    assert_eq!(grid.stop().code(), Some(0));
}
