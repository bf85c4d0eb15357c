//! The backup VM: how the two servers are, how far behind the copy is, trying a takeover, and what became of it all.

use maud::{Markup, html};
use serde::Serialize;

use crate::base::Time;
use crate::base::ids::OrderId;
use crate::base::money::Usd;
use crate::domain::backup::{Charge, Consent, Drill, POINTED, Probe, Stage, State, TAKEOVER};
use crate::domain::order::Entry;
use crate::domain::report::Seat;
use crate::domain::sync::{EVERY_MIN, FOLDERS_MAX, Run, Sync};
use crate::web::ui::form::{self, Filled, Text};
use crate::web::ui::format::{ago, count, money, span, when};
use crate::web::ui::part::{self, Tone, badge, copyable, number, text};
use crate::web::ui::{Chrome, layout, layout_slow};

/// One of the two.
#[derive(Debug, Clone, Serialize)]
pub struct Machine {
    pub seat: Seat,
    pub place: String,
    pub ssh: Option<String>,
    pub probe: Probe,
    /// When it last spoke. None: it was never told to, or never did.
    pub heard: Option<Time>,
    /// A line was made for it.
    pub told: bool,
}

#[derive(Debug, Clone, Serialize)]
pub struct View {
    pub id: OrderId,
    pub name: String,
    pub now: Time,
    pub stage: Stage,
    /// Why there is none.
    pub reason: Option<String>,
    pub price: Usd,
    /// Why these two.
    pub apart: String,
    pub main: Machine,
    pub own: Machine,
    pub sync: Sync,
    /// It has a web address, whose visitors can be sent to the one or the other.
    pub web: bool,
    /// The server itself is gone, since then.
    pub lost: Option<Time>,
    /// Why the backup VM can't be put in charge, in a sentence.
    pub unready: Option<&'static str>,
    /// Where the backup VM is in charge.
    pub charge: Option<Charge>,
    /// The newest first.
    pub drills: Vec<Drill>,
    pub consent: Option<Consent>,
    /// The newest first.
    pub events: Vec<Entry>,
    /// A line that was made just now, and for which of the two.
    pub line: Option<(Seat, String)>,
    /// Holds `every` and `folders`.
    pub filled: Filled,
}

/// A stage in a word.
pub fn word(stage: Stage) -> (Tone, &'static str) {
    match stage {
        Stage::Waiting => (Tone::Busy, "After the server"),
        Stage::Reserving | Stage::Deploying => (Tone::Busy, "Being built"),
        Stage::Active => (Tone::Good, "Running"),
        Stage::Failing | Stage::Failed => (Tone::Bad, "None to be had"),
        Stage::Ending => (Tone::Busy, "Ending"),
        Stage::Ended => (Tone::Quiet, "Ended"),
    }
}

pub fn page(chrome: &Chrome, view: &View) -> Markup {
    let (tone, said) = word(view.stage);
    let frame = if view.line.is_none() && !view.filled.is_refused() { layout_slow } else { layout };
    let runs = view.stage == Stage::Active;
    frame(
        chrome,
        &format!("Backup VM of {}", view.name),
        html! {
            div.wrap.stack {
                (part::back(&format!("/deployments/{}", view.id), &view.name))
                (part::head(&format!("Backup VM of {}", view.name), html! { span.cluster { (badge(tone, said)) span { (view.own.place) } } }, html! {}))
                @if let Some((seat, script)) = &view.line { (line(*seat, script)) }
                @match view.stage {
                    Stage::Active => {
                        @if let Some(charge) = view.charge { (in_charge(chrome, view, charge)) }
                        div.duo { (machine(chrome, view, &view.main)) (machine(chrome, view, &view.own)) }
                        (in_step(chrome, view))
                        (drills(view))
                    }
                    Stage::Failing | Stage::Failed => (part::card("There is none", html! {
                        p { (view.reason.as_deref().unwrap_or("It could not be built.")) " The server itself goes on, and this part of the price goes back to your card." }
                    })),
                    Stage::Waiting => (part::card("It comes next", html! { p { "It is built as soon as the server itself runs." } })),
                    Stage::Reserving | Stage::Deploying => (part::card("It is being built", html! {
                        p { "That takes a few minutes; you need not wait here. If one place can't take it, others are tried." }
                    })),
                    Stage::Ending | Stage::Ended => (part::card("It ends with the server", html! { p { "Both are switched off, and their disks are gone." } })),
                }
                (part::card("Why these two", html! { p { (view.apart) } p { "Its part of the price: " strong { (money(view.price)) } " for 30 days." } }))
                @if let Some(consent) = view.consent { (agreed(consent)) }
                @if !view.events.is_empty() { (part::card("What became of it", events(&view.events))) }
                @if runs { p.hint { "This page is as of " (when(view.now)) "." } }
            }
        },
    )
}

