//! The rules of the house, as tests that walk its code. Each rule is first shown something bad: a rule that can't fail is none.

mod papers;
mod source;

use std::collections::BTreeMap;

use source::{Flaw, Source, entries, files, read, rust_files};

/// Who may look at whom. You may only look down; the floors are drawn in `docs/architecture.md`.
const ROOMS: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("domain", &["base"]),
    ("wire", &["base"]),
    ("settings", &["base"]),
    ("host", &["base"]),
    ("store", &["base", "domain"]),
    ("grid", &["base", "domain", "wire"]),
    ("localgrid", &["base", "wire"]),
    // Of the wire, app names two things only: see `the_app_names_no_protocol_of_the_grid`.
    ("app", &["base", "domain", "store", "wire", "grid", "settings"]),
    // Both ask the store its questions; neither changes anything: see `only_the_app_writes`.
    ("jobs", &["base", "domain", "app", "store"]),
    // Pages for operators and providers say which rules are in force, so handlers may name the settings' types.
    ("web", &["base", "domain", "settings", "app", "store"]),
    ("cli", &["base", "domain", "wire", "settings", "host", "store", "grid", "localgrid", "app", "jobs", "web"]),
    ("main", &["cli"]),
    ("lib", &[]),
];

/// Real time, for the deadlines of sockets and for measuring; never for business.
const MAY_TAKE_TIME: &[&str] = &["src/wire/", "src/localgrid/", "src/cli/", "src/store/measure.rs"];
const NO_FLOATS: &[&str] = &["base", "domain", "settings", "store", "grid", "app", "jobs", "web"];
const LINES_MAX: usize = 700;
const TOP_LEVEL: &[&str] = &["Cargo.toml", "Cargo.lock", "src", "assets", "docs", "tests", "packaging", "LICENSE", "README.md"];

type Example = (&'static str, &'static str);

/// Walks a folder with a rule, after showing that the rule sees each bad example and leaves each good one alone.
fn enforce(folder: &str, rule: impl Fn(&Source) -> Vec<Flaw>, bad: &[Example], good: &[Example]) {
    for (path, text) in bad {
        assert!(!rule(&Source::new(path, text)).is_empty(), "the rule does not notice this in {path}: {text}");
    }
    for (path, text) in good {
        let flaws = rule(&Source::new(path, text));
        assert!(flaws.is_empty(), "the rule minds this in {path}: {text}\n{}", flaws.join("\n"));
    }
    clean(rust_files(folder).iter().flat_map(rule).collect());
}

fn clean(flaws: Vec<Flaw>) {
    assert!(flaws.is_empty(), "\n{}\n", flaws.join("\n"));
}

#[test]
fn rooms_look_down_only() {
    let rule = |source: &Source| -> Vec<Flaw> {
        let room = source.room();
        let Some((_, may)) = ROOMS.iter().find(|(name, _)| *name == room) else {
            return vec![source.flaw(0, format!("the room “{room}” has no floor: give it a row in ROOMS of tests/tidy.rs"))];
        };
        let named = |prefix: &str| source.names_after(prefix);
        let mut flaws: Vec<Flaw> = [named("crate::"), named("cooperage::")]
            .concat()
            .into_iter()
            .filter(|(_, name)| name != room && !may.contains(&name.as_str()))
            .map(|(at, name)| match name.as_str() {
                "{" => source.flaw(at, "name each room in a `use` of its own, so that one can see where a file looks"),
                _ => source.flaw(
                    at,
                    format!("{room} looks at {name}, and may only look at {may:?}: move the code, or pass a value down"),
                ),
            })
            .collect();
        // `super::` up to the crate's root would be a way around.
        let inside = source.path.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod");
        let out = vec!["super"; inside.split('/').count()].join("::");
        flaws.extend(
            source
                .seek(&format!("{out}::"))
                .into_iter()
                .map(|at| source.flaw(at, "this leaves the room: write `crate::` and the room's name")),
        );
        flaws
    };
    let bad = [
        ("src/domain/order.rs", "use crate::store::Tx;"),
        ("src/base/money.rs", "fn f() { crate\n::domain::job::backoff(1); }"),
        ("src/wire/zos/vm.rs", "use crate::{base, store};"),
        ("src/localgrid/node.rs", "use crate::app::App;"),
        ("src/jobs/runner.rs", "use super::super::wire::key;"),
        ("src/cellar/wine.rs", ""),
        ("src/main.rs", "use cooperage::store::Store;"),
    ];
    let good = [
        ("src/store/order.rs", "use crate::domain::order::Order; use super::Tx; /// See [`crate::app`]."),
        ("src/localgrid/mail.rs", "#[cfg(test)]\nmod tests { use crate::host::HostClock; }"),
        ("src/main.rs", "fn main() -> ExitCode { cooperage::cli::main() }"),
    ];
    enforce("src", rule, &bad, &good);
}

