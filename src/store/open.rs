//! Opening the data folder: one process, one file, nothing touched before it is known to be ours and readable.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek, Write as _};
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use redb::{Database, DatabaseError, ReadableDatabase, StorageBackend};

use super::health::Health;
use super::migrate::{self, Migration};
use super::schema::VERSION;
use super::table::Read;
use super::tx::Snapshot;
use super::{Disk, Options};
use crate::base::{Error, Result};

const FILE: &str = "cooperage.redb";
const LOCK: &str = "lock";

pub(super) fn open(dir: &Path, options: &Options, migrations: &[Migration]) -> Result<Disk> {
    std::fs::create_dir_all(dir).map_err(|cause| folder_error("create", dir, cause))?;
    let lock = lock(dir)?;
    let path = dir.join(FILE);
    let there = path.try_exists().map_err(|cause| folder_error("read", dir, cause))?;
    if there {
        let version = look(&path, options)?;
        migrate::refuse_newer(version, migrations.len() as u64)?;
        if version < migrations.len() as u64 {
            let copy = dir.join(format!("{FILE}.before-v{}", migrations.len()));
            copy_whole(&path, &copy).map_err(|cause| folder_error("write to", dir, cause))?;
        }
    } else {
        create(dir, &path, options, migrations)?;
    }
    let db = builder(options).open(&path).map_err(|cause| unreadable(&path, cause))?;
    let disk = Disk { db, _lock: Some(lock) };
    migrate::run(&disk.db, migrations)?;
    Ok(disk)
}

pub(super) fn open_backend(backend: impl StorageBackend, options: &Options, migrations: &[Migration]) -> Result<Disk> {
    let db = builder(options)
        .create_with_backend(backend)
        .map_err(|cause| Error::unavailable("The storage cannot be opened.").because(cause))?;
    migrate::run(&db, migrations)?;
    Ok(Disk { db, _lock: None })
}

fn builder(options: &Options) -> redb::Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(options.cache_bytes);
    builder
}

/// Held as long as the file is open. Says who holds it, for the other one's sentence.
fn lock(dir: &Path) -> Result<File> {
    let wrong = |cause| folder_error("write to", dir, cause);
    let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(dir.join(LOCK)).map_err(wrong)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let _ = file.read_to_string(&mut holder); // only for the sentence
            let holder = holder.trim().parse::<u32>().map(|id| format!(" (process {id})")).unwrap_or_default();
            return Err(Error::conflict(format!(
                "Another Cooperage is using the data folder {}{holder}. Stop it first, or name another folder.",
                dir.display()
            )));
        }
        Err(TryLockError::Error(cause)) => return Err(wrong(cause)),
    }
    let note = |file: &mut File| {
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{}", std::process::id())
    };
    note(&mut file).map_err(wrong)?;
    Ok(file)
}

/// A new file is made beside its place and moved there when it is whole: an empty file is therefore never a new one.
fn create(dir: &Path, path: &Path, options: &Options, migrations: &[Migration]) -> Result<()> {
    let wrong = |cause| folder_error("write to", dir, cause);
    let fresh = dir.join(format!("{FILE}.new"));
    if fresh.try_exists().map_err(wrong)? {
        std::fs::remove_file(&fresh).map_err(wrong)?;
    }
    let db = builder(options).create(&fresh).map_err(|cause| unreadable(&fresh, cause))?;
    migrate::run(&db, migrations)?;
    drop(db);
    rename_durably(&fresh, path).map_err(wrong)
}

fn copy_whole(from: &Path, to: &Path) -> io::Result<()> {
    let part = to.with_extension("part");
    std::fs::copy(from, &part)?;
    rename_durably(&part, to)
}

fn rename_durably(from: &Path, to: &Path) -> io::Result<()> {
    File::open(from)?.sync_all()?;
    std::fs::rename(from, to)?;
    to.parent().map_or(Ok(()), |dir| File::open(dir)?.sync_all())
}

/// The version of a file, found without changing a byte of it, even where it needs recovery.
fn look(path: &Path, options: &Options) -> Result<u64> {
    let file = File::open(path).map_err(|cause| unreadable(path, cause.into()))?;
    let backend = Spectacles::new(file).map_err(|cause| unreadable(path, cause.into()))?;
    if backend.is_empty() {
        return Err(unreadable(path, io::Error::new(io::ErrorKind::UnexpectedEof, "the file is empty").into()));
    }
    let read = || -> Result<u64> {
        let db = builder(options).create_with_backend(backend).map_err(|cause| unreadable(path, cause))?;
        let txn = db.begin_read().map_err(|cause| Error::internal("The data file cannot be read.").because(cause))?;
        let version = Snapshot { txn, health: Arc::new(Health::new()) }.single(&VERSION);
        version?.ok_or_else(|| unreadable(path, io::Error::new(io::ErrorKind::InvalidData, "not a file of Cooperage").into()))
    };
    catch_unwind(AssertUnwindSafe(read))
        .unwrap_or_else(|_| Err(unreadable(path, io::Error::new(io::ErrorKind::InvalidData, "it is damaged").into())))
}

