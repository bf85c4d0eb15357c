//! What is written about the program is true: paths exist, tests named as proof are there, examples load, commands agree.

use std::path::Path;

use cooperage::settings::Settings;

use super::clean;
use super::source::{Flaw, files, read, root};

/// Parts of the tree that documents may point into.
const PARTS: &[&str] = &["src/", "tests/", "docs/", "assets/", "packaging/", ".ci/", ".github/", ".cargo/"];

/// The text between backticks, outside of blocks.
fn quoted(text: &str) -> Vec<(usize, &str)> {
    let mut in_block = false;
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
        } else if !in_block {
            found.extend(line.split('`').skip(1).step_by(2).map(|words| (number + 1, words)));
        }
    }
    found
}

/// The lines of blocks.
fn blocks(text: &str) -> Vec<&str> {
    let parts = text.split("\n```").skip(1).step_by(2);
    parts.flat_map(|block| block.lines().skip(1)).map(str::trim).filter(|line| !line.is_empty()).collect()
}

fn papers() -> Vec<String> {
    let found: Vec<String> = files("").into_iter().filter(|path| path.ends_with(".md")).collect();
    assert!(found.len() > 5, "the documents are not where they were");
    found
}

#[test]
fn documents_point_at_files_that_exist() {
    let rule = |path: &str, text: &str| -> Vec<Flaw> {
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next()).filter(|link| !link.contains("://"));
        let beside = Path::new(path).parent().unwrap_or(Path::new("")).to_owned();
        let linked = links.map(|link| (0, beside.join(link.split('#').next().unwrap_or_default()), link));
        let named = quoted(text).into_iter().filter(|(_, words)| PARTS.iter().any(|part| words.starts_with(part)));
        let named = named.map(|(line, words)| (line, Path::new(words).to_owned(), words));
        linked
            .chain(named)
            .filter(|(_, _, words)| !words.contains(['*', '<', ' ']))
            .filter(|(_, place, _)| !root().join(place).exists())
            .map(|(line, _, words)| format!("{path}:{line}: there is no {words} any more: follow where it went"))
            .collect()
    };
    assert!(!rule("docs/a.md", "see `src/nowhere.rs`").is_empty());
    assert!(!rule("docs/a.md", "see [there](nowhere.md)").is_empty());
    assert!(rule("docs/a.md", "see `src/lib.rs`, [here](architecture.md#floors), `src/<room>/`").is_empty());
    clean(papers().iter().flat_map(|path| rule(path, &read(path))).collect());
}

#[test]
fn tests_named_as_proof_exist() {
    let all: Vec<String> = files("").iter().filter(|path| path.ends_with(".rs")).map(|path| read(path)).collect();
    let rule = |path: &str, text: &str| -> Vec<Flaw> {
        let is_sentence = |words: &str| {
            words.matches('_').count() >= 3
                && words.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_')
        };
        let named = quoted(text).into_iter().filter(|(_, words)| is_sentence(words));
        named
            .filter(|(_, words)| !all.iter().any(|source| source.contains(&format!("fn {words}("))))
            .map(|(line, words)| format!("{path}:{line}: there is no test `{words}` any more: name the one that proves it now"))
            .collect()
    };
    assert!(!rule("docs/a.md", "proved by `nobody_ever_wrote_this_test`").is_empty());
    assert!(rule("docs/a.md", "proved by `tests_named_as_proof_exist`").is_empty());
    clean(papers().iter().flat_map(|path| rule(path, &read(path))).collect());
}

#[test]
fn the_commands_of_the_readme_are_the_ones_that_are_checked() {
    let (readme, script) = (read("README.md"), read(".ci/run"));
    let commands: Vec<&str> = blocks(&readme).into_iter().filter(|line| line.starts_with("cargo ")).collect();
    assert_eq!(commands, ["cargo run --release -- demo", "cargo test"], "the README has two commands");
    assert!(script.lines().any(|line| line.ends_with(" cargo test")), ".ci/run runs the README's test command as it stands");
    assert!(
        script.contains("demo --story") && script.contains("cargo build --release"),
        ".ci/run plays the demo with the release binary"
    );
}

