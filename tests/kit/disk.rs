//! A disk that loses power. What was not synced may be lost, kept, mixed and torn, sector by sector.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use super::chance::Chance;

const SECTOR: u64 = 512;
/// Where redb keeps its header.
const HEADER_SECTORS: u64 = 4096 / SECTOR;

/// How a disk can be broken, so that a test proves it would notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    None,
    /// Every nth sync only says it was done.
    LyingSync(u64),
    /// Every nth sync leaves the older half of the changes on their way.
    ReorderingSync(u64),
    /// A third of the length is forgotten in every cut, synced or not.
    LostLength,
    /// Every cut tears the first sector, synced or not.
    TornHeader,
    /// Every nth read shows zeros.
    StaleRead(u64),
}

/// How much a disk has done.
#[derive(Debug, Clone, Copy, Default)]
pub struct Age {
    syncs: u64,
    reads: u64,
}

/// A handle on the disk; clones share it.
#[derive(Debug, Clone)]
pub struct Disk(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    /// What a program that is running sees.
    seen: Vec<u8>,
    /// What has surely arrived.
    platter: Vec<u8>,
    /// What is on its way, in the order it was asked for.
    pending: Vec<Change>,
    /// Changes until the power goes; None: it stays.
    fuse: Option<u64>,
    out: bool,
    fault: Fault,
    age: Age,
    resized: u64,
}

#[derive(Debug)]
enum Change {
    Sector { at: u64, bytes: Vec<u8> },
    Length(u64),
}

/// The bytes that survived, to start again from.
pub type Image = Vec<u8>;

impl Disk {
    /// `age`: what the disk that left this image had done, for faults that come every nth time.
    pub fn new(image: Image, fault: Fault, age: Age) -> Self {
        let state =
            State { seen: image.clone(), platter: image, pending: Vec::new(), fuse: None, out: false, fault, age, resized: 0 };
        Disk(Arc::new(Mutex::new(state)))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Lets the power go after `changes` more writes, syncs and changes of length.
    pub fn cut_after(&self, changes: u64) {
        self.state().fuse = Some(changes);
    }

    pub fn is_out(&self) -> bool {
        self.state().out
    }

    pub fn age(&self) -> Age {
        self.state().age
    }

    /// How often the file has changed its length so far.
    pub fn resized(&self) -> u64 {
        self.state().resized
    }

    /// What a technician finds afterwards: everything synced, and of the rest what chance has kept.
    pub fn image_after_cut(&self, chance: &mut Chance) -> Image {
        let mut state = self.state();
        state.out = true;
        let (fault, pending) = (state.fault, std::mem::take(&mut state.pending));
        let mut image = state.platter.clone();
        // Some cuts keep almost nothing, some almost all, some only the header or all but the header.
        let kept = chance.one_of(&[0, 10, 50, 90, 100]);
        let (header_kept, length_kept) = (chance.one_of(&[0, 50, 100, kept]), chance.one_of(&[0, 50, 100]));
        for change in pending {
            match change {
                Change::Sector { at, bytes } => {
                    let odds = if at < HEADER_SECTORS * SECTOR { header_kept } else { kept };
                    if chance.percent(odds) {
                        put(&mut image, at, &bytes);
                    }
                }
                Change::Length(length) if chance.percent(length_kept) => image.resize(length as usize, 0),
                Change::Length(_) => {}
            }
        }
        if fault == Fault::LostLength {
            let shorter = image.len() - image.len() / 3;
            image.truncate(shorter);
        }
        if fault == Fault::TornHeader {
            image[SECTOR as usize / 4..SECTOR as usize].fill(0);
        }
        image
    }
}

/// A write beyond the end makes the file longer, as file systems do.
fn put(image: &mut Vec<u8>, at: u64, bytes: &[u8]) {
    let (from, to) = (at as usize, at as usize + bytes.len());
    if image.len() < to {
        image.resize(to, 0);
    }
    image[from..to].copy_from_slice(bytes);
}

impl State {
    /// Every change passes here: it may be the one during which the power goes. That one is still on its way.
    fn change(&mut self) -> io::Result<bool> {
        if self.out {
            return Err(dark());
        }
        if let Some(left) = &mut self.fuse {
            if *left == 0 {
                self.out = true;
                return Ok(false);
            }
            *left -= 1;
        }
        Ok(true)
    }

    fn sync(&mut self) {
        self.age.syncs += 1;
        let left = match self.fault {
            Fault::LyingSync(every) if self.age.syncs.is_multiple_of(every) => self.pending.len(),
            Fault::ReorderingSync(every) if self.age.syncs.is_multiple_of(every) => self.pending.len() / 2,
            _ => 0,
        };
        for change in self.pending.drain(left..) {
            match change {
                Change::Sector { at, bytes } => put(&mut self.platter, at, &bytes),
                Change::Length(length) => self.platter.resize(length as usize, 0),
            }
        }
    }
}

fn dark() -> io::Error {
    io::Error::other("the power is out")
}

impl redb::StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        let state = self.state();
        if state.out { Err(dark()) } else { Ok(state.seen.len() as u64) }
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut state = self.state();
        if state.out {
            return Err(dark());
        }
        let (from, to) = (offset as usize, offset as usize + out.len());
        out.copy_from_slice(state.seen.get(from..to).ok_or(io::ErrorKind::UnexpectedEof)?);
        state.age.reads += 1;
        if matches!(state.fault, Fault::StaleRead(every) if state.age.reads.is_multiple_of(every)) {
            out.fill(0);
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.state();
        let lives = state.change()?;
        state.resized += 1;
        state.pending.push(Change::Length(len));
        state.seen.resize(len as usize, 0);
        if lives { Ok(()) } else { Err(dark()) }
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.state();
        if !state.change()? {
            return Err(dark());
        }
        state.sync();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        let lives = state.change()?;
        put(&mut state.seen, offset, data);
        let mut at = offset;
        let mut rest = data;
        while !rest.is_empty() {
            let (sector, more) = rest.split_at(rest.len().min((SECTOR - at % SECTOR) as usize));
            state.pending.push(Change::Sector { at, bytes: sector.to_vec() });
            at += sector.len() as u64;
            rest = more;
        }
        if lives { Ok(()) } else { Err(dark()) }
    }
}
