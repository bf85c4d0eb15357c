//! The chain's nodes one by one, and what our account has there.

use std::sync::Arc;
use std::time::Duration;

use super::{List, WITHIN, heart, place};
use crate::base::money::{SCALE, Tft};
use crate::base::{Clock, Time};
use crate::grid::Grid;
use crate::host::{HostClock, HostRandom};
use crate::settings::Settings;
use crate::wire::key::{KeyPair, Scheme};
use crate::wire::rmb::client::{Peer, RmbClient};
use crate::wire::tfchain::{ChainClient, Hash, Timeouts};

/// A block older than this is stale.
const OLD: Duration = Duration::from_secs(120);
/// How far clocks may be apart without a word.
const APART: Duration = Duration::from_secs(30);

/// What one node said.
struct Seen {
    place: String,
    client: ChainClient,
    number: u32,
    hash: Hash,
    at: Time,
}

/// Looks at each node, and whether they agree. Tells whether any answers.
pub async fn endpoints(list: &mut List, settings: &Settings, clock: &dyn Clock) -> bool {
    let timeouts = Timeouts { connect: WITHIN, request: WITHIN };
    let mut seen: Vec<Seen> = Vec::new();
    for url in &settings.grid.chain {
        let name = place(url);
        let asked = std::time::Instant::now();
        let client = match ChainClient::connect(std::slice::from_ref(url), timeouts).await {
            Ok(client) => client,
            Err(error) => {
                list.fail(
                    &name,
                    format!("does not answer: {}", heart(&error)),
                    "Check the address (grid.chain) and the firewall, or take another node.",
                );
                continue;
            }
        };
        match client.finalized().await {
            Ok(head) => {
                let runtime = client.runtime();
                let age = clock.now().since(head.time);
                let said = format!(
                    "{} {}, block {} finalized {} s ago, answered in {} ms",
                    runtime.spec_name,
                    runtime.spec_version,
                    head.number,
                    age.as_secs(),
                    asked.elapsed().as_millis()
                );
                match age > OLD {
                    true => {
                        list.warn(&name, said, "It is stale, or this machine's clock is ahead: compare with the other nodes.")
                    }
                    false => list.ok(&name, said),
                }
                seen.push(Seen { place: name, client, number: head.number, hash: head.hash, at: head.time });
            }
            Err(error) => list.fail(&name, heart(&error), "It answers and can't say where it is: take another node."),
        }
    }
    if settings.grid.chain.is_empty() {
        list.fail("nodes", "no node of the chain is set", "Set grid.network, or grid.chain.");
    }
    runtime(list, &seen);
    agreement(list, settings, &seen).await;
    clocks(list, &seen, clock.now());
    !seen.is_empty()
}

fn runtime(list: &mut List, seen: &[Seen]) {
    let Some(first) = seen.first() else { return };
    match first.client.missing().as_slice() {
        [] => list.ok("runtime", "has every call, every stored item and every event that we use, as we use it"),
        missing => list.fail(
            "runtime",
            format!("lacks {}", missing.join(", ")),
            "No order is taken while this is so. Look for a newer Cooperage that knows this runtime.",
        ),
    }
}

async fn agreement(list: &mut List, settings: &Settings, seen: &[Seen]) {
    if settings.grid.chain.len() == 1 {
        return list.warn(
            "agreement",
            "one node alone is set: what it says of money can't be compared",
            "Name two or more in grid.chain, of different people if you can.",
        );
    }
    let [first, others @ ..] = seen else { return };
    if others.is_empty() {
        return list.fail(
            "agreement",
            "one node alone answers: nothing is booked until two agree",
            "Mend the others, or name more in grid.chain.",
        );
    }
    let mut wrong = Vec::new();
    for other in others {
        if other.client.runtime().genesis != first.client.runtime().genesis {
            wrong.push(format!("{} and {} are on different chains", first.place, other.place));
            continue;
        }
        let number = first.number.min(other.number);
        let of = |seen: &Seen, hash: Option<Hash>| if seen.number == number { Some(seen.hash) } else { hash };
        let left = of(first, first.client.block_hash(number).await.ok().flatten());
        let right = of(other, other.client.block_hash(number).await.ok().flatten());
        match (left, right) {
            (Some(left), Some(right)) if left == right => {}
            (Some(_), Some(_)) => wrong.push(format!("{} and {} have different blocks {number}", first.place, other.place)),
            _ => wrong.push(format!("{} or {} can't show block {number}", first.place, other.place)),
        }
    }
    match wrong.as_slice() {
        [] => list.ok("agreement", format!("all {} tell the same finalized block", seen.len())),
        wrong => list.fail(
            "agreement",
            wrong.join("; "),
            "One of them is on a fork or false. What two agree on is booked; take the odd one out of grid.chain.",
        ),
    }
}

