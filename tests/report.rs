//! VMs that say how they are: the very script that we serve, run by real shells, against a market that listens.

use std::path::Path;
use std::process::Stdio;

use cooperage::base::ids::OrderId;
use cooperage::base::time::{DAY, MINUTE};
use cooperage::cli::demo::ALICE;
use cooperage::cli::visitor::{Page, Visitor};
use cooperage::domain::report::{MESSAGE_BYTES, Seat};
use cooperage::store::Read;
use cooperage::store::report::Reports;
use cooperage::store::schema::{REPORT_MINUTES, REPORT_TAILS, REPORTER_BY_HASH, REPORTERS};

use crate::kit::caller::Caller;
use crate::kit::chance::Chance;
use crate::kit::machine::Machine;
use crate::kit::market::Market;

const REPORT: &str = "usr/local/lib/cooperage/report.sh";

/// Presses the switch, and gives the page with the line on it.
async fn switch_on(visitor: &Visitor, order: OrderId, logs: bool) -> Page {
    let (page, form) = (format!("/deployments/{order}/metrics"), format!("/deployments/{order}/reports"));
    let ticked: &[_] = if logs { &[("logs", "on")] } else { &[] };
    visitor.fill(&page, &form, ticked).await.unwrap()
}

/// The line that the page says one should run.
fn line(page: &Page, fetch: &str) -> String {
    let text = page.text();
    let from = text.find(&format!("{fetch} -")).unwrap_or_else(|| panic!("no line: {text}"));
    let to = text[from..].find("| sh").unwrap() + 4;
    text[from..from + to].to_owned()
}

fn secret(page: &Page) -> String {
    line(page, "curl").split("/r/").nth(1).unwrap().split('/').next().unwrap().to_owned()
}

