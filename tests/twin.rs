//! A server becomes its owner's: under a twin of theirs, by a key of theirs, with no right left to the marketplace.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use cooperage::cli::demo::ALICE;
use cooperage::domain::order::State;
use cooperage::grid::{Call, Fate, Progress};
use cooperage::localgrid::grid::accounts;
use cooperage::localgrid::{ChainView, ContractStateView};
use serde_json::Value;

use crate::kit::caller::Caller;
use crate::kit::market::{GOOD_CARD, Market};

/// Somebody's own machine: a folder with their words in it, and the program.
struct Desk(PathBuf);

impl Desk {
    fn new(words: &str) -> Desk {
        let folder = std::env::temp_dir().join(format!("cooperage-twin-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("words"), words).unwrap();
        Desk(folder)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn run(&self, verb: &[&str], words: &Path) -> Output {
        let mut program = Command::new(env!("CARGO_BIN_EXE_cooperage"));
        program.args(["--json", "twin"]).args(verb).arg("--words-file").arg(words).env_clear();
        program.output().expect("the program runs")
    }

    /// As the owner of the words in the folder.
    fn own(&self, verb: &[&str]) -> Value {
        let output = self.run(verb, &self.file("words"));
        assert!(output.status.success(), "{verb:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("JSON")
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    let rest = text.split_once(from).expect("the beginning").1;
    rest.split_once(to).expect("the end").0
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_taken_over_to_its_owners_twin_and_nobody_else_has_a_right_to_it() {
    let market = Market::open().await;
    let alice = market.log_in(&ALICE).await;
    market.save_card(&alice, GOOD_CARD).await;
    let order = market.order(&alice, "web", "").await;
    assert_eq!(market.rest(order).await.state, State::Active);
    let alice = Caller::with_password(market.url(), ALICE.email, ALICE.password).await;
    let [ada, bert, _] = &accounts().unwrap()[1..] else { panic!("three visitors") };
    let desk = Desk::new(&ada.words);
    std::fs::write(desk.file("others"), &bert.words).unwrap();

    // Whose key it is, is shown by a signature over a sentence that names her; nobody else's will do.
    let sentence = between(&alice.get("/twin").await.body, "data-copy=\"http", "\"").to_owned();
    let sentence = format!("http{sentence}");
    assert!(sentence.contains("may know this key as the own key of usr_"), "{sentence}");
    let signature = |words: &str| {
        let output = desk.run(&["sign", &sentence], &desk.file(words));
        let said: Value = serde_json::from_slice(&output.stdout).unwrap();
        said["signature"].as_str().unwrap().to_owned()
    };
    let show =
        async |address: &str, signature: &str| alice.post("/twin", &[("address", address), ("signature", signature)]).await;
    let refused = show(&ada.address, &signature("others")).await;
    assert!(refused.status == 422 && refused.says("was not made with the key of this address"), "{}", refused.body);
    assert!(refused.body.contains(&ada.address), "what was typed is kept");
    assert_eq!(show("5Nobody", &signature("words")).await.status, 422);
    let operator = market.demo.instance.app.grid.address();
    assert!(show(&operator, &signature("words")).await.says("the marketplace's own account"), "not ours");
    let here = format!("/deployments/{order}/handover");
    assert_eq!(alice.get(&format!("{here}/file")).await.status, 409, "first she shows a key");
    assert_eq!(show(&ada.address, &signature("words")).await.status, 303);

    let file = alice.get(&format!("{here}/file")).await;
    assert_eq!(file.status, 200);
    let handover = desk.file("web.handover.json");
    std::fs::write(&handover, &file.body).unwrap();
    let early = alice.post(&here, &[]).await;
    assert!(early.status == 409 && early.says("no contract for this server"), "{}", early.body);
    assert_eq!(market.read(order).state, State::Active);

    // It is set up in her name, once however often she asks.
    let path = handover.to_str().unwrap();
    let taken = desk.own(&["take", path]);
    let contract = taken["contract"].as_u64().unwrap();
    assert_eq!(desk.own(&["take", path])["contract"], contract);
    let chain = &market.demo.world.chain;
    let own = chain.contract(contract).unwrap();
    let ours = market.read(order).attempt().unwrap().contract.unwrap();
    assert_eq!(u64::from(own.twin), taken["twin"].as_u64().unwrap());
    assert_ne!(own.twin, chain.contract(ours).unwrap().twin);
    let live = chain.contracts().into_iter().filter(|it| it.twin == own.twin && it.state != ContractStateView::Deleted);
    assert_eq!(live.count(), 1);
    assert!(taken["access"]["mycelium_ip"].as_str().is_some_and(|ip| !ip.is_empty()), "{taken}");
    // What lies beside the file is for her eyes only.
    let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(desk.file("web.handover.taken.json")).unwrap());
    assert_eq!(mode & 0o777, 0o600);

    // The rented one ends when she says so, and hours not used go back.
    assert_eq!(alice.post(&here, &[]).await.status, 303);
    let ended = market.ended(order).await;
    assert_eq!(ended.state, State::Ended);
    assert_eq!(ended.handed_over.map(|taken| taken.contract), Some(contract));
    assert!(!ended.timeline.iter().any(|entry| entry.trouble), "{:?}", ended.timeline);
    let page = alice.get(&format!("/deployments/{order}")).await;
    assert!(page.says(&format!("contract {contract} of your twin {}", own.twin)), "{}", page.body);
    assert_eq!(chain.contract(ours).map(|it| it.state), Some(ContractStateView::Deleted));
    assert_ne!(chain.contract(contract).unwrap().state, ContractStateView::Deleted);

    // The marketplace has no right left: neither the chain nor the node does what its key asks.
    let grid = &market.demo.instance.app.grid;
    let signed = grid.sign(&Call::CancelContract { contract }, grid.next_nonce().await.unwrap()).await.unwrap();
    grid.submit(&signed.bytes).await.unwrap();
    let fate = loop {
        match grid.fate(&signed).await.unwrap() {
            Fate::Pending => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
            other => break other,
        }
    };
    assert!(matches!(&fate, Fate::Refused(why) if why.contains("TwinNotAuthorizedToCancelContract")), "{fate:?}");
    let node_twin = ended.attempt().unwrap().choice.best.twin;
    assert_eq!(grid.progress(node_twin, contract).await.unwrap(), Progress::Unknown, "the node does not even tell of it");

    assert_eq!(desk.own(&["end", path])["contract"], contract);
    assert_eq!(chain.contract(contract).map(|it| it.state), Some(ContractStateView::Deleted));
    market.close().await;
}

#[test]
fn a_new_key_signs_and_a_wrong_file_or_word_is_refused_in_one_line() {
    let desk = Desk(std::env::temp_dir().join(format!("cooperage-twin-new-{}", std::process::id())));
    std::fs::create_dir_all(&desk.0).unwrap();
    let program = |args: &[&str]| Command::new(env!("CARGO_BIN_EXE_cooperage")).args(args).env_clear().output().unwrap();
    let new = |()| -> Value { serde_json::from_slice(&program(&["--json", "twin", "new"]).stdout).unwrap() };
    let (one, two) = (new(()), new(()));
    assert_ne!(one["words"], two["words"]);
    std::fs::write(desk.file("words"), one["words"].as_str().unwrap()).unwrap();
    assert_eq!(desk.own(&["sign", "hello"])["address"], one["address"]);
    std::fs::write(desk.file("not"), "one two three").unwrap();
    std::fs::write(desk.file("file"), "{}").unwrap();
    let file = desk.file("file");
    for (verb, words, said) in [
        (["sign", "hello"], "not", "12 to 24 words"),
        (["sign", "hello"], "none", "can't be read"),
        (["take", file.to_str().unwrap()], "words", "is no handover"),
        (["take", "/nowhere"], "words", "is no handover"),
    ] {
        let refused = desk.run(&verb, &desk.file(words));
        let told = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(refused.status.code() == Some(3) && told.contains(said), "{verb:?} {words}: {told}");
    }
}
