//! Several nodes of one chain: which newest finalized block at least two of them vouch for, and what is wrong with the others.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::stream::{FuturesUnordered, StreamExt};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout, timeout_at};

use super::client::{Error, Result};
use super::rpc::{Header, Nodes, Timeouts, fixed, text};
use super::types::Hash;

/// How long a node may take to say where it is.
const WITHIN: Duration = Duration::from_secs(4);
/// Once two have answered, how long the others are waited for.
const GRACE: Duration = Duration::from_millis(500);
/// One that said nothing is not asked again for so long, as long as others answer.
const REST: Duration = Duration::from_secs(15);
/// So long an agreement is taken for one, if the node at hand has not moved on.
const FRESH: Duration = Duration::from_secs(10);
/// Who is behind is not waited for at every question.
const AGAIN: Duration = Duration::from_millis(300);
/// So long it is remembered that no two agreed.
const IN_VAIN: Duration = Duration::from_secs(1);
/// More blocks behind the others than this is behind: two minutes.
const BEHIND: u32 = 20;

/// Where a chain stands: a block by number and hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    pub number: u32,
    pub hash: Hash,
}

/// What is thought of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    NotAsked,
    Agrees,
    /// It says nothing, or nothing that makes sense.
    Silent(String),
    /// Its first block is another one.
    OtherChain,
    /// It has another finalized block of this number than the others have.
    Differs {
        number: u32,
    },
    /// Its newest finalized block is older than the others' by so many.
    Behind {
        blocks: u32,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    pub url: String,
    pub standing: Standing,
    /// Its own newest finalized block.
    pub finalized: Option<u32>,
}

/// What one node says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Said {
    genesis: Hash,
    head: Head,
}

/// How asking one node went.
enum Answer {
    Said(Said),
    Silent(String),
    /// It rests, or was not waited for: nothing is learnt of it.
    Unheard,
}

struct Agreed {
    head: Head,
    /// Who vouches for it.
    by: Vec<usize>,
    at: Instant,
    /// Some node knows a newer block, and nobody vouches for it yet.
    trails: bool,
}

struct State {
    endpoints: Vec<Endpoint>,
    rests: Vec<Option<Instant>>,
    agreed: Option<Agreed>,
    /// When no two agreed, if that was at the last survey.
    failed: Option<Instant>,
}

/// The nodes, each with a connection of its own.
pub(super) struct Panel {
    pub(super) members: Vec<Nodes>,
    /// The first block of the chain in question; until it is known, that of most.
    genesis: OnceLock<Hash>,
    state: Mutex<State>,
    /// One survey at a time: who comes meanwhile takes its result.
    surveying: tokio::sync::Mutex<()>,
}

impl Panel {
    /// None for fewer than two nodes: there is nothing to compare.
    pub(super) fn of(urls: &[String]) -> Option<Self> {
        if urls.len() < 2 {
            return None;
        }
        let timeouts = Timeouts { connect: WITHIN, request: WITHIN };
        let endpoint = |url: &String| Endpoint { url: url.clone(), standing: Standing::NotAsked, finalized: None };
        Some(Panel {
            members: urls.iter().map(|url| Nodes::new(std::slice::from_ref(url), timeouts)).collect(),
            genesis: OnceLock::new(),
            state: Mutex::new(State {
                endpoints: urls.iter().map(endpoint).collect(),
                rests: vec![None; urls.len()],
                agreed: None,
                failed: None,
            }),
            surveying: tokio::sync::Mutex::new(()),
        })
    }