fn unreadable(path: &Path, cause: DatabaseError) -> Error {
    Error::unavailable(format!(
        "The data file {} cannot be opened: {cause}. It was left as it is; restore it from a backup.",
        path.display()
    ))
}

fn folder_error(verb: &str, dir: &Path, cause: io::Error) -> Error {
    Error::unavailable(format!("Cannot {verb} the data folder {}: {cause}.", dir.display()))
}

/// Shows a file to redb and keeps to itself what redb wants to write.
#[derive(Debug)]
struct Spectacles {
    file: File,
    len: Mutex<u64>,
    file_len: u64,
    written: Mutex<BTreeMap<u64, Vec<u8>>>,
}

/// Writes are remembered by blocks of this size.
const BLOCK: u64 = 512;

impl Spectacles {
    fn new(file: File) -> io::Result<Self> {
        let len = file.metadata()?.len();
        Ok(Spectacles { file, len: Mutex::new(len), file_len: len, written: Mutex::default() })
    }

    fn is_empty(&self) -> bool {
        self.file_len == 0
    }

    /// One block as redb has left it.
    fn block(&self, at: u64, written: &BTreeMap<u64, Vec<u8>>) -> io::Result<Vec<u8>> {
        if let Some(block) = written.get(&at) {
            return Ok(block.clone());
        }
        let mut block = vec![0; BLOCK as usize];
        let there = self.file_len.saturating_sub(at).min(BLOCK) as usize;
        self.file.read_exact_at(&mut block[..there], at)?;
        Ok(block)
    }
}

