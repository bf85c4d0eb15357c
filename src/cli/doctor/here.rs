//! What is on this machine: settings, data folder, disk, and whether a marketplace runs on it.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::super::serve::needed;
use super::{List, WITHIN};
use crate::base::Error;
use crate::settings::{Network, Settings};

/// Below this the disk is nearly full.
const LITTLE_MB: u64 = 2_000;
const VERY_LITTLE_MB: u64 = 200;

/// Tells whether a marketplace runs with these settings.
pub async fn look(list: &mut List, settings: &Settings, locked: Option<Error>) -> bool {
    self::settings(list, settings, locked);
    folder(list, &settings.server.data);
    public_url(list, settings);
    running(list, settings).await
}

fn settings(list: &mut List, settings: &Settings, locked: Option<Error>) {
    let built_in = settings.grid.network == Network::Local && settings.grid.chain.is_empty();
    let missing: Vec<&str> =
        needed(settings).into_iter().filter(|(_, missing)| *missing && !built_in).map(|(name, _)| name).collect();
    match (locked, missing.as_slice()) {
        (Some(error), _) => list.fail(
            "settings",
            error.message(),
            "Give grid.passphrase as a systemd credential, or as COOPERAGE_GRID__PASSPHRASE_FILE.",
        ),
        (None, []) => list.ok("settings", "nothing is missing"),
        (None, missing) => list.fail(
            "settings",
            format!("missing: {}", missing.join(", ")),
            "Set them in /etc/cooperage/config.toml, as COOPERAGE_SECTION__KEY, or as systemd credentials.",
        ),
    }
    if !built_in && settings.cards.webhook_secret.reveal().is_empty() {
        list.warn(
            "card notices",
            "cards.webhook_secret is not set, so the processor can't tell us anything by itself",
            "Make an endpoint for /hooks/cards at the processor and set its secret.",
        );
    }
}

fn folder(list: &mut List, data: &Path) {
    let shown = std::path::absolute(data).unwrap_or_else(|_| data.to_path_buf());
    let about = match std::fs::metadata(data) {
        Ok(about) if about.is_dir() => about,
        Ok(_) => {
            return list.fail("data folder", format!("{} is not a folder", shown.display()), "Name another one with --data.");
        }
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {
            return list.warn(
                "data folder",
                format!("{} is not there yet", shown.display()),
                "`serve` makes it. If there should be one, name it with --data.",
            );
        }
        Err(cause) => {
            return list.fail("data folder", format!("{}: {cause}", shown.display()), "Run doctor as the service's user.");
        }
    };
    let books = std::fs::metadata(data.join("cooperage.redb")).map(|books| books.len() / 1_000_000).ok();
    let holds = books.map_or_else(|| "no books in it yet".to_owned(), |megabytes| format!("books of {megabytes} MB"));
    match about.mode() & 0o077 {
        0 => list.ok("data folder", format!("{}, {holds}", shown.display())),
        _ => list.warn(
            "data folder",
            format!("{}, {holds}; others on this machine can look into it", shown.display()),
            format!("chmod 700 {}", shown.display()),
        ),
    }
    match free_mb(data) {
        Some(free) if free < VERY_LITTLE_MB => {
            list.fail("disk", format!("{free} MB free"), "Make room: a full disk ends the service.")
        }
        Some(free) if free < LITTLE_MB => list.warn("disk", format!("{free} MB free"), "Make room before it is full."),
        Some(free) => list.ok("disk", format!("{} GB free", free / 1000)),
        None => list.warn("disk", "how much is free can't be found out here", "Look with df."),
    }
}

/// What `df` says, which every machine with a shell has.
fn free_mb(folder: &Path) -> Option<u64> {
    let said = Command::new("df").arg("-Pk").arg(folder).output().ok().filter(|said| said.status.success())?;
    let text = String::from_utf8(said.stdout).ok()?;
    let free: u64 = text.lines().last()?.split_whitespace().nth(3)?.parse().ok()?;
    Some(free / 1000)
}

fn public_url(list: &mut List, settings: &Settings) {
    let url = &settings.server.public_url;
    match settings.is_https() || settings.grid.network == Network::Local {
        true => list.ok("public address", url.clone()),
        false => list.warn(
            "public address",
            format!("{url} is not https: passwords travel in the open"),
            "Put a proxy with TLS before it and set server.public_url.",
        ),
    }
}

/// Asks a running marketplace, for it alone may open the books.
async fn running(list: &mut List, settings: &Settings) -> bool {
    let Ok(client) = reqwest::Client::builder().timeout(WITHIN).redirect(reqwest::redirect::Policy::none()).build() else {
        list.fail("marketplace", "no HTTP client can be made on this machine", "This should not be: please tell us.");
        return false;
    };
    let own = format!("http://{}", settings.server.listen);
    let answer = match client.get(format!("{own}/readyz")).send().await {
        Ok(answer) => answer,
        Err(_) => {
            list.ok("marketplace", "not running here; `cooperage ledger check` looks at its books while it is not");
            return false;
        }
    };
    let ready = answer.status().is_success();
    let Ok(detail) = answer.json::<Value>().await else {
        list.fail("marketplace", format!("something else answers at {own}"), "Set server.listen to an address that is free.");
        return false;
    };
    let obstacles: Vec<&str> = detail["obstacles"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    match ready {
        true => list.ok("marketplace", "running, and takes orders; its books were checked when it started and are daily"),
        false if obstacles.is_empty() => {
            list.warn(
                "marketplace",
                "running, and not ready yet",
                "It sets up its account and asks for nodes: wait a minute and look again.",
            );
        }
        false => list.fail(
            "marketplace",
            format!("running, and takes no orders: {}", obstacles.join(", ")),
            "The operator's overview says it in sentences; so do the lines below.",
        ),
    }
    if own != settings.server.public_url {
        match client.get(format!("{}/livez", settings.server.public_url)).send().await {
            Ok(answer) if answer.status().is_success() => list.ok("way in", "the public address leads to it"),
            Ok(answer) => list.fail(
                "way in",
                format!("the public address answers {}", answer.status()),
                "Let the proxy pass every path on to server.listen.",
            ),
            Err(_) => list.warn(
                "way in",
                "the public address can't be reached from this machine",
                "Look from outside; some networks can't reach themselves.",
            ),
        }
    }
    true
}