    /// From now on nobody with another first block is believed.
    pub(super) fn expect(&self, genesis: Hash) {
        let _known = self.genesis.set(genesis);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn endpoints(&self) -> Vec<Endpoint> {
        self.state().endpoints.clone()
    }

    /// The newest finalized block that two nodes vouch for. `at_hand` is the connection that questions go through: from here
    /// on it leads to one of them.
    pub(super) async fn agreed(&self, at_hand: &Nodes) -> Result<Head> {
        // One that says nothing is not waited for: another will be at hand.
        let own = timeout(WITHIN, at_hand.ask::<String>("chain_getFinalizedHead", json!([]))).await;
        let own = own.ok().and_then(|hash| fixed(&hash.ok()?).ok());
        if let Some(head) = self.still_good(own) {
            return Ok(head);
        }
        let _one = self.surveying.lock().await;
        if let Some(head) = self.still_good(own) {
            return Ok(head);
        }
        if self.state().failed.is_some_and(|failed| failed.elapsed() < IN_VAIN) {
            return Err(Error::Unavailable(self.disagreement()));
        }
        let (answers, verdict) = self.survey().await;
        let agreed =
            verdict.head.map(|head| Agreed { head, by: verdict.agree.clone(), at: Instant::now(), trails: verdict.trails });
        {
            let (mut state, mut shunned) = (self.state(), at_hand.shunned());
            let told = answers.into_iter().zip(verdict.standings).enumerate();
            for (place, (answer, standing)) in told {
                let endpoint = &mut state.endpoints[place];
                match (answer, standing) {
                    (Answer::Said(said), Some(standing)) => {
                        // Who differs from those that agree is asked nothing, also when they are away, until it agrees again: of
                        // one that is behind them nobody has seen whether it does.
                        let agrees = agreed.is_some() && verdict.agree.contains(&place);
                        match &standing {
                            Standing::OtherChain | Standing::Differs { .. } if agreed.is_some() => shunned.insert(place),
                            _ => agrees && shunned.remove(&place),
                        };
                        endpoint.finalized = Some(said.head.number);
                        if agrees || standing != Standing::Agrees || !shunned.contains(&place) {
                            endpoint.standing = standing;
                        }
                    }
                    (Answer::Silent(why), _) => {
                        endpoint.finalized = None;
                        endpoint.standing = Standing::Silent(why);
                    }
                    _ => {}
                }
            }
            state.failed = agreed.is_none().then(Instant::now);
            state.agreed = agreed;
        }
        let Some(head) = verdict.head else { return Err(Error::Unavailable(self.disagreement())) };
        at_hand.steer(&verdict.agree).await;
        Ok(head)
    }

    /// Who vouched for the last head, by their places.
    pub(super) fn vouching(&self) -> Vec<usize> {
        self.state().agreed.as_ref().map(|agreed| agreed.by.clone()).unwrap_or_default()
    }

    /// The last agreement, if it still says what a new survey would.
    fn still_good(&self, own: Option<Hash>) -> Option<Head> {
        let state = self.state();
        let agreed = state.agreed.as_ref()?;
        let unmoved = own == Some(agreed.head.hash) && agreed.at.elapsed() < FRESH;
        let just_asked = agreed.trails && agreed.at.elapsed() < AGAIN;
        (unmoved || just_asked).then_some(agreed.head)
    }

    fn disagreement(&self) -> String {
        let said: Vec<String> = self
            .endpoints()
            .iter()
            .map(|endpoint| format!("{}: {:?} at {:?}", endpoint.url, endpoint.standing, endpoint.finalized))
            .collect();
        format!("no two nodes vouch for the same finalized block ({})", said.join("; "))
    }

    /// What each node says, in their order, and what follows from it.
    async fn survey(&self) -> (Vec<Answer>, Verdict) {
        let resting: Vec<bool> = self.state().rests.iter().map(|rest| rest.is_some_and(|until| until > Instant::now())).collect();
        let all_rest = resting.iter().filter(|rests| !**rests).count() < 2;
        let mut answers: Vec<Answer> = self.members.iter().map(|_| Answer::Unheard).collect();
        let mut asked: FuturesUnordered<_> = (0..)
            .zip(&self.members)
            .filter(|(place, _)| all_rest || !resting[*place])
            .map(|(place, member)| async move {
                let answer = ask(member).await;
                (place, answer.map_or_else(|error| Answer::Silent(error.to_string()), Answer::Said))
            })
            .collect();
        // Nobody's answer takes longer than `WITHIN`. Once two fit together, those that are only slow are left alone, unless those
        // two turn out to differ: then it is the slow ones that tell who is right.
        let end = Instant::now() + 2 * WITHIN;
        let (mut until, mut differ) = (end, false);
        let mut heard = Vec::new();
        let verdict = loop {
            if heard.is_empty()
                && let Ok(Some(one)) = timeout_at(until, asked.next()).await
            {
                heard.push(one);
            }
            let nobody = heard.is_empty();
            for (place, answer) in heard.drain(..) {
                answers[place] = answer;
            }
            if !nobody && !differ {
                if fit_together(&answers) {
                    until = until.min(Instant::now() + GRACE);
                }
                continue;
            }
            let verdict = {
                // Who drags out this question must not keep the others from being heard.
                let mut judged = pin!(self.judge(&answers));
                loop {
                    tokio::select! {
                        verdict = &mut judged => break verdict,
                        Some(one) = asked.next() => heard.push(one),
                    }
                }
            };
            let all_heard = heard.is_empty() && (asked.is_empty() || Instant::now() >= end);
            if verdict.head.is_some() || all_heard {
                break verdict;
            }
            (until, differ) = (end, true);
        };
        let mut state = self.state();
        for (rest, answer) in state.rests.iter_mut().zip(&answers) {
            match answer {
                Answer::Said(_) => *rest = None,
                Answer::Silent(_) => *rest = Some(Instant::now() + REST),
                Answer::Unheard => {}
            }
        }
        (answers, verdict)
    }

    /// What follows from what was heard: of the heights at which at least two can be compared, the highest at which two agree.
    async fn judge(&self, answers: &[Answer]) -> Verdict {
        let said: Vec<Option<Said>> =
            answers.iter().map(|answer| if let Answer::Said(said) = answer { Some(*said) } else { None }).collect();
        let most = || common(said.iter().flatten().map(|said| said.genesis));
        let genesis = self.genesis.get().copied().or_else(most);
        let ours = ours(genesis, &said);
        let mut first = None;
        for height in heights(&ours) {
            let hashes = self.ask_hashes(height, &ours).await;
            let verdict = judge(genesis, &said, &ours, height, &hashes);
            if verdict.head.is_some() {
                return verdict;
            }
            first.get_or_insert(verdict);
        }
        first.unwrap_or_else(|| judge(genesis, &said, &ours, 0, &BTreeMap::new()))
    }

    /// Each node's block of one number, of those that have got so far.
    async fn ask_hashes(&self, number: u32, ours: &[(usize, Head)]) -> BTreeMap<usize, Hash> {
        let asked = ours.iter().filter(|(_, head)| head.number >= number).map(|(place, head)| async move {
            if head.number == number {
                return Some((*place, head.hash));
            }
            let hash = self.members[*place].ask::<Option<String>>("chain_getBlockHash", json!([number]));
            let hash = timeout(WITHIN, hash).await.ok()?.ok().flatten()?;
            Some((*place, fixed(&hash).ok()?))
        });
        join_all(asked).await.into_iter().flatten().collect()
    }
}

/// What two of those who vouch for the last head tell alike; where nobody else vouches, what the node at hand tells. From here on one
/// of those two is at hand.
pub(super) async fn told<T: DeserializeOwned + PartialEq>(
    at_hand: &Nodes,
    panel: Option<&Panel>,
    method: &str,
    params: Value,
) -> Result<T> {
    let first: T = at_hand.ask(method, params.clone()).await?;
    let Some(panel) = panel else { return Ok(first) };
    let at = at_hand.at_hand().await;
    let (mut all, mut silent) = (vec![(at, first)], None);
    for place in panel.vouching().into_iter().filter(|place| *place != at) {
        match panel.members[place].ask::<T>(method, params.clone()).await {
            Ok(said) => match all.iter().position(|(_, other)| *other == said) {
                Some(same) => {
                    at_hand.steer(&[all[same].0, place]).await;
                    return Ok(said);
                }
                None => all.push((place, said)),
            },
            Err(error) => silent = Some(error),
        }
    }
    match (all.pop(), silent) {
        (Some((_, alone)), None) if all.is_empty() => Ok(alone),
        (_, Some(error)) if all.is_empty() => Err(error),
        _ => Err(Error::Unavailable(format!("two nodes tell different things at the same block ({method})"))),
    }
}

async fn ask(member: &Nodes) -> Result<Said> {
    let said = async {
        let genesis: String = member.ask("chain_getBlockHash", json!([0])).await?;
        let hash: Hash = fixed(&member.ask::<String>("chain_getFinalizedHead", json!([])).await?)?;
        let header: Option<Header> = member.ask("chain_getHeader", json!([text(&hash)])).await?;
        let header = header.ok_or_else(|| Error::Unavailable("the node does not know its own block".into()))?;
        Ok(Said { genesis: fixed(&genesis)?, head: Head { number: header.number()?, hash } })
    };
    timeout(WITHIN, said).await.map_err(|_| Error::Unavailable("no answer in time".into()))?
}

/// Whether two of them are on one chain, and about as far; if equally far, with the same block.
fn fit_together(answers: &[Answer]) -> bool {
    let said =
        || answers.iter().enumerate().filter_map(|(at, it)| if let Answer::Said(said) = it { Some((at, said)) } else { None });
    let fits = |one: &Said, other: &Said| {
        let apart = one.head.number.abs_diff(other.head.number);
        one.genesis == other.genesis && apart <= BEHIND && (apart > 0 || one.head.hash == other.head.hash)
    };
    said().any(|(at, one)| said().any(|(other_at, other)| at < other_at && fits(one, other)))
}

/// Those on the chain in question, with their newest blocks.
fn ours(genesis: Option<Hash>, said: &[Option<Said>]) -> Vec<(usize, Head)> {
    let on_it = |said: &&Said| Some(said.genesis) == genesis;
    (0..).zip(said).filter_map(|(place, said)| Some((place, said.as_ref().filter(on_it)?.head))).collect()
}

/// The value that most have; the first of those that are equally common.
fn common(values: impl Iterator<Item = Hash>) -> Option<Hash> {
    let mut counted: Vec<(Hash, usize)> = Vec::new();
    for value in values {
        match counted.iter_mut().find(|(known, _)| *known == value) {
            Some((_, count)) => *count += 1,
            None => counted.push((value, 1)),
        }
    }
    let most = counted.iter().map(|(_, count)| *count).max()?;
    counted.into_iter().find(|(_, count)| *count == most).map(|(value, _)| value)
}

/// The heights that at least two have got to, from the highest on: below the second, where those above differ.
fn heights(ours: &[(usize, Head)]) -> Vec<u32> {
    let mut numbers: Vec<u32> = ours.iter().map(|(_, head)| head.number).collect();
    numbers.sort_unstable_by(|one, other| other.cmp(one));
    let mut heights: Vec<u32> = numbers.into_iter().skip(1).collect();
    heights.dedup();
    heights
}

struct Verdict {
    head: Option<Head>,
    /// Those who vouch for it.
    agree: Vec<usize>,
    trails: bool,
    /// None: it said nothing.
    standings: Vec<Option<Standing>>,
}

/// What follows from the blocks that those who have got to `height` have there.
fn judge(
    genesis: Option<Hash>,
    said: &[Option<Said>],
    ours: &[(usize, Head)],
    height: u32,
    hashes: &BTreeMap<usize, Hash>,
) -> Verdict {
    let hash = common(hashes.values().copied());
    let agree: Vec<usize> = hashes.iter().filter(|(_, said)| Some(**said) == hash).map(|(place, _)| *place).collect();
    let head = hash.filter(|_| agree.len() >= 2).map(|hash| Head { number: height, hash });
    // Two that differ accuse each other.
    let differs = |place: usize| hashes.contains_key(&place) && (head.is_none() || !agree.contains(&place));
    // How far somebody is on a fork says nothing of the others.
    let top = ours.iter().filter(|(place, _)| !differs(*place)).map(|(_, head)| head.number).max().unwrap_or(0);
    let standing = |place: usize, said: &Said| match top.saturating_sub(said.head.number) {
        _ if Some(said.genesis) != genesis => Standing::OtherChain,
        _ if differs(place) => Standing::Differs { number: height },
        blocks if blocks > BEHIND => Standing::Behind { blocks },
        _ => Standing::Agrees,
    };
    let standings = (0..).zip(said).map(|(place, said)| said.as_ref().map(|said| standing(place, said))).collect();
    Verdict { head, agree, trails: top > height, standings }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHAIN: Hash = [1; 32];

    fn verdict(said: &[Option<(Hash, u32)>], fork: &[usize]) -> Verdict {
        let hash =
            |place: usize, number: u32| [if fork.contains(&place) { 200 } else { u8::try_from(number % 100).unwrap() }; 32];
        let said: Vec<Option<Said>> = (0..)
            .zip(said)
            .map(|(place, said)| said.map(|(genesis, number)| Said { genesis, head: Head { number, hash: hash(place, number) } }))
            .collect();
        let genesis = common(said.iter().flatten().map(|said| said.genesis));
        let ours = ours(genesis, &said);
        let at = |height: u32| -> BTreeMap<usize, Hash> {
            ours.iter().filter(|(_, head)| head.number >= height).map(|(place, _)| (*place, hash(*place, height))).collect()
        };
        let mut verdicts =
            heights(&ours).into_iter().map(|height| judge(genesis, &said, &ours, height, &at(height))).collect::<Vec<_>>();
        let agreed = verdicts.iter().position(|verdict| verdict.head.is_some()).unwrap_or(0);
        if verdicts.is_empty() { judge(genesis, &said, &ours, 0, &BTreeMap::new()) } else { verdicts.swap_remove(agreed) }
    }

    #[test]
    fn two_that_tell_the_same_block_are_believed_and_the_others_are_named() {
        let all = |numbers: [u32; 3]| numbers.map(|number| Some((CHAIN, number)));
        let agreed = verdict(&all([7, 7, 7]), &[]);
        assert_eq!((agreed.head.map(|head| head.number), agreed.agree.len(), agreed.trails), (Some(7), 3, false));
        // One is a block ahead: what two have finalized counts.
        let ahead = verdict(&all([8, 7, 7]), &[]);
        assert_eq!((ahead.head.map(|head| head.number), ahead.trails), (Some(7), true));
        let stale = verdict(&all([90, 7, 91]), &[]);
        assert_eq!(stale.head.map(|head| head.number), Some(90));
        assert_eq!(stale.standings[1], Some(Standing::Behind { blocks: 84 }));
        let forked = verdict(&all([7, 7, 7]), &[1]);
        assert_eq!((forked.head.map(|head| head.number), forked.agree), (Some(7), vec![0, 2]));
        assert_eq!(forked.standings[1], Some(Standing::Differs { number: 7 }));
        // Whoever is ahead on a fork hides nobody: where the next two differ, one looks further down.
        let ahead = verdict(&all([9, 7, 8]), &[0]);
        assert_eq!((ahead.head.map(|head| head.number), ahead.agree), (Some(7), vec![1, 2]));
        assert_eq!(ahead.standings[0], Some(Standing::Differs { number: 7 }));
        let other = verdict(&[Some((CHAIN, 7)), Some(([9; 32], 7)), Some((CHAIN, 7))], &[]);
        assert_eq!(other.standings[1], Some(Standing::OtherChain));
        assert_eq!(other.head.map(|head| head.number), Some(7));
    }

    #[test]
    fn only_two_that_fit_together_shorten_the_wait_for_the_others() {
        let block = |byte, number, hash| Answer::Said(Said { genesis: [byte; 32], head: Head { number, hash: [hash; 32] } });
        let said = |byte, number| block(byte, number, 0);
        assert!(fit_together(&[said(1, 100), Answer::Unheard, said(1, 99)]));
        assert!(!fit_together(&[said(1, 100), said(2, 100), Answer::Silent("gone".into())]), "two chains");
        assert!(!fit_together(&[said(1, 100), said(1, 50), Answer::Unheard]), "one of them is stale");
        assert!(fit_together(&[said(2, 100), said(1, 50), said(1, 51)]));
        assert!(!fit_together(&[said(1, 100), Answer::Unheard]));
        assert!(!fit_together(&[block(1, 100, 5), block(1, 100, 6)]), "one of them is on a fork");
        assert!(fit_together(&[block(1, 100, 5), block(1, 99, 6)]), "nobody knows yet");
    }

    #[test]
    fn nobody_is_believed_alone() {
        let alone = verdict(&[Some((CHAIN, 7)), None], &[]);
        assert_eq!((alone.head, &alone.standings[1]), (None, &None));
        let two_chains = verdict(&[Some((CHAIN, 7)), Some(([9; 32], 7))], &[]);
        assert!(two_chains.head.is_none());
        let split = verdict(&[Some((CHAIN, 7)), Some((CHAIN, 7))], &[1]);
        assert!(split.head.is_none());
        assert!(split.standings.iter().all(|it| *it == Some(Standing::Differs { number: 7 })), "{:?}", split.standings);
        // A stale one of two holds everything at what it knows: what is not vouched for is not booked.
        let stale = verdict(&[Some((CHAIN, 90)), Some((CHAIN, 7))], &[]);
        assert_eq!(stale.head.map(|head| head.number), Some(7));
        assert_eq!(stale.standings[1], Some(Standing::Behind { blocks: 83 }));
    }
}
