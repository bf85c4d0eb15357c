//! Whom a node is sold to: everybody, unless its provider keeps it back or an operator took it into a private pool.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::catalogue::Capacity;
use super::maintenance::Window;
use super::pool::{Pool, Rows};
use crate::base::Time;
use crate::base::ids::{PoolId, UserId};

/// Nodes that are sold to some people only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrivatePool {
    pub id: PoolId,
    pub name: String,
    pub created: Time,
    /// Who may order on its nodes.
    #[serde(default)]
    pub members: BTreeSet<UserId>,
}

/// How far a node is on its way into a private pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Its provider offered it; it is sold as before until the operator has decided.
    Offered,
    /// The operator agreed: from now on it is sold in this pool only.
    Allocated,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allocation {
    pub pool: PoolId,
    pub stage: Stage,
    /// Who offered it.
    pub by: UserId,
    pub since: Time,
}

/// An operator did not want a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    pub pool: PoolId,
    pub reason: String,
    pub at: Time,
}

/// Whom one node is sold to. There is one row a node at most, so that no node is in two pools.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exposure {
    pub node: u32,
    pub farm: u32,
    /// The provider's own switch: without it nobody but the provider can order on the node.
    pub exposed: bool,
    #[serde(default)]
    pub allocation: Option<Allocation>,
    /// The last offer that was refused, until the next one.
    #[serde(default)]
    pub refused: Option<Refused>,
}

impl Exposure {
    /// A node that nothing was said of.
    pub fn public(node: u32, farm: u32) -> Exposure {
        Exposure { node, farm, exposed: true, allocation: None, refused: None }
    }

    /// Nothing is said by this row that is not true of every node.
    pub fn is_plain(&self) -> bool {
        self.exposed && self.allocation.is_none() && self.refused.is_none()
    }

    /// The pool it is sold in, if it is not the public one.
    pub fn pool(&self) -> Option<PoolId> {
        self.allocation.as_ref().filter(|allocation| allocation.stage == Stage::Allocated).map(|allocation| allocation.pool)
    }

    /// The pool it is offered to.
    pub fn offered_to(&self) -> Option<PoolId> {
        self.allocation.as_ref().filter(|allocation| allocation.stage == Stage::Offered).map(|allocation| allocation.pool)
    }

    fn sold_to(&self, buyer: &Buyer) -> bool {
        self.exposed && self.pool().is_none_or(|pool| buyer.pools.contains(&pool))
    }
}

/// Who asks, as far as it decides what they see. A guest is a buyer without anything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Buyer {
    /// Farmers' twins that are theirs: their own nodes are always for themselves.
    pub twins: Vec<u32>,
    /// Private pools they are members of.
    pub pools: BTreeSet<PoolId>,
}

/// What is taken and held back of all there is, at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Market {
    /// Promised on a node beyond what the node knows of.
    pub reserved: BTreeMap<u32, Capacity>,
    /// Our running VMs a farm.
    pub ours: BTreeMap<u32, u32>,
    /// Public addresses promised on a farm beyond what the chain gave out.
    pub addresses: BTreeMap<u32, u32>,
    pub exposures: Vec<Exposure>,
    /// Nodes that nobody new should come to, because they will be worked on soon.
    pub kept_free: BTreeMap<u32, Window>,
}

impl Market {
    /// Nodes that this buyer can look at when choosing.
    pub fn on_show(&self, pool: &Pool, buyer: &Buyer) -> Rows {
        on_show(pool, &self.exposures, buyer)
    }

    /// Nodes that this buyer can order a VM on.
    pub fn for_sale(&self, pool: &Pool, buyer: &Buyer) -> Rows {
        let mut rows = for_sale(pool, &self.exposures, buyer);
        for node in self.kept_free.keys() {
            // Its own provider knows what is coming.
            if let Some(entry) = pool.node(*node)
                && !buyer.twins.contains(&entry.owner())
            {
                rows.remove(entry.row());
            }
        }
        rows
    }

    /// The same without regard to what is worked on: for what is there already.
    pub fn regardless(self) -> Market {
        Market { kept_free: BTreeMap::new(), ..self }
    }
}

