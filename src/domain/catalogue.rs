//! What is for sale: sizes, images, places, and the promise that comes with them.

use serde::{Deserialize, Serialize};

use crate::base::money::Usd;

pub const GIB: u64 = 1 << 30;

/// Cores, and bytes of memory and SSD.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Capacity {
    pub cores: u64,
    pub memory: u64,
    pub ssd: u64,
    #[serde(default)]
    pub hdd: u64,
}

impl Capacity {
    pub fn plus(self, other: Capacity) -> Capacity {
        Capacity {
            cores: self.cores.saturating_add(other.cores),
            memory: self.memory.saturating_add(other.memory),
            ssd: self.ssd.saturating_add(other.ssd),
            hdd: self.hdd.saturating_add(other.hdd),
        }
    }

    /// What is left when `used` is taken away; nothing below zero.
    pub fn minus(self, used: Capacity) -> Capacity {
        Capacity {
            cores: self.cores.saturating_sub(used.cores),
            memory: self.memory.saturating_sub(used.memory),
            ssd: self.ssd.saturating_sub(used.ssd),
            hdd: self.hdd.saturating_sub(used.hdd),
        }
    }
}

/// A VM size with its price for a month of 720 hours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    pub id: String,
    pub name: String,
    pub capacity: Capacity,
    pub price: Usd,
}

/// How an image boots (`threefoldtech/zosbase: pkg/primitives/vm`): it decides where its disk lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Boot {
    /// A disk image with its own kernel: the first disk becomes its boot disk.
    Full,
    /// A root file system with its own kernel.
    Rooted,
    /// A root file system with the node's kernel.
    Micro,
}

impl Boot {
    /// Whether the system starts a kernel of its own: Docker, modules and systemd work as on any machine.
    pub const fn own_kernel(self) -> bool {
        matches!(self, Boot::Full | Boot::Rooted)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    pub id: String,
    pub name: String,
    pub about: String,
    pub flist: String,
    pub entrypoint: String,
    pub boot: Boot,
    /// Bytes of disk below which it does not start.
    #[serde(default)]
    pub least_disk: u64,
}

/// Where a VM may run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    Anywhere,
    Country(String),
    /// On this node and no other: its buyer chose it.
    Node(u32),
}

impl Place {
    pub fn parse(text: &str) -> Place {
        match text.trim() {
            "" | "anywhere" => Place::Anywhere,
            country => Place::Country(country.to_owned()),
        }
    }

    /// As on a page that says where a VM may run.
    pub fn name(&self) -> String {
        match self {
            Place::Anywhere => "Anywhere".to_owned(),
            Place::Country(country) => country.clone(),
            Place::Node(id) => format!("Node {id}, and no other"),
        }
    }
}

/// What is promised. Shown before payment and frozen into the order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sla {
    /// Hundredths of a percent of a month: 9950 is 99.5 %.
    pub availability_bp: u32,
    pub deploy_minutes: u32,
    /// Percent of the month's price given back when availability was missed.
    pub credit_percent: u32,
    pub backup: String,
    pub support: String,
}

impl Default for Sla {
    fn default() -> Self {
        Sla {
            availability_bp: 9950,
            deploy_minutes: 10,
            credit_percent: 10,
            backup: "None included: keep copies of what matters to you.".into(),
            support: "By e-mail, answered within one working day.".into(),
        }
    }
}

