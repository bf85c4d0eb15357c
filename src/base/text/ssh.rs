//! Public SSH keys: each is read and written anew, so that what reaches a machine is one key and nothing else.

use std::fmt;

use serde::{Deserialize, Serialize};
use ssh_key::{HashAlg, PublicKey};

use super::Refused;

text!(SshKey, check_ssh_key, "One public SSH key, re-emitted as `type base64 comment`: no options, no newline.");

const SHAPE: Refused = "This is not a public SSH key. It starts with ssh-ed25519, ssh-rsa or ecdsa-sha2 and is one line.";
const PRIVATE: Refused = "This is a private key: never give it away. Paste the file that ends in .pub.";
/// A line longer than this holds no key that a server would take.
const LINE_MAX: usize = 4096;
/// What servers have stopped to believe (`RequiredRSASize` of OpenSSH is lower, auditors are not).
const RSA_BITS_MIN: usize = 2048;
const KINDS: [&str; 7] = [
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
];

impl SshKey {
    /// What is said where there is no key at all.
    pub const NONE: Refused = SHAPE;

    /// Several keys, one a line, as in `authorized_keys`: empty lines and comments are skipped, a key that comes twice is one.
    /// What can't be read is refused with the number of its line; more than `most` keys are, too.
    pub fn many(text: &str, most: usize) -> Result<Vec<SshKey>, String> {
        if text.contains("PRIVATE KEY") {
            return Err(PRIVATE.into());
        }
        let lines: Vec<(usize, &str)> = (1..)
            .zip(text.split('\n'))
            .map(|(number, line)| (number, line.trim()))
            .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
            .collect();
        let mut keys: Vec<SshKey> = Vec::new();
        for (number, line) in &lines {
            let key = SshKey::parse(line)
                .map_err(|why| if lines.len() == 1 { why.to_owned() } else { format!("Line {number}: {why}") })?;
            if keys.iter().all(|known| known.fingerprint() != key.fingerprint()) {
                keys.push(key);
            }
        }
        if keys.len() > most {
            return Err(format!("These are {} keys; {most} can sign in at most.", keys.len()));
        }
        Ok(keys)
    }

    /// `SHA256:…`, as `ssh-keygen -l` prints it.
    pub fn fingerprint(&self) -> String {
        PublicKey::from_openssh(self.as_str()).map(|key| key.fingerprint(HashAlg::Sha256).to_string()).unwrap_or_default()
    }

    /// The comment at its end, else its type: what people know a key by.
    pub fn label(&self) -> &str {
        let mut words = self.as_str().split(' ');
        let kind = words.next().unwrap_or_default();
        words.nth(1).filter(|comment| !comment.is_empty()).unwrap_or(kind)
    }
}