fn samples(market: &Market) -> u64 {
    market.demo.instance.app.read().unwrap().count(&REPORT_MINUTES).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vm_that_runs_our_line_is_seen_on_its_page() {
    let market = Market::open().await;
    let alice = market.shopper().await;
    let order = market.order(&alice, "web", "").await;
    market.rest(order).await;
    let (metrics, logs) = (format!("/deployments/{order}/metrics"), format!("/deployments/{order}/logs"));
    let off = alice.get(&metrics).await.unwrap();
    assert!(off.says("Not switched on") && off.says("How full its disks are"), "{}", off.text());
    assert!(alice.get(&format!("/deployments/{order}")).await.unwrap().says("Switch on graphs"));
    assert!(alice.get(&logs).await.unwrap().says("It says nothing of itself"));
    // A wget whose arguments would have to hold the secret is refused, and nothing is installed.
    let machine = Machine::new("wget");
    let page = switch_on(&alice, order, false).await;
    machine.does("/bin/sh", &format!("{} >script", line(&page, "wget").replace(" | sh", ""))).await;
    machine.program("wget", "echo 'wget: unrecognized option' >&2\nexit 1");
    let refused = machine.run("/bin/sh", "sh script").await;
    assert!(!refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains("Please install curl"), "{refused:?}");
    assert!(!machine.path(REPORT).exists());
    // Why a message is not taken stands where whoever installs it can read it.
    for fetch in ["curl", "wget"] {
        let machine = Machine::new(fetch);
        machine.kernel("loadavg", "much\n");
        let page = switch_on(&alice, order, false).await;
        let refused = machine.run("/bin/sh", &line(&page, fetch)).await;
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(!refused.status.success() && said.contains("A figure can't be read."), "{refused:?}");
    }
    // Once for each of the two ways to fetch, and each of the shells there are.
    let there = |shell: &&str| shell.split(' ').next().is_some_and(|program| Path::new(program).exists());
    let shells: Vec<&str> = ["/bin/sh", "/bin/bash", "/bin/busybox sh"].into_iter().filter(there).collect();
    for (fetch, shell) in [("wget", shells[0])].into_iter().chain(shells.iter().map(|shell| ("curl", *shell))) {
        let machine = Machine::new(fetch);
        machine.program("journalctl", "printf 'one\\n\\033[1;31mtwo\\033[0m <b>\\n'");
        let page = switch_on(&alice, order, true).await;
        // Each market day has its own figures: what the machine before this one said is an hour old.
        market.leap(60 * MINUTE);
        machine.figures(1000, 100, 1000, 5_000_000);
        let said = machine.does("/bin/sh", &line(&page, fetch)).await;
        assert!(said.contains("Done"), "{said}");
        let page = alice.get(&metrics).await.unwrap();
        // Of 60 GB that `df` lists on two disks; memory is what is not available of 4 GB. Nothing to compare with yet.
        for words in ["1 GB", "of 4 GB", "13.5 GB", "of 60 GB in all", "/mnt/my data", "Load 0.42", "Not known", "just now"] {
            assert!(page.says(words), "{words}: {}", page.text());
        }
        market.leap(MINUTE);
        // A minute later: 1500 of 6000 hundredths of work, 60 kB received, a tenth of it sent.
        machine.figures(1060, 1600, 5500, 5_060_000);
        let script = machine.path(REPORT);
        machine.does("/bin/sh", &format!("{shell} {} once", script.display())).await;
        let page = alice.get(&metrics).await.unwrap();
        for words in ["25 %", "1 kB/s in", "100 B/s out"] {
            assert!(page.says(words), "{words}: {}", page.text());
        }
        let page = alice.get(&format!("/deployments/{order}")).await.unwrap();
        assert!(page.says("25 %") && page.says("Last heard of just now"), "{}", page.text());
        machine.does("/bin/sh", &format!("sh {} remove", script.display())).await;
        assert!(!script.parent().unwrap().exists(), "nothing is left");
        // It has said so: nobody calls that silence.
        let page = alice.get(&metrics).await.unwrap();
        assert!(page.says("Switched off on the server") && !page.says("It should speak once a minute"), "{}", page.text());
        // Everybody on that machine can read arguments: beside the line itself, which was typed, nothing was in them.
        let arguments = machine.arguments();
        let others: Vec<&str> = arguments.lines().filter(|line| !line.contains("/install")).collect();
        assert!(others.len() >= 3 && others.iter().all(|line| !line.contains("/r/") && !line.contains("uptime")), "{arguments}");
    }
    assert!(alice.get(&format!("/deployments/{order}")).await.unwrap().says("Switched off on the server itself"));
    // Its log: not wanted by the message that did not know of it, and then it is.
    let machine = Machine::new("curl");
    machine.program("journalctl", "printf 'one\\n\\033[1;31mtwo\\033[0m <b>\\n'");
    let page = switch_on(&alice, order, true).await;
    machine.does("/bin/sh", &line(&page, "curl")).await;
    let read = || market.demo.instance.app.read().unwrap().report_tail(order, Seat::Main).unwrap().lines;
    assert!(read().is_empty());
    let mut looped = machine.command("/bin/sh", &format!("COOPERAGE_EVERY=1 exec sh {} loop", machine.path(REPORT).display()));
    let mut child = looped.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    market.until("the log comes", || !read().is_empty()).await;
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(read(), ["one", "two <b>"]);
    let page = alice.get(&logs).await.unwrap();
    assert!(page.body.contains("two &lt;b&gt;") && !page.body.contains('\u{1b}'), "{}", page.body);
    // Taken back: what was here is gone at once, and what is sent nevertheless is not kept.
    let page = alice.fill(&metrics, &format!("/deployments/{order}/reports/logs"), &[]).await.unwrap();
    assert!(page.says("what was here is deleted"), "{}", page.text());
    assert!(read().is_empty() && alice.get(&logs).await.unwrap().says("Its log stays on the server"));
    // Whoever watches sees news without loading.
    let mut seen = 0;
    let events = alice
        .events(&format!("{metrics}/events"), |_| {
            seen += 1;
            true
        })
        .await
        .unwrap()
        .unwrap();
    assert!(events.contains("graph-plot") && seen == 1, "{events}");
    // A day and a month of it, and words that are none.
    for (span, status) in [("day", 200), ("month", 200), ("year", 404)] {
        assert_eq!(alice.get(&format!("{metrics}?span={span}")).await.unwrap().status, status, "{span}");
    }
    market.leap(10 * MINUTE);
    let page = alice.get(&metrics).await.unwrap();
    assert!(page.says("Last heard of 10 minutes ago") && page.says("It should speak once a minute"), "{}", page.text());
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_no_address_learns_nothing_and_whoever_has_one_can_do_little() {
    let market = Market::open_with(|settings| settings.server.trusted_proxy = "127.0.0.1".into()).await;
    let alice = market.shopper().await;
    let order = market.order(&alice, "web", "").await;
    market.rest(order).await;
    let old = secret(&switch_on(&alice, order, true).await);
    let new = secret(&switch_on(&alice, order, true).await);
    assert!(old != new && new.len() == 64);
    let snapshot = market.demo.instance.app.read().unwrap();
    let stored = format!("{:?}", snapshot.all(&REPORTERS, 9).unwrap());
    assert!(!stored.contains(&new) && snapshot.count(&REPORTER_BY_HASH).unwrap() == 1, "only its hash is kept");
    drop(snapshot);
    let caller = Caller::new(market.url());
    let good = "cooperage 1\nuptime 5.00\ncpu 1 2 3 4\nload 0.10\nmemory 100 50\nnet 1 2\nlog\nhello\n";
    let from = |n: usize, path: &str| caller.request("POST", path).header("x-forwarded-for", format!("192.0.2.{n}"));
    // A wrong address, one that works no more, one that is no address, and a page that never was: all the same.
    let wrong = [old.clone(), "0".repeat(64), new[..63].to_owned(), new.to_uppercase(), format!("{new}0"), "x".into()];
    let missing = caller.get("/nothing-like-it").await;
    for secret in &wrong {
        let posted = caller.send(from(1, &format!("/r/{secret}")).body(good)).await;
        let fetched = caller.get(&format!("/r/{secret}/install")).await;
        for answer in [posted, fetched] {
            assert_eq!((answer.status, &answer.body), (404, &missing.body), "{secret}");
        }
    }
    assert_eq!(samples(&market), 0);
    assert!(caller.get(&format!("/r/{new}/install")).await.body.contains(&new));
    // Guessing ends soon, and ends for the one who guesses.
    let path = format!("/r/{}", "1".repeat(64));
    let mut tries = 0;
    while caller.send(from(2, &path).body(good)).await.status != 429 {
        tries += 1;
        assert!(tries < 60, "an address can be guessed without end");
    }
    let path = format!("/r/{new}");
    assert_eq!(caller.send(from(2, &path).body(good)).await.status, 200, "a machine behind the same address is not shut out");
    // Noise, and too much: refused, nothing kept of it, and the machine goes on afterwards.
    let mut chance = Chance::new(7);
    for _ in 0..4 {
        let noise: Vec<u8> = (0..chance.below(4000)).map(|_| chance.below(256) as u8).collect();
        assert_eq!(caller.send(from(3, &path).body(noise)).await.status, 422);
    }
    assert_eq!(caller.send(from(3, &path).body("x".repeat(MESSAGE_BYTES + 1))).await.status, 413);
    assert_eq!(samples(&market), 1);
    // Too often.
    let mut tries = 0;
    while caller.send(from(4, &path).body(good)).await.status != 429 {
        tries += 1;
        assert!(tries < 20, "a machine can speak without end");
    }
    market.leap(MINUTE);
    assert_eq!(caller.send(from(4, &path).body(good)).await.status, 200);
    // Nobody else sees any of it, or changes it.
    market.newcomer("Bob").await;
    let bob = Caller::with_password(market.url(), "bob@example.org", crate::kit::market::PASSWORD).await;
    for page in ["metrics", "metrics/events", "logs"] {
        assert_eq!(bob.get(&format!("/deployments/{order}/{page}")).await.status, 404, "{page}");
    }
    for verb in ["reports", "reports/logs", "reports/end"] {
        assert_eq!(bob.post(&format!("/deployments/{order}/{verb}"), &[]).await.status, 404, "{verb}");
    }
    assert!(alice.get(&format!("/deployments/{order}/logs")).await.unwrap().says("hello"));
    // A new line does not cut the machine off: its secret is good until it speaks with the new one.
    market.leap(5 * MINUTE);
    let newer = format!("/r/{}", secret(&switch_on(&alice, order, true).await));
    let statuses = async |paths: [&str; 3]| {
        let mut seen = Vec::new();
        for path in paths {
            seen.push(caller.send(from(4, path).body(good)).await.status);
        }
        seen
    };
    assert_eq!(statuses([&path, &newer, &path]).await, [200, 200, 404]);
    let path = newer;
    // It says that it ends; and that it is back by speaking.
    assert_eq!(caller.send(from(4, &format!("{path}/end"))).await.status, 200);
    let metrics = format!("/deployments/{order}/metrics");
    assert!(alice.get(&metrics).await.unwrap().says("Switched off on the server"));
    assert_eq!(caller.send(from(4, &path).body(good)).await.status, 200);
    assert!(alice.get(&metrics).await.unwrap().says("Last heard of just now"));
    // What it said by the minute goes after a day, although it says nothing more.
    market.leap(2 * DAY);
    market.until("old minutes go", || samples(&market) == 0).await;
    assert!(market.demo.instance.app.read().unwrap().reporter(order, Seat::Main).unwrap().is_some());
    // Switched off: nothing is left, and the address leads nowhere.
    let page = alice.fill(&metrics, &format!("/deployments/{order}/reports/end"), &[]).await.unwrap();
    assert!(page.says("Not switched on"), "{}", page.text());
    let counts = |market: &Market| {
        let read = market.demo.instance.app.read().unwrap();
        [read.count(&REPORTERS), read.count(&REPORTER_BY_HASH), read.count(&REPORT_MINUTES), read.count(&REPORT_TAILS)]
            .map(Result::unwrap)
    };
    assert_eq!(counts(&market), [0; 4]);
    assert_eq!(caller.send(from(5, &path).body(good)).await.status, 404);
    // And so it is when the server is gone.
    let path = format!("/r/{}", secret(&switch_on(&alice, order, true).await));
    assert_eq!(caller.send(from(6, &path).body(good)).await.status, 200);
    assert_eq!(counts(&market)[2], 1);
    let delete = format!("/deployments/{order}/delete");
    alice.fill(&delete, &delete, &[]).await.unwrap();
    assert_eq!(caller.send(from(6, &path).body(good)).await.status, 404);
    market.ended(order).await;
    assert!(alice.get(&metrics).await.unwrap().says("It runs no more"));
    market.demo.world.chain.stop();
    market.leap(DAY);
    market.until("it is forgotten", || counts(&market) == [0; 4]).await;
    let again = Caller::person(market.url(), &ALICE).await;
    assert_eq!(again.post(&format!("/deployments/{order}/reports"), &[]).await.status, 409);
    market.close().await;
}
