//! Which node a VM goes to, and why: a score whose parts a person can read.

mod refusal;
mod scale;
mod spread;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use self::refusal::{Extra, Lack, NoNode};
use self::scale::Scale;
pub use self::spread::{Caps, choose_spread};
use super::catalogue::{Capacity, Place};
use super::exposure::{Buyer, Market, open_to};
use super::node::Spot;
use super::pool::{Entry, Facets, Filter, Pool, Rows, Search, Sort};

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
    /// Where a customer's tunnel can end on the node, if it can.
    #[serde(default)]
    pub address: Option<String>,
}

impl Scored {
    pub fn points(&self) -> u32 {
        self.parts.iter().map(|part| part.points).sum()
    }

    /// `Ghent, Belgium`
    pub fn place(&self) -> String {
        format!("{}, {}", self.city, self.country)
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

/// Ways to reach a machine that a node must offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reach {
    /// A public IPv4 address that is free on its farm.
    pub ipv4: bool,
    pub ipv6: bool,
    /// An address of its own on which a customer's tunnel can end.
    pub tunnel: bool,
    /// Keeps stores for swarms.
    pub storage: bool,
}

/// Who is not wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Whom {
    Node(u32),
    Farm(u32),
    /// A farmer's twin.
    Owner(u32),
}

impl Whom {
    fn is(self, entry: Entry<'_>) -> bool {
        match self {
            Whom::Node(id) => entry.id() == id,
            Whom::Farm(id) => entry.farm() == id,
            Whom::Owner(twin) => entry.owner() == twin,
        }
    }
}

/// Somebody to keep away from, and the sentence that says why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Avoid {
    pub whom: Whom,
    pub why: String,
}

/// How far copies of one thing stay apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Apart {
    Nodes,
    /// What takes one farm down leaves the others.
    Farms,
    /// What one farmer does leaves the others.
    Owners,
}

impl fmt::Display for Apart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Apart::Nodes => "on different nodes",
            Apart::Farms => "on different farms",
            Apart::Owners => "with different farmers",
        })
    }
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    pub need: Capacity,
    pub place: Place,
    pub reach: Reach,
    /// Further wishes. Its country, if any, is one more than the place.
    pub filter: Filter,
    /// Nearness to here counts.
    pub near: Option<Spot>,
    pub avoid: Vec<Avoid>,
    pub buyer: Buyer,
}

impl Ask {
    pub fn new(need: Capacity, place: Place) -> Ask {
        Ask {
            need,
            place,
            reach: Reach::default(),
            filter: Filter::default(),
            near: None,
            avoid: vec![],
            buyer: Buyer::default(),
        }
    }

    /// Nodes that failed this order already are not tried again.
    pub fn without_nodes(mut self, tried: &[u32]) -> Ask {
        let again = |node: &u32| Avoid { whom: Whom::Node(*node), why: "It was tried there already.".into() };
        self.avoid.extend(tried.iter().map(again));
        self
    }

    /// The filter with the place in it.
    fn wishes(&self) -> Filter {
        match &self.place {
            Place::Anywhere => self.filter.clone(),
            Place::Country(country) => Filter { country: Some(country.clone()), ..self.filter.clone() },
            Place::Node(id) => Filter { nodes: [*id].into(), ..self.filter.clone() },
        }
    }
}

/// Picks the best node. Same input, same answer: ties go to the lower node number.
pub fn choose(pool: &Pool, ask: &Ask, market: &Market) -> Result<Choice, NoNode> {
    let scale = Scale::new(pool, ask, market);
    let wishes = ask.wishes();
    let spacious = scale.roomy(market.for_sale(pool, &ask.buyer));
    let roomy = scale.reachable(spacious.clone(), ask.reach);
    let find = |among: &Rows| pool.find(&Search { filter: &wishes, among, mine: &ask.buyer.twins });
    let wished = find(&roomy);
    let fitting = keep_away(pool, wished.clone(), &ask.avoid);
    let mut best = pool.best(&fitting, Sort::Score, 2, |row| scale.points(row)).into_iter().filter_map(|row| scale.scored(row));
    match best.next() {
        Some(first) => Ok(Choice { best: first, runner_up: best.next(), fitting: fitting.count() }),
        None => {
            if let Some(none) = worked_on(pool, ask, market) {
                return Err(none);
            }
            // Room where it was asked for: then it is a way to reach it that nobody there has.
            let otherwise = keep_away(pool, find(&spacious), &ask.avoid);
            match wished.is_empty() && !otherwise.is_empty() {
                true => Err(NoNode::Without(scale.missing(&otherwise))),
                false => Err(no_node(pool, ask, market, &wishes, &roomy, &wished)),
            }
        }
    }
}

