//! What each type of workload asks for, as JSON. Field names are the node's.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::null_is_default;
use crate::base::Secret;

/// An address with a prefix length, in the one spelling that nodes hash. Host bits are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IpNet {
    pub ip: IpAddr,
    pub prefix: u8,
}

impl IpNet {
    pub const fn new(ip: IpAddr, prefix: u8) -> Self {
        IpNet { ip, prefix }
    }
}

impl fmt::Display for IpNet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.ip, self.prefix)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an address with a prefix length")]
pub struct NotAnIpNet;

impl FromStr for IpNet {
    type Err = NotAnIpNet;
    fn from_str(text: &str) -> Result<Self, NotAnIpNet> {
        let (ip, prefix) = text.split_once('/').ok_or(NotAnIpNet)?;
        let ip: IpAddr = ip.parse().map_err(|_| NotAnIpNet)?;
        // `u8::from_str` would let `+8` and `008` pass.
        let plain = prefix.bytes().all(|digit| digit.is_ascii_digit()) && (prefix == "0" || !prefix.starts_with('0'));
        let prefix: u8 = prefix.parse().map_err(|_| NotAnIpNet)?;
        let most = if ip.is_ipv4() { 32 } else { 128 };
        if plain && prefix <= most { Ok(IpNet { ip, prefix }) } else { Err(NotAnIpNet) }
    }
}

impl Serialize for IpNet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for IpNet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// An unset network is an empty text in JSON; Go also reads null.
mod unset {
    use super::*;

    pub fn serialize<S: Serializer>(net: &Option<IpNet>, serializer: S) -> Result<S::Ok, S::Error> {
        match net {
            Some(net) => serializer.collect_str(net),
            None => serializer.serialize_str(""),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<IpNet>, D::Error> {
        match Option::<String>::deserialize(deserializer)?.filter(|text| !text.is_empty()) {
            Some(text) => text.parse().map(Some).map_err(D::Error::custom),
            None => Ok(None),
        }
    }
}

/// Bytes that are hex in JSON; prints its length only, since they are keys.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct HexBytes(pub Vec<u8>);

impl fmt::Debug for HexBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl Serialize for HexBytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for HexBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        hex::decode(String::deserialize(deserializer)?).map(HexBytes).map_err(D::Error::custom)
    }
}

/// `zmount` (a disk) and `volume` (a shared folder).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Space {
    /// Bytes.
    pub size: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    #[serde(default, with = "unset")]
    pub ip_range: Option<IpNet>,
    #[serde(default, with = "unset")]
    pub subnet: Option<IpNet>,
    #[serde(default)]
    pub wireguard_private_key: Secret<String>,
    #[serde(default)]
    pub wireguard_listen_port: u16,
    #[serde(default, deserialize_with = "null_is_default")]
    pub peers: Vec<NetworkPeer>,
    /// Always set for `network-light`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mycelium: Option<NetworkMycelium>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkPeer {
    #[serde(default, with = "unset")]
    pub subnet: Option<IpNet>,
    #[serde(default)]
    pub wireguard_public_key: String,
    #[serde(default, deserialize_with = "null_is_default")]
    pub allowed_ips: Vec<IpNet>,
    #[serde(default)]
    pub endpoint: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkMycelium {
    pub hex_key: HexBytes,
    #[serde(default, deserialize_with = "null_is_default")]
    pub peers: Vec<String>,
}

