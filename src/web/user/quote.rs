//! The price, the promise and the node on one screen, and the button that orders.

use actix_web::web::Path;

use super::{card_line, id};
use crate::app::App;
use crate::base::ids::QuoteId;
use crate::base::time::MONTH;
use crate::base::{Kind, Result, Time};
use crate::domain::backup::{Consent, twin};
use crate::domain::catalogue::Place;
use crate::domain::order::{Quote, Wish};
use crate::domain::placement::{Choice, Scored};
use crate::store::maintenance::Maintenances;
use crate::web::error::{PageResult, status, url_query};
use crate::web::extract::{Form, Me};
use crate::web::guest::offer;
use crate::web::page::user::quote::{ChosenNode, Line, RunnerUp, ScorePart, Second, View, page};
use crate::web::ui::form::{Filled, TICKED};

pub async fn show(me: Me, path: Path<String>) -> PageResult {
    let quote = me.app.quote_of(me.user.id, id(&path, "offer")?)?;
    if let Some(order) = quote.order {
        return Ok(me.go(&format!("/deployments/{order}")));
    }
    shown(&me, &quote, Filled::default(), 200)
}

fn shown(me: &Me, quote: &Quote, filled: Filled, status: u16) -> PageResult {
    let card = me.app.card_of(&me.user)?;
    let view = View { filled, ..view(&me.app, quote, card.as_ref().map(card_line), me.app.now())? };
    Ok(me.show(status, page(&me.chrome(), &view)))
}

pub async fn confirm(me: Me, path: Path<String>, form: Form) -> PageResult {
    let quote: QuoteId = id(&path, "offer")?;
    // Whose it is comes first: somebody else's offer does not exist, card or no card.
    let offer = me.app.quote_of(me.user.id, quote)?;
    let wish = offer.wish.clone();
    let Some(card) = me.app.card_of(&me.user)? else {
        return Ok(me.go_saying(&format!("/quotes/{quote}"), false, "Please add a card first."));
    };
    match me.app.place_order(&me.user, quote, card.id, form.text("consent") == TICKED).await {
        Ok(order) => Ok(me.go(&format!("/deployments/{order}/progress"))),
        Err(error) if error.field() == Some("consent") => {
            shown(&me, &offer, Filled::default().refused(&error), status(error.kind()).as_u16())
        }
        Err(error) if matches!(error.kind(), Kind::Conflict | Kind::Unfunded) => {
            Ok(me.go_saying(&order_again(&wish), false, error.message()))
        }
        // The offer still stands: what is closed now may be open in a minute.
        Err(error) if error.kind() == Kind::Unavailable => Ok(me.go_saying(&format!("/quotes/{quote}"), false, error.message())),
        Err(error) => Err(error.into()),
    }
}

/// What a wish for a graphics card is not: part of what is sold.
fn not_with_it(wish: &Wish) -> Option<String> {
    wish.filter.gpu.as_ref().map(|_| CARD_STAYS.to_owned())
}

/// Of nodes that were sought by their graphics card.
pub(super) const CARD_STAYS: &str =
    "You looked for a node with a graphics card. The card itself is not part of a server: what you order has no use of it.";

fn view(app: &App, quote: &Quote, card: Option<crate::web::ui::offer::CardLine>, now: Time) -> Result<View> {
    let ahead = app.read()?.maintenances_ahead(quote.choice.best.node, now)?;
    Ok(View {
        id: quote.id,
        name: quote.wish.name.to_string(),
        image: quote.wish.image.name.clone(),
        size: offer::size(&quote.wish.size),
        total: quote.price,
        parts: quote.parts.iter().map(|part| Line { what: part.what.clone(), amount: part.amount }).collect(),
        keys: offer::keys(quote.wish.keys()),
        disks: offer::disks(&quote.wish),
        network: offer::network(&quote.wish),
        swarm: quote.wish.swarm.as_ref().map(super::swarm::terms),
        sla: offer::sla(&quote.sla),
        place: asked(&quote.wish),
        again: order_again(&quote.wish),
        node: chosen(&quote.choice, &quote.wish),
        second: quote.backup.as_ref().map(|choice| Second {
            node: chosen(choice, &twin(&quote.wish)),
            apart: apart(&quote.choice.best, &choice.best),
            consent: Consent::wording(),
        }),
        filled: Filled::default(),
        runner_up: quote.choice.runner_up.as_ref().map(|other| RunnerUp {
            node: other.node,
            place: place(other),
            why_not: quote.choice.why_not_runner_up().unwrap_or_default(),
        }),
        card,
        paid_until: now + MONTH,
        expires: quote.expires(),
        left_out: app.left_out(quote)?,
        planned: ahead.iter().map(|row| (row.starts, row.ends)).collect(),
        not_with_it: not_with_it(&quote.wish),
    })
}

/// Why these two.
pub(super) fn apart(first: &Scored, second: &Scored) -> String {
    let places = match (first.country == second.country, first.city == second.city) {
        (false, _) => format!("{} and {}", first.country, second.country),
        (true, false) => format!("{} and {}", first.city, second.city),
        (true, true) => format!("both in {}", first.city),
    };
    format!(
        "They share no node, no farm and no farmer: {} and {}, {places}. What takes down the one, be it a disk, a power cut or a farmer who gives up, \
         leaves the other one alone.",
        first.farm_name, second.farm_name
    )
}

/// The order form as it was opened for this wish.
fn order_again(wish: &Wish) -> String {
    match wish.place {
        Place::Node(id) => format!("/order?node={id}"),
        _ if !wish.filter.is_empty() => format!("/order?{}", url_query(&[("filter", &wish.filter.to_string())])),
        Place::Anywhere | Place::Country(_) => "/order".to_owned(),
    }
}

/// Where it may run, as it was asked for.
fn asked(wish: &Wish) -> String {
    let place = Some(wish.place.name()).filter(|_| wish.filter.is_empty() || wish.place != Place::Anywhere);
    place.into_iter().chain(wish.filter.wishes()).collect::<Vec<_>>().join("; ")
}

fn chosen(choice: &Choice, wish: &Wish) -> ChosenNode {
    let best = &choice.best;
    let strongest = best.parts.iter().max_by_key(|part| part.points * 100 / part.of.max(1));
    let among = match (&wish.place, choice.fitting) {
        (Place::Node(_), _) => "You chose it yourself; no other one is tried. ".to_owned(),
        (_, 2..) if !wish.filter.is_empty() => format!("The best of {} within your filter. ", choice.fitting),
        _ if !wish.filter.is_empty() => "The only one within your filter. ".to_owned(),
        (_, 2..) => format!("The best of {} that fit. ", choice.fitting),
        _ => "The only one that fits. ".to_owned(),
    };
    ChosenNode {
        node: best.node,
        farm: best.farm_name.clone(),
        place: place(best),
        reason: format!("{among}{}", strongest.map(|part| part.why.as_str()).unwrap_or_default()),
        parts: best
            .parts
            .iter()
            .map(|part| ScorePart { name: part.name.clone(), points: part.points, of: part.of, why: part.why.clone() })
            .collect(),
    }
}

fn place(node: &Scored) -> String {
    format!("{}, {}", node.city, node.country)
}
