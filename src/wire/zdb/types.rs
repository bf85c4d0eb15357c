//! What is said: answers of the protocol, and what a namespace tells of itself.

use std::collections::BTreeMap;
use std::fmt::Write;

/// The largest value (`threefoldtech/0-db: libzdb/libzdb.h`).
pub const VALUE_MAX: usize = 8 << 20;
/// The longest key.
pub const KEY_MAX: usize = 255;

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// `+OK`
    Text(String),
    /// `-Namespace not found`
    Error(String),
    Number(i64),
    /// None: there is no such thing.
    Bulk(Option<Vec<u8>>),
    List(Vec<Reply>),
}

/// Who makes the keys of a namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Whoever writes.
    User,
    /// The store: numbers, from 0 on, as four bytes with the lowest first.
    Sequential,
}

impl Mode {
    const fn word(self) -> &'static str {
        match self {
            Mode::User => "userkey",
            Mode::Sequential => "sequential",
        }
    }
}

/// What `NSINFO` tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Info {
    pub name: String,
    pub entries: u64,
    /// Can be read without the password.
    pub public: bool,
    pub password: bool,
    /// Bytes of values.
    pub used: u64,
    /// Bytes; 0 for no limit.
    pub limit: u64,
    pub mode: Mode,
}

impl Info {
    /// As it is written.
    pub fn text(&self) -> String {
        let answer = |yes| if yes { "yes" } else { "no" };
        let hundredths = |bytes: u64, unit: u64| {
            let all = u128::from(bytes) * 100 / u128::from(unit);
            format!("{}.{:02}", all / 100, all % 100)
        };
        let index = self.entries.saturating_mul(64);
        let mut text = String::from("# namespace\n");
        let lines = [
            ("name", self.name.clone()),
            ("entries", self.entries.to_string()),
            ("public", answer(self.public).to_owned()),
            ("worm", "no".to_owned()),
            ("locked", "no".to_owned()),
            ("password", answer(self.password).to_owned()),
            ("data_size_bytes", self.used.to_string()),
            ("data_size_mb", hundredths(self.used, 1 << 20)),
            ("data_limits_bytes", self.limit.to_string()),
            ("index_size_bytes", index.to_string()),
            ("index_size_kb", hundredths(index, 1 << 10)),
            ("mode", self.mode.word().to_owned()),
        ];
        for (name, value) in lines {
            writeln!(text, "{name}: {value}").expect("a String takes every write");
        }
        text
    }

    /// Reads it. Lines that are not known are passed over; None if one that counts is missing or makes no sense.
    pub fn parse(text: &str) -> Option<Info> {
        let lines: BTreeMap<&str, &str> =
            text.lines().filter_map(|line| line.split_once(':')).map(|(name, value)| (name.trim(), value.trim())).collect();
        let number = |name: &str| lines.get(name)?.parse().ok();
        let yes = |name: &str| lines.get(name).is_some_and(|value| *value == "yes");
        Some(Info {
            name: (*lines.get("name")?).to_owned(),
            entries: number("entries")?,
            public: yes("public"),
            password: yes("password"),
            used: number("data_size_bytes")?,
            limit: number("data_limits_bytes")?,
            mode: match *lines.get("mode")? {
                "sequential" | "sequential-key" | "seq" => Mode::Sequential,
                _ => Mode::User,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_namespace_tells_is_read_as_it_was_written() {
        let info = Info {
            name: "7-12-d3".into(),
            entries: 2,
            public: false,
            password: true,
            used: 1_572_864,
            limit: 84 << 30,
            mode: Mode::Sequential,
        };
        let text = info.text();
        assert!(text.contains("data_size_mb: 1.50\n"), "{text}");
        assert_eq!(Info::parse(&text), Some(info));
        // As the real one tells it, with lines that we have no use for.
        let real = "# namespace\nname: thedisk\nentries: 37\npublic: yes\npassword: no\ndata_size_bytes: 141652\ndata_size_mb: 0.14\n\
                    data_limits_bytes: 0\nindex_size_bytes: 1998\nindex_size_kb: 1.95\nmode: userkey\nindex_path: /x: y\n";
        let read = Info::parse(real).unwrap();
        assert_eq!((read.used, read.limit, read.entries, read.mode), (141_652, 0, 37, Mode::User));
        for wrong in
            ["", "name: x", "# namespace\nname: a\nentries: many\ndata_size_bytes: 1\ndata_limits_bytes: 0\nmode: userkey\n"]
        {
            assert_eq!(Info::parse(wrong), None, "{wrong}");
        }
    }
}