/// Whether there would be a place if none were worked on soon.
fn worked_on(pool: &Pool, ask: &Ask, market: &Market) -> Option<NoNode> {
    let first = market.kept_free.values().map(|window| window.ends).min()?;
    let choice = choose(pool, ask, &market.clone().regardless()).ok()?;
    Some(match ask.place {
        Place::Node(node) => NoNode::Chosen { node, lack: Lack::WorkedOn(*market.kept_free.get(&node)?) },
        _ => NoNode::WorkedOn { fitting: choice.fitting, until: first },
    })
}

/// How many more nodes there would be to choose from if none were worked on soon.
pub fn left_out(pool: &Pool, ask: &Ask, market: &Market) -> usize {
    if market.kept_free.is_empty() {
        return 0;
    }
    let fitting = |market: &Market| choose(pool, ask, market).map_or(0, |choice| choice.fitting);
    fitting(&market.clone().regardless()).saturating_sub(fitting(market))
}

fn no_node(pool: &Pool, ask: &Ask, market: &Market, wishes: &Filter, roomy: &Rows, wished: &Rows) -> NoNode {
    if !wished.is_empty() {
        let hit = |avoid: &&Avoid| wished.iter().filter_map(|row| pool.at(row)).any(|entry| avoid.whom.is(entry));
        let mut reasons: Vec<String> = ask.avoid.iter().filter(hit).map(|avoid| avoid.why.clone()).collect();
        reasons.dedup();
        return NoNode::Avoided { fitting: wished.count(), reasons };
    }
    if let Place::Node(node) = ask.place {
        let lack = match pool.node(node).map(Entry::row) {
            // One that this buyer does not see is one that is not there.
            Some(row) if !open_to(pool, &market.exposures, &ask.buyer).contains(row) => Lack::Gone,
            None => Lack::Gone,
            Some(row) if roomy.contains(row) => Lack::Wishes,
            Some(row) if market.for_sale(pool, &ask.buyer).contains(row) => Lack::Room,
            Some(_) => Lack::NotForSale,
        };
        return NoNode::Chosen { node, lack };
    }
    let left = keep_away(pool, roomy.clone(), &ask.avoid);
    match &ask.place {
        _ if left.is_empty() => NoNode::Nowhere,
        Place::Country(country) if ask.filter.is_empty() => {
            NoNode::NotInCountry { country: country.clone(), elsewhere: left.count() }
        }
        _ => {
            let facets = pool.facets(&Search { filter: wishes, among: &left, mine: &ask.buyer.twins });
            NoNode::NotAsWished { advice: facets.relax.iter().take(3).map(|relax| relax.sentence(wishes)).collect() }
        }
    }
}

fn keep_away(pool: &Pool, mut rows: Rows, avoid: &[Avoid]) -> Rows {
    let (nodes, others): (Vec<Whom>, Vec<Whom>) =
        avoid.iter().map(|avoid| avoid.whom).partition(|whom| matches!(whom, Whom::Node(_)));
    for whom in nodes {
        if let Whom::Node(id) = whom
            && let Some(entry) = pool.node(id)
        {
            rows.remove(entry.row());
        }
    }
    if others.is_empty() {
        return rows;
    }
    let hit: Vec<usize> =
        rows.iter().filter(|row| pool.at(*row).is_some_and(|entry| others.iter().any(|whom| whom.is(entry)))).collect();
    hit.into_iter().for_each(|row| rows.remove(row));
    rows
}

/// Picks nodes for so many copies of one thing that they don't fall together, the best first.
///
/// Taking the best one, then the best one that is far enough from it, and so on finds as many as there are: each choice closes
/// only what no other could have used beside it.
pub fn choose_many(pool: &Pool, ask: &Ask, market: &Market, copies: usize, apart: Apart) -> Result<Vec<Choice>, NoNode> {
    let (mut ask, mut choices) = (ask.clone(), Vec::with_capacity(copies));
    while choices.len() < copies {
        let choice = match choose(pool, &ask, market) {
            Ok(choice) => choice,
            Err(none) if choices.is_empty() => return Err(none),
            Err(_) => return Err(NoNode::TooFew { found: choices.len(), wanted: copies, apart }),
        };
        let whom = match apart {
            Apart::Nodes => Whom::Node(choice.best.node),
            Apart::Farms => Whom::Farm(choice.best.farm),
            Apart::Owners => Whom::Owner(choice.best.owner),
        };
        ask.avoid.push(Avoid { whom, why: "Another copy is there already.".into() });
        choices.push(choice);
    }
    Ok(choices)
}

