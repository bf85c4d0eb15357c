//! The command line as a stranger uses it: the real program, its words and its exit codes.

use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};

fn cooperage(arguments: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_cooperage");
    Command::new(program).args(arguments).env_remove("COOPERAGE_LOG").output().expect("the program runs")
}

#[test]
fn the_story_holds_from_the_card_to_the_provider() {
    let played = cooperage(&["demo", "--story", "--json"]);
    let errors = String::from_utf8_lossy(&played.stderr);
    assert!(played.status.success(), "{errors}");
    let story: serde_json::Value = serde_json::from_slice(&played.stdout).expect("one JSON value");
    assert_eq!(story["holds"], true);
    let steps: Vec<&str> = story["steps"].as_array().expect("steps").iter().filter_map(|step| step["step"].as_str()).collect();
    for step in ["sign up", "card", "quote", "running", "hours", "earnings", "trace", "deleted", "paid out", "books"] {
        assert!(steps.contains(&step), "{step} is missing in {steps:?}");
    }
    // The web server says this of a connection that comes while it stops.
    let known = |line: &&str| line.contains("actix_server::accept") && line.contains("No workers");
    assert!(!errors.lines().filter(|line| !known(line)).any(|line| line.contains("\"ERROR\"")), "{errors}");
}

#[test]
fn every_verb_explains_itself() {
    let help = String::from_utf8(cooperage(&["--help"]).stdout).expect("text");
    for verb in ["serve", "demo", "grid", "admin", "twin", "doctor", "ledger", "health", "settings", "bench"] {
        assert!(help.contains(verb), "{verb}: {help}");
        assert!(cooperage(&[verb, "--help"]).status.success(), "{verb}");
    }
}

/// What a verb says first that runs until it is told to stop.
fn first_lines(arguments: &[&str], lines: usize) -> Vec<serde_json::Value> {
    let mut program = Command::new(env!("CARGO_BIN_EXE_cooperage"));
    let program = program.args(arguments).env("COOPERAGE_LOG", "warn").stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = program.spawn().expect("the program starts");
    let said = BufReader::new(child.stdout.take().expect("piped")).lines().take(lines);
    let said = said.map(|line| serde_json::from_str(&line.expect("text")).expect("one JSON value a line")).collect();
    let stopped = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().expect("kill is there");
    assert!(stopped.success() && child.wait().expect("it ends").success(), "{arguments:?}");
    said
}

#[test]
fn what_goes_on_for_long_says_as_json_where_it_is() {
    let demo = &first_lines(&["--json", "demo", "--set", "server.listen=127.0.0.1:0"], 1)[0];
    assert!(demo["url"].as_str().is_some_and(|url| url.starts_with("http://127.0.0.1:")), "{demo}");
    assert_eq!(
        (demo["people"][0]["email"].as_str(), demo["hour_every_seconds"].as_u64()),
        (Some("alice@cooperage.example"), Some(20))
    );
    let folder = std::env::temp_dir().join(format!("cooperage-json-{}", std::process::id()));
    let folder = folder.to_string_lossy();
    let serve = first_lines(&["--json", "serve", "--set", "server.listen=127.0.0.1:0", "--data", &folder], 2);
    std::fs::remove_dir_all(&*folder).expect("a folder");
    assert!(serve[0]["url"].is_string() && serve[0]["mails"].is_string(), "{serve:?}");
    assert!(serve[1]["set_up"].as_str().is_some_and(|link| link.contains("/setup")), "{serve:?}");
}

#[test]
fn a_wrong_setting_is_one_sentence_and_exit_code_three() {
    let refused = cooperage(&["settings", "--set", "server.listen=nowhere"]);
    assert_eq!(refused.status.code(), Some(3));
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.starts_with("cooperage: ") && said.contains("nowhere") && said.trim().lines().count() == 1, "{said}");
}

#[test]
fn settings_print_as_lines_and_as_json_with_secrets_as_dots() {
    let words = cooperage(&["settings", "--set", "cards.secret_key=sk_live_canary"]);
    let text = String::from_utf8_lossy(&words.stdout).into_owned();
    assert!(words.status.success() && text.contains("cards.secret_key") && !text.contains("canary"), "{text}");
    let json = cooperage(&["settings", "--json", "--set", "cards.secret_key=sk_live_canary"]);
    let lines: serde_json::Value = serde_json::from_slice(&json.stdout).expect("JSON");
    let line = lines.as_array().expect("lines").iter().find(|line| line["name"] == "cards.secret_key").expect("the key");
    assert_eq!(line["value"], "•••");
}

#[test]
fn books_that_are_not_there_are_not_called_clean() {
    let folder = std::env::temp_dir().join(format!("cooperage-no-books-{}", std::process::id()));
    let checked = cooperage(&["ledger", "check", "--data", &folder.to_string_lossy()]);
    assert_eq!(checked.status.code(), Some(3), "{}", String::from_utf8_lossy(&checked.stderr));
    assert!(!folder.exists(), "asking makes nothing");
}
