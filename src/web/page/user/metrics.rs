//! How a VM is doing: four graphs over an hour, a day or a month, the same as a table, and how it is switched on.

use maud::{Markup, html};
use serde::Serialize;

use crate::base::Time;
use crate::base::ids::OrderId;
use crate::domain::report::{Disk, Heard, Sample, Seat, Span};
use crate::web::ui::form::{self, Filled};
use crate::web::ui::format::{ago, hundredths, memory, percent, rate, span, when};
use crate::web::ui::graph::{Graph, Line, graph, round_up, small};
use crate::web::ui::part::{self, copyable, number, text};
use crate::web::ui::{Chrome, layout, layout_slow};

/// After so long a silence the page says that something may be wrong.
const QUIET_SECONDS: u64 = 180;

/// A VM that was let speak.
#[derive(Debug, Clone, Serialize)]
pub struct Speaker {
    pub since: Time,
    pub logs: bool,
    /// When it said that it ends, if it has not spoken since.
    pub ended: Option<Time>,
    pub heard: Option<Heard>,
}

#[derive(Debug, Clone, Serialize)]
pub struct View {
    pub id: OrderId,
    pub seat: Seat,
    pub name: String,
    pub span: Span,
    pub now: Time,
    /// None: it is not switched on.
    pub speaker: Option<Speaker>,
    /// In equal steps up to now, for the graphs.
    pub series: Vec<Option<Sample>>,
    /// The same in larger steps, for the table.
    pub rows: Vec<Option<Sample>>,
    /// Where the script of this VM is: given once, right after it was made.
    pub script: Option<String>,
}

impl View {
    /// What it is called, in the middle of a title.
    fn called(&self) -> String {
        match self.seat {
            Seat::Main | Seat::Home => self.name.clone(),
            Seat::Backup => format!("the backup VM of {}", self.name),
        }
    }

    /// An address of this machine.
    fn at(&self, path: &str) -> String {
        let query = if path.contains('?') { '&' } else { '?' };
        match self.seat {
            Seat::Main | Seat::Home => format!("/deployments/{}/{path}", self.id),
            Seat::Backup => format!("/deployments/{}/{path}{query}vm={}", self.id, self.seat.word()),
        }
    }

    fn back(&self) -> (String, &str) {
        match self.seat {
            Seat::Main | Seat::Home => (format!("/deployments/{}", self.id), &self.name),
            Seat::Backup => (format!("/deployments/{}/backup", self.id), "Backup VM"),
        }
    }

    /// Which machine a form is about.
    fn field(&self) -> Markup {
        html! { @if self.seat != Seat::Main { (form::hidden("vm", self.seat.word())) } }
    }
}

pub fn page(chrome: &Chrome, view: &View) -> Markup {
    let heard = view.speaker.as_ref().is_some_and(|speaker| speaker.heard.is_some());
    // Whoever is about to copy the line should not lose it.
    let frame = if view.speaker.is_some() && view.script.is_none() { layout_slow } else { layout };
    frame(
        chrome,
        &format!("How {} is doing", view.called()),
        html! {
            div.wrap.stack {
                (part::back(&view.back().0, view.back().1))
                (part::head(&format!("How {} is doing", view.called()), html! { "As the server itself tells it, once a minute." }, html! {
                    @if view.speaker.as_ref().is_some_and(|speaker| speaker.logs) {
                        a.btn.quiet href=(view.at("logs")) { "Its log" }
                    }
                }))
                @if let Some(script) = &view.script { (line(script)) }
                @match &view.speaker {
                    Some(_) if heard => {
                        (spans(view))
                        div.live.stack data-live=(view.at(&format!("metrics/events?span={}", view.span.word()))) { (fragment(view)) }
                        (as_table(view))
                        (switches(chrome, view))
                    }
                    Some(_) => {
                        div.live.stack data-live=(view.at(&format!("metrics/events?span={}", view.span.word()))) { (fragment(view)) }
                        (switches(chrome, view))
                    }
                    None => (off(chrome, view)),
                }
            }
        },
    )
}

