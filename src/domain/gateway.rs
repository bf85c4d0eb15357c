//! Which node becomes the gateway of a web address.

use super::node::{Features, Spot};
use super::pool::{Entry, Pool, Rows};

/// A kilometre counts one; each address that a gateway carries already, as much as this many: nobody's gateway should carry them all.
const LOAD_KM: u64 = 50;
/// What a place counts that is not known.
const SOMEWHERE_KM: u64 = 5000;

/// Nodes among `rows` that are gateways, the best first: the one it is on already, if any, for with another gateway the whole name or
/// the domain's record would change; then those near the machine and not full of others. `carries` tells how many other addresses of
/// ours are on a node.
pub fn gateways<'a>(
    pool: &'a Pool,
    rows: &Rows,
    near: Option<Spot>,
    stay: Option<u32>,
    avoid: &[u32],
    carries: impl Fn(u32) -> usize,
) -> Vec<Entry<'a>> {
    let fits =
        |entry: &Entry<'_>| !entry.domain().is_empty() && entry.features().has(Features::GATEWAY) && !avoid.contains(&entry.id());
    let mut all: Vec<(u64, Entry<'a>)> = rows
        .iter()
        .filter_map(|row| pool.at(row))
        .filter(fits)
        .map(|entry| {
            let far = match (near, entry.spot()) {
                (Some(here), Some(there)) => u64::from(here.km_to(there)),
                _ => SOMEWHERE_KM,
            };
            let load = u64::try_from(carries(entry.id())).unwrap_or(u64::MAX);
            (far.saturating_add(load.saturating_mul(LOAD_KM)), entry)
        })
        .collect();
    all.sort_by_key(|(cost, entry)| (Some(entry.id()) != stay, *cost, entry.id()));
    all.into_iter().map(|(_, entry)| entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::node::tests::node as plain;
    use crate::domain::node::{Node, StorageClass};

    fn gateway(id: u32, latitude: i32) -> Node {
        let features = Features::of(["zmachine", "network", "mycelium", "gateway-name-proxy", "gateway-fqdn-proxy"]);
        Node { domain: format!("gw{id}.example"), features, spot: Spot::new(latitude, 4_000_000), ..plain(id) }
    }

    #[test]
    fn the_nearest_gateway_is_taken_until_it_is_full_and_none_that_failed() {
        let nodes = [gateway(1, 60_000_000), gateway(2, 51_000_000), gateway(3, 52_000_000), plain(4)];
        let pool = Pool::new(nodes.into(), StorageClass::default());
        let here = Spot::new(51_000_000, 4_000_000);
        let order_from = |stay: Option<u32>, avoid: &[u32], load: usize| -> Vec<u32> {
            let carries = |id| if id == 2 { load } else { 0 };
            gateways(&pool, &pool.sellable(), here, stay, avoid, carries).into_iter().map(Entry::id).collect()
        };
        let order = |avoid: &[u32], load| order_from(None, avoid, load);
        assert_eq!(order(&[], 0), [2, 3, 1]);
        assert_eq!(order(&[], 3), [3, 2, 1], "as good, and emptier");
        assert_eq!(order(&[2], 0), [3, 1]);
        assert_eq!(order(&[1, 2, 3], 0), [] as [u32; 0]);
        assert_eq!(order_from(Some(1), &[], 0), [1, 2, 3], "what is there stays where it is, however far");
        assert_eq!(order_from(Some(1), &[1], 0), [2, 3], "unless it failed there");
    }
}