fn clocks(list: &mut List, seen: &[Seen], now: Time) {
    let Some(newest) = seen.iter().map(|seen| seen.at).max() else { return };
    let ahead = newest.since(now);
    match ahead > APART {
        true => list.fail(
            "clock",
            format!("this machine is {} s behind the chain's newest block", ahead.as_secs()),
            "Switch time synchronisation on (timedatectl set-ntp true): tokens, months and bills depend on it.",
        ),
        false if now.since(newest) > OLD => list.warn(
            "clock",
            format!("the newest block anybody has is {} s old by this machine's clock", now.since(newest).as_secs()),
            "Either the chain stands still or this machine is ahead: compare with another clock.",
        ),
        false => list.ok("clock", "agrees with the chain's blocks"),
    }
}

/// What our account has on the chain, whether nodes will take what it sends, and the bus.
pub async fn account(list: &mut List, settings: &Settings, grid: &Grid, running: bool, clock: &Arc<HostClock>) {
    wallet(list, settings, grid).await;
    let account = match grid.account().await {
        Ok(account) => account,
        Err(error) => return list.fail("twin", error.message(), "Mend the chain's nodes first."),
    };
    let soon =
        if running { "The running marketplace is about to do it." } else { "`serve` does it by itself at its next start." };
    match account.terms_accepted {
        true => list.ok("terms", "accepted"),
        false => list.warn("terms", "not accepted yet", soon),
    }
    let Some(twin) = account.twin else {
        list.warn("twin", "not made yet", soon);
        list.warn("identity", "not asked: it is the twin that is verified", "Look again when the twin is made.");
        return list.warn("relay", "not tried: it lets twins in only", "Look again when the twin is made.");
    };
    match account.twin_current {
        true => list.ok("twin", format!("{twin}; its relay and its key on the chain are ours")),
        false => list.warn("twin", format!("{twin}; its relay or its key on the chain is another one than ours"), soon),
    }
    match grid.is_verified(twin).await {
        Ok(Some(true)) => list.ok("identity", format!("verified at {}", place(&settings.grid.identity))),
        Ok(Some(false)) => list.fail(
            "identity",
            format!("{} does not call twin {twin} verified: nodes refuse what it sends", place(&settings.grid.identity)),
            "Have the account verified in the ThreeFold dashboard, once. Until then no order is taken.",
        ),
        Ok(None) => {
            list.warn("identity", "no identity service is set (grid.identity)", "Set the one that the network's nodes ask.")
        }
        Err(_) => list.warn(
            "identity",
            format!("{} does not answer", place(&settings.grid.identity)),
            "Nodes ask it, too: if it stays away, they refuse new VMs.",
        ),
    }
    relay(list, settings, twin, clock).await;
}

async fn wallet(list: &mut List, settings: &Settings, grid: &Grid) {
    match grid.can_sign() {
        true => list.ok("wallet", grid.address()),
        false => list.warn(
            "wallet",
            format!("{}, watched only: no order is taken", grid.address()),
            "Seal its words with `cooperage admin wallet set` when orders are to be taken.",
        ),
    }
    let wallet = match grid.finalized().await {
        Ok(head) => grid.wallet(&head).await,
        Err(error) => Err(error),
    };
    let reserve = Tft::from_units(i64::try_from(settings.grid.reserve_tft).unwrap_or(i64::MAX).saturating_mul(SCALE));
    match wallet {
        Ok(wallet) if wallet.free < reserve => list.fail(
            "balance",
            format!("{} free, {} set aside for bills; the reserve is {reserve}", wallet.free, wallet.reserved),
            "Top it up: below grid.reserve_tft no order is taken.",
        ),
        Ok(wallet) => {
            list.ok("balance", format!("{} free, {} set aside for bills; the reserve is {reserve}", wallet.free, wallet.reserved))
        }
        Err(error) => list.fail("balance", error.message(), "Two nodes of the chain must agree before a balance is believed."),
    }
}

/// Gets in at the relay with a token, under a name of its own: a running marketplace stays connected.
async fn relay(list: &mut List, settings: &Settings, twin: u32, clock: &Arc<HostClock>) {
    let shown = place(&settings.grid.relay);
    let key = KeyPair::from_mnemonic(settings.grid.mnemonic.reveal(), Scheme::Sr25519);
    let (Ok(key), Ok(url)) = (key, reqwest::Url::parse(&settings.grid.relay)) else {
        return list.warn(
            "relay",
            format!("{shown} was not tried: a token needs the wallet's words"),
            "Nothing, while it is only watched.",
        );
    };
    let nobody = Arc::new(|_: u32| None::<Peer>);
    let asked = std::time::Instant::now();
    let client = RmbClient::connect(url, twin, key, "doctor", clock.clone(), Arc::new(HostRandom), nobody);
    while !client.is_connected() && asked.elapsed() < WITHIN {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    match client.is_connected() {
        true => list.ok("relay", format!("{shown} let us in after {} ms", asked.elapsed().as_millis())),
        false => list.fail(
            "relay",
            format!("{shown} did not let us in"),
            "Check grid.relay, the firewall and this machine's clock: its token is good for a minute.",
        ),
    }
}
