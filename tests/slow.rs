//! Slow senders and patient listeners: what one of them may hold, and for how long.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use cooperage::cli::demo::{ALICE, HILBERT};
use cooperage::web::user::stream::STREAMS_MAX;

use crate::kit::caller::Caller;
use crate::kit::market::{GOOD_CARD, Market};

/// Sends a head that promises more than ever comes, and reads what is said to that until the line is closed.
fn begins_and_stops(address: &str, path: &str, head: &str) -> (String, Duration) {
    let mut line = TcpStream::connect(address).unwrap();
    line.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let began = Instant::now();
    write!(line, "POST {path} HTTP/1.1\r\nHost: {address}\r\n{head}Content-Length: 1000\r\n\r\ncsrf=").unwrap();
    let mut said = String::new();
    line.read_to_string(&mut said).expect("the line is closed");
    (said, began.elapsed())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_never_ends_is_given_up_and_the_line_closed() {
    let market = Market::open_with(|settings| settings.server.body_seconds = 1).await;
    let address = market.url().trim_start_matches("http://").to_owned();
    let slow = tokio::task::spawn_blocking(move || {
        let form = "Content-Type: application/x-www-form-urlencoded\r\n";
        ["/login", "/hooks/cards"].map(|path| begins_and_stops(&address, path, form))
    });
    for (said, took) in slow.await.unwrap() {
        assert!(said.starts_with("HTTP/1.1 408 "), "{said}");
        assert!(said.to_lowercase().contains("connection: close"), "{said}");
        assert!(took >= Duration::from_millis(900), "{took:?}");
    }
    // A sender who is only not quick is served as ever.
    Caller::person(market.url(), &ALICE).await;
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_person_can_watch_in_many_windows_but_not_without_end() {
    let market = Market::open().await;
    let alice = market.log_in(&ALICE).await;
    market.save_card(&alice, GOOD_CARD).await;
    // Nothing moves, so that the streams stay open.
    market.demo.world.chain.faults.stall_finality.store(true, Ordering::SeqCst);
    let order = market.order(&alice, "web", "").await;
    let caller = Caller::person(market.url(), &ALICE).await;
    let path = format!("/deployments/{order}/events");
    let mut open = Vec::new();
    for _ in 0..STREAMS_MAX {
        let answer = caller.request("GET", &path).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        open.push(answer);
    }
    assert_eq!(caller.get(&path).await.status, 429);
    assert_eq!(caller.get(&format!("/deployments/{order}/progress")).await.status, 200);
    let other = Caller::person(market.url(), &HILBERT).await;
    assert_eq!(other.get(&path).await.status, 404, "nobody else is counted");
    drop(open);
    let mut again = 429;
    let asked = Instant::now();
    while again == 429 && asked.elapsed() < Duration::from_secs(30) {
        again = caller.request("GET", &path).send().await.unwrap().status().as_u16();
    }
    assert_eq!(again, 200, "a window that is closed gives its place back");
    market.demo.world.chain.faults.stall_finality.store(false, Ordering::SeqCst);
    market.rest(order).await;
    market.close().await;
}
