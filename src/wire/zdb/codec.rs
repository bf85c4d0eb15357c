//! The Redis protocol, version 2, as far as 0-db speaks it (`redis.io/docs/latest/develop/reference/protocol-spec`).

use super::types::{Reply, VALUE_MAX};

/// Parts of one command.
const PARTS_MAX: usize = 16;
/// Entries of one list.
const LIST_MAX: usize = 4096;
/// Lists in lists.
const DEPTH_MAX: usize = 4;
/// Longest line of text.
const LINE_MAX: usize = 4096;
/// All of one message: a value, and the rest of a command.
pub const MESSAGE_MAX: usize = VALUE_MAX + (64 << 10);

/// This is not the protocol, or more of it than anybody needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

/// What was read, and how many bytes it took; None while some are missing.
pub type Read<T> = Result<Option<(T, usize)>, Malformed>;

/// A command: its word first, then its arguments.
pub fn command<B: AsRef<[u8]>>(parts: &[B]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", parts.len()).into_bytes();
    parts.iter().for_each(|part| bulk(&mut bytes, part.as_ref()));
    bytes
}

fn bulk(bytes: &mut Vec<u8>, part: &[u8]) {
    bytes.extend_from_slice(format!("${}\r\n", part.len()).as_bytes());
    bytes.extend_from_slice(part);
    bytes.extend_from_slice(b"\r\n");
}

pub fn reply(reply: &Reply) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(&mut bytes, reply);
    bytes
}

fn write(bytes: &mut Vec<u8>, reply: &Reply) {
    // A line ends where its text does: whatever would end it earlier is a space.
    let line = |mark: char, text: &str| format!("{mark}{}\r\n", text.replace(['\r', '\n'], " ")).into_bytes();
    match reply {
        Reply::Text(text) => bytes.extend(line('+', text)),
        Reply::Error(text) => bytes.extend(line('-', text)),
        Reply::Number(number) => bytes.extend(format!(":{number}\r\n").into_bytes()),
        Reply::Bulk(None) => bytes.extend_from_slice(b"$-1\r\n"),
        Reply::Bulk(Some(part)) => bulk(bytes, part),
        Reply::List(all) => {
            bytes.extend(format!("*{}\r\n", all.len()).into_bytes());
            all.iter().for_each(|one| write(bytes, one));
        }
    }
}

/// The first command in `bytes`.
pub fn read_command(bytes: &[u8]) -> Read<Vec<Vec<u8>>> {
    let Some((head, mut at)) = line(bytes)? else { return Ok(None) };
    let count = number(head.strip_prefix(b"*").ok_or(Malformed)?)?;
    let count = usize::try_from(count).map_err(|_| Malformed)?;
    if !(1..=PARTS_MAX).contains(&count) {
        return Err(Malformed);
    }
    let mut parts = Vec::with_capacity(count);
    for _ in 0..count {
        match read_at(bytes, at, 0)? {
            None => return Ok(None),
            Some((Reply::Bulk(Some(part)), next)) => {
                parts.push(part);
                at = next;
            }
            Some(_) => return Err(Malformed),
        }
    }
    Ok(Some((parts, at)))
}

/// The first answer in `bytes`.
pub fn read_reply(bytes: &[u8]) -> Read<Reply> {
    read_at(bytes, 0, 0)
}

fn read_at(bytes: &[u8], at: usize, depth: usize) -> Read<Reply> {
    let Some((head, length)) = line(bytes.get(at..).unwrap_or_default())? else { return Ok(None) };
    let (mark, text) = head.split_first().ok_or(Malformed)?;
    let next = at + length;
    let words = || String::from_utf8_lossy(text).into_owned();
    match mark {
        b'+' => Ok(Some((Reply::Text(words()), next))),
        b'-' => Ok(Some((Reply::Error(words()), next))),
        b':' => Ok(Some((Reply::Number(number(text)?), next))),
        b'$' => {
            let size = number(text)?;
            if size == -1 {
                return Ok(Some((Reply::Bulk(None), next)));
            }
            let size = usize::try_from(size).ok().filter(|size| *size <= VALUE_MAX).ok_or(Malformed)?;
            let Some(part) = bytes.get(next..next + size + 2) else { return Ok(None) };
            let part = part.strip_suffix(b"\r\n").ok_or(Malformed)?;
            Ok(Some((Reply::Bulk(Some(part.to_vec())), next + size + 2)))
        }
        b'*' if depth < DEPTH_MAX => {
            let count = usize::try_from(number(text)?).ok().filter(|count| *count <= LIST_MAX).ok_or(Malformed)?;
            let (mut all, mut next) = (Vec::new(), next);
            for _ in 0..count {
                let Some((one, after)) = read_at(bytes, next, depth + 1)? else { return Ok(None) };
                all.push(one);
                next = after;
            }
            Ok(Some((Reply::List(all), next)))
        }
        _ => Err(Malformed),
    }
}

