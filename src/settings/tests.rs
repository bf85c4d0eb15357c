//! The settings: which layer wins, what is refused, and what is never shown.

use super::*;

fn load(file: &str, env: &[(&str, &str)], flags: &[(&str, &str)]) -> Result<Settings> {
    let own =
        |pairs: &[(&str, &str)]| pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect::<Vec<_>>();
    let path =
        std::env::temp_dir().join(format!("cooperage-settings-{}-{:?}.toml", std::process::id(), std::thread::current().id()));
    std::fs::write(&path, file).unwrap();
    let settings = Settings::load(&own(flags), own(env).into_iter(), &path, true);
    std::fs::remove_file(&path).unwrap();
    settings
}

#[test]
fn flags_beat_environment_beats_file_beats_default() {
    let file = "[server]\nlisten = \"127.0.0.1:1\"\n[brand]\nname = \"File\"\n[grid]\nnetwork = \"test\"";
    let settings =
        load(file, &[("COOPERAGE_SERVER__LISTEN", "127.0.0.1:2"), ("HOME", "/")], &[("server.listen", "127.0.0.1:3")]).unwrap();
    assert_eq!(settings.server.listen, "127.0.0.1:3");
    assert_eq!(settings.server.public_url, "http://127.0.0.1:3");
    assert_eq!(settings.brand.name, "File");
    assert_eq!(settings.grid.relay, "wss://relay.test.grid.tf");
    assert_eq!(load("", &[("COOPERAGE_GRID__CHAIN", "ws://a, ws://b")], &[]).unwrap().grid.chain, ["ws://a", "ws://b"]);
}

#[test]
fn what_is_handed_out_of_a_grid_is_its_own_and_nothing_that_was_set_for_us() {
    let own = "[grid]\nchain = [\"ws://127.0.0.1:9944\"]\nrelay = \"wss://relay.example/canary\"\nindex = [\"https://canary.example\"]\nidentity = \"https://canary.example\"\n";
    let main = load(&format!("{own}network = \"main\""), &[], &[]).unwrap().grid;
    assert_eq!(
        (main.chain.as_slice(), main.relay.as_str()),
        (&["ws://127.0.0.1:9944".to_owned()][..], "wss://relay.example/canary")
    );
    let public = main.public();
    assert_eq!(public.relay, "wss://relay.grid.tf");
    assert_eq!(public.identity, "https://kyc.threefold.me");
    assert!(!format!("{public:?}").contains("canary") && !format!("{public:?}").contains("127.0.0.1"));
    let local = load(own, &[], &[]).unwrap().grid;
    assert_eq!(local.public().chain, local.chain);
    assert_eq!(local.public().identity, local.identity);
}

#[test]
fn a_wrong_key_or_value_is_one_clear_sentence() {
    for (file, env, said) in [
        ("[server]\nlissten = \"x\"", None, "lissten"),
        ("[sever]\n", None, "sever"),
        ("", Some(("COOPERAGE_SERVER__LISSTEN", "x")), "server.lissten"),
        ("[server]\nlisten = \"nowhere\"", None, "nowhere"),
        ("[grid]\nnetwork = \"mars\"", None, "mars"),
        ("[prices]\nmedium = \"ten\"", None, "ten"),
        ("[server", None, "settings file"),
    ] {
        let env: Vec<_> = env.into_iter().collect();
        let error = load(file, &env, &[]).unwrap_err();
        assert!(error.message().contains(said), "{said}: {error}");
    }
}

#[test]
fn a_line_that_does_not_parse_is_named_and_not_shown() {
    let error = load("[cards]\npage = \"\"\nsecret_key = sk_live_canary\n", &[], &[]).unwrap_err();
    assert!(error.message().contains("line 3"), "{error}");
    assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
}

#[test]
fn secrets_come_from_files_and_print_as_dots() {
    let path = std::env::temp_dir().join(format!("cooperage-secret-{}", std::process::id()));
    std::fs::write(&path, "sk_test_canary\n").unwrap();
    let settings = load("", &[("COOPERAGE_CARDS__SECRET_KEY_FILE", path.to_str().unwrap())], &[]).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(settings.cards.secret_key.reveal(), "sk_test_canary");
    let printed = format!("{:?} {settings:?}", settings.printed());
    assert!(!printed.contains("canary") && printed.contains("•••"));
}

