//! Proofs that somebody holds a key: a signature over a sentence that names this place and the person.

use crate::base::{Error, Result};
use crate::wire::key::{AccountId, Scheme, verify};

/// Refuses at the field `signature` what `account` did not sign. Wallet extensions wrap what they sign.
pub(super) fn signed(account: &AccountId, text: &str, signature: &str, whose: &str) -> Result<()> {
    let bytes = hex::decode(signature.trim().trim_start_matches("0x"))
        .map_err(|_| Error::invalid("signature", "A signature is 128 letters of 0 to 9 and a to f."))?;
    let wrapped = format!("<Bytes>{text}</Bytes>");
    let fits = [Scheme::Sr25519, Scheme::Ed25519]
        .into_iter()
        .any(|scheme| [text, wrapped.as_str()].into_iter().any(|message| verify(scheme, account, message.as_bytes(), &bytes)));
    match fits {
        true => Ok(()),
        false => Err(Error::invalid(
            "signature",
            format!("This signature was not made with the key of {whose}, or not over this sentence."),
        )),
    }
}