fn check_ssh_key(text: &str) -> Result<String, Refused> {
    let text = text.trim();
    if text.contains("PRIVATE KEY") {
        return Err(PRIVATE);
    }
    if text.len() > LINE_MAX || text.contains(|letter: char| letter.is_control()) {
        return Err(SHAPE);
    }
    let kind = text.split(' ').next().unwrap_or_default();
    if !KINDS.contains(&kind) {
        return Err(SHAPE); // this also refuses options such as command="…"
    }
    let mut key = PublicKey::from_openssh(text).map_err(|_| SHAPE)?;
    // Leading zeros are not size.
    let bits = |bytes: &[u8]| bytes.iter().skip_while(|byte| **byte == 0).count() * 8;
    if key.key_data().rsa().is_some_and(|rsa| rsa.n.as_positive_bytes().map_or(0, bits) < RSA_BITS_MIN) {
        return Err("This RSA key is too short to be safe: 2048 bits or more, please, or ssh-ed25519.");
    }
    // The comment is the only free text in it: keep what a host name or an address can hold.
    let comment: String =
        key.comment().chars().filter(|letter| letter.is_ascii_alphanumeric() || "@._-+".contains(*letter)).take(64).collect();
    key.set_comment(comment);
    key.to_openssh().map(|line| line.trim().to_owned()).map_err(|_| SHAPE)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti alice@laptop";
    const ECDSA: &str = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBEqpZPyh6Tradw1jonPW0sjwW7I32wdeggCTmQuvud7a8hqCdIYTJBb5PdPZHtvQugZHso0Z3iG+Cv+7F/Rn2Ss= alice@laptop";
    const RSA: &str = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQDIhl6hxyjeliTEBMglGxDq3Rsoprmt8Xmz4SvUWWPCbVvkAcsWxuYxWTW1SnZUGoebscVHTNzzeh/CYRIIXuV/kf4LwfnFt15MTCF8mo3JPM9FJvQPo8E8tt6YkTSxthnkM91dOeFna2pnDWoi5Z2wpPs//XhS+eRjUag5dwMsPSycgKNKpid0XweOahnUPi+OtWRpTIb9dcGylhxgAi7ddopeS1DgXPyHU3rNeIgi62ZfYGvbD2kEY48F7acYm0rlDcK0tdzPO5c3s43NJB7HCJl2aIYxilezP6Bsj89iBZdmmrqwbxCcKcR092L/Ix1hkvYbyiNEI6xuMkdHRJad alice@laptop";

    #[test]
    fn a_key_is_emitted_as_exactly_one_key_without_options() {
        assert_eq!(SshKey::parse(KEY).map(String::from), Ok(KEY.into()));
        let noisy = SshKey::parse(&format!("{KEY} ;rm -rf / #")).expect("a key with a wild comment");
        assert_eq!(noisy.as_str(), KEY.to_owned() + "rm-rf");
        for wrong in [
            "",
            "hello",
            &format!("command=\"id\" {KEY}"),
            &format!("from=\"*\",no-pty {KEY}"),
            &format!("{KEY}\n{KEY}"),
            &format!("{KEY}\r{KEY}"),
            &format!("{KEY} {}", "x".repeat(LINE_MAX)),
            "ssh-ed25519 AAAA",
            "ssh-dss AAAAB3NzaC1kc3MAAACBAP",
            "-----BEGIN OPENSSH PRIVATE KEY-----",
        ] {
            assert!(SshKey::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_fingerprint_is_the_one_that_ssh_keygen_prints() {
        for (key, fingerprint) in [
            (ECDSA, "SHA256:ZovG1x6RNObghwRvr38p7RNLzh7T4QrKNc0JrwJWLFc"),
            (RSA, "SHA256:KucvkDRS0CVwhfdbCUzPZfEmTZRTYIp2p35GUlx/IWo"),
        ] {
            let key = SshKey::parse(key).expect("a key that ssh-keygen made");
            assert_eq!((key.fingerprint().as_str(), key.label()), (fingerprint, "alice@laptop"));
        }
    }

    #[test]
    fn several_keys_are_read_line_by_line_and_the_wrong_line_is_named() {
        let text = format!("# mine\r\n{KEY}\r\n\r\n  {RSA}\n{KEY} again\n");
        let keys = SshKey::many(&text, 10).unwrap();
        assert_eq!(
            keys.iter().map(SshKey::as_str).collect::<Vec<_>>(),
            [KEY, RSA],
            "comments, empty lines and doubles are not keys"
        );
        assert_eq!(SshKey::many("", 10), Ok(vec![]));
        assert!(SshKey::many(&format!("{KEY}\n{RSA}"), 1).unwrap_err().contains("2 keys; 1"));
        let told = SshKey::many(&format!("{KEY}\n\ncommand=\"id\" {RSA}"), 10).unwrap_err();
        assert!(told.starts_with("Line 3: This is not a public SSH key."), "{told}");
        assert!(SshKey::many(&format!("{KEY}\n-----BEGIN OPENSSH PRIVATE KEY-----\n"), 10).unwrap_err().contains("private key"));
    }

    proptest! {
        #[test]
        fn whatever_is_pasted_what_comes_out_is_keys_of_one_line_each(
            before in "\\PC{0,12}", between in "[\\x00-\\x7f]{0,6}", comment in "\\PC{0,80}", cut in 0usize..90, noise in any::<String>(),
        ) {
            let texts = [
                format!("{before}{KEY}{between}{ECDSA} {comment}"),
                format!("{KEY} {comment}{between}\n{ECDSA}"),
                format!("{}\n{RSA}", KEY.get(..cut).unwrap_or(KEY)),
                noise,
            ];
            for text in texts {
                let Ok(keys) = SshKey::many(&text, 10) else { continue };
                for key in keys {
                    let words: Vec<&str> = key.as_str().split(' ').collect();
                    prop_assert!((2..=3).contains(&words.len()) && KINDS.contains(&words[0]), "{:?}", key);
                    prop_assert!(key.as_str().bytes().all(|byte| (b' '..=b'~').contains(&byte) && !b"\"'\\,#".contains(&byte)));
                    prop_assert_eq!(SshKey::parse(key.as_str()), Ok(key.clone()), "it reads as itself");
                }
            }
        }
    }
}
