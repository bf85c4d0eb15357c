//! Versions of a deployment that is on a node already (`threefoldtech/zosbase: pkg/gridtypes/deployment.go, pkg/provision/engine.go`).
//!
//! A machine can't be changed: the old one is left out and a new one is added under another name, with the same addresses. The node
//! first removes what is missing, then grows disks and adds what is new, so that one version does it all. What keeps its version
//! number is left alone. Disks never shrink.

use serde_json::Value;

use super::plan::Planner;
use crate::base::{Error, Result};
use crate::domain::catalogue::Boot;
use crate::domain::wish::Wish;
use crate::wire::zos::data::{Capacity, Data, Machine, Mount, Space};
use crate::wire::zos::deployment::{Deployment, Outcome, State, Workload};
use crate::wire::zos::vm::Vm;

/// What a machine is called in the version in which it was added. Names are not used again: a node tells of each by its name.
const MACHINE: &str = "vm";

/// A version of a deployment, and the machine if it is off in this version. Both opaque outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    pub deployment: Value,
    /// 32 hex letters.
    pub hash: String,
    pub off: Option<Value>,
}

/// The version after another one.
struct Next {
    version: u32,
    workloads: Vec<Workload>,
}

impl Planner {
    /// What `now` becomes for a wish of other measures, with its machine on or off. `off` is the machine, if it is off now; version
    /// numbers are those that the node tells of.
    pub fn revise(&self, now: &Value, off: Option<&Value>, told: &Value, wish: &Wish, on: bool) -> Result<Version> {
        let (now, told) = (read(now)?, read(told)?);
        let (rest, recorded) = split(&now);
        // The node may have another version than the one on record, of a change that nobody waited for any more.
        let held = |machine: &Workload| told.workload(&machine.name).map(|held| held.version);
        let running = recorded.as_ref().and_then(|machine| Some(Workload { version: held(machine)?, ..machine.clone() }));
        let old = match (&recorded, off) {
            (Some(machine), _) => machine.clone(),
            (None, Some(off)) => workload(off)?,
            (None, None) => return Err(Error::internal("A deployment has no machine, on or off.")),
        };
        let mut next = Next { version: after(told.version)?, workloads: vec![] };
        let mut mounts = Vec::new();
        let mut grown = Vec::new();
        for mut part in rest {
            let held = told.workload(&part.name);
            part.version = held.map_or(next.version, |held| held.version);
            if let Data::Zmount(space) = &mut part.data {
                let there = match held.map(|held| &held.data) {
                    Some(Data::Zmount(held)) => held.size,
                    _ => space.size,
                };
                let wanted = disk(wish, &part.name).unwrap_or(space.size);
                space.size = space.size.max(wanted);
                if space.size > there {
                    part.version = next.version;
                    grown.push(part.name.clone());
                }
            }
            next.workloads.push(part);
        }
        if wish.image.boot == Boot::Full {
            mounts.push(Mount { name: Vm::BOOT_DISK.into(), mountpoint: "/".into() });
        }
        for (number, disk) in (1..).zip(&wish.disks) {
            let name = data_disk(number);
            if !next.workloads.iter().any(|part| part.name == name) {
                let part = Workload::new(&name, Data::Zmount(Space { size: disk.size }));
                next.workloads.push(Workload { version: next.version, ..part });
            }
            mounts.push(Mount { name, mountpoint: disk.mount.to_string() });
        }
        let mut new = old.clone();
        let machine = machine(&mut new)?;
        let size = wish.size.capacity;
        let cpu = u8::try_from(size.cores).map_err(|_| Error::invalid("size", "No node has so many cores."))?;
        machine.compute_capacity = Capacity { cpu, memory: size.memory };
        machine.mounts = mounts;
        if wish.image.boot != Boot::Full {
            machine.size = size.ssd;
        }
        // A disk does not grow while a machine has it (`threefoldtech/zosbase: pkg/primitives/zmount`): that one is left out, too.
        let has = |machine: &Workload| mounted(machine).any(|disk| grown.iter().any(|grown| grown == disk));
        let running = running.filter(|machine| !has(machine));
        next.end(now, running, new, on)
    }

