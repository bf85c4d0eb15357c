//! A server becomes its owner's: under a twin of theirs, by a key of theirs, with no right left to the marketplace.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::Ordering::SeqCst;

use cooperage::base::ids::OrderId;
use cooperage::base::money::{SCALE, Tft};
use cooperage::base::time::HOUR;
use cooperage::cli::demo::ALICE;
use cooperage::domain::order::State;
use cooperage::grid::{Call, Fate, Progress};
use cooperage::localgrid::grid::accounts;
use cooperage::localgrid::{ChainView, ContractStateView};
use cooperage::wire::key::{KeyPair, Scheme};
use serde_json::Value;

use crate::kit::caller::Caller;
use crate::kit::market::{GOOD_CARD, KEY, Market};

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

    /// As somebody who is not served: the exit code, and what the program said why.
    fn refused(&self, verb: &[&str], words: &str) -> (i32, String) {
        let output = self.run(verb, &self.file(words));
        assert!(!output.status.success(), "{verb:?}: {}", String::from_utf8_lossy(&output.stdout));
        (output.status.code().unwrap_or_default(), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// What lies beside the files, by its end.
    fn notes(&self) -> usize {
        let files = std::fs::read_dir(&self.0).unwrap().map(|file| file.unwrap().file_name());
        files.filter(|name| name.to_string_lossy().ends_with(".taken.json")).count()
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
    let visitor = market.log_in(&ALICE).await;
    market.save_card(&visitor, GOOD_CARD).await;
    let order = market.order(&visitor, "web", "").await;
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

    let download = async |more: &str| {
        let file = alice.get(&format!("{here}/file{more}")).await;
        assert_eq!(file.status, 200, "{}", file.body);
        let name = between(file.header("content-disposition"), "filename=\"", "\"").to_owned();
        assert!(name.contains(&order.to_string()), "{name}: two servers may have one name");
        std::fs::write(desk.file(&name), &file.body).unwrap();
        (desk.file(&name), serde_json::from_str::<Value>(&file.body).unwrap())
    };
    let (handover, said) = download("").await;
    let early = alice.post(&here, &[("contract", "1")]).await;
    assert!(early.status == 422 && early.says("no contract of this number for this server"), "{}", early.body);
    assert_eq!(market.read(order).state, State::Active);

    // Before anything is begun it is said what is in the way: nodes take nothing from a twin that is not verified.
    let chain = &market.demo.world.chain;
    let path = handover.to_str().unwrap();
    let next = (1..).find(|id| chain.twin(*id).is_none()).unwrap();
    let live = || chain.contracts().into_iter().filter(|it| it.twin == next && it.state != ContractStateView::Deleted).count();
    market.demo.world.nodes.set_verified(next, false);
    let (code, words) = desk.refused(&["take", path], "words");
    assert!(code == 3 && words.contains(&format!("twin {next} is not verified")) && words.contains(&ada.address), "{words}");
    assert_eq!((chain.twin(next).is_some(), chain.contracts().iter().any(|it| it.twin == next), desk.notes()), (true, false, 0));
    // Who is not told so hears it from the node, in its own words; and the contract goes back.
    let mut lax = said.clone();
    lax["identity"] = "".into();
    std::fs::write(desk.file("lax.json"), lax.to_string()).unwrap();
    let (_, words) = desk.refused(&["take", desk.file("lax.json").to_str().unwrap()], "words");
    let node = said["choice"]["best"]["node"].as_u64().unwrap();
    assert!(words.contains(&format!("twin id {next} is not verified")), "{words}");
    assert!(words.contains(&format!("with {node} in the field “Not on these nodes”")), "{words}");
    assert_eq!((live(), desk.notes()), (0, 0));
    market.demo.world.nodes.set_verified(next, true);
    // A chain that refuses the contract leaves nothing behind that would be tried again.
    chain.faults.refuse_contracts.store(true, SeqCst);
    let (_, words) = desk.refused(&["take", path], "words");
    assert!(words.contains("The chain refused the contract"), "{words}");
    assert_eq!((live(), desk.notes()), (0, 0));
    chain.faults.refuse_contracts.store(false, SeqCst);
    let elsewhere = download(&format!("?not={node}")).await.1["choice"]["best"].clone();
    assert_ne!(elsewhere["node"], node);
    let unread = alice.get(&format!("{here}/file?not=here")).await;
    assert!(unread.status == 422 && unread.says("give numbers of nodes"), "{}", unread.body);

    // It is set up in her name, once however often she asks.
    let taken = desk.own(&["take", path]);
    let contract = taken["contract"].as_u64().unwrap();
    assert_eq!(taken["node"], elsewhere["node"]);
    assert_eq!(desk.own(&["take", path])["contract"], contract);
    let own = chain.contract(contract).unwrap();
    let ours = market.read(order).attempt().unwrap().contract.unwrap();
    assert_eq!((u64::from(own.twin), own.twin), (taken["twin"].as_u64().unwrap(), next));
    assert_ne!(own.twin, chain.contract(ours).unwrap().twin);
    assert_eq!(live(), 1);
    assert!(taken["access"]["mycelium_ip"].as_str().is_some_and(|ip| !ip.is_empty()), "{taken}");
    // Another server's file under this one's name, or somebody else's words, are not taken for this one's.
    let mut another = said.clone();
    another["order"] = "ord_0000000000000000000000000m".into();
    std::fs::write(&handover, another.to_string()).unwrap();
    for verb in ["take", "end"] {
        let (code, words) = desk.refused(&[verb, path], "words");
        assert!(code == 3 && words.contains("is of another server"), "{words}");
    }
    download("").await;
    let (code, words) = desk.refused(&["end", path], "others");
    assert!(code == 3 && words.contains("the words that it was begun with"), "{words}");
    assert_eq!(live(), 1);
    // What lies beside the file is for her eyes only.
    let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(handover.with_extension("taken.json")).unwrap());
    assert_eq!(mode & 0o777, 0o600);

    // The rented one ends when she says so, and hours not used go back.
    let number = contract.to_string();
    let not_hers = alice.post(&here, &[("contract", &ours.to_string())]).await;
    assert!(not_hers.status == 422 && not_hers.says("no contract of this number"), "{}", not_hers.body);
    assert_eq!(alice.post(&here, &[("contract", &number)]).await.status, 303);
    assert_eq!(alice.post(&here, &[("contract", &number)]).await.status, 303, "pressed twice");
    let ended = market.ended(order).await;
    assert_eq!(ended.state, State::Ended);
    assert_eq!(ended.handed_over.map(|taken| taken.contract), Some(contract));
    assert!(!ended.timeline.iter().any(|entry| entry.trouble), "{:?}", ended.timeline);
    let page = alice.get(&format!("/deployments/{order}")).await;
    assert!(page.says(&format!("contract {contract} of your twin {}", own.twin)), "{}", page.body);
    assert_eq!(chain.contract(ours).map(|it| it.state), Some(ContractStateView::Deleted));
    assert_ne!(chain.contract(contract).unwrap().state, ContractStateView::Deleted);

    // A backup VM would end with it: that has to be known. What ends already was not taken over.
    let wish =
        [("name", "web"), ("size", "small"), ("image", "ubuntu-24.04"), ("region", ""), ("ssh_key", KEY), ("backup", "vm")];
    let quote = visitor.fill("/order", "/order", &wish).await.unwrap();
    let page = visitor.submit(&quote, &format!("{}/confirm", quote.url.path()), &[("consent", "on")]).await.unwrap();
    let second: OrderId = page.url.path().split('/').nth(2).unwrap().parse().unwrap();
    assert_eq!(market.rest(second).await.state, State::Active);
    let there = format!("/deployments/{second}/handover");
    assert!(alice.get(&there).await.says("Its backup VM goes with it, and so does the copy on it."));
    let unknown = alice.post(&there, &[("contract", &number)]).await;
    assert!(unknown.status == 422 && unknown.says("its backup VM ends with it"), "{}", unknown.body);
    let known = alice.post(&there, &[("contract", &number), ("agreed", "on")]).await;
    assert!(known.status == 422 && known.says("no contract of this number for this server"), "{}", known.body);
    market.demo.instance.app.end_order(market.read(second).user, second).await.unwrap();
    let late = alice.post(&there, &[("contract", &number), ("agreed", "on")]).await;
    assert!(late.status == 409 && late.says("ends already"), "{}", late.body);
    assert_eq!(market.read(second).handed_over, None);
    // What ends it signs with the same key as the calls below.
    market.ended(second).await;

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
    let node_twin = u32::try_from(elsewhere["twin"].as_u64().unwrap()).unwrap();
    let plan = &ended.attempt().unwrap().deployment;
    let told = grid.progress(node_twin, contract, plan).await.unwrap();
    assert_eq!(told, Progress::Unknown, "the node does not even tell of it");

    // Unpaid it sleeps, and whoever looks once more does not end it.
    let account = KeyPair::from_mnemonic(&ada.words, Scheme::Sr25519).unwrap().public();
    chain.drain(&account, Tft::from_units(SCALE / 1000));
    market.leap(HOUR + HOUR / 10);
    market.until("it is paused", || chain.contract(contract).unwrap().state == ContractStateView::GracePeriod).await;
    let (_, words) = desk.refused(&["take", path], "words");
    assert!(words.contains("Send it tokens"), "{words}");
    assert_eq!((live(), desk.notes()), (1, 1));
    chain.fund(&account, Tft::from_units(1000 * SCALE));

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
