//! Samples of web addresses: one that works, and one whose domain leads elsewhere.

use super::{NOW, step};
use crate::base::time::MINUTE;
use crate::web::page::user::web_address::{Found, LeaveView, Record, Shown};
use crate::web::ui::part::{StepState, Tone};

pub fn works() -> Shown {
    Shown {
        url: Some("https://web-1-k3v9x.gw05.example.net".into()),
        tone: Tone::Good,
        word: "Works",
        sentence: "Your server answers.".into(),
        steps: vec![],
        own: false,
        records: vec![],
        found: None,
        gateway: Some("Antwerp, Belgium".into()),
        port: 80,
        passthrough: false,
        opens: true,
        moves: false,
        soon: false,
        over: false,
        leaving: false,
        may_leave: true,
    }
}

pub fn waits() -> Shown {
    let record = |kind, value: &str, note| Record { kind, name: "shop.example.org".into(), value: value.into(), note };
    Shown {
        url: Some("https://shop.example.org".into()),
        tone: Tone::Warn,
        word: "Waiting for your domain",
        sentence: "As soon as your domain leads to the gateway, the rest goes by itself.".into(),
        steps: vec![
            step("Gateway", "One near your server is chosen.", StepState::Done, None),
            step("Domain", "It has to lead to the gateway.", StepState::Now, None),
            step("Agreement", "The gateway's owner agrees to carry it.", StepState::Todo, None),
            step("Set up", "The gateway learns the way to your server.", StepState::Todo, None),
        ],
        own: true,
        records: vec![record("A", "203.0.113.205", ""), record("AAAA", "2001:db8:0:5::2", ", if you like")],
        found: Some(Found {
            at: NOW - MINUTE,
            found: "A 192.0.2.1".into(),
            advice: "It leads to 192.0.2.1, which is not the gateway. We expected A 203.0.113.205.".into(),
            right: false,
        }),
        opens: false,
        moves: true,
        ..works()
    }
}

/// Asked before another gateway is used: by a name if there are no records.
pub fn leaves(records: Vec<Record>) -> LeaveView {
    LeaveView {
        id: super::order(),
        server: "The shop's database".into(),
        name: if records.is_empty() { "web-1-k3v9x.gw05.example.net" } else { "shop.example.org" }.into(),
        gateway: "Antwerp, Belgium".into(),
        records,
    }
}