/// The part that moves: shown once with the page, and sent again when there is news.
pub fn fragment(view: &View) -> Markup {
    let heard = view.speaker.as_ref().and_then(|speaker| speaker.heard.as_ref());
    let ended = view.speaker.as_ref().and_then(|speaker| speaker.ended);
    html! {
        @match (heard, ended) {
            (None, Some(ended)) => {
                div.card.stack-small {
                    h2 { "Switched off on the server" }
                    p { "Its reporter was taken away " (ago(ended, view.now)) ", and said so. A new line brings it back; what it told before comes back, too." }
                }
            }
            (None, None) => {
                div.card.stack-small {
                    h2 { "Waiting for its first words" }
                    p { "Run the line on the server. This page shows it as soon as it speaks; that takes a minute at most." }
                }
            }
            (Some(heard), _) => {
                (last_words(heard, view.now))
                div.duo { @for drawn in graphs(view, heard) { (graph(&drawn)) } }
                (disks(&heard.figures.disks))
            }
        }
    }
}

fn last_words(heard: &Heard, now: Time) -> Markup {
    let quiet = now.since(heard.at).as_secs() > QUIET_SECONDS;
    html! {
        @if quiet {
            p.flash.notice {
                span {
                    "Last heard of " (ago(heard.at, now)) ". It should speak once a minute: it may be down, cut off, or its reporter was ended. "
                    "What is not known is left out below."
                }
            }
        } @else {
            p.soft {
                "Last heard of " (ago(heard.at, now)) ". Running for " (span(std::time::Duration::from_secs(heard.figures.uptime / 100)))
                " since it was started."
            }
        }
    }
}

fn spans(view: &View) -> Markup {
    let title = |span| match span {
        Span::Hour => "Last hour",
        Span::Day => "Last day",
        Span::Month => "Last 30 days",
    };
    html! {
        nav.filters aria-label="How far back" {
            @for span in Span::ALL {
                a href=(view.at(&format!("metrics?span={}", span.word()))) aria-current=[(span == view.span).then_some("page")] {
                    (title(span))
                }
            }
        }
    }
}

fn graphs(view: &View, heard: &Heard) -> [Graph; 4] {
    let newest = view.series.iter().rev().flatten().next();
    let take = |of: fn(&Sample) -> Option<u64>| view.series.iter().map(|sample| of(sample.as_ref()?)).collect::<Vec<_>>();
    let most = |of: fn(&Sample) -> u64| view.series.iter().flatten().map(of).max().unwrap_or_default().max(1);
    let (from, to) = ends(view);
    let with = |id, title, now: String, note: String, top, write: fn(u64) -> String, lines: Vec<Line>| Graph {
        id,
        title,
        now,
        note,
        says: says(&lines, write),
        top,
        top_text: write(top),
        lines,
        from: from.clone(),
        to: to.clone(),
    };
    let one = |name, values| vec![Line { name, values }];
    let shown = |value: Option<u64>, write: fn(u64) -> String| value.map_or_else(|| "Not known".into(), write);
    let figures = &heard.figures;
    let (used, size) = newest.map_or((0, 0), |sample| (sample.disk_used, sample.disk));
    let (received, sent) = (take(|sample| sample.received), take(|sample| sample.sent));
    let fastest = received.iter().chain(&sent).flatten().max().copied().unwrap_or_default();
    [
        with(
            "cpu",
            "Processor",
            shown(newest.and_then(|sample| sample.cpu), share),
            format!("Load {} over the last minute", hundredths(figures.load)),
            10_000,
            share,
            one("Processor", take(|sample| sample.cpu)),
        ),
        with(
            "memory",
            "Memory",
            kib(figures.memory_used),
            format!("of {}, without what is only kept to be quick", kib(figures.memory)),
            most(|sample| sample.memory),
            kib,
            one("Memory", take(|sample| Some(sample.memory_used))),
        ),
        with(
            "disk",
            "Disk",
            kib(used),
            format!("of {} in all", kib(size)),
            most(|sample| sample.disk),
            kib,
            one("Disk", take(|sample| Some(sample.disk_used))),
        ),
        with(
            "network",
            "Network",
            format!("{} in", shown(newest.and_then(|sample| sample.received), rate)),
            format!("{} out", shown(newest.and_then(|sample| sample.sent), rate)),
            round_up(fastest, 1000),
            rate,
            vec![Line { name: "Received", values: received }, Line { name: "Sent", values: sent }],
        ),
    ]
}

/// To a tenth of a per cent.
fn share(hundredths: u64) -> String {
    percent(u32::try_from(hundredths.saturating_add(5) / 10 * 10).unwrap_or(u32::MAX))
}

fn kib(kib: u64) -> String {
    memory(kib / 1024)
}

