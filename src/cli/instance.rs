//! A running marketplace: store, app, jobs and HTTP server, wired together. Used by `serve`, by `demo` and by tests.

use std::net::TcpListener;
use std::num::NonZero;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::middleware::{Compress, from_fn};
use actix_web::web::Data;
use actix_web::{App as Site, HttpServer};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::app::App;
use crate::base::{Clock, Error, Kind, Random, Result};
use crate::grid::{Config, Grid};
use crate::jobs::Jobs;
use crate::settings::Settings;
use crate::store::schema::CHAIN;
use crate::store::{Options, Read, Store};
use crate::web::guest::shelf::Shelf;
use crate::web::routes::{Policy, around, routes};
use crate::web::user::stream::Streams;

/// A slow sender has this long for the head of a request.
const HEAD_WITHIN: Duration = Duration::from_secs(5);
/// How long open requests may go on after a stop.
const GRACE_S: u64 = 5;
/// Over all workers.
const CONNECTIONS: usize = 10_000;

/// The grid that the settings name. `answer` is how long its nodes may take to say something.
pub fn grid_config(settings: &Settings, answer: Duration, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Config {
    let grid = &settings.grid;
    Config {
        chain: grid.chain.clone(),
        genesis: None,
        relay: grid.relay.clone(),
        index: grid.index.clone(),
        identity: grid.identity.clone(),
        stores: grid.stores.clone(),
        mnemonic: grid.mnemonic.clone(),
        watch: grid.watch.clone(),
        answer,
        clock,
        random,
    }
}

pub struct Instance {
    pub app: Arc<App>,
    /// `http://…`, without a slash at the end.
    pub url: String,
    jobs: Jobs,
    server: ServerHandle,
    serving: JoinHandle<std::io::Result<()>>,
}

/// Binds the address of the settings, before anything else is touched: an occupied port leaves no traces.
pub fn bind(settings: &Settings) -> Result<TcpListener> {
    let listen = &settings.server.listen;
    TcpListener::bind(listen).map_err(|cause| {
        let said = match cause.kind() {
            std::io::ErrorKind::AddrInUse => format!("The address {listen} is taken: another program listens there. Choose another one with --set server.listen=127.0.0.1:PORT."),
            _ => format!("The address {listen} can't be listened on."),
        };
        Error::new(Kind::Conflict, said).because(cause)
    })
}

impl Instance {
    /// Opens the store, checks the books, and starts serving on `listener`. `leaps` tells when a fast clock has jumped.
    pub async fn start(
        settings: Settings,
        listener: TcpListener,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        leaps: Option<watch::Receiver<u64>>,
    ) -> Result<Instance> {
        let store = Store::open(&settings.server.data, Options::default())?;
        Self::with_store(store, settings, listener, clock, random, leaps).await
    }

    pub async fn with_store(
        store: Store,
        settings: Settings,
        listener: TcpListener,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        leaps: Option<watch::Receiver<u64>>,
    ) -> Result<Instance> {
        let answer = Duration::from_secs(settings.grid.answer_seconds);
        let genesis = store.read()?.single(&CHAIN)?;
        let grid = Grid::new(Config { genesis, ..grid_config(&settings, answer, clock.clone(), random.clone()) })?;
        let url = settings.server.public_url.clone();
        let app = App::new(store, clock, random, settings, grid)?;
        app.wake_sleepers().await?;
        app.owe_set_up().await?;
        let jobs = Jobs::start(&app, leaps);
        let (data, policy) = (Data::from(app.clone()), Data::new(Policy::new(&app.settings)));
        let (shelf, streams) = (Data::new(Shelf::default()), Data::new(Streams::default()));
        let workers = std::thread::available_parallelism().map_or(2, NonZero::get);
        let server = HttpServer::new(move || {
            Site::new()
                .app_data(data.clone())
                .app_data(policy.clone())
                .app_data(shelf.clone())
                .app_data(streams.clone())
                .wrap(from_fn(around))
                .wrap(Compress::default())
                .configure(routes)
        })
        .client_request_timeout(HEAD_WITHIN)
        .workers(workers)
        .max_connections(CONNECTIONS / workers)
        .shutdown_timeout(GRACE_S)
        .disable_signals()
        .listen(listener)
        .map_err(|cause| Error::internal("The HTTP server can't listen.").because(cause))?
        .run();
        let handle = server.handle();
        let serving = tokio::spawn(server);
        Ok(Instance { app, url, jobs, server: handle, serving })
    }

    /// Lets running work finish, then closes the store.
    pub async fn stop(self) {
        // Both at once: each has its own patience, and together they must end within ten seconds.
        let ((), ()) = tokio::join!(self.server.stop(true), self.jobs.stop());
        if let Err(error) = self.serving.await {
            tracing::error!(%error, "the HTTP server broke off");
        }
        let store = self.app.store.clone();
        drop(self.app);
        if tokio::task::spawn_blocking(move || store.close()).await.is_err() {
            tracing::error!("the store did not close");
        }
    }
}
