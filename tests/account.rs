//! Coming and going: what a mail, a link, a cookie and a password are good for, how often and how long.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use cooperage::base::time::{DAY, HOUR, MINUTE};
use cooperage::cli::demo::{ALICE, TOM};
use cooperage::domain::account::{Role, SESSION_IDLE, SESSION_LIFE};
use cooperage::store::Read;
use cooperage::store::schema::MAILS;

use crate::kit::bare::Bare;
use crate::kit::caller::{Answer, Caller};
use crate::kit::market::{Market, PASSWORD};
use crate::kit::record;

const OTHER: &str = "another one to remember";

/// The words of a page, without what differs from browser to browser.
fn words(answer: &Answer, email: &str) -> String {
    cooperage::cli::visitor::text_of(&answer.body).replace(email, "ADDRESS")
}

/// The secrets of all links mailed to somebody, once there are `count` such mails. Mails may overtake each other.
async fn tokens(market: &Market, email: &str, subject: &str, count: usize) -> BTreeSet<String> {
    let mails = || -> Vec<_> {
        let mails = market.demo.world.mail.mails_to(email);
        mails.into_iter().filter(|mail| mail.subject.contains(subject)).collect()
    };
    market.until("the mail comes", || mails().len() >= count).await;
    let token = |text: &str| text.split("token=").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    let tokens: BTreeSet<String> = mails().iter().map(|mail| token(&mail.text)).collect();
    assert_eq!(tokens.len(), count, "no two are the same");
    tokens
}

/// The secret of the only link mailed to somebody.
async fn token(market: &Market, email: &str, subject: &str) -> String {
    tokens(market, email, subject, 1).await.pop_first().unwrap()
}

