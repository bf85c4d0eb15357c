//! Cards, charges, refunds and the notices of the card processor.

use super::schema::{
    CARD_SETUPS, CARDS, CARDS_BY_USER, CHARGE_BY_PAYMENT, CHARGES, CHARGES_BY_USER, NOTICES, RECEIPTS, REFUNDS, REFUNDS_BY_CHARGE,
};
use super::{Order, Read, Tx};
use crate::base::ids::{CardId, ChargeId, RefundId, UserId};
use crate::base::{Result, Time};
use crate::domain::charge::{Card, CardSetup, Charge, Notice, Refund};

/// Cards one person may keep.
pub const CARDS_MAX: usize = 20;

pub trait Charges: Read {
    fn card(&self, id: CardId) -> Result<Option<Card>> {
        self.get(&CARDS, id)
    }

    /// A person's cards that were not removed.
    fn cards_of(&self, user: UserId) -> Result<Vec<Card>> {
        let mut cards = self.follow(&CARDS_BY_USER, user, &CARDS, CARDS_MAX)?;
        cards.sort_by_key(|card| card.added);
        Ok(cards)
    }

    fn card_setup(&self, intent: &str) -> Result<Option<CardSetup>> {
        self.get(&CARD_SETUPS, intent)
    }

    fn charge(&self, id: ChargeId) -> Result<Option<Charge>> {
        self.get(&CHARGES, id)
    }

    fn charge_by_payment(&self, intent: &str) -> Result<Option<Charge>> {
        match self.get(&CHARGE_BY_PAYMENT, intent)? {
            Some(id) => self.charge(id),
            None => Ok(None),
        }
    }

    /// A person's charges, newest first.
    fn charges_of(&self, user: UserId, before: Option<(Time, ChargeId)>, limit: usize) -> Result<Vec<Charge>> {
        let to = before.unwrap_or((Time::from_ms(i64::MAX), ChargeId::from_bits(u128::MAX)));
        let links = self.links::<_, _, ((UserId, Time), ChargeId)>(
            &CHARGES_BY_USER,
            ((user, Time::from_ms(i64::MIN)), ChargeId::from_bits(0))..((user, to.0), to.1),
            Order::Down,
            limit,
        )?;
        links.into_iter().map(|(_, id)| self.need(&CHARGES, id, "charge")).collect()
    }

    fn refund(&self, id: RefundId) -> Result<Option<Refund>> {
        self.get(&REFUNDS, id)
    }

    fn refunds_of(&self, charge: ChargeId) -> Result<Vec<Refund>> {
        self.follow(&REFUNDS_BY_CHARGE, charge, &REFUNDS, 100)
    }

    fn notice(&self, id: &str) -> Result<Option<Notice>> {
        self.get(&NOTICES, id)
    }
}

impl<T: Read> Charges for T {}

impl Tx<'_> {
    pub fn add_card(&mut self, card: &Card) -> Result<()> {
        self.link(&CARDS_BY_USER, card.user, card.id);
        self.put(&CARDS, card.id, card)
    }

    /// Takes a card off the list; its row stays for the receipts.
    pub fn remove_card(&mut self, card: &Card) -> Result<()> {
        self.unlink(&CARDS_BY_USER, card.user, card.id);
        self.put(&CARDS, card.id, card)
    }

    pub fn put_card_setup(&mut self, intent: &str, setup: &CardSetup) -> Result<()> {
        self.put(&CARD_SETUPS, intent, setup)
    }

    pub fn add_charge(&mut self, charge: &Charge) -> Result<()> {
        self.link(&CHARGES_BY_USER, (charge.user, charge.created), charge.id);
        self.insert(&CHARGES, charge.id, charge)
    }

    pub fn put_charge(&mut self, charge: &Charge) -> Result<()> {
        if let Some(intent) = &charge.payment_intent {
            self.put(&CHARGE_BY_PAYMENT, intent.as_str(), &charge.id)?;
        }
        self.put(&CHARGES, charge.id, charge)
    }

    /// The next receipt number: gap-free, because it is taken in the transaction that needs it.
    pub fn next_receipt(&mut self) -> Result<u64> {
        let next = self.single(&RECEIPTS)?.unwrap_or(0) + 1;
        self.set(&RECEIPTS, &next)?;
        Ok(next)
    }

    pub fn put_refund(&mut self, refund: &Refund) -> Result<()> {
        self.link(&REFUNDS_BY_CHARGE, refund.charge, refund.id);
        self.put(&REFUNDS, refund.id, refund)
    }

    pub fn put_notice(&mut self, notice: &Notice) -> Result<()> {
        self.put(&NOTICES, notice.id.as_str(), notice)
    }
}
