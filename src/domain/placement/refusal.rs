//! Why nothing can be placed, in sentences that say what to do about it.

use std::fmt;

use super::{Apart, count};
use crate::base::Time;
use crate::domain::maintenance::Window;

/// Why no node fits, and what to relax.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoNode {
    /// None in that country, but elsewhere there are.
    NotInCountry { country: String, elsewhere: usize },
    /// None that is wished for; the sentences say what to drop.
    NotAsWished { advice: Vec<String> },
    /// The node that was chosen can't be had.
    Chosen { node: u32, lack: Lack },
    /// All that fit are to be kept away from, for these reasons.
    Avoided { fitting: usize, reasons: Vec<String> },
    /// Not as many as wanted that are so far apart.
    TooFew { found: usize, wanted: usize, apart: Apart },
    /// There is room in the place that was asked for, but not with this.
    Without(Extra),
    /// Those that fit are worked on soon.
    WorkedOn { fitting: usize, until: Time },
    /// Nowhere.
    Nowhere,
}

/// A way to reach a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extra {
    Ipv4,
    Ipv6,
    Tunnel,
    /// Each is there, but not together.
    Together,
}

impl NoNode {
    /// The field of the order form that it is about.
    pub const fn field(&self) -> &'static str {
        match self {
            NoNode::Without(Extra::Ipv4) => "ipv4",
            NoNode::Without(Extra::Ipv6) => "ipv6",
            NoNode::Without(Extra::Tunnel) => "wireguard",
            _ => "region",
        }
    }

    pub fn sentence(&self) -> String {
        match self {
            NoNode::NotInCountry { country, elsewhere } => {
                format!(
                    "Nothing of this size is free in {country} right now. {elsewhere} other places have room: choose “Anywhere” or a smaller size."
                )
            }
            NoNode::NotAsWished { advice } => {
                format!("No node is as you wish it right now. {}", advice.join(" ")).trim().to_owned()
            }
            NoNode::Chosen { node, lack } => format!("Node {node} {lack}"),
            NoNode::Avoided { fitting, reasons } => {
                format!("{} would fit, and can't be used. {}", count(*fitting as u64, "node"), reasons.join(" "))
            }
            NoNode::TooFew { found, wanted, apart } => {
                format!("{} are wanted {apart}; there is room for {found} right now.", count(*wanted as u64, "node"))
            }
            NoNode::Without(Extra::Ipv4) => {
                "No place that fits has a public IPv4 address left. Leave it out, or choose another place.".into()
            }
            NoNode::Without(Extra::Ipv6) => {
                "No place that fits gives out public IPv6 addresses. Leave it out, or choose another place.".into()
            }
            NoNode::Without(Extra::Tunnel) => {
                "No place that fits can be reached by WireGuard. Leave it out, or choose another place.".into()
            }
            NoNode::Without(Extra::Together) => {
                "No place that fits has all of these ways to reach it. Leave one out, or choose another place.".into()
            }
            NoNode::WorkedOn { fitting, until } => format!(
                "{} would fit, and will be worked on within the next week, so that nobody new is placed there. Please choose another \
                 place or size, or come back after {}.",
                count(*fitting as u64, "node"),
                until.minute()
            ),
            NoNode::Nowhere => {
                "Nothing of this size is free right now. Please try a smaller size, or come back in an hour.".into()
            }
        }
    }
}

/// Why a node that somebody chose can't be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lack {
    Gone,
    NotForSale,
    Room,
    Wishes,
    /// Its provider works on it soon.
    WorkedOn(Window),
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Lack::WorkedOn(window) => {
                let said = format!("will be worked on: {}. Please choose another one, or order after that.", window.text());
                return f.write_str(&said);
            }
            Lack::Gone => "is not on the list of nodes any more. Please choose another one.",
            Lack::NotForSale => "takes no orders right now. Please choose another one.",
            Lack::Room => "has no room for this size right now. Please choose a smaller size, or another node.",
            Lack::Wishes => "can't give all that you ask for. Please ask for less, or choose another one.",
        })
    }
}
