//! `demo`: the marketplace with its own grid, ready-made people and a fast clock. It *is* the product, with other addresses.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::instance::{Instance, bind};
use super::serve::{STEP, start_world, until_stopped};
use super::{Context, Say, story};
use crate::base::time::HOUR;
use crate::base::{Error, Result};
use crate::domain::account::Role;
use crate::domain::order::State;
use crate::domain::web_address::Stage;
use crate::host::{HostClock, HostRandom};
use crate::localgrid::world::World;
use crate::settings::Network;
use crate::store::order::Orders;
use crate::store::web_address::WebAddresses;

/// While nothing is in the making, an hour goes by in so many seconds.
pub const HOUR_EVERY: Duration = Duration::from_secs(20);
/// A node of the story takes less time than one that is watched by a person.
const STORY_STEP: Duration = Duration::from_millis(60);

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Play the whole journey without a browser, and say how it went. Exit code 0 only if everything holds.
    #[arg(long)]
    story: bool,
    /// Let the clock stand still between the operator's “Skip an hour”.
    #[arg(long)]
    still: bool,
}

/// A card that the local processor takes.
const CARD: &str = "4242 4242 4242 4242";

/// A person of the founding story.
#[derive(Serialize)]
pub struct Person {
    pub name: &'static str,
    pub email: &'static str,
    pub password: &'static str,
    /// The password as it is kept. It is worked out here once for all, for it takes a while, on purpose.
    #[serde(skip)]
    hash: &'static str,
    pub roles: &'static [Role],
    pub what: &'static str,
}

pub const ALICE: Person = Person {
    name: "Alice",
    email: "alice@cooperage.example",
    password: "alice rolls the barrels",
    hash: "$argon2id$v=19$m=19456,t=2,p=1$Q4e0H99g9edcoEw9mJe0Eg$kY1SdqQjl5DF8xd7nXNpSJF5ae3QfJBzoPHx77RIw5U",
    roles: &[Role::User],
    what: "user: orders VMs",
};
pub const TOM: Person = Person {
    name: "Tom",
    email: "tom@cooperage.example",
    password: "tom turns the staves",
    hash: "$argon2id$v=19$m=19456,t=2,p=1$5zpg6WlvQ6MCEvu/bs75yw$4zalFX7sAMzHajzpSIacG7/sOqO3SXIxTRCkM97oPIA",
    roles: &[Role::User, Role::Operator],
    what: "operator: sees orders, money and jobs",
};
pub const HILBERT: Person = Person {
    name: "Hilbert",
    email: "hilbert@cooperage.example",
    password: "hilbert bends the hoops",
    hash: "$argon2id$v=19$m=19456,t=2,p=1$f6ALKAtBI9TEq4ITOJ0W1w$A3zO1eMb8kwwOTZsZ9FDl58tDPuITFHzrAst+Cu6kKs",
    roles: &[Role::User, Role::Provider],
    what: "provider: his farm is “Hilbert's Barn”",
};
pub const PEOPLE: [&Person; 3] = [&ALICE, &TOM, &HILBERT];

/// A running demo.
pub struct Demo {
    pub instance: Instance,
    pub world: World,
    pub clock: Arc<HostClock>,
    folder: PathBuf,
}

impl Demo {
    /// Starts world, marketplace and people. The data folder is made new, and thrown away at the end.
    pub async fn start(context: &Context, step: Duration) -> Result<Demo> {
        let mut settings = context.settings.clone();
        let listener = bind(&settings)?;
        let local = listener.local_addr().map_err(|cause| Error::internal("The address is gone.").because(cause))?;
        // Somebody may reach it through another address; if none is named, the port that was really taken counts.
        let named = settings.server.public_url.clone();
        if named.is_empty() || named == format!("http://{}", settings.server.listen) {
            settings.server.public_url = format!("http://{local}");
        }
        settings.server.listen = local.to_string();
        settings.grid.network = Network::Local;
        let (clock, random) = (HostClock::new(), Arc::new(HostRandom));
        let folder = std::env::temp_dir().join(format!("cooperage-demo-{}-{}", std::process::id(), local.port()));
        settings.server.data = folder.clone();
        let world = start_world(&clock, &mut settings, step).await?;
        let leaper = clock.clone();
        let instance = Instance::start(settings, listener, clock.clone(), random, Some(clock.leaps())).await?;
        let _same = instance.app.clone().with_leap(Arc::new(move |span| leaper.leap(span)));
        world.meet(&instance.url);
        let demo = Demo { instance, world, clock, folder };
        demo.people().await?;
        Ok(demo)
    }

