//! A map of the world with a circle for each place: links for the keyboard, words for readers, no script.

use maud::{Markup, html};
use serde::Serialize;

use super::format::count;
use super::land::{DASHES, HEIGHT, PATH, WIDTH, point};
use crate::domain::node::Spot;

/// Circles on one map; the smallest ones beyond are in the list below it only.
const CIRCLES_MAX: usize = 80;
/// A map shows at least this much of the earth: seas and coasts by which one knows where one is.
const NARROWEST: i32 = 1000;
const ROUNDS: u32 = 80;

/// Nodes of one place.
#[derive(Debug, Clone, Serialize)]
pub struct Dot {
    pub name: String,
    pub nodes: usize,
    pub spot: Option<Spot>,
    /// Where it leads.
    pub href: Option<String>,
}

impl Dot {
    fn says(&self) -> String {
        format!("{}: {} {}", self.name, count(self.nodes as u64), if self.nodes == 1 { "node" } else { "nodes" })
    }
}

/// What is shown of the earth, in tenths of a degree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Window {
    x: i32,
    y: i32,
    width: i32,
    height: i32,
}

impl Window {
    /// Around all of these, with some sea around them.
    fn around(points: &[(i32, i32)]) -> Window {
        let range = |values: &mut dyn Iterator<Item = i32>| {
            values.fold((i32::MAX, i32::MIN), |(low, high), value| (low.min(value), high.max(value)))
        };
        let (west, east) = range(&mut points.iter().map(|point| point.0));
        let (north, south) = range(&mut points.iter().map(|point| point.1));
        if west > east {
            return Window { x: 0, y: 0, width: WIDTH, height: HEIGHT };
        }
        let wide_enough = ((east - west) * 3 / 2).max((south - north) * 3 / 2 * WIDTH / HEIGHT);
        let width = wide_enough.clamp(NARROWEST, WIDTH);
        let height = width * HEIGHT / WIDTH;
        let within = |middle: i32, length: i32, most: i32| (middle - length / 2).clamp(0, most - length);
        Window { x: within((west + east) / 2, width, WIDTH), y: within((north + south) / 2, height, HEIGHT), width, height }
    }

    /// A thousandth of its width: what looks the same however near one is.
    fn unit(self, times: i32) -> i32 {
        self.width * times / 1000
    }
}

struct Circle<'a> {
    dot: &'a Dot,
    /// Where it is, and where there is room for it.
    home: (i32, i32),
    at: (i32, i32),
    radius: i32,
}

/// The world, or as much of it as these places need. Those that don't say where they are, are not on it.
pub fn world(label: &str, dots: &[Dot]) -> Markup {
    let placed: Vec<(&Dot, (i32, i32))> = dots
        .iter()
        .filter_map(|dot| dot.spot.map(|spot| (dot, point(spot.latitude, spot.longitude))))
        .take(CIRCLES_MAX)
        .collect();
    let window = Window::around(&placed.iter().map(|(_, home)| *home).collect::<Vec<_>>());
    let mut circles: Vec<Circle<'_>> =
        placed.into_iter().map(|(dot, home)| Circle { dot, home, at: home, radius: window.unit(radius(dot.nodes)) }).collect();
    spread(&mut circles, window);
    let most = dots.iter().map(|dot| dot.nodes).max().unwrap_or(1);
    html! {
        svg.map viewBox={ (window.x) " " (window.y) " " (window.width) " " (window.height) }
            role=(if dots.iter().any(|dot| dot.href.is_some()) { "group" } else { "img" }) aria-label=(label) {
            path.map-land d=(*PATH) stroke-width=(DASHES * 11 / 20) stroke-dasharray={ "0 " (DASHES) } {}
            @for circle in &circles {
                @if circle.home != circle.at {
                    line.map-tie x1=(circle.home.0) y1=(circle.home.1) x2=(circle.at.0) y2=(circle.at.1) stroke-width=(window.unit(2)) {}
                }
            }
            @for circle in &circles {
                @match &circle.dot.href {
                    Some(href) => a.map-place.(tone(circle.dot.nodes, most)) href=(href) aria-label=(circle.dot.says()) data-sieve-link { (mark(circle, window)) },
                    None => g.map-place.(tone(circle.dot.nodes, most)) { (mark(circle, window)) },
                }
            }
        }
    }
}

fn mark(circle: &Circle<'_>, window: Window) -> Markup {
    let size = window.unit(if circle.dot.nodes < 1000 { 20 } else { 15 });
    html! {
        title { (circle.dot.says()) }
        circle cx=(circle.at.0) cy=(circle.at.1) r=(circle.radius) stroke-width=(window.unit(2)) {}
        text x=(circle.at.0) y=(circle.at.1 + size * 36 / 100) font-size=(size) text-anchor="middle" { (circle.dot.nodes) }
    }
}

