//! Making what one rents one's own: an account on the grid's chain, and taking a server over to it.

use maud::{Markup, html};
use serde::Serialize;

use crate::base::Time;
use crate::base::ids::OrderId;
use crate::web::ui::form::{self, Filled, Text};
use crate::web::ui::format::when;
use crate::web::ui::part::{self, copyable};
use crate::web::ui::{Chrome, layout};

#[derive(Debug, Clone, Default, Serialize)]
pub struct View {
    /// The sentence to sign. It names this person, so that nobody else can use the signature.
    pub sentence: String,
    /// The address that was shown, and when.
    pub account: Option<(String, Time)>,
    /// Holds `address` and `signature`.
    pub filled: Filled,
}

pub fn page(chrome: &Chrome, view: &View) -> Markup {
    layout(
        chrome,
        "Your own account on the grid",
        html! {
            div.mid.stack {
                (part::back("/profile", "Profile"))
                (part::head(
                    "Your own account on the grid",
                    html! { "With a key of your own you can take your servers over: they go on without us, and nobody here has a right to them." },
                    html! {},
                ))
                @if let Some((address, proved)) = &view.account {
                    (part::card("Your account", html! {
                        (copyable("Address", address))
                        p.soft { "You showed us its key " (when(*proved)) ". To take a server over, open its page and choose “Make it yours”." }
                        (form::post(chrome, "/twin/forget", html! {
                            button.btn.quiet.small type="submit" { "Forget it here" }
                        }))
                    }))
                }
                (part::card(if view.account.is_some() { "Show another one" } else { "1. Have a key" }, html! {
                    p {
                        "Any account of ThreeFold's chain will do, such as the one in the TF Connect app. Or make one on your own machine, with the same program \
                         that runs this site:"
                    }
                    (copyable("Make a key", "cooperage twin new"))
                    p.hint { "It prints twelve words and an address. Keep the words where nobody finds them: they are the key, and we never see them." }
                }))
                (part::card("2. Sign this sentence", html! {
                    (copyable("The sentence, to the letter", &view.sentence))
                    (copyable("Sign it", &format!("cooperage twin sign \"{}\"", view.sentence)))
                    p.hint { "Nothing is sent to the chain, and nothing is spent. Wallet extensions that sign raw bytes will do as well." }
                }))
                (part::card("3. Send us address and signature", form::sheet(chrome, "/twin", &view.filled, html! {
                    (Text::new("address", "Address").hint("It begins with 5.").max(64).code().show(&view.filled))
                    (Text::new("signature", "Signature").hint("128 hexadecimal digits, with or without 0x.").rows(3).code()
                        .show(&view.filled))
                    (form::submit("This account is mine"))
                })))
            }
        },
    )
}

/// Taking one server over.
#[derive(Debug, Clone, Serialize)]
pub struct HandoverView {
    pub id: OrderId,
    pub name: String,
    /// The person's own address, if they have shown one.
    pub address: Option<String>,
    /// Name of the file, as it is saved.
    pub file: String,
    /// A backup VM ends with the rented one.
    pub backup: bool,
    /// A web address does.
    pub web: bool,
    /// It has a WireGuard tunnel.
    pub tunnel: bool,
    /// Why it can't be done right now.
    pub trouble: Option<String>,
    /// Holds `not`.
    pub asked: Filled,
    /// Holds `contract` and `agreed`.
    pub filled: Filled,
}

pub fn handover_page(chrome: &Chrome, view: &HandoverView) -> Markup {
    let here = format!("/deployments/{}/handover", view.id);
    layout(
        chrome,
        &format!("Make {} yours", view.name),
        html! {
            div.mid.stack {
                (part::back(&format!("/deployments/{}", view.id), &view.name))
                (part::head(
                    &format!("Make {} yours", view.name),
                    html! {
                        "You set it up once more under your own account, copy your data over, and let go of the rented one. From then on you pay the grid \
                         yourself, and we can neither stop it nor help with it."
                    },
                    html! {},
                ))
                @if let Some(trouble) = &view.trouble { p.flash.notice { span { (trouble) } } }
                (part::card("1. Your account", html! {
                    @match &view.address {
                        Some(address) => {
                            p { "It will belong to this account, which needs tokens of the grid for what it runs:" }
                            (copyable("Address", address))
                            p.hint {
                                "Nodes take servers only from accounts that ThreeFold has verified. Have this one verified once, in the ThreeFold dashboard; \
                                 the program looks before it makes a contract, and says so if it is not."
                            }
                        }
                        None => {
                            p { "First show us which account on the grid's chain is yours. It takes a minute." }
                            p.actions { (part::button("/twin", "Show my account")) }
                        }
                    }
                }))
                @if view.address.is_some() {
                    (part::card("2. Set it up", html! {
                        p { "The file holds what you ordered and where there is room for it, and no secret." }
                        p.actions { a.btn.quiet href={ (here) "/file" } download=(view.file) { "Download the file" } }
                        (copyable("Where the file is, type", &format!("cooperage twin take {}", view.file)))
                        p.hint {
                            "It asks for your twelve words, makes the contract in your name, and prints its number and the new address. If it is cut off, type it \
                             again: it goes on where it was. Keep what it writes beside the file: " code { "cooperage twin end" } " needs it to give the contract \
                             back one day. The same program runs this site."
                        }
                        (form::more("Another node", "Where one could not set it up.", &["not"], &view.asked, form::ask(&format!("{here}/file"), &view.asked, html! {
                            (Text::new("not", "Not on these nodes").hint("Their numbers, as in 12, 40.").max(200).code().optional().show(&view.asked))
                            div.actions { button.btn.quiet type="submit" { "Download for another node" } }
                        })))
                    }))
                    (part::card("3. Copy your data", html! {
                        p { "Both run now. Nothing is copied by itself, for we have no key to either: bring over what you need, for instance with rsync." }
                        @if view.tunnel {
                            p {
                                "The WireGuard tunnel of the new one has another key, port and network: the program writes its file. The file of the rented one is of \
                                 no use for it."
                            }
                        }
                    }))
                    (part::card("4. Let go of the rented one", html! {
                        p {
                            "We look on the chain whether your account has it. Then the rented server is switched off, " strong { "everything on its disk is gone" }
                            ", and hours you have not used go back to your card."
                        }
                        @if view.backup {
                            p { strong { "Its backup VM goes with it, and so does the copy on it." } " Your own server has none." }
                        }
                        @if view.web {
                            p { strong { "Its web address ends, too." } " Visitors do not come to your own server by it." }
                        }
                        (form::sheet(chrome, &here, &view.filled, html! {
                            (Text::new("contract", "Number of your contract").hint("The program printed it.").digits().max(20).show(&view.filled))
                            @if view.backup {
                                (form::tick("agreed", "I know that the backup VM ends", html! { "I have copied what I need from it, too." }, &view.filled))
                            }
                            div.actions { button.btn.danger type="submit" { "I have copied everything: end the rented one" } }
                        }))
                    }))
                }
            }
        },
    )
}