    /// Whether a node has put aside what carries the machine: it runs on, and would not come up again.
    pub fn is_put_aside(&self, now: &Value, told: &Value) -> Result<bool> {
        let (now, told) = (read(now)?, read(told)?);
        let carries = |part: &Workload| !is_machine(part) && now.workload(&part.name).is_some();
        Ok(told.workloads.iter().any(|part| carries(part) && part.result.state == State::Error))
    }

    /// What was there before, again, after a version that did not work: as far as the node has taken that one, by what it tells of
    /// itself. With `bare` its machine stays off.
    pub fn restore(
        &self,
        before: &Value,
        off: Option<&Value>,
        tried: &Value,
        told: Option<&Value>,
        bare: bool,
    ) -> Result<(Version, bool)> {
        let (before, tried) = (read(before)?, read(tried)?);
        let told = told.map(read).transpose()?.filter(|told| told.version >= before.version);
        let (rest, running) = split(&before);
        let Some(told) = told.filter(|told| told.version > before.version && !(bare && running.is_none())) else {
            // The node has never taken another version: only the chain has heard of one.
            return Ok((version(before, off.cloned())?, true));
        };
        // It could not follow the change of the contract and has put everything aside: what runs there goes on, and would not come
        // up again. It is left as it is.
        let lost =
            running.as_ref().is_some_and(|old| told.workload(&old.name).is_some_and(|held| held.result.state == State::Error));
        if lost && machine_name(&tried).is_none_or(|new| told.workload(new).is_none()) {
            return Ok((version(Deployment { version: told.version, ..before }, off.cloned())?, true));
        }
        let mut next = Next { version: after(told.version.max(tried.version))?, workloads: vec![] };
        for mut part in rest {
            let held = told.workload(&part.name);
            part.version = held.map_or(next.version, |held| held.version);
            if let (Data::Zmount(ours), Some(Data::Zmount(theirs))) = (&mut part.data, held.map(|held| &held.data)) {
                // What has grown stays so. A node is not believed beyond what it was asked for.
                let most = match tried.workload(&part.name).map(|tried| &tried.data) {
                    Some(Data::Zmount(tried)) => tried.size,
                    _ => ours.size,
                };
                ours.size = ours.size.max(theirs.size.min(most));
            }
            next.workloads.push(part);
        }
        let machine = match (&running, off) {
            (Some(machine), _) => machine.clone(),
            (None, Some(off)) => workload(off)?,
            (None, None) => return Err(Error::internal("A deployment had no machine, on or off.")),
        };
        // The old one may never have been touched.
        let alive = running.as_ref().and_then(|old| {
            let held = told.workload(&old.name).filter(|held| held.data == old.data && held.result.state == State::Ok)?;
            Some(Workload { version: held.version, ..old.clone() })
        });
        let on = running.is_some() && !bare;
        Ok((next.end(before, alive, machine, on)?, false))
    }
}

impl Next {
    /// With the machine `wanted`, which keeps its name and its version if it is the one that runs; without it if it is to be off.
    fn end(mut self, old: Deployment, running: Option<Workload>, wanted: Workload, on: bool) -> Result<Version> {
        let off = match (on, running) {
            (true, Some(running)) if running.data == wanted.data => {
                self.workloads.push(running);
                None
            }
            (true, _) => {
                let name = format!("{MACHINE}{}", self.version);
                self.workloads.push(Workload { name, version: self.version, ..wanted });
                None
            }
            (false, _) => Some(print(&wanted)?),
        };
        for part in &mut self.workloads {
            part.result = Outcome::default();
        }
        version(Deployment { version: self.version, workloads: self.workloads, ..old }, off)
    }
}

