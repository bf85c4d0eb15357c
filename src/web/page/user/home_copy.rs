//! Copies at the customer's own place: when the last one was seen, how to begin, what to do beforehand for some programs, and how to restore.

use maud::{Markup, html};
use serde::Serialize;

use crate::base::Time;
use crate::base::ids::OrderId;
use crate::domain::home_copy::DAYS;
use crate::domain::sync::{FOLDERS_MAX, Run};
use crate::web::ui::form::{self, Filled, Text};
use crate::web::ui::format::{ago, count, span, when};
use crate::web::ui::part::{self, Tone, badge, copyable, number, text};
use crate::web::ui::{Chrome, layout, layout_slow};

/// What is known of them.
#[derive(Debug, Clone, Serialize)]
pub struct Kept {
    pub late: bool,
    /// The newest whole copy holds what was written before.
    pub last: Option<Time>,
    /// When the machine said that it ends.
    pub ended: Option<Time>,
    /// The newest first.
    pub runs: Vec<Run>,
}

#[derive(Debug, Clone, Serialize)]
pub struct View {
    pub id: OrderId,
    pub name: String,
    pub now: Time,
    /// Where the script and the copies are, below the home folder of the customer's machine.
    pub folder: String,
    /// Where the server is reached, and whether from everywhere.
    pub address: Option<String>,
    pub public: bool,
    /// None: nothing was begun.
    pub kept: Option<Kept>,
    /// A folder that is copied.
    pub example: String,
    /// Holds `days` and `folders`.
    pub filled: Filled,
    /// Where the script for the customer's machine is: given once, right after it was made.
    pub script: Option<String>,
}

/// What has to be put into a copied folder before it is copied, by program: a line for the server's `/etc/cron.d`.
const RECIPES: [(&str, &str); 5] = [
    ("PostgreSQL", "30 2 * * * postgres pg_dumpall | gzip >@/dump/postgres.sql.gz"),
    ("MariaDB, MySQL", "30 2 * * * root mysqldump --all-databases --single-transaction | gzip >@/dump/mysql.sql.gz"),
    (
        "Nextcloud, its data in the same folder",
        "30 2 * * * root mysqldump --single-transaction nextcloud | gzip >@/dump/nextcloud.sql.gz && cp -a /var/www/nextcloud/config @/dump/",
    ),
    ("SQLite", "30 2 * * * root sqlite3 /var/lib/app/app.db '.backup @/dump/app.db'"),
    (
        "Volumes of Docker (what is in them must rest meanwhile)",
        "30 2 * * * root tar -C /var/lib/docker -czf @/dump/volumes.tar.gz volumes",
    ),
];

pub fn page(chrome: &Chrome, view: &View) -> Markup {
    let frame = if view.script.is_none() && view.kept.is_some() && !view.filled.is_refused() { layout_slow } else { layout };
    frame(
        chrome,
        &format!("Your own copies of {}", view.name),
        html! {
            div.wrap.stack {
                (part::back(&format!("/deployments/{}", view.id), &view.name))
                (part::head(
                    &format!("Your own copies of {}", view.name),
                    html! { "On a machine of yours, to be read whatever becomes of the server, of the grid or of us." },
                    html! {},
                ))
                @if let Some(script) = &view.script { (line(view, script)) }
                @match &view.kept {
                    Some(kept) => (seen(chrome, view, kept)),
                    None => (begin(chrome, view)),
                }
                (before(view))
                (restore(view))
                @if view.kept.is_some() { (plan(chrome, view)) }
            }
        },
    )
}

