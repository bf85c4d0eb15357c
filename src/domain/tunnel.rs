//! A customer's WireGuard tunnel into the private network of a machine, and the file that their program reads.

use std::fmt::Write;

use serde::{Deserialize, Serialize};

use crate::base::text::{VmName, WgKey};

/// The customer's end of it. There is no secret in here: the private half of `key` is where it was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tunnel {
    /// The customer's public key.
    pub key: WgKey,
    /// The customer's address inside, as `100.64.20.3/32`.
    pub address: String,
    /// The node's public key.
    pub node: WgKey,
    /// Where the node listens, as `192.0.2.10:5533`.
    pub endpoint: String,
    /// What lies behind it, as `10.20.2.0/24`.
    pub network: String,
}

impl Tunnel {
    /// What `wg-quick` reads (`wg-quick(8)`). The private key is taken from the file that it was written to when it was made.
    pub fn conf(&self, name: &VmName) -> String {
        let mut text = String::new();
        let file = Self::file(name);
        write!(
            text,
            "# The private network of {name}.\n\
             # Save it as /etc/wireguard/{file}.conf and start it with: wg-quick up {file}\n\
             # Programs that want the private key in here: put PrivateKey = … in place of the PostUp line.\n\
             # It belongs to the public key {key}.\n\
             \n\
             [Interface]\n\
             Address = {address}\n\
             PostUp = wg set %i private-key /etc/wireguard/{file}.key\n\
             \n\
             [Peer]\n\
             PublicKey = {node}\n\
             Endpoint = {endpoint}\n\
             AllowedIPs = {network}\n\
             PersistentKeepalive = 25\n",
            key = self.key,
            address = self.address,
            node = self.node,
            endpoint = self.endpoint,
            network = self.network,
        )
        .expect("a String takes every write");
        text
    }

    /// The name of the tunnel on the customer's machine: an interface's name has at most 15 letters.
    pub fn file(name: &VmName) -> String {
        name.as_str().chars().take(15).collect::<String>().trim_end_matches('-').to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_names_both_ends_and_no_secret() {
        let key = |letter: &str| WgKey::parse(&format!("{}0=", letter.repeat(42))).unwrap();
        let tunnel = Tunnel {
            key: key("C"),
            address: "100.64.20.3/32".into(),
            node: key("N"),
            endpoint: "192.0.2.10:5533".into(),
            network: "10.20.2.0/24".into(),
        };
        let name = VmName::parse("a-name-of-15-le-and-more").unwrap();
        assert_eq!(Tunnel::file(&name), "a-name-of-15-le");
        let text = tunnel.conf(&name);
        for part in ["Address = 100.64.20.3/32\n", "AllowedIPs = 10.20.2.0/24\n", "Endpoint = 192.0.2.10:5533\n"] {
            assert!(text.contains(part), "{text}");
        }
        assert!(text.lines().all(|line| line.starts_with('#') || !line.contains("PrivateKey")), "{text}");
    }
}
