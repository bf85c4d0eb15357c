//! Samples of the backup VM: in step, late and in charge, and none to be had; and of the offer that has one.

use super::{For, NOW, Shown, ago, order, user};
use crate::base::Time;
use crate::base::money::Usd;
use crate::base::text::SshKey;
use crate::base::time::{DAY, HOUR, MINUTE, SECOND};
use crate::domain::backup::{Charge, Consent, Drill, Probe, Signs, Stage};
use crate::domain::order::{Entry, Step};
use crate::domain::report::Seat;
use crate::domain::sync::{Held, Plan, Run, Sync};
use crate::web::page::user::backup::{Brief, Machine, View, drill_page, page};
use crate::web::ui::form::Filled;

fn machine(seat: Seat, place: &str, speaks: bool) -> Machine {
    let signs = Signs { node: Some(true), speaks: Some(speaks), answers: (!speaks).then_some(false) };
    let probe = (0..8_u32).fold(Probe::default(), |probe, look| probe.look(signs, ago(MINUTE) - (8 - look) * 30 * SECOND));
    let heard = Some(if speaks { ago(MINUTE) } else { ago(9 * MINUTE) });
    Machine {
        seat,
        place: place.into(),
        ssh: Some("ssh root@302:9e63:7d43:b742:3582:a831:cd41:3f19".into()),
        probe,
        heard,
        told: true,
    }
}

fn view() -> View {
    let run = |minutes: u32, wrong: Option<&str>| {
        let started = ago(MINUTE * minutes);
        Run { started, finished: started + 12 * SECOND, bytes: 48_120_334, wrong: wrong.map(Into::into) }
    };
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti x";
    let key = SshKey::parse(key).ok();
    let sync = Sync {
        plan: Plan::parse("15", "/srv\n/home\n/mnt/data1").ok(),
        planned: Some(ago(DAY)),
        key: key.clone(),
        host: key,
        runs: vec![run(38, None), run(23, Some("rsync: connection unexpectedly closed")), run(8, None)],
        held: Some(Held { marker: ago(8 * MINUTE), told: ago(MINUTE) }),
        alarmed: None,
    };
    let event = |hours: u32, text: &str, trouble| Entry { at: ago(HOUR * hours), step: Step::Access, text: text.into(), trouble };
    let drill = |days: u32, back| {
        let pressed = ago(DAY * days);
        Drill {
            pressed,
            real: days > 30,
            visited: true,
            answered: Some(pressed + 41 * SECOND),
            marker: Some(pressed - 9 * MINUTE),
            back,
        }
    };
    View {
        id: order(),
        name: "web-1".into(),
        now: NOW,
        stage: Stage::Active,
        reason: None,
        price: Usd::from_cents(1000),
        apart: "They share no node, no farm and no farmer: De Kuip and Falkenfarm, Belgium and Germany. What takes down the one, be it a disk, a power cut or a \
                farmer who gives up, leaves the other one alone."
            .into(),
        main: machine(Seat::Main, "Ghent, Belgium, on node 11 of De Kuip", true),
        own: machine(Seat::Backup, "Falkenstein, Germany, on node 5 of Falkenfarm", true),
        sync,
        web: true,
        lost: None,
        unready: None,
        charge: None,
        drills: vec![drill(3, Some(ago(3 * DAY) + HOUR)), drill(34, Some(ago(34 * DAY) + HOUR))],
        consent: Some(Consent::now(ago(40 * DAY))),
        events: vec![
            event(2, "The copy is in step again.", false),
            event(3, "The copy is late: none newer for three intervals.", true),
            event(900, "It is up at 302:9e63:7d43:b742:3582:a831:cd41:3f19.", false),
        ],
        line: None,
        filled: Filled::default().with("every", "15").with("folders", "/srv\n/home\n/mnt/data1"),
    }
}

pub fn brief(held: Option<Time>) -> Brief {
    Brief { stage: Stage::Active, place: "Falkenstein, Germany".into(), held, late: held.is_none(), charge: false, now: NOW }
}

pub fn pages() -> Vec<Shown> {
    let show = |name, view: View| Shown { name, of: For::Anybody, markup: page(&user("/deployments/x/backup"), &view) };
    let late = View {
        main: machine(Seat::Main, "Ghent, Belgium, on node 11 of De Kuip", false),
        sync: Sync { alarmed: Some(ago(HOUR)), held: Some(Held { marker: ago(2 * HOUR), told: ago(MINUTE) }), ..view().sync },
        charge: Some(Charge { since: ago(5 * MINUTE), visited: true }),
        drills: vec![Drill {
            pressed: ago(5 * MINUTE),
            real: false,
            visited: true,
            answered: None,
            marker: Some(ago(2 * HOUR)),
            back: None,
        }],
        ..view()
    };
    let fresh = View {
        sync: Sync { runs: vec![], held: None, ..view().sync },
        main: Machine { told: false, heard: None, probe: Probe::default(), ..view().main },
        own: Machine { told: false, heard: None, probe: Probe::default(), ..view().own },
        line: Some((Seat::Backup, format!("https://cooperage.example/r/{}/install", "0a1b2c3d".repeat(8)))),
        drills: vec![],
        ..view()
    };
    let wrong = View {
        filled: Filled::default()
            .with("every", "1")
            .with("folders", "/etc")
            .wrong("every", "A whole number of minutes from 5 to 1440, please."),
        ..view()
    };
    let none = View { stage: Stage::Failed, reason: Some("None of the places that we tried could start it.".into()), ..view() };
    let asked =
        |name, view: View| Shown { name, of: For::Anybody, markup: drill_page(&user("/deployments/x/backup/drill"), &view) };
    let alone = View {
        lost: Some(ago(HOUR)),
        charge: Some(Charge { since: ago(HOUR), visited: true }),
        main: Machine { ssh: None, probe: Probe::default(), ..view().main },
        ..view()
    };
    let empty = View {
        sync: Sync { held: None, ..view().sync },
        unready: Some("The backup VM holds no whole copy yet: there is nothing that could take over."),
        ..view()
    };
    vec![
        show("backup", view()),
        show("backup-alone", alone),
        asked("backup-drill", view()),
        asked("backup-drill-refused", empty),
        show("backup-in-charge", late),
        show("backup-fresh", fresh),
        show("backup-wrong", wrong),
        show("backup-none", none),
        show("backup-building", View { stage: Stage::Deploying, events: vec![], ..view() }),
    ]
}
