//! Samples of copies at the customer's own place: not begun, just begun, seen, late, ended.

use super::{For, NOW, Shown, ago, order, user};
use crate::base::time::{DAY, MINUTE};
use crate::domain::sync::Run;
use crate::web::page::user::home_copy::{Brief, Kept, View, page};
use crate::web::ui::form::Filled;

fn run(days: u32, wrong: Option<&str>) -> Run {
    let started = ago(DAY * days);
    Run { started, finished: started + MINUTE * 3, bytes: 41_943_040, wrong: wrong.map(str::to_owned) }
}

fn view() -> View {
    View {
        id: order(),
        name: "web-1".into(),
        now: NOW,
        folder: "copies-of-web-1".into(),
        address: Some("5f1::2".into()),
        public: false,
        kept: Some(Kept { late: false, last: Some(ago(DAY * 2)), ended: None, runs: vec![run(2, None), run(9, None)] }),
        example: "/srv".into(),
        filled: Filled::default().with("days", "7").with("folders", "/srv\n/home"),
        script: None,
    }
}

pub fn brief() -> Brief {
    Brief { last: Some(ago(DAY * 2)), late: false, now: NOW }
}

pub fn pages() -> Vec<Shown> {
    let show = |name, view: View| Shown { name, of: For::Anybody, markup: page(&user("/deployments/x/copies"), &view) };
    let wrong = "/srv: ssh: connect to host 5f1::2 port 22: No route to host";
    let late = Kept { late: true, last: Some(ago(DAY * 11)), ended: None, runs: vec![run(1, Some(wrong)), run(11, None)] };
    let fresh = Kept { late: false, last: None, ended: None, runs: vec![] };
    vec![
        show("copies", view()),
        show("copies-off", View { kept: None, public: true, ..view() }),
        show(
            "copies-refused",
            View {
                kept: None,
                filled: Filled::default().with("days", "99").wrong("days", "A whole number of days from 1 to 31, please."),
                ..view()
            },
        ),
        show(
            "copies-begun",
            View {
                kept: Some(fresh.clone()),
                script: Some(format!("https://cooperage.example/r/{}/install", "0a1b2c3d".repeat(8))),
                ..view()
            },
        ),
        show("copies-late", View { kept: Some(late), ..view() }),
        show("copies-ended", View { kept: Some(Kept { ended: Some(ago(DAY)), ..fresh }), ..view() }),
    ]
}
