//! When things happen: the runner of jobs, and the sweeps that look around by themselves.

mod runner;
mod sweep;

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::app::App;

/// Everything that runs by itself. `stop` lets running work finish.
pub struct Jobs {
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Jobs {
    /// Starts the runner and the sweeps. `leaps` tells when a fast clock has jumped.
    pub fn start(app: &Arc<App>, leaps: Option<watch::Receiver<u64>>) -> Jobs {
        let (stop, stopped) = watch::channel(false);
        let mut tasks = vec![tokio::spawn(runner::run(app.clone(), stopped.clone(), leaps.clone()))];
        tasks.extend(sweep::start(app, &stopped, leaps));
        Jobs { stop, tasks }
    }

    pub async fn stop(self) {
        self.stop.send_replace(true);
        for task in self.tasks {
            if let Err(error) = task.await {
                tracing::error!(%error, "a task broke off");
            }
        }
    }
}
