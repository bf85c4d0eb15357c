//! Charts as plain SVG: drawn here, coloured by the style sheet, read aloud by their label. No script, no style attributes.

use maud::{Markup, html};

use super::format::{count, percent};
use super::part::Tone;
use crate::base::Time;
use crate::domain::node::Looks;

/// One column of a bar chart.
pub struct Bar {
    /// Under the column.
    pub label: String,
    /// Decides the height. Below zero counts as zero.
    pub value: i64,
    /// What the value reads as, for hover and for the table behind the chart.
    pub text: String,
}

const WIDTH: i64 = 640;
const HEIGHT: i64 = 280;
/// Room for the labels below, and for the highest value above.
const FOOT: i64 = 32;
const HEAD: i64 = 30;

/// Columns with labels below. Says what it shows in `label`.
pub fn bars(label: &str, bars: &[Bar]) -> Markup {
    let slot = WIDTH / i64::try_from(bars.len().max(1)).unwrap_or(1);
    let width = (slot * 6 / 10).clamp(4, 56);
    let top = bars.iter().map(|bar| bar.value).max().unwrap_or_default().max(1);
    // With many columns only every n-th label fits.
    let every = bars.len().div_ceil(7).max(1);
    let highest = bars.iter().max_by_key(|bar| bar.value).map_or("", |bar| bar.text.as_str());
    html! {
        svg.chart viewBox={ "0 0 " (WIDTH) " " (HEIGHT + FOOT) } role="img" aria-label=(label) {
            @for line in 0..=3 {
                line.chart-line x1="0" x2=(WIDTH) y1=(HEAD + line * (HEIGHT - HEAD) / 3) y2=(HEAD + line * (HEIGHT - HEAD) / 3) {}
            }
            text.chart-label x="0" y=(HEAD - 8) { (highest) }
            @for (place, bar) in (0..).zip(bars) {
                @let height = scaled(bar.value, top, HEIGHT - HEAD);
                @let middle = place * slot + slot / 2;
                g {
                    title { (bar.label) ": " (bar.text) }
                    rect.chart-bar x=(middle - width / 2) y=(HEIGHT - height) width=(width) height=(height) rx="3" {}
                    @if usize::try_from(place).is_ok_and(|place| place.is_multiple_of(every)) {
                        text.chart-label x=(middle) y=(HEIGHT + 24) text-anchor="middle" { (bar.label) }
                    }
                }
            }
        }
    }
}

/// A small line without axes, beside a figure.
pub fn sparkline(label: &str, values: &[i64]) -> Markup {
    const W: i64 = 160;
    const H: i64 = 40;
    let (low, high) = (values.iter().min().copied().unwrap_or_default(), values.iter().max().copied().unwrap_or_default());
    let range = high.saturating_sub(low).max(1);
    let last = i64::try_from(values.len()).unwrap_or(1).saturating_sub(1).max(1);
    let dots: Vec<(i64, i64)> =
        (0..).zip(values).map(|(place, value)| (3 + place * (W - 6) / last, H - 4 - scaled(value - low, range, H - 8))).collect();
    let line = dots.iter().map(|(x, y)| format!("{x},{y}")).collect::<Vec<_>>().join(" ");
    html! {
        @if let (Some(first), Some(end)) = (dots.first(), dots.last()) {
            svg.spark viewBox={ "0 0 " (W) " " (H) } role="img" aria-label=(label) {
                polygon.spark-area points={ (first.0) "," (H) " " (line) " " (end.0) "," (H) } {}
                polyline.spark-line points=(line) {}
                circle.spark-dot cx=(end.0) cy=(end.1) r="3" {}
            }
        }
    }
}

/// A day, and how often something was up when it was looked at.
pub struct Day {
    pub at: Time,
    pub looks: Looks,
}

impl Day {
    /// Hundredths of a percent, however few looks there were; None for none.
    fn share(&self) -> Option<u32> {
        (u64::from(self.looks.up.min(self.looks.seen)) * 10_000)
            .checked_div(self.looks.seen.into())
            .and_then(|share| u32::try_from(share).ok())
    }

    fn says(&self) -> String {
        let looks = count(self.looks.seen.into());
        match self.share() {
            Some(share) => format!("{}: up {} of {looks} looks", self.at.day(), percent(share)),
            None => format!("{}: nobody looked", self.at.day()),
        }
    }
}

