//! Samples of how a server is doing: switched off, waiting, speaking, silent; and its log.

use super::{For, NOW, Shown, ago, order, user};
use crate::base::time::{DAY, MINUTE};
use crate::domain::report::{Disk, Figures, Heard, Sample, Seat, Span, series};
use crate::web::page::user::log;
use crate::web::page::user::metrics::{self, Brief, Speaker, View};
use crate::web::ui::part::Pager;

const GIB: u64 = 1 << 20;

fn sample(number: u32) -> Sample {
    let wave = u64::from(number * number * 7 % 61);
    Sample {
        cpu: Some(1200 + wave * 90),
        load: 42,
        memory_used: GIB + wave * 9000,
        memory: 4 * GIB,
        disk_used: 18 * GIB + u64::from(number) * 4000,
        disk: 60 * GIB,
        received: Some(wave * wave * 900),
        sent: Some(wave * 4000),
    }
}

fn heard(minutes: u32) -> Heard {
    let disk = |used, size, mount: &str| Disk { used: used * GIB, size: size * GIB, mount: mount.into() };
    let figures = Figures {
        uptime: 86_400 * 300,
        busy: 1,
        all: 2,
        load: 42,
        memory_used: GIB + 400_000,
        memory: 4 * GIB,
        disks: vec![disk(14, 50, "/"), disk(4, 10, "/mnt/data with a rather long name of its own")],
        received: 1,
        sent: 1,
    };
    Heard { at: ago(MINUTE * minutes), figures }
}

pub fn view(span: Span, silent: u32) -> View {
    // A quarter of an hour in which nothing was heard, and the silence since.
    let now = crate::domain::report::number(NOW, MINUTE);
    let told = (silent..1440).filter(|back| !(20..35).contains(back)).map(|back| (now - back, sample(back % 60)));
    let mut told: Vec<(u32, Sample)> = told.collect();
    told.reverse();
    View {
        id: order(),
        seat: Seat::Main,
        name: "web-1".into(),
        span,
        now: NOW,
        speaker: Some(Speaker { since: ago(DAY), logs: true, ended: None, heard: Some(heard(silent)) }),
        series: series(&told, MINUTE, span.length(), span.step(), NOW),
        rows: series(&told, MINUTE, span.length(), span.row(), NOW),
        script: None,
    }
}

pub fn brief() -> Brief {
    let View { series, .. } = view(Span::Hour, 0);
    Brief { now: NOW, ended: None, heard: Some(heard(0)), series, logs: true }
}

pub fn pages() -> Vec<Shown> {
    let show = |name, markup| Shown { name, of: For::Anybody, markup };
    let off = View { speaker: None, series: vec![], rows: vec![], ..view(Span::Hour, 0) };
    let waiting = View {
        speaker: Some(Speaker { since: ago(MINUTE), logs: false, ended: None, heard: None }),
        script: Some(format!("https://cooperage.example/r/{}/install", "0a1b2c3d".repeat(8))),
        ..off.clone()
    };
    let gone = View {
        speaker: Some(Speaker { since: ago(DAY), logs: false, ended: Some(ago(MINUTE * 30)), heard: None }),
        ..off.clone()
    };
    let page = |view: &View| metrics::page(&user("/deployments/x/metrics"), view);
    let lines =
        (0..40).map(|line| format!("2026-11-21T14:0{}:11+0000 web-1 systemd[1]: Started <unit> {line} & its friends.", line % 7));
    let log = log::View {
        id: order(),
        seat: Seat::Main,
        name: "web-1".into(),
        now: NOW,
        wanted: Some(true),
        heard: Some(ago(MINUTE)),
        lines: lines.collect(),
        pager: Pager { newer: None, older: Some("/deployments/x/logs?back=1".into()) },
    };
    let bare = log::View { lines: vec![], pager: Pager::default(), ..log.clone() };
    let logs = |view: &log::View| log::page(&user("/deployments/x/logs"), view);
    vec![
        show("metrics", page(&view(Span::Hour, 0))),
        show("metrics-backup", page(&View { seat: Seat::Backup, ..view(Span::Hour, 0) })),
        show("metrics-day", page(&view(Span::Day, 0))),
        show("metrics-silent", page(&view(Span::Hour, 12))),
        show("metrics-off", page(&off)),
        show("metrics-waiting", page(&waiting)),
        show("metrics-gone", page(&gone)),
        show("log", logs(&log)),
        show("log-empty", logs(&bare)),
        show("log-unwanted", logs(&log::View { wanted: Some(false), ..bare.clone() })),
        show("log-off", logs(&log::View { wanted: None, ..bare })),
    ]
}
