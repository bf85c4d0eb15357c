//! The order form: one page, no question that has a good default.

use maud::{Markup, html};
use serde::Serialize;

use super::swarm;
use crate::base::money::Usd;
use crate::domain::backup::Backup;
use crate::web::page::guest::nodes::tabs;
use crate::web::ui::form::{self, Choice, Filled, Text};
use crate::web::ui::format::money;
use crate::web::ui::offer::{self, Image, KeyLine, Region, Size};
use crate::web::ui::{Chrome, layout, part};

/// What may be asked for beside a size, and what it costs for 30 days.
#[derive(Debug, Clone, Serialize)]
pub struct Options {
    /// The most of each measure.
    pub cores: u64,
    pub memory_gb: u64,
    pub disk_gb: u64,
    pub data_disk_gb: u64,
    pub ssh_keys: u64,
    /// Names of the two fields of each data disk: its size and its folder.
    pub disks: Vec<(&'static str, &'static str)>,
    pub base: Usd,
    pub core: Usd,
    pub memory: Usd,
    pub disk: Usd,
    pub ipv4: Usd,
    pub ipv6: Usd,
    /// Nodes that could give each of them now.
    pub ipv4_nodes: usize,
    pub ipv6_nodes: usize,
    pub tunnel_nodes: usize,
}

/// Where it shall run, if that was chosen before.
#[derive(Debug, Clone, Serialize)]
pub struct Chosen {
    pub title: String,
    /// What is known of it, or asked for.
    pub wishes: Vec<String>,
    /// Where to choose again.
    pub href: String,
    /// What it does not bring.
    pub note: Option<&'static str>,
}

#[derive(Debug, Clone, Serialize)]
pub struct View {
    pub sizes: Vec<Size>,
    pub images: Vec<Image>,
    pub regions: Vec<Region>,
    /// Keys that were used before.
    pub keys: Vec<KeyLine>,
    pub options: Options,
    /// None: no storage swarm is sold.
    pub swarm: Option<swarm::Offer>,
    pub chosen: Option<Chosen>,
    pub filled: Filled,
}

/// The name of the box that is ticked for the saved key of a fingerprint.
pub fn key_field(fingerprint: &str) -> String {
    let plain: String = fingerprint.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("key_{}", plain.trim_start_matches("SHA256").chars().take(24).collect::<String>())
}
/// What the form sends in `region` for "choose for me".
pub const ANYWHERE: &str = "";

pub fn page(chrome: &Chrome, view: &View) -> Markup {
    let ready = !view.sizes.is_empty() && !view.images.is_empty() && !view.regions.is_empty();
    layout(
        chrome,
        "New deployment",
        html! {
            div.wrap.stack {
                (part::head(
                    "Order a server",
                    html! { "Nothing is charged on this page. Next you see the price, the promise and the node we chose." },
                    html! {},
                ))
                (tabs(view.chosen.is_some()))
                @if ready { (order_form(chrome, view)) } @else {
                    (part::empty(
                        "Nothing can be ordered right now",
                        "No node is free at the moment. We look again every few minutes; so please come back a little later.",
                        part::button("/catalogue", "Look at the catalogue"),
                    ))
                }
            }
        },
    )
}

fn order_form(chrome: &Chrome, view: &View) -> Markup {
    let filled = &view.filled;
    form::sheet(
        chrome,
        "/order",
        filled,
        html! {
            (form::choices("size", "Size", Some("The price is for 30 days and includes everything but the extras below."), &sizes(view), filled))
            (images(view))
            section.sheet-part {
                h2 { "Name and place" }
                div.duo {
                    (Text::new("name", "Name").code().max(32)
                        .hint("Small letters, digits and dashes. It becomes the host name.").show(filled))
                    @match &view.chosen {
                        Some(chosen) => (where_chosen(chosen, filled)),
                        None => (form::select("region", "Where", Some("Leave it to us for the best choice of nodes."), &regions(view), filled)),
                    }
                }
            }
            section.sheet-part {
                h2 { "Who may sign in" }
                (keys(view))
            }
            (form::choices("backup", "Backup", Some("What stands beside it, should it fail."), &backups(), filled))
            (options(view))
            @if let Some(offer) = &view.swarm { (swarm::fields(offer, filled)) }
            div.sheet-end {
                (form::submit("Continue to the price"))
                p.hint { "You confirm on the next page." }
            }
        },
    )
}