fn begin(chrome: &Chrome, view: &View) -> Markup {
    html! {
        div.duo {
            (part::card("How it works", html! {
                div.stack-small {
                    p {
                        "A machine of yours that is often on (a NAS, a PC, a small computer) fetches the folders with rsync over ssh, and keeps the last \
                         eight copies beside each other as plain files. What did not change takes no room twice. It tells us when it was done: this page \
                         shows when the last copy was seen, and we write to you when one is late."
                    }
                    p { "It needs Linux or another Unix with rsync, ssh, cron and curl; no open port, and no rights of an administrator." }
                    @if !view.public {
                        p.hint {
                            "This server has no public address: your machine reaches it over Mycelium, which has to run on it. It is at "
                            code { "github.com/threefoldtech/mycelium" } "."
                        }
                    }
                }
            }))
            (part::card("What it does not cover", html! {
                ul.plain {
                    li { "The system itself, and folders that you don't name." }
                    li { "What a database has open while it is copied: have it dumped into a copied folder first, as below." }
                    li { "What was written since the last copy." }
                    li { "Owners of files, unless the script runs as root on your machine. Their contents, names, times and rights are kept." }
                    li { "What is deleted on the server stays in older copies until eight newer ones have been made." }
                }
            }))
        }
        (part::card("What is copied, and how often", fields(chrome, view, "Give me the line")))
    }
}

fn line(view: &View, script: &str) -> Markup {
    html! {
        section.access {
            h2 { "Run one of these lines on your own machine" }
            (copyable("With curl", &format!("curl -fsS {script} | sh")))
            (copyable("With wget", &format!("wget -qO- {script} | sh")))
            ol {
                li { "It puts one small script into the folder " code { (view.folder) } " of your home, makes a key there, and has cron run it once an hour." }
                li { "It shows a line to run on the server, as root. That lets this key read the copied folders, and do nothing else." }
                li { "The first copy can be made at once: " code { "sh ~/" (view.folder) "/copy.sh now" } }
            }
            p.hint {
                "It is shown this once: it holds a secret of its own, and we keep only a fingerprint of it. To take it away again: "
                code { "sh ~/" (view.folder) "/copy.sh remove" } ". The copies stay."
            }
        }
    }
}

fn seen(chrome: &Chrome, view: &View, kept: &Kept) -> Markup {
    let newest = kept.runs.first();
    html! {
        section.card.stack-small {
            h2 { "Last copy seen" }
            div.figures {
                (part::figure(
                    "It holds what was written before",
                    html! { @match kept.last { Some(last) => (ago(last, view.now)), None => "Nothing yet" } },
                    html! { @match kept.last { Some(last) => (when(last)), None => "Run the line on your own machine first, and then the one it shows." } },
                ))
                (part::figure(
                    "Last try",
                    html! { @match newest { Some(run) => (ago(run.finished, view.now)), None => "None yet" } },
                    html! { @if let Some(run) = newest { (ended(run)) } },
                ))
            }
            @match kept.ended {
                Some(ended) => p.flash.notice { span { "Your machine was told to copy nothing more " (ago(ended, view.now)) ". We wait for no copy." } },
                None if kept.late => p.flash.bad {
                    span { "It is late: there should have been a newer copy. Is your machine on, and does it reach the server? We write to you about it, too." }
                },
                None => {}
            }
            @if !kept.runs.is_empty() {
                details.more {
                    summary { "The last tries" span.hint { "As your machine told them." } }
                    div.more-body {
                        (part::table(
                            "The last tries",
                            &[text("Begun"), number("Took"), number("Bytes that had changed"), text("How it ended")],
                            kept.runs.iter().map(row).collect(),
                        ))
                    }
                }
            }
            p.hint { "We see what your machine says, not the copy itself. Open one now and then." }
            (form::post(chrome, &format!("/deployments/{}/copies/line", view.id), html! {
                div.actions { button.btn.quiet type="submit" { "Give me a new line" } }
            }))
        }
    }
}

fn ended(run: &Run) -> Markup {
    html! { @match &run.wrong { None => { "Went well: " (count(run.bytes)) " bytes had changed." }, Some(why) => { "Failed: " (why) } } }
}

