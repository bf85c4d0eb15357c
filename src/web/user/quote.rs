//! The price, the promise and the node on one screen, and the button that orders.

use actix_web::web::Path;

use super::{card_line, id};
use crate::base::Kind;
use crate::base::ids::QuoteId;
use crate::base::time::MONTH;
use crate::domain::order::Quote;
use crate::domain::placement::{Choice, Scored};
use crate::web::error::PageResult;
use crate::web::extract::{Form, Me};
use crate::web::guest::offer;
use crate::web::page::user::quote::{ChosenNode, Line, RunnerUp, ScorePart, View, page};

pub async fn show(me: Me, path: Path<String>) -> PageResult {
    let quote = me.app.quote_of(me.user.id, id(&path, "offer")?)?;
    if let Some(order) = quote.order {
        return Ok(me.go(&format!("/deployments/{order}")));
    }
    let card = me.app.card_of(&me.user)?;
    let view = view(&quote, card.as_ref().map(card_line), me.app.now());
    Ok(me.show(200, page(&me.chrome(), &view)))
}

pub async fn confirm(me: Me, path: Path<String>, _form: Form) -> PageResult {
    let quote: QuoteId = id(&path, "offer")?;
    // Whose it is comes first: somebody else's offer does not exist, card or no card.
    me.app.quote_of(me.user.id, quote)?;
    let Some(card) = me.app.card_of(&me.user)? else {
        return Ok(me.go_saying(&format!("/quotes/{quote}"), false, "Please add a card first."));
    };
    match me.app.place_order(&me.user, quote, card.id).await {
        Ok(order) => Ok(me.go(&format!("/deployments/{order}/progress"))),
        Err(error) if matches!(error.kind(), Kind::Conflict | Kind::Unfunded) => {
            Ok(me.go_saying("/order", false, error.message()))
        }
        // The offer still stands: what is closed now may be open in a minute.
        Err(error) if error.kind() == Kind::Unavailable => Ok(me.go_saying(&format!("/quotes/{quote}"), false, error.message())),
        Err(error) => Err(error.into()),
    }
}

fn view(quote: &Quote, card: Option<crate::web::ui::offer::CardLine>, now: crate::base::Time) -> View {
    View {
        id: quote.id,
        name: quote.wish.name.to_string(),
        image: quote.wish.image.name.clone(),
        size: offer::size(&quote.wish.size),
        total: quote.price,
        parts: quote.parts.iter().map(|part| Line { what: part.what.clone(), amount: part.amount }).collect(),
        keys: offer::keys(quote.wish.keys()),
        disks: offer::disks(&quote.wish),
        network: offer::network(&quote.wish),
        sla: offer::sla(&quote.sla),
        node: chosen(&quote.choice),
        runner_up: quote.choice.runner_up.as_ref().map(|other| RunnerUp {
            node: other.node,
            place: place(other),
            why_not: quote.choice.why_not_runner_up().unwrap_or_default(),
        }),
        card,
        paid_until: now + MONTH,
        expires: quote.expires(),
    }
}

fn chosen(choice: &Choice) -> ChosenNode {
    let best = &choice.best;
    let strongest = best.parts.iter().max_by_key(|part| part.points * 100 / part.of.max(1));
    let among = if choice.fitting > 1 {
        format!("The best of {} that fit. ", choice.fitting)
    } else {
        "The only one that fits. ".to_owned()
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