const fn name(seat: Seat) -> &'static str {
    match seat {
        Seat::Main | Seat::Home => "The server",
        Seat::Backup => "The backup VM",
    }
}

fn line(seat: Seat, script: &str) -> Markup {
    html! {
        section.access {
            h2 { "Run one of these lines on " @if seat == Seat::Backup { "the backup VM" } @else { "the server" } ", as root" }
            (copyable("With curl", &format!("curl -fsS {script} | sh")))
            (copyable("With wget", &format!("wget -qO- {script} | sh")))
            p.hint {
                "It is shown this once, and is for this one of the two only. It puts two small scripts there: one tells us how the server is doing, the \
                 other keeps the two in step with rsync over ssh. The keys are made on your servers, and only their public halves come here. An older \
                 line of the same server ends as soon as it has spoken with this one. To take everything away again: "
                code { "sh /usr/local/lib/cooperage/report.sh remove" }
            }
        }
    }
}

fn machine(chrome: &Chrome, view: &View, machine: &Machine) -> Markup {
    let (tone, said) = match machine.probe.state() {
        State::Unknown => (Tone::Quiet, "Not known"),
        State::Up => (Tone::Good, "Up"),
        State::Doubtful => (Tone::Warn, "Does not answer"),
        State::Down { .. } => (Tone::Bad, "Down"),
    };
    let mut facts = vec![
        ("Where", html! { (machine.place) }),
        (
            "Its node",
            html! {
                @match machine.probe.node { Some(true) => "is up", Some(false) => "is down", None => "is not known" }
                @if let Some(looked) = machine.probe.looked { ", " (ago(looked, view.now)) }
            },
        ),
        (
            "It spoke",
            html! { @match machine.heard { Some(at) => (ago(at, view.now)), None if machine.told => "not yet", None => "not now: run its line" } },
        ),
    ];
    if let Some(answers) = machine.probe.answers {
        let what = if machine.seat == Seat::Main { "The server's web address" } else { "Its web address" };
        facts.push((what, html! { @if answers { "answers" } @else { "does not answer" } " when we visit it" }));
    }
    if let State::Down { since } = machine.probe.state() {
        facts.push(("Down since", html! { (ago(since, view.now)) }));
    }
    html! {
        @let lost = view.lost.filter(|_| machine.seat == Seat::Main);
        section.card.stack-small {
            div.between { h2 { (name(machine.seat)) } @if lost.is_some() { (badge(Tone::Bad, "Gone")) } @else { (badge(tone, said)) } }
            @if let Some(at) = lost { p { "Its place ended it " (ago(at, view.now)) ", and its disks are gone." } } @else { (part::facts(facts)) }
            @if let Some(ssh) = &machine.ssh { (copyable("Sign in", ssh)) }
            @if lost.is_none() {
                (form::post(chrome, &format!("/deployments/{}/backup/line", view.id), html! {
                    (form::hidden("vm", machine.seat.word()))
                    div.actions {
                        @if machine.told { a.btn.quiet href={ "/deployments/" (view.id) "/metrics?vm=" (machine.seat.word()) } { "Its graphs" } }
                        button.btn.quiet[machine.told] type="submit" { @if machine.told { "Make a new line" } @else { "Give me its line" } }
                    }
                }))
            }
        }
    }
}

fn in_step(chrome: &Chrome, view: &View) -> Markup {
    let sync = &view.sync;
    let newest = sync.runs.last();
    html! {
        section.card.stack-small {
            h2 { "In step" }
            div.figures {
                (part::figure(
                    "The copy holds what was written before",
                    html! { @match sync.held { Some(held) => (ago(held.marker, view.now)), None => "Nothing yet" } },
                    html! { @match sync.held {
                        Some(held) => { (when(held.marker)) ". This much would be lost now. Told " (ago(held.told, view.now)) "." }
                        None => "Run the line of each of the two servers first.",
                    } },
                ))
                (part::figure(
                    "Last copy",
                    html! { @match newest { Some(run) => (ago(run.finished, view.now)), None => "None yet" } },
                    html! { @if let Some(run) = newest { (ended(run)) } },
                ))
            }
            @if sync.alarmed.is_some() {
                p.flash.bad { span { "No newer copy for three intervals: something is in the way. We have told you by mail, too." } }
            }
            @if !sync.runs.is_empty() {
                details.more {
                    summary { "The last copies" span.hint { "As the server told them." } }
                    div.more-body {
                        (part::table(
                            "The last copies",
                            &[text("Begun"), number("Took"), number("Bytes that had changed"), text("How it ended")],
                            sync.runs.iter().rev().map(row).collect(),
                        ))
                    }
                }
            }
            (plan(chrome, view))
        }
    }
}