/// A page of nodes to choose from by oneself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    pub facets: Facets,
    /// How many there are on all pages.
    pub total: usize,
    /// All of them.
    pub found: Rows,
    /// How many of them take an order of this buyer now: the others are only rented whole.
    pub orderable: usize,
    pub nodes: Vec<Scored>,
}

/// What somebody sees who chooses for themselves: nodes with room for `ask.need` that this buyer can look at, in order, from `skip`
/// on, and counts beside every value of every filter.
pub fn list(pool: &Pool, ask: &Ask, market: &Market, sort: Sort, skip: usize, most: usize) -> Listing {
    let scale = Scale::new(pool, ask, market);
    let wishes = ask.wishes();
    let roomy = scale.reachable(scale.roomy(market.on_show(pool, &ask.buyer)), ask.reach);
    let roomy = keep_away(pool, roomy, &ask.avoid);
    let search = Search { filter: &wishes, among: &roomy, mine: &ask.buyer.twins };
    let (facets, found) = (pool.facets(&search), pool.find(&search));
    // A page behind the last one, or none at all, sorts nothing.
    let wanted = if most > 0 && skip < facets.matches { skip.saturating_add(most) } else { 0 };
    let best = if wanted > 0 { pool.best(&found, sort, wanted, |row| scale.points(row)) } else { vec![] };
    let nodes = best.into_iter().skip(skip).filter_map(|row| scale.scored(row)).collect();
    let orderable = found.clone().and(&market.for_sale(pool, &ask.buyer)).count();
    Listing { total: facets.matches, facets, orderable, found, nodes }
}

