//! Signed extrinsics, version 4: made, taken apart and checked.

use parity_scale_codec::{Compact, Decode, Encode};

use super::codec::{Codec, CodecError, blake2_256, malformed};
use super::types::{Call, Hash, Runtime, SignedCall};
use crate::wire::key::{AccountId, KeyPair, Scheme, verify};

/// Signed, format version 4.
const SIGNED_V4: u8 = 0x84;
const VERSION_4: u8 = 0x04;

/// How long an extrinsic may live. Periods are powers of two from 4 to 4096 blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Era {
    Immortal,
    Mortal { period: u64, phase: u64 },
}

impl Era {
    /// The shortest era of at least `blocks` blocks that begins at block `birth`.
    pub fn mortal(blocks: u64, birth: u64) -> Self {
        let period = blocks.clamp(4, 4096).next_power_of_two();
        Era::Mortal { period, phase: birth % period }
    }

    fn encode(self) -> Vec<u8> {
        match self {
            Era::Immortal => vec![0],
            Era::Mortal { period, phase } => {
                let low = u16::try_from(period.trailing_zeros().saturating_sub(1).clamp(1, 15)).unwrap_or(1);
                let high = u16::try_from(phase / quantum(period)).unwrap_or(0);
                (low | high << 4).to_le_bytes().to_vec()
            }
        }
    }

    fn decode(input: &mut &[u8]) -> Option<Self> {
        let first = u8::decode(input).ok()?;
        if first == 0 {
            return Some(Era::Immortal);
        }
        let both = u16::from_le_bytes([first, u8::decode(input).ok()?]);
        let period = 2u64 << (both % 16);
        let phase = u64::from(both >> 4) * quantum(period);
        (period >= 4 && phase < period).then_some(Era::Mortal { period, phase })
    }

    /// The block whose hash was signed, for an extrinsic that gets into block `current`.
    pub fn birth(self, current: u64) -> u64 {
        match self {
            Era::Immortal => 0,
            Era::Mortal { period, phase } => (current.max(phase) - phase) / period * period + phase,
        }
    }
}

fn quantum(period: u64) -> u64 {
    (period >> 12).max(1)
}

/// What a signature covers besides the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    pub era: Era,
    pub nonce: u32,
    pub tip: u128,
    /// Of the era's birth block; the genesis for immortal ones.
    pub birth_hash: Hash,
}

/// A signed extrinsic taken apart; the signature is not checked yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    pub signer: AccountId,
    pub scheme: Scheme,
    pub signature: [u8; 64],
    pub era: Era,
    pub nonce: u32,
    pub tip: u128,
    pub call: Vec<u8>,
}

impl Codec {
    /// The bytes that are signed: call, extensions and what they imply; hashed when longer than 256.
    pub fn payload(&self, runtime: &Runtime, call: &[u8], terms: &Terms) -> Result<Vec<u8>, CodecError> {
        let mut payload = call.to_vec();
        self.put_extra(terms, &mut payload)?;
        for extension in self.extensions()? {
            match extension.as_str() {
                "CheckSpecVersion" => runtime.spec_version.encode_to(&mut payload),
                "CheckTxVersion" => runtime.tx_version.encode_to(&mut payload),
                "CheckGenesis" => payload.extend(runtime.genesis),
                "CheckMortality" | "CheckEra" => payload.extend(terms.birth_hash),
                _ => {}
            }
        }
        Ok(if payload.len() > 256 { blake2_256(&payload).to_vec() } else { payload })
    }

