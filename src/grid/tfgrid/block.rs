//! What finalized blocks say: which there are, and what each did to our tokens and our contracts.

use std::collections::BTreeMap;

use futures_util::{StreamExt, TryStreamExt, stream};

use super::super::{BillEvent, Block, BlockReport, PaymentEvent, Wallet};
use super::{AT_ONCE, Tfgrid, chain_error, tft};
use crate::base::money::Tft;
use crate::base::{Error, Result, Time};
use crate::wire::key::AccountId;
use crate::wire::tfchain::types as chain;

impl Tfgrid {
    pub async fn finalized(&self) -> Result<Block> {
        let block = self.chain.get().await?.finalized().await.map_err(chain_error)?;
        Ok(Block { number: block.number, hash: block.hash, at: block.time })
    }

    /// Resolves when a block after number `after` is finalized.
    pub async fn next_block(&self, after: u32) -> Result<()> {
        let mut blocks = self.chain.get().await?.finalized_blocks().await.map_err(chain_error)?;
        while let Some(number) = blocks.next().await {
            if number > after {
                return Ok(());
            }
        }
        Err(Error::unavailable("The chain stopped telling about blocks."))
    }

    /// What the finalized blocks `from..=to` did to our purse, in their order; `head` is a finalized block at or behind them.
    /// `owners` are the farmers whose payouts count.
    pub async fn reports(
        &self,
        from: u32,
        to: u32,
        head: &Block,
        owners: impl Iterator<Item = u32>,
    ) -> Result<Vec<(u32, BlockReport)>> {
        let chain = self.chain.get().await?;
        let farmers = &self.farmers(owners, head).await?;
        // One more in front: events are told in the words of the runtime that ran before the block.
        let first = from.saturating_sub(1);
        let hashes = chain.hashes(first, to, (head.number, head.hash)).await.map_err(chain_error)?;
        let mut parent = if first < from { hashes.first().copied().flatten() } else { None };
        let mut pairs = Vec::new();
        for hash in hashes.into_iter().skip(usize::from(first < from)) {
            let hash = hash.ok_or_else(|| Error::unavailable("The chain does not know one of its blocks."))?;
            pairs.push((parent.unwrap_or(hash), hash));
            parent = Some(hash);
        }
        let (Some(one), Some(last)) = (pairs.first().copied(), pairs.last().copied()) else { return Ok(vec![]) };
        // Almost always they are the same from the first to the last.
        let (one, last) = tokio::try_join!(chain.words(one.0, one.1), chain.words(last.0, last.1)).map_err(chain_error)?;
        let all = one.same(&last).then_some(one);
        let all = all.as_ref();
        stream::iter((from..=to).zip(pairs))
            .map(|(number, (parent, block))| async move {
                let words = match all {
                    Some(words) => words.clone(),
                    None => chain.words(parent, block).await.map_err(chain_error)?,
                };
                let events = chain.events_in(&words, block).await.map_err(chain_error)?;
                let mut report = self.report(events, farmers)?;
                if !report.paused.is_empty() || !report.gone.is_empty() {
                    report.at = Some(chain.block(block).await.map_err(chain_error)?.time);
                }
                Ok((number, report))
            })
            .buffered(AT_ONCE)
            .try_collect()
            .await
    }

    /// The first block of `from..=head` whose events any node that vouches for `head` still has. A node that keeps no old state
    /// forgets within minutes; one that keeps everything never does.
    pub async fn remembered_from(&self, from: u32, head: &Block) -> Result<u32> {
        let chain = self.chain.get().await?;
        let keeps = async |block| chain.keeps(block, (head.number, head.hash)).await.map_err(chain_error);
        if keeps(from).await? {
            return Ok(from);
        }
        // What is forgotten is the older part: look for the border.
        let (mut gone, mut there) = (from, head.number);
        while there - gone > 1 {
            let middle = gone + (there - gone) / 2;
            if keeps(middle).await? {
                there = middle;
            } else {
                gone = middle;
            }
        }
        Ok(there)
    }

    fn report(&self, events: Vec<chain::EventRecord>, farmers: &BTreeMap<AccountId, u32>) -> Result<BlockReport> {
        let mut report = BlockReport::default();
        for (event, record) in (0u32..).zip(events) {
            match record.event {
                chain::Event::ContractBilled { contract, timestamp, level, amount } => report.bills.push(BillEvent {
                    event,
                    contract,
                    amount: tft(amount)?,
                    left: Tft::ZERO,
                    level,
                    at: Time::from_secs(i64::try_from(timestamp).unwrap_or(0)),
                }),
                // A part that was all there was, or nothing. When the rest is paid its bill tells of the rest and what has come since.
                chain::Event::PaymentOverdrawn { contract, timestamp, taken, left } => report.bills.push(BillEvent {
                    event,
                    contract,
                    amount: tft(taken)?,
                    left: tft(left)?,
                    level: "None".into(),
                    at: Time::from_secs(i64::try_from(timestamp).unwrap_or(0)),
                }),
                chain::Event::Transfer { from, to, amount } | chain::Event::ReserveRepatriated { from, to, amount }
                    if from == self.own =>
                {
                    if let Some(twin) = farmers.get(&to) {
                        report.payments.push(PaymentEvent { event, to: *twin, amount: tft(amount)? });
                    }
                }
                chain::Event::GracePeriodStarted { contract } => report.paused.push(contract),
                chain::Event::GracePeriodEnded { contract } => report.resumed.push(contract),
                chain::Event::NodeContractCanceled { contract } | chain::Event::NameContractCanceled { contract } => {
                    report.gone.push(contract);
                }
                _ => {}
            }
        }
        Ok(report)
    }

    /// Our tokens at a block, by the word of two nodes where there are two: what is missing is booked.
    pub async fn wallet(&self, block: &Block) -> Result<Wallet> {
        let own = self.chain.get().await?.vouched_account(&self.own, block.hash).await.map_err(chain_error)?;
        Ok(Wallet { free: tft(own.free)?, reserved: tft(own.reserved)? })
    }

    /// Thousandths of a dollar for one token, as the chain bills.
    pub async fn price_musd(&self) -> Result<u32> {
        let price = self.chain.get().await?.tft_price(None).await.map_err(chain_error)?;
        Ok(price.musd())
    }
}
