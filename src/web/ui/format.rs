//! How amounts, moments and measures are written for people. The only place that decides it.

use std::time::Duration;

use maud::{Markup, html};

use crate::base::Time;
pub use crate::base::money::count;
use crate::base::money::{Tft, Usd, amount_text};

/// `$10.00`, `−$1,250.00`.
pub fn money(amount: Usd) -> String {
    amount.shown()
}

/// `1,250.50 TFT`.
pub fn tokens(amount: Tft) -> String {
    format!("{} TFT", amount_text(amount.units()).replace('-', "−"))
}

/// `$1.64` for a figure that is read at a glance; the exact amount is on hover. Less than a cent is not called nothing.
pub fn about(amount: Usd) -> Markup {
    rounded(amount.units(), money(amount), |units| money(Usd::from_units(units)), "$0.01")
}

/// `5.06 TFT`, in the same way.
pub fn about_tokens(amount: Tft) -> Markup {
    rounded(amount.units(), tokens(amount), |units| tokens(Tft::from_units(units)), "0.01 TFT")
}

/// As `about`, where there is no room for what hovers.
pub fn about_text(units: i64, write: impl Fn(i64) -> String) -> String {
    write(to_hundredths(units))
}

fn rounded(units: i64, exact: String, write: impl Fn(i64) -> String, least: &str) -> Markup {
    match to_hundredths(units) {
        same if same == units => html! { (exact) },
        0 => html! { span title=(exact) { (if units < 0 { "−" } else { "" }) "< " (least) } },
        near => html! { span title=(exact) { (write(near)) } },
    }
}

/// To the nearest hundredth, halves away from zero.
fn to_hundredths(units: i64) -> i64 {
    const HUNDREDTH: i64 = crate::base::money::SCALE / 100;
    let half = if units < 0 { -HUNDREDTH / 2 } else { HUNDREDTH / 2 };
    units.saturating_add(half) / HUNDREDTH * HUNDREDTH
}

/// `21 Nov 2026, 14:06 UTC`.
pub fn when(at: Time) -> Markup {
    html! { time datetime=(at) { (at.minute()) } }
}

/// `21 November 2026`.
pub fn day(at: Time) -> Markup {
    html! { time datetime=(at.date()) { (at.day()) } }
}

/// `4 minutes ago`, with the exact moment on hover.
pub fn ago(at: Time, now: Time) -> Markup {
    let span = now.since(at);
    let text = match span.as_secs() {
        0..10 => "just now".to_owned(),
        _ => format!("{} ago", long_span(span)),
    };
    html! { time datetime=(at) title=(at.minute()) { (text) } }
}

/// `1 min 20 s`: for things one waits for.
pub fn span(span: Duration) -> String {
    let secs = span.as_secs();
    match secs {
        0..60 => format!("{secs} s"),
        60..3600 => format!("{} min {} s", secs / 60, secs % 60),
        3600..86_400 => format!("{} h {} min", secs / 3600, secs / 60 % 60),
        _ => long_span(span),
    }
}

/// `3 hours`: the largest unit only.
fn long_span(span: Duration) -> String {
    let secs = span.as_secs();
    let (number, unit) = match secs {
        0..60 => (secs, "second"),
        60..3600 => (secs / 60, "minute"),
        3600..86_400 => (secs / 3600, "hour"),
        _ => (secs / 86_400, "day"),
    };
    format!("{} {unit}{}", count(number), if number == 1 { "" } else { "s" })
}

/// `512 MB`, `2 GB`, `1.5 GB`.
pub fn memory(mb: u64) -> String {
    match mb {
        0..1024 => format!("{mb} MB"),
        _ if mb.is_multiple_of(1024) => format!("{} GB", count(mb / 1024)),
        _ => format!("{}.{} GB", count(mb / 1024), mb % 1024 * 10 / 1024),
    }
}