fn ended(run: &Run) -> Markup {
    html! {
        @match &run.wrong {
            None => { "Went well: " (count(run.bytes)) " bytes had changed." }
            Some(why) => { "Failed: " (why) }
        }
    }
}

fn row(run: &Run) -> Vec<Markup> {
    vec![
        when(run.started),
        html! { (span(run.finished.since(run.started))) },
        html! { (count(run.bytes)) },
        html! { @match &run.wrong { None => (badge(Tone::Good, "Went well")), Some(why) => { (badge(Tone::Bad, "Failed")) " " (why) } } },
    ]
}

fn plan(chrome: &Chrome, view: &View) -> Markup {
    let wrong = view.filled.is_refused();
    let folders = format!(
        "One a line, {FOLDERS_MAX} at most. What is deleted here is deleted there. Databases should be dumped into one of them first. Each gets a \
         file .cooperage-copied. Where it is missing later nothing is copied, for the disk may not be mounted; if you have emptied the folder \
         yourself, make the file again with touch."
    );
    let every = format!("{} to {}.", EVERY_MIN.0, EVERY_MIN.1);
    html! {
        details.more open[wrong] {
            summary {
                "What is copied, and how often"
                @if let Some(plan) = &view.sync.plan {
                    span.hint {
                        "Every " (plan.every) " minutes: " (plan.folders.iter().map(|folder| folder.as_str()).collect::<Vec<_>>().join(", "))
                    }
                }
            }
            div.more-body {
                (form::sheet(chrome, &format!("/deployments/{}/backup/plan", view.id), &view.filled, html! {
                    (Text::new("folders", "Folders").rows(4).code().hint(&folders).show(&view.filled))
                    (Text::new("every", "Minutes between two copies").digits().max(4).hint(&every).show(&view.filled))
                    div.actions { button.btn.quiet type="submit" { "Save" } }
                }))
            }
        }
    }
}

fn in_charge(chrome: &Chrome, view: &View, charge: Charge) -> Markup {
    html! {
        section.card.stack-small {
            h2 { "The backup VM is in charge" }
            p {
                "Since " (ago(charge.since, view.now)) ". Nothing is copied to it meanwhile. "
                @if charge.visited && view.web { "Visitors of your web address are sent to it." } @else { "Nothing points your visitors to it." }
            }
            p.hint { "Copies go on when the server itself is in charge again. They write over what was changed on the backup VM in those folders: save that first." }
            @if view.lost.is_some() {
                p { "There is no server that could be put back in charge. Set it up at another place, copy what you need from the backup VM to it, then put it in charge." }
                div.actions { a.btn href={ "/deployments/" (view.id) "/move" } { "Set the server up elsewhere" } }
            } @else {
                (form::post(chrome, &format!("/deployments/{}/backup/return", view.id), html! {
                    div.actions { button.btn type="submit" { "Put the server back in charge" } }
                }))
            }
        }
    }
}

fn drills(view: &View) -> Markup {
    html! {
        section.card.stack-small {
            h2 { "Trying it out" }
            p {
                "A drill measures two things: how long it takes from the press of the button until the backup VM is seen to answer, and how old its copy is."
            }
            @if view.web {
                p.hint {
                    strong { "While a drill lasts, visitors of your web address come to the backup VM. " }
                    "If the server is surely down, by more than one sign, and the backup VM up with a copy, they are sent there by themselves, and are there "
                    strong { "within " (minutes(TAKEOVER)) } " after the server fails. A drill has to get them there within " (minutes(POINTED))
                    ", for noticing takes the rest. They come back only when you say so."
                }
            } @else {
                p.hint {
                    "You can sign in to the backup VM while the drill lasts. Without a web address of ours there are no visitors that we could send there: nothing \
                     is switched by itself, and no time is stated for it."
                }
            }
            @if !view.drills.is_empty() {
                (part::table(
                    "Drills",
                    &[text("Begun"), number("Until it answered"), text("In the stated time"), number("Age of the copy"), text("Back")],
                    view.drills.iter().map(|it| drill(it, view.now)).collect(),
                ))
            }
            @if view.charge.is_none() {
                @match view.unready {
                    None => div.actions { a.btn.quiet href={ "/deployments/" (view.id) "/backup/drill" } { "Begin a drill" } },
                    Some(why) => p { (why) " A drill can begin as soon as that has changed." },
                }
            }
        }
    }
}

