//! Which node a VM goes to, and why: a score whose parts a person can read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::catalogue::{Capacity, Place};
use crate::base::Time;

/// A node as far as selling on it goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    pub id: u32,
    /// Where the node is reached on the message bus.
    pub twin: u32,
    pub farm: u32,
    pub farm_name: String,
    /// The farmer's twin: whoever it belongs to earns the share.
    pub owner: u32,
    pub country: String,
    pub city: String,
    pub total: Capacity,
    pub used: Capacity,
    pub certified: bool,
    pub up: bool,
    /// Takes the deployments that we make: healthy, the right features, not opted out, not somebody's own.
    pub sellable: bool,
    /// Seconds since its last start, by its own report.
    pub uptime_s: u64,
    pub seen: Time,
}

/// One part of a score: what was looked at, how many points of how many, and the sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    pub name: String,
    pub points: u32,
    pub of: u32,
    pub why: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scored {
    pub node: u32,
    pub twin: u32,
    pub farm: u32,
    pub farm_name: String,
    pub owner: u32,
    pub country: String,
    pub city: String,
    pub parts: Vec<Part>,
}

impl Scored {
    pub fn points(&self) -> u32 {
        self.parts.iter().map(|part| part.points).sum()
    }

    pub fn of(&self) -> u32 {
        self.parts.iter().map(|part| part.of).sum()
    }
}

/// The node chosen, the next best one, and how many there were to choose from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    pub best: Scored,
    pub runner_up: Option<Scored>,
    pub fitting: usize,
}

impl Choice {
    /// Why the runner-up lost: the part with the largest lead.
    pub fn why_not_runner_up(&self) -> Option<String> {
        let other = self.runner_up.as_ref()?;
        let lead = self.best.parts.iter().zip(&other.parts).max_by_key(|(best, other)| best.points.saturating_sub(other.points));
        Some(match lead {
            Some((best, part)) if best.points > part.points => {
                format!(
                    "{} in {} came second with {} of {} points: {}",
                    other.farm_name,
                    other.city,
                    other.points(),
                    other.of(),
                    lower_first(&part.why)
                )
            }
            _ => format!("{} in {} is as good; the lower node number decided.", other.farm_name, other.city),
        })
    }
}

fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

/// Why no node fits, and what to relax.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoNode {
    /// None in that country, but elsewhere there are.
    NotInCountry { country: String, elsewhere: usize },
    /// Nowhere.
    Nowhere,
}

impl NoNode {
    pub fn sentence(&self) -> String {
        match self {
            NoNode::NotInCountry { country, elsewhere } => {
                format!(
                    "Nothing of this size is free in {country} right now. {elsewhere} other places have room: choose “Anywhere” or a smaller size."
                )
            }
            NoNode::Nowhere => {
                "Nothing of this size is free right now. Please try a smaller size, or come back in an hour.".into()
            }
        }
    }
}

/// Picks the best node. `reserved` is what we promised on a node beyond what the node knows of; `ours` counts our running
/// VMs a farm; `tried` are nodes that failed this order already. Same input, same answer: ties go to the lower node id.
pub fn choose(
    nodes: &[Node],
    need: Capacity,
    place: &Place,
    reserved: &BTreeMap<u32, Capacity>,
    ours: &BTreeMap<u32, u32>,
    tried: &[u32],
) -> Result<Choice, NoNode> {
    let free = |node: &Node| node.total.minus(node.used).minus(reserved.get(&node.id).copied().unwrap_or_default());
    let fits = |node: &&Node| {
        let free = free(node);
        // Cores may be shared between VMs (`threefoldtech/tfgrid-sdk-go: grid-proxy`): a node must only have as many as the VM wants.
        node.up
            && node.sellable
            && !tried.contains(&node.id)
            && node.total.cores >= need.cores
            && free.memory >= need.memory
            && free.ssd >= need.ssd
    };
    let anywhere: Vec<&Node> = nodes.iter().filter(fits).collect();
    let here: Vec<&Node> = match place {
        Place::Anywhere => anywhere.clone(),
        Place::Country(country) => anywhere.iter().filter(|node| node.country.eq_ignore_ascii_case(country)).copied().collect(),
    };
    let mut scored: Vec<Scored> =
        here.iter().map(|node| score(node, free(node), need, ours.get(&node.farm).copied().unwrap_or(0))).collect();
    scored.sort_by(|left, right| right.points().cmp(&left.points()).then(left.node.cmp(&right.node)));
    let fitting = scored.len();
    let mut scored = scored.into_iter();
    match (scored.next(), place) {
        (Some(best), _) => Ok(Choice { best, runner_up: scored.next(), fitting }),
        (None, Place::Country(country)) if !anywhere.is_empty() => {
            Err(NoNode::NotInCountry { country: country.clone(), elsewhere: anywhere.len() })
        }
        (None, _) => Err(NoNode::Nowhere),
    }
}

