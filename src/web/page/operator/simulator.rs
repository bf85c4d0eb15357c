//! What a plan would leave: asked with a form that goes into the address, answered in figures and two charts.

use maud::{Markup, html};
use serde::Serialize;

use crate::base::money::{Tft, Usd};
use crate::web::ui::chart::{self, Bar};
use crate::web::ui::form::{Filled, Text, ask, select};
use crate::web::ui::format::{about, about_text, about_tokens, money};
use crate::web::ui::part;

/// One discount level's outcome.
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    pub level: String,
    pub margin: Usd,
}

#[derive(Debug, Clone, Serialize)]
pub struct Answer {
    pub level: String,
    pub percent_off: u32,
    /// What must be held for that level, by the dearest machine.
    pub holds: Tft,
    pub machines: u32,
    pub revenue: Usd,
    pub card_fee: Usd,
    pub billed: Tft,
    pub grid: Usd,
    /// The provider's share, and what of it has to be paid beside the grid's bill.
    pub provider: Usd,
    pub extra: Usd,
    pub margin: Usd,
    pub levels: Vec<Outcome>,
}

#[derive(Debug, Clone, Default, Serialize)]
pub struct View {
    /// Value and text of each plan and each level.
    pub plans: Vec<(String, String)>,
    pub levels: Vec<(String, String)>,
    pub filled: Filled,
    /// None: something in the form is wrong, or the chain has told no prices yet.
    pub answer: Option<Answer>,
}

pub fn card(view: &View) -> Markup {
    html! {
        section.card.simulator #margin {
            h2 { "What would a plan leave?" }
            p.soft { "A month of so many machines, at today's price of a token and today's rule for providers. Nothing is booked with it." }
            div.duo {
                (ask("/operator/purse#margin", &view.filled, html! {
                    (select("plan", "Machine", None, &view.plans, &view.filled))
                    (Text::new("price", "Price a month, in dollars").hint("Empty: what the machine costs now.").optional().max(12).show(&view.filled))
                    (Text::new("machines", "Number of machines").max(6).show(&view.filled))
                    @if !view.levels.is_empty() { (select("level", "Discount level", None, &view.levels, &view.filled)) }
                    (Text::new("fee", "Card fee, in percent").max(6).show(&view.filled))
                    (Text::new("fixed", "Card fee, in dollars a charge").max(6).show(&view.filled))
                    button.btn type="submit" { "Work it out" }
                }))
                @match &view.answer {
                    Some(answer) => (outcome(answer)),
                    None => p.soft { "The answer stands here as soon as the form is right and the chain has told its prices." },
                }
            }
            @if let Some(answer) = &view.answer { (charts(answer)) }
        }
    }
}

fn outcome(answer: &Answer) -> Markup {
    html! {
        div {
            p.figure-name { "Margin a month at " (answer.level) ", " (answer.percent_off) " % off" }
            p.figure-value { (about(answer.margin)) }
            (part::facts(vec![
                ("Revenue", html! { (money(answer.revenue)) " for " (part::count(answer.machines.into())) @if answer.machines == 1 { " machine" } @else { " machines" } }),
                ("Card fees", html! { (money(answer.card_fee)) }),
                ("Grid cost", html! { (about(answer.grid)) ", " (about_tokens(answer.billed)) }),
                ("Provider pay", html! {
                    (about(answer.provider))
                    @if answer.extra > Usd::ZERO { ", of it " (about(answer.extra)) " beside what the grid pays out of its bill" }
                    @else { ", paid by the grid out of its bill" }
                }),
                ("To be held", html! { (about_tokens(answer.holds)) " for this level" }),
            ]))
        }
    }
}

fn charts(answer: &Answer) -> Markup {
    let bar = |label: &str, amount: Usd| Bar {
        label: label.to_owned(),
        value: amount.units(),
        text: about_text(amount.units(), |units| money(Usd::from_units(units))),
    };
    let parts = [
        bar("Revenue", answer.revenue),
        bar("Card", answer.card_fee),
        bar("Grid", answer.grid),
        bar("Provider", answer.extra),
        bar("Margin", answer.margin),
    ];
    let levels: Vec<Bar> = answer.levels.iter().map(|outcome| bar(&outcome.level, outcome.margin)).collect();
    html! {
        div.duo {
            div { h3 { "Where a month goes" } (chart::bars("Revenue, card fees, grid cost, provider pay beside the grid's bill, and margin, in US dollars", &parts)) }
            div { h3 { "Margin at each level" } (chart::bars("Margin at each discount level, in US dollars", &levels)) }
        }
    }
}
