//! Text that people typed, checked once and typed ever after.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// Why a text was refused: a sentence for the form field.
pub type Refused = &'static str;

macro_rules! text {
    ($name:ident, $check:ident, $doc:literal) => {
        #[doc = $doc]
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            pub fn parse(text: &str) -> Result<Self, Refused> {
                $check(text).map($name)
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = Refused;
            fn try_from(text: String) -> Result<Self, Refused> {
                $name::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(text: $name) -> String {
                text.0
            }
        }
    };
}

text!(Email, check_email, "An e-mail address, lower case, at most 254 bytes, without anything a mail header could trip over.");
text!(
    PersonName,
    check_person_name,
    "How a person wants to be called: one line, 1 to 80 characters, no links (it is printed in mails)."
);
text!(VmName, check_vm_name, "The name of a VM, its host name: 2 to 32 of `a-z 0-9 -`, a letter first, no hyphen last.");
text!(ShownName, check_shown_name, "What the owner of a VM calls it: one line, 1 to 60 characters.");
text!(Tag, check_tag, "A word to find VMs by: 1 to 24 of `a-z 0-9 -`.");
text!(MountPath, check_mount, "Where a disk is mounted: an absolute path outside what a system starts from.");
text!(WgKey, check_wg_key, "A WireGuard public key: 32 bytes in base64, as `wg pubkey` prints them.");

text!(WebName, check_web_name, "A name below a gateway's domain: 3 to 40 of `a-z 0-9 -`.");
text!(DomainName, check_domain_name, "A domain of somebody's own: a whole name, small letters, no dot at the end.");

mod host;
mod ssh;
use host::{check_domain_name, check_web_name};
pub use ssh::SshKey;

fn check_email(text: &str) -> Result<String, Refused> {
    const SHAPE: Refused = "This does not look like an e-mail address.";
    let text = text.trim().to_lowercase();
    let (local, domain) = text.rsplit_once('@').ok_or(SHAPE)?;
    let plain = |letter: char| letter.is_ascii_alphanumeric() || ".!#$%&'*+/=?^_`{|}~-".contains(letter);
    let label = |part: &str| {
        !part.is_empty()
            && part.len() <= 63
            && !part.starts_with('-')
            && !part.ends_with('-')
            && part.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-')
    };
    let dots = !local.starts_with('.') && !local.ends_with('.') && !local.contains("..");
    let fits = text.len() <= 254 && local.len() <= 64;
    if local.is_empty() || !fits || !dots || !local.chars().all(plain) || !domain.contains('.') || !domain.split('.').all(label) {
        return Err(SHAPE);
    }
    Ok(text)
}

fn check_person_name(text: &str) -> Result<String, Refused> {
    let text = text.trim();
    if text.is_empty() {
        return Err("Please tell us what to call you.");
    }
    if text.chars().count() > 80 {
        return Err("At most 80 characters, please.");
    }
    let bidi = |letter| matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if text.chars().any(|letter| letter.is_control() || bidi(letter)) {
        return Err("A name has no control characters.");
    }
    // Mail programs make links of bare addresses too, and our mails greet people by their names.
    let letters: Vec<char> = text.chars().collect();
    let joined = letters.windows(3).any(|near| near[0].is_alphanumeric() && near[1] == '.' && near[2].is_alphanumeric());
    if joined || text.contains(['<', '>', '/', '\\', '@', ':']) {
        return Err("A name has no links in it.");
    }
    Ok(text.to_owned())
}

fn check_vm_name(text: &str) -> Result<String, Refused> {
    let text = text.trim();
    let shape = text.starts_with(|first: char| first.is_ascii_lowercase())
        && !text.ends_with('-')
        && text.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-');
    if !(2..=32).contains(&text.len()) || !shape {
        return Err("2 to 32 small letters, digits or hyphens, a letter first.");
    }
    Ok(text.to_owned())
}

fn check_shown_name(text: &str) -> Result<String, Refused> {
    let text = text.trim();
    if !(1..=60).contains(&text.chars().count()) {
        return Err("1 to 60 characters, please.");
    }
    let hidden = |letter: char| letter.is_control() || ('\u{200b}'..='\u{200f}').contains(&letter);
    let turned = |letter: char| ('\u{2028}'..='\u{202e}').contains(&letter) || ('\u{2066}'..='\u{2069}').contains(&letter);
    if text.chars().any(|letter| hidden(letter) || turned(letter)) {
        return Err("A name has no control characters.");
    }
    Ok(text.to_owned())
}

fn check_tag(text: &str) -> Result<String, Refused> {
    let text = text.trim();
    let plain = text.bytes().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == b'-');
    if !(1..=24).contains(&text.len()) || !plain || text.starts_with('-') || text.ends_with('-') {
        return Err("A tag is 1 to 24 small letters, digits or hyphens.");
    }
    Ok(text.to_owned())
}

