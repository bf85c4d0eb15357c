//! The signature on what the processor tells us, and the little of it that is believed: which object to ask for again.
//! Source: `docs.stripe.com/webhooks#verify-manually`.

use std::time::Duration;

use hmac::{Hmac, Mac};
use serde::Deserialize;
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::base::{Secret, Time};

/// How far the sender's clock and ours may be apart.
const TOLERANCE: Duration = Duration::from_secs(300);

/// Everything we read from an event. Its content is hearsay: the object is fetched again by its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub id: String,
    /// `payment_intent.succeeded` and the like.
    pub kind: String,
    pub created: Time,
    pub livemode: bool,
    pub account: Option<String>,
    pub object_id: Option<String>,
    pub object_kind: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("the signature header is malformed")]
    Header,
    #[error("no signature fits")]
    Signature,
    #[error("signed too long ago, or in the future")]
    Age,
    #[error("signed, but not an event")]
    Body,
}

/// Checks a delivery. `raw` are the bytes as they came; several `secrets` while one is being replaced.
pub fn verify(raw: &[u8], header: &str, secrets: &[Secret<String>], now: Time) -> Result<Event, Refused> {
    let (at, signatures) = read_header(header)?;
    // One MAC a secret, however many signatures somebody claims; compared in constant time.
    let fits = |secret: &Secret<String>| {
        let ours = mac(raw, secret, at).finalize().into_bytes();
        signatures.iter().any(|signature| bool::from(ours.as_slice().ct_eq(signature)))
    };
    if !secrets.iter().filter(|secret| !secret.reveal().is_empty()).any(fits) {
        return Err(Refused::Signature);
    }
    let sent = Time::from_secs(at.parse().map_err(|_| Refused::Header)?);
    // Whole seconds, as the sender counts.
    let now = Time::from_secs(now.secs());
    if now.since(sent) > TOLERANCE || sent.since(now) > TOLERANCE {
        return Err(Refused::Age);
    }
    read_event(raw).ok_or(Refused::Body)
}

/// The header a processor sends along with `body`.
pub fn sign(body: &[u8], secret: &Secret<String>, now: Time) -> String {
    let at = now.secs().to_string();
    format!("t={at},v1={}", hex::encode(mac(body, secret, &at).finalize().into_bytes()))
}

fn mac(raw: &[u8], secret: &Secret<String>, at: &str) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.reveal().as_bytes()).expect("a key of any length fits");
    mac.update(at.as_bytes());
    mac.update(b".");
    mac.update(raw);
    mac
}

/// The time as it was written, and all `v1` signatures. Other schemes are decoys or the future: ignored.
fn read_header(header: &str) -> Result<(&str, Vec<[u8; 32]>), Refused> {
    let mut at = None;
    let mut signatures = Vec::new();
    for part in header.split(',') {
        match part.trim().split_once('=') {
            Some(("t", value)) if at.is_none() => at = Some(value),
            Some(("t", _)) => return Err(Refused::Header),
            Some(("v1", value)) => {
                let mut signature = [0; 32];
                if hex::decode_to_slice(value, &mut signature).is_ok() {
                    signatures.push(signature);
                }
            }
            Some(_) => {}
            None => return Err(Refused::Header),
        }
    }
    let at = at.filter(|at| !at.is_empty() && at.len() <= 12 && at.bytes().all(|byte| byte.is_ascii_digit()));
    Ok((at.ok_or(Refused::Header)?, signatures))
}