#[test]
fn one_protocol_never_names_another() {
    let rule = |source: &Source| -> Vec<Flaw> {
        let Some((own, _)) = source.path.strip_prefix("src/wire/").and_then(|path| path.split_once('/')) else { return vec![] };
        let named = [source.names_after("crate::wire::"), source.names_after("super::super::")].concat().into_iter();
        named
            .filter(|(_, name)| name != own && name != "key")
            .map(|(at, name)| {
                source.flaw(at, format!("wire/{own} names wire/{name}: bring both together in grid/ or localgrid/"))
            })
            .collect()
    };
    let bad =
        [("src/wire/zos/client.rs", "use crate::wire::rmb::RmbClient;"), ("src/wire/zos/vm.rs", "use crate::wire::{key, rmb};")];
    let good = [("src/wire/rmb/client.rs", "use crate::wire::key::KeyPair; use crate::wire::rmb::types::Envelope;")];
    enforce("src", rule, &bad, &good);
}

#[test]
fn the_app_names_no_protocol_of_the_grid() {
    let rule = |source: &Source| -> Vec<Flaw> {
        if !source.is_in(&["app"]) {
            return vec![];
        }
        let named = source.names_after("crate::wire::").into_iter();
        named
            // The card processor has no room of its own between wire and app: one processor's words are the words. Names and
            // visits are the same on any grid.
            .filter(|(_, name)| !["stripe", "key", "dns", "visit"].contains(&name.as_str()))
            .map(|(at, name)| source.flaw(at, format!("app names wire::{name}: ask for it through grid/, in our own words")))
            .collect()
    };
    let bad = [("src/app/ladder.rs", "use crate::wire::tfchain::types;"), ("src/app/x.rs", "use crate::wire::{stripe, zos};")];
    enforce("src", rule, &bad, &[("src/app/card.rs", "use crate::wire::stripe::SetupStatus;")]);
}

#[test]
fn only_the_app_writes() {
    let rule = |source: &Source| -> Vec<Flaw> {
        if !source.is_in(&["jobs", "web", "cli", "grid", "localgrid"]) {
            return vec![];
        }
        // The runner writes one thing: how a run of a job ended.
        let writes = if source.path == "src/jobs/runner.rs" {
            vec![]
        } else {
            source.ban(&["store.write("], "a change is a verb: give it a function in app/")
        };
        let asks = source.is_in(&["jobs", "web"]);
        let names = if asks {
            source.ban(&["Tx", "store::schema", "store::Store"], "here the store is asked questions only: give it one in store/")
        } else {
            vec![]
        };
        [writes, names].concat()
    };
    let bad = [
        ("src/web/user/order.rs", "app.store\n.write(move |tx| tx.put_order(&order)).await?"),
        ("src/jobs/sweep.rs", "use crate::store::{Snapshot, Tx};"),
        ("src/web/user/order.rs", "use crate::store::schema::ORDERS;"),
    ];
    let good = [("src/web/user/order.rs", "use crate::store::order::Orders; app.read()?.orders_of(me.id)?")];
    enforce("src", rule, &bad, &good);
}