fn where_chosen(chosen: &Chosen, filled: &Filled) -> Markup {
    html! {
        div.field {
            @for name in ["node", "filter"] {
                @if let Some(value) = filled.value(name) { (form::hidden(name, value)) }
            }
            p.label { "Where" }
            div.where-chosen {
                p { strong { (chosen.title) } }
                ul.wishes { @for wish in &chosen.wishes { li { span.wish { (wish) } } } }
                @if let Some(note) = chosen.note { p.hint { (note) } }
                p { a href=(chosen.href) { "Choose again" } " or " a href="/order" { "leave it to us" } }
            }
        }
    }
}

fn sizes(view: &View) -> Vec<Choice> {
    let choice = |size: &Size| Choice {
        value: size.slug.clone(),
        title: size.name.clone(),
        text: html! { span.choice-for { (size.summary) } (offer::measures(size)) },
        aside: html! { span.choice-price { (money(size.price)) } },
    };
    view.sizes.iter().map(choice).collect()
}

fn images(view: &View) -> Markup {
    let choice = |image: &Image| Choice {
        value: image.slug.clone(),
        title: image.name.clone(),
        text: html! { (image.summary) },
        aside: html! {},
    };
    let (full, light): (Vec<&Image>, Vec<&Image>) = view.images.iter().partition(|image| image.own_kernel);
    let (full, light): (Vec<Choice>, Vec<Choice>) =
        (full.into_iter().map(choice).collect(), light.into_iter().map(choice).collect());
    if full.is_empty() || light.is_empty() {
        let all: Vec<Choice> = full.into_iter().chain(light).collect();
        return form::choices("image", "Operating system", None, &all, &view.filled);
    }
    let light = form::Group {
        title: "Light systems".into(),
        hint: "They start in seconds with the node's kernel: fine for one service, not for Docker.".into(),
        choices: light,
    };
    let hint = "With a kernel of their own: they behave as on any machine.";
    form::grouped_choices("image", "Operating system", Some(hint), &full, &[light], &view.filled)
}

fn backups() -> Vec<Choice> {
    let choice = |backup: Backup, title: &str, text: &str| Choice {
        value: backup.word().into(),
        title: title.into(),
        text: html! { (text) },
        aside: html! {},
    };
    vec![
        choice(Backup::None, "None", "You keep copies of what you can't do without yourself."),
        choice(
            Backup::Machine,
            "Backup VM",
            "The same server once more, on another node, farm and farmer. Folders you choose are copied to it every few minutes. Doubles the price.",
        ),
    ]
}

fn regions(view: &View) -> Vec<(String, String)> {
    let nodes =
        |region: &Region| format!("{} ({} {})", region.name, region.nodes, if region.nodes == 1 { "node" } else { "nodes" });
    let anywhere = (ANYWHERE.to_owned(), "Anywhere: choose the best for me".to_owned());
    std::iter::once(anywhere).chain(view.regions.iter().map(|region| (region.slug.clone(), nodes(region)))).collect()
}

fn keys(view: &View) -> Markup {
    let hint = format!(
        "The content of ~/.ssh/id_ed25519.pub; several keys one a line, {} at most. Never the private half. We keep them for your next order.",
        view.options.ssh_keys
    );
    let field = Text::new("ssh_key", if view.keys.is_empty() { "Public SSH keys" } else { "New public SSH keys" })
        .hint(&hint)
        .rows(3)
        .code();
    if view.keys.is_empty() {
        return field.show(&view.filled);
    }
    html! {
        fieldset.ticks-row {
            legend { "Your keys" }
            @for key in &view.keys {
                (form::tick(&key_field(&key.fingerprint), &key.name, html! { code.fingerprint { (key.fingerprint) } }, &view.filled))
            }
        }
        (field.optional().show(&view.filled))
    }
}

