//! Stripe's request bodies: forms whose names nest, as in `metadata[order]=7` and `expand[]=customer`.

use super::types::Metadata;

/// A decoded form or query, in the order it came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Form(Vec<(String, String)>);

impl Form {
    pub fn parse(text: &str) -> Form {
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        Form(pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).map(|(k, v)| (decode(k), decode(v))).collect())
    }

    /// The value at a full name: `amount`, `created[gte]`. An empty value counts as absent, as at Stripe.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    pub fn owned(&self, name: &str) -> Option<String> {
        self.text(name).map(str::to_owned)
    }

    /// `Err` names the field, if it is there and no whole number.
    pub fn whole(&self, name: &str) -> Result<Option<i64>, String> {
        self.text(name).map(|text| text.parse().map_err(|_| name.to_owned())).transpose()
    }

    pub fn flag(&self, name: &str) -> bool {
        self.text(name) == Some("true")
    }

    /// Everything of the shape `name[key]=value`.
    pub fn map(&self, name: &str) -> Metadata {
        let inner = |key: &str| Some(key.strip_prefix(name)?.strip_prefix('[')?.strip_suffix(']')?.to_owned());
        self.0.iter().filter_map(|(key, value)| Some((inner(key)?, value.clone()))).collect()
    }

    /// Everything of the shapes `name[]=value` and `name[0]=value`.
    pub fn list(&self, name: &str) -> Vec<String> {
        self.map(name).keys().next().map_or_else(Vec::new, |_| {
            let starts = format!("{name}[");
            self.0.iter().filter(|(key, _)| key.starts_with(&starts)).map(|(_, value)| value.clone()).collect()
        })
    }
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => match after.get(..2).and_then(|two| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok()) {
                Some(value) => {
                    bytes.push(value);
                    rest = &after[2..];
                }
                None => bytes.push(b'%'),
            },
            byte => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nested_names_are_found_again() {
        let form =
            Form::parse("amount=500&metadata[order]=o%201&metadata%5Bcharge%5D=c+2&expand[]=a&expand[1]=b&off_session=true&x");
        assert_eq!(form.whole("amount"), Ok(Some(500)));
        assert_eq!(form.map("metadata"), Metadata::from([("order".into(), "o 1".into()), ("charge".into(), "c 2".into())]));
        assert_eq!(form.list("expand"), ["a", "b"]);
        assert!(form.flag("off_session") && !form.flag("confirm"));
        assert_eq!((form.text("x"), form.whole("off_session")), (None, Err("off_session".to_owned())));
    }

    proptest! {
        #[test]
        fn noise_is_read_without_panic(text in ".{0,80}") {
            let form = Form::parse(&text);
            form.map("metadata");
            form.list("expand");
        }
    }
}
