//! What the chain knows of a contract's use and payment, and of the account beside a twin's. Source: `threefoldtech/tfchain: pallet-smart-contract`.

use parity_scale_codec::{Decode, Encode};
use scale_value::At;

use super::client::{ChainClient, Error, Result};
use super::codec::{blake2_128, malformed, storage_prefix};
use super::read;
use super::types::{Hash, Resources};
use crate::wire::key::AccountId;

const PALLET: &str = "SmartContractModule";

/// What of a contract's bills is set aside and what could not be. `standard` is discounted and shared; `additional` is a
/// farmer's extra fee. The layout is the one that the reference client's types tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Decode)]
pub struct Payment {
    pub standard_reserve: u128,
    pub additional_reserve: u128,
    pub standard_overdraft: u128,
    pub additional_overdraft: u128,
    pub last_updated_seconds: u64,
    pub cycles: u16,
}

impl Payment {
    pub fn overdraft(&self) -> u128 {
        self.standard_overdraft.saturating_add(self.additional_overdraft)
    }
}

impl ChainClient {
    /// What a node reported that a contract uses; nothing until it has. `at`: None is the last finalized block, here and below.
    pub async fn used_by(&self, contract: u64, at: Option<Hash>) -> Result<Resources> {
        let value = self.value(PALLET, "NodeContractResources", &[contract.encode()], at).await?;
        let Some(value) = value else { return Ok(Resources::default()) };
        let used = value.at("used").ok_or_else(|| malformed("what a contract uses"))?;
        Ok(read::resources(used)?)
    }

    /// None where the runtime keeps no such thing. Read beside the metadata: recorded ones are older than this item.
    pub async fn payment(&self, contract: u64, at: Option<Hash>) -> Result<Option<Payment>> {
        let id = contract.encode();
        let key = [storage_prefix(PALLET, "ContractPaymentState"), blake2_128(&id).to_vec(), id].concat();
        let Some(bytes) = self.raw_at(&key, at).await? else { return Ok(None) };
        let payment = Payment::decode(&mut bytes.as_slice());
        payment.map(Some).map_err(|error| Error::Decode(format!("the payment of a contract: {error}")))
    }

    /// The account that holds tokens for a twin's discount, if it has one.
    pub async fn stash_of(&self, twin: u32, at: Option<Hash>) -> Result<Option<AccountId>> {
        let value = known(self.value("TfgridModule", "TwinBoundedAccountID", &[twin.encode()], at).await)?;
        Ok(value.map(|value| read::array(&value)).transpose()?)
    }

    /// The block in which the price of a token was last told; None before the first time.
    pub async fn price_set_in(&self, at: Option<Hash>) -> Result<Option<u32>> {
        let value = known(self.value("TFTPriceModule", "LastBlockSet", &[], at).await)?;
        Ok(value.map(|value| read::int(&value)).transpose()?)
    }
}

/// Nothing, where the runtime keeps no such thing: it can be done without.
fn known<T>(value: Result<Option<T>>) -> Result<Option<T>> {
    match value {
        Err(Error::UnknownRuntime(_)) => Ok(None),
        value => value,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_payment_is_laid_out_as_the_reference_client_reads_it() {
        let payment = Payment {
            standard_reserve: 1,
            additional_reserve: 2,
            standard_overdraft: 3,
            additional_overdraft: 4,
            last_updated_seconds: 5,
            cycles: 6,
        };
        let bytes = payment.encode();
        assert_eq!((bytes.len(), bytes[0], bytes[16], bytes[32], bytes[48], bytes[64], bytes[72]), (74, 1, 2, 3, 4, 5, 6));
        assert_eq!(payment.overdraft(), 7);
    }

    proptest! {
        #[test]
        fn noise_never_panics(noise in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = Payment::decode(&mut noise.as_slice());
        }
    }
}
