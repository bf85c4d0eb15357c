//! Our client before nodes that can't be believed: forked, forgetful, blind, or changed under it.

use std::sync::atomic::Ordering::SeqCst;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::tests::{Bench, HASH, bench, deploy, key, terms};
use super::*;
use crate::base::time::HOUR;
use crate::wire::tfchain::{ChainClient, Error, Outcome, Standing, Timeouts};

const TIMEOUTS: Timeouts = Timeouts { connect: Duration::from_secs(2), request: Duration::from_secs(2) };

impl Bench {
    async fn window(&self) -> (Arc<Window>, String) {
        Window::open(self.chain.clone(), SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap()
    }

    async fn client_of(&self, urls: &[&String]) -> ChainClient {
        let urls: Vec<String> = urls.iter().map(|url| (*url).clone()).collect();
        ChainClient::connect(&urls, TIMEOUTS).await.unwrap()
    }
}

/// Cuts a chain's connections, and waits until they are gone.
async fn cut(chain: &Chain) {
    chain.disconnect_all();
    tokio::time::sleep(Duration::from_millis(30)).await;
}

#[tokio::test]
async fn whoever_was_found_on_a_fork_is_asked_nothing_when_another_breaks_off() {
    let bench = bench().await;
    let (forked, forked_url) = bench.window().await;
    let (_second, second_url) = bench.window().await;
    let client = bench.client_of(&[&bench.url, &forked_url, &second_url]).await;
    forked.set_forked(true);
    bench.leap(Duration::from_secs(60));
    let head = client.finalized().await.unwrap();
    assert!(matches!(client.endpoints()[1].standing, Standing::Differs { .. }), "{:?}", client.endpoints());
    let ours = bench.chain.hash_of(head.number).unwrap();
    assert_eq!(head.hash, ours);
    for _ in 0..3 {
        cut(&bench.chain).await;
        assert_eq!(client.block_hash(head.number).await.unwrap(), Some(ours), "the fork was asked");
    }
    // Back on the chain it is one like the others.
    forked.set_forked(false);
    bench.leap(Duration::from_secs(60));
    tokio::time::sleep(Duration::from_millis(30)).await;
    client.finalized().await.unwrap();
    assert_eq!(client.endpoints()[1].standing, Standing::Agrees);
}

/// The same node, further away: each of its answers takes so long.
async fn far(url: &str, delay: Duration) -> String {
    let (listener, to) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), url.replace("ws://", ""));
    let far = format!("ws://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            let there = TcpStream::connect(&to).await.unwrap();
            let ((mut asked, mut told), (mut answers, mut asks)) = (near.into_split(), there.into_split());
            tokio::spawn(async move { tokio::io::copy(&mut asked, &mut asks).await });
            tokio::spawn(async move {
                let mut some = vec![0; 1 << 16];
                while let Ok(length @ 1..) = answers.read(&mut some).await {
                    tokio::time::sleep(delay).await;
                    told.write_all(&some[..length]).await.unwrap();
                }
            });
        }
    });
    far
}

#[tokio::test]
async fn a_fast_node_on_a_fork_and_a_slow_honest_one_are_not_taken_for_all_there_are() {
    let bench = bench().await;
    let (forked, forked_url) = bench.window().await;
    let (_third, third_url) = bench.window().await;
    let (near, distant) = (far(&bench.url, Duration::from_millis(20)).await, far(&third_url, Duration::from_millis(200)).await);
    let client = bench.client_of(&[&forked_url, &near, &distant]).await;
    forked.set_forked(true);
    bench.leap(Duration::from_secs(60));
    // Of one height, where the fork shows by itself; and of two, where one has to ask.
    for freezes in [false, true] {
        if freezes {
            forked.set_stale(true);
            bench.leap(Duration::from_secs(12));
        }
        let head = client.finalized().await.unwrap();
        assert_eq!(Some(head.hash), bench.chain.hash_of(head.number));
        assert_eq!(head.number, bench.chain.finalized(), "{:?}", client.endpoints());
        assert!(matches!(client.endpoints()[0].standing, Standing::Differs { .. }), "{:?}", client.endpoints());
    }
}

#[tokio::test]
async fn what_one_node_says_of_the_runtime_switches_nothing_off() {
    let bench = bench().await;
    let (boaster, boaster_url) = bench.window().await;
    let (_third, third_url) = bench.window().await;
    let user = key(2);
    let three = bench.client_of(&[&boaster_url, &bench.url, &third_url]).await;
    let two = bench.client_of(&[&boaster_url, &bench.url]).await;
    let version = three.runtime().spec_version;
    boaster.boasts.store(true, SeqCst);
    three.refresh().await.unwrap();
    assert_eq!((three.runtime().spec_version, three.missing()), (version, vec![]));
    three.sign(&user, &terms(), 0, 64).await.unwrap();
    // Of two that differ neither is believed, and nothing of it lasts.
    assert!(matches!(two.refresh().await, Err(Error::Unavailable(_))));
    let begun = ChainClient::connect(&[boaster_url.clone(), bench.url.clone()], TIMEOUTS).await;
    assert!(matches!(begun.err(), Some(Error::Unavailable(_))));
    boaster.boasts.store(false, SeqCst);
    two.refresh().await.unwrap();
    assert_eq!((two.runtime().spec_version, two.missing()), (version, vec![]));
    two.sign(&user, &terms(), 0, 64).await.unwrap();
    // A node alone is believed, and once it says what can be read it is read anew, also where the version is lower.
    let alone = bench.client_of(&[&boaster_url]).await;
    boaster.boasts.store(true, SeqCst);
    alone.refresh().await.unwrap();
    assert!(!alone.missing().is_empty());
    boaster.boasts.store(false, SeqCst);
    alone.refresh().await.unwrap();
    assert_eq!((alone.runtime().spec_version, alone.missing()), (version, vec![]));
}