/// Everything that has a good default, for those who want something else.
fn options(view: &View) -> Markup {
    let (options, filled) = (&view.options, &view.filled);
    let mut names = vec!["cores", "memory_gib", "disk_gib", "ipv4", "ipv6", "wireguard"];
    names.extend(options.disks.iter().flat_map(|(size, path)| [*size, *path]));
    let most = |most: u64| format!("1 to {most}");
    let (cores, memory, disk) = (most(options.cores), most(options.memory_gb), most(options.disk_gb));
    form::more(
        "More options",
        "Measures of your own, data disks, public addresses, a WireGuard tunnel.",
        &names,
        filled,
        html! {
            section.sheet-part {
                h2 { "Measures of your own" }
                p.hint {
                    "Leave a field empty to keep what the size above has. A size of your own costs " (money(options.base)) ", and "
                    (money(options.core)) " a core, " (money(options.memory)) " a GB of memory and " (money(options.disk))
                    " a GB of disk; never less than one of our sizes that fits into it."
                }
                div.trio {
                    (Text::new("cores", "Cores").hint(&cores).digits().max(3).optional().show(filled))
                    (Text::new("memory_gib", "Memory in GB").hint(&memory).digits().max(4).optional().show(filled))
                    (Text::new("disk_gib", "Disk in GB").hint(&disk).digits().max(6).optional().show(filled))
                }
            }
            @if !options.disks.is_empty() {
                section.sheet-part {
                    h2 { "Data disks" }
                    p.hint {
                        "Empty disks of their own beside the system's, 1 to " (options.data_disk_gb) " GB each, " (money(options.disk))
                        " a GB. They are gone when the server is deleted."
                    }
                    @for (number, (size, path)) in (1..).zip(&options.disks) {
                        div.duo.disk-row {
                            (Text::new(size, &format!("Disk {number}: size in GB")).hint("Empty: no such disk.").digits().max(6).optional().show(filled))
                            (Text::new(path, &format!("Disk {number}: folder")).code().max(64)
                                .hint(&format!("/mnt/data{number} if you leave it empty.")).optional().show(filled))
                        }
                    }
                }
            }
            section.sheet-part {
                h2 { "How it can be reached" }
                p.hint {
                    "Every server has a private network and a Mycelium address: reachable from everywhere with the free program of that name, \
                     encrypted on the way."
                }
                (form::tick("ipv4", "Public IPv4 address", html! {
                    (money(options.ipv4)) " for 30 days. For everybody to reach. " (places(options.ipv4_nodes)) "."
                }, filled))
                (form::tick("ipv6", "Public IPv6 address", html! {
                    @if options.ipv6 == Usd::ZERO { "Costs nothing" } @else { (money(options.ipv6)) " for 30 days" } ". "
                    (places(options.ipv6_nodes)) "."
                }, filled))
                (Text::new("wireguard", "Public WireGuard key").code().max(60).optional()
                    .hint(&format!(
                        "For a tunnel into the private network. Make a pair with: wg genkey | tee private.key | wg pubkey. Paste what it \
                         prints and keep private.key to yourself: we never see it. The tunnel ends on the node itself, so it needs one \
                         with a public address. {}.",
                        places(options.tunnel_nodes)
                    )).show(filled))
            }
        },
    )
}

/// `12 nodes have it now`
fn places(nodes: usize) -> String {
    match nodes {
        0 => "No node has it now".into(),
        1 => "1 node has it now".into(),
        many => format!("{many} nodes have it now"),
    }
}