#[test]
fn a_page_is_a_function_of_values() {
    let rule = |source: &Source| -> Vec<Flaw> {
        if !source.path.starts_with("src/web/page/") && !source.path.starts_with("src/web/ui/") {
            return vec![];
        }
        let named = source.names_after("crate::").into_iter();
        let calls = named.filter(|(_, name)| !["base", "domain", "web"].contains(&name.as_str()));
        calls.map(|(at, name)| source.flaw(at, format!("a page names {name}: its handler asks, the page only shows"))).collect()
    };
    enforce(
        "src",
        rule,
        &[("src/web/page/user/order.rs", "use crate::app::App;")],
        &[("src/web/user/order.rs", "use crate::app::App;")],
    );
}

#[test]
fn each_file_begins_by_saying_what_it_is() {
    let rule = |source: &Source| -> Vec<Flaw> {
        let said = source.raw.lines().take_while(|line| line.starts_with("//!")).count();
        let first = source.raw.lines().take_while(|line| line.len() > 3 && line.starts_with("//! ")).count();
        let ends = source.raw.lines().take(first).last().is_some_and(|line| line.ends_with(['.', ':', '?']));
        match () {
            () if first == 0 => vec![source.flaw(0, "begin with one `//!` line that says what the file is")],
            () if !ends => vec![source.flaw(0, "end the `//!` line as a sentence")],
            // One line is the rule. A second paragraph is for a reason that belongs to the whole file; the head of a room may
            // show how the room is used.
            () if first > 2 || said > if source.path.ends_with("/mod.rs") { 20 } else { 6 } => {
                vec![source.flaw(0, "say it in one `//!` line; what needs a page belongs in docs/")]
            }
            () => vec![],
        }
    };
    let bad = [
        ("src/a.rs", "use std::fmt;\n"),
        ("src/a.rs", "\n//! Too late.\n"),
        ("src/a.rs", "//! placeholder\n"),
        ("src/a.rs", "//! One.\n//! Two.\n//! Three.\n"),
        ("src/a.rs", "//! One.\n//!\n//! Two.\n//! Three.\n//! Four.\n//! Five.\n//! Six.\n"),
    ];
    let good = [("src/a.rs", "//! One.\n"), ("src/a.rs", "//! One.\n//!\n//! Because of\n//! this.\n\nuse a;")];
    enforce("src", rule, &bad, &good);
    enforce("tests", rule, &[], &[]);
}

#[test]
fn only_the_store_names_its_engine() {
    let rule = |source: &Source| {
        if source.is_in(&["store"]) {
            vec![]
        } else {
            source.ban(&["redb"], "the engine is the store's own business: ask store/")
        }
    };
    enforce("src", rule, &[("src/app/mod.rs", "use redb::Database;")], &[("src/cli/x.rs", "// redb is named here only")]);
}

#[test]
fn only_the_host_knows_the_time_and_rolls_the_dice() {
    let rule = |source: &Source| -> Vec<Flaw> {
        if source.path == "src/host.rs" {
            return vec![];
        }
        let wall = ["SystemTime", "Timestamp::now", "Zoned::now", "Utc::now"];
        let dice = ["getrandom", "OsRng", "thread_rng", "rand::", "Uuid::new_v4"];
        let mut flaws = source.ban(&wall, "business time is `base::Clock`, read once a verb and passed on as `now`");
        flaws.extend(source.ban(&dice, "randomness is `base::Random`: take it as an argument"));
        if !MAY_TAKE_TIME.iter().any(|place| source.path.starts_with(place)) {
            let real = source.seek("Instant").into_iter();
            // How long a stream to a browser stays open is the socket's time: spelt out, so that it shows.
            let streams = if source.is_in(&["web"]) { source.names_after("tokio::time::") } else { vec![] };
            let spelt_out = |at: usize| streams.iter().any(|(from, name)| name == "Instant" && (*from..from + 40).contains(&at));
            let flaw = |at| source.flaw(at, "this measures real time: wait with tokio::time, or take `now` as an argument");
            flaws.extend(real.filter(|at| !spelt_out(*at)).map(flaw));
        }
        flaws
    };
    let bad = [
        ("src/app/order.rs", "let now = SystemTime::now();"),
        ("src/store/order.rs", "use std::time::Instant;"),
        ("src/store/order.rs", "tokio::time::Instant::now()"),
        ("src/web/user/order.rs", "use tokio::time; use std::time::Instant;"),
        ("src/wire/key.rs", "getrandom::fill(&mut seed);"),
        ("src/domain/order.rs", "rand::random::<u64>()"),
        ("src/cli/serve.rs", "jiff::Timestamp::now()"),
    ];
    enforce(
        "src",
        rule,
        &bad,
        &[
            ("src/wire/rmb/client.rs", "let deadline = Instant::now() + ttl;"),
            ("src/web/user/x.rs", "until: tokio::time::Instant::now() + STREAM"),
            ("src/host.rs", "SystemTime::now()"),
        ],
    );
}