/// The name of the machine in a deployment, if there is one.
pub(super) fn machine_name(deployment: &Deployment) -> Option<&str> {
    deployment.workloads.iter().find(|part| is_machine(part)).map(|part| part.name.as_str())
}

/// The name of the data disk of a number, from 1 on.
pub(super) fn data_disk(number: u32) -> String {
    format!("data{number}")
}

/// The size that a wish has for a disk.
fn disk(wish: &Wish, name: &str) -> Option<u64> {
    if name == Vm::BOOT_DISK {
        return Some(wish.size.capacity.ssd);
    }
    (1..).zip(&wish.disks).find(|(number, _)| data_disk(*number) == name).map(|(_, disk)| disk.size)
}

/// The disks that a machine has.
fn mounted(machine: &Workload) -> impl Iterator<Item = &str> {
    let mounts = match &machine.data {
        Data::Machine(machine) | Data::MachineLight(machine) => machine.mounts.as_slice(),
        _ => &[],
    };
    mounts.iter().map(|mount| mount.name.as_str())
}

fn is_machine(part: &Workload) -> bool {
    matches!(part.data, Data::Machine(_) | Data::MachineLight(_))
}

fn split(deployment: &Deployment) -> (Vec<Workload>, Option<Workload>) {
    let (machines, rest): (Vec<_>, Vec<_>) = deployment.workloads.iter().cloned().partition(is_machine);
    (rest, machines.into_iter().next())
}

fn machine(part: &mut Workload) -> Result<&mut Machine> {
    match &mut part.data {
        Data::Machine(machine) | Data::MachineLight(machine) => Ok(machine),
        _ => Err(Error::internal("What was kept of a machine is none.")),
    }
}

fn after(version: u32) -> Result<u32> {
    // The number is the node's word: whoever names the last one there is can't be asked for another.
    version.checked_add(1).ok_or_else(|| Error::conflict("The node tells of more versions than there can be."))
}

fn read(value: &Value) -> Result<Deployment> {
    serde_json::from_value(value.clone()).map_err(|cause| Error::internal("A deployment can't be read.").because(cause))
}

fn workload(value: &Value) -> Result<Workload> {
    serde_json::from_value(value.clone()).map_err(|cause| Error::internal("A machine that is off can't be read.").because(cause))
}

fn print(value: &impl serde::Serialize) -> Result<Value> {
    serde_json::to_value(value).map_err(|cause| Error::internal("A deployment does not print.").because(cause))
}

