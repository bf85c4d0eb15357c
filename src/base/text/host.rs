//! Names under which a machine is found on the web.

use super::Refused;

/// Names of the machine itself, of houses and of no network at all (RFC 6761, 6762, 7686, 8375, 9476): nobody else can reach them.
const NOBODYS: [&str; 12] =
    ["local", "internal", "intranet", "lan", "home", "corp", "arpa", "invalid", "onion", "alt", "private", "localdomain"];

pub(super) fn check_web_name(text: &str) -> Result<String, Refused> {
    const SHAPE: Refused = "3 to 40 small letters, digits or hyphens; no hyphen at either end.";
    let text = text.trim();
    if !(3..=40).contains(&text.len()) || !is_label(text) {
        return Err(SHAPE);
    }
    // What looks like an encoded name shows as other letters than were typed.
    if text.as_bytes().get(2..4) == Some(b"--") {
        return Err("No two hyphens in the third and fourth place, please: browsers take that for an encoded name.");
    }
    Ok(text.to_owned())
}

pub(super) fn check_domain_name(text: &str) -> Result<String, Refused> {
    const SHAPE: Refused = "A name such as shop.example.org: letters, digits and hyphens, with dots between.";
    let text = text.trim();
    let lower = text.to_ascii_lowercase();
    if lower.contains("://") || lower.contains(['/', ':', '@', '?', '#']) {
        return Err("The name alone, please, without https:// and without anything behind it.");
    }
    if lower.starts_with("*.") {
        return Err("One name, please: all names below a domain can't be taken at once.");
    }
    if !lower.is_ascii() {
        return Err("Please write it as it is registered, beginning with xn--: your registrar shows that form.");
    }
    let name = lower.strip_suffix('.').unwrap_or(&lower);
    if name.parse::<std::net::IpAddr>().is_ok() {
        return Err("This is an address. A name is needed that leads to one.");
    }
    let labels: Vec<&str> = name.split('.').collect();
    let last = labels.last().copied().unwrap_or_default();
    if name.len() > 253 || !labels.iter().all(|label| is_label(label)) || is_number(last) {
        return Err(SHAPE);
    }
    if labels.len() < 2 {
        return Err("A whole name is needed, such as shop.example.org.");
    }
    if NOBODYS.contains(&last) {
        return Err("Names that end so are not known on the Internet.");
    }
    Ok(name.to_owned())
}

/// Whether browsers take a name that ends so for an address (WHATWG URL, 3.5).
fn is_number(label: &str) -> bool {
    let hex = label.strip_prefix("0x").is_some_and(|rest| rest.bytes().all(|letter| letter.is_ascii_hexdigit()));
    hex || label.bytes().all(|letter| letter.is_ascii_digit())
}

fn is_label(text: &str) -> bool {
    let plain = |letter: u8| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == b'-';
    (1..=63).contains(&text.len()) && text.bytes().all(plain) && !text.starts_with('-') && !text.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::super::{DomainName, WebName};

    #[test]
    fn a_name_below_a_gateway_is_one_plain_word() {
        for good in ["shop", "my-shop-2", "123", &"a".repeat(40)] {
            assert_eq!(WebName::parse(good).map(String::from), Ok(good.to_owned()));
        }
        for wrong in ["", "ab", "Shop", "my_shop", "my.shop", "-shop", "shop-", "xn--shop", "sh\u{f6}p", "a b c", &"a".repeat(41)]
        {
            assert!(WebName::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_domain_is_a_whole_name_and_nothing_but_a_name() {
        for (typed, name) in [
            ("shop.example.org", "shop.example.org"),
            (" Shop.Example.ORG. ", "shop.example.org"),
            ("example.org", "example.org"),
            ("xn--mller-kva.example", "xn--mller-kva.example"),
            ("a.b.c.d.example.org", "a.b.c.d.example.org"),
            ("shop.0xy", "shop.0xy"),
        ] {
            assert_eq!(DomainName::parse(typed).map(String::from), Ok(name.to_owned()));
        }
        for (wrong, why) in [
            ("", "letters, digits"),
            ("shop", "whole name"),
            ("https://shop.example.org", "without https://"),
            ("shop.example.org/cart", "without https://"),
            ("shop.example.org:80", "without https://"),
            ("me@example.org", "without https://"),
            ("192.0.2.7", "address"),
            ("2001:db8::7", "without https://"),
            ("*.example.org", "One name"),
            ("m\u{fc}ller.example", "xn--"),
            ("shop..org", "letters, digits"),
            ("-shop.example.org", "letters, digits"),
            ("my_shop.example.org", "letters, digits"),
            ("1.2.3", "letters, digits"),
            ("shop.0x7f000001", "letters, digits"),
            ("shop.0x", "letters, digits"),
            ("shop\\.example.org", "letters, digits"),
            ("printer.local", "not known on the Internet"),
            (&format!("{}.org", "a".repeat(64)), "letters, digits"),
            (&format!("{}org", "abcdefg.".repeat(40)), "letters, digits"),
        ] {
            assert!(DomainName::parse(wrong).is_err_and(|said| said.contains(why)), "{wrong}: {:?}", DomainName::parse(wrong));
        }
    }
}