/// Nodes that a buyer can order a VM on.
pub fn for_sale(pool: &Pool, exposures: &[Exposure], buyer: &Buyer) -> Rows {
    seen_by(pool, exposures, buyer, pool.sellable())
}

/// Nodes that a buyer may look at: those that would have to be rented whole included, unless somebody has them already.
pub fn on_show(pool: &Pool, exposures: &[Exposure], buyer: &Buyer) -> Rows {
    seen_by(pool, exposures, buyer, pool.live().without(&pool.rented()))
}

/// Nodes whose page a buyer may open, whatever becomes of them: all but those that are kept for others.
pub fn open_to(pool: &Pool, exposures: &[Exposure], buyer: &Buyer) -> Rows {
    seen_by(pool, exposures, buyer, Rows::all(pool.len()))
}

fn seen_by(pool: &Pool, exposures: &[Exposure], buyer: &Buyer, mut rows: Rows) -> Rows {
    for exposure in exposures {
        let Some(entry) = pool.node(exposure.node) else { continue };
        if !exposure.sold_to(buyer) && !buyer.twins.contains(&entry.owner()) {
            rows.remove(entry.row());
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::node::StorageClass;
    use crate::domain::node::tests::node;

    const BARN: PoolId = PoolId::from_bits(1);

    fn seen(exposure: Exposure, buyer: &Buyer) -> bool {
        let pool = Pool::new(vec![node(1), node(2)], StorageClass::default());
        let market = Market { exposures: vec![exposure], ..Market::default() };
        let rows = market.for_sale(&pool, buyer);
        assert!(rows.contains(1), "the other node is for everybody");
        rows.contains(0)
    }

    fn allocated(stage: Stage) -> Exposure {
        let allocation = Allocation { pool: BARN, stage, by: UserId::from_bits(1), since: Time::EPOCH };
        Exposure { allocation: Some(allocation), ..Exposure::public(1, 1) }
    }

    #[test]
    fn a_node_is_for_everybody_until_somebody_says_otherwise() {
        let guest = Buyer::default();
        assert!(seen(Exposure::public(1, 1), &guest));
        assert!(!seen(Exposure { exposed: false, ..Exposure::public(1, 1) }, &guest));
        assert!(seen(Exposure { exposed: false, ..Exposure::public(1, 1) }, &Buyer { twins: vec![101], ..guest }));
    }

    #[test]
    fn a_node_that_is_worked_on_soon_takes_orders_of_its_provider_only() {
        let pool = Pool::new(vec![node(1), node(2)], StorageClass::default());
        let window = Window { starts: Time::from_secs(5), ends: Time::from_secs(9) };
        let market = Market { kept_free: BTreeMap::from([(1, window), (77, window)]), ..Market::default() };
        let sold = |buyer: &Buyer| market.for_sale(&pool, buyer).iter().collect::<Vec<_>>();
        assert_eq!(sold(&Buyer::default()), [1]);
        assert_eq!(sold(&Buyer { twins: vec![101], ..Buyer::default() }), [0, 1]);
        assert_eq!(market.on_show(&pool, &Buyer::default()).count(), 2, "one can look at it");
        assert_eq!(market.clone().regardless().for_sale(&pool, &Buyer::default()).count(), 2);
    }

    #[test]
    fn a_private_node_is_for_its_members_and_leaves_the_public_pool_when_it_is_allocated_not_when_it_is_offered() {
        let (guest, member) = (Buyer::default(), Buyer { pools: BTreeSet::from([BARN]), ..Buyer::default() });
        assert!(seen(allocated(Stage::Offered), &guest));
        assert!(!seen(allocated(Stage::Allocated), &guest));
        assert!(seen(allocated(Stage::Allocated), &member));
        let other = Buyer { pools: BTreeSet::from([PoolId::from_bits(2)]), ..Buyer::default() };
        assert!(!seen(allocated(Stage::Allocated), &other));
        assert!(!seen(Exposure { exposed: false, ..allocated(Stage::Allocated) }, &member));
    }
}
