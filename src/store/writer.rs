//! The one writer: many queued requests in one redb transaction, one durable commit, then all answers together.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::Disk;
use super::health::{Health, refusal};
use super::tx::{OpenTables, Tx};
use crate::base::{Error, Result};

/// A request that waits for its turn. What it gives back is called after the commit; dropped unheard, the asker
/// learns that the store has failed.
pub(super) type Request = Box<dyn FnOnce(&mut Tx<'_>) -> Outcome + Send>;
type Answer = Box<dyn FnOnce() + Send>;

pub(super) struct Outcome {
    keep: bool,
    answer: Answer,
}

/// Wraps a verb and the place its result goes to.
pub(super) fn request<T: Send + 'static>(
    verb: impl FnOnce(&mut Tx<'_>) -> Result<T> + Send + 'static,
    done: impl FnOnce(Result<T>) + Send + 'static,
) -> Request {
    Box::new(move |tx| {
        let result = catch_unwind(AssertUnwindSafe(|| verb(tx))).unwrap_or_else(|panic| Err(panicked(panic.as_ref())));
        Outcome { keep: result.is_ok(), answer: Box::new(move || done(result)) }
    })
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> Error {
    let words = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    Error::internal("Something went wrong on our side.").because(format!("panic: {}", words.unwrap_or("without words")))
}

/// Requests in the order they came. Bounded: who comes to a full queue is told so at once.
pub(super) struct Queue {
    line: Mutex<Line>,
    arrived: Condvar,
    room: usize,
}

#[derive(Default)]
struct Line {
    waiting: VecDeque<Request>,
    closed: bool,
}

impl Queue {
    pub(super) fn new(room: usize) -> Self {
        Queue { line: Mutex::default(), arrived: Condvar::new(), room }
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn push(&self, request: Request) -> Result<()> {
        let mut line = self.line();
        if line.closed {
            return Err(Error::unavailable("The service is stopping."));
        }
        if line.waiting.len() >= self.room {
            return Err(Error::unavailable("Too many requests at once. Please try again in a moment."));
        }
        line.waiting.push_back(request);
        self.arrived.notify_one();
        Ok(())
    }

    /// Nothing new is taken from now on; what waits is still done.
    pub(super) fn close(&self) {
        self.line().closed = true;
        self.arrived.notify_all();
    }

    /// The next batch; empty when there is nothing to do.
    pub(super) fn take(&self, most: usize) -> Vec<Request> {
        let mut line = self.line();
        let count = line.waiting.len().min(most);
        line.waiting.drain(..count).collect()
    }

    /// Waits for the next batch; empty when the queue is closed and done.
    fn wait(&self, most: usize) -> Vec<Request> {
        let line = self.line();
        drop(
            self.arrived.wait_while(line, |line| line.waiting.is_empty() && !line.closed).unwrap_or_else(PoisonError::into_inner),
        );
        self.take(most)
    }
}

/// Applies batches.
pub(super) struct Engine {
    pub(super) disk: Arc<Disk>,
    pub(super) health: Arc<Health>,
    pub(super) commits: watch::Sender<u64>,
    pub(super) most: usize,
}

impl Engine {
    /// The writer thread: until the queue is closed and empty.
    pub(super) fn serve(&self, queue: &Queue) {
        loop {
            let batch = queue.wait(self.most);
            if batch.is_empty() {
                return;
            }
            self.run(batch);
        }
    }

    /// One batch, one commit. A failed store drops its requests unheard.
    pub(super) fn run(&self, batch: Vec<Request>) {
        if !self.health.is_well() {
            return;
        }
        match catch_unwind(AssertUnwindSafe(|| self.commit(batch))) {
            Ok(Ok(answers)) => answers.into_iter().for_each(|answer| answer()),
            Ok(Err(_)) => {} // noted where it happened
            Err(panic) => self.health.stop(&format!("{:?}", panicked(panic.as_ref()))),
        }
    }

    fn commit(&self, batch: Vec<Request>) -> Result<Vec<Answer>> {
        let fail = |cause: redb::Error| self.health.fail(cause);
        let mut txn = self.disk.db.begin_write().map_err(|cause| fail(cause.into()))?;
        txn.set_two_phase_commit(true);
        txn.set_quick_repair(true);
        let mut answers = Vec::with_capacity(batch.len());
        let mut changed = false;
        {
            let tables = OpenTables::new(&txn, &self.health);
            for request in batch {
                let mut tx = Tx::new(&tables);
                let outcome = request(&mut tx);
                if tables.was_inside() {
                    self.health.stop("redb panicked");
                }
                if !self.health.is_well() {
                    return Err(refusal());
                }
                let overlay = tx.into_overlay();
                if outcome.keep && !overlay.is_empty() {
                    tables.apply(overlay)?;
                    changed = true;
                }
                answers.push(outcome.answer);
            }
        }
        if changed {
            txn.commit().map_err(|cause| fail(cause.into()))?;
            self.commits.send_modify(|count| *count += 1);
        } else {
            txn.abort().map_err(|cause| fail(cause.into()))?;
        }
        Ok(answers)
    }
}
