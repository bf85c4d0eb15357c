//! Storage swarms as they are shown: being built, whole, with shards away, and never built.

use super::{For, NOW, Shown, order, user};
use crate::base::money::Usd;
use crate::base::time::{DAY, HOUR, MINUTE};
use crate::domain::swarm::{CONSENT, Layout};
use crate::web::page::user::swarm::{Card, Config, Drill, Line, Offer, Terms, View, page};
use crate::web::ui::part::Tone;

pub fn offer() -> Offer {
    let layout = Layout::default();
    Offer {
        most_gb: 10_000,
        price: Usd::from_cents(2020),
        minimal: layout.minimal,
        expected: layout.expected,
        spares: layout.spares,
        survives: layout.table(),
        consent: CONSENT.into(),
    }
}

fn terms() -> Terms {
    let layout = Layout::default();
    Terms {
        usable_gb: 1000,
        minimal: layout.minimal,
        expected: layout.expected,
        spares: layout.spares,
        survives: layout.table(),
        consent: CONSENT.into(),
    }
}

fn line(number: u32, away: bool) -> Line {
    let (role, most) = if number < 24 { ("Data", "84 GB") } else { ("Directory", "1 GB") };
    Line {
        number,
        role,
        node: 11 + number,
        farm: ["Hilbert's Barn", "Grachten Cloud", "Ferme du Rhône"][number as usize % 3].into(),
        place: ["Ghent, Belgium", "Amsterdam, Netherlands", "Lyon, France"][number as usize % 3].into(),
        tone: if away { Tone::Bad } else { Tone::Good },
        state: if away { "Away".into() } else { "There".into() },
        seen: Some(if away { NOW - HOUR } else { NOW - MINUTE }),
        used: format!("{} of {most}", if number < 24 { "12 GB" } else { "3 MB" }),
        replaceable: away,
    }
}

pub fn pages() -> Vec<Shown> {
    let show = |name, view: &View| Shown { name, of: For::Anybody, markup: page(&user("/deployments/x/swarm"), view) };
    let whole = View {
        name: "vault".into(),
        card: Card {
            order: order(),
            headline: Layout::default().sentence(24, 4),
            tone: Tone::Good,
            badge: "All there".into(),
            there: 28,
            of: 28,
            ask: Some("Download its configuration and put it in place.".into()),
        },
        moving: false,
        looked: Some(NOW - MINUTE),
        blind: false,
        now: NOW,
        terms: terms(),
        raw_gb: 2020,
        shards: (0..28).map(|number| line(number, false)).collect(),
        weak: vec![],
        held: false,
        config: Some(Config { version: 1, saved: 0, with_key: true }),
        drill: None,
        history: vec![(NOW - HOUR, "All 28 shards are there.".into(), false)],
    };
    let away = View {
        card: Card {
            headline: Layout::default().sentence(16, 4),
            tone: Tone::Warn,
            badge: "Storing waits".into(),
            there: 20,
            ask: Some("There is a new configuration: number 2.".into()),
            ..whole.card.clone()
        },
        blind: true,
        held: true,
        shards: (0..28).map(|number| line(number, number < 8)).collect(),
        weak: vec![
            "Hilbert's Barn holds 9 of the data shards, and 8 may be lost: if that whole farm fails, not everything can be read."
                .into(),
        ],
        config: Some(Config { version: 2, saved: 1, with_key: false }),
        drill: Some(Drill {
            asked: NOW - DAY,
            done: Some((
                NOW - DAY,
                true,
                vec![
                    "12288 random bytes were cut into 20 pieces and kept on 20 data shards.".into(),
                    "Read back whole without 8 of them, chosen at random; its hash is the same.".into(),
                    "Without 9 of them it could not be read, as it must be.".into(),
                ],
            )),
        }),
        history: vec![
            (NOW - MINUTE, "The shard at Hilbert's Barn is away: it is replaced by one at Maple Edge in Toronto.".into(), true),
            (NOW - HOUR, "All 28 shards are there.".into(), false),
        ],
        ..whole.clone()
    };
    let building = View {
        card: Card {
            headline: "17 of 28 shards are ready.".into(),
            tone: Tone::Busy,
            badge: "Being built".into(),
            there: 17,
            ask: None,
            ..whole.card.clone()
        },
        moving: true,
        looked: None,
        config: None,
        drill: None,
        shards: (0..28).map(|number| Line { seen: None, ..line(number, false) }).collect(),
        ..whole.clone()
    };
    let gone = View {
        card: Card {
            headline: "The storage swarm could not be built. Too many nodes failed. What you paid for it goes back to your card."
                .into(),
            tone: Tone::Quiet,
            badge: "Gone".into(),
            there: 0,
            ask: None,
            ..whole.card.clone()
        },
        looked: None,
        config: None,
        shards: vec![],
        ..whole.clone()
    };
    let running = View {
        drill: Some(Drill { asked: NOW, done: None }),
        config: Some(Config { version: 1, saved: 1, with_key: false }),
        ..whole.clone()
    };
    vec![
        show("swarm", &whole),
        show("swarm-away", &away),
        show("swarm-building", &building),
        show("swarm-gone", &gone),
        show("swarm-drill", &running),
    ]
}