/// In thousandths of the map's width: a circle with four times the nodes is twice as wide, as far as that can be looked at.
fn radius(nodes: usize) -> i32 {
    let root = i32::try_from(nodes.isqrt()).unwrap_or(i32::MAX);
    root.saturating_mul(4).saturating_add(11).clamp(15, 46)
}

fn tone(nodes: usize, most: usize) -> &'static str {
    match nodes {
        _ if nodes * 2 >= most => "many",
        _ if nodes * 5 >= most => "some",
        _ => "few",
    }
}

/// Moves circles apart that lie on each other, as little as it takes and always in the same way.
fn spread(circles: &mut [Circle<'_>], window: Window) {
    let gap = window.unit(3);
    for _ in 0..ROUNDS {
        let mut moved = false;
        for second in 1..circles.len() {
            let (before, rest) = circles.split_at_mut(second);
            let other = &mut rest[0];
            for one in before {
                moved |= part(one, other, gap);
            }
        }
        for circle in circles.iter_mut() {
            let inside = |value: i32, from: i32, length: i32| value.clamp(from + circle.radius, from + length - circle.radius);
            circle.at = (inside(circle.at.0, window.x, window.width), inside(circle.at.1, window.y, window.height));
        }
        if !moved {
            break;
        }
    }
}

fn part(one: &mut Circle<'_>, other: &mut Circle<'_>, gap: i32) -> bool {
    let (mut x, mut y) = (other.at.0 - one.at.0, other.at.1 - one.at.1);
    if (x, y) == (0, 0) {
        (x, y) = (1, 1);
    }
    let apart = i64::from(one.radius + other.radius + gap);
    let distance = (i64::from(x).pow(2) + i64::from(y).pow(2)).isqrt().max(1);
    if distance >= apart {
        return false;
    }
    // Half of what is missing for each, along the line between them, and at least one.
    let push = |along: i32| {
        let exact = i64::from(along) * (apart - distance) / (2 * distance);
        i32::try_from(exact).unwrap_or(0) + along.signum()
    };
    let (x, y) = (push(x), push(y));
    one.at = (one.at.0 - x, one.at.1 - y);
    other.at = (other.at.0 + x, other.at.1 + y);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dot(name: &str, nodes: usize, latitude: i32, longitude: i32) -> Dot {
        let spot = Spot::new(latitude * 1_000_000, longitude * 1_000_000);
        Dot { name: name.into(), nodes, spot, href: Some(format!("/nodes?country={name}")) }
    }

    #[test]
    fn circles_of_neighbours_do_not_lie_on_each_other() {
        let dots: Vec<Dot> = (0..12).map(|place| dot("x", 9, 50 + place % 3, 4 + place % 4)).collect();
        let window = Window { x: 0, y: 0, width: WIDTH, height: HEIGHT };
        let mut circles: Vec<Circle<'_>> = dots
            .iter()
            .map(|dot| {
                let home = dot.spot.map(|spot| point(spot.latitude, spot.longitude)).unwrap();
                Circle { dot, home, at: home, radius: window.unit(radius(dot.nodes)) }
            })
            .collect();
        spread(&mut circles, window);
        for (place, one) in circles.iter().enumerate() {
            for other in &circles[place + 1..] {
                let (x, y) = (one.at.0 - other.at.0, one.at.1 - other.at.1);
                let distance = (x * x + y * y).isqrt();
                assert!(distance * 10 >= (one.radius + other.radius) * 9, "{:?} and {:?}", one.at, other.at);
            }
        }
    }

    #[test]
    fn a_map_shows_all_it_has_to_and_not_much_more() {
        let world = Window::around(&[(500, 300), (3300, 900)]);
        assert_eq!((world.x, world.width), (0, WIDTH));
        let near = Window::around(&[(1800, 300), (1830, 310)]);
        assert_eq!((near.width, near.height), (NARROWEST, NARROWEST * HEIGHT / WIDTH));
        assert!(near.x <= 1800 && near.x + near.width >= 1830 && near.y >= 0);
        assert_eq!(Window::around(&[]).width, WIDTH);
    }

    #[test]
    fn every_place_is_a_link_with_its_number_in_words() {
        let page = world("Where", &[dot("Belgium", 12, 51, 4), dot("Kenya", 1, -1, 37)]).into_string();
        assert!(page.contains("aria-label=\"Belgium: 12 nodes\"") && page.contains("Kenya: 1 node<"), "{page}");
        assert_eq!(page.matches("<a ").count(), 2);
        let nowhere = Dot { spot: None, ..dot("Nowhere", 3, 1, 1) };
        assert!(!world("Where", &[nowhere]).into_string().contains("circle"));
    }
}
