//! Text that people typed, checked once and typed ever after.

use std::fmt;

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
text!(SshKey, check_ssh_key, "One public SSH key, re-emitted as `type base64 comment`: no options, no newline.");

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

fn check_ssh_key(text: &str) -> Result<String, Refused> {
    const SHAPE: Refused = "This is not a public SSH key. It starts with ssh-ed25519, ssh-rsa or ecdsa-sha2 and is one line.";
    let text = text.trim();
    if text.contains("PRIVATE KEY") {
        return Err("This is a private key: never give it away. Paste the file that ends in .pub.");
    }
    if text.len() > 8192 || text.contains(|letter: char| letter.is_control()) {
        return Err(SHAPE);
    }
    let mut parts = text.splitn(3, ' ');
    let kind = parts.next().unwrap_or_default();
    const KINDS: [&str; 7] = [
        "ssh-ed25519",
        "ssh-rsa",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521",
        "sk-ssh-ed25519@openssh.com",
        "sk-ecdsa-sha2-nistp256@openssh.com",
    ];
    if !KINDS.contains(&kind) {
        return Err(SHAPE); // this also refuses options such as command="…"
    }
    let mut key = ssh_key::PublicKey::from_openssh(text).map_err(|_| SHAPE)?;
    // The comment is the only free text in it: keep what a host name or an address can hold.
    let comment: String =
        key.comment().chars().filter(|letter| letter.is_ascii_alphanumeric() || "@._-+".contains(*letter)).take(64).collect();
    key.set_comment(comment);
    key.to_openssh().map(|line| line.trim().to_owned()).map_err(|_| SHAPE)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti alice@laptop";

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
    fn a_key_is_emitted_as_exactly_one_key_without_options() {
        assert_eq!(SshKey::parse(KEY).map(String::from), Ok(KEY.into()));
        let noisy = SshKey::parse(&format!("{KEY} ;rm -rf / #")).expect("a key with a wild comment");
        assert_eq!(noisy.as_str(), KEY.to_owned() + "rm-rf");
        for wrong in [
            "",
            "hello",
            &format!("command=\"id\" {KEY}"),
            &format!("{KEY}\n{KEY}"),
            "ssh-ed25519 AAAA",
            "-----BEGIN OPENSSH PRIVATE KEY-----",
        ] {
            assert!(SshKey::parse(wrong).is_err(), "{wrong}");
        }
    }
}
