//! Decodes SCALE bytes of any type the metadata describes. Unlike `scale_value`'s own decoder it reserves no memory for
//! lengths that are only claimed (a few hostile bytes make that one abort), and it does not nest without end.

use parity_scale_codec::{Compact, Decode};
use scale_info::form::PortableForm;
use scale_info::{Field, PortableRegistry, TypeDef, TypeDefPrimitive};
use scale_value::{Composite, Primitive, Value, ValueDef, Variant};

use super::codec::{CodecError, malformed};

const MAX_DEPTH: u8 = 40;

/// Reads one value of type `ty` from the front of `bytes`.
pub fn decode(types: &PortableRegistry, ty: u32, bytes: &mut &[u8]) -> Result<Value<u32>, CodecError> {
    value(types, ty, bytes, MAX_DEPTH)
}

fn value(types: &PortableRegistry, ty: u32, bytes: &mut &[u8], depth: u8) -> Result<Value<u32>, CodecError> {
    let depth = depth.checked_sub(1).ok_or_else(|| malformed("so deeply nested a value"))?;
    let known = types.resolve(ty).ok_or_else(|| CodecError::Missing(format!("type {ty}")))?;
    let def = match &known.type_def {
        TypeDef::Composite(def) => ValueDef::Composite(fields(types, &def.fields, bytes, depth)?),
        TypeDef::Variant(def) => {
            let index: u8 = plain(bytes)?;
            let variant = def.variants.iter().find(|variant| variant.index == index);
            let variant = variant.ok_or_else(|| malformed("a choice that does not exist"))?;
            let values = fields(types, &variant.fields, bytes, depth)?;
            ValueDef::Variant(Variant { name: variant.name.clone(), values })
        }
        TypeDef::Sequence(def) => {
            let count = plain::<Compact<u32>>(bytes)?.0;
            ValueDef::Composite(Composite::Unnamed(items(types, def.type_param.id, count, bytes, depth)?))
        }
        TypeDef::Array(def) => ValueDef::Composite(Composite::Unnamed(items(types, def.type_param.id, def.len, bytes, depth)?)),
        TypeDef::Tuple(def) => {
            let parts = def.fields.iter().map(|part| value(types, part.id, bytes, depth));
            ValueDef::Composite(Composite::Unnamed(parts.collect::<Result<_, _>>()?))
        }
        TypeDef::Primitive(primitive) => ValueDef::Primitive(match primitive {
            TypeDefPrimitive::Bool => Primitive::Bool(plain(bytes)?),
            TypeDefPrimitive::Str => Primitive::String(plain(bytes)?),
            TypeDefPrimitive::U8 => Primitive::U128(plain::<u8>(bytes)?.into()),
            TypeDefPrimitive::U16 => Primitive::U128(plain::<u16>(bytes)?.into()),
            TypeDefPrimitive::U32 => Primitive::U128(plain::<u32>(bytes)?.into()),
            TypeDefPrimitive::U64 => Primitive::U128(plain::<u64>(bytes)?.into()),
            TypeDefPrimitive::U128 => Primitive::U128(plain(bytes)?),
            TypeDefPrimitive::U256 => Primitive::U256(plain(bytes)?),
            TypeDefPrimitive::I8 => Primitive::I128(plain::<i8>(bytes)?.into()),
            TypeDefPrimitive::I16 => Primitive::I128(plain::<i16>(bytes)?.into()),
            TypeDefPrimitive::I32 => Primitive::I128(plain::<i32>(bytes)?.into()),
            TypeDefPrimitive::I64 => Primitive::I128(plain::<i64>(bytes)?.into()),
            TypeDefPrimitive::I128 => Primitive::I128(plain(bytes)?),
            TypeDefPrimitive::I256 => Primitive::I256(plain(bytes)?),
            TypeDefPrimitive::Char => return Err(malformed("a type that no chain uses")),
        }),
        TypeDef::Compact(_) => ValueDef::Primitive(Primitive::U128(plain::<Compact<u128>>(bytes)?.0)),
        TypeDef::BitSequence(_) => return Err(malformed("a bit sequence")),
    };
    Ok(Value { value: def, context: ty })
}

fn fields(
    types: &PortableRegistry,
    fields: &[Field<PortableForm>],
    bytes: &mut &[u8],
    depth: u8,
) -> Result<Composite<u32>, CodecError> {
    let mut values = Vec::with_capacity(fields.len());
    for field in fields {
        values.push((field.name.clone(), value(types, field.ty.id, bytes, depth)?));
    }
    Ok(match values.iter().any(|(name, _)| name.is_some()) {
        true => Composite::Named(values.into_iter().map(|(name, value)| (name.unwrap_or_default(), value)).collect()),
        false => Composite::Unnamed(values.into_iter().map(|(_, value)| value).collect()),
    })
}

fn items(types: &PortableRegistry, ty: u32, count: u32, bytes: &mut &[u8], depth: u8) -> Result<Vec<Value<u32>>, CodecError> {
    let mut items = Vec::new();
    for _ in 0..count {
        let before = bytes.len();
        items.push(value(types, ty, bytes, depth)?);
        if bytes.len() == before && count > 1024 {
            return Err(malformed("so many things without a byte"));
        }
    }
    Ok(items)
}

fn plain<T: Decode>(bytes: &mut &[u8]) -> Result<T, CodecError> {
    T::decode(bytes).map_err(|error| malformed(&error.to_string()))
}
