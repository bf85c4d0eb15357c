//! A second node of the pretended chain: the same truth through a pane that can be made stale, false or foreign.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use parity_scale_codec::{Decode, Encode};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::Chain;
use crate::wire::key::AccountId;
use crate::wire::tfchain::Hash;
use crate::wire::tfchain::codec::storage_prefix;
use crate::wire::tfchain::server::{self, ChainBackend, Header, Heads, Mood, Refusal, Submission, UnknownBlock};

pub struct Window {
    chain: Arc<Chain>,
    /// Where the chain stood when the pane froze.
    frozen: watch::Sender<Heads>,
    stale: AtomicBool,
    /// Its blocks from this number on are others than the chain's; `u32::MAX` for none.
    forked_from: Mutex<u32>,
    pub silent: AtomicBool,
    pub garbage: AtomicBool,
    /// Says of every contract and account that there is none.
    pub blind: AtomicBool,
    /// Says that the runtime is one of a far later version, which nobody can read.
    pub boasts: AtomicBool,
    cut: watch::Sender<u64>,
    task: Mutex<Option<AbortHandle>>,
}

impl Window {
    /// Serves on `listen`, port 0 for any. Tells the address to give to clients.
    pub async fn open(chain: Arc<Chain>, listen: SocketAddr) -> std::io::Result<(Arc<Window>, String)> {
        let listener = TcpListener::bind(listen).await?;
        let url = format!("ws://{}", listener.local_addr()?);
        let heads = *chain.heads().borrow();
        let window = Arc::new(Window {
            chain,
            frozen: watch::Sender::new(heads),
            stale: AtomicBool::new(false),
            forked_from: Mutex::new(u32::MAX),
            silent: AtomicBool::new(false),
            garbage: AtomicBool::new(false),
            blind: AtomicBool::new(false),
            boasts: AtomicBool::new(false),
            cut: watch::Sender::new(0),
            task: Mutex::default(),
        });
        let task = tokio::spawn(server::serve(window.clone(), listener)).abort_handle();
        *window.task.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
        Ok((window, url))
    }

    pub fn disconnect_all(&self) {
        self.cut.send_modify(|count| *count += 1);
    }

    pub fn stop(&self) {
        self.disconnect_all();
        if let Some(task) = self.task.lock().unwrap_or_else(PoisonError::into_inner).take() {
            task.abort();
        }
    }

    /// Stands still where the chain is now, or goes on with it.
    pub fn set_stale(&self, stale: bool) {
        self.frozen.send_replace(*self.chain.heads().borrow());
        self.stale.store(stale, Ordering::SeqCst);
        self.disconnect_all();
    }

    /// From the next block on it is on a fork of its own, or back on the chain.
    pub fn set_forked(&self, forked: bool) {
        let next = self.chain.heads().borrow().finalized + 1;
        self.fork(if forked { next } else { u32::MAX });
    }

    /// It is a node of another chain altogether, or of this one again.
    pub fn set_foreign(&self, foreign: bool) {
        self.fork(if foreign { 0 } else { u32::MAX });
    }

    fn fork(&self, from: u32) {
        *self.forked_from.lock().unwrap_or_else(PoisonError::into_inner) = from;
        self.disconnect_all();
    }

    fn is_forked_at(&self, number: u32) -> bool {
        number >= *self.forked_from.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The true block behind one of ours.
    fn truth(&self, hash: &Hash) -> Hash {
        match self.chain.block(hash) {
            Some(_) => *hash,
            None => hash.map(|byte| !byte),
        }
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        self.stop();
    }
}

impl ChainBackend for Window {
    fn metadata(&self, at: Option<Hash>) -> Arc<Vec<u8>> {
        if self.boasts.load(Ordering::SeqCst) {
            return Arc::new(b"meta of times to come".to_vec());
        }
        self.chain.metadata(at.map(|at| self.truth(&at)))
    }

    fn version(&self, at: Option<Hash>) -> Arc<Vec<u8>> {
        type Version = (String, String, u32, u32, u32, Vec<([u8; 8], u32)>, u32, u8);
        let told = self.chain.version(at.map(|at| self.truth(&at)));
        match Version::decode(&mut told.as_slice()) {
            Ok(mut version) if self.boasts.load(Ordering::SeqCst) => {
                version.3 = u32::MAX;
                Arc::new(version.encode())
            }
            _ => told,
        }
    }

    fn heads(&self) -> watch::Receiver<Heads> {
        if self.stale.load(Ordering::SeqCst) { self.frozen.subscribe() } else { self.chain.heads() }
    }

    fn hash_of(&self, number: u32) -> Option<Hash> {
        let hash = self.chain.hash_of(number)?;
        Some(if self.is_forked_at(number) { hash.map(|byte| !byte) } else { hash })
    }

    fn block(&self, hash: &Hash) -> Option<(Header, Vec<Vec<u8>>)> {
        self.chain.block(&self.truth(hash))
    }

    fn storage(&self, key: &[u8], at: Option<Hash>) -> Result<Option<Vec<u8>>, UnknownBlock> {
        let hidden = [("SmartContractModule", "Contracts"), ("System", "Account")];
        let hides = || hidden.iter().any(|(pallet, item)| key.starts_with(&storage_prefix(pallet, item)));
        if self.blind.load(Ordering::SeqCst) && hides() {
            return Ok(None);
        }
        // This one keeps everything.
        self.chain.stored(key, at.map(|at| self.truth(&at)))
    }

    fn keys(&self, prefix: &[u8], after: Option<&[u8]>, count: usize, at: Option<Hash>) -> Result<Vec<Vec<u8>>, UnknownBlock> {
        self.chain.keys(prefix, after, count, at.map(|at| self.truth(&at)))
    }

    fn next_nonce(&self, account: &AccountId) -> u32 {
        self.chain.next_nonce(account)
    }

    fn submit(&self, extrinsic: &[u8]) -> Result<Submission, Refusal> {
        self.chain.submit(extrinsic)
    }

    fn locate(&self, extrinsic: &Hash) -> Option<u32> {
        self.chain.locate(extrinsic)
    }

    fn fee(&self, length: usize) -> u128 {
        self.chain.fee(length)
    }

    fn cut(&self) -> watch::Receiver<u64> {
        self.cut.subscribe()
    }

    fn mood(&self) -> Mood {
        match () {
            () if self.silent.load(Ordering::SeqCst) => Mood::Silent,
            () if self.garbage.load(Ordering::SeqCst) => Mood::Garbled,
            () => self.chain.mood(),
        }
    }
}
