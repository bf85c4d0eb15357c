//! Tells the application what happened, as Stripe does: signed, at least once, in no promised order, again until it is heard.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::World;
use crate::wire::stripe::webhook::sign;

/// What goes wrong on the way.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HookFaults {
    /// Every delivery comes twice.
    pub duplicate: bool,
    /// What is due is delivered in the opposite order.
    pub reorder: bool,
    /// So many deliveries get lost for good.
    pub drop_next: usize,
    /// Before each delivery comes one with a wrong signature.
    pub forge: bool,
    /// How late everything is.
    pub delay: Duration,
}

struct Pending {
    event: String,
    body: String,
    tries: u32,
    due: Instant,
}

const PATIENCE: Duration = Duration::from_secs(10);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
const MOST_TRIES: u32 = 40;
/// How long to sleep when nothing is due; news wakes earlier.
const IDLE: Duration = Duration::from_secs(5);

/// Runs until it is dropped.
pub(super) async fn deliver(world: Arc<World>) {
    let client =
        match reqwest::Client::builder().tls_certs_only([]).timeout(PATIENCE).redirect(reqwest::redirect::Policy::none()).build()
        {
            Ok(client) => client,
            Err(error) => {
                tracing::error!(%error, "the card processor cannot deliver events");
                return;
            }
        };
    let mut seen = 0;
    let mut queue: VecDeque<Pending> = VecDeque::new();
    loop {
        let (news, faults, hook) = world.news(&mut seen);
        let now = Instant::now();
        queue.extend(news.into_iter().map(|(event, body)| Pending { event, body, tries: 0, due: now + faults.delay }));
        if let Some(hook) = hook {
            let (mut due, later): (VecDeque<_>, VecDeque<_>) = queue.drain(..).partition(|pending| pending.due <= now);
            queue = later;
            if faults.reorder {
                due.make_contiguous().reverse();
            }
            for mut pending in due {
                if world.lose_one() {
                    continue;
                }
                if faults.forge {
                    let forged = pending.body.replace("\"livemode\":false", "\"livemode\":true");
                    let signature = sign(forged.as_bytes(), &"whsec_forged".into(), world.clock.now());
                    post(&client, &hook.url, forged, signature).await;
                }
                let signature = || sign(pending.body.as_bytes(), &hook.secret, world.clock.now());
                let mut heard = post(&client, &hook.url, pending.body.clone(), signature()).await;
                if faults.duplicate {
                    heard &= post(&client, &hook.url, pending.body.clone(), signature()).await;
                }
                if heard {
                    world.delivered(&pending.event);
                } else if pending.tries < MOST_TRIES {
                    pending.due = Instant::now() + FIRST_PAUSE.saturating_mul(1 << pending.tries.min(10)).min(LONGEST_PAUSE);
                    pending.tries += 1;
                    queue.push_back(pending);
                }
            }
        }
        let pause = queue.iter().map(|pending| pending.due).min().map_or(IDLE, |due| due.duration_since(Instant::now()));
        tokio::select! {
            () = world.wake.notified() => {}
            () = tokio::time::sleep(pause.clamp(Duration::from_millis(5), IDLE)) => {}
        }
    }
}

async fn post(client: &reqwest::Client, url: &str, body: String, signature: String) -> bool {
    let sent = client.post(url).header("Content-Type", "application/json; charset=utf-8").header("Stripe-Signature", signature);
    match sent.body(body).send().await {
        Ok(answer) => answer.status().is_success(),
        Err(_) => false,
    }
}
