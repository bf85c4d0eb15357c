//! An order form read field by field: what comes out can be priced and placed as it stands.

use super::order::{OrderForm, SwarmForm};
use crate::base::money::Usd;
use crate::base::text::{MountPath, SshKey, VmName, WgKey};
use crate::base::{Error, Result};
use crate::domain::account::User;
use crate::domain::backup::Backup;
use crate::domain::catalogue::{Boot, Capacity, Catalogue, GIB, Image, Place, Size, Sla};
use crate::domain::pool::Filter;
use crate::domain::price::UnitPrices;
use crate::domain::swarm::{CONSENT, Layout, SwarmWish};
use crate::domain::wish::{DataDisk, Net, Wish};
use crate::settings::{BootRule, ImageRule, Limits, Promise};

/// The wish that a form says, or what is wrong with which field.
pub(super) fn wish(catalogue: &Catalogue, limits: &Limits, prices: &UnitPrices, user: &User, form: &OrderForm) -> Result<Wish> {
    let name = VmName::parse(&form.name).map_err(|why| Error::invalid("name", why))?;
    let image =
        catalogue.image(&form.image).cloned().ok_or_else(|| Error::invalid("image", "Please choose one of the systems."))?;
    let size = size(catalogue, limits, prices, form)?;
    if size.capacity.ssd < image.least_disk {
        // The field that can mend it: its own disk, if the size has none that is large enough.
        let field = if form.disk_gib.trim().is_empty() { "size" } else { "disk_gib" };
        return Err(Error::invalid(field, format!("{} needs a disk of {} GB at least.", image.name, image.least_disk / GIB)));
    }
    let filter = Filter::parse(&form.filter).map_err(|wrong| {
        let why: Vec<String> = wrong.into_iter().map(|wrong| wrong.why).collect();
        Error::invalid("filter", why.join(" "))
    })?;
    let mut keys = keys(limits, user, form)?.into_iter();
    let ssh_key = keys.next().ok_or_else(|| Error::invalid("ssh_key", SshKey::NONE))?;
    let tunnel = match form.wireguard.trim() {
        "" => None,
        key => Some(WgKey::parse(key).map_err(|why| Error::invalid("wireguard", why))?),
    };
    let swarm = swarm(limits, prices, &image, &form.swarm)?;
    Ok(Wish {
        name,
        image,
        size,
        ssh_key,
        more_keys: keys.collect(),
        place: place(form)?,
        filter,
        disks: disks(limits, form)?,
        swarm,
        net: Net { ipv4: form.ipv4, ipv6: form.ipv6, tunnel },
        backup: Backup::parse(&form.backup).ok_or_else(|| Error::invalid("backup", "Please choose one of these."))?,
    })
}

/// The size that was picked, or one of its own where other measures were typed.
pub(super) fn size(catalogue: &Catalogue, limits: &Limits, prices: &UnitPrices, form: &OrderForm) -> Result<Size> {
    let picked = catalogue.size(&form.size).ok_or_else(|| Error::invalid("size", "Please choose one of the sizes."))?;
    let own = picked.capacity;
    let measures = Capacity {
        cores: number("cores", &form.cores, 1, limits.cores)?.unwrap_or(own.cores),
        memory: number("memory_gib", &form.memory_gib, 1, limits.memory_gib)?.map_or(own.memory, |gib| gib * GIB),
        ssd: number("disk_gib", &form.disk_gib, 1, limits.disk_gib)?.map_or(own.ssd, |gib| gib * GIB),
        hdd: 0,
    };
    if let Some(same) = catalogue.sizes.iter().find(|size| size.capacity == measures) {
        return Ok(same.clone());
    }
    let price =
        prices.machine(measures, &catalogue.sizes).ok_or_else(|| Error::invalid("size", "So much of it can't be priced."))?;
    Ok(Size { id: "custom".into(), name: "Custom".into(), capacity: measures, price })
}

/// Keys that were ticked, then those that were pasted. A ticked one that is not the person's is as good as none.
fn keys(limits: &Limits, user: &User, form: &OrderForm) -> Result<Vec<SshKey>> {
    let most = usize::try_from(limits.ssh_keys).unwrap_or(usize::MAX);
    let wrong = |why: String| Error::invalid("ssh_key", why);
    let pasted = SshKey::many(&form.ssh_key, most).map_err(wrong)?;
    let ticked = user.known_keys().into_iter().filter(|key| form.saved_keys.contains(&key.fingerprint())).cloned();
    let mut keys: Vec<SshKey> = ticked.collect();
    for key in pasted {
        if keys.iter().all(|known| known.fingerprint() != key.fingerprint()) {
            keys.push(key);
        }
    }
    if keys.len() > most {
        return Err(wrong(format!("These are {} keys; {most} can sign in at most.", keys.len())));
    }
    Ok(keys)
}

