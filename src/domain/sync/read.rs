//! Reading what a machine says of its copies: a word and its values a line, nothing else; `assets/vm/sync.sh` writes it.

use super::{MESSAGE_BYTES, Run};
use crate::base::Time;
use crate::base::text::SshKey;
use crate::domain::report::plain;

const FORM: &str = "cooperage-sync 1";
/// The year 2200: what is later is no moment.
const LATEST: i64 = 7_258_118_400;
const WRONG_MAX: usize = 200;

/// One message.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Told {
    /// The public half of its own key.
    pub key: Option<SshKey>,
    /// The key of its SSH server.
    pub host: Option<SshKey>,
    pub run: Option<Run>,
    /// The newest marker it holds.
    pub marker: Option<Time>,
}

impl Told {
    /// # Errors
    /// With a sentence for whoever runs the script by hand.
    pub fn parse(message: &[u8]) -> Result<Told, &'static str> {
        if message.len() > MESSAGE_BYTES {
            return Err("That is too long.");
        }
        let text = std::str::from_utf8(message).map_err(|_| "That is no text.")?;
        let mut lines = text.lines();
        if lines.next() != Some(FORM) {
            return Err("This is not the form we know. Please install it again.");
        }
        let mut told = Told::default();
        for line in lines {
            let (word, rest) = line.split_once(' ').ok_or("A line has no value.")?;
            match word {
                "key" => once(&mut told.key, key(rest))?,
                "host" => once(&mut told.host, key(rest))?,
                "marker" => once(&mut told.marker, moment(rest))?,
                "run" => once(&mut told.run, run(rest))?,
                _ => return Err("There is a line that we do not know."),
            }
        }
        Ok(told)
    }
}

fn once<T>(place: &mut Option<T>, read: Option<T>) -> Result<(), &'static str> {
    if place.is_some() {
        return Err("A value is there twice.");
    }
    *place = Some(read.ok_or("A value can't be read.")?);
    Ok(())
}

/// Only the kind that the script makes.
fn key(text: &str) -> Option<SshKey> {
    SshKey::parse(text).ok().filter(|key| key.as_str().starts_with("ssh-ed25519 "))
}

fn number(text: &str) -> Option<i64> {
    let plain = (1..=15).contains(&text.len()) && text.bytes().all(|digit| digit.is_ascii_digit());
    text.parse().ok().filter(|_| plain)
}

fn moment(text: &str) -> Option<Time> {
    number(text).filter(|secs| *secs <= LATEST).map(Time::from_secs)
}

/// `started seconds bytes ok`, or `started seconds bytes` and what went wrong.
fn run(text: &str) -> Option<Run> {
    let mut parts = text.splitn(4, ' ');
    let (started, lasted, bytes, end) = (moment(parts.next()?)?, number(parts.next()?)?, number(parts.next()?)?, parts.next()?);
    let finished = moment(&started.secs().checked_add(lasted)?.to_string())?;
    let wrong = match end {
        "ok" => None,
        other => Some(plain(other.as_bytes()).chars().take(WRONG_MAX).collect::<String>()).filter(|why| !why.is_empty()),
    };
    (end == "ok" || wrong.is_some()).then_some(Run { started, finished, bytes: u64::try_from(bytes).ok()?, wrong })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti x";

    #[test]
    fn a_message_is_read_as_it_was_meant() {
        let told =
            Told::parse(format!("cooperage-sync 1\nkey {KEY}\nhost {KEY}\nrun 1000 7 4096 ok\nmarker 990\n").as_bytes()).unwrap();
        assert_eq!(told.marker, Some(Time::from_secs(990)));
        let run = told.run.unwrap();
        assert_eq!((run.started, run.finished, run.bytes, run.wrong), (Time::from_secs(1000), Time::from_secs(1007), 4096, None));
        assert!(told.key.is_some() && told.host == told.key);
        let told = Told::parse(b"cooperage-sync 1\nrun 1000 7 0 rsync: \x1b[31mno route\x1b[0m to host\n").unwrap();
        assert_eq!(told.run.unwrap().wrong.as_deref(), Some("rsync: no route to host"));
        assert_eq!(Told::parse(b"cooperage-sync 1\n"), Ok(Told::default()));
    }

    #[test]
    fn what_is_not_exactly_so_is_refused() {
        for line in [
            "key ssh-rsa AAAA",
            "key command=\"x\" ssh-ed25519 AAAA",
            "key",
            "marker -1",
            "marker 99999999999",
            "marker 1\nmarker 2",
            "run 1 2 3",
            "run 1 2 x ok",
            "run 1 99999999999999 3 ok",
            "run 1 2 3 ",
            "colour red",
            "",
        ] {
            assert!(Told::parse(format!("cooperage-sync 1\n{line}\n").as_bytes()).is_err(), "{line:?}");
        }
        assert!(Told::parse(b"").is_err() && Told::parse(b"cooperage-sync 2\n").is_err());
        assert!(Told::parse(&vec![b'x'; MESSAGE_BYTES + 1]).is_err());
    }

    proptest! {
        #[test]
        fn noise_is_refused_or_harmless(message in proptest::collection::vec(any::<u8>(), 0..600), at in 0..60_usize) {
            drop(Told::parse(&message));
            let mut good = format!("cooperage-sync 1\nkey {KEY}\nrun 1000 7 4096 ok\nmarker 990\n").into_bytes();
            good.splice(at..at, message.iter().copied());
            if let Ok(told) = Told::parse(&good) {
                prop_assert!(told.run.and_then(|run| run.wrong).is_none_or(|why| !why.chars().any(char::is_control)));
            }
        }
    }
}