fn check_mount(text: &str) -> Result<String, Refused> {
    const SHAPE: Refused = "A folder such as /mnt/data: small and capital letters, digits, dots, hyphens and underscores.";
    let text = text.trim();
    let part = |part: &str| {
        let plain = part.bytes().all(|letter| letter.is_ascii_alphanumeric() || b"._-".contains(&letter));
        !part.is_empty() && plain && part != "." && part != ".."
    };
    let path = text.strip_prefix('/').ok_or(SHAPE)?;
    if text.len() > 64 || !path.split('/').all(part) {
        return Err(SHAPE);
    }
    // What a system starts from must not be hidden under an empty disk.
    const TAKEN: [&str; 14] =
        ["bin", "boot", "dev", "etc", "init", "lib", "lib32", "lib64", "proc", "root", "run", "sbin", "sys", "usr"];
    if TAKEN.contains(&path.split('/').next().unwrap_or_default()) {
        return Err("The system itself lives there. A folder under /mnt, /srv or /data is a good place.");
    }
    Ok(text.to_owned())
}

fn check_wg_key(text: &str) -> Result<String, Refused> {
    const SHAPE: Refused = "This is not a WireGuard public key: 44 characters that end with an equals sign.";
    let text = text.trim();
    let bytes = STANDARD.decode(text).map_err(|_| SHAPE)?;
    if bytes.len() != 32 || bytes.iter().all(|byte| *byte == 0) {
        return Err(SHAPE);
    }
    Ok(STANDARD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_lowered_and_checked() {
        assert_eq!(Email::parse(" Alice@Example.ORG ").map(String::from), Ok("alice@example.org".into()));
        for wrong in
            ["", "alice", "alice@", "@x.org", "a@b", "a b@x.org", "a@x..org", "a\r\nBcc: b@x.org", "a@-x.org", ".a@x.org"]
        {
            assert!(Email::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn names_carry_no_links_and_no_control_characters() {
        for right in ["Zoë van der Berg", "J. R. Smith", "Smith & Sons, Inc.", "O'Neil-Ørsted", "山田 太郎"] {
            assert!(PersonName::parse(right).is_ok(), "{right}");
        }
        for wrong in
            ["", "x\ny", "see https://evil.example", "pay at evil.example/log", "evil.example", "me@evil", "a\u{202e}b", "<b>"]
        {
            assert!(PersonName::parse(wrong).is_err(), "{wrong}");
        }
        assert!(VmName::parse("web-1").is_ok());
        for wrong in ["a", "-web", "web-", "Web", "1web", "wéb", "a b"] {
            assert!(VmName::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_disk_hides_nothing_that_a_system_starts_from() {
        for good in ["/mnt/data", "/srv", "/data-1/a_b.c", "/home/alice"] {
            assert_eq!(MountPath::parse(good).map(String::from), Ok(good.to_owned()));
        }
        for wrong in [
            "",
            "/",
            "data",
            "/mnt/",
            "//mnt",
            "/mnt/../etc",
            "/etc",
            "/usr/local",
            "/mnt/a b",
            "/mnt/\u{e9}",
            "/mnt/a\nb",
            "/./mnt",
        ] {
            assert!(MountPath::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn names_and_tags_of_vms_are_one_visible_line() {
        assert!(ShownName::parse("  The shop's database (old) ").is_ok_and(|name| name.as_str() == "The shop's database (old)"));
        for wrong in ["", "  ", "a\nb", "a\u{202e}b", "a\u{200b}b", &"x".repeat(61)] {
            assert!(ShownName::parse(wrong).is_err(), "{wrong}");
        }
        assert!(Tag::parse("shop-2").is_ok());
        for wrong in ["", "Shop", "a b", "-a", "a-", "a,b", &"x".repeat(25)] {
            assert!(Tag::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_wireguard_key_is_32_bytes_in_one_spelling() {
        let key = "HIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8ykw=";
        assert_eq!(WgKey::parse(&format!(" {key}\n")).map(String::from), Ok(key.to_owned()));
        for wrong in ["", "HIgo", &key[..43], &format!("{key}A"), &key.replace('k', "-"), "PrivateKey = x", &"A".repeat(44)] {
            assert!(WgKey::parse(wrong).is_err(), "{wrong}");
        }
        assert!(WgKey::parse("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").is_err(), "a key of zeros is none");
    }
}