/// What a graph shows, for whoever does not see it.
fn says(lines: &[Line], write: fn(u64) -> String) -> String {
    let one = |line: &Line| {
        let known: Vec<u64> = line.values.iter().flatten().copied().collect();
        let (Some(low), Some(high), Some(last)) = (known.iter().min(), known.iter().max(), known.last()) else {
            return format!("{}: nothing is known.", line.name);
        };
        let silent = (line.values.len() - known.len()) * 100 / line.values.len().max(1);
        format!(
            "{}: between {} and {}, {} at last; not known for {silent} % of the time.",
            line.name,
            write(*low),
            write(*high),
            write(*last)
        )
    };
    lines.iter().map(one).collect::<Vec<_>>().join(" ")
}

fn ends(view: &View) -> (String, String) {
    let from = view.now - view.span.length();
    match view.span {
        Span::Hour | Span::Day => (format!("{} UTC", from.clock()), format!("{} UTC", view.now.clock())),
        Span::Month => (from.short_day(), view.now.short_day()),
    }
}

fn disks(disks: &[Disk]) -> Markup {
    html! {
        @if disks.len() > 1 {
            (part::card("Each disk", html! {
                ul.tally {
                    @for disk in disks {
                        li {
                            span { code { (disk.mount) } }
                            span { (kib(disk.used)) " of " (kib(disk.size)) }
                            (part::bar(&format!("Used of {}", disk.mount), disk.used, disk.size))
                        }
                    }
                }
            }))
        }
    }
}

/// What the graphs show, in words: the newest first.
fn as_table(view: &View) -> Markup {
    let step = view.span.row();
    let label = |at: Time| match view.span {
        Span::Hour | Span::Day => at.clock(),
        Span::Month => at.short_day(),
    };
    let end = crate::domain::report::number(view.now, step);
    let known = (0..).zip(view.rows.iter().rev()).filter_map(|(back, sample): (u32, _)| Some((back, sample.as_ref()?)));
    let rows = known.map(|(back, sample)| {
        let at = crate::domain::report::moment(end.saturating_sub(back), step);
        let cell = |value: Option<String>| html! { (value.unwrap_or_else(|| "–".into())) };
        vec![
            html! { time datetime=(at) { (label(at)) } },
            cell(sample.cpu.map(share)),
            cell(Some(kib(sample.memory_used))),
            cell(Some(kib(sample.disk_used))),
            cell(sample.received.map(rate)),
            cell(sample.sent.map(rate)),
        ]
    });
    let columns = [text("From (UTC)"), number("Processor"), number("Memory"), number("Disk"), number("Received"), number("Sent")];
    html! {
        details.more {
            summary { "As a table" span.hint { "Averages, as of " (when(view.now)) ". Times that are left out: nothing was heard." } }
            div.more-body { (part::table("How it was doing", &columns, rows.collect())) }
        }
    }
}

/// What is sent, for everybody who thinks about switching it on.
fn what_is_sent() -> Markup {
    html! {
        ul.plain {
            li { "How busy its processors are, and its load." }
            li { "How much memory is used, and of how much." }
            li { "How full its disks are, and where they are mounted." }
            li { "How many bytes came in and went out, and how long it has been running." }
            li { "The newest lines of its system log: only if you tick the box." }
        }
        p.hint {
            "Nothing else: no files, no programs, no contents. It is shown to you alone, and kept for 30 days; within a day after that, or after the \
             server is gone, it is deleted."
        }
    }
}

fn off(chrome: &Chrome, view: &View) -> Markup {
    html! {
        div.duo {
            (part::card("Not switched on", html! {
                div.stack-small {
                    p {
                        "We can't look into your server, and don't want to. If you like, it tells us once a minute how it is doing, and this page draws it: "
                        "one line to run on it, once."
                    }
                    (form::post(chrome, &format!("/deployments/{}/reports", view.id), html! {
                        div.stack-small {
                            (view.field())
                            (log_tick(false))
                            div.actions { (form::submit("Give me the line")) }
                        }
                    }))
                }
            }))
            (part::card("What it sends", what_is_sent()))
        }
    }
}

fn log_tick(on: bool) -> Markup {
    let filled = if on { Filled::default().with("logs", form::TICKED) } else { Filled::default() };
    form::tick(
        "logs",
        "Its log, too",
        html! { "The newest lines of the system log, to be read here. Logs can hold names and addresses." },
        &filled,
    )
}

fn line(script: &str) -> Markup {
    html! {
        section.access {
            h2 { "Run one of these lines on the server, as root" }
            (copyable("With curl", &format!("curl -fsS {script} | sh")))
            (copyable("With wget", &format!("wget -qO- {script} | sh")))
            p.hint {
                "It is shown this once: it holds the server's own secret, and we keep only a fingerprint of it. To look before you run it, leave out "
                code { "| sh" } ". To take everything away again: " code { "sh /usr/local/lib/cooperage/report.sh remove" }
            }
        }
    }
}

