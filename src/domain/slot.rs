//! What of an order a contract on the grid carries: an order may have several, one after another or side by side.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::order::Order;
use crate::base::ids::OrderId;

/// What stands in a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The machine itself, on one node after another until it runs.
    #[default]
    Machine,
    /// The machine that takes over.
    Backup,
    /// The way in from the web.
    Gateway,
    /// A part of the storage swarm.
    Shard,
    /// The name that the way in is found by.
    Name,
}

impl Kind {
    fn is_machine(&self) -> bool {
        *self == Kind::Machine
    }

    const fn word(self) -> &'static str {
        match self {
            Kind::Machine => "machine",
            Kind::Backup => "backup",
            Kind::Gateway => "gateway",
            Kind::Shard => "shard",
            Kind::Name => "name",
        }
    }
}

/// One place for one contract. Its number counts the tries of its kind, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Slot {
    pub order: OrderId,
    #[serde(default, skip_serializing_if = "Kind::is_machine")]
    pub kind: Kind,
    // The name is that of times when there were only machines.
    #[serde(rename = "attempt")]
    pub number: u32,
}

impl Slot {
    pub fn machine(order: OrderId, number: u32) -> Slot {
        Slot { order, kind: Kind::Machine, number }
    }

    /// Those of all tries of an order's machine.
    pub fn machines(order: &Order) -> impl Iterator<Item = Slot> + use<> {
        let id = order.id;
        (0..u32::try_from(order.attempts.len()).unwrap_or(u32::MAX)).map(move |number| Slot::machine(id, number))
    }
}

/// As it is written in keys.
impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Machine => write!(f, "{}/{}", self.order, self.number),
            other => write!(f, "{}/{}/{}", self.order, other.word(), self.number),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::bill::Contract;
    use crate::domain::signer::Purpose;

    #[test]
    fn rows_from_when_there_were_only_machines_still_read() {
        let order = OrderId::from_bits(7);
        let slot = Slot::machine(order, 2);
        let old = serde_json::json!({ "create_contract": { "order": order, "attempt": 2 } });
        assert_eq!(serde_json::from_value::<Purpose>(old.clone()).unwrap(), Purpose::CreateContract(slot));
        assert_eq!(serde_json::to_value(Purpose::CreateContract(slot)).unwrap(), old);
        let old = serde_json::json!({ "id": 1, "order": order, "attempt": 2, "node": 3, "farm": 4, "owner": 5, "created": 6 });
        let contract: Contract = serde_json::from_value(old).unwrap();
        assert_eq!((contract.slot, contract.node), (slot, 3));
    }

    #[test]
    fn no_two_slots_share_a_key() {
        let order = OrderId::from_bits(7);
        let kinds = [Kind::Machine, Kind::Backup, Kind::Gateway, Kind::Shard, Kind::Name];
        let slots = kinds.into_iter().flat_map(|kind| (0..3).map(move |number| Slot { order, kind, number }));
        let keys: std::collections::BTreeSet<String> = slots.map(|slot| slot.to_string()).collect();
        assert_eq!(keys.len(), 15);
    }
}
