//! The public test numbers, and what the pretended banks behind them do. Source: `docs.stripe.com/testing`.

use crate::wire::stripe::PaymentError;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Temper {
    Pays,
    /// Saves fine, is declined whenever it is charged.
    DeclinesCharge {
        code: &'static str,
        decline_code: &'static str,
    },
    /// Cannot even be saved.
    WrongCvc,
    /// The bank asks once, when it is saved; charges pass afterwards.
    AsksAtSetup,
    /// The bank asks every time: no charge passes without the customer.
    AsksAlways,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TestCard {
    pub number: &'static str,
    pub brand: &'static str,
    pub temper: Temper,
    /// For the table on the card page.
    pub says: &'static str,
}

const fn declines(number: &'static str, code: &'static str, decline_code: &'static str, says: &'static str) -> TestCard {
    TestCard { number, brand: "visa", temper: Temper::DeclinesCharge { code, decline_code }, says }
}

pub const TEST_CARDS: [TestCard; 8] = [
    TestCard { number: "4242424242424242", brand: "visa", temper: Temper::Pays, says: "Pays" },
    TestCard { number: "5555555555554444", brand: "mastercard", temper: Temper::Pays, says: "Pays (Mastercard)" },
    TestCard { number: "4000002500003155", brand: "visa", temper: Temper::AsksAtSetup, says: "Bank asks once, now" },
    TestCard { number: "4000002760003184", brand: "visa", temper: Temper::AsksAlways, says: "Bank asks every time" },
    declines("4000000000000002", "card_declined", "generic_decline", "Saves, then is declined"),
    declines("4000000000009995", "card_declined", "insufficient_funds", "Saves, then has no money"),
    declines("4000000000000069", "expired_card", "expired_card", "Saves, then has expired"),
    TestCard { number: "4000000000000127", brand: "visa", temper: Temper::WrongCvc, says: "Security code is refused" },
];

/// The card of a number, written with or without spaces. Real cards are not known here, on purpose.
pub fn card(number: &str) -> Option<&'static TestCard> {
    let digits: String = number.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
    TEST_CARDS.iter().find(|card| card.number == digits)
}

/// The check digit of a card number, after Luhn.
pub fn looks_like_a_card(number: &str) -> bool {
    let digits: Vec<u32> = number.chars().filter(|c| !matches!(c, ' ' | '-')).map_while(|c| c.to_digit(10)).collect();
    let clean = number.chars().all(|c| c.is_ascii_digit() || matches!(c, ' ' | '-'));
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(at, &digit)| if at % 2 == 0 { digit } else { digit * 2 - if digit > 4 { 9 } else { 0 } })
        .sum();
    clean && (12..=19).contains(&digits.len()) && sum.is_multiple_of(10)
}

pub fn declined(code: &str, decline_code: Option<&str>) -> PaymentError {
    let message = match decline_code.unwrap_or(code) {
        "insufficient_funds" => "Your card has insufficient funds.",
        "expired_card" => "Your card has expired.",
        "incorrect_cvc" => "Your card's security code is incorrect.",
        "authentication_required" => "Your card was declined. This transaction requires authentication.",
        "setup_intent_authentication_failure" | "payment_intent_authentication_failure" => {
            "The bank could not confirm that it was you."
        }
        _ => "Your card was declined.",
    };
    PaymentError { code: Some(code.into()), decline_code: decline_code.map(Into::into), message: Some(message.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_test_number_has_a_check_digit_that_fits() {
        for card in TEST_CARDS {
            assert!(looks_like_a_card(card.number), "{}", card.number);
        }
        assert!(!looks_like_a_card("4242424242424241"));
        assert!(!looks_like_a_card("") && !looks_like_a_card("4242x4242") && !looks_like_a_card("0"));
    }

    #[test]
    fn a_number_may_be_typed_with_spaces() {
        assert_eq!(card("4242 4242 4242 4242").map(|card| card.brand), Some("visa"));
        assert_eq!(card("4111111111111111"), None);
    }
}
