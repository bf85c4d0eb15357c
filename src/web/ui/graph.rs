//! Graphs over time as plain SVG: lines that break where nothing is known. Words stand around them in HTML, so that they stay as large as words.

use maud::{Markup, html};

/// One line, in equal steps; None where nothing is known.
pub struct Line {
    pub name: &'static str,
    pub values: Vec<Option<u64>>,
}

pub struct Graph {
    /// Its id on the page.
    pub id: &'static str,
    pub title: &'static str,
    /// The newest value, in words, and what belongs to it.
    pub now: String,
    pub note: String,
    /// What one sees on it, in a sentence.
    pub says: String,
    /// The value at the upper edge, and in words. The lower one is zero.
    pub top: u64,
    pub top_text: String,
    /// One or two.
    pub lines: Vec<Line>,
    /// What stands below its left and right end.
    pub from: String,
    pub to: String,
}

const WIDTH: u64 = 1000;
const HEIGHT: u64 = 200;
const CLASSES: [&str; 2] = ["graph-line first", "graph-line second"];

pub fn graph(graph: &Graph) -> Markup {
    let (title, says) = (format!("{}-title", graph.id), format!("{}-says", graph.id));
    html! {
        section.card.graph {
            div.between { h2 { (graph.title) } p.graph-now { (graph.now) } }
            p.hint { (graph.note) }
            p.graph-top { (graph.top_text) }
            svg.graph-plot viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } preserveAspectRatio="none" role="img"
                aria-labelledby={ (title) " " (says) } {
                title id=(title) { (graph.title) }
                desc id=(says) { (graph.says) }
                @for line in 0..=2 {
                    line.chart-line x1="0" x2=(WIDTH) y1=(line * HEIGHT / 2) y2=(line * HEIGHT / 2) {}
                }
                @for (line, class) in graph.lines.iter().zip(CLASSES) { (plot(&line.values, graph.top, class, graph.lines.len() == 1)) }
            }
            div.graph-foot { span { (graph.from) } span { (graph.to) } }
            @if graph.lines.len() > 1 {
                ul.graph-names {
                    @for (line, class) in graph.lines.iter().zip(["first", "second"]) { li.(class) { (line.name) } }
                }
            }
        }
    }
}

/// The same line small, beside a figure. Says in `label` what it shows.
pub fn small(label: &str, top: u64, values: &[Option<u64>]) -> Markup {
    html! {
        svg.graph-small viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } preserveAspectRatio="none" role="img" aria-label=(label) {
            (plot(values, top, CLASSES[0], true))
        }
    }
}

fn plot(values: &[Option<u64>], top: u64, class: &str, filled: bool) -> Markup {
    let runs = runs(values, top);
    html! {
        @for run in &runs {
            @let points = run.iter().map(|(x, y)| format!("{x},{y}")).collect::<Vec<_>>().join(" ");
            @if let (true, Some((from, _)), Some((to, _))) = (filled, run.first(), run.last()) {
                polygon.graph-area points={ (from) "," (HEIGHT) " " (points) " " (to) "," (HEIGHT) } {}
            }
            // A line of one point is drawn as a dot, by its round end.
            @if let [(x, y)] = run[..] { polyline class=(class) points={ (points) " " (x) "," (y) } {} } @else {
                polyline class=(class) points=(points) {}
            }
        }
    }
}

/// The stretches in which something is known, as points of the picture.
fn runs(values: &[Option<u64>], top: u64) -> Vec<Vec<(u64, u64)>> {
    let last = u64::try_from(values.len().saturating_sub(1)).unwrap_or(1).max(1);
    let mut runs: Vec<Vec<(u64, u64)>> = vec![vec![]];
    for (place, value) in (0..).zip(values) {
        match (value, runs.last_mut()) {
            (Some(value), Some(run)) => {
                let high = u128::from((*value).min(top)) * u128::from(HEIGHT) / u128::from(top.max(1));
                run.push((place * WIDTH / last, HEIGHT - u64::try_from(high).unwrap_or(HEIGHT)));
            }
            _ => runs.push(vec![]),
        }
    }
    runs.retain(|run| !run.is_empty());
    runs
}

/// The next round number: 1, 2 or 5 with zeros behind it, at least `least`.
pub fn round_up(value: u64, least: u64) -> u64 {
    let mut step = 1_u64;
    loop {
        for round in [step, step.saturating_mul(2), step.saturating_mul(5)] {
            if round >= value.max(least) || round == u64::MAX {
                return round;
            }
        }
        step = step.saturating_mul(10);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_breaks_where_nothing_is_known_and_never_leaves_its_picture() {
        let drawn = runs(&[Some(0), Some(50), None, None, Some(200), None], 100);
        assert_eq!(drawn, [vec![(0, 200), (200, 100)], vec![(800, 0)]]);
        assert!(runs(&[], 100).is_empty() && runs(&[None, None], 0).is_empty());
        assert_eq!(runs(&[Some(u64::MAX)], u64::MAX), [vec![(0, 0)]]);
        assert_eq!(runs(&[Some(5)], 0), [vec![(0, 200)]]);
    }

    #[test]
    fn the_upper_edge_is_a_round_number() {
        for (value, round) in [(0, 1000), (1001, 2000), (2001, 5000), (5001, 10_000), (49_999, 50_000), (u64::MAX, u64::MAX)] {
            assert_eq!(round_up(value, 1000), round);
        }
    }
}
