//! Secrets at rest: sealed under a passphrase, or under what is unlocked while we run, so that a copy of the disk alone tells nothing.

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{Error, Kind, Random, Result, Secret};

/// RFC 9106, the second recommended choice: 64 MiB and three passes. It is paid once a start.
const MEMORY_KIB: u32 = 64 * 1024;
const PASSES: u32 = 3;
/// More than this nobody seals with, and a file that says so wants our memory.
const MOST_MEMORY_KIB: u32 = 1024 * 1024;
const MOST_PASSES: u32 = 64;
/// What was sealed, so that one seal can't be passed off for another.
const PURPOSE: &[u8] = b"cooperage wallet 1";

/// A sealed text, as it lies on the disk. Binary parts in hex.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// Argon2id, version 0x13, one lane.
    pub memory_kib: u32,
    pub passes: u32,
    pub salt: String,
    /// XChaCha20-Poly1305.
    pub nonce: String,
    pub sealed: String,
}

impl Sealed {
    pub fn seal(text: &Secret<String>, passphrase: &Secret<String>, random: &dyn Random) -> Result<Sealed> {
        let (salt, nonce): ([u8; 16], [u8; 24]) = (random.bytes(), random.bytes());
        let cipher = cipher(passphrase, &salt, MEMORY_KIB, PASSES)?;
        let sealed = cipher
            .encrypt(XNonce::from_slice(&nonce), Payload { msg: text.reveal().as_bytes(), aad: PURPOSE })
            .map_err(|_| Error::internal("The words can't be sealed."))?;
        Ok(Sealed {
            memory_kib: MEMORY_KIB,
            passes: PASSES,
            salt: hex::encode(salt),
            nonce: hex::encode(nonce),
            sealed: hex::encode(sealed),
        })
    }

    /// # Errors
    /// `Invalid` when the passphrase is wrong, or what is on the disk was changed: the two can't be told apart.
    pub fn open(&self, passphrase: &Secret<String>) -> Result<Secret<String>> {
        let wrong = || Error::new(Kind::Invalid, "The passphrase does not open what is sealed, or the file was changed.");
        let bytes = |text: &str| hex::decode(text).map_err(|_| wrong());
        let (salt, nonce, sealed) = (bytes(&self.salt)?, bytes(&self.nonce)?, bytes(&self.sealed)?);
        let nonce: [u8; 24] = nonce.try_into().map_err(|_| wrong())?;
        let cipher = cipher(passphrase, &salt, self.memory_kib, self.passes)?;
        let text = cipher.decrypt(XNonce::from_slice(&nonce), Payload { msg: &sealed, aad: PURPOSE }).map_err(|_| wrong())?;
        String::from_utf8(text).map(Secret::new).map_err(|_| wrong())
    }
}

