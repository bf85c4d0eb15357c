//! What somebody wants: a machine, its disks, its addresses, and who may sign in.

use serde::{Deserialize, Serialize};

use super::backup::{self, Backup};
use super::catalogue::{Boot, Capacity, GIB, Image, Place, Size};
use super::placement::Reach;
use super::pool::Filter;
use super::swarm::SwarmWish;
use crate::base::text::{MountPath, SshKey, VmName, WgKey};

/// The writable layer that a node keeps for a disk image beside its boot disk (`threefoldtech/zosbase: pkg/gridtypes`).
const LAYER: u64 = 2 * GIB;

/// What somebody wants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wish {
    pub name: VmName,
    pub image: Image,
    pub size: Size,
    pub ssh_key: SshKey,
    /// Whoever holds one of these may sign in, too.
    #[serde(default)]
    pub more_keys: Vec<SshKey>,
    pub place: Place,
    /// What else somebody asks of the node who chooses for themselves.
    #[serde(default)]
    pub filter: Filter,
    /// Beside the disk of the size, in the order in which the machine sees them.
    #[serde(default)]
    pub disks: Vec<DataDisk>,
    #[serde(default)]
    pub net: Net,
    /// What stands beside it.
    #[serde(default)]
    pub backup: Backup,
    /// Many small stores elsewhere for what it keeps.
    #[serde(default)]
    pub swarm: Option<SwarmWish>,
}

/// A disk for data: empty at first, and gone with the machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataDisk {
    /// Bytes.
    pub size: u64,
    pub mount: MountPath,
}

/// Ways to reach a machine beside its address on the mesh, which every one has.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Net {
    pub ipv4: bool,
    pub ipv6: bool,
    /// The customer's own WireGuard key: its private half never comes here.
    pub tunnel: Option<WgKey>,
}

impl Wish {
    /// What the basic form asks for.
    pub fn basic(name: VmName, image: Image, size: Size, ssh_key: SshKey, place: Place) -> Wish {
        Wish {
            name,
            image,
            size,
            ssh_key,
            more_keys: vec![],
            place,
            filter: Filter::default(),
            disks: vec![],
            net: Net::default(),
            backup: Backup::None,
            swarm: None,
        }
    }

    /// Everybody who may sign in.
    pub fn keys(&self) -> impl Iterator<Item = &SshKey> {
        std::iter::once(&self.ssh_key).chain(&self.more_keys)
    }

    /// Bytes of all data disks.
    pub fn data(&self) -> u64 {
        self.disks.iter().fold(0, |sum, disk| sum.saturating_add(disk.size))
    }

    /// `Medium (2 cores, 4 GB memory, 50 GB disk)`
    pub fn measures(&self) -> String {
        let (size, data) = (self.size.capacity, self.data() / GIB);
        let disks = if data > 0 { format!(", {data} GB of data disks") } else { String::new() };
        let cores = if size.cores == 1 { "core" } else { "cores" };
        let (name, memory, ssd) = (&self.size.name, size.memory / GIB, size.ssd / GIB);
        format!("{name} ({} {cores}, {memory} GB memory, {ssd} GB disk{disks})", size.cores)
    }

    /// Everything that the node must have free.
    pub fn capacity(&self) -> Capacity {
        let layer = if self.image.boot == Boot::Full { LAYER } else { 0 };
        let ssd = self.size.capacity.ssd.saturating_add(self.data()).saturating_add(layer);
        Capacity { ssd, ..self.size.capacity }
    }

    /// What of it the machine takes that is gone from the node while it is stopped: its disks stay.
    pub fn machine_room(&self) -> Capacity {
        let ssd = if self.image.boot == Boot::Full { LAYER } else { self.size.capacity.ssd };
        Capacity { ssd, ..self.size.capacity }
    }

    /// Whether stopping it loses what is on its system's disk: only what is a disk to the node stays.
    pub fn forgets(&self) -> bool {
        self.image.boot != Boot::Full
    }

    /// Everything that all nodes together must have free: the machine's, its backup VM's and the swarm's.
    pub fn everywhere(&self) -> Capacity {
        let swarm = self.swarm.as_ref().map_or(0, SwarmWish::raw);
        let own = Capacity { hdd: self.size.capacity.hdd.saturating_add(swarm), ..self.capacity() };
        match self.backup {
            Backup::None => own,
            Backup::Machine => own.plus(backup::twin(self).capacity()),
        }
    }

    /// Public IPv4 addresses of all contracts together.
    pub fn addresses_everywhere(&self) -> u32 {
        match self.backup {
            Backup::None => self.public_ips(),
            Backup::Machine => self.public_ips().saturating_add(backup::twin(self).public_ips()),
        }
    }

    /// What the node must have beside room.
    pub fn reach(&self) -> Reach {
        Reach { ipv4: self.net.ipv4, ipv6: self.net.ipv6, tunnel: self.net.tunnel.is_some(), storage: false }
    }

    /// Public IPv4 addresses that the contract must reserve.
    pub fn public_ips(&self) -> u32 {
        self.net.ipv4.into()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::domain::catalogue::Catalogue;

    pub(crate) fn wish() -> Wish {
        let catalogue = Catalogue::default();
        let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti a@b";
        Wish::basic(
            VmName::parse("web").unwrap(),
            catalogue.image("ubuntu-22.04").unwrap().clone(),
            catalogue.size("medium").unwrap().clone(),
            SshKey::parse(key).unwrap(),
            Place::Anywhere,
        )
    }

    #[test]
    fn a_wish_that_was_stored_before_there_were_disks_still_reads() {
        let mut old = serde_json::to_value(wish()).unwrap();
        for new in ["more_keys", "disks", "net", "filter", "backup", "swarm"] {
            old.as_object_mut().unwrap().remove(new).unwrap();
        }
        old["image"].as_object_mut().unwrap().remove("least_disk").unwrap();
        let read: Wish = serde_json::from_value(old).unwrap();
        assert_eq!((read.keys().count(), read.disks.len(), read.reach(), read.public_ips()), (1, 0, Reach::default(), 0));
    }

    #[test]
    fn disks_count_in_what_the_node_must_have() {
        let disk = |gib, path| DataDisk { size: gib * GIB, mount: MountPath::parse(path).unwrap() };
        let mut wish = Wish { disks: vec![disk(10, "/mnt/a"), disk(20, "/mnt/b")], ..wish() };
        assert_eq!(wish.capacity().ssd, (50 + 10 + 20 + 2) * GIB, "a disk image has a layer beside its boot disk");
        wish.image.boot = Boot::Micro;
        assert_eq!(wish.capacity().ssd, (50 + 10 + 20) * GIB);
        wish.disks[0].size = u64::MAX;
        assert_eq!(wish.capacity().ssd, u64::MAX, "nothing wraps around");
    }
}
