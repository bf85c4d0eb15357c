//! Reads the question about a plan out of an address, and works out the answer.

use std::collections::BTreeMap;

use crate::app::App;
use crate::base::Time;
use crate::base::money::Usd;
use crate::domain::margin::{self, Month, Plan, Share};
use crate::domain::purse::{Purse, months};
use crate::settings::Basis;
use crate::web::page::operator::simulator::{Answer, Outcome, View};
use crate::web::ui::form::Filled;
use crate::web::ui::format::money;

/// What a card processor usually keeps: 2.9 % and 30 cents (`stripe.com/pricing`).
const DEFAULTS: [(&str, &str); 4] = [("price", ""), ("machines", "10"), ("fee", "2.9"), ("fixed", "0.30")];
const MACHINES_MAX: i64 = 100_000;
/// Cents.
const PRICE_MAX: i64 = 10_000_000;

/// The form as it was sent, and what comes of it.
pub fn view(app: &App, purse: Option<&Purse>, query: &BTreeMap<String, String>, now: Time) -> View {
    let sizes = &app.catalogue.sizes;
    let plans: Vec<_> = sizes.iter().map(|size| (size.id.clone(), format!("{}, {}", size.name, money(size.price)))).collect();
    let steps = purse.map(|purse| purse.ladder.steps()).unwrap_or_default();
    let levels = steps.iter().map(|step| (step.name.clone(), format!("{}, {} % off", step.name, step.percent_off()))).collect();
    let first = |options: &[(String, String)], usual: &str| {
        let there = options.iter().any(|(value, _)| value == usual);
        if there { usual.to_owned() } else { options.first().map(|(value, _)| value.clone()).unwrap_or_default() }
    };
    let levels: Vec<(String, String)> = levels;
    let usual = [("plan", first(&plans, "medium")), ("level", levels.last().map(|(value, _)| value.clone()).unwrap_or_default())];
    let mut filled = Filled::default();
    for (name, value) in DEFAULTS.map(|(name, value)| (name, value.to_owned())).into_iter().chain(usual) {
        filled = filled.with(name, query.get(name).cloned().unwrap_or(value));
    }
    let (filled, asked) = read(app, purse, filled);
    let answer = asked.zip(purse).and_then(|((plan, level), purse)| answer(app, purse, &plan, level, now));
    View { plans, levels, filled, answer }
}

/// What is asked, with the level's place; None and the errors at their fields where it can't be.
fn read(app: &App, purse: Option<&Purse>, mut filled: Filled) -> (Filled, Option<(Plan, usize)>) {
    let text = |filled: &Filled, name: &str| filled.value(name).unwrap_or_default().trim().to_owned();
    let size = app.catalogue.size(&text(&filled, "plan"));
    if size.is_none() {
        filled = filled.wrong("plan", "Please choose one of the machines.");
    }
    let price = match text(&filled, "price") {
        empty if empty.is_empty() => size.map(|size| size.price),
        typed => hundredths(&typed).filter(|cents| *cents <= PRICE_MAX).map(Usd::from_cents),
    };
    if price.is_none() && size.is_some() {
        filled = filled.wrong("price", "A price in dollars such as 10.00, of at most 100,000.");
    }
    let machines = text(&filled, "machines").parse::<i64>().ok().filter(|number| (1..=MACHINES_MAX).contains(number));
    if machines.is_none() {
        filled = filled.wrong("machines", "A whole number from 1 to 100,000.");
    }
    let fee = hundredths(&text(&filled, "fee")).filter(|bp| *bp <= 10_000);
    if fee.is_none() {
        filled = filled.wrong("fee", "A percentage such as 2.9, of at most 100.");
    }
    let fixed = hundredths(&text(&filled, "fixed")).filter(|cents| *cents <= 10_000);
    if fixed.is_none() {
        filled = filled.wrong("fixed", "Dollars such as 0.30, of at most 100.");
    }
    let name = text(&filled, "level");
    let level = purse.and_then(|purse| purse.ladder.steps().iter().position(|step| step.name == name));
    if level.is_none() && purse.is_some() {
        filled = filled.wrong("level", "Please choose one of the levels.");
    }
    let plan = (|| {
        Some(Plan {
            price: price?,
            machines: u32::try_from(machines?).ok()?,
            list: app.plan_hour(size?.capacity)?.1.list,
            fee_bp: u32::try_from(fee?).ok()?,
            fee_fixed: Usd::from_cents(fixed?),
        })
    })();
    (filled, plan.zip(level))
}

fn answer(app: &App, purse: &Purse, plan: &Plan, level: usize, now: Time) -> Option<Answer> {
    let rule = app.settings.share_at(now);
    let share = Share { of_list: rule.basis == Basis::List, percent: rule.percent };
    let at = |level| margin::month(plan, level, &purse.ladder, share, purse.farmer_percent, purse.price.rate);
    let Month { revenue, card_fee, billed, grid, extra, provider, margin, .. } = at(level)?;
    let levels = (0..).zip(purse.ladder.steps());
    Some(Answer {
        level: purse.ladder.name(level).to_owned(),
        percent_off: purse.ladder.steps().get(level)?.percent_off(),
        holds: purse.ladder.needed(level, months(plan.list)),
        machines: plan.machines,
        revenue,
        card_fee,
        billed,
        grid,
        provider,
        extra,
        margin,
        levels: levels
            .map(|(place, step)| Some(Outcome { level: step.name.clone(), margin: at(place)?.margin }))
            .collect::<Option<_>>()?,
    })
}

/// `2.9` is 290. At most two decimals, no sign.
fn hundredths(text: &str) -> Option<i64> {
    let (whole, rest) = text.split_once('.').unwrap_or((text, "0"));
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|letter| letter.is_ascii_digit());
    if !plain(whole) || !plain(rest) || rest.len() > 2 || whole.len() > 9 {
        return None;
    }
    Some(whole.parse::<i64>().ok()? * 100 + format!("{rest:0<2}").parse::<i64>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hundredths_are_read_as_people_write_them() {
        let read = [("2.9", Some(290)), ("0.30", Some(30)), ("10", Some(1000)), ("0", Some(0)), ("12.34", Some(1234))];
        for (text, expected) in read {
            assert_eq!(hundredths(text), expected, "{text}");
        }
        for text in ["", ".", "1.", ".5", "-1", "1e3", "1.234", "ten", "1,5", "9999999999"] {
            assert_eq!(hundredths(text), None, "{text}");
        }
    }
}
