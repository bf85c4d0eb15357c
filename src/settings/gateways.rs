//! Web addresses: whom we ask for names, and where gateways are.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::Network;
use crate::base::{Error, Kind, Result};

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Gateways {
    /// Servers that are asked for the records of customers' domains: `9.9.9.9` or `127.0.0.1:5353`. Empty: this machine's own.
    pub dns: Vec<String>,
    /// Where all gateways are, over plain HTTP: the local grid's door. Empty: where their names lead, over HTTPS.
    pub via: String,
}

fn wrong(what: String) -> Error {
    Error::new(Kind::Invalid, what)
}

impl Gateways {
    pub fn name_servers(&self) -> Result<Vec<SocketAddr>> {
        let read = |text: &String| {
            let address = text.parse::<SocketAddr>().ok();
            let address = address.or_else(|| text.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, 53)));
            address.ok_or_else(|| {
                wrong(format!("gateways.dns has “{text}”, which is not an address such as 9.9.9.9 or 127.0.0.1:5353."))
            })
        };
        self.dns.iter().filter(|text| !text.is_empty()).map(read).collect()
    }

    pub fn door(&self) -> Result<Option<SocketAddr>> {
        match self.via.as_str() {
            "" => Ok(None),
            text => text.parse().map(Some).map_err(|_| {
                wrong(format!("gateways.via is “{text}”, which is not an address with a port such as 127.0.0.1:8081."))
            }),
        }
    }

    pub(super) fn check(&self, network: Network) -> Result<()> {
        self.name_servers()?;
        if self.door()?.is_some() && network != Network::Local {
            return Err(wrong("gateways.via is for the local grid only: elsewhere gateways are where their names lead.".into()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_servers_have_a_usual_port_and_the_door_is_the_local_grids() {
        let gateways = Gateways { dns: vec!["9.9.9.9".into(), "127.0.0.1:5353".into()], via: String::new() };
        let servers: Vec<_> = gateways.name_servers().unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(servers, ["9.9.9.9:53", "127.0.0.1:5353"]);
        assert!(Gateways { dns: vec!["dns.example".into()], ..gateways.clone() }.check(Network::Main).is_err());
        let local = Gateways { via: "127.0.0.1:8081".into(), ..gateways };
        assert!(local.check(Network::Local).is_ok());
        assert!(local.check(Network::Main).unwrap_err().message().contains("local grid only"));
        assert!(Gateways { via: "somewhere".into(), ..local }.check(Network::Local).is_err());
    }
}
