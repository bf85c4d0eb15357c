//! The card processor's frame on our page: what is typed into it goes there and never to us.

use maud::{Markup, html};
use serde::Serialize;

use crate::base::Secret;
use crate::web::ui::{Chrome, asset, layout, part};

#[derive(Debug, Clone, Serialize)]
pub struct View {
    /// `seti_…`
    pub intent: String,
    /// Lets this browser, and nobody else, finish the set-up.
    pub secret: Secret<String>,
    /// `pk_…`, for browsers.
    pub publishable_key: String,
    /// Where the processor's script is.
    pub script: String,
}

pub fn page(chrome: &Chrome, view: &View) -> Markup {
    layout(
        chrome,
        "Add a card",
        html! {
            div.wrap.narrow.stack {
                (part::head(
                    "Add a card",
                    html! { "Number, date and code are typed at the card processor and never reach us. Nothing is charged now." },
                    html! {},
                ))
                // Only the script sends it, and to the processor: without it the button stays dead.
                form.sheet #card-form method="get" action="/cards" data-key=(view.publishable_key) data-secret=(view.secret.reveal())
                    data-done={ "/cards/done?setup_intent=" (view.intent) } {
                    section.sheet-part {
                        h2 #card-label { "Card" }
                        div.card-frame #card-frame role="group" aria-labelledby="card-label" {}
                        p.error #card-error role="alert" hidden {}
                        noscript {
                            p.error { "The card processor's form needs JavaScript. Please allow it for this page; everything else works without." }
                        }
                    }
                    div.sheet-end {
                        button.btn #card-save type="submit" disabled { "Save the card" }
                        p.hint { "Your bank may ask you to confirm that it is you." }
                    }
                }
                p { a href="/cards" { "Back to your cards" } }
            }
            script src=(view.script) defer {}
            script src=(asset::url("card-form.js")) defer {}
        },
    )
}