/// The first line without its end, and its length with it.
fn line(bytes: &[u8]) -> Read<&[u8]> {
    let seen = bytes.get(..LINE_MAX).unwrap_or(bytes);
    match seen.windows(2).position(|pair| pair == b"\r\n") {
        Some(end) => Ok(Some((&bytes[..end], end + 2))),
        None if seen.len() < LINE_MAX => Ok(None),
        None => Err(Malformed),
    }
}

fn number(text: &[u8]) -> Result<i64, Malformed> {
    std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).ok_or(Malformed)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn any_reply() -> impl Strategy<Value = Reply> {
        let leaf = prop_oneof![
            "[ -~]{0,20}".prop_map(Reply::Text),
            "[ -~]{0,20}".prop_map(Reply::Error),
            any::<i64>().prop_map(Reply::Number),
            proptest::option::of(vec(any::<u8>(), 0..40)).prop_map(Reply::Bulk),
        ];
        leaf.prop_recursive(2, 12, 4, |inner| vec(inner, 0..4).prop_map(Reply::List))
    }

    #[test]
    fn the_bytes_are_those_of_the_protocol() {
        assert_eq!(command(&["SELECT", "ns", "pw"]), b"*3\r\n$6\r\nSELECT\r\n$2\r\nns\r\n$2\r\npw\r\n");
        assert_eq!(reply(&Reply::Bulk(None)), b"$-1\r\n");
        assert_eq!(reply(&Reply::Error("two\r\nlines".into())), b"-two  lines\r\n", "nobody is made to say more than he says");
        assert_eq!(read_reply(b"+OK\r\n$"), Ok(Some((Reply::Text("OK".into()), 5))));
    }

    #[test]
    fn what_is_too_much_is_refused_before_it_is_kept() {
        let huge = format!("${}\r\n", VALUE_MAX + 1);
        for wrong in ["*17\r\n", "*0\r\n", "*-1\r\n", &huge, "$-2\r\n", "!x\r\n", "*4097\r\n", ":12a\r\n", "\r\n"] {
            assert!(read_reply(wrong.as_bytes()).is_err() || read_command(wrong.as_bytes()).is_err(), "{wrong:?}");
        }
        assert_eq!(read_command(b"*1\r\n:5\r\n"), Err(Malformed), "arguments are bytes");
        assert_eq!(read_command(b"PING\r\n"), Err(Malformed), "0-db takes no typed lines");
        assert_eq!(read_reply(&[b'+'; LINE_MAX]), Err(Malformed), "a line without an end");
        assert_eq!(read_reply("*1\r\n".repeat(9).as_bytes()), Err(Malformed), "lists in lists in lists");
    }

    proptest! {
        #[test]
        fn an_answer_is_read_as_it_was_written_and_not_before_all_of_it_is_there(told in any_reply(), rest in vec(any::<u8>(), 0..8)) {
            let mut bytes = reply(&told);
            let length = bytes.len();
            for cut in 0..length {
                prop_assert_eq!(read_reply(&bytes[..cut]), Ok(None));
            }
            bytes.extend(rest);
            prop_assert_eq!(read_reply(&bytes), Ok(Some((told, length))));
        }

        #[test]
        fn a_command_is_read_as_it_was_written(parts in vec(vec(any::<u8>(), 0..40), 1..8)) {
            let bytes = command(&parts);
            for cut in 0..bytes.len() {
                prop_assert_eq!(read_command(&bytes[..cut]), Ok(None));
            }
            prop_assert_eq!(read_command(&bytes), Ok(Some((parts, bytes.len()))));
        }

        #[test]
        fn noise_is_an_error_and_never_a_panic(bytes in vec(prop_oneof![Just(b'*'), Just(b'$'), Just(b'\r'), Just(b'\n'), Just(b'1'), any::<u8>()], 0..200)) {
            let _either = (read_reply(&bytes), read_command(&bytes));
        }
    }
}
