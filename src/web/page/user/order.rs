//! The order form: one page, no question that has a good default.

use maud::{Markup, html};
use serde::Serialize;

use crate::web::ui::form::{self, Choice, Filled, Text};
use crate::web::ui::format::money;
use crate::web::ui::offer::{self, Image, Region, Size};
use crate::web::ui::{Chrome, layout, part};

/// A key that was used before.
#[derive(Debug, Clone, Serialize)]
pub struct SavedKey {
    /// What the form sends back to mean this key.
    pub fingerprint: String,
    /// The comment at the end of the key, as `alice@laptop`.
    pub name: String,
}

#[derive(Debug, Clone, Serialize)]
pub struct View {
    pub sizes: Vec<Size>,
    pub images: Vec<Image>,
    pub regions: Vec<Region>,
    pub keys: Vec<SavedKey>,
    pub filled: Filled,
}

/// What the form sends in `key` for "the one in the text field".
pub const NEW_KEY: &str = "new";
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
            (form::choices("size", "Size", Some("The price is for 30 days and includes everything."), &sizes(view), filled))
            (form::choices("image", "Operating system", None, &images(view), filled))
            section.sheet-part {
                h2 { "Name and place" }
                div.duo {
                    (Text::new("name", "Name").code().max(32)
                        .hint("Small letters, digits and dashes. It becomes the host name.").show(filled))
                    (form::select("region", "Where", Some("Leave it to us for the best choice of nodes."), &regions(view), filled))
                }
            }
            section.sheet-part {
                h2 { "Your SSH key" }
                (keys(view))
            }
            div.sheet-end {
                (form::submit("Continue to the price"))
                p.hint { "You confirm on the next page." }
            }
        },
    )
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

fn images(view: &View) -> Vec<Choice> {
    let choice = |image: &Image| Choice {
        value: image.slug.clone(),
        title: image.name.clone(),
        text: html! { (image.summary) },
        aside: html! {},
    };
    view.images.iter().map(choice).collect()
}

fn regions(view: &View) -> Vec<(String, String)> {
    let nodes =
        |region: &Region| format!("{} ({} {})", region.name, region.nodes, if region.nodes == 1 { "node" } else { "nodes" });
    let anywhere = (ANYWHERE.to_owned(), "Anywhere: choose the best for me".to_owned());
    std::iter::once(anywhere).chain(view.regions.iter().map(|region| (region.slug.clone(), nodes(region)))).collect()
}

fn keys(view: &View) -> Markup {
    let field = Text::new("ssh_key", if view.keys.is_empty() { "Public key" } else { "New public key" })
        .hint("The content of ~/.ssh/id_ed25519.pub. Never the private half. We keep it for your next order.")
        .rows(3)
        .code();
    if view.keys.is_empty() {
        return field.show(&view.filled);
    }
    let saved = view.keys.iter().map(|key| Choice {
        value: key.fingerprint.clone(),
        title: key.name.clone(),
        text: html! { code.fingerprint { (key.fingerprint) } },
        aside: html! {},
    });
    let new = Choice {
        value: NEW_KEY.into(),
        title: "Another key".into(),
        text: html! { "Paste it into the field below." },
        aside: html! {},
    };
    html! {
        (form::choices("key", "Which key may sign in?", None, &saved.chain([new]).collect::<Vec<_>>(), &view.filled))
        (field.show(&view.filled))
    }
}