    async fn people(&self) -> Result<()> {
        let app = &self.instance.app;
        for person in PEOPLE {
            let hash = person.hash.into();
            let user = app.add_person(person.name, person.email, hash, person.roles.iter().copied().collect()).await?;
            if person.name == HILBERT.name {
                for farm in self.world.fleet.farms.iter().filter(|farm| farm.name.starts_with("Hilbert")) {
                    app.grant_farm(user.id, farm.id, farm.twin).await?;
                }
            }
        }
        Ok(())
    }

    /// Waits until orders can be taken.
    pub async fn ready(&self) -> Result<()> {
        for _ in 0..600 {
            let app = &self.instance.app;
            if app.twin().is_ok() && app.nodes().iter().any(|node| node.sellable()) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        Err(Error::unavailable("The demo did not get ready within 15 seconds."))
    }

    pub async fn stop(self) -> Result<()> {
        self.instance.stop().await;
        self.world.stop().await;
        remove(&self.folder)
    }
}

fn remove(folder: &Path) -> Result<()> {
    std::fs::remove_dir_all(folder).map_err(|cause| Error::internal("The demo's folder can't be removed.").because(cause))
}

pub async fn run(context: &Context, args: Args) -> Result<()> {
    if args.story {
        return story::run(context, STORY_STEP).await;
    }
    let demo = Demo::start(context, STEP).await?;
    demo.ready().await?;
    context.line(&Greeting::of(&demo, args.still))?;
    let ticking = (!args.still).then(|| tokio::spawn(tick(demo.clock.clone(), demo.instance.app.clone())));
    let stopped = until_stopped(&demo.instance).await;
    if let Some(ticking) = ticking {
        ticking.abort();
    }
    eprintln!("\nStopping.");
    demo.stop().await?;
    stopped
}

#[derive(Serialize)]
struct Greeting {
    name: String,
    url: String,
    mails: String,
    people: [&'static Person; 3],
    card: &'static str,
    /// An hour goes by in so many seconds; None: the clock stands still.
    hour_every_seconds: Option<u64>,
}

impl Greeting {
    fn of(demo: &Demo, still: bool) -> Greeting {
        Greeting {
            name: demo.instance.app.settings.brand.name.clone(),
            url: demo.instance.url.clone(),
            mails: demo.world.addresses.mail.clone(),
            people: PEOPLE,
            card: CARD,
            hour_every_seconds: (!still).then(|| HOUR_EVERY.as_secs()),
        }
    }
}

impl Say for Greeting {
    fn words(&self) -> String {
        let mut text = format!("\n  {} is running:  {}\n\n  Who you can be:\n", self.name, self.url);
        for person in self.people {
            text += &format!("    {:8} {:28} {:26} {}\n", person.name, person.email, person.password, person.what);
        }
        text += &format!("\n  Or sign up yourself; mails are at  {}\n", self.mails);
        text += &format!("  Test card                          {}, any date to come, any three digits\n", self.card);
        text += &match self.hour_every_seconds {
            None => "  The clock stands still: Tom skips hours on his overview.\n".to_owned(),
            Some(seconds) => format!("  The clock is fast: an hour goes by every {seconds} seconds.\n"),
        };
        text + "\n  Nothing leaves this machine. Ctrl-C stops it and throws everything away.\n"
    }
}

/// Lets hours go by, but never while an order or a web address is on its way: their deadlines are meant for real time.
async fn tick(clock: Arc<HostClock>, app: Arc<crate::app::App>) {
    loop {
        tokio::time::sleep(HOUR_EVERY).await;
        let moving =
            |state| app.read().and_then(|snapshot| snapshot.orders_in(state, None, 1)).map_or(true, |orders| !orders.is_empty());
        let pointing = app
            .read()
            .and_then(|snapshot| snapshot.open_web_addresses(None, 100))
            .map_or(true, |all| all.iter().any(|address| !matches!(address.stage, Stage::Live | Stage::Waiting)));
        if !pointing && !State::ALL.into_iter().filter(|state| !state.at_rest()).any(moving) {
            clock.leap(HOUR);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::hasher::Hasher;

    #[tokio::test]
    async fn the_people_of_the_demo_get_in_with_the_passwords_that_it_prints() {
        let hasher = Hasher::default();
        for person in PEOPLE {
            assert!(hasher.fits(person.password.into(), Some(person.hash.into())).await.unwrap(), "{}", person.name);
        }
    }
}