impl Sla {
    /// `99.5 %`
    pub fn availability(&self) -> String {
        let text = format!("{}.{:02}", self.availability_bp / 100, self.availability_bp % 100);
        format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Catalogue {
    pub sizes: Vec<Size>,
    pub images: Vec<Image>,
    pub sla: Sla,
}

impl Default for Catalogue {
    /// What a fresh instance sells.
    fn default() -> Self {
        let size = |id: &str, name: &str, cores, memory_gib, ssd_gib, cents| Size {
            id: id.into(),
            name: name.into(),
            capacity: Capacity { cores, memory: memory_gib * GIB, ssd: ssd_gib * GIB, hdd: 0 },
            price: Usd::from_cents(cents),
        };
        Catalogue {
            sizes: vec![
                size("small", "Small", 1, 2, 25, 600),
                size("medium", "Medium", 2, 4, 50, 1000),
                size("large", "Large", 4, 16, 100, 2900),
                size("huge", "Huge", 8, 32, 250, 5900),
            ],
            images: images(),
            sla: Sla::default(),
        }
    }
}

impl Catalogue {
    pub fn size(&self, id: &str) -> Option<&Size> {
        self.sizes.iter().find(|size| size.id == id)
    }

    pub fn image(&self, id: &str) -> Option<&Image> {
        self.images.iter().find(|image| image.id == id)
    }
}

/// The images that ThreeFold keeps (`threefoldtech/tfgrid-sdk-ts: packages/playground`), the usual choice first. An operator's
/// settings may name others.
fn images() -> Vec<Image> {
    // Where it boots from, what starts first, and the least disk in GiB.
    const IMAGE: (Boot, &str, u64) = (Boot::Full, "", 15);
    const ROOT: (Boot, &str, u64) = (Boot::Rooted, "", 10);
    const MICRO: (Boot, &str, u64) = (Boot::Micro, "/sbin/zinit init", 5);
    const SCRIPT: (Boot, &str, u64) = (Boot::Micro, "/entrypoint.sh", 5);
    let image = |id: &str, name: &str, about: &str, flist: &str, (boot, entrypoint, least): (Boot, &str, u64)| Image {
        id: id.into(),
        name: name.into(),
        about: about.into(),
        flist: format!("https://hub.grid.tf/{flist}.flist"),
        entrypoint: entrypoint.into(),
        boot,
        least_disk: least * GIB,
    };
    vec![
        image("ubuntu-24.04", "Ubuntu 24.04", "The usual choice: Docker works.", "tf-official-vms/ubuntu-24.04-full", ROOT),
        image("ubuntu-22.04", "Ubuntu 22.04", "The older long-term release.", "tf-official-vms/ubuntu-22.04", IMAGE),
        image("ubuntu-20.04", "Ubuntu 20.04", "No more free updates.", "tf-official-vms/ubuntu-20.04-lts", IMAGE),
        image("ubuntu-18.04", "Ubuntu 18.04", "For old software only.", "tf-official-vms/ubuntu-18.04-lts", IMAGE),
        image("debian-12", "Debian 12", "Small and steady.", "tf-official-apps/threefoldtech-debian-12", MICRO),
        image("alpine-3", "Alpine 3", "The smallest of all.", "tf-official-apps/threefoldtech-alpine-3", SCRIPT),
        image("ubuntu-24.04-light", "Ubuntu 24.04 light", "Starts in seconds.", "tf-official-vms/ubuntu-24.04-latest", MICRO),
        image("ubuntu-23.10-light", "Ubuntu 23.10 light", "Out of support.", "tf-official-vms/ubuntu-23.10-mycelium", MICRO),
        image(
            "ubuntu-22.04-light",
            "Ubuntu 22.04 light",
            "The older long-term release.",
            "tf-official-apps/threefoldtech-ubuntu-22.04",
            MICRO,
        ),
        image("arch", "Arch", "Always the newest.", "tf-official-vms/arch-mycelium", MICRO),
        image("centos-8", "CentOS 8", "Out of support.", "tf-official-apps/threefoldtech-centos-8", SCRIPT),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_image_starts_on_the_smallest_size_and_says_how() {
        let catalogue = Catalogue::default();
        let smallest = catalogue.sizes.iter().map(|size| size.capacity.ssd).min().unwrap();
        for image in &catalogue.images {
            assert!((1..=smallest).contains(&image.least_disk), "{}", image.name);
            assert_eq!(
                image.entrypoint.is_empty(),
                image.boot.own_kernel(),
                "{}: a kernel of its own starts its own system",
                image.name
            );
            assert_eq!(catalogue.images.iter().filter(|other| other.id == image.id || other.flist == image.flist).count(), 1);
        }
        assert_eq!(catalogue.images.iter().filter(|image| image.boot.own_kernel()).count(), 4);
    }
}
