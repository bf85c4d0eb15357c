//! The settings this instance runs with. Read only: they are changed where they are set.

use maud::{Markup, html};
use serde::Serialize;

use crate::web::ui::part::{self, text};
use crate::web::ui::{Chrome, layout};

#[derive(Debug, Clone, Serialize)]
pub struct Setting {
    /// `server.listen`
    pub name: String,
    /// As printed by the settings themselves; a secret is dots by then, and never reaches a page.
    pub value: String,
}

#[derive(Debug, Clone, Default, Serialize)]
pub struct View {
    pub settings: Vec<Setting>,
    pub version: &'static str,
}

pub fn page(chrome: &Chrome, view: &View) -> Markup {
    layout(
        chrome,
        "Settings",
        html! {
            div.wrap.stack {
                (part::head(
                    "Settings",
                    html! {
                        "Version " (view.version) ". Flags win over the environment, that over the configuration file, and that over \
                         what is built in. They are read at the start."
                    },
                    html! {},
                ))
                @if view.settings.is_empty() {
                    (part::empty(
                        "Nothing to show",
                        "The settings could not be printed. Ask on the machine itself: cooperage settings.",
                        html! { a.btn.quiet href="/operator" { "Back to the overview" } },
                    ))
                } @else {
                    (part::table("Settings", &COLUMNS, view.settings.iter().map(row).collect()))
                }
            }
        },
    )
}

const COLUMNS: [part::Column; 2] = [text("Setting"), text("Value")];

fn row(setting: &Setting) -> Vec<Markup> {
    vec![
        html! { code { (setting.name) } },
        html! { @if setting.value.is_empty() { span.soft { "not set" } } @else { code { (setting.value) } } },
    ]
}