async fn sign_up(caller: &Caller, email: &str) -> Answer {
    caller.post("/signup", &[("name", "Nora"), ("email", email), ("password", PASSWORD)]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_learns_who_has_an_account() {
    let market = Market::open().await;
    let caller = Caller::new(market.url());
    let new = sign_up(&caller, "nora@example.org").await;
    let known = sign_up(&caller, ALICE.email).await;
    assert_eq!((new.status, known.status), (200, 200));
    assert_eq!(words(&new, "nora@example.org"), words(&known, ALICE.email));
    let mail = market.demo.world.mail.wait_for(ALICE.email, "already have an account").await.unwrap();
    assert!(!mail.text.contains("token="), "{}", mail.text);
    // Alice's password is still hers.
    Caller::person(market.url(), &ALICE).await;
    let ask = async |path: &str, email: &str| {
        let answer = caller.post(path, &[("email", email), ("password", "not the right words")]).await;
        (answer.status, words(&answer, email))
    };
    assert_eq!(ask("/login", ALICE.email).await, ask("/login", "nobody@example.org").await);
    assert_eq!(ask("/forgot", TOM.email).await, ask("/forgot", "nobody2@example.org").await);
    assert_eq!(ask("/verify/again", TOM.email).await, ask("/verify/again", "nobody3@example.org").await);
    // Not even with the wrong password does an unproved address show itself.
    assert_eq!(ask("/login", "nora@example.org").await, ask("/login", "nobody4@example.org").await);
    assert!(market.demo.world.mail.mails_to("nobody2@example.org").is_empty());
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_proved_once_and_by_pressing_the_button() {
    let market = Market::open().await;
    let email = "nora@example.org";
    let nora = Caller::new(market.url());
    sign_up(&nora, email).await;
    let first = token(&market, email, "Confirm").await;
    // Before: the right password is told what is missing, and gets the mail again.
    let answer = nora.post("/login", &[("email", email), ("password", PASSWORD)]).await;
    assert_eq!(answer.status, 422);
    assert!(answer.says("confirm your address first"), "{}", answer.body);
    let mut both = tokens(&market, email, "Confirm", 2).await;
    assert!(both.remove(&first));
    let second = both.pop_first().unwrap();
    // Opening the link is no proof: mail programs do that.
    for _ in 0..3 {
        assert_eq!(nora.get(&format!("/verify?token={first}")).await.status, 200);
    }
    assert_eq!(nora.post("/login", &[("email", email), ("password", PASSWORD)]).await.status, 422);
    for wrong in ["", "x", &"0".repeat(64), &first[..63], &first.to_uppercase()] {
        assert_eq!(Caller::new(market.url()).post("/verify", &[("code", wrong)]).await.status, 422, "{wrong}");
    }
    assert_eq!(nora.post("/verify", &[("code", &first)]).await.status, 303);
    assert_eq!(nora.get("/profile").await.status, 200);
    for used in [&first, &second] {
        let thief = Caller::new(market.url());
        assert_eq!(thief.post("/verify", &[("code", used)]).await.status, 422);
        assert_eq!(thief.get("/profile").await.status, 303);
    }
    // A link that nobody used is nothing after a day.
    sign_up(&nora, "late@example.org").await;
    let late = token(&market, "late@example.org", "Confirm").await;
    market.leap(DAY + MINUTE);
    assert_eq!(Caller::new(market.url()).post("/verify", &[("code", &late)]).await.status, 422);
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_signs_up_with_a_strangers_address_gets_nothing_by_it_before_or_after_them() {
    let market = Market::open().await;
    let enters = async |email: &str, password: &str| {
        Caller::new(market.url()).post("/login", &[("email", email), ("password", password)]).await.status == 303
    };
    for (email, thief_first) in [("first@example.org", true), ("last@example.org", false)] {
        let (owner, thief) = (Caller::new(market.url()), Caller::new(market.url()));
        let as_thief = [("name", "Thief"), ("email", email), ("password", OTHER)];
        let mut known = BTreeSet::new();
        let mut newest = async |count: usize| {
            let all = tokens(&market, email, "Confirm", count).await;
            let new = all.difference(&known).next().unwrap().clone();
            known = all;
            new
        };
        if thief_first {
            thief.post("/signup", &as_thief).await;
        } else {
            sign_up(&owner, email).await;
        }
        let first = newest(1).await;
        if thief_first {
            sign_up(&owner, email).await;
        } else {
            thief.post("/signup", &as_thief).await;
        }
        let second = newest(2).await;
        let (theirs, hers) = if thief_first { (first, second) } else { (second, first) };
        // The owner of the mailbox presses the button in the wrong mail: nothing happens without the password that was typed with it.
        let asked = owner.get(&format!("/verify?token={theirs}")).await;
        assert!(asked.body.contains("name=\"password\""), "{}", asked.body);
        for typed in ["", PASSWORD] {
            let answer = owner.post("/verify", &[("code", &theirs), ("password", typed)]).await;
            assert_eq!(answer.status, 422);
            assert!(answer.body.contains("f-password-error") && answer.body.contains("/forgot"), "{}", answer.body);
        }
        // A mail sent again by whoever asks vouches for no password either.
        owner.post("/verify/again", &[("email", email)]).await;
        let again = newest(3).await;
        assert_eq!(owner.post("/verify", &[("code", &again)]).await.status, 422);
        assert!(!enters(email, OTHER).await && !enters(email, PASSWORD).await);
        // Her own mail takes one press in her browser.
        let page = owner.get(&format!("/verify?token={hers}")).await;
        assert!(!page.body.contains("name=\"password\""), "{}", page.body);
        assert_eq!(owner.post("/verify", &[("code", &hers)]).await.status, 303);
        assert!(owner.get("/profile").await.body.contains("Nora"));
        assert_eq!(thief.post("/verify", &[("code", &theirs), ("password", OTHER)]).await.status, 422);
        assert!(enters(email, PASSWORD).await && !enters(email, OTHER).await);
    }
    // Opened on another device, the link asks for the password, and takes it.
    let (laptop, phone) = (Caller::new(market.url()), Caller::new(market.url()));
    sign_up(&laptop, "nora@example.org").await;
    let link = token(&market, "nora@example.org", "Confirm").await;
    assert_eq!(phone.post("/verify", &[("code", &link), ("password", OTHER)]).await.status, 422);
    assert_eq!(phone.post("/verify", &[("code", &link), ("password", PASSWORD)]).await.status, 303);
    assert_eq!(phone.get("/profile").await.status, 200);
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_right_password_of_an_unproved_address_does_not_flood_its_mailbox() {
    let market = Market::open().await;
    let email = "nora@example.org";
    let nora = Caller::new(market.url());
    sign_up(&nora, email).await;
    let mut said = BTreeSet::new();
    for _ in 0..9 {
        let answer = nora.post("/login", &[("email", email), ("password", PASSWORD)]).await;
        assert_eq!(answer.status, 422);
        said.insert(words(&answer, email));
    }
    assert_eq!(said.len(), 1, "{said:?}");
    let mails = market.demo.instance.app.read().unwrap().all(&MAILS, 100).unwrap();
    assert_eq!(
        mails.iter().filter(|(_, mail)| mail.to.as_str() == email).count(),
        1 + 5,
        "the sign-up's own, and five that were asked for"
    );
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_ends_every_session_and_every_older_link() {
    let market = Market::open().await;
    let (laptop, phone) = (Caller::person(market.url(), &ALICE).await, Caller::person(market.url(), &ALICE).await);
    let guest = Caller::new(market.url());
    for _ in 0..2 {
        assert_eq!(guest.post("/forgot", &[("email", ALICE.email)]).await.status, 200);
    }
    let mut both = tokens(&market, ALICE.email, "new password", 2).await;
    let (used, old) = (both.pop_first().unwrap(), both.pop_first().unwrap());
    // Too short, or the address itself, is refused and uses nothing up.
    for weak in ["short", ALICE.email, ""] {
        let answer = guest.post("/reset", &[("code", &used), ("password", weak)]).await;
        assert_eq!(answer.status, 422);
        assert!(answer.body.contains("f-password-error"), "{weak}: {}", answer.body);
    }
    assert_eq!(guest.get(&format!("/reset?token={used}")).await.status, 200);
    assert_eq!(laptop.get("/profile").await.status, 200, "opening the link ends nothing");
    // A link for one thing is none for another.
    assert_eq!(guest.post("/verify", &[("code", &used)]).await.status, 422);
    assert_eq!(guest.post("/reset", &[("code", &used), ("password", OTHER)]).await.status, 303);
    for browser in [&laptop, &phone] {
        assert_eq!(browser.get("/profile").await.status, 303);
    }
    for link in [&used, &old] {
        let answer = guest.post("/reset", &[("code", link), ("password", PASSWORD)]).await;
        assert_eq!(answer.status, 422);
        assert!(answer.says("This link was used already, or it is too old."), "{}", answer.body);
        assert!(answer.body.contains("href=\"/forgot\""), "{}", answer.body);
    }
    assert_eq!(guest.post("/login", &[("email", ALICE.email), ("password", ALICE.password)]).await.status, 422);
    Caller::with_password(market.url(), ALICE.email, OTHER).await;
    // A quarter of an hour, not longer.
    assert_eq!(guest.post("/forgot", &[("email", TOM.email)]).await.status, 200);
    let link = token(&market, TOM.email, "new password").await;
    market.leap(15 * MINUTE);
    assert_eq!(guest.post("/reset", &[("code", &link), ("password", OTHER)]).await.status, 422);
    Caller::person(market.url(), &TOM).await;
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_when_it_is_told_to_or_its_time_has_come() {
    let market = Market::open().await;
    // Nobody needs the million blocks of three months here.
    market.demo.world.chain.stop();
    let (laptop, phone) = (Caller::person(market.url(), &ALICE).await, Caller::person(market.url(), &ALICE).await);
    // The other browser, by its button on the profile page.
    let page = laptop.get("/profile").await.body;
    let ends: Vec<&str> =
        page.split("action=\"").skip(1).filter_map(|rest| rest.split('"').next()).filter(|path| path.ends_with("/end")).collect();
    assert!(!ends.is_empty(), "{page}");
    for path in ends {
        laptop.post(path, &[]).await;
    }
    assert_eq!((laptop.get("/profile").await.status, phone.get("/profile").await.status), (200, 303));
    // Log-out ends the session itself, not only the cookie.
    let csrf = laptop.csrf().await;
    let kept = laptop.form("/logout", &csrf, &[]);
    let answer = laptop.send(kept).await;
    assert!(
        answer.cookies().iter().any(|cookie| cookie.starts_with("cooperage=;") && cookie.contains("Max-Age=0")),
        "{answer:?}"
    );
    assert_eq!(laptop.get("/profile").await.status, 303);
    // In use a session lives on, unused it ends after two weeks, and after ninety days in any case; the operator's too.
    let (alice, tom) = (Caller::person(market.url(), &ALICE).await, Caller::person(market.url(), &TOM).await);
    let idle = Caller::person(market.url(), &ALICE).await;
    let mut spent = Duration::ZERO;
    while spent + 10 * DAY < SESSION_LIFE {
        market.leap(10 * DAY);
        spent += 10 * DAY;
        assert_eq!(alice.get("/profile").await.status, 200, "after {spent:?}");
        assert_eq!(tom.get("/operator/jobs").await.status, 200, "after {spent:?}");
        if spent > SESSION_IDLE {
            assert_eq!(idle.get("/profile").await.status, 303, "after {spent:?}");
        }
    }
    market.leap(10 * DAY + HOUR);
    assert_eq!((alice.get("/profile").await.status, tom.get("/operator/jobs").await.status), (303, 303));
    market.close().await;
}

fn person(code: &str) -> [(&str, &str); 4] {
    [("code", code), ("name", "Olga"), ("email", "olga@example.org"), ("password", PASSWORD)]
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_run_makes_one_operator_and_is_closed_for_good() {
    let day_one = Bare::open(|_| ()).await;
    let (first, second) = (Caller::new(&day_one.url), Caller::new(&day_one.url));
    let link = day_one.instance.app.offer_set_up().await.unwrap().unwrap();
    assert!(link.starts_with(&day_one.url), "{link}");
    let code = link.split("token=").nth(1).unwrap();
    for wrong in ["", "x", &"0".repeat(64)] {
        assert_eq!(second.get(&format!("/setup?token={wrong}")).await.status, 404, "{wrong}");
        assert_eq!(second.post("/setup", &person(wrong)).await.status, 404, "{wrong}");
    }
    assert_eq!(first.get(&link[day_one.url.len()..]).await.status, 200);
    assert_eq!(first.post("/setup", &[("code", code), ("name", ""), ("email", "x"), ("password", "y")]).await.status, 422);
    // Two at once: one of them is the operator.
    let form = person(code);
    let (one, other) = tokio::join!(first.post("/setup", &form), second.post("/setup", &form));
    let mut both = [one.status, other.status];
    both.sort_unstable();
    assert_eq!(both, [303, 404]);
    let operator = if one.status == 303 { &first } else { &second };
    assert_eq!(operator.get("/operator").await.status, 200);
    assert_eq!(first.get(&link[day_one.url.len()..]).await.status, 404);
    assert_eq!(first.post("/setup", &person(code)).await.status, 404);
    assert_eq!(day_one.instance.app.offer_set_up().await.unwrap(), None);
    day_one.close().await;
}

#[test]
fn an_operator_is_made_on_the_command_line() {
    let folder = std::env::temp_dir().join(format!("cooperage-admin-{}", std::process::id()));
    let create = |password: &str, extra: &[&str]| {
        let mut child = Command::new(env!("CARGO_BIN_EXE_cooperage"))
            .args(["admin", "create", "--email", "Olga@Example.org", "--name", "Olga", "--data"])
            .arg(&folder)
            .args(extra)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(format!("{password}\n").as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let (code, said, complained) = create("short", &[]);
    assert_eq!((code, said.as_str()), (Some(3), ""), "{complained}");
    let (code, said, complained) = create(PASSWORD, &["--json"]);
    assert_eq!(code, Some(0), "{complained}");
    let json: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(json["email"], "olga@example.org");
    assert_eq!(json["roles"], serde_json::json!([Role::User.name(), Role::Operator.name()]));
    assert!(json["id"].as_str().unwrap().starts_with("usr_"));
    let (code, _, again) = create(PASSWORD, &[]);
    assert_eq!(code, Some(3));
    assert!(again.contains("There is already an account for olga@example.org."), "{again}");
    for text in [said, complained, again] {
        assert!(!text.contains(PASSWORD) && !text.contains("argon2"), "{text}");
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn links_in_mails_lead_to_us_and_secrets_are_written_nowhere() {
    record::start();
    let market = Market::open().await;
    let caller = Caller::new(market.url());
    let (email, secret) = ("canary@example.org", "the canary sings at 4711");
    let csrf = caller.csrf().await;
    let evil = |path: &str, fields: &[(&str, &str)]| {
        caller
            .form(path, &csrf, fields)
            .header("host", "evil.example")
            .header("x-forwarded-host", "evil.example")
            .header("x-forwarded-proto", "https")
            .header("x-forwarded-for", "203.0.113.9")
            .header("forwarded", "host=evil.example;proto=https")
    };
    let signed_up = caller.send(evil("/signup", &[("name", "Canary"), ("email", email), ("password", secret)])).await;
    assert_eq!(signed_up.status, 200, "{}", signed_up.body);
    let proof = token(&market, email, "Confirm").await;
    let entered = caller.send(evil("/verify", &[("code", &proof)])).await;
    assert_eq!((entered.status, entered.header("location")), (303, "/order"));
    let cookie = entered.cookies().into_iter().find(|cookie| cookie.starts_with("cooperage=")).unwrap();
    let session = cookie.split(['=', ';']).nth(1).unwrap().to_owned();
    let guest = Caller::new(market.url());
    let csrf = guest.csrf().await;
    let forged = guest
        .form("/forgot", &csrf, &[("email", email)])
        .header("host", "evil.example")
        .header("x-forwarded-host", "evil.example");
    assert_eq!(guest.send(forged).await.status, 200);
    let reset = token(&market, email, "new password").await;
    let wrong = "a wrong guess of a canary";
    guest.post("/login", &[("email", email), ("password", wrong)]).await;
    guest.post("/reset", &[("code", &reset), ("password", "another canary, 4712")]).await;
    let mails = market.demo.world.mail.mails_to(email);
    assert!(mails.len() >= 2);
    for mail in &mails {
        let links: Vec<&str> = mail.text.split_whitespace().filter(|word| word.contains("://")).collect();
        assert!(!links.is_empty() && links.iter().all(|link| link.starts_with(market.url())), "{links:?}");
        assert!(!mail.text.contains("evil.example"), "{}", mail.text);
        for hidden in [secret, wrong, "another canary, 4712", session.as_str()] {
            assert!(!mail.text.contains(hidden) && !mail.subject.contains(hidden), "{}", mail.text);
        }
    }
    let words = &market.demo.world.addresses;
    let log = record::text();
    assert!(log.contains("the grid account is ready"), "the log is recorded");
    for hidden in [secret, wrong, "another canary, 4712", &session, &proof, &reset] {
        assert!(!log.contains(hidden), "the log has {hidden}");
    }
    for hidden in [&words.cards_secret_key, &words.webhook_secret, &words.mnemonic] {
        assert!(!log.contains(hidden.reveal()), "the log has a key");
    }
    market.close().await;
}