fn cipher(passphrase: &Secret<String>, salt: &[u8], memory_kib: u32, passes: u32) -> Result<XChaCha20Poly1305> {
    let out_of_range = || Error::new(Kind::Invalid, "The seal was made in a way that this program does not open.");
    if memory_kib > MOST_MEMORY_KIB || passes > MOST_PASSES {
        return Err(out_of_range());
    }
    let params = Params::new(memory_kib, passes, 1, Some(32)).map_err(|_| out_of_range())?;
    let mut key = Zeroizing::new([0u8; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.reveal().as_bytes(), salt, &mut *key)
        .map_err(|_| out_of_range())?;
    XChaCha20Poly1305::new_from_slice(&*key).map_err(|_| out_of_range())
}

/// Something small that was locked away: hex of its nonce and of what XChaCha20-Poly1305 made of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Locked(String);

/// Locks small secrets away under a key that is made of a long one, so that it costs nothing each time. Made of a passphrase that
/// somebody thought up it would be no lock.
#[derive(Clone)]
pub struct Locker {
    cipher: XChaCha20Poly1305,
}

impl Locker {
    /// `purpose` keeps two lockers of one secret apart.
    pub fn new(secret: &Secret<String>, purpose: &str) -> Locker {
        let mut key = <Hmac<Sha256> as Mac>::new_from_slice(secret.reveal().as_bytes()).expect("HMAC takes keys of any length");
        key.update(purpose.as_bytes());
        let key = Zeroizing::new(<[u8; 32]>::from(key.finalize().into_bytes()));
        Locker { cipher: XChaCha20Poly1305::new((&*key).into()) }
    }

    /// `label` says what it is and whose: what is locked under one can't be passed off for another.
    pub fn lock(&self, label: &str, secret: &[u8], random: &dyn Random) -> Result<Locked> {
        let nonce: [u8; 24] = random.bytes();
        let sealed = self
            .cipher
            .encrypt(XNonce::from_slice(&nonce), Payload { msg: secret, aad: label.as_bytes() })
            .map_err(|_| Error::internal("A secret can't be locked away."))?;
        Ok(Locked(hex::encode([&nonce[..], &sealed].concat())))
    }

    /// # Errors
    /// `Internal` when it was locked under another secret or label, or was changed.
    pub fn open(&self, label: &str, locked: &Locked) -> Result<Zeroizing<Vec<u8>>> {
        let wrong = || Error::internal("A secret can't be unlocked: it was locked under another wallet, or was changed.");
        let bytes = hex::decode(&locked.0).map_err(|_| wrong())?;
        let (nonce, sealed) = bytes.split_at_checked(24).ok_or_else(wrong)?;
        let opened = self.cipher.decrypt(XNonce::from_slice(nonce), Payload { msg: sealed, aad: label.as_bytes() });
        opened.map(Zeroizing::new).map_err(|_| wrong())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counting;

    impl Random for Counting {
        fn fill(&self, bytes: &mut [u8]) {
            (0..).zip(bytes).for_each(|(count, byte)| *byte = count);
        }
    }

    #[test]
    fn what_is_sealed_opens_with_its_passphrase_and_with_no_other() {
        let (words, passphrase) = (Secret::from("twelve quite secret words"), Secret::from("correct horse"));
        let sealed = Sealed::seal(&words, &passphrase, &Counting).unwrap();
        assert_eq!(sealed.open(&passphrase).unwrap().reveal(), words.reveal());
        assert!(!serde_json::to_string(&sealed).unwrap().contains("quite"));
        assert_eq!(sealed.open(&Secret::from("correct hors")).unwrap_err().kind(), Kind::Invalid);
        let flip = |text: &str| format!("{}{}", if text.starts_with('0') { '1' } else { '0' }, &text[1..]);
        for changed in [
            Sealed { sealed: flip(&sealed.sealed), ..sealed.clone() },
            Sealed { nonce: flip(&sealed.nonce), ..sealed.clone() },
            Sealed { salt: flip(&sealed.salt), ..sealed.clone() },
            Sealed { passes: 2, ..sealed.clone() },
            Sealed { memory_kib: u32::MAX, ..sealed.clone() },
            Sealed { nonce: "zz".into(), ..sealed.clone() },
        ] {
            assert!(changed.open(&passphrase).is_err(), "{changed:?}");
        }
    }

    #[test]
    fn what_is_locked_away_opens_under_the_same_secret_and_label_only() {
        let locker = |secret: &str| Locker::new(&Secret::from(secret), "swarms");
        let locked = locker("many words").lock("order 1", b"a key", &Counting).unwrap();
        assert_eq!(*locker("many words").open("order 1", &locked).unwrap(), b"a key");
        assert!(!format!("{locked:?}").contains(&hex::encode("a key")));
        let other = Locker::new(&Secret::from("many words"), "others");
        let cut = Locked(locked.0[..40].to_owned());
        for (locker, label, locked) in [
            (&locker("other words"), "order 1", &locked),
            (&other, "order 1", &locked),
            (&locker("many words"), "order 2", &locked),
            (&locker("many words"), "order 1", &cut),
            (&locker("many words"), "order 1", &Locked::default()),
        ] {
            assert!(locker.open(label, locked).is_err(), "{label} {locked:?}");
        }
    }
}