#[test]
fn only_the_command_line_asks_the_environment() {
    let rule = |source: &Source| {
        let allowed = source.is_in(&["cli", "main"]);
        if allowed {
            vec![]
        } else {
            source.ban(&["std::env", "env::var", "env::vars", "env::args"], "what may differ is a setting: pass it in")
        }
    };
    let bad = [("src/web/mod.rs", "std::env::var(\"X\")"), ("src/settings.rs", "use std::env; env::vars()")];
    enforce("src", rule, &bad, &[("src/cli/serve.rs", "std::env::vars()"), ("src/settings.rs", "env!(\"CARGO_PKG_VERSION\")")]);
}

#[test]
fn nothing_panics_by_habit_and_nothing_is_left_for_later() {
    let rule = |source: &Source| -> Vec<Flaw> {
        let mut flaws = source
            .ban(&[".unwrap()", "panic!", ".unwrap_unchecked()"], "return an Error, or `expect(\"reason\")` what can never be");
        flaws.extend(source.ban(&["todo!", "unimplemented!", "dbg!"], "finish it, or leave it out"));
        flaws.extend(source.ban(&["unsafe"], "there is none in this program"));
        let later = source.raw.lines().position(|line| line.contains("TODO") || line.contains("FIXME") || line.contains("XXX"));
        flaws.extend(later.map(|line| format!("{}:{}: write an issue, not a note in the code", source.path, line + 1)));
        flaws
    };
    let bad = [
        ("src/app/x.rs", "let user = found\n    .unwrap();"),
        ("src/app/x.rs", "todo!()"),
        ("src/app/x.rs", "panic!(\"no\")"),
        ("src/app/x.rs", "unsafe { f() }"),
        ("src/app/x.rs", "dbg!(x)"),
        ("src/app/x.rs", "// FIXME: later"),
    ];
    let good =
        [("src/app/x.rs", "a.unwrap_or(b); // .unwrap() is not for here\n#[cfg(test)]\nmod tests { fn f() { a.unwrap(); } }")];
    enforce("src", rule, &bad, &good);
}

#[test]
fn only_the_command_line_prints() {
    let rule = |source: &Source| {
        if source.is_in(&["cli"]) {
            vec![]
        } else {
            source.ban(&["println!", "print!", "eprintln!", "eprint!"], "log with tracing, or return the text to cli/")
        }
    };
    enforce(
        "src",
        rule,
        &[("src/app/x.rs", "println!(\"hello\")")],
        &[("src/cli/x.rs", "println!(\"hello\")"), ("src/app/x.rs", "writeln!(f, \"a\")")],
    );
}

#[test]
fn no_float_comes_near_money() {
    let rule = |source: &Source| {
        // How fast the disk is may be a fraction: no money in it.
        let allowed = source.path == "src/store/measure.rs" || !source.is_in(NO_FLOATS);
        if allowed {
            vec![]
        } else {
            source.ban(&["f32", "f64"], "count in whole units: Usd, Tft, or an integer with its unit in the name")
        }
    };
    let bad = [("src/domain/bill.rs", "fn share(of: f64) {}"), ("src/web/ui/chart.rs", "width as f32")];
    enforce("src", rule, &bad, &[("src/wire/gridproxy/types.rs", "pub latitude: f64,")]);
}