fn switches(chrome: &Chrome, view: &View) -> Markup {
    let Some(speaker) = &view.speaker else { return html! {} };
    let to = |verb: &str| format!("/deployments/{}/reports{verb}", view.id);
    html! {
        details.more {
            summary { "What it sends, and switching it off" span.hint { "Switched on " (when(speaker.since)) "." } }
            div.more-body {
                (what_is_sent())
                (form::post(chrome, &to("/logs"), html! {
                    (view.field())
                    div.stack-small { (log_tick(speaker.logs)) div.actions { button.btn.quiet type="submit" { "Save" } } }
                }))
                (form::post(chrome, &to(""), html! {
                    (view.field())
                    @if speaker.logs { (form::hidden("logs", form::TICKED)) }
                    p.hint {
                        "Lost the line, or shown it to somebody? A new one ends the old one as soon as the server has spoken with it. To end it at once, \
                         switch it off."
                    }
                    div.actions { button.btn.quiet type="submit" { "Give me a new line" } }
                }))
                (form::post(chrome, &to("/end"), html! {
                    (view.field())
                    p.hint { "Everything it has told is deleted. On the server: " code { "sh /usr/local/lib/cooperage/report.sh remove" } }
                    div.actions { button.btn.quiet.danger type="submit" { "Switch it off and delete" } }
                }))
            }
        }
    }
}

/// How it is doing, as the page of the deployment shows it.
#[derive(Debug, Clone, Serialize)]
pub struct Brief {
    pub now: Time,
    pub ended: Option<Time>,
    pub heard: Option<Heard>,
    /// Of the last hour.
    pub series: Vec<Option<Sample>>,
    pub logs: bool,
}

/// `brief` is None where it is not switched on.
pub fn brief(id: OrderId, brief: Option<&Brief>) -> Markup {
    let heard = brief.and_then(|brief| Some((brief, brief.heard.as_ref()?)));
    html! {
        section.card.stack-small {
            div.between {
                h2 { "How it is doing" }
                div.actions {
                    @if brief.is_some_and(|brief| brief.logs) { a.btn.quiet.small href={ "/deployments/" (id) "/logs" } { "Its log" } }
                    a.btn.quiet.small href={ "/deployments/" (id) "/metrics" } { @if brief.is_some() { "Graphs" } @else { "Switch on graphs" } }
                }
            }
            @match heard {
                Some((brief, heard)) => (figures(brief, heard)),
                None if brief.is_some_and(|brief| brief.ended.is_some()) => p { "Switched off on the server itself." },
                None if brief.is_some() => p { "Switched on, and not heard of yet: run the line on the server." },
                None => p { "Processor, memory, disk and network as graphs, and its log: told by the server itself, if you want it to." },
            }
        }
    }
}

fn figures(brief: &Brief, heard: &Heard) -> Markup {
    let newest = brief.series.iter().rev().flatten().next();
    let take = |of: fn(&Sample) -> Option<u64>| brief.series.iter().map(|sample| of(sample.as_ref()?)).collect::<Vec<_>>();
    let most = |of: fn(&Sample) -> u64| brief.series.iter().flatten().map(of).max().unwrap_or_default();
    let or = |value: Option<String>| value.unwrap_or_else(|| "–".into());
    let traffic = take(|sample| sample.received?.checked_add(sample.sent?));
    let fastest = traffic.iter().flatten().max().copied().unwrap_or_default();
    let lines = [
        ("Processor", or(newest.and_then(|sample| sample.cpu).map(share)), 10_000, take(|sample| sample.cpu)),
        ("Memory", kib(heard.figures.memory_used), most(|sample| sample.memory), take(|sample| Some(sample.memory_used))),
        (
            "Disk",
            or(newest.map(|sample| kib(sample.disk_used))),
            most(|sample| sample.disk),
            take(|sample| Some(sample.disk_used)),
        ),
        ("Network", or(traffic.iter().rev().flatten().next().copied().map(rate)), round_up(fastest, 1000), traffic),
    ];
    html! {
        div.vitals {
            @for (name, value, top, values) in &lines {
                div { p.figure-name { (name) } p.vital { (value) } (small(&format!("{name} over the last hour"), *top, values)) }
            }
        }
        p.hint { "Last heard of " (ago(heard.at, brief.now)) "." }
    }
}
