//! The configuration that zstor reads on the customer's server (`threefoldtech/0-stor_v2: zstor/src/config.rs`).

use std::fmt::Write;

use super::{Layout, Role, Swarm};
use crate::base::Secret;

/// What stands where the key belongs, once we do not have it any more.
pub const KEY_PLACEHOLDER: &str = "PUT THE KEY OF YOUR FIRST CONFIGURATION HERE";
/// Where the file belongs.
pub const FILE: &str = "/etc/zstor.toml";

/// One store, as the file names it.
pub struct Entry {
    pub role: Role,
    /// `[400::1]:9900`
    pub address: String,
    pub namespace: String,
    pub password: Secret<String>,
}

/// The file. `key` is 64 hex letters; without it a line says where it belongs. `cache_mib` is what zdb may fill on the server's disk.
pub fn zstor_toml(swarm: &Swarm, entries: &[Entry], key: Option<&Secret<String>>, cache_mib: u64) -> Secret<String> {
    let Layout { minimal, expected, spares } = swarm.layout();
    let (order, version) = (swarm.order, swarm.version);
    // One key for both parts: its owner has to keep one thing, and losing either would lose everything.
    let (key, hint) = match key {
        Some(key) => {
            (key.reveal().as_str(), "# KEEP A COPY OF THIS FILE: without the key below nobody can read what is stored.\n")
        }
        None => {
            (KEY_PLACEHOLDER, "# The key is not in here: we do not have it any more. It is in your first file, in both places.\n")
        }
    };
    let mut text = String::new();
    write!(
        text,
        "# Storage swarm {order}, configuration {version}: {FILE}\n\
         {hint}\
         # Any {minimal} of {expected} pieces give everything back; {spares} more stores stand by.\n\
         # After a change: pkill -SIGUSR1 zstor\n\
         \n\
         minimal_shards = {minimal}\n\
         expected_shards = {expected}\n\
         redundant_groups = 0\n\
         redundant_nodes = 0\n\
         root = \"/\"\n\
         socket = \"/tmp/zstor.sock\"\n\
         prometheus_port = 9100\n\
         zdb_data_dir_path = \"/data/data/zdbfs-data/\"\n\
         max_zdb_data_dir_size = {cache_mib}\n\
         zdbfs_mountpoint = \"/mnt/qsfs\"\n\
         \n\
         [encryption]\n\
         algorithm = \"AES\"\n\
         key = \"{key}\"\n\
         \n\
         [compression]\n\
         algorithm = \"snappy\"\n\
         \n\
         [meta]\n\
         type = \"zdb\"\n\
         \n\
         [meta.config]\n\
         prefix = \"zstor-meta\"\n\
         \n\
         [meta.config.encryption]\n\
         algorithm = \"AES\"\n\
         key = \"{key}\"\n",
    )
    .expect("a String takes every write");
    backends(&mut text, "meta.config.backends", entries, Role::Meta);
    // One group: no farm holds more than may be lost anyway, and groups would only narrow what can be chosen.
    text.push_str("\n[[groups]]\n");
    backends(&mut text, "groups.backends", entries, Role::Data);
    Secret::new(text)
}

fn backends(text: &mut String, table: &str, entries: &[Entry], role: Role) {
    for entry in entries.iter().filter(|entry| entry.role == role) {
        let (address, namespace, password) = (plain(&entry.address), plain(&entry.namespace), plain(entry.password.reveal()));
        write!(text, "\n[[{table}]]\naddress = \"{address}\"\nnamespace = \"{namespace}\"\npassword = \"{password}\"\n")
            .expect("a String takes every write");
    }
}

/// What a node tells goes between quotes: nothing in it may end them.
fn plain(text: &str) -> String {
    text.chars().filter(|letter| letter.is_ascii_graphic() && !matches!(letter, '"' | '\\')).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::swarm;
    use super::*;

    fn entries(count: usize) -> Vec<Entry> {
        let entry = |number: usize| Entry {
            role: if number < 24 { Role::Data } else { Role::Meta },
            address: format!("[400::{number:x}]:9900"),
            namespace: format!("7-{number}-s{number}"),
            password: Secret::new(format!("password{number}")),
        };
        (0..count).map(entry).collect()
    }

    #[test]
    fn every_value_is_where_zstor_reads_it() {
        let key = Secret::new("5ee8ab34".repeat(8));
        let text = zstor_toml(&swarm(), &entries(28), Some(&key), 6400);
        assert!(!format!("{text:?}").contains("5ee8"), "a secret does not print");
        let read: toml::Table = text.reveal().parse().unwrap();
        for (name, value) in [
            ("minimal_shards", 12),
            ("expected_shards", 20),
            ("redundant_groups", 0),
            ("redundant_nodes", 0),
            ("prometheus_port", 9100),
            ("max_zdb_data_dir_size", 6400),
        ] {
            assert_eq!(read[name].as_integer(), Some(value), "{name}");
        }
        for (name, value) in [
            ("root", "/"),
            ("socket", "/tmp/zstor.sock"),
            ("zdb_data_dir_path", "/data/data/zdbfs-data/"),
            ("zdbfs_mountpoint", "/mnt/qsfs"),
        ] {
            assert_eq!(read[name].as_str(), Some(value), "{name}");
        }
        assert_eq!(read.len(), 14, "nothing else, for zstor refuses what it does not know");
        let meta = &read["meta"]["config"];
        for encryption in [&read["encryption"], &meta["encryption"]] {
            assert_eq!(
                (encryption["algorithm"].as_str(), encryption["key"].as_str()),
                (Some("AES"), Some(key.reveal().as_str()))
            );
        }
        assert_eq!(read["compression"]["algorithm"].as_str(), Some("snappy"));
        assert_eq!((read["meta"]["type"].as_str(), meta["prefix"].as_str()), (Some("zdb"), Some("zstor-meta")));
        let (groups, metas) = (read["groups"].as_array().unwrap(), meta["backends"].as_array().unwrap());
        let data = groups[0]["backends"].as_array().unwrap();
        assert_eq!((groups.len(), data.len(), metas.len()), (1, 24, 4));
        for (number, backend) in (0..).zip(data.iter().chain(metas)) {
            assert_eq!(
                backend["address"].as_str().unwrap().parse(),
                Ok(format!("[400::{number:x}]:9900").parse::<std::net::SocketAddr>().unwrap())
            );
            assert_eq!(backend["namespace"].as_str(), Some(&*format!("7-{number}-s{number}")));
            assert_eq!(backend["password"].as_str(), Some(&*format!("password{number}")));
            assert_eq!(backend.as_table().unwrap().len(), 3);
        }
    }

    #[test]
    fn without_the_key_the_file_says_where_it_belongs() {
        let text = zstor_toml(&swarm(), &entries(28), None, 1);
        assert_eq!(text.reveal().matches(KEY_PLACEHOLDER).count(), 2);
        assert!(text.reveal().parse::<toml::Table>().is_ok());
    }

    proptest! {
        #[test]
        fn whatever_a_node_tells_is_a_value_and_no_more(told in ".{0,30}") {
            let entry = Entry { role: Role::Data, address: told.clone(), namespace: told.clone(), password: Secret::new(told) };
            let read: toml::Table = zstor_toml(&swarm(), &[entry], None, 1).reveal().parse().unwrap();
            prop_assert_eq!((read.len(), read["groups"][0]["backends"].as_array().unwrap().len()), (14, 1));
        }
    }
}