#[test]
fn one_file_names_the_card_processors_library_and_it_never_retries_by_itself() {
    let rule =
        |source: &Source| -> Vec<Flaw> {
            let home = source.path == "src/wire/stripe/client.rs";
            let crates = [
                "use stripe::",
                "async_stripe::",
                "stripe_core::",
                "stripe_shared::",
                "stripe_types::",
                "stripe_payment::",
                "stripe_client_core::",
                "miniserde::",
            ];
            let mut flaws =
                if home { vec![] } else { source.ban(&crates, "the library stays in wire/stripe/client.rs: speak in its types") };
            let strategies = source.names_after("RequestStrategy::").into_iter();
            flaws.extend(strategies.filter(|(_, name)| name != "Idempotent" && name != "Once").map(|(at, _)| {
                source.flaw(at, "the library must not send again by itself: retries are jobs, with a stored key")
            }));
            flaws.extend(source.ban(&["idempotent_with_uuid"], "the key is stored before the call leaves"));
            flaws
        };
    let bad = [
        ("src/app/charge.rs", "use stripe_core::payment_intent::CreatePaymentIntent;"),
        ("src/wire/stripe/server.rs", "use stripe::Client;"),
        ("src/wire/stripe/client.rs", "request.request_strategy(RequestStrategy::Retry(3))"),
        ("src/wire/stripe/client.rs", "RequestStrategy::ExponentialBackoff(5)"),
    ];
    let good = [
        (
            "src/wire/stripe/client.rs",
            "use stripe::{Client, RequestStrategy}; RequestStrategy::Idempotent(key); RequestStrategy::Once",
        ),
        ("src/app/charge.rs", "use crate::wire::stripe::Stripe;"),
    ];
    enforce("src", rule, &bad, &good);
}

#[test]
fn no_file_is_too_long_to_read() {
    let rule = |source: &Source| -> Vec<Flaw> {
        let lines = source.raw.lines().count();
        if lines <= LINES_MAX {
            vec![]
        } else {
            vec![source.flaw(0, format!("{lines} lines: split it by what its parts are about, below {LINES_MAX}"))]
        }
    };
    assert!(!rule(&Source::new("src/a.rs", &"a\n".repeat(LINES_MAX + 1))).is_empty());
    enforce("src", rule, &[], &[("src/a.rs", "a\n")]);
    enforce("tests", rule, &[], &[]);
}

#[test]
fn every_table_is_on_one_screen_under_a_name_of_its_own() {
    let rule = |source: &Source| {
        let allowed = ["src/store/schema.rs", "src/store/table.rs"].contains(&source.path.as_str());
        if allowed {
            vec![]
        } else {
            source.ban(&["Table::new(", "Index::new(", "Single::new("], "declare it in store/schema.rs, with all others")
        }
    };
    enforce("src", rule, &[("src/store/order.rs", "const ORDERS: Table<u8, u8> = Table::new(\"orders\");")], &[]);

    let bad = [
        "pub const A: Table<u8, u8> = Table::new(\"b\");",
        "pub const A: Table<u8, u8> = Table::new(\"a\");\npub const A: Index<u8, u8> = Index::new(\"a\");",
    ];
    for text in bad {
        assert!(!wrong_names(&Source::new("src/store/schema.rs", text)).is_empty(), "the rule does not notice: {text}");
    }
    let schema = Source::new("src/store/schema.rs", &read("src/store/schema.rs"));
    assert!(schema.seek("Table::new(").len() > 10, "the schema is not where it was");
    clean(wrong_names(&schema));
}

/// A stored name is the constant's in small letters, so that it is not changed with the constant unseen, and is used once.
fn wrong_names(schema: &Source) -> Vec<Flaw> {
    let words: String = schema.words.iter().collect();
    let mut seen = BTreeMap::new();
    let mut flaws = Vec::new();
    for declared in words.split("pub const ").skip(1) {
        let constant = declared.split(':').next().unwrap_or_default();
        let Some(name) = declared.split("::new(\"").nth(1).and_then(|rest| rest.split('"').next()) else { continue };
        if name != constant.to_lowercase() {
            flaws.push(format!(
                "{constant} is stored as “{name}”: stored names never change, and are their constant's in small letters"
            ));
        }
        if let Some(other) = seen.insert(name.to_owned(), constant) {
            flaws.push(format!("{other} and {constant} are both stored as “{name}”"));
        }
    }
    flaws
}

