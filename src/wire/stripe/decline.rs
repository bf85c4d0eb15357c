//! Why a bank said no, in words for the person whose card it is. Source: `docs.stripe.com/declines/codes`.

/// A sentence for the user. Never tells somebody that a card is reported stolen: it may be the thief who reads it.
pub fn sentence(code: Option<&str>, decline_code: Option<&str>) -> &'static str {
    let known = decline_code.and_then(of).or_else(|| code.and_then(of));
    known.unwrap_or("Your bank declined the payment. Please use another card, or ask your bank why.")
}

/// Whether the same card may work later. If not, only another card helps, and asking again harms our standing at the bank.
pub fn may_work_later(code: Option<&str>, decline_code: Option<&str>) -> bool {
    const FINAL: [&str; 13] = [
        "expired_card",
        "fraudulent",
        "incorrect_number",
        "invalid_account",
        "invalid_number",
        "lost_card",
        "new_account_information_available",
        "pickup_card",
        "restricted_card",
        "revocation_of_all_authorizations",
        "revocation_of_authorization",
        "stolen_card",
        "stop_payment_order",
    ];
    ![code, decline_code].into_iter().flatten().any(|code| FINAL.contains(&code))
}

fn of(code: &str) -> Option<&'static str> {
    Some(match code {
        "insufficient_funds" | "withdrawal_count_limit_exceeded" | "card_velocity_exceeded" => {
            "There is not enough money or credit left on this card. Please use another card, or try again later."
        }
        "expired_card" => "This card has expired. Please use another card.",
        "incorrect_cvc" | "invalid_cvc" => "The security code (CVC) is wrong. Please check the digits on the back of the card.",
        "incorrect_number" | "invalid_number" => "The card number is wrong. Please check it and try again.",
        "invalid_expiry_month" | "invalid_expiry_year" => "The expiry date is wrong. Please check it and try again.",
        "incorrect_zip" | "incorrect_address" => "The address does not match the one your bank knows. Please check it.",
        "authentication_required" | "authentication_not_handled" => "Your bank wants you to confirm this payment yourself.",
        "setup_intent_authentication_failure" | "payment_intent_authentication_failure" => {
            "The payment was not confirmed with your bank. Please try again, or use another card."
        }
        "card_not_supported" | "transaction_not_allowed" | "not_permitted" | "service_not_allowed" => {
            "This card cannot be used for this kind of purchase. Please use another card, or ask your bank."
        }
        "currency_not_supported" => "This card cannot pay in this currency. Please use another card.",
        "processing_error" | "try_again_later" | "issuer_not_available" | "reenter_transaction" | "approve_with_id" => {
            "Your bank could not be reached. Please try again in a few minutes."
        }
        "testmode_decline" | "live_mode_test_card" => "This is a test card. Please use a real one.",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_decline_has_a_sentence_for_people() {
        for (code, decline_code, word) in [
            (Some("card_declined"), Some("insufficient_funds"), "enough money"),
            (Some("card_declined"), Some("generic_decline"), "declined"),
            (Some("expired_card"), Some("expired_card"), "expired"),
            (Some("incorrect_cvc"), None, "CVC"),
            (Some("a code from the future"), Some("another"), "declined"),
            (None, None, "declined"),
        ] {
            assert!(sentence(code, decline_code).contains(word), "{code:?} {decline_code:?}");
        }
    }

    #[test]
    fn a_thief_is_told_no_more_than_anybody() {
        for code in ["lost_card", "stolen_card", "fraudulent", "pickup_card"] {
            assert_eq!(sentence(Some("card_declined"), Some(code)), sentence(Some("card_declined"), None));
            assert!(!may_work_later(Some("card_declined"), Some(code)));
        }
        assert!(may_work_later(Some("card_declined"), Some("insufficient_funds")));
    }
}
