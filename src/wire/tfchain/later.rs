//! What main net has on top of the recorded metadata, as far as the built-in chain tells it: events of version 157. Source: types of `@threefold/tfchain_client` 2.9.2.

use std::sync::LazyLock;

use parity_scale_codec::{Compact, Encode};
use scale_info::form::PortableForm;
use scale_info::{TypeDef, TypeDefPrimitive};

use super::METADATA_149;
use super::codec::Codec;

const PALLET: &str = "SmartContractModule";
/// Events of the pallet that came after its last recorded one, in their order, with their fields.
const EVENTS: [(&str, &[(&str, TypeDefPrimitive)]); 4] = [
    ("RentWaived", &[("contract_id", TypeDefPrimitive::U64)]),
    ("ContractGracePeriodElapsed", &[("contract_id", TypeDefPrimitive::U64), ("grace_period", TypeDefPrimitive::U64)]),
    (
        "ContractPaymentOverdrawn",
        &[
            ("contract_id", TypeDefPrimitive::U64),
            ("timestamp", TypeDefPrimitive::U64),
            ("partially_billed_amount", TypeDefPrimitive::U128),
            ("overdraft", TypeDefPrimitive::U128),
        ],
    ),
    (
        "RewardDistributed",
        &[
            ("contract_id", TypeDefPrimitive::U64),
            ("standard_rewards", TypeDefPrimitive::U128),
            ("additional_rewards", TypeDefPrimitive::U128),
        ],
    ),
];

/// The recorded metadata with the events of later versions.
pub static METADATA_LATER: LazyLock<Vec<u8>> =
    LazyLock::new(|| appended().expect("the recorded metadata has the pallet, its events and plain numbers"));

fn appended() -> Option<Vec<u8>> {
    let codec = Codec::new(METADATA_149).ok()?;
    let pallet = codec.metadata.pallet_by_name(PALLET)?;
    let known = pallet.event_variants()?;
    let number = |kind: &TypeDefPrimitive| {
        let types = &codec.metadata.types().types;
        let is = |def: &TypeDef<PortableForm>| matches!(def, TypeDef::Primitive(other) if other == kind);
        types.iter().find(|ty| is(&ty.ty.type_def)).map(|ty| Compact(ty.id))
    };
    let none: Vec<String> = Vec::new();
    let mut variants = Vec::new();
    let first = known.iter().map(|variant| variant.index).max()?.checked_add(1)?;
    for (index, (name, fields)) in (first..).zip(EVENTS) {
        let fields: Option<Vec<_>> =
            fields.iter().map(|(name, kind)| Some((Some(*name), number(kind)?, None::<String>, none.clone()))).collect();
        (name, fields?, index, none.clone()).encode_to(&mut variants);
    }
    let old = known.encode();
    let len = |count: usize| u32::try_from(count).ok().map(|count| Compact(count).encode());
    let (before, after) = (len(known.len())?, len(known.len() + EVENTS.len())?);
    let new = [after, old.get(before.len()..)?.to_vec(), variants].concat();
    let at = METADATA_149.windows(old.len()).position(|window| window == old.as_slice())?;
    Some([&METADATA_149[..at], &new, &METADATA_149[at + old.len()..]].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_events_come_after_the_recorded_ones_and_nothing_else_changes() {
        let (before, after) = (Codec::new(METADATA_149).unwrap(), Codec::new(&METADATA_LATER).unwrap());
        assert_eq!(after.missing(), Vec::<String>::new());
        let (pallet, last) = before.event_index(PALLET, "NodeExtraFeeSet").unwrap();
        assert_eq!(after.event_index(PALLET, "NodeExtraFeeSet"), Some((pallet, last)));
        for (place, (name, _)) in (1..).zip(EVENTS) {
            assert_eq!((before.event_index(PALLET, name), after.event_index(PALLET, name)), (None, Some((pallet, last + place))));
        }
        assert_eq!(after.spec_version(), before.spec_version());
    }
}
