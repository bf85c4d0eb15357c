//! A marketplace on its first day: a world around it, and nobody in it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cooperage::base::Secret;
use cooperage::cli::instance::{Instance, bind};
use cooperage::host::{HostClock, HostRandom};
use cooperage::localgrid::world::World;
use cooperage::settings::{Network, Settings};

pub struct Bare {
    pub instance: Instance,
    pub world: World,
    /// Where it listens, whatever it believes its address to be.
    pub url: String,
    pub clock: Arc<HostClock>,
    folder: PathBuf,
}

impl Bare {
    pub async fn open(change: impl FnOnce(&mut Settings)) -> Bare {
        let _already = rustls::crypto::ring::default_provider().install_default();
        let (clock, random) = (HostClock::new(), Arc::new(HostRandom));
        let world = World::start(clock.clone(), random.clone(), Duration::from_millis(20)).await.unwrap();
        let mut settings = Settings::default();
        settings.server.listen = "127.0.0.1:0".into();
        let listener = bind(&settings).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let folder =
            std::env::temp_dir().join(format!("cooperage-bare-{}-{}", std::process::id(), listener.local_addr().unwrap().port()));
        settings.server.public_url = url.clone();
        settings.server.data = folder.clone();
        let at = &world.addresses;
        settings.grid.network = Network::Local;
        settings.grid.chain = at.chain.to_vec();
        settings.grid.relay = at.relay.clone();
        settings.grid.index = vec![at.index.clone()];
        settings.grid.identity = at.identity.clone();
        settings.grid.stores = at.stores.clone();
        settings.grid.mnemonic = at.mnemonic.clone();
        settings.gateways.dns = vec![at.dns.to_string()];
        settings.gateways.via = at.web.to_string();
        settings.cards.url = at.cards.clone();
        settings.cards.page = at.cards.clone();
        settings.cards.secret_key = at.cards_secret_key.clone();
        settings.cards.webhook_secret = at.webhook_secret.clone();
        settings.mail.smtp = Secret::new(at.smtp.clone());
        change(&mut settings);
        let instance = Instance::start(settings, listener, clock.clone(), random, Some(clock.leaps())).await.unwrap();
        Bare { instance, world, url, clock, folder }
    }

    /// The same place after a restart, with other settings.
    pub async fn again(self, change: impl FnOnce(&mut Settings)) -> Bare {
        let Bare { instance, world, clock, folder, .. } = self;
        let mut settings = instance.app.settings.clone();
        instance.stop().await;
        change(&mut settings);
        settings.server.listen = "127.0.0.1:0".into();
        let listener = bind(&settings).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        settings.server.public_url = url.clone();
        let random = Arc::new(HostRandom);
        let instance = Instance::start(settings, listener, clock.clone(), random, Some(clock.leaps())).await.unwrap();
        Bare { instance, world, url, clock, folder }
    }

    pub async fn close(self) {
        self.instance.stop().await;
        self.world.stop().await;
        std::fs::remove_dir_all(&self.folder).unwrap();
    }
}