    /// Signs `call` for `blocks` blocks from `birth` on. Nothing here asks the network.
    pub fn sign(
        &self,
        runtime: &Runtime,
        key: &KeyPair,
        call: &Call,
        nonce: u32,
        birth: (u32, Hash),
        blocks: u64,
    ) -> Result<SignedCall, CodecError> {
        let era = Era::mortal(blocks, birth.0.into());
        let terms = Terms { era, nonce, tip: 0, birth_hash: birth.1 };
        let call = self.encode_call(call)?;
        let signature = key.sign(&self.payload(runtime, &call, &terms)?);
        let bytes = self.assemble(key.public(), key.scheme(), &signature, &terms, &call)?;
        let Era::Mortal { period, .. } = era else { return Err(malformed("an era without end")) };
        let period = u32::try_from(period).map_err(|_| malformed("so long an era"))?;
        let hash = blake2_256(&bytes);
        Ok(SignedCall { bytes, hash, signer: key.public(), nonce, birth_block: birth.0, last_block: birth.0 + (period - 1) })
    }

    pub fn assemble(
        &self,
        signer: AccountId,
        scheme: Scheme,
        signature: &[u8; 64],
        terms: &Terms,
        call: &[u8],
    ) -> Result<Vec<u8>, CodecError> {
        // Version, MultiAddress::Id, account, MultiSignature.
        let mut body = vec![SIGNED_V4, 0];
        body.extend(signer);
        body.push(match scheme {
            Scheme::Ed25519 => 0,
            Scheme::Sr25519 => 1,
        });
        body.extend(signature);
        self.put_extra(terms, &mut body)?;
        body.extend(call);
        Ok(body.encode())
    }

    /// Takes a signed extrinsic apart.
    pub fn open(&self, mut bytes: &[u8]) -> Result<Opened, CodecError> {
        let bad = |what: &'static str| move |_| malformed(what);
        let length = Compact::<u32>::decode(&mut bytes).map_err(bad("the extrinsic's length"))?.0;
        if usize::try_from(length).ok() != Some(bytes.len()) {
            return Err(malformed("an extrinsic of another length than it says"));
        }
        let input = &mut bytes;
        if <[u8; 2]>::decode(input).map_err(bad("the version"))? != [SIGNED_V4, 0] {
            return Err(malformed("an extrinsic that is not signed, version 4, by an account"));
        }
        let signer = AccountId::decode(input).map_err(bad("the signer"))?;
        let scheme = match u8::decode(input).map_err(bad("the signature's scheme"))? {
            0 => Scheme::Ed25519,
            1 => Scheme::Sr25519,
            _ => return Err(malformed("a signature scheme other than ed25519 and sr25519")),
        };
        let signature = <[u8; 64]>::decode(input).map_err(bad("the signature"))?;
        let (mut era, mut nonce, mut tip) = (Era::Immortal, 0, 0);
        for extension in self.extensions()? {
            match extension.as_str() {
                "CheckMortality" | "CheckEra" => era = Era::decode(input).ok_or_else(|| malformed("the era"))?,
                "CheckNonce" => nonce = Compact::<u32>::decode(input).map_err(bad("the nonce"))?.0,
                "ChargeTransactionPayment" => tip = Compact::<u128>::decode(input).map_err(bad("the tip"))?.0,
                _ => {}
            }
        }
        Ok(Opened { signer, scheme, signature, era, nonce, tip, call: input.to_vec() })
    }

    fn put_extra(&self, terms: &Terms, out: &mut Vec<u8>) -> Result<(), CodecError> {
        for extension in self.extensions()? {
            match extension.as_str() {
                "CheckMortality" | "CheckEra" => out.extend(terms.era.encode()),
                "CheckNonce" => Compact(terms.nonce).encode_to(out),
                "ChargeTransactionPayment" => Compact(terms.tip).encode_to(out),
                _ => {}
            }
        }
        Ok(())
    }

    /// The runtime's signed extensions in order. One that we do not know may pass only if it carries no bytes.
    pub(super) fn extensions(&self) -> Result<Vec<String>, CodecError> {
        const KNOWN: [&str; 7] = [
            "CheckSpecVersion",
            "CheckTxVersion",
            "CheckGenesis",
            "CheckMortality",
            "CheckEra",
            "CheckNonce",
            "ChargeTransactionPayment",
        ];
        let mut names = Vec::new();
        for extension in self.metadata.extrinsic().transaction_extensions_to_use_for_encoding() {
            let name = extension.identifier();
            let empty = self.is_empty(extension.extra_ty()) && self.is_empty(extension.additional_ty());
            if !KNOWN.contains(&name) && !empty {
                return Err(CodecError::Missing(format!("client that knows the signed extension {name}")));
            }
            names.push(name.to_owned());
        }
        Ok(names)
    }

