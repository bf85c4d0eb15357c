//! Where nodes stand, gathered by country or by city: what a map shows of many nodes.

use super::filter::Field;
use super::{Pool, Rows, flag};
use crate::domain::node::Spot;

/// The nodes of one country, or of one city.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    pub name: String,
    pub nodes: usize,
    /// In the middle of those that say where they stand; None where none does.
    pub spot: Option<Spot>,
}

/// What is added up for one name.
#[derive(Clone, Copy, Default)]
struct Sum {
    nodes: usize,
    placed: i64,
    latitude: i64,
    longitude: i64,
}

impl Pool {
    /// Gathers nodes by `Field::City`, or by country: the largest first. A node without a name for it is in none.
    pub fn clusters(&self, rows: &Rows, by: Field) -> Vec<Cluster> {
        let names = if by == Field::City { &self.cities } else { &self.countries };
        let mut sums = vec![Sum::default(); self.words.len()];
        for row in rows.iter() {
            let sum = &mut sums[names[row].0 as usize];
            sum.nodes += 1;
            if self.flags[row] & flag::PLACED != 0 {
                sum.placed += 1;
                sum.latitude += i64::from(self.latitudes[row]);
                sum.longitude += i64::from(self.longitudes[row]);
            }
        }
        let mut clusters: Vec<Cluster> = self
            .words
            .names()
            .map(|(word, name)| (name, sums[word.0 as usize]))
            .filter(|(name, sum)| sum.nodes > 0 && !name.is_empty())
            .map(|(name, sum)| Cluster { name: name.to_owned(), nodes: sum.nodes, spot: sum.middle() })
            .collect();
        clusters.sort_by(|left, right| right.nodes.cmp(&left.nodes).then_with(|| left.name.cmp(&right.name)));
        clusters
    }
}

impl Sum {
    fn middle(self) -> Option<Spot> {
        let mean = |sum: i64| i32::try_from(sum.checked_div(self.placed)?).ok();
        Spot::new(mean(self.latitude)?, mean(self.longitude)?)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::world;
    use super::*;
    use crate::domain::node::{Node, StorageClass};
    use crate::domain::pool::{Filter, Search};

    #[test]
    fn every_cluster_has_as_many_nodes_as_following_it_finds() {
        let pool = Pool::new(world(300), StorageClass::default());
        let rows = Rows::that(pool.len(), |row| row % 3 != 1);
        for by in [Field::Country, Field::City] {
            let clusters = pool.clusters(&rows, by);
            assert_eq!(clusters.iter().map(|cluster| cluster.nodes).sum::<usize>(), rows.count());
            for cluster in clusters {
                let mut filter = Filter::default();
                filter.set(by, &cluster.name).unwrap();
                assert_eq!(pool.find(&Search { filter: &filter, among: &rows, mine: &[] }).count(), cluster.nodes);
            }
        }
    }

    #[test]
    fn a_cluster_stands_in_the_middle_of_those_that_say_where_they_are() {
        let at = |latitude, longitude| Node { spot: Spot::new(latitude, longitude), ..world(1).remove(0) };
        let nodes = [at(50_000_000, 4_000_000), at(52_000_000, 6_000_000), at(0, 0)];
        let nodes = (1..).zip(nodes).map(|(id, node)| Node { id, country: "Belgium".into(), ..node }).collect();
        let pool = Pool::new(nodes, StorageClass::default());
        let clusters = pool.clusters(&Rows::all(3), Field::Country);
        assert_eq!((clusters[0].nodes, clusters[0].spot), (3, Spot::new(51_000_000, 5_000_000)));
        assert_eq!(pool.clusters(&pool.rows_of([3]), Field::Country)[0].spot, None);
    }
}
