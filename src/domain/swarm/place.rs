//! Where the shards of a swarm go: each on a node of its own, and never more with one farm or one farmer than may be lost together,
//! as far as the grid allows; where it does not, a sentence says what that costs.

use std::collections::BTreeMap;

use super::SwarmWish;
use super::layout::{Layout, Role};
use crate::domain::catalogue::{Capacity, Place};
use crate::domain::exposure::{Buyer, Market};
use crate::domain::placement::{Ask, Avoid, Caps, Choice, NoNode, Reach, Scored, Whom, choose_spread};
use crate::domain::pool::Pool;

/// Why a node is not taken.
const TAKEN: &str = "Another part of it is there already.";

/// What one shard asks of a node.
pub fn need(wish: &SwarmWish, role: Role) -> Capacity {
    Capacity { hdd: wish.layout.backend_size(wish.usable, role), ..Capacity::default() }
}

/// What there is to choose from, for whom and for what.
#[derive(Clone, Copy)]
pub struct Ground<'a> {
    pub pool: &'a Pool,
    pub market: &'a Market,
    pub wish: &'a SwarmWish,
    /// Nodes that are not wanted at all: the machine's own, and those that failed.
    pub never: &'a [u32],
    pub buyer: &'a Buyer,
}

impl Ground<'_> {
    /// Nodes for so many shards of one role beside those that are there.
    pub fn choose(&self, role: Role, copies: usize, there: &[(Role, &Scored)]) -> Result<Vec<Choice>, NoNode> {
        let reach = Reach { storage: true, ..Reach::default() };
        let mut ask = Ask { reach, buyer: self.buyer.clone(), ..Ask::new(need(self.wish, role), Place::Anywhere) };
        let node = |id: u32| Avoid { whom: Whom::Node(id), why: TAKEN.into() };
        let (like, unlike): (Vec<_>, Vec<_>) =
            there.iter().map(|(other, seat)| (*other == role, *seat)).partition(|(like, _)| *like);
        ask.avoid.extend(self.never.iter().map(|id| node(*id)));
        ask.avoid.extend(like.iter().map(|(_, seat)| node(seat.node)));
        let held: Vec<(u32, u32)> = like.iter().map(|(_, seat)| (seat.farm, seat.owner)).collect();
        let others = unlike.iter().map(|(_, seat)| node(seat.node));
        let alone = Ask { avoid: ask.avoid.iter().cloned().chain(others).collect(), ..ask.clone() };
        let most = self.wish.layout.most_together(role);
        let by = |farm, owner| Caps { farm, owner };
        // A node of its own for each shard of both roles is best, and a farm that holds too many is worst.
        let ways = [
            (&alone, by(most, most)),
            (&ask, by(most, most)),
            (&alone, by(most, usize::MAX)),
            (&ask, by(most, usize::MAX)),
            (&alone, by(usize::MAX, usize::MAX)),
            (&ask, by(usize::MAX, usize::MAX)),
        ];
        let mut none = NoNode::Nowhere;
        for (ask, caps) in ways {
            match choose_spread(self.pool, ask, self.market, copies, caps, &held) {
                Ok(choices) => return Ok(choices),
                Err(error) => none = error,
            }
        }
        Err(none)
    }

    /// Nodes for a whole swarm, with their roles.
    pub fn choose_all(&self) -> Result<Vec<(Role, Choice)>, NoNode> {
        let layout = self.wish.layout;
        let data = self.choose(Role::Data, layout.data(), &[])?;
        let there: Vec<(Role, &Scored)> = data.iter().map(|choice| (Role::Data, &choice.best)).collect();
        let meta = self.choose(Role::Meta, layout.count(Role::Meta), &there)?;
        let with = |role: Role, choices: Vec<Choice>| choices.into_iter().map(move |choice| (role, choice));
        Ok(with(Role::Data, data).chain(with(Role::Meta, meta)).collect())
    }
}

/// What a swarm takes of each node, and the farm of each.
pub fn taken<'a>(wish: &SwarmWish, seats: impl Iterator<Item = (Role, &'a Scored)>) -> BTreeMap<u32, (u32, Capacity)> {
    let mut all: BTreeMap<u32, (u32, Capacity)> = BTreeMap::new();
    for (role, seat) in seats {
        let (_, sum) = all.entry(seat.node).or_insert((seat.farm, Capacity::default()));
        *sum = sum.plus(need(wish, role));
    }
    all
}