    /// Whether a type has no bytes at all.
    fn is_empty(&self, ty: u32) -> bool {
        self.take(&mut &[][..], ty).is_ok()
    }
}

impl Opened {
    pub fn verify(&self, payload: &[u8]) -> bool {
        verify(self.scheme, &self.signer, payload, &self.signature)
    }
}

/// An unsigned extrinsic around encoded call bytes, as block authors put them into blocks.
pub fn inherent(call: &[u8]) -> Vec<u8> {
    [&[VERSION_4], call].concat().encode()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::wire::tfchain::codec::tests::codec;

    fn bytes(value: &Value) -> Vec<u8> {
        let text = value.as_str().unwrap();
        hex::decode(text.strip_prefix("0x").unwrap_or(text)).unwrap()
    }

    fn hash(value: &Value) -> Hash {
        bytes(value).try_into().unwrap()
    }

    #[test]
    fn recorded_extrinsics_are_rebuilt_byte_for_byte_and_verify() {
        let vectors: Value = serde_json::from_str(include_str!("../../../tests/vectors/grid/scale.json")).unwrap();
        let cases = vectors["extrinsics"].as_array().unwrap();
        assert_eq!(cases.len(), 2);
        for case in cases {
            let narrow = |name: &str| u32::try_from(case[name].as_u64().unwrap()).unwrap();
            let runtime = Runtime {
                spec_name: "substrate-threefold".into(),
                spec_version: narrow("spec_version"),
                tx_version: narrow("transaction_version"),
                genesis: hash(&case["genesis_hash"]),
            };
            let signed = bytes(&case["signed_extrinsic_hex"]);
            let opened = codec().open(&signed).unwrap();
            assert_eq!(opened.call, bytes(&case["call_data_hex"]));
            assert_eq!(opened.nonce, narrow("nonce"));
            assert_eq!(opened.signer.to_vec(), bytes(&case["signer_public_key"]));
            assert_eq!(opened.era.encode(), bytes(&case["era"]));
            let terms = Terms { era: opened.era, nonce: opened.nonce, tip: 0, birth_hash: hash(&case["block_hash"]) };
            let payload = codec().payload(&runtime, &opened.call, &terms).unwrap();
            assert_eq!(payload, bytes(&case["payload_hex"]));
            assert!(opened.verify(&payload));
            assert!(!opened.verify(&payload[1..]));
            let again = codec().assemble(opened.signer, opened.scheme, &opened.signature, &terms, &opened.call).unwrap();
            assert_eq!(again, signed);
            assert_eq!(blake2_256(&again).to_vec(), bytes(&case["extrinsic_hash_blake2_256"]));
        }
    }

    #[test]
    fn an_era_is_born_where_it_was_signed_until_its_last_block() {
        for birth in [0, 1, 63, 64, 100_003] {
            let era = Era::mortal(50, birth);
            assert_eq!(era, Era::decode(&mut era.encode().as_slice()).unwrap());
            assert_eq!(era.birth(birth), birth);
            assert_eq!(era.birth(birth + 63), birth);
            assert_eq!(era.birth(birth + 64), birth + 64);
        }
    }

    proptest! {
        #[test]
        fn noise_never_panics_the_decoders(noise in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = codec().open(&noise);
            let _ = codec().decode_call(&noise);
            let _ = codec().decode_events(&noise);
            for (pallet, item, ..) in crate::wire::tfchain::need::STORAGE {
                let _ = codec().decode_storage(pallet, item, &noise);
            }
        }
    }
}