#[test]
fn a_test_that_is_left_out_says_why() {
    let rule = |source: &Source| source.ban(&["#[ignore]"], "say why, and how to run it: #[ignore = \"…\"]");
    let bad = [("tests/x.rs", "#[test]\n#[ignore]\nfn a() {}")];
    enforce("tests", rule, &bad, &[("tests/x.rs", "#[ignore = \"needs a browser\"]")]);
}

#[test]
fn the_top_of_the_tree_holds_what_a_visitor_expects() {
    let rule = |names: Vec<String>| -> Vec<Flaw> {
        let surplus = names.into_iter().filter(|name| !name.starts_with('.') && !TOP_LEVEL.contains(&name.as_str()));
        surplus.map(|name| format!("{name}: the top level holds {TOP_LEVEL:?} and dot-files; put it into one of those")).collect()
    };
    assert!(!rule(vec!["deny.toml".into()]).is_empty());
    clean(rule(entries("").into_iter().map(|(name, _)| name).collect()));
}

#[test]
fn no_file_knows_the_machine_it_was_written_on() {
    // In two parts, or this file would be the first to be found.
    let places = [concat!("/wo", "rk/"), concat!("/ro", "ot/")];
    let rule = |path: &str, text: &str| -> Vec<Flaw> {
        let lines = text.lines().enumerate();
        let found = lines.filter(|(_, line)| places.iter().any(|place| names_folder(line, place)));
        found
            .map(|(number, _)| {
                format!("{path}:{}: name places from the top of the tree, not from one machine's root", number + 1)
            })
            .collect()
    };
    for place in places {
        assert!(!rule("a", &format!("see {place}main")).is_empty(), "the rule does not notice {place}");
    }
    assert!(rule("a", "https://example.org/work/out and net/work/out").is_empty());
    clean(files("").iter().flat_map(|path| rule(path, &read(path))).collect());
}

/// Whether a line names this folder at the root of a disk, rather than as a part of a longer path.
fn names_folder(line: &str, place: &str) -> bool {
    line.match_indices(place)
        .any(|(at, _)| !line[..at].ends_with(|before: char| before.is_alphanumeric() || ".-_}".contains(before)))
}

#[test]
fn the_lock_file_names_no_banned_package() {
    let rule = |lock: &str| -> Vec<Flaw> {
        let banned = ["openssl-sys", "native-tls", "aws-lc-sys", "aws-lc-rs", "libsqlite3-sys"];
        // Below these, requests can be smuggled past a proxy, and a power cut makes the engine panic.
        let floors = [("actix-http", [3, 12, 1]), ("redb", [4, 4, 0])];
        let mut flaws = Vec::new();
        for package in lock.split("[[package]]").skip(1) {
            let field = |name: &str| {
                package
                    .lines()
                    .find_map(|line| line.strip_prefix(name)?.strip_prefix(" = \"")?.strip_suffix('"'))
                    .unwrap_or_default()
            };
            let (name, version) = (field("name"), field("version"));
            if banned.contains(&name) {
                flaws.push(format!("Cargo.lock names {name}: find the feature that brings it in and turn it off"));
            }
            let parts: Vec<u32> = version.split(['.', '-', '+']).take(3).filter_map(|part| part.parse().ok()).collect();
            flaws.extend(
                floors
                    .iter()
                    .filter(|(known, floor)| *known == name && parts[..] < floor[..])
                    .map(|(_, floor)| format!("{name} {version} is older than {floor:?}")),
            );
        }
        flaws
    };
    assert!(!rule("[[package]]\nname = \"openssl-sys\"\nversion = \"0.9.1\"\n").is_empty());
    assert!(!rule("[[package]]\nname = \"redb\"\nversion = \"4.1.0\"\n").is_empty());
    assert!(rule("[[package]]\nname = \"redb\"\nversion = \"4.10.0\"\n").is_empty());
    clean(rule(&read("Cargo.lock")));
}
