//! Challenge, signature, token and encryption of the bus.

use aes_gcm::aead::{Aead, KeyInit};
use aes_gcm::{Aes256Gcm, Key, Nonce};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use k256::elliptic_curve::sec1::ToEncodedPoint;
use md5::Md5;
use prost::Message as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::types::{Address, Envelope, Message, Payload};
use crate::base::Time;
use crate::wire::key::{self, AccountId, KeyPair, Scheme};

const NONCE_BYTES: usize = 12;
/// The name is a lie that every implementation tells: nothing RSA is involved.
const TOKEN_HEADER: &str = r#"{"alg":"RS512","typ":"JWT"}"#;

/// The bytes are not an envelope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an envelope: {0}")]
pub struct NotAnEnvelope(String);

pub fn encode(envelope: &Envelope) -> Vec<u8> {
    envelope.encode_to_vec()
}

pub fn decode(bytes: &[u8]) -> Result<Envelope, NotAnEnvelope> {
    Envelope::decode(bytes).map_err(|error| NotAnEnvelope(error.to_string()))
}

/// The md5 that is signed, over values and not over the encoding.
pub fn challenge(envelope: &Envelope) -> [u8; 16] {
    fn address(hash: &mut Md5, address: Option<&Address>) {
        let Some(address) = address else { return };
        hash.update(address.twin.to_string());
        hash.update(address.connection.as_deref().unwrap_or_default());
    }
    let mut hash = Md5::new();
    hash.update(&envelope.uid);
    hash.update(envelope.tags.as_deref().unwrap_or_default());
    hash.update(envelope.timestamp.to_string());
    hash.update(envelope.expiration.to_string());
    address(&mut hash, envelope.source.as_ref());
    address(&mut hash, envelope.destination.as_ref());
    match &envelope.message {
        Some(Message::Request(request)) => hash.update(&request.command),
        Some(Message::Error(failure)) => {
            hash.update(failure.code.to_string());
            hash.update(&failure.message);
        }
        Some(Message::Response(_) | Message::Ping(_) | Message::Pong(_)) | None => {}
    }
    hash.update(envelope.schema.as_deref().unwrap_or_default());
    hash.update(envelope.federation.as_deref().unwrap_or_default());
    match &envelope.payload {
        Some(Payload::Plain(bytes) | Payload::Cipher(bytes)) => hash.update(bytes),
        None => {}
    }
    for relay in &envelope.relays {
        hash.update(relay);
    }
    hash.finalize().into()
}

/// Signs as the last step before sending: every other field must be final.
pub fn sign(envelope: &mut Envelope, key: &KeyPair) {
    envelope.signature = Some(prefixed(key, &challenge(envelope)));
}

/// Whether the envelope was signed by the owner of `account`.
pub fn verify(envelope: &Envelope, account: &AccountId) -> bool {
    envelope.signature.as_deref().is_some_and(|signature| verify_prefixed(account, &challenge(envelope), signature))
}

fn prefixed(key: &KeyPair, message: &[u8]) -> Vec<u8> {
    let mut signature = vec![key.scheme().prefix()];
    signature.extend_from_slice(&key.sign(message));
    signature
}

fn verify_prefixed(account: &AccountId, message: &[u8], signature: &[u8]) -> bool {
    let Some((prefix, signature)) = signature.split_first() else { return false };
    let scheme = [Scheme::Sr25519, Scheme::Ed25519].into_iter().find(|scheme| scheme.prefix() == *prefix);
    scheme.is_some_and(|scheme| key::verify(scheme, account, message, signature))
}

/// Who wants to connect, by its own word until `Token::verify` says so too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The twin, a number.
    pub sub: u32,
    pub iat: i64,
    pub exp: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
}