/// `zmachine` and `zmachine-light`; the light one has no public IP and no planetary address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    pub flist: String,
    pub network: MachineNetwork,
    /// Bytes of the writable layer over the image; 0 for the least possible.
    #[serde(default)]
    pub size: u64,
    pub compute_capacity: Capacity,
    #[serde(default, deserialize_with = "null_is_default")]
    pub mounts: Vec<Mount>,
    #[serde(default)]
    pub entrypoint: String,
    /// Sorted by key, as it is hashed.
    #[serde(default, deserialize_with = "null_is_default")]
    pub env: BTreeMap<String, String>,
    /// Not hashed.
    #[serde(default)]
    pub corex: bool,
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub gpu: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineNetwork {
    /// Name of an `ip` workload, or empty.
    #[serde(default)]
    pub public_ip: String,
    #[serde(default)]
    pub planetary: bool,
    #[serde(default, deserialize_with = "null_is_default")]
    pub interfaces: Vec<Interface>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mycelium: Option<MachineMycelium>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interface {
    pub network: String,
    pub ip: IpAddr,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineMycelium {
    pub network: String,
    pub hex_seed: HexBytes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capacity {
    pub cpu: u8,
    /// Bytes.
    pub memory: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// Name of a zmount, volume or qsfs workload.
    pub name: String,
    pub mountpoint: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicIp {
    #[serde(default)]
    pub v4: bool,
    #[serde(default)]
    pub v6: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NameGateway {
    pub name: String,
    #[serde(default)]
    pub tls_passthrough: bool,
    #[serde(default, deserialize_with = "null_is_default")]
    pub backends: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FqdnGateway {
    pub fqdn: String,
    #[serde(default)]
    pub tls_passthrough: bool,
    #[serde(default, deserialize_with = "null_is_default")]
    pub backends: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ZdbMode {
    User,
    Seq,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Zdb {
    /// Bytes.
    pub size: u64,
    pub mode: ZdbMode,
    pub password: Secret<String>,
    #[serde(default)]
    pub public: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Zlogs {
    pub zmachine: String,
    pub output: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Qsfs {
    /// Bytes.
    pub cache: u64,
    pub config: QsfsConfig,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QsfsConfig {
    pub minimal_shards: u32,
    pub expected_shards: u32,
    pub redundant_groups: u32,
    pub redundant_nodes: u32,
    pub max_zdb_data_dir_size: u32,
    pub encryption: QsfsEncryption,
    pub meta: QsfsMeta,
    #[serde(default, deserialize_with = "null_is_default")]
    pub groups: Vec<QsfsGroup>,
    pub compression: QsfsCompression,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QsfsEncryption {
    pub algorithm: String,
    pub key: HexBytes,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QsfsMeta {
    #[serde(rename = "type")]
    pub kind: String,
    pub config: QsfsMetaConfig,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QsfsMetaConfig {
    pub prefix: String,
    pub encryption: QsfsEncryption,
    #[serde(default, deserialize_with = "null_is_default")]
    pub backends: Vec<QsfsBackend>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QsfsGroup {
    #[serde(default, deserialize_with = "null_is_default")]
    pub backends: Vec<QsfsBackend>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QsfsBackend {
    pub address: String,
    pub namespace: String,
    pub password: Secret<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QsfsCompression {
    pub algorithm: String,
}

/// The data of a workload. A type that is not known here can be read and listed, but neither hashed nor made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data {
    Zmount(Space),
    Volume(Space),
    Network(Network),
    NetworkLight(Network),
    Machine(Machine),
    MachineLight(Machine),
    Ip(PublicIp),
    /// Deprecated, empty.
    Ipv4,
    NameGateway(NameGateway),
    FqdnGateway(FqdnGateway),
    Zdb(Zdb),
    Zlogs(Zlogs),
    Qsfs(Box<Qsfs>),
    Other(String, Value),
}

impl Data {
    /// The value of `type` in JSON.
    pub fn kind(&self) -> &str {
        match self {
            Data::Zmount(_) => "zmount",
            Data::Volume(_) => "volume",
            Data::Network(_) => "network",
            Data::NetworkLight(_) => "network-light",
            Data::Machine(_) => "zmachine",
            Data::MachineLight(_) => "zmachine-light",
            Data::Ip(_) => "ip",
            Data::Ipv4 => "ipv4",
            Data::NameGateway(_) => "gateway-name-proxy",
            Data::FqdnGateway(_) => "gateway-fqdn-proxy",
            Data::Zdb(_) => "zdb",
            Data::Zlogs(_) => "zlogs",
            Data::Qsfs(_) => "qsfs",
            Data::Other(kind, _) => kind,
        }
    }

    pub fn from_json(kind: &str, data: Value) -> serde_json::Result<Data> {
        use serde_json::from_value as read;
        Ok(match kind {
            "zmount" => Data::Zmount(read(data)?),
            "volume" => Data::Volume(read(data)?),
            "network" => Data::Network(read(data)?),
            "network-light" => Data::NetworkLight(read(data)?),
            "zmachine" => Data::Machine(read(data)?),
            "zmachine-light" => Data::MachineLight(read(data)?),
            "ip" => Data::Ip(read(data)?),
            "ipv4" => Data::Ipv4,
            "gateway-name-proxy" => Data::NameGateway(read(data)?),
            "gateway-fqdn-proxy" => Data::FqdnGateway(read(data)?),
            "zdb" => Data::Zdb(read(data)?),
            "zlogs" => Data::Zlogs(read(data)?),
            "qsfs" => Data::Qsfs(read(data)?),
            other => Data::Other(other.to_owned(), data),
        })
    }

    pub fn to_json(&self) -> serde_json::Result<Value> {
        use serde_json::to_value as write;
        match self {
            Data::Zmount(data) | Data::Volume(data) => write(data),
            Data::Network(data) | Data::NetworkLight(data) => write(data),
            Data::Machine(data) => write(data),
            Data::MachineLight(data) => {
                let mut json = write(data)?;
                if let Some(network) = json.get_mut("network").and_then(Value::as_object_mut) {
                    network.remove("public_ip");
                    network.remove("planetary");
                }
                Ok(json)
            }
            Data::Ip(data) => write(data),
            Data::Ipv4 => Ok(Value::Object(Default::default())),
            Data::NameGateway(data) => write(data),
            Data::FqdnGateway(data) => write(data),
            Data::Zdb(data) => write(data),
            Data::Zlogs(data) => write(data),
            Data::Qsfs(data) => write(data),
            Data::Other(_, data) => Ok(data.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_network_address_has_one_spelling() {
        for (sent, canonical) in
            [("10.1.2.0/24", "10.1.2.0/24"), ("10.1.2.3/24", "10.1.2.3/24"), ("2001:0DB8:0::1/64", "2001:db8::1/64")]
        {
            assert_eq!(sent.parse::<IpNet>().unwrap().to_string(), canonical);
        }
        for wrong in ["", "10.1.2.0", "10.1.2.0/33", "10.01.2.0/24", "10.1.2.0/024", "10.1.2.0/+8", "::/129", "10.1.2.0/"] {
            assert_eq!(wrong.parse::<IpNet>(), Err(NotAnIpNet), "{wrong}");
        }
    }

    #[test]
    fn keys_do_not_print() {
        let network = Network {
            ip_range: None,
            subnet: None,
            wireguard_private_key: "canary".into(),
            wireguard_listen_port: 0,
            peers: vec![],
            mycelium: Some(NetworkMycelium { hex_key: HexBytes(vec![0xca; 32]), peers: vec![] }),
        };
        let printed = format!("{network:?}");
        assert!(!printed.contains("canary") && !printed.contains("caca") && printed.contains("32 bytes"), "{printed}");
    }

    #[test]
    fn a_workload_of_an_unknown_type_is_kept_as_it_is() {
        let data = serde_json::json!({"anything": [1, 2]});
        let read = Data::from_json("hologram", data.clone()).unwrap();
        assert_eq!((read.kind(), read.to_json().unwrap()), ("hologram", data));
    }

    #[test]
    fn null_lists_are_empty_ones() {
        let json = serde_json::json!({"flist": "x", "network": {"interfaces": null}, "compute_capacity": {"cpu": 1, "memory": 1},
            "mounts": null, "env": null, "gpu": null});
        let Data::Machine(machine) = Data::from_json("zmachine", json).unwrap() else { panic!() };
        assert!(machine.mounts.is_empty() && machine.env.is_empty() && machine.gpu.is_empty());
    }

    proptest! {
        #[test]
        fn what_is_read_as_a_network_prints_as_it_reads(text in "[0-9a-f.:/]{0,24}", ip: [u8; 16], prefix in 0u8..=128) {
            if let Ok(net) = text.parse::<IpNet>() {
                prop_assert_eq!(net.to_string().parse(), Ok(net));
            }
            let net = IpNet::new(std::net::Ipv6Addr::from(ip).into(), prefix);
            prop_assert_eq!(net.to_string().parse(), Ok(net));
        }
    }
}
