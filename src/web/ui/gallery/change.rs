//! Samples of changing what runs.

use super::front::{sizes, visa};
use super::{For, NOW, Shown, order, step, user};
use crate::base::ids::RevisionId;
use crate::base::money::Usd;
use crate::base::time::{DAY, HOUR, MINUTE};
use crate::domain::revision::Kind;
use crate::domain::term::{Due, LEAST_CHARGE};
use crate::web::page::user::{progress, relocation, resize, revisions};
use crate::web::ui::form::Filled;
use crate::web::ui::offer::Region;
use crate::web::ui::part::{Pager, StepState};

pub fn pages() -> Vec<Shown> {
    let show = |name, markup| Shown { name, of: For::Anybody, markup };
    let resize = resize::View {
        id: order(),
        name: "web-1".into(),
        now: sizes().remove(0),
        price: Usd::from_cents(1000),
        keep: "keep",
        sizes: sizes(),
        disks: vec![("disk1_gib", "/mnt/data1".into(), 20)],
        another: Some(("disk2_gib", "disk2_path")),
        forgets: true,
        stopped: false,
        grows: false,
        backup: false,
        filled: Filled::default().with("size", "medium"),
    };
    let whole = resize::View {
        disks: vec![],
        forgets: false,
        grows: true,
        backup: true,
        filled: Filled::default().with("size", "huge").wrong("size", "There is no room for that where it runs."),
        ..resize.clone()
    };
    let preview = resize::PreviewView {
        id: order(),
        name: "web-1".into(),
        before: sizes().remove(0),
        after: sizes().remove(1),
        disks: vec!["20 GB at /mnt/data1".into()],
        old: Usd::from_cents(1000),
        new: Usd::from_cents(2900),
        hours: 480,
        until: Some(NOW + 20 * DAY),
        due: Due::Pay(Usd::from_cents(1267)),
        card: Some(visa()),
        forgets: true,
        stopped: false,
        hidden: vec![("size".into(), "medium".into()), ("seal".into(), "290000000/+126700000".into())],
        again: None,
    };
    let back = resize::PreviewView {
        due: Due::Back(Usd::from_cents(633)),
        card: None,
        forgets: false,
        again: Some("Meanwhile an hour has begun, or a price has changed. This is what it costs now.".into()),
        ..preview.clone()
    };
    let least = resize::PreviewView { due: Due::Pay(LEAST_CHARGE), stopped: true, ..preview.clone() };
    let stop = revisions::StopView {
        id: order(),
        name: "web-1".into(),
        forgets: true,
        disks: vec!["20 GB at /mnt/data1".into()],
        filled: Filled::default().wrong("consent", "Please tick it, so that we know that you know."),
    };
    let kept = revisions::StopView { forgets: false, disks: vec![], filled: Filled::default(), ..stop.clone() };
    let at = |minutes| Some(NOW - MINUTE * minutes);
    let steps = vec![
        step("Pay", "The bank holds $12.67 for you; it is taken when the change is done.", StepState::Done, at(3)),
        step("Agree", "Ghent has agreed to it.", StepState::Done, at(2)),
        step("Change", "Ghent is at work on it.", StepState::Now, at(1)),
        step("Finish", "It is as you want it.", StepState::Todo, None),
    ];
    let failed = vec![
        step("Agree", "Ghent has agreed to it.", StepState::Done, at(300)),
        step("Change", "What was there before is there again.", StepState::Done, at(299)),
        step("Finish", "It was not resized. Its place could not do it. Nothing was charged.", StepState::Failed, at(298)),
    ];
    let row = |id, kind, outcome, steps| revisions::Row {
        id: RevisionId::from_bits(id),
        kind,
        what: (kind == Kind::Resize)
            .then(|| "Large (4 cores, 16 GB memory, 100 GB disk) instead of Medium (2 cores, 4 GB memory, 50 GB disk).".into()),
        at: NOW - HOUR,
        outcome,
        steps,
    };
    let rows = vec![
        row(1, Kind::Resize, revisions::Outcome::UnderWay, steps.clone()),
        row(2, Kind::Resize, revisions::Outcome::Failed, failed.clone()),
        row(3, Kind::Stop, revisions::Outcome::Done, vec![step("Finish", "It is stopped.", StepState::Done, at(4000))]),
    ];
    let changes = revisions::View {
        id: order(),
        name: "web-1".into(),
        rows,
        pager: Pager { newer: None, older: Some("/deployments/x/changes?before=x".into()) },
    };
    let progress = progress::View {
        id: order(),
        name: "web-1".into(),
        steps,
        outcome: progress::Outcome::Running,
        change: Some(Kind::Resize),
        ask: None,
        started: NOW - MINUTE * 3,
        now: NOW,
    };
    let unchanged = progress::View { steps: failed, outcome: progress::Outcome::Unchanged, ..progress.clone() };
    let done = progress::View {
        steps: vec![step("Finish", "It is moved.", StepState::Done, at(1))],
        outcome: progress::Outcome::Ready,
        change: Some(Kind::Move),
        ..progress.clone()
    };
    let relocation = relocation::View {
        id: order(),
        name: "web-1".into(),
        place: "Ghent, Belgium".into(),
        regions: vec![Region { slug: "Germany".into(), name: "Germany".into(), nodes: 7 }],
        stopped: false,
        backup: None,
        due: None,
        filled: Filled::default(),
    };
    let lost =
        relocation::View { backup: Some(relocation::Beside::Alone), due: Some(Usd::from_cents(612)), ..relocation.clone() };
    let refused = relocation::View {
        backup: Some(relocation::Beside::Stays),
        stopped: true,
        filled: Filled::default().with("region", "Germany").wrong("region", "Nothing of this size is free in Germany right now."),
        ..relocation.clone()
    };
    vec![
        show("resize", resize::page(&user("/deployments/x/resize"), &resize)),
        show("resize-refused", resize::page(&user("/deployments/x/resize"), &whole)),
        show("resize-preview", resize::preview_page(&user("/deployments/x/resize"), &preview)),
        show("resize-preview-back", resize::preview_page(&user("/deployments/x/resize"), &back)),
        show("resize-preview-least", resize::preview_page(&user("/deployments/x/resize"), &least)),
        show("stop", revisions::stop_page(&user("/deployments/x/stop"), &stop)),
        show("stop-kept", revisions::stop_page(&user("/deployments/x/stop"), &kept)),
        show("move", relocation::page(&user("/deployments/x/move"), &relocation)),
        show("move-lost", relocation::page(&user("/deployments/x/move"), &lost)),
        show("move-refused", relocation::page(&user("/deployments/x/move"), &refused)),
        show("changes", revisions::page(&user("/deployments/x/changes"), &changes)),
        show("changes-empty", {
            let none = revisions::View { rows: vec![], pager: Pager::default(), ..changes.clone() };
            revisions::page(&user("/deployments/x/changes"), &none)
        }),
        show("progress-resizing", progress::page(&user("/deployments/x/progress"), &progress)),
        show("progress-unchanged", progress::page(&user("/deployments/x/progress"), &unchanged)),
        show("progress-moved", progress::page(&user("/deployments/x/progress"), &done)),
    ]
}