#[test]
fn every_setting_can_be_set_by_the_environment_a_credential_and_a_flag() {
    let Ok(defaults) = Table::try_from(Settings::default()) else { panic!("the defaults print") };
    let mut seen = 0;
    for (section, keys) in &defaults {
        let Value::Table(keys) = keys else { continue };
        for (key, value) in keys {
            let text = match (key.as_str(), value) {
                ("listen", _) => "127.0.0.1:7".to_owned(),
                ("public_url", _) => "https://set.example".to_owned(),
                ("trusted_proxy", _) => "192.0.2.1".to_owned(),
                ("network", _) => "test".to_owned(),
                ("dns", _) => "192.0.2.53".to_owned(),
                ("via", _) => "127.0.0.1:8".to_owned(),
                ("availability", _) => "99.9".to_owned(),
                (_, Value::Integer(number)) => (number + 1).to_string(),
                (_, Value::Boolean(yes)) => (!yes).to_string(),
                (_, Value::String(_) | Value::Array(_)) => "set".to_owned(),
                (_, other) => panic!("{section}.{key}: no text sets {other}"),
            };
            let name = format!("{section}.{key}");
            let variable = format!("COOPERAGE_{}__{}", section.to_uppercase(), key.to_uppercase());
            let folder = std::env::temp_dir().join(format!("cooperage-credentials-{}-{name}", std::process::id()));
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join(&name), &text).unwrap();
            let credential = ("CREDENTIALS_DIRECTORY", folder.to_str().unwrap());
            let ways = [
                ("environment", load("", &[(&variable, &text)], &[])),
                ("credential", load("", &[credential], &[])),
                ("flag", load("", &[], &[(&name, &text)])),
            ];
            std::fs::remove_dir_all(&folder).unwrap();
            for (way, loaded) in ways {
                let table = Table::try_from(loaded.unwrap_or_else(|error| panic!("{name} by {way}: {error}"))).unwrap();
                let now = &table[section.as_str()][key.as_str()];
                let now = match now {
                    Value::Array(parts) => parts[0].as_str().unwrap().to_owned(),
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                };
                assert_eq!(now, text, "{name} by {way}");
                seen += 1;
            }
        }
    }
    assert!(seen > 40, "{seen}");
    let error = load("", &[("COOPERAGE_GRID__ANSWER_SECONDS", "soon")], &[]).unwrap_err();
    assert!(error.message().contains("grid.answer_seconds") && error.message().contains("soon"), "{error}");
}

#[test]
fn the_public_address_is_an_origin_as_browsers_write_it() {
    let at = |text: &str| load("", &[], &[("server.public_url", text)]).map(|settings| settings.server.public_url);
    assert_eq!(at("https://Cloud.Example.org:443/").unwrap(), "https://cloud.example.org");
    assert_eq!(at("http://127.0.0.1:8080").unwrap(), "http://127.0.0.1:8080");
    assert_eq!(at("https://b\u{fc}cher.example").unwrap(), "https://xn--bcher-kva.example");
    for wrong in
        ["cloud.example.org", "ftp://a.example", "https://a.example/shop", "https://a.example/?x", "https://u:p@a.example"]
    {
        let error = at(wrong).unwrap_err();
        assert!(error.message().contains("server.public_url") && !error.message().contains("u:p"), "{wrong}: {error}");
    }
    for everywhere in ["0.0.0.0:8080", "[::]:8080"] {
        let error = load("", &[], &[("server.listen", everywhere)]).unwrap_err();
        assert!(error.message().contains("server.public_url"), "{error}");
        let named = [("server.listen", everywhere), ("server.public_url", "https://a.example")];
        assert_eq!(load("", &[], &named).unwrap().server.public_url, "https://a.example");
    }
    assert!(load("", &[], &[("server.trusted_proxy", "my-proxy")]).unwrap_err().message().contains("my-proxy"));
}

#[test]
fn the_share_rule_in_force_is_the_newest_that_began() {
    let file = "[[share]]\nfrom = 2000\nbasis = \"list\"\npercent = 60\n[[share]]\nfrom = 1000\nbasis = \"billed\"\npercent = 40";
    let settings = load(file, &[], &[]).unwrap();
    let units = "base = \"1\"\ncore = \"1\"\nmemory_gib = \"1\"\ndisk_gib = \"0.02\"\nipv4 = \"3\"\nipv6 = \"0\"";
    let priced = load(&format!("[[units]]\nfrom = 1000\n{units}"), &[], &[]).unwrap();
    let ipv4 = |at| String::from(priced.units_at(Time::from_ms(at)).ipv4);
    assert_eq!((ipv4(999), ipv4(1000)), ("4.00".into(), "3.00".into()));
    assert!(load("[limits]\ncores = 0", &[], &[]).unwrap_err().message().contains("limits.cores"));
    let percent = |at| settings.share_at(Time::from_ms(at)).percent;
    assert_eq!((percent(999), percent(1000), percent(5000)), (50, 40, 60));
    let elsewhere = load("", &[], &[("grid.network", "main"), ("grid.stores", "127.0.0.1:9900")]).unwrap_err();
    assert!(elsewhere.message().contains("grid.stores"), "{elsewhere}");
    let error = load("", &[], &[("grid.runway_floor_days", "366")]).unwrap_err();
    assert!(error.message().contains("grid.runway_floor_days"), "{error}");
}