/// A column a day: full when it was always up, coloured by how much was missing.
pub fn days(label: &str, days: &[Day]) -> Markup {
    const SLOT: usize = 20;
    const H: i64 = 72;
    html! {
        svg.days viewBox={ "0 0 " (days.len().max(1) * SLOT) " " (H) } role="img" aria-label=(label) preserveAspectRatio="none" {
            @for (place, day) in days.iter().enumerate() {
                @let share = day.share();
                // Nine tenths are the floor: below that a bad day can't look much worse.
                @let height = share.map_or(6, |share| 12 + scaled(i64::from(share) - 9000, 1000, H - 12));
                @let class = match share { None => "none", Some(9950..) => "good", Some(9500..) => "some", Some(_) => "bad" };
                rect.(class) x=(place * SLOT + 2) y=(H - height) width=(SLOT - 4) height=(height) rx="2" { title { (day.says()) } }
            }
        }
    }
}

/// A barrel seen from above, with a stave for each step: those that are done stand. Says nothing that the bar does not say.
pub fn staves(done: usize, all: usize) -> Markup {
    let all = all.max(1);
    // In hundredths of a stave; the rest of each is the gap to the next.
    let standing = "94 6 ".repeat(done.min(all));
    html! {
        svg.staves viewBox="0 0 240 240" aria-hidden="true" focusable="false" {
            g transform="rotate(-90 120 120)" {
                circle.stave cx="120" cy="120" r="92" pathLength=(all * 100) stroke-dasharray="94 6" {}
                @if done > 0 {
                    circle.stave.done cx="120" cy="120" r="92" pathLength=(all * 100)
                        stroke-dasharray={ (standing) "0 " (all * 100) } {}
                }
            }
            circle.stave-hoop cx="120" cy="120" r="114" {}
            circle.stave-hoop cx="120" cy="120" r="70" {}
            text.stave-text x="120" y="131" { (done) " of " (all) }
        }
    }
}

/// A cell for each of many alike, in the colour of its state. Says nothing that a table does not say.
pub fn cells(tones: &[Tone]) -> Markup {
    const ROW: usize = 14;
    let rows = tones.len().div_ceil(ROW).max(1);
    let class = |tone: &Tone| match tone {
        Tone::Good => "good",
        Tone::Busy => "busy",
        Tone::Warn => "warn",
        Tone::Bad => "bad",
        Tone::Quiet => "quiet",
    };
    html! {
        @if !tones.is_empty() {
            svg.cells viewBox={ "0 0 " (ROW * 20) " " (rows * 20) } aria-hidden="true" focusable="false" {
                @for (place, tone) in tones.iter().enumerate() {
                    rect.(class(tone)) x=(place % ROW * 20 + 1) y=(place / ROW * 20 + 1) width="18" height="18" rx="4" {}
                }
            }
        }
    }
}

/// `value ÷ top × length`, kept between 0 and `length`.
fn scaled(value: i64, top: i64, length: i64) -> i64 {
    let exact = i128::from(value.max(0)) * i128::from(length) / i128::from(top.max(1));
    i64::try_from(exact).unwrap_or(length).min(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_bar_fills_the_chart_and_a_negative_one_is_flat() {
        assert_eq!((scaled(50, 100, 172), scaled(100, 100, 172), scaled(-5, 100, 172)), (86, 172, 0));
        assert_eq!(scaled(i64::MAX, i64::MAX, 172), 172);
    }

    #[test]
    fn a_chart_of_nothing_is_drawn_without_columns() {
        assert!(!bars("Nothing", &[]).into_string().contains("chart-bar"));
        assert_eq!(sparkline("Nothing", &[]).into_string(), "");
        assert!(sparkline("One", &[i64::MAX]).into_string().contains("circle"));
    }

    #[test]
    fn a_day_that_nobody_looked_at_is_neither_good_nor_bad() {
        let at = Time::from_secs(1_795_270_000);
        let all: Vec<Day> =
            [(0, 0), (100, 100), (100, 97), (100, 2)].map(|(seen, up)| Day { at, looks: Looks { seen, up } }).into();
        let chart = days("Up", &all).into_string();
        for class in ["none", "good", "some", "bad"] {
            assert_eq!(chart.matches(&format!("class=\"{class}\"")).count(), 1, "{class}");
        }
        assert!(chart.contains("nobody looked") && chart.contains("up 97 % of 100 looks"), "{chart}");
    }
}