/// Asked before a drill: how both are, and what happens to visitors.
pub fn drill_page(chrome: &Chrome, view: &View) -> Markup {
    let says = |machine: &Machine| match machine.probe.state() {
        State::Unknown => "nobody can tell how it is".to_owned(),
        State::Up => "it is up".to_owned(),
        State::Doubtful => "it did not answer when we last looked".to_owned(),
        State::Down { since } => format!("it is down since {}", since.minute()),
    };
    layout(
        chrome,
        &format!("Try a takeover of {}", view.name),
        html! {
            div.narrow {
                (part::back(&format!("/deployments/{}/backup", view.id), &format!("Backup VM of {}", view.name)))
                h1 { "Put the backup VM in charge?" }
                ul {
                    li { strong { "The server: " } (says(&view.main)) "." }
                    li {
                        strong { "The backup VM: " } (says(&view.own)) ". "
                        @match view.sync.held {
                            Some(held) => { "It holds what was written before " (ago(held.marker, view.now)) "." }
                            None => "It holds no whole copy yet.",
                        }
                    }
                    @if view.web {
                        li { strong { "Visitors of your web address come to the backup VM, " } "from now on until you put the server back in charge: they see what the copy holds." }
                    } @else { li { "There is no web address whose visitors could be sent there." } }
                    li { "Nothing is copied meanwhile. Afterwards copies write over what was changed on the backup VM." }
                }
                @if let Some(why) = view.unready {
                    p.flash.bad { span { (why) } }
                    p.actions { a.btn.quiet.large href={ "/deployments/" (view.id) "/backup" } { "Back" } }
                } @else {
                    (form::post(chrome, &format!("/deployments/{}/backup/drill", view.id), html! {
                        div.actions {
                            button.btn.large type="submit" { "Begin the drill" }
                            a.btn.quiet.large href={ "/deployments/" (view.id) "/backup" } { "Leave it" }
                        }
                    }))
                }
            }
        },
    )
}

/// `4½ minutes`
fn minutes(span: std::time::Duration) -> String {
    let half = if span.as_secs() % 60 >= 30 { "½" } else { "" };
    format!("{}{half} minutes", span.as_secs() / 60)
}

fn drill(drill: &Drill, now: Time) -> Vec<Markup> {
    let secs = |secs: Option<u64>, none: &str| {
        html! {
            @match secs { Some(secs) => (span(std::time::Duration::from_secs(secs))), None => (none) }
        }
    };
    let none = if drill.back.is_some() { "It never did" } else { "Not yet" };
    vec![
        html! { (when(drill.pressed)) @if drill.real { " " (badge(Tone::Warn, "The server was down")) } },
        secs(drill.rto_secs(), none),
        html! {
            @match drill.in_time(now) {
                Some(true) => (badge(Tone::Good, "Yes")),
                Some(false) => (badge(Tone::Bad, "No")),
                None if drill.visited => "Not told",
                None => "No visitors",
            }
        },
        secs(drill.rpo_secs(), "No whole copy"),
        html! { @match drill.back { Some(at) => (when(at)), None => "Still in charge" } },
    ]
}

fn agreed(consent: Consent) -> Markup {
    part::card("What you agreed to", html! { p { (consent.text()) } p.hint { "On " (when(consent.at)) ", when you ordered." } })
}

fn events(events: &[Entry]) -> Markup {
    html! {
        ul.events {
            @for event in events { li.trouble[event.trouble] { span.soft { (when(event.at)) } " " span { (event.text) } } }
        }
    }
}

/// As the page of the deployment shows it.
#[derive(Debug, Clone, Serialize)]
pub struct Brief {
    pub stage: Stage,
    pub place: String,
    pub held: Option<Time>,
    pub late: bool,
    pub charge: bool,
    pub now: Time,
}

pub fn brief(id: OrderId, brief: &Brief) -> Markup {
    let (tone, said) = word(brief.stage);
    html! {
        section.card.stack-small {
            div.between {
                h2 { "Backup VM" }
                div.actions { a.btn.quiet.small href={ "/deployments/" (id) "/backup" } { "See it" } }
            }
            p.cluster { (badge(tone, said)) span { (brief.place) } @if brief.charge { (badge(Tone::Warn, "In charge")) } }
            @if brief.stage == Stage::Active {
                p {
                    @match brief.held {
                        Some(held) => { "Its copy holds what was written before " (ago(held, brief.now)) "." }
                        None => "Its copy is empty yet.",
                    }
                    @if brief.late { " " (badge(Tone::Bad, "Late")) }
                }
            }
        }
    }
}