fn row(run: &Run) -> Vec<Markup> {
    vec![
        when(run.started),
        html! { (span(run.finished.since(run.started))) },
        html! { (count(run.bytes)) },
        html! { @match &run.wrong { None => (badge(Tone::Good, "Went well")), Some(why) => { (badge(Tone::Bad, "Failed")) " " (why) } } },
    ]
}

fn before(view: &View) -> Markup {
    html! {
        details.more {
            summary { "Before it is copied" span.hint { "Databases and other files that are always open." } }
            div.more-body {
                p {
                    "A file that is written while it is copied may be torn. Let the server write it down whole first, into a folder that is copied: make "
                    code { (view.example) "/dump" } ", readable for the program, and put the line of yours into " code { "/etc/cron.d/dump" } " on the server."
                }
                @for (program, line) in RECIPES { (copyable(program, &line.replace('@', &view.example))) }
            }
        }
    }
}

fn restore(view: &View) -> Markup {
    let address = view.address.as_deref().unwrap_or("the-server");
    let host = if address.contains(':') { format!("[{address}]") } else { address.to_owned() };
    let example = &view.example;
    html! {
        details.more {
            summary { "To restore" span.hint { "One file, or all of it on a new server." } }
            div.more-body {
                p {
                    "Copies are folders with their day as a name, below " code { "~/" (view.folder) "/copies" } ". Every file in them is whole: copy out what "
                    "you need. To put a folder back on this server or another one, with your own key:"
                }
                (copyable("On your machine", &format!("cd ~/{}/copies && rsync -aH \"$(ls | tail -n 1){example}/\" 'root@{host}:{example}/'", view.folder)))
                p.hint { "Where the script does not run as root, set the owners afterwards. Read dumps back with the program that wrote them." }
            }
        }
    }
}

fn fields(chrome: &Chrome, view: &View, button: &str) -> Markup {
    let folders = format!("One a line, {FOLDERS_MAX} at most.");
    let days = format!("{} to {}.", DAYS.0, DAYS.1);
    form::sheet(
        chrome,
        &format!("/deployments/{}/copies", view.id),
        &view.filled,
        html! {
            (Text::new("folders", "Folders").rows(4).code().hint(&folders).show(&view.filled))
            (Text::new("days", "Days between two copies").digits().max(2).hint(&days).show(&view.filled))
            div.actions { (form::submit(button)) }
        },
    )
}

fn plan(chrome: &Chrome, view: &View) -> Markup {
    html! {
        details.more open[view.filled.is_refused()] {
            summary { "What is copied, how often, and ending it" }
            div.more-body {
                (fields(chrome, view, "Save"))
                (form::post(chrome, &format!("/deployments/{}/copies/end", view.id), html! {
                    p.hint {
                        "We wait for no copies any more, and forget what we were told. On your machine: " code { "sh ~/" (view.folder) "/copy.sh remove" }
                    }
                    div.actions { button.btn.quiet.danger type="submit" { "End it here" } }
                }))
            }
        }
    }
}

/// As the page of the deployment shows it.
#[derive(Debug, Clone, Serialize)]
pub struct Brief {
    pub last: Option<Time>,
    pub late: bool,
    pub now: Time,
}

/// `brief` is None where nothing was begun.
pub fn brief(id: OrderId, brief: Option<&Brief>) -> Markup {
    html! {
        section.card.stack-small {
            div.between {
                h2 { "Your own copies" }
                div.actions {
                    a.btn.quiet.small href={ "/deployments/" (id) "/copies" } { @if brief.is_some() { "See them" } @else { "How it is done" } }
                }
            }
            @match brief {
                Some(brief) => p {
                    @match brief.last {
                        Some(last) => { "Last copy seen: " (ago(last, brief.now)) "." }
                        None => "No copy seen yet.",
                    }
                    @if brief.late { " " (badge(Tone::Bad, "Late")) }
                },
                None => p { "Once a week to a NAS or PC of yours, to be read whatever becomes of the server. We keep no copy." },
            }
        }
    }
}