/// `50 GB`, `2 TB`.
pub fn disk(gb: u64) -> String {
    if gb >= 1024 && gb.is_multiple_of(1024) { format!("{} TB", gb / 1024) } else { format!("{} GB", count(gb)) }
}

/// Bytes a second: `0 B/s`, `12 kB/s`, `1.5 MB/s`.
pub fn rate(bytes: u64) -> String {
    let (unit, name) = match bytes {
        0..1000 => return format!("{bytes} B/s"),
        1000..1_000_000 => (1000, "kB/s"),
        1_000_000..1_000_000_000 => (1_000_000, "MB/s"),
        _ => (1_000_000_000, "GB/s"),
    };
    match (bytes / unit, bytes % unit * 10 / unit) {
        (whole @ 0..100, tenth @ 1..) => format!("{whole}.{tenth} {name}"),
        (whole, _) => format!("{} {name}", count(whole)),
    }
}

/// `0.42`.
pub fn hundredths(number: u64) -> String {
    format!("{}.{:02}", count(number / 100), number % 100)
}

/// Hundredths of a per cent: `9950` is `99.5 %`.
pub fn percent(hundredths: u32) -> String {
    let rest = format!("{:02}", hundredths % 100);
    let rest = rest.trim_end_matches('0');
    if rest.is_empty() { format!("{} %", hundredths / 100) } else { format!("{}.{rest} %", hundredths / 100) }
}

/// `vCPU`s: `1 vCPU`, `2 vCPUs`.
pub fn cpus(number: u32) -> String {
    format!("{number} vCPU{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_reads_as_on_a_bill() {
        assert_eq!(money(Usd::from_cents(1000)), "$10.00");
        assert_eq!(money(Usd::from_cents(-125_000_050)), "−$1,250,000.50");
        assert_eq!(money(Usd::from_units(12_345)), "$0.0012345");
        assert_eq!(money(Usd::from_units(182_340_000)), "$18.2340");
        assert_eq!(tokens(Tft::from_units(-12_505_000_000)), "−1,250.50 TFT");
    }

    #[test]
    fn a_figure_is_rounded_and_keeps_its_exact_amount() {
        let text = |units| about(Usd::from_units(units)).into_string();
        assert_eq!(text(100_000_000), "$10.00");
        assert_eq!(text(-16_439_187), r#"<span title="−$1.6439187">−$1.64</span>"#);
        assert_eq!(text(16_450_000), r#"<span title="$1.6450">$1.65</span>"#);
        assert_eq!(text(1), r#"<span title="$0.0000001">&lt; $0.01</span>"#);
        assert_eq!(about_tokens(Tft::from_units(50_644_495)).into_string(), r#"<span title="5.0644495 TFT">5.06 TFT</span>"#);
    }

    #[test]
    fn spans_and_measures_read_aloud() {
        assert_eq!(span(Duration::from_secs(80)), "1 min 20 s");
        assert_eq!(span(Duration::from_secs(7_260)), "2 h 1 min");
        assert_eq!(ago(Time::from_secs(0), Time::from_secs(86_400)).into_string().matches("1 day ago").count(), 1);
        assert_eq!((memory(512), memory(2048), memory(1536)), ("512 MB".into(), "2 GB".into(), "1.5 GB".into()));
        assert_eq!((percent(9950), percent(10_000), percent(9999)), ("99.5 %".into(), "100 %".into(), "99.99 %".into()));
        assert_eq!((rate(999), rate(12_000), rate(1_540_000)), ("999 B/s".into(), "12 kB/s".into(), "1.5 MB/s".into()));
        assert_eq!((hundredths(42), hundredths(1205)), ("0.42".into(), "12.05".into()));
        assert_eq!((disk(50), disk(2048)), ("50 GB".into(), "2 TB".into()));
        assert_eq!((count(999), count(1_000), count(1_234_567)), ("999".into(), "1,000".into(), "1,234,567".into()));
    }
}