/// What the failure of one farm or one farmer would cost; empty if nothing that is stored would be lost by it.
pub fn weak_spots<'a>(layout: Layout, seats: impl Iterator<Item = (Role, &'a Scored)>) -> Vec<String> {
    let mut farms: BTreeMap<(u32, Role), (usize, &str)> = BTreeMap::new();
    let mut owners: BTreeMap<(u32, Role), (usize, &str)> = BTreeMap::new();
    for (role, seat) in seats {
        farms.entry((seat.farm, role)).or_insert((0, &seat.farm_name)).0 += 1;
        owners.entry((seat.owner, role)).or_insert((0, &seat.farm_name)).0 += 1;
    }
    let mut said = Vec::new();
    let what = |role: Role| match role {
        Role::Data => "data shards",
        Role::Meta => "directory shards",
    };
    for ((_, role), (many, name)) in &farms {
        let most = layout.most_together(*role);
        if *many > most {
            said.push(format!(
                "{name} holds {many} of the {}, and {most} may be lost: if that whole farm fails, not everything can be read.",
                what(*role)
            ));
        }
    }
    for ((_, role), (many, name)) in &owners {
        let most = layout.most_together(*role);
        let by_farm = farms.iter().any(|((_, other), (count, farm))| other == role && farm == name && count > &most);
        if *many > most && !by_farm {
            said.push(format!(
                "The farmer of {name} holds {many} of the {} on several farms, and {most} may be lost: if all of them fail, not everything can \
                 be read.",
                what(*role)
            ));
        }
    }
    said
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::super::CONSENT;
    use super::super::tests::{scored, swarm};
    use super::*;
    use crate::domain::catalogue::GIB;
    use crate::domain::node::tests::node as plain;
    use crate::domain::node::{Features, Node, StorageClass};

    fn wish() -> SwarmWish {
        SwarmWish { usable: 120 * GIB, layout: Layout::default(), price: Default::default(), consent: CONSENT.into() }
    }

    fn store(id: u32, farm: u32, owner: u32) -> Node {
        // Twin 0 is nobody: its nodes are not sold.
        let mut node = Node { farm, owner: owner + 1, farm_name: format!("Farm {farm}"), ..plain(id) };
        node.total.hdd = 2048 * GIB;
        node.features = Features::of(["zmachine", "network", "mycelium", "zdb"]);
        node
    }

    fn place(nodes: Vec<Node>, never: &[u32]) -> Result<Vec<(Role, Scored)>, NoNode> {
        let pool = Pool::new(nodes, StorageClass::default());
        let (market, wish, buyer) = (Market::default(), wish(), Buyer::default());
        let choices = Ground { pool: &pool, market: &market, wish: &wish, never, buyer: &buyer }.choose_all()?;
        Ok(choices.into_iter().map(|(role, choice)| (role, choice.best)).collect())
    }

    fn seats(places: &[(Role, Scored)]) -> impl Iterator<Item = (Role, &Scored)> + Clone {
        places.iter().map(|(role, scored)| (*role, scored))
    }

    fn nodes_of(places: &[(Role, Scored)], role: Role) -> BTreeSet<u32> {
        seats(places).filter(|(other, _)| *other == role).map(|(_, scored)| scored.node).collect()
    }

    #[test]
    fn on_a_wide_grid_every_shard_has_a_node_of_its_own_and_no_farm_too_many() {
        let places = place((1..=40).map(|id| store(id, id % 5, id % 4)).collect(), &[7]).unwrap();
        let (data, meta) = (nodes_of(&places, Role::Data), nodes_of(&places, Role::Meta));
        assert_eq!((data.len(), meta.len(), data.is_disjoint(&meta), data.contains(&7)), (24, 4, true, false));
        assert_eq!(weak_spots(Layout::default(), seats(&places)), Vec::<String>::new());
    }

    #[test]
    fn directory_shards_share_nodes_before_a_swarm_is_refused() {
        let places = place((1..=24).map(|id| store(id, id % 4, id % 4)).collect(), &[]).unwrap();
        assert_eq!((nodes_of(&places, Role::Data).len(), nodes_of(&places, Role::Meta).len()), (24, 4));
        assert!(weak_spots(Layout::default(), seats(&places)).is_empty());
    }

    #[test]
    fn a_grid_that_is_too_narrow_is_used_and_said() {
        let one_owner = place((1..=30).map(|id| store(id, id % 5, 1)).collect(), &[]).unwrap();
        let said = weak_spots(Layout::default(), seats(&one_owner));
        assert!(said.iter().all(|text| text.starts_with("The farmer of")) && said.len() == 2, "{said:?}");
        let two_farms = place((1..=30).map(|id| store(id, id % 2, id % 2)).collect(), &[]).unwrap();
        let said = weak_spots(Layout::default(), seats(&two_farms));
        assert!(said.len() == 2 && said[0].contains("holds 12 of the data shards, and 8 may be lost"), "{said:?}");
        assert!(place((1..=23).map(|id| store(id, id, id)).collect(), &[]).is_err(), "too few nodes");
        let light = |id| Node { features: Features::VM, ..store(id, id, id) };
        assert!(place((1..=40).map(light).collect(), &[]).is_err(), "nodes that keep no stores");
    }

    #[test]
    fn what_a_node_gives_is_the_sum_of_its_shards() {
        let mut swarm = swarm();
        swarm.shards[24].attempt.choice.best = scored(0, 0);
        let taken = taken(&swarm.wish, swarm.shards.iter().map(|shard| (shard.role, shard.node())));
        assert_eq!(
            (taken[&0], taken[&1], taken.len()),
            ((0, Capacity { hdd: 85 * GIB, ..Default::default() }), (0, need(&swarm.wish, Role::Data)), 27)
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// On whatever grid: distinct nodes for each role, and if it says nothing, any farm or farmer may fail.
        #[test]
        fn what_is_not_said_can_not_happen(farms in proptest::collection::vec((0u32..9, 0u32..6), 24..60)) {
            let nodes = (1..).zip(&farms).map(|(id, (farm, owner))| store(id, farm * 10 + owner, *owner)).collect();
            let places = place(nodes, &[]).unwrap();
            prop_assert_eq!((nodes_of(&places, Role::Data).len(), nodes_of(&places, Role::Meta).len()), (24, 4));
            let layout = Layout::default();
            let said = weak_spots(layout, seats(&places));
            let survives = |dies: &dyn Fn(&Scored) -> bool| {
                let left = |role| seats(&places).filter(|(other, seat)| *other == role && !dies(seat)).count();
                layout.verdict(left(Role::Data), left(Role::Meta)).reads == super::super::Reads::All
            };
            let farm = places.iter().all(|(_, dead)| survives(&|seat| seat.farm == dead.farm));
            let owner = places.iter().all(|(_, dead)| survives(&|seat| seat.owner == dead.owner));
            prop_assert_eq!(said.is_empty(), farm && owner, "{:?}", said);
        }
    }
}