fn read_event(raw: &[u8]) -> Option<Event> {
    #[derive(Deserialize)]
    struct Wire {
        id: String,
        #[serde(rename = "type")]
        kind: String,
        #[serde(default)]
        created: i64,
        #[serde(default)]
        livemode: bool,
        #[serde(default)]
        account: Option<String>,
        #[serde(default)]
        data: Option<Data>,
    }
    #[derive(Deserialize)]
    struct Data {
        #[serde(default)]
        object: Option<Object>,
    }
    #[derive(Deserialize)]
    struct Object {
        #[serde(default)]
        id: Option<String>,
        #[serde(default)]
        object: Option<String>,
    }
    let wire: Wire = serde_json::from_slice(raw).ok()?;
    let object = wire.data.and_then(|data| data.object);
    let (object_id, object_kind) = object.map_or((None, None), |object| (object.id, object.object));
    Some(Event {
        id: wire.id,
        kind: wire.kind,
        created: Time::from_secs(wire.created),
        livemode: wire.livemode,
        account: wire.account,
        object_id,
        object_kind,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    const BODY: &[u8] = br#"{"id":"evt_1","type":"charge.refunded","created":1700000000,"livemode":false,"data":{"object":{"id":"ch_1","object":"charge"}}}"#;
    const NOW: Time = Time::from_secs(1_700_000_000);

    fn secret() -> Secret<String> {
        "whsec_ours".into()
    }

    #[test]
    fn the_recorded_deliveries_are_accepted_and_refused_as_recorded() {
        let vectors: Value = serde_json::from_str(include_str!("../../../tests/vectors/stripe/webhook_signatures.json")).unwrap();
        let rows = vectors["rows"].as_array().unwrap();
        assert!(rows.len() >= 11);
        for row in rows {
            let text = |name: &str| row[name].as_str().unwrap();
            let now = Time::from_secs(row["now"].as_i64().unwrap());
            let verdict = verify(text("body").as_bytes(), text("header"), &[text("secret").into()], now);
            assert_eq!(verdict.is_ok(), row["accept"].as_bool().unwrap(), "{}: {verdict:?}", text("name"));
        }
    }

    #[test]
    fn a_signed_event_says_which_object_to_fetch() {
        let event = verify(BODY, &sign(BODY, &secret(), NOW), &[secret()], NOW).unwrap();
        assert_eq!((event.id.as_str(), event.kind.as_str()), ("evt_1", "charge.refunded"));
        assert_eq!((event.object_id.as_deref(), event.object_kind.as_deref()), (Some("ch_1"), Some("charge")));
        assert_eq!((event.created, event.livemode, event.account), (NOW, false, None));
    }

    #[test]
    fn old_and_new_secret_both_open_while_one_is_replaced() {
        let header = sign(BODY, &secret(), NOW);
        assert!(verify(BODY, &header, &["whsec_new".into(), secret()], NOW).is_ok());
        assert_eq!(verify(BODY, &header, &["whsec_new".into()], NOW), Err(Refused::Signature));
    }

    #[test]
    fn an_empty_secret_opens_nothing() {
        let header = sign(BODY, &"".into(), NOW);
        assert_eq!(verify(BODY, &header, &["".into()], NOW), Err(Refused::Signature));
        assert_eq!(verify(BODY, &header, &[], NOW), Err(Refused::Signature));
    }

    #[test]
    fn a_clock_may_be_five_minutes_off_in_both_directions() {
        let header = sign(BODY, &secret(), NOW);
        for (off, opens) in [(-301, false), (-300, true), (300, true), (301, false)] {
            let verdict = verify(BODY, &header, &[secret()], Time::from_secs(NOW.secs() + off));
            assert_eq!(verdict.is_ok(), opens, "{off}: {verdict:?}");
        }
    }

    #[test]
    fn a_signed_body_that_is_no_event_is_refused() {
        for body in [&b"[]"[..], b"", b"{}", b"\xff\xfe", br#"{"id":7,"type":"x"}"#] {
            assert_eq!(verify(body, &sign(body, &secret(), NOW), &[secret()], NOW), Err(Refused::Body));
        }
    }

    #[test]
    fn an_event_of_an_unknown_kind_and_shape_is_still_an_event() {
        let body = br#"{"id":"evt_2","type":"v9.new","data":{"object":{"object":"balance","more":[1]}},"x":{}}"#;
        let event = verify(body, &sign(body, &secret(), NOW), &[secret()], NOW).unwrap();
        assert_eq!((event.object_id, event.object_kind.as_deref()), (None, Some("balance")));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn noise_never_opens(body in proptest::collection::vec(any::<u8>(), 0..64), header in ".{0,120}") {
            prop_assert!(verify(&body, &header, &[secret()], NOW).is_err());
        }

        #[test]
        fn one_changed_byte_closes(at in 0..BODY.len(), flip in 1u8..) {
            let mut body = BODY.to_vec();
            body[at] ^= flip;
            prop_assert_eq!(verify(&body, &sign(BODY, &secret(), NOW), &[secret()], NOW), Err(Refused::Signature));
        }

        #[test]
        fn one_changed_header_byte_never_panics(at in 0usize..80, to in any::<char>()) {
            let mut header: Vec<char> = sign(BODY, &secret(), NOW).chars().collect();
            let at = at % header.len();
            let same = header[at].eq_ignore_ascii_case(&to);
            header[at] = to;
            let header: String = header.into_iter().collect();
            if !same {
                prop_assert!(verify(BODY, &header, &[secret()], NOW).is_err());
            }
        }
    }
}