fn score(node: &Node, free: Capacity, need: Capacity, ours_on_farm: u32) -> Scored {
    let days = node.uptime_s / 86_400;
    let steady = u32::try_from(days.min(40)).unwrap_or(40);
    let left = free.minus(need);
    let percent = |left: u64, total: u64| left.saturating_mul(100).checked_div(total).unwrap_or(0);
    let headroom = percent(left.memory, node.total.memory).min(percent(left.ssd, node.total.ssd));
    let room = u32::try_from(headroom * 30 / 100).unwrap_or(0);
    let spread = 20u32.saturating_sub(ours_on_farm.saturating_mul(4));
    let part = |name: &str, points, of, why: String| Part { name: name.into(), points, of, why };
    Scored {
        node: node.id,
        twin: node.twin,
        farm: node.farm,
        farm_name: node.farm_name.clone(),
        owner: node.owner,
        country: node.country.clone(),
        city: node.city.clone(),
        parts: vec![
            part("Steadiness", steady, 40, format!("Up without a break for {}.", count(days, "day"))),
            part("Room to spare", room, 30, format!("{headroom} % of it stays free beside your VM.")),
            part("Spread", spread, 20, format!("Runs {} for our customers.", count(u64::from(ours_on_farm), "other VM"))),
            part(
                "Hardware",
                if node.certified { 10 } else { 0 },
                10,
                if node.certified { "Certified hardware.".into() } else { "Self-built hardware.".into() },
            ),
        ],
    }
}

fn count(number: u64, noun: &str) -> String {
    match number {
        0 => format!("no {noun}s"),
        1 => format!("1 {noun}"),
        many => format!("{many} {noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::catalogue::GIB;

    fn node(id: u32, country: &str, days: u64) -> Node {
        Node {
            id,
            twin: id,
            farm: id,
            farm_name: format!("Farm {id}"),
            owner: id,
            country: country.into(),
            city: "Town".into(),
            total: Capacity { cores: 8, memory: 32 * GIB, ssd: 500 * GIB, hdd: 0 },
            used: Capacity::default(),
            certified: false,
            up: true,
            sellable: true,
            uptime_s: days * 86_400,
            seen: Time::EPOCH,
        }
    }

    const NEED: Capacity = Capacity { cores: 2, memory: 4 * GIB, ssd: 50 * GIB, hdd: 0 };

    fn pick(nodes: &[Node], place: &Place) -> Result<Choice, NoNode> {
        choose(nodes, NEED, place, &BTreeMap::new(), &BTreeMap::new(), &[])
    }

    #[test]
    fn the_steadier_node_wins_and_the_loser_is_explained() {
        let choice = pick(&[node(1, "Belgium", 3), node(2, "Germany", 30)], &Place::Anywhere).unwrap();
        assert_eq!((choice.best.node, choice.fitting), (2, 2));
        assert_eq!(
            choice.why_not_runner_up().unwrap(),
            "Farm 1 in Town came second with 49 of 100 points: up without a break for 3 days."
        );
    }

    #[test]
    fn the_country_is_honoured_or_the_order_is_refused() {
        let nodes = [node(1, "Belgium", 3), node(2, "Germany", 30)];
        assert_eq!(pick(&nodes, &Place::parse("belgium")).unwrap().best.node, 1);
        assert_eq!(pick(&nodes, &Place::parse("Peru")), Err(NoNode::NotInCountry { country: "Peru".into(), elsewhere: 2 }));
        assert_eq!(pick(&[], &Place::Anywhere), Err(NoNode::Nowhere));
    }

    #[test]
    fn what_is_promised_to_others_is_not_sold_again() {
        let reserved = BTreeMap::from([(1, Capacity { memory: 29 * GIB, ..Capacity::default() })]);
        let refused = choose(&[node(1, "Belgium", 3)], NEED, &Place::Anywhere, &reserved, &BTreeMap::new(), &[]);
        assert_eq!(refused, Err(NoNode::Nowhere));
        assert_eq!(
            choose(&[node(1, "Belgium", 3)], NEED, &Place::Anywhere, &BTreeMap::new(), &BTreeMap::new(), &[1]),
            Err(NoNode::Nowhere)
        );
    }

    #[test]
    fn a_farm_that_carries_much_of_ours_falls_behind() {
        let ours = BTreeMap::from([(1, 4)]);
        let choice =
            choose(&[node(1, "Belgium", 30), node(2, "Belgium", 30)], NEED, &Place::Anywhere, &BTreeMap::new(), &ours, &[])
                .unwrap();
        assert_eq!(choice.best.node, 2);
    }
}