impl StorageBackend for Spectacles {
    fn len(&self) -> io::Result<u64> {
        Ok(*self.len.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        *self.len.lock().unwrap_or_else(PoisonError::into_inner) = len;
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let end = offset + out.len() as u64;
        if end > self.len()? {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let inside = end.min(self.file_len).saturating_sub(offset) as usize;
        self.file.read_exact_at(&mut out[..inside], offset)?;
        out[inside..].fill(0);
        for (at, block) in written.range(offset - offset % BLOCK..end) {
            let (from, to) = (offset.max(*at), end.min(at + BLOCK));
            out[(from - offset) as usize..(to - offset) as usize]
                .copy_from_slice(&block[(from - at) as usize..(to - at) as usize]);
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let end = offset + data.len() as u64;
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let mut at = offset - offset % BLOCK;
        while at < end {
            let mut block = self.block(at, &written)?;
            let (from, to) = (offset.max(at), end.min(at + BLOCK));
            block[(from - at) as usize..(to - at) as usize]
                .copy_from_slice(&data[(from - offset) as usize..(to - offset) as usize]);
            written.insert(at, block);
            at += BLOCK;
        }
        Ok(())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::path::PathBuf;

    use super::super::{Store, Table};
    use super::*;
    use crate::base::Kind;

    /// A folder that goes away with the test.
    pub(in crate::store) struct Folder(pub(in crate::store) PathBuf);

    impl Folder {
        pub(in crate::store) fn new(name: &str) -> Self {
            let dir = std::env::temp_dir().join(format!("cooperage-{}-{name}", std::process::id()));
            let _ = std::fs::remove_dir_all(&dir);
            Folder(dir)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    const WORDS: Table<u64, String> = Table::new("test_words");
    const NOTHING: fn(&mut crate::store::Tx<'_>) -> Result<()> = |_| Ok(());
    const SHOUT: fn(&mut crate::store::Tx<'_>) -> Result<()> = |tx| {
        for (key, word) in tx.all(&WORDS, 10)? {
            tx.put(&WORDS, key, &word.to_uppercase())?;
        }
        Ok(())
    };
    const FAIL: fn(&mut crate::store::Tx<'_>) -> Result<()> = |_| Err(Error::internal("a bad migration"));

    fn open_at(dir: &Path, runs: &[fn(&mut crate::store::Tx<'_>) -> Result<()>]) -> Result<Store> {
        let list: Vec<Migration> = runs.iter().map(|&run| Migration { name: "test", run }).collect();
        Store::start(open(dir, &Options::default(), &list)?, &Options::default())
    }

    fn word(dir: &Path, runs: &[fn(&mut crate::store::Tx<'_>) -> Result<()>]) -> Option<String> {
        open_at(dir, runs).unwrap().read().unwrap().get(&WORDS, 1).unwrap()
    }

    fn filled(name: &str) -> (Folder, PathBuf) {
        let dir = Folder::new(name);
        let store = open_at(&dir.0, &[NOTHING]).unwrap();
        store.write_blocking(|tx| tx.put(&WORDS, 1, &"quiet".into())).unwrap();
        let file = dir.0.join(FILE);
        (dir, file)
    }

    #[test]
    fn a_second_process_is_refused_with_a_sentence_that_names_the_first() {
        let dir = Folder::new("second");
        let first = Store::open(&dir.0, Options::default()).unwrap();
        let error = Store::open(&dir.0, Options::default()).err().unwrap();
        assert_eq!(error.kind(), Kind::Conflict);
        let start = format!("Another Cooperage is using the data folder {} (process {})", dir.0.display(), std::process::id());
        assert!(error.message().starts_with(&start), "{error}");
        drop(first);
        Store::open(&dir.0, Options::default()).unwrap();
    }

    #[test]
    fn a_file_is_copied_before_it_is_migrated() {
        let (dir, file) = filled("migrate");
        let before = std::fs::read(&file).unwrap();
        assert_eq!(word(&dir.0, &[NOTHING, SHOUT, NOTHING]).as_deref(), Some("QUIET"));
        let copy = dir.0.join("cooperage.redb.before-v3");
        assert!(std::fs::read(&copy).unwrap() == before, "the copy is the file as it was");
        std::fs::copy(copy, &file).unwrap();
        assert_eq!(word(&dir.0, &[NOTHING]).as_deref(), Some("quiet"), "and the older program opens it");
    }

    #[test]
    fn a_migration_that_fails_changes_nothing() {
        let (dir, _) = filled("half");
        assert_eq!(open_at(&dir.0, &[NOTHING, SHOUT, FAIL]).err().unwrap().message(), "a bad migration");
        assert_eq!(word(&dir.0, &[NOTHING]).as_deref(), Some("quiet"));
    }

    #[test]
    fn a_file_of_a_newer_program_is_refused_untouched() {
        let (dir, file) = filled("newer");
        drop(open_at(&dir.0, &[NOTHING, NOTHING]).unwrap());
        let before = std::fs::read(&file).unwrap();
        let error = open_at(&dir.0, &[NOTHING]).err().unwrap();
        assert_eq!(error.kind(), Kind::Conflict);
        assert!(error.message().contains("written by a newer Cooperage (version 2"), "{error}");
        assert!(std::fs::read(&file).unwrap() == before);
    }

    #[test]
    fn a_file_of_a_newer_program_that_crashed_is_refused_untouched() {
        let (dir, file) = filled("newer-crashed");
        let crashed = Folder::new("newer-crashed-copy");
        std::fs::create_dir_all(&crashed.0).unwrap();
        let store = open_at(&dir.0, &[NOTHING, NOTHING]).unwrap();
        store.write_blocking(|tx| tx.put(&WORDS, 2, &"more".into())).unwrap();
        let copy = crashed.0.join(FILE);
        std::fs::copy(&file, &copy).unwrap(); // as a crash would leave it: never closed
        let before = std::fs::read(&copy).unwrap();
        assert!(open_at(&crashed.0, &[NOTHING]).err().unwrap().message().contains("newer Cooperage"));
        assert!(std::fs::read(&copy).unwrap() == before);
        assert_eq!(word(&crashed.0, &[NOTHING, NOTHING]).as_deref(), Some("quiet"));
    }

    #[test]
    fn a_damaged_file_is_refused_untouched_with_one_sentence() {
        let (dir, file) = filled("damaged");
        let whole = std::fs::read(&file).unwrap();
        let half = whole[..whole.len() / 2].to_vec();
        let mut headless = whole.clone();
        headless[..64].fill(0xaa);
        let odd = whole[..whole.len() - 1].to_vec();
        let short = whole[..100].to_vec();
        for wrong in [Vec::new(), b"hello".to_vec(), vec![7; 100_000], half, odd, short, headless] {
            std::fs::write(&file, &wrong).unwrap();
            let error = open_at(&dir.0, &[NOTHING]).err().unwrap_or_else(|| panic!("{} bytes were opened", wrong.len()));
            assert!(error.message().starts_with("The data file ") && error.message().contains("left as it is"), "{error}");
            assert!(std::fs::read(&file).unwrap() == wrong, "the file was touched");
        }
        std::fs::write(&file, whole).unwrap();
        assert_eq!(word(&dir.0, &[NOTHING]).as_deref(), Some("quiet"));
    }

    #[test]
    fn a_file_of_another_program_is_refused_untouched() {
        let dir = Folder::new("foreign");
        std::fs::create_dir_all(&dir.0).unwrap();
        drop(Database::create(dir.0.join(FILE)).unwrap());
        let before = std::fs::read(dir.0.join(FILE)).unwrap();
        let error = open_at(&dir.0, &[NOTHING]).err().unwrap();
        assert!(error.message().contains("not a file of Cooperage"), "{error}");
        assert!(std::fs::read(dir.0.join(FILE)).unwrap() == before);
    }

    #[test]
    fn a_first_start_that_was_cut_short_is_begun_anew() {
        let dir = Folder::new("cut-short");
        std::fs::create_dir_all(&dir.0).unwrap();
        std::fs::write(dir.0.join("cooperage.redb.new"), b"half").unwrap();
        Store::open(&dir.0, Options::default()).unwrap();
    }
}
