//! What becomes of the money for a swarm that could not be built.

use crate::app::prorate;
use crate::base::money::Usd;
use crate::base::{Random, Result, Time};
use crate::domain::order::{Order, Step};
use crate::domain::term::Due;
use crate::store::Tx;

/// Takes what was paid for a swarm out of its order's price, and owes it back to the card: gives what goes back. The server goes on,
/// or is being deleted.
pub(super) fn pay_back(tx: &mut Tx<'_>, order: &mut Order, paid: Usd, random: &dyn Random, now: Time) -> Result<Usd> {
    // Hours behind the end of the server are nobody's.
    let at = order.ended.unwrap_or(now);
    let price = order.price.checked_sub(paid).unwrap_or_default();
    let due = prorate::reprice(tx, order, (price, Due::Back(paid), at), None, random, now)?;
    let back = if let Due::Back(back) = due { back } else { Usd::ZERO };
    // Its parts stay as they were quoted, for the receipt.
    order.wish.swarm = None;
    let said = format!("The storage swarm could not be built: {} goes back to your card.", back.shown());
    order.note(now, Step::Access, said);
    tx.put_order(order)?;
    Ok(back)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::bill;
    use crate::base::ids::TransferId;
    use crate::base::time::{HOUR, MINUTE};
    use crate::domain::charge::{Charge, ChargeState};
    use crate::domain::ledger::{Account, Cause, NewTransfer};
    use crate::domain::order::State;
    use crate::domain::order::tests::order;
    use crate::host::HostRandom;
    use crate::store::Store;
    use crate::store::charge::Charges;
    use crate::store::ledger::LedgerRead;

    const BACKUP: Usd = Usd::from_cents(1000);
    const SWARM: Usd = Usd::from_cents(244);

    /// Server, backup VM and swarm, paid with one charge.
    fn paid(tx: &mut Tx<'_>) -> Result<Order> {
        let order = Order { price: Usd::from_cents(2244), ..order() };
        let charge = Charge {
            id: order.charge,
            order: order.id,
            user: order.user,
            card: order.card,
            amount: order.price,
            customer: "cus_1".into(),
            method: "pm_1".into(),
            created: Time::EPOCH,
            state: ChargeState::Captured,
            authorize_key: String::new(),
            capture_key: String::new(),
            cancel_key: String::new(),
            hold: TransferId::from_bits(1),
            payment_intent: Some("pi_1".into()),
            processor_charge: Some("ch_1".into()),
            captured: Some(Time::EPOCH),
            fee: None,
            refunded: Usd::ZERO,
            receipt: None,
            lines: vec![],
            revision: None,
        };
        let (debit, credit) = (Account::CARD_PROCESSOR, Account::customer(order.user));
        let (amount, cause) = (order.price.into(), Cause::new("charge", charge.id));
        tx.transfer(NewTransfer { id: charge.hold, debit, credit, amount, cause, memo: String::new() }, Time::EPOCH)?;
        tx.add_order(&order)?;
        tx.add_charge(&charge)?;
        Ok(order)
    }

    /// What was earned, what goes back, and what is left of the customer's credit.
    fn settled(swarm_first: bool, deleted: bool, at: Time) -> (Usd, Usd, i128) {
        let settle = move |tx: &mut Tx<'_>| {
            let (mut order, random) = (paid(tx)?, &HostRandom);
            bill::earn(tx, &mut order, at)?;
            if deleted {
                (order.state, order.ended) = (State::Ending, Some(at));
            }
            for (step, swarm) in (1..).zip([swarm_first, !swarm_first]) {
                let now = at + MINUTE * step;
                if swarm {
                    assert_eq!(pay_back(tx, &mut order, SWARM, random, now)?, SWARM);
                } else {
                    let (price, at) = (order.price.checked_sub(BACKUP).unwrap_or_default(), order.ended.unwrap_or(now));
                    prorate::reprice(tx, &mut order, (price, Due::Back(BACKUP), at), None, random, now)?;
                }
            }
            assert_eq!((order.price, order.paid()), (Usd::from_cents(1000), Usd::from_cents(1000)));
            let now = at + HOUR * 3;
            (order.state, order.ended) = (State::Ending, order.ended.or(Some(now)));
            // As at every end.
            let unused = order.paid().checked_sub(order.earned_by(now)).unwrap_or_default().floor_to_cent();
            bill::earn(tx, &mut order, now)?;
            prorate::give_back(tx, &order, unused, random, now)?;
            bill::round_off(tx, &mut order, unused, now)?;
            let back = tx.refunds_of(order.charge)?.iter().map(|refund| refund.amount.cents().unwrap_or_default()).sum();
            let credit = LedgerRead::balance(tx, Account::customer(order.user))?.posted(Account::customer(order.user));
            Ok((order.earned, Usd::from_cents(back), credit - i128::from(Usd::from_cents(back).units())))
        };
        Store::in_memory().unwrap().write_blocking(settle).unwrap()
    }

    #[test]
    fn whatever_is_given_up_first_all_that_was_paid_is_earned_or_goes_back() {
        for (swarm_first, deleted) in [(true, true), (true, false), (false, true), (false, false)] {
            for minutes in [0, 20, 59, 61, 6000] {
                let at = Time::EPOCH + MINUTE * minutes;
                let (earned, back, left) = settled(swarm_first, deleted, at);
                let rounding = Usd::from_cents(2244).checked_sub(earned).and_then(|rest| rest.checked_sub(back)).unwrap();
                assert!((Usd::ZERO..Usd::from_cents(1)).contains(&rounding), "{minutes}: {earned:?} earned, {back:?} back");
                assert_eq!(left, 0, "{minutes}: nothing of another order is touched, and nothing is left");
            }
        }
    }
}
