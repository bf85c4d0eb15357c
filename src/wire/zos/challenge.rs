//! The text that is hashed and signed: every field in the node's order, nothing between them.

use std::fmt::{self, Write};

use super::data::{Data, HexBytes, IpNet, Machine, Network, Qsfs, QsfsBackend};
use super::deployment::{Deployment, Workload};

/// A workload of a type that is not known here cannot be hashed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot hash a workload of type {0}")]
pub struct UnknownType(pub String);

/// The whole text of a deployment. `contract_id`, results, signatures and `corex` are not in it.
pub fn deployment(deployment: &Deployment) -> Result<String, UnknownType> {
    let mut text = String::new();
    for workload in &deployment.workloads {
        if let Data::Other(kind, _) = &workload.data {
            return Err(UnknownType(kind.clone()));
        }
    }
    write_deployment(&mut text, deployment).expect("a String takes everything");
    Ok(text)
}

fn write_deployment(out: &mut String, it: &Deployment) -> fmt::Result {
    write!(out, "{}{}{}{}{}", it.version, it.twin_id, it.metadata, it.description, it.expiration)?;
    for workload in &it.workloads {
        write_workload(out, workload)?;
    }
    let requirement = &it.signature_requirement;
    for request in &requirement.requests {
        write!(out, "{}{}{}", request.twin_id, request.required, request.weight)?;
    }
    write!(out, "{}{}", requirement.weight_required, requirement.signature_style)
}

fn write_workload(out: &mut String, it: &Workload) -> fmt::Result {
    write!(out, "{}{}{}{}{}", it.version, it.name, it.data.kind(), it.metadata, it.description)?;
    match &it.data {
        Data::Zmount(space) | Data::Volume(space) => write!(out, "{}", space.size),
        Data::Network(network) | Data::NetworkLight(network) => write_network(out, network),
        Data::Machine(machine) => write_machine(out, machine, false),
        Data::MachineLight(machine) => write_machine(out, machine, true),
        Data::Ip(ip) => write!(out, "{}{}", ip.v4, ip.v6),
        Data::Ipv4 | Data::Other(..) => Ok(()),
        Data::NameGateway(gateway) => {
            write_gateway(out, &gateway.name, gateway.tls_passthrough, &gateway.backends, gateway.network.as_deref())
        }
        Data::FqdnGateway(gateway) => {
            write_gateway(out, &gateway.fqdn, gateway.tls_passthrough, &gateway.backends, gateway.network.as_deref())
        }
        Data::Zdb(zdb) => {
            let mode = match zdb.mode {
                super::data::ZdbMode::User => "user",
                super::data::ZdbMode::Seq => "seq",
            };
            write!(out, "{}{mode}{}{}", zdb.size, zdb.password.reveal(), zdb.public)
        }
        Data::Zlogs(logs) => write!(out, "{}{}", logs.zmachine, logs.output),
        Data::Qsfs(qsfs) => write_qsfs(out, qsfs),
    }
}

fn write_gateway(out: &mut String, name: &str, tls: bool, backends: &[String], network: Option<&str>) -> fmt::Result {
    write!(out, "{name}{tls}{}{}", backends.concat(), network.unwrap_or_default())
}

/// Go prints an unset network as `<nil>`.
fn write_net(out: &mut String, net: Option<IpNet>) -> fmt::Result {
    match net {
        Some(net) => write!(out, "{net}"),
        None => out.write_str("<nil>"),
    }
}

fn write_hex(out: &mut String, bytes: &HexBytes) -> fmt::Result {
    out.write_str(&hex::encode(&bytes.0))
}

fn write_network(out: &mut String, it: &Network) -> fmt::Result {
    write_net(out, it.ip_range)?;
    write_net(out, it.subnet)?;
    write!(out, "{}{}", it.wireguard_private_key.reveal(), it.wireguard_listen_port)?;
    for peer in &it.peers {
        write!(out, "{}{}", peer.wireguard_public_key, peer.endpoint)?;
        write_net(out, peer.subnet)?;
        for allowed in &peer.allowed_ips {
            write!(out, "{allowed}")?;
        }
    }
    if let Some(mycelium) = &it.mycelium {
        write_hex(out, &mycelium.hex_key)?;
        out.write_str(&mycelium.peers.concat())?;
    }
    Ok(())
}

fn write_machine(out: &mut String, it: &Machine, light: bool) -> fmt::Result {
    out.write_str(&it.flist)?;
    if !light {
        write!(out, "{}{}", it.network.public_ip, it.network.planetary)?;
    }
    for interface in &it.network.interfaces {
        write!(out, "{}{}", interface.network, interface.ip)?;
    }
    if let Some(mycelium) = &it.network.mycelium {
        out.write_str(&mycelium.network)?;
        write_hex(out, &mycelium.hex_seed)?;
    }
    write!(out, "{}{}{}", it.size, it.compute_capacity.cpu, it.compute_capacity.memory)?;
    for mount in &it.mounts {
        write!(out, "{}{}", mount.name, mount.mountpoint)?;
    }
    out.write_str(&it.entrypoint)?;
    for (key, value) in &it.env {
        write!(out, "{key}={value}")?;
    }
    out.write_str(&it.gpu.concat())
}

fn write_qsfs(out: &mut String, it: &Qsfs) -> fmt::Result {
    fn backends(out: &mut String, backends: &[QsfsBackend]) -> fmt::Result {
        backends.iter().try_for_each(|it| write!(out, "{}{}{}", it.address, it.namespace, it.password.reveal()))
    }
    let config = &it.config;
    write!(out, "{}{}{}", it.cache, config.minimal_shards, config.expected_shards)?;
    write!(out, "{}{}{}", config.redundant_groups, config.redundant_nodes, config.max_zdb_data_dir_size)?;
    out.write_str(&config.encryption.algorithm)?;
    write_hex(out, &config.encryption.key)?;
    let meta = &config.meta;
    write!(out, "{}{}{}", meta.kind, meta.config.prefix, meta.config.encryption.algorithm)?;
    write_hex(out, &meta.config.encryption.key)?;
    backends(out, &meta.config.backends)?;
    for group in &config.groups {
        backends(out, &group.backends)?;
    }
    out.write_str(&config.compression.algorithm)
}
