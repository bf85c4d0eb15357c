//! Substrate keys from a mnemonic, shared by chain, message bus and nodes. Source: `threefoldtech/tfchain`.

use bip39::Mnemonic;
use blake2::{Blake2b512, Digest};
use schnorrkel::{ExpansionMode, MiniSecretKey};
use zeroize::Zeroizing;

/// Signing context of every sr25519 signature in Substrate and on the message bus.
const CONTEXT: &[u8] = b"substrate";
/// Network prefix of an address: the generic Substrate one, which TFChain uses.
const SS58_PREFIX: u8 = 42;

/// The 32 raw public key bytes that the chain stores for an account, whatever the scheme.
pub type AccountId = [u8; 32];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    Sr25519,
    Ed25519,
}

impl Scheme {
    /// How a deployment's signature names it (`threefoldtech/zosbase: pkg/gridtypes`).
    pub const fn name(self) -> &'static str {
        match self {
            Scheme::Sr25519 => "sr25519",
            Scheme::Ed25519 => "ed25519",
        }
    }

    /// The byte before a bus signature (`threefoldtech/rmb-rs: docs`).
    pub const fn prefix(self) -> u8 {
        match self {
            Scheme::Sr25519 => b's',
            Scheme::Ed25519 => b'e',
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a mnemonic of 12 to 24 known words")]
pub struct BadMnemonic;

/// A key pair. Its secret leaves it only as signatures and as the bus encryption secret.
pub struct KeyPair {
    scheme: Scheme,
    mini_secret: Zeroizing<[u8; 32]>,
    public: AccountId,
}

impl Clone for KeyPair {
    fn clone(&self) -> Self {
        KeyPair { scheme: self.scheme, mini_secret: self.mini_secret.clone(), public: self.public }
    }
}

impl std::fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeyPair({} {})", self.scheme.name(), address(&self.public))
    }
}

impl KeyPair {
    /// Words → entropy → PBKDF2 → mini secret: the Substrate way, not the BIP-39 seed of the words.
    pub fn from_mnemonic(words: &str, scheme: Scheme) -> Result<Self, BadMnemonic> {
        let mnemonic = Mnemonic::parse_normalized(words.trim()).map_err(|_| BadMnemonic)?;
        let entropy = Zeroizing::new(mnemonic.to_entropy());
        let mut seed = Zeroizing::new([0; 64]);
        pbkdf2::pbkdf2_hmac::<sha2::Sha512>(&entropy, b"mnemonic", 2048, seed.as_mut());
        let mut mini_secret = [0; 32];
        mini_secret.copy_from_slice(&seed[..32]);
        Ok(Self::from_mini_secret(mini_secret, scheme))
    }

    pub fn from_mini_secret(mini_secret: [u8; 32], scheme: Scheme) -> Self {
        let mut pair = KeyPair { scheme, mini_secret: Zeroizing::new(mini_secret), public: [0; 32] };
        pair.public = match scheme {
            Scheme::Sr25519 => pair.schnorrkel().public.to_bytes(),
            Scheme::Ed25519 => pair.ed25519().verifying_key().to_bytes(),
        };
        pair
    }

    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    pub fn public(&self) -> AccountId {
        self.public
    }

    /// 64 bytes. An sr25519 signature is different every time; all of them verify.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        match self.scheme {
            Scheme::Sr25519 => self.schnorrkel().sign_simple(CONTEXT, message).to_bytes(),
            Scheme::Ed25519 => ed25519_dalek::Signer::sign(&self.ed25519(), message).to_bytes(),
        }
    }

    /// The 32 bytes that are also the secp256k1 secret of bus encryption (`threefoldtech/rmb-rs: docs`).
    pub fn encryption_secret(&self) -> &[u8; 32] {
        &self.mini_secret
    }

    fn schnorrkel(&self) -> schnorrkel::Keypair {
        MiniSecretKey::from_bytes(self.mini_secret.as_ref())
            .expect("any 32 bytes are a mini secret")
            .expand_to_keypair(ExpansionMode::Ed25519)
    }

    fn ed25519(&self) -> ed25519_dalek::SigningKey {
        ed25519_dalek::SigningKey::from_bytes(&self.mini_secret)
    }
}

/// The 12 words of 16 bytes of entropy.
pub fn words_of(entropy: &[u8; 16]) -> String {
    Mnemonic::from_entropy(entropy).expect("16 bytes are an entropy").to_string()
}

/// Whether `signature` over `message` was made by the owner of `public`.
pub fn verify(scheme: Scheme, public: &AccountId, message: &[u8], signature: &[u8]) -> bool {
    match scheme {
        Scheme::Sr25519 => {
            let key = schnorrkel::PublicKey::from_bytes(public);
            let signature = schnorrkel::Signature::from_bytes(signature);
            matches!((key, signature), (Ok(key), Ok(signature)) if key.verify_simple(CONTEXT, message, &signature).is_ok())
        }
        Scheme::Ed25519 => {
            let key = ed25519_dalek::VerifyingKey::from_bytes(public);
            let signature = ed25519_dalek::Signature::from_slice(signature);
            matches!((key, signature), (Ok(key), Ok(signature)) if key.verify_strict(message, &signature).is_ok())
        }
    }
}

/// The SS58 address of an account: `5…`.
pub fn address(account: &AccountId) -> String {
    let mut bytes = vec![SS58_PREFIX];
    bytes.extend_from_slice(account);
    let check = checksum(&bytes);
    bytes.extend_from_slice(&check);
    bs58::encode(bytes).into_string()
}

/// The account behind an SS58 address of this network; None for a wrong length, prefix or checksum.
pub fn account(address: &str) -> Option<AccountId> {
    let bytes = bs58::decode(address).into_vec().ok()?;
    let (body, check) = bytes.split_last_chunk::<2>()?;
    let (prefix, account) = body.split_first()?;
    (*prefix == SS58_PREFIX && checksum(body) == *check).then(|| account.try_into().ok())?
}

fn checksum(body: &[u8]) -> [u8; 2] {
    let hash = Blake2b512::new().chain_update(b"SS58PRE").chain_update(body).finalize();
    [hash[0], hash[1]]
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn the_recorded_keys_come_out_of_their_words() {
        let vectors: Value = serde_json::from_str(include_str!("../../tests/vectors/grid/keys.json")).unwrap();
        let cases = vectors["cases"].as_array().unwrap();
        assert!(cases.len() >= 2);
        for case in cases {
            let Some(words) = case["mnemonic"].as_str() else { continue };
            for (scheme, name) in [(Scheme::Sr25519, "sr25519"), (Scheme::Ed25519, "ed25519")] {
                let pair = KeyPair::from_mnemonic(words, scheme).unwrap();
                assert_eq!(hex::encode(pair.encryption_secret()), case["substrate_mini_secret"].as_str().unwrap());
                assert_eq!(hex::encode(pair.public()), case[name]["public_key"].as_str().unwrap());
                let ss58 = case[name]["ss58_prefix_42"].as_str().unwrap();
                assert_eq!(address(&pair.public()), ss58);
                assert_eq!(account(ss58), Some(pair.public()));
                assert!(verify(scheme, &pair.public(), b"hello", &pair.sign(b"hello")));
                assert!(!verify(scheme, &pair.public(), b"hullo", &pair.sign(b"hello")));
            }
        }
    }

    #[test]
    fn a_mistyped_address_is_refused() {
        assert_eq!(account("5DfhGyQdFobKM8NsWvEeAKk5EQQgYe9AydgJ7rMB6E1EqRzW"), None);
        assert_eq!(account("not base 58: 0OIl"), None);
        assert_eq!(account(""), None);
    }
}