fn disks(limits: &Limits, form: &OrderForm) -> Result<Vec<DataDisk>> {
    let mut disks: Vec<DataDisk> = Vec::new();
    for (number_of, (size, path)) in (1u64..).zip(&form.disks) {
        let (size, path) = (size.trim(), path.trim());
        if size.is_empty() && path.is_empty() {
            continue;
        }
        let (size_field, path_field) = disk_fields(number_of);
        if number_of > limits.data_disks {
            return Err(Error::invalid(size_field, format!("At most {} data disks, please.", limits.data_disks)));
        }
        let gib = number(size_field, size, 1, limits.data_disk_gib)?
            .ok_or_else(|| Error::invalid(size_field, "How large should it be?"))?;
        let usual = format!("/mnt/data{number_of}");
        let mount =
            MountPath::parse(if path.is_empty() { &usual } else { path }).map_err(|why| Error::invalid(path_field, why))?;
        let (mine, inside) =
            (mount.as_str(), |one: &str, other: &str| one.strip_prefix(other).is_some_and(|rest| rest.starts_with('/')));
        if disks.iter().map(|disk| disk.mount.as_str()).any(|other| mine == other || inside(mine, other) || inside(other, mine)) {
            return Err(Error::invalid(path_field, "Another disk is there already."));
        }
        disks.push(DataDisk { size: gib * GIB, mount });
    }
    Ok(disks)
}

/// The swarm that was asked for. Its fields may be left as they are: any that is empty has its usual value.
fn swarm(limits: &Limits, prices: &UnitPrices, image: &Image, form: &SwarmForm) -> Result<Option<SwarmWish>> {
    let Some(gib) = number("swarm_gib", &form.usable_gib, 1, limits.swarm_gib)? else { return Ok(None) };
    if limits.swarm_gib == 0 {
        return Err(Error::invalid("swarm_gib", "Storage swarms are not sold here."));
    }
    if !image.boot.own_kernel() {
        return Err(Error::invalid("swarm_gib", "A storage swarm needs FUSE: please choose a system with a kernel of its own."));
    }
    let usual = Layout::default();
    let count = |field, text: &str, usual: u8| -> Result<u8> {
        let number = number(field, text, 0, u8::MAX.into())?.map(u8::try_from).transpose();
        Ok(number.ok().flatten().unwrap_or(usual))
    };
    let layout = Layout::new(
        count("swarm_minimal", &form.minimal, usual.minimal)?,
        count("swarm_expected", &form.expected, usual.expected)?,
        count("swarm_spares", &form.spares, usual.spares)?,
    )
    .map_err(|(field, why)| Error::invalid(field, why))?;
    if !form.agreed {
        return Err(Error::invalid("swarm_agreed", "Please read what can be lost, and say that you have."));
    }
    let wish = SwarmWish { usable: gib * GIB, layout, price: Usd::ZERO, consent: CONSENT.into() };
    let price = prices.swarm(&wish).ok_or_else(|| Error::invalid("swarm_gib", "So much of it can't be priced."))?;
    Ok(Some(SwarmWish { price, ..wish }))
}

/// Names of the fields of a data disk, from 1 on.
pub fn disk_fields(number: u64) -> (&'static str, &'static str) {
    const FIELDS: [(&str, &str); 8] = [
        ("disk1_gib", "disk1_path"),
        ("disk2_gib", "disk2_path"),
        ("disk3_gib", "disk3_path"),
        ("disk4_gib", "disk4_path"),
        ("disk5_gib", "disk5_path"),
        ("disk6_gib", "disk6_path"),
        ("disk7_gib", "disk7_path"),
        ("disk8_gib", "disk8_path"),
    ];
    usize::try_from(number).ok().and_then(|number| FIELDS.get(number.wrapping_sub(1))).copied().unwrap_or(FIELDS[7])
}

/// A whole number from `least` to `most`; None for an empty field.
pub(super) fn number(field: &'static str, text: &str, least: u64, most: u64) -> Result<Option<u64>> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse().ok().filter(|number| digits && (least..=most).contains(number)) {
        Some(number) => Ok(Some(number)),
        None => Err(Error::invalid(field, format!("A whole number from {least} to {most}, please."))),
    }
}

/// An image of the settings.
pub(super) fn image(rule: &ImageRule) -> Image {
    Image {
        id: rule.id.clone(),
        name: rule.name.clone(),
        about: rule.about.clone(),
        flist: rule.flist.clone(),
        entrypoint: rule.entrypoint.clone(),
        boot: match rule.boot {
            BootRule::Disk => Boot::Full,
            BootRule::Rooted => Boot::Rooted,
            BootRule::Micro => Boot::Micro,
        },
        least_disk: rule.least_disk_gib.saturating_mul(GIB),
    }
}

/// Where somebody wants it: what was chosen is honoured or refused.
fn place(form: &OrderForm) -> Result<Place> {
    match form.node.trim() {
        "" => Ok(Place::parse(&form.region)),
        node => node.parse().map(Place::Node).map_err(|_| Error::invalid("node", "A node has a number, such as 12.")),
    }
}

/// What is promised with every order, with the parts that are no settings.
pub(super) fn sla(promise: &Promise) -> Sla {
    let usual = Sla::default();
    let support = match promise.support_hours {
        24 => usual.support.clone(),
        hours => format!("By e-mail, answered within {hours} hour{}.", if hours == 1 { "" } else { "s" }),
    };
    let availability_bp = promise.availability_bp().unwrap_or(usual.availability_bp);
    Sla { availability_bp, credit_percent: promise.credit_percent, support, ..usual }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_settings_the_usual_is_promised_and_with_them_what_they_say() {
        assert_eq!(sla(&Promise::default()), Sla::default());
        let own = sla(&Promise { availability: "99.95".into(), credit_percent: 25, support_hours: 4 });
        let said = (own.availability_bp, own.credit_percent, own.support.as_str());
        assert_eq!(said, (9995, 25, "By e-mail, answered within 4 hours."));
    }
}