fn version(deployment: Deployment, off: Option<Value>) -> Result<Version> {
    let hash = deployment.hash_hex().map_err(|cause| Error::internal("A deployment can't be hashed.").because(cause))?;
    Ok(Version { deployment: print(&deployment)?, hash, off })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ids::OrderId;
    use crate::base::text::MountPath;
    use crate::domain::catalogue::GIB;
    use crate::domain::placement::{Choice, Scored};
    use crate::domain::wish::{DataDisk, tests::wish};
    use crate::host::HostRandom;

    fn choice() -> Choice {
        let best = Scored {
            node: 1,
            twin: 1,
            farm: 1,
            farm_name: "Farm".into(),
            owner: 1,
            country: "Belgium".into(),
            city: "Ghent".into(),
            parts: vec![],
            address: None,
        };
        Choice { best, runner_up: None, fitting: 1 }
    }

    fn names(version: &Version) -> Vec<(String, u32)> {
        read(&version.deployment).unwrap().workloads.into_iter().map(|part| (part.name, part.version)).collect()
    }

    fn named(version: &Version, name: &str) -> Workload {
        read(&version.deployment).unwrap().workload(name).unwrap_or_else(|| panic!("no {name}: {:?}", names(version))).clone()
    }

    /// As a node tells of a version that it has carried out.
    fn carried_out(version: &Version) -> Value {
        let mut held = read(&version.deployment).unwrap();
        held.workloads.iter_mut().for_each(|part| part.result.state = State::Ok);
        held.workloads.reverse();
        print(&held).unwrap()
    }

    fn first(wish: &Wish) -> Value {
        Planner::new(7).plan(wish, OrderId::from_bits(1), &choice(), &HostRandom).unwrap().deployment
    }

    #[test]
    fn stopping_and_starting_keeps_disks_network_and_addresses() {
        let (planner, wish) = (Planner::new(7), wish());
        let first = first(&wish);
        let before = read(&first).unwrap();
        let stopped = planner.revise(&first, None, &first, &wish, false).unwrap();
        let rest: Vec<_> = before.workloads.iter().filter(|part| part.name != "vm").map(|part| (part.name.clone(), 0)).collect();
        assert_eq!(names(&stopped), rest);
        assert_ne!(stopped.hash, before.hash_hex().unwrap());
        let off = stopped.off.clone().unwrap();
        let started = planner.revise(&stopped.deployment, Some(&off), &carried_out(&stopped), &wish, true).unwrap();
        assert_eq!(started.off, None);
        let again = named(&started, "vm2");
        assert_eq!((again.version, &again.data), (2, &before.workload("vm").unwrap().data), "the same address and seed");
        assert_eq!(read(&started.deployment).unwrap().version, 2);
    }

    #[test]
    fn a_larger_size_grows_the_boot_disk_and_leaves_out_the_old_machine() {
        let planner = Planner::new(7);
        let mut wish = wish();
        wish.disks = vec![DataDisk { size: 10 * GIB, mount: MountPath::parse("/mnt/a").unwrap() }];
        let first = first(&wish);
        wish.size.capacity.cores = 4;
        wish.size.capacity.ssd = 100 * GIB;
        wish.disks.push(DataDisk { size: 5 * GIB, mount: MountPath::parse("/mnt/b").unwrap() });
        let grown = planner.revise(&first, None, &first, &wish, true).unwrap();
        assert_eq!((named(&grown, "boot").version, named(&grown, "data1").version, named(&grown, "data2").version), (1, 0, 1));
        let Data::Machine(machine) = named(&grown, "vm1").data else { panic!() };
        let mounts: Vec<_> = machine.mounts.iter().map(|mount| (mount.name.as_str(), mount.mountpoint.as_str())).collect();
        assert_eq!(mounts, [("boot", "/"), ("data1", "/mnt/a"), ("data2", "/mnt/b")]);
        assert_eq!((machine.compute_capacity.cpu, machine.size), (4, 0));
        // Smaller again: the disks stay as large as they are.
        wish.size.capacity.ssd = 20 * GIB;
        let shrunk = planner.revise(&grown.deployment, None, &carried_out(&grown), &wish, true).unwrap();
        assert_eq!(named(&shrunk, "boot"), named(&grown, "boot"));
    }

    #[test]
    fn a_disk_grows_only_when_no_machine_has_it() {
        let planner = Planner::new(7);
        let mut wish = wish();
        let mount = |path| MountPath::parse(path).unwrap();
        wish.disks = vec![DataDisk { size: 10 * GIB, mount: mount("/mnt/a") }];
        let first = first(&wish);
        let same = planner.revise(&first, None, &first, &wish, true).unwrap();
        assert_eq!(named(&same, "vm").version, 0, "nothing of it has changed");
        wish.disks[0].size = 20 * GIB;
        let grown = planner.revise(&first, None, &first, &wish, true).unwrap();
        let names = names(&grown);
        assert!(names.contains(&("data1".into(), 1)) && names.contains(&("vm1".into(), 1)), "{names:?}");
        assert!(!names.iter().any(|(name, _)| name == "vm"), "{names:?}");
        assert_eq!(named(&grown, "vm1").data, read(&first).unwrap().workload("vm").unwrap().data);
    }

    #[test]
    fn a_change_begins_with_what_the_node_has() {
        let planner = Planner::new(7);
        let mut wish = wish();
        let first = first(&wish);
        wish.size.capacity.ssd = 100 * GIB;
        let tried = planner.revise(&first, None, &first, &wish, true).unwrap();
        // It was carried out, and nobody waited for that.
        wish.size.capacity.cores = 4;
        let next = planner.revise(&first, None, &carried_out(&tried), &wish, true).unwrap();
        let boot = named(&next, "boot");
        assert_eq!((boot.version, boot.data), (1, Data::Zmount(Space { size: 100 * GIB })), "it has grown already");
        assert_eq!((named(&next, "vm2").version, read(&next.deployment).unwrap().version), (2, 2));
        // It is on record, and was never carried out.
        let next = planner.revise(&tried.deployment, None, &first, &wish, true).unwrap();
        assert_eq!((named(&next, "boot").version, named(&next, "vm1").version), (1, 1));
        assert_eq!(read(&next.deployment).unwrap().version, 1);
        // No version comes after the last one that there can be.
        let mut told = read(&first).unwrap();
        told.version = u32::MAX;
        let refused = planner.revise(&first, None, &print(&told).unwrap(), &wish, true).unwrap_err();
        assert_eq!(refused.kind(), crate::base::Kind::Conflict);
    }

    #[test]
    fn the_way_back_begins_where_the_node_says_that_it_is() {
        let planner = Planner::new(7);
        let mut wish = wish();
        let first = first(&wish);
        wish.size.capacity.cores = 4;
        wish.size.capacity.ssd = 100 * GIB;
        let tried = planner.revise(&first, None, &first, &wish, true).unwrap();
        // Never taken: only the chain has to be told.
        let (same, held) = planner.restore(&first, None, &tried.deployment, Some(&first), false).unwrap();
        assert!(held && same.deployment == first);
        // Put aside as it was, because the contract was not what the node had heard of: it is not touched.
        let mut aside = read(&first).unwrap();
        aside.version = 1;
        aside.workloads.iter_mut().for_each(|part| part.result.state = State::Error);
        let (same, held) = planner.restore(&first, None, &tried.deployment, Some(&print(&aside).unwrap()), false).unwrap();
        assert!(held && read(&same.deployment).unwrap().version == 1 && named(&same, "vm").version == 0);
        assert!(planner.is_put_aside(&first, &print(&aside).unwrap()).unwrap());
        assert!(!planner.is_put_aside(&first, &carried_out(&tried)).unwrap());
        // The disk has grown and the machine did not start.
        let mut told = read(&carried_out(&tried)).unwrap();
        told.workloads.iter_mut().filter(|part| part.name == "vm1").for_each(|part| part.result.state = State::Error);
        let (back, held) = planner.restore(&first, None, &tried.deployment, Some(&print(&told).unwrap()), false).unwrap();
        assert!(!held);
        let boot = named(&back, "boot");
        assert_eq!((boot.version, boot.data), (1, Data::Zmount(Space { size: 100 * GIB })), "what has grown stays");
        let again = named(&back, "vm2");
        assert_eq!((again.version, again.data), (2, read(&first).unwrap().workload("vm").unwrap().data.clone()));
        // A node that tells of more than it was asked for is not believed.
        told.workloads
            .iter_mut()
            .filter(|part| part.name == "boot")
            .for_each(|part| part.data = Data::Zmount(Space { size: u64::MAX }));
        let (back, _) = planner.restore(&first, None, &tried.deployment, Some(&print(&told).unwrap()), false).unwrap();
        assert_eq!(named(&back, "boot").data, Data::Zmount(Space { size: 100 * GIB }));
        // Not even the old one comes up again: without it.
        let (bare, held) = planner.restore(&first, None, &back.deployment, Some(&carried_out(&back)), true).unwrap();
        assert!(
            !held && bare.off.is_some() && !names(&bare).iter().any(|(name, _)| name.starts_with("vm")),
            "{:?}",
            names(&bare)
        );
        assert_eq!(read(&bare.deployment).unwrap().version, 3);
    }
}