/// The example's settings in force, as name and text; secrets as set or not.
fn loaded(text: &str) -> Result<Vec<(String, String)>, String> {
    let file =
        std::env::temp_dir().join(format!("cooperage-example-{}-{:?}.toml", std::process::id(), std::thread::current().id()));
    std::fs::write(&file, text).unwrap();
    let settings = Settings::load(&[], std::iter::empty(), &file, true);
    std::fs::remove_file(&file).unwrap();
    settings.map(|settings| settings.printed()).map_err(|error| error.to_string())
}

/// Lines like `#listen = "…"` in force; prose keeps its `# `.
fn switched_on(example: &str) -> String {
    let line =
        |line: &str| match line.strip_prefix('#').filter(|rest| rest.starts_with(|letter: char| letter.is_ascii_lowercase())) {
            Some(setting) => format!("{setting}\n"),
            None => format!("{line}\n"),
        };
    example.lines().map(line).collect()
}

#[test]
fn the_example_settings_name_every_setting_with_its_default() {
    let example = read("packaging/config.toml");
    let defaults = loaded("").unwrap();
    assert_eq!(loaded(&example).unwrap(), defaults, "as it is shipped it changes nothing");
    assert_eq!(loaded(&switched_on(&example)).unwrap(), defaults, "what it names are the defaults");

    /// Settings that are lists: nothing is one of them until somebody writes one.
    const RULES: [&str; 4] = ["share", "units", "images", "published"];
    let unnamed = |example: &str| -> Vec<String> {
        let table: toml::Table = switched_on(example).parse().unwrap();
        let has = |name: &str| match name.split_once('.') {
            Some((section, key)) => table.get(section).and_then(|section| section.get(key)).is_some(),
            None => table.contains_key(name),
        };
        let names = defaults.iter().map(|(name, _)| name.clone()).filter(|name| !RULES.contains(&name.as_str()));
        names.filter(|name| !has(name)).map(|name| format!("packaging/config.toml: say what {name} is for")).collect()
    };
    assert!(!unnamed("[server]\n#listen = \"127.0.0.1:8080\"\n").is_empty());
    assert_ne!(loaded(&switched_on("[server]\n#listen = \"127.0.0.1:1\"\n")).unwrap(), defaults);
    clean(unnamed(&example));
    assert!(example.contains("[prices]"), "prices are settings too");
    for rules in RULES {
        assert!(example.contains(&format!("# [[{rules}]]")), "packaging/config.toml: show how one of the {rules} is written");
        // Written as it is shown, it is one that is taken.
        let from = example.find(&format!("# [[{rules}]]")).unwrap();
        let shown: String =
            example[from..].lines().take_while(|line| line.starts_with("# ")).map(|line| format!("{}\n", &line[2..])).collect();
        assert_ne!(loaded(&shown).unwrap(), defaults, "{shown}");
    }
}

#[test]
fn the_service_unit_keeps_its_locks() {
    let locks = [
        "DynamicUser=yes",
        "ProtectSystem=strict",
        "CapabilityBoundingSet=",
        "NoNewPrivileges=yes",
        "PrivateUsers=yes",
        "PrivateDevices=yes",
        "MemoryDenyWriteExecute=yes",
        "ProtectProc=invisible",
        "SystemCallFilter=@system-service",
        "SystemCallFilter=~@privileged @resources",
        "UMask=0077",
        "LimitCORE=0",
        "LimitNOFILE=65536",
    ];
    let missing = |unit: &str| {
        locks
            .iter()
            .filter(|lock| !unit.lines().any(|line| line == **lock))
            .map(|lock| format!("packaging/cooperage.service: {lock} is gone"))
            .collect::<Vec<_>>()
    };
    let unit = read("packaging/cooperage.service");
    assert_eq!(missing(&unit.replace("PrivateUsers=yes", "PrivateUsers=no")).len(), 1);
    clean(missing(&unit));
}
