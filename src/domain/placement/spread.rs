//! Nodes for many copies of one thing, with no more of them on one farm or with one farmer than may be lost together.

use std::collections::BTreeMap;

use super::{Apart, Ask, Avoid, Choice, NoNode, Whom, choose};
use crate::domain::exposure::Market;
use crate::domain::pool::Pool;

/// How many of all copies one farm and one farmer may carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caps {
    pub farm: usize,
    pub owner: usize,
}

/// Picks nodes for so many copies, each on a node of its own. `held` are farm and owner of those that are somewhere already.
pub fn choose_spread(
    pool: &Pool,
    ask: &Ask,
    market: &Market,
    copies: usize,
    caps: Caps,
    held: &[(u32, u32)],
) -> Result<Vec<Choice>, NoNode> {
    let (mut ask, mut market) = (ask.clone(), market.clone());
    let (mut farms, mut owners): (BTreeMap<u32, usize>, BTreeMap<u32, usize>) = Default::default();
    let mut choices: Vec<Choice> = Vec::with_capacity(copies);
    let full = |whom| Avoid { whom, why: "As much of it is there as may be lost together.".into() };
    let mut count = |ask: &mut Ask, market: &mut Market, farm: u32, owner: u32| {
        let (on_farm, with_owner) = (farms.entry(farm).or_default(), owners.entry(owner).or_default());
        *on_farm += 1;
        *with_owner += 1;
        if *on_farm == caps.farm {
            ask.avoid.push(full(Whom::Farm(farm)));
        }
        if *with_owner == caps.owner {
            ask.avoid.push(full(Whom::Owner(owner)));
        }
        // What is put there now counts as what is there: the next one goes elsewhere if elsewhere is as good.
        *market.ours.entry(farm).or_default() += 1;
    };
    for (farm, owner) in held {
        count(&mut ask, &mut market, *farm, *owner);
    }
    while choices.len() < copies {
        let choice = match choose(pool, &ask, &market) {
            Ok(choice) => choice,
            Err(none) if choices.is_empty() && held.is_empty() => return Err(none),
            Err(_) => return Err(NoNode::TooFew { found: choices.len(), wanted: copies, apart: Apart::Nodes }),
        };
        let best = &choice.best;
        ask.avoid.push(Avoid { whom: Whom::Node(best.node), why: "Another part of it is there already.".into() });
        count(&mut ask, &mut market, best.farm, best.owner);
        choices.push(choice);
    }
    Ok(choices)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::catalogue::{Capacity, Place};
    use crate::domain::node::tests::node as plain;
    use crate::domain::node::{Node, StorageClass};

    fn spread(copies: usize, caps: Caps, held: &[(u32, u32)]) -> Result<Vec<(u32, u32)>, NoNode> {
        // Four farms of two farmers, three nodes each.
        let nodes = (0..12)
            .map(|id| Node { farm: id / 3, owner: id / 6, ..plain(id + 1) })
            .map(|node| Node { owner: node.owner + 1, ..node });
        let pool = Pool::new(nodes.collect(), StorageClass::default());
        let ask = Ask::new(Capacity::default(), Place::Anywhere);
        let choices = choose_spread(&pool, &ask, &Market::default(), copies, caps, held)?;
        Ok(choices.iter().map(|choice| (choice.best.farm, choice.best.owner)).collect())
    }

    fn most(places: &[(u32, u32)], of: fn(&(u32, u32)) -> u32) -> usize {
        places.iter().map(|one| places.iter().filter(|other| of(other) == of(one)).count()).max().unwrap_or(0)
    }

    #[test]
    fn no_farm_and_no_farmer_gets_more_than_may_fall_together() {
        let places = spread(6, Caps { farm: 2, owner: 3 }, &[]).unwrap();
        assert_eq!((most(&places, |it| it.0) <= 2, most(&places, |it| it.1)), (true, 3));
        assert_eq!(spread(7, Caps { farm: 2, owner: 3 }, &[]), Err(NoNode::TooFew { found: 6, wanted: 7, apart: Apart::Nodes }));
        // Two with one farmer are there already.
        let more = spread(3, Caps { farm: 2, owner: 3 }, &[(0, 1), (1, 1)]).unwrap();
        assert_eq!(more.iter().filter(|(_, owner)| *owner == 1).count(), 1);
        assert_eq!(spread(12, Caps { farm: usize::MAX, owner: usize::MAX }, &[]).unwrap().len(), 12);
    }

    #[test]
    fn what_could_be_anywhere_is_not_all_in_one_place() {
        let places = spread(4, Caps { farm: usize::MAX, owner: usize::MAX }, &[]).unwrap();
        assert_eq!(most(&places, |it| it.0), 1, "{places:?}");
    }
}