/// The token that opens a connection: the whole query string of the relay's address.
pub fn make_token(key: &KeyPair, claims: &Claims) -> String {
    let claims = serde_json::to_string(claims).expect("claims are plain text and numbers");
    let body = format!("{}.{}", URL_SAFE_NO_PAD.encode(TOKEN_HEADER), URL_SAFE_NO_PAD.encode(claims));
    let signature = prefixed(key, body.as_bytes());
    format!("{body}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// A token that was read, not yet verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    pub claims: Claims,
    signed: String,
    signature: Vec<u8>,
}

impl Token {
    /// None if the text has not the shape of a token.
    pub fn read(text: &str) -> Option<Token> {
        #[derive(Deserialize)]
        struct Header {
            alg: String,
        }
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let header: Header = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
        let claims = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        (header.alg == "RS512").then(|| Token { claims, signed: signed.to_owned(), signature })
    }

    /// Whether the owner of `account` signed it and it has not expired.
    pub fn verify(&self, account: &AccountId, now: Time) -> bool {
        self.claims.exp >= now.secs() && verify_prefixed(account, self.signed.as_bytes(), &self.signature)
    }
}

/// The compressed secp256k1 key that a twin publishes on chain. None for the few secrets that are not on the curve.
pub fn public_key(secret: &[u8; 32]) -> Option<[u8; 33]> {
    let secret = k256::SecretKey::from_slice(secret).ok()?;
    secret.public_key().to_encoded_point(true).as_bytes().try_into().ok()
}

/// What two twins share: SHA-256 of the X coordinate of the common point. None if a key is not on the curve.
pub fn shared_key(secret: &[u8; 32], public: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
    let secret = k256::SecretKey::from_slice(secret).ok()?;
    let public = k256::PublicKey::from_sec1_bytes(public).ok()?;
    let point = k256::ecdh::diffie_hellman(secret.to_nonzero_scalar(), public.as_affine());
    Some(Zeroizing::new(Sha256::digest(point.raw_secret_bytes()).into()))
}

/// `nonce ‖ ciphertext ‖ tag`. The nonce must come from a real random source, fresh for each message.
pub fn encrypt(shared: &[u8; 32], nonce: [u8; NONCE_BYTES], plain: &[u8]) -> Vec<u8> {
    let cipher = Aes256Gcm::new(Key::<Aes256Gcm>::from_slice(shared));
    let sealed = cipher.encrypt(Nonce::from_slice(&nonce), plain).expect("a message is far below the cipher's limit of 64 GiB");
    [&nonce[..], &sealed].concat()
}

/// None if it was not encrypted with this key or was changed on the way.
pub fn decrypt(shared: &[u8; 32], field: &[u8]) -> Option<Vec<u8>> {
    let (nonce, sealed) = field.split_at_checked(NONCE_BYTES)?;
    Aes256Gcm::new(Key::<Aes256Gcm>::from_slice(shared)).decrypt(Nonce::from_slice(nonce), sealed).ok()
}

/// The payload as sent: encrypted when the receiver has a key (and ours is on the curve), plain otherwise.
pub fn seal(secret: &[u8; 32], receiver: Option<&[u8]>, nonce: [u8; NONCE_BYTES], plain: Vec<u8>) -> Payload {
    match receiver.and_then(|receiver| shared_key(secret, receiver)) {
        Some(shared) => Payload::Cipher(encrypt(&shared, nonce, &plain)),
        None => Payload::Plain(plain),
    }
}

/// The payload as meant; None if it cannot be decrypted. A missing payload is an empty one.
pub fn open(secret: &[u8; 32], sender: Option<&[u8]>, payload: Option<&Payload>) -> Option<Vec<u8>> {
    match payload {
        None => Some(Vec::new()),
        Some(Payload::Plain(plain)) => Some(plain.clone()),
        Some(Payload::Cipher(field)) => decrypt(&*shared_key(secret, sender?)?, field),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::wire::rmb::types::{Empty, Failure, Request};

    fn vectors(name: &str) -> Value {
        serde_json::from_str(match name {
            "envelopes" => include_str!("../../../tests/vectors/grid/rmb_envelopes.json"),
            _ => include_str!("../../../tests/vectors/grid/e2e.json"),
        })
        .unwrap()
    }

    fn bytes(value: &Value) -> Vec<u8> {
        hex::decode(value.as_str().unwrap()).unwrap()
    }

    fn account(value: &Value) -> AccountId {
        bytes(value).try_into().unwrap()
    }

    fn address(value: &Value) -> Option<Address> {
        let connection = value["connection"].as_str().map(str::to_owned);
        Some(Address { twin: value["twin"].as_u64()? as u32, connection })
    }

    /// An envelope made from the recorded fields, not from the recorded encoding.
    fn envelope(fields: &Value) -> Envelope {
        let message = if let Some(command) = fields["request"]["command"].as_str() {
            Message::Request(Request { command: command.into() })
        } else if fields["error"].is_object() {
            let (code, message) = (fields["error"]["code"].as_u64().unwrap(), fields["error"]["message"].as_str().unwrap());
            Message::Error(Failure { code: code as u32, message: message.into() })
        } else {
            assert!(fields["response"].is_object());
            Message::Response(Empty {})
        };
        let text = |name: &str| fields[name].as_str().map(str::to_owned);
        let payload = match (text("plain_hex"), text("cipher_hex")) {
            (Some(plain), _) => Some(Payload::Plain(hex::decode(plain).unwrap())),
            (_, Some(cipher)) => Some(Payload::Cipher(hex::decode(cipher).unwrap())),
            _ => None,
        };
        Envelope {
            uid: text("uid").unwrap(),
            tags: text("tags"),
            timestamp: fields["timestamp"].as_u64().unwrap(),
            expiration: fields["expiration"].as_u64().unwrap(),
            source: address(&fields["source"]),
            destination: address(&fields["destination"]),
            message: Some(message),
            signature: None,
            schema: text("schema"),
            federation: text("federation"),
            payload,
            relays: fields["relays"].as_array().unwrap().iter().map(|relay| relay.as_str().unwrap().to_owned()).collect(),
        }
    }

    #[test]
    fn the_recorded_envelopes_are_read_hashed_and_verified() {
        let vectors = vectors("envelopes");
        let cases = vectors["envelopes"].as_array().unwrap();
        assert_eq!(cases.len(), 9);
        for case in cases {
            let name = case["name"].as_str().unwrap();
            let made = envelope(&case["fields"]);
            assert_eq!(hex::encode(challenge(&made)), case["challenge_md5_hex"].as_str().unwrap(), "{name}");

            let read = decode(&bytes(&case["envelope_protobuf_hex"])).unwrap();
            assert_eq!(read.signature.as_deref(), Some(&bytes(&case["signature_hex"])[..]), "{name}");
            // The recorded encoder writes absent tags as empty ones; they hash alike.
            let tags = read.tags.clone().filter(|tags| !tags.is_empty());
            assert_eq!(Envelope { signature: None, tags, ..read.clone() }, made, "{name}");
            assert_eq!(verify(&read, &account(&case["signer_public_key"])), case["signature_valid"].as_bool().unwrap(), "{name}");
            assert!(!verify(&read, &[7; 32]), "{name}");
            assert_eq!(decode(&encode(&read)), Ok(read), "{name}");
        }
    }

    #[test]
    fn an_ed25519_envelope_is_signed_as_recorded() {
        let words = "bottom drive obey lake curtain smoke basket hold race lonely fit walk";
        let key = KeyPair::from_mnemonic(words, Scheme::Ed25519).unwrap();
        let vectors = vectors("envelopes");
        let deterministic = vectors["envelopes"].as_array().unwrap().iter();
        let deterministic: Vec<_> = deterministic.filter(|case| case["name"].as_str().unwrap().ends_with("/ed25519")).collect();
        assert_eq!(deterministic.len(), 6);
        for case in deterministic {
            let mut made = envelope(&case["fields"]);
            sign(&mut made, &key);
            assert_eq!(made.signature, Some(bytes(&case["signature_hex"])), "{}", case["name"]);
        }
    }

    #[test]
    fn every_signed_field_is_protected() {
        let key = KeyPair::from_mini_secret([3; 32], Scheme::Sr25519);
        let vectors = vectors("envelopes");
        let mut signed = envelope(&vectors["envelopes"][5]["fields"]);
        sign(&mut signed, &key);
        assert!(verify(&signed, &key.public()));
        let changes: [fn(&mut Envelope); 9] = [
            |it| it.uid.push('x'),
            |it| it.tags = None,
            |it| it.timestamp += 1,
            |it| it.expiration += 1,
            |it| it.source = Some(Address { twin: 8, connection: None }),
            |it| it.destination = Some(Address { twin: 1, connection: None }),
            |it| it.message = Some(Message::Request(Request { command: "zos.deployment.delete".into() })),
            |it| it.payload = Some(Payload::Cipher(vec![0])),
            |it| it.relays.clear(),
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let mut changed = signed.clone();
            change(&mut changed);
            assert!(!verify(&changed, &key.public()), "change {number}");
        }
    }

    #[test]
    fn the_recorded_tokens_are_read_and_verified() {
        let vectors = vectors("envelopes");
        let cases = vectors["jwts"].as_array().unwrap();
        assert_eq!(cases.len(), 2);
        for case in cases {
            let token = Token::read(case["token"].as_str().unwrap()).unwrap();
            assert_eq!(token.signed, case["signing_input"].as_str().unwrap());
            assert_eq!(token.claims, serde_json::from_str(case["claims_json"].as_str().unwrap()).unwrap());
            let account = account(&case["public_key"]);
            assert!(token.verify(&account, Time::from_secs(token.claims.exp)));
            assert!(!token.verify(&account, Time::from_secs(token.claims.exp + 1)), "an expired token is refused");
            assert!(!token.verify(&[7; 32], Time::EPOCH));
        }
    }

    #[test]
    fn an_ed25519_token_is_made_as_recorded() {
        let words = "bottom drive obey lake curtain smoke basket hold race lonely fit walk";
        let key = KeyPair::from_mnemonic(words, Scheme::Ed25519).unwrap();
        let claims = Claims { sub: 7, iat: 1_700_000_000, exp: 1_700_001_000, sid: Some("sess1".into()) };
        assert_eq!(make_token(&key, &claims), vectors("envelopes")["jwts"][0]["token"].as_str().unwrap());
    }

    #[test]
    fn the_recorded_payloads_are_encrypted_and_decrypted() {
        let vectors = vectors("e2e");
        let cases = vectors["cases"].as_array().unwrap();
        assert_eq!(cases.len(), 4);
        for case in cases {
            let pair = |name: &str| KeyPair::from_mnemonic(case[name].as_str().unwrap(), Scheme::Sr25519).unwrap();
            let (sender, receiver) = (pair("sender_mnemonic"), pair("receiver_mnemonic"));
            let (sender_pk, receiver_pk) = (bytes(&case["sender_pk"]), bytes(&case["receiver_pk"]));
            assert_eq!(public_key(sender.encryption_secret()).unwrap()[..], sender_pk);
            let shared = shared_key(sender.encryption_secret(), &receiver_pk).unwrap();
            assert_eq!(shared.to_vec(), bytes(&case["shared_key_sha256_of_x"]));
            assert_eq!(shared_key(receiver.encryption_secret(), &sender_pk).unwrap(), shared);

            let (plain, cipher) = (bytes(&case["plaintext_hex"]), bytes(&case["cipher_field_hex"]));
            assert_eq!(encrypt(&shared, bytes(&case["nonce_hex"]).try_into().unwrap(), &plain), cipher);
            assert_eq!(decrypt(&shared, &cipher), Some(plain));
            for place in [0, cipher.len() - 1] {
                let mut changed = cipher.clone();
                changed[place] ^= 1;
                assert_eq!(decrypt(&shared, &changed), None, "a changed bit must not pass");
            }
        }
    }

    proptest! {
        #[test]
        fn noise_is_refused_without_a_panic(noise: Vec<u8>, text: String, key: [u8; 32]) {
            if let Ok(envelope) = decode(&noise) {
                prop_assert_eq!(decode(&encode(&envelope)), Ok(envelope.clone()));
                prop_assert!(!verify(&envelope, &key));
                envelope.expired(i64::MAX);
            }
            prop_assert_eq!(Token::read(&text), None);
            prop_assert_eq!(decrypt(&key, &noise), None);
            shared_key(&key, &noise);
            prop_assert!(!verify_prefixed(&key, &noise, &noise));
        }

        #[test]
        fn half_a_token_is_refused_without_a_panic(cut in 0usize..240) {
            let vectors = vectors("envelopes");
            let whole = vectors["jwts"][0]["token"].as_str().unwrap();
            let cut = cut.min(whole.len() - 1);
            if let Some(token) = Token::read(&whole[..cut]) {
                prop_assert!(!token.verify(&account(&vectors["jwts"][0]["public_key"]), Time::EPOCH));
            }
        }

        #[test]
        fn any_payload_survives_the_way(plain: Vec<u8>, nonce: [u8; 12]) {
            let (ours, theirs) = ([5; 32], [6; 32]);
            let sealed = seal(&ours, public_key(&theirs).as_ref().map(|pk| &pk[..]), nonce, plain.clone());
            prop_assert!(matches!(sealed, Payload::Cipher(_)));
            let opened = open(&theirs, public_key(&ours).as_ref().map(|pk| &pk[..]), Some(&sealed));
            prop_assert_eq!(opened, Some(plain));
        }
    }
}