/// How many nodes `list` would find.
pub fn count_all(pool: &Pool, ask: &Ask, market: &Market) -> usize {
    let scale = Scale::new(pool, ask, market);
    let roomy = scale.reachable(scale.roomy(market.on_show(pool, &ask.buyer)), ask.reach);
    let roomy = keep_away(pool, roomy, &ask.avoid);
    pool.find(&Search { filter: &ask.wishes(), among: &roomy, mine: &ask.buyer.twins }).count()
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
    use std::collections::BTreeMap;

    use super::*;
    use crate::base::Time;
    use crate::domain::catalogue::GIB;
    use crate::domain::maintenance::Window;
    use crate::domain::node::tests::node as plain;
    use crate::domain::node::{Features, Looks, Node, StorageClass};
    use crate::domain::pool::{Field, GpuWish};

    fn node(id: u32, country: &str, days: u64) -> Node {
        Node { country: country.into(), city: "Town".into(), uptime_s: days * 86_400, ..plain(id) }
    }

    const NEED: Capacity = Capacity { cores: 2, memory: 4 * GIB, ssd: 50 * GIB, hdd: 0 };

    fn pool(nodes: &[Node]) -> Pool {
        Pool::new(nodes.to_vec(), StorageClass::default())
    }

    fn ask(place: &str) -> Ask {
        Ask::new(NEED, Place::parse(place))
    }

    fn pick(nodes: &[Node], place: &str) -> Result<Choice, NoNode> {
        choose(&pool(nodes), &ask(place), &Market::default())
    }

    #[test]
    fn the_steadier_node_wins_and_the_loser_is_explained() {
        let choice = pick(&[node(1, "Belgium", 3), node(2, "Germany", 30)], "").unwrap();
        assert_eq!((choice.best.node, choice.fitting, choice.best.of()), (2, 2, 100));
        assert_eq!(
            choice.why_not_runner_up().unwrap(),
            "Farm 1 in Town came second with 50 of 100 points: up without a break for 3 days, by its own report: \
             we have not looked often enough yet."
        );
    }

    #[test]
    fn what_we_saw_counts_more_than_what_a_node_says() {
        let boast = node(1, "Belgium", 400);
        let seen = Node { looks: Looks { seen: 5000, up: 4990 }, ..node(2, "Belgium", 1) };
        let choice = pick(&[boast.clone(), seen], "").unwrap();
        assert_eq!(choice.best.node, 2);
        let why = &choice.best.parts[1].why;
        assert_eq!(why, "Up 99.8 % of the 5000 times we looked.");
        let shaky = Node { looks: Looks { seen: 5000, up: 4600 }, ..node(3, "Belgium", 100) };
        assert_eq!(pick(&[boast, shaky], "").unwrap().best.node, 1);
    }

    #[test]
    fn the_country_is_honoured_or_the_order_is_refused() {
        let nodes = [node(1, "Belgium", 3), node(2, "Germany", 30)];
        assert_eq!(pick(&nodes, "belgium").unwrap().best.node, 1);
        assert_eq!(pick(&nodes, "Peru"), Err(NoNode::NotInCountry { country: "Peru".into(), elsewhere: 2 }));
        assert_eq!(pick(&[], ""), Err(NoNode::Nowhere));
    }

    #[test]
    fn what_is_promised_to_others_is_not_sold_again() {
        let reserved = BTreeMap::from([(1, Capacity { memory: 29 * GIB, ..Capacity::default() })]);
        let market = Market { reserved, ..Market::default() };
        let pool = pool(&[node(1, "Belgium", 3)]);
        assert_eq!(choose(&pool, &ask(""), &market), Err(NoNode::Nowhere));
    }

    #[test]
    fn a_node_that_failed_the_order_is_not_tried_again() {
        let pool = pool(&[node(1, "Belgium", 3)]);
        let refused = choose(&pool, &ask("").without_nodes(&[1]), &Market::default()).unwrap_err();
        assert_eq!(refused, NoNode::Avoided { fitting: 1, reasons: vec!["It was tried there already.".into()] });
        assert_eq!(refused.sentence(), "1 node would fit, and can't be used. It was tried there already.");
    }

    #[test]
    fn a_farm_that_carries_much_of_ours_falls_behind_and_so_do_its_farmers_others() {
        let carried = |nodes: &[Node]| {
            let market = Market { ours: BTreeMap::from([(1, 4)]), ..Market::default() };
            choose(&pool(nodes), &ask(""), &market).unwrap()
        };
        assert_eq!(carried(&[node(1, "Belgium", 30), node(2, "Belgium", 30)]).best.node, 2);
        let sister = Node { owner: 101, ..node(2, "Belgium", 30) };
        let choice = carried(&[node(1, "Belgium", 30), sister, node(3, "Belgium", 30)]);
        assert_eq!((choice.best.node, choice.runner_up.as_ref().unwrap().node), (3, 2));
        let why = &choice.runner_up.unwrap().parts[3].why;
        assert_eq!(why, "Its farm runs no other VMs for our customers, and its farmer 4 more elsewhere.");
    }

    #[test]
    fn hardware_that_costs_more_loses_points_for_that_and_says_so() {
        let choice = pick(&[Node { rate_bp: 12_500, ..node(1, "Belgium", 3) }], "").unwrap();
        assert_eq!((choice.best.parts[0].points, choice.best.parts[0].why.as_str()), (11, "25 % above the usual price."));
    }

    #[test]
    fn nearness_counts_when_there_is_somewhere_to_be_near_to() {
        let far = Node { spot: Spot::new(1_352_100, 103_819_800), ..node(1, "Singapore", 10) };
        let nowhere = Node { spot: None, ..node(2, "Belgium", 10) };
        let pool = pool(&[far, nowhere, node(3, "Belgium", 3)]);
        let near = Ask { near: Spot::new(51_000_000, 4_000_000), ..ask("") };
        let choice = choose(&pool, &near, &Market::default()).unwrap();
        assert_eq!((choice.best.node, choice.best.of()), (3, 120));
        assert_eq!(choice.best.parts[6].why, "20 km away as the crow flies.");
        assert_eq!(choose(&pool, &ask(""), &Market::default()).unwrap().best.node, 1);
    }

    #[test]
    fn wishes_are_fulfilled_or_the_refusal_says_which_to_drop() {
        let pool = pool(&[node(1, "Belgium", 3), Node { ipv6: true, ..node(2, "Germany", 3) }]);
        let wish = |place: &str, query: &str| {
            let ask = Ask { filter: Filter::parse(query).unwrap(), ..ask(place) };
            choose(&pool, &ask, &Market::default())
        };
        assert_eq!(wish("", "ipv6=yes").unwrap().best.node, 2);
        let refused = wish("Belgium", "ipv6=yes").unwrap_err();
        assert_eq!(
            refused.sentence(),
            "No node is as you wish it right now. Without “Country: Belgium” there is 1 node. Without “IPv6” there is 1 node."
        );
        let gpu = Ask { filter: Filter { gpu: Some(GpuWish::Any), ..Filter::default() }, ..ask("") };
        assert!(matches!(choose(&pool, &gpu, &Market::default()), Err(NoNode::NotAsWished { .. })));
    }

    #[test]
    fn a_chosen_node_is_the_one_or_the_refusal_says_what_it_lacks() {
        let full = Node { used: Capacity { memory: 31 * GIB, ..Capacity::default() }, ..node(2, "Belgium", 90) };
        let whole = Node { dedicated: true, ..node(3, "Belgium", 90) };
        let pool = pool(&[node(1, "Belgium", 3), full, whole]);
        let on = |node: u32, filter: &str| {
            let ask = Ask { filter: Filter::parse(filter).unwrap(), ..Ask::new(NEED, Place::Node(node)) };
            choose(&pool, &ask, &Market::default())
        };
        let choice = on(1, "").unwrap();
        assert_eq!((choice.best.node, choice.fitting, choice.runner_up), (1, 1, None));
        let lacks = |node, filter: &str| match on(node, filter) {
            Err(NoNode::Chosen { node: of, lack }) if of == node => lack,
            other => panic!("{other:?}"),
        };
        assert_eq!((lacks(2, ""), lacks(3, ""), lacks(4, "")), (Lack::Room, Lack::NotForSale, Lack::Gone));
        assert_eq!(lacks(1, "ipv6=yes"), Lack::Wishes);
        let again = Ask::new(NEED, Place::Node(1)).without_nodes(&[1]);
        assert!(choose(&pool, &again, &Market::default()).is_err(), "there is no second one");
    }

    #[test]
    fn within_a_filter_the_best_is_taken_and_nothing_outside_of_it_ever() {
        let six = |id, days| Node { ipv6: true, ..node(id, "Germany", days) };
        let pool = pool(&[node(1, "Belgium", 25), six(2, 9), six(3, 3)]);
        let within = |query: &str| Ask { filter: Filter::parse(query).unwrap(), ..ask("") };
        let choice = choose(&pool, &within("ipv6=yes"), &Market::default()).unwrap();
        assert_eq!((choice.best.node, choice.runner_up.map(|other| other.node), choice.fitting), (2, Some(3), 2));
        let next = choose(&pool, &within("ipv6=yes").without_nodes(&[2]), &Market::default()).unwrap();
        assert_eq!(next.best.node, 3);
        assert!(choose(&pool, &within("ipv6=yes").without_nodes(&[2, 3]), &Market::default()).is_err());
        let refused = choose(&pool, &within("ipv6=yes&country=Belgium"), &Market::default()).unwrap_err();
        assert!(refused.sentence().contains("Without “IPv6” there is 1 node."), "{}", refused.sentence());
    }

    #[test]
    fn an_address_is_given_where_there_is_one_and_else_the_refusal_names_it() {
        let gives = |node: Node| Node { features: Features::of(["zmachine", "network", "mycelium", "ip", "wireguard"]), ..node };
        let nodes = [
            node(1, "Belgium", 20),
            gives(Node { free_ips: 1, ..node(2, "Belgium", 3) }),
            gives(Node { ipv6: true, ..node(3, "Belgium", 3) }),
            gives(Node { free_ips: 9, address: "192.0.2.1".into(), ..node(4, "Germany", 20) }),
            // Says that its farm has some, and can't give them.
            Node { free_ips: 9, ipv6: true, address: "192.0.2.2".into(), ..node(5, "Belgium", 20) },
        ];
        let pool = pool(&nodes);
        let with = |reach: Reach, promised: &[(u32, u32)]| {
            let market = Market { addresses: promised.iter().copied().collect(), ..Market::default() };
            choose(&pool, &Ask { reach, ..ask("Belgium") }, &market).map(|choice| choice.best.node)
        };
        let (none, all) = (Reach::default(), Reach { ipv4: true, ipv6: true, ..Reach::default() });
        assert_eq!(with(none, &[]), Ok(1));
        assert_eq!(with(Reach { ipv4: true, ..none }, &[]), Ok(2));
        assert_eq!(with(Reach { ipv6: true, ..none }, &[]), Ok(3));
        assert_eq!(with(Reach { ipv4: true, ..none }, &[(2, 1)]), Err(NoNode::Without(Extra::Ipv4)), "promised to somebody");
        assert_eq!(with(Reach { tunnel: true, ..none }, &[]), Err(NoNode::Without(Extra::Tunnel)));
        assert_eq!(with(all, &[]), Err(NoNode::Without(Extra::Together)));
        let huge = Ask { reach: all, ..Ask::new(Capacity { cores: 99, ..NEED }, Place::Anywhere) };
        assert_eq!(choose(&pool, &huge, &Market::default()), Err(NoNode::Nowhere));
    }

    #[test]
    fn what_is_worked_on_soon_is_left_out_and_said() {
        let pool = pool(&[node(1, "Belgium", 20), node(2, "Belgium", 19), node(3, "France", 1)]);
        let window = Window { starts: Time::from_secs(1_795_269_960), ends: Time::from_secs(1_795_277_160) };
        let market =
            |nodes: &[u32]| Market { kept_free: nodes.iter().map(|node| (*node, window)).collect(), ..Market::default() };
        let chosen = |asked: &Ask, nodes: &[u32]| choose(&pool, asked, &market(nodes)).map(|choice| choice.best.node);
        assert_eq!(chosen(&ask(""), &[1]), Ok(2));
        assert_eq!((left_out(&pool, &ask(""), &market(&[1, 3])), left_out(&pool, &ask(""), &market(&[]))), (2, 0));
        let none = chosen(&Ask { place: Place::Country("Belgium".into()), ..ask("") }, &[1, 2]).unwrap_err();
        assert_eq!(none, NoNode::WorkedOn { fitting: 2, until: window.ends });
        let own = chosen(&Ask { place: Place::Node(1), ..ask("") }, &[1]).unwrap_err();
        assert_eq!(
            own.sentence(),
            "Node 1 will be worked on: 21 Nov 2026, 14:06 UTC to 21 Nov 2026, 16:06 UTC. Please choose another one, or order after that."
        );
        let huge = Ask { need: Capacity { cores: 99, ..NEED }, ..ask("") };
        assert_eq!(chosen(&huge, &[1, 2, 3]), Err(NoNode::Nowhere), "it is not the work");
    }

    #[test]
    fn copies_go_as_far_apart_as_is_asked_or_nowhere() {
        // Three farms, of which the first two are one farmer's; the best two nodes stand on the first.
        let on = |id, farm, owner, days| Node { farm, owner, ..node(id, "Belgium", days) };
        let pool = pool(&[on(1, 1, 7, 20), on(2, 1, 7, 19), on(3, 2, 7, 5), on(4, 3, 8, 1)]);
        let many = |copies, apart| {
            let choices = choose_many(&pool, &ask(""), &Market::default(), copies, apart);
            choices.map(|choices| choices.into_iter().map(|choice| choice.best.node).collect::<Vec<_>>())
        };
        assert_eq!(many(2, Apart::Nodes), Ok(vec![1, 2]));
        assert_eq!(many(3, Apart::Farms), Ok(vec![1, 3, 4]));
        assert_eq!(many(2, Apart::Owners), Ok(vec![1, 4]));
        let few = many(3, Apart::Owners).unwrap_err();
        assert_eq!(few.sentence(), "3 nodes are wanted with different farmers; there is room for 2 right now.");
        assert!(many(1, Apart::Nodes).is_ok());
    }

    #[test]
    fn the_list_is_in_order_and_goes_on_where_it_stopped() {
        let nodes: Vec<Node> = (1..=30).map(|id| node(id, "Belgium", u64::from(id))).collect();
        let (pool, market) = (pool(&nodes), Market::default());
        let page = |sort, skip| list(&pool, &ask(""), &market, sort, skip, 10);
        let ids = |listing: &Listing| listing.nodes.iter().map(|node| node.node).collect::<Vec<_>>();
        assert_eq!(ids(&page(Sort::Node, 10)), (11..=20).collect::<Vec<_>>());
        assert_eq!(ids(&page(Sort::Node, 30)), [] as [u32; 0]);
        let best = page(Sort::Score, 0);
        assert_eq!((ids(&best)[..3].to_vec(), best.total), (vec![25, 26, 27], 30), "at most 25 days count");
        assert_eq!(best.facets.of(Field::Country)[0].nodes, 30);
    }
}