#[tokio::test]
async fn which_blocks_there_were_is_believed_only_of_who_has_the_newest() {
    let bench = bench().await;
    let (forked, forked_url) = bench.window().await;
    let client = bench.client_of(&[&bench.url, &forked_url]).await;
    bench.leap(Duration::from_secs(600));
    let head = client.finalized().await.unwrap();
    let told = client.hashes(1, head.number, (head.number, head.hash)).await.unwrap();
    assert_eq!(told.len(), usize::try_from(head.number).unwrap());
    assert!((1..).zip(&told).all(|(number, hash)| bench.chain.hash_of(number) == *hash));
    // It forks deep below, and the other is gone before anybody has looked.
    forked.set_foreign(true);
    let nowhere = ChainClient::connect(std::slice::from_ref(&forked_url), TIMEOUTS).await.unwrap();
    let refused = nowhere.hashes(1, head.number, (head.number, head.hash)).await;
    assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
}

#[tokio::test]
async fn a_block_is_forgotten_only_when_everybody_has_forgotten_it() {
    let bench = bench().await;
    let (archive, archive_url) = bench.window().await;
    bench.leap(HOUR);
    bench.chain.faults.keeps_blocks.store(256, SeqCst);
    let both = bench.client_of(&[&bench.url, &archive_url]).await;
    let alone = bench.client_of(&[&bench.url]).await;
    let head = both.finalized().await.unwrap();
    let (old, at) = (head.number - 500, (head.number, head.hash));
    assert!(!alone.keeps(old, at).await.unwrap() && alone.keeps(head.number - 100, at).await.unwrap());
    assert!(both.keeps(old, at).await.unwrap());
    // From here on it is asked who has it.
    both.events(bench.chain.hash_of(old).unwrap()).await.unwrap();
    let other = bench.client_of(&[&bench.url, &archive_url]).await;
    other.finalized().await.unwrap();
    archive.silent.store(true, SeqCst);
    assert!(matches!(other.keeps(old, at).await, Err(Error::Unavailable(_))), "who says nothing has forgotten nothing");
    // Who does not have the newest block says nothing of old ones.
    assert!(matches!(alone.keeps(old, (head.number, [7; 32])).await, Err(Error::Unavailable(_))));
}

#[tokio::test]
async fn what_is_gone_or_missing_is_believed_of_two() {
    let bench = bench().await;
    let (blind, blind_url) = bench.window().await;
    let user = key(2);
    bench.with_twin(&user).await;
    let id = bench.contract(&user, &deploy(1, HASH, 0)).await;
    let client = bench.client_of(&[&blind_url, &bench.url]).await;
    let at = client.finalized().await.unwrap().hash;
    let balances = client.vouched_account(&user.public(), at).await.unwrap();
    assert_eq!(balances.free, bench.chain.balances(&user.public()).free);
    blind.blind.store(true, SeqCst);
    assert_eq!(client.contract(id, Some(at)).await.unwrap(), None, "the node at hand is the blind one");
    assert!(matches!(client.vouched_contract(id, at).await, Err(Error::Unavailable(_))));
    assert!(matches!(client.vouched_account(&user.public(), at).await, Err(Error::Unavailable(_))));
    blind.blind.store(false, SeqCst);
    assert_eq!(client.vouched_contract(id, at).await.unwrap().map(|contract| contract.id), Some(id));
}

#[tokio::test]
async fn what_a_call_did_before_an_upgrade_is_read_as_it_was_told() {
    let bench = bench().await;
    let user = key(2);
    let signed = bench.signed(&user, &terms()).await;
    bench.client.submit(&signed.bytes).await.unwrap();
    // Nobody asked before; and in the new words a success is called otherwise.
    bench.chain.upgrade(Some(("ExtrinsicSuccess", "ExtrinsicSukzess")));
    bench.client.refresh().await.unwrap();
    let outcome = bench.client.outcome(&signed).await.unwrap();
    assert!(matches!(outcome, Outcome::Included { result: Ok(_), .. }), "{outcome:?}");
}

#[tokio::test]
async fn events_are_never_read_in_the_words_of_another_runtime() {
    let bench = bench().await;
    bench.leap(Duration::from_secs(12));
    let before = bench.client.finalized().await.unwrap();
    // What this one says of itself can't be read at all.
    bench.chain.upgrade(Some(("meta\u{e}", "metac")));
    bench.leap(Duration::from_secs(12));
    let after = bench.client.finalized().await.unwrap();
    bench.client.refresh().await.unwrap();
    assert!(!bench.client.missing().is_empty());
    let refused = bench.client.events(after.hash).await;
    assert!(matches!(refused, Err(Error::UnknownRuntime(_))), "{refused:?}");
    bench.client.events(before.hash).await.unwrap();
    // The next one is good again, and those between stay unread.
    for _ in 0..6 {
        bench.chain.upgrade(None);
        bench.client.refresh().await.unwrap();
    }
    bench.leap(Duration::from_secs(12));
    let now = bench.client.finalized().await.unwrap();
    assert_eq!((bench.client.missing(), bench.client.runtime().spec_version), (vec![], 156));
    bench.client.events(now.hash).await.unwrap();
    bench.client.events(before.hash).await.unwrap();
}
