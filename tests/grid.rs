//! The local grid by itself, and the verbs that look at a grid.

use serde_json::{Value, json};

use crate::kit::grid::LonelyGrid;

fn numbers(told: &Value) -> Vec<u64> {
    told["nodes"].as_array().expect("nodes").iter().filter_map(|node| node["node"].as_u64()).collect()
}

#[tokio::test]
async fn nodes_are_listed_filtered_and_paged_from_the_command_line() {
    let grid = LonelyGrid::start(&["--still"]);
    let all = grid.told("ada", &["grid", "nodes"]);
    assert_eq!((all["count"].as_u64(), numbers(&all).len()), (grid.said["nodes"].as_u64(), 40));
    let second = grid.told("ada", &["grid", "nodes", "--size", "30", "--page", "2"]);
    assert_eq!(numbers(&second), numbers(&all)[30..]);
    let find = |flags: &[&str]| grid.told("ada", &[&["grid", "nodes"], flags].concat());
    for (flags, holds) in [
        (&["--country", "Belgium"][..], (|node| node["country"] == "Belgium") as fn(&Value) -> bool),
        (&["--farm", "Hilbert's Barn"], |node| node["farm"] == 1),
        (&["--farm", "1,2"], |node| node["farm"] == 1 || node["farm"] == 2),
        (&["--min-cores", "16"], |node| node["total"]["cru"].as_u64() >= Some(16)),
        (&["--min-memory", "60"], |node| node["total"]["mru"].as_u64() > Some(60 << 30)),
        (&["--min-ssd", "1500"], |node| node["total"]["sru"].as_u64() > Some(1500 << 30)),
        (&["--status", "standby,down"], |node| node["status"] != "up"),
        (&["--certified", "--ipv4"], |node| node["certified"] == true && node["free_ipv4"].as_u64() > Some(0)),
    ] {
        let found = find(flags);
        let nodes = found["nodes"].as_array().expect("nodes");
        assert!(!nodes.is_empty() && nodes.len() < 40 && nodes.iter().all(holds), "{flags:?}: {found}");
    }
    assert!(!numbers(&find(&["--ipv6"])).is_empty());
    let words = String::from_utf8(grid.ask("ada", &["grid", "nodes", "--farm", "1"]).stdout).expect("text");
    assert!(words.contains("Hilbert's Barn (1)") && words.contains("Ghent, Belgium") && words.contains("4 in all"), "{words}");
    let one = String::from_utf8(grid.ask("ada", &["grid", "node", "1"]).stdout).expect("text");
    assert!(one.contains("zmachine") && one.contains("certified"), "{one}");
    assert_eq!(grid.ask("ada", &["grid", "node", "4711"]).status.code(), Some(1));
    let none = grid.told("ada", &["grid", "contracts"]);
    assert_eq!((none["twin"].is_null(), none["count"].as_u64()), (true, Some(0)));
    // The address alone will do: the words may be sealed, or elsewhere.
    let address = none["address"].as_str().expect("an address");
    let watched = grid.watch(address, &["--json", "grid", "contracts"]);
    assert_eq!(serde_json::from_slice::<Value>(&watched.stdout).expect("JSON")["address"], address);
    assert_eq!(grid.watch("nobody", &["grid", "contracts"]).status.code(), Some(3));
    assert_eq!(grid.ask("ada", &["grid", "contracts", "--state", "asleep"]).status.code(), Some(2));
    for flags in [["--state", "unpaid"], ["--kind", "rent"]] {
        assert_eq!(grid.told("ada", &[&["grid", "contracts"], &flags[..]].concat())["count"], 0);
    }
}

#[tokio::test]
async fn faults_are_switched_and_time_is_skipped_over_http() {
    let grid = LonelyGrid::start(&["--still", "--cards", "--mail"]);
    assert!(grid.at("/cards/url").starts_with("http://127.0.0.1:") && grid.at("/mail/smtp").starts_with("smtp://127.0.0.1:"));
    let (status, before) = grid.switch("GET", "/", Value::Null).await;
    assert_eq!((status, &before["nodes"]["1"]), (200, &Value::Null));
    let (status, after) = grid.switch("PUT", "/nodes/1", json!({ "fault": "slow", "ms": 500 })).await;
    assert_eq!((status, &after["nodes"]["1"]["fault"], &after["nodes"]["1"]["ms"]), (200, &json!("slow"), &json!(500)));
    grid.switch("PUT", "/nodes/2", json!({ "fault": "silent" })).await;
    grid.switch("PUT", "/nodes/3", json!({ "condition": "down" })).await;
    let told = grid.told("ada", &["grid", "nodes", "--farm", "1"]);
    let nodes = told["nodes"].as_array().expect("nodes");
    assert_eq!((&nodes[1]["healthy"], &nodes[2]["status"]), (&json!(false), &json!("down")));
    let (_, healed) = grid.switch("PUT", "/nodes/1", json!({ "fault": "none" })).await;
    assert_eq!(healed["nodes"]["1"], Value::Null);
    let (_, stalled) = grid.switch("PUT", "/chain", json!({ "stall_finality": true })).await;
    assert_eq!(stalled["chain"]["stall_finality"], true);
    let (_, later) = grid.switch("POST", "/skip", json!({ "seconds": 86_400 })).await;
    let time = |state: &Value| state["time"].as_i64().expect("a time");
    assert!(time(&later) - time(&before) >= 86_400);
    for (method, path, order) in [
        ("PUT", "/nodes/1", json!({ "fault": "moody" })),
        ("PUT", "/nodes/1", json!({ "fault": "slow" })),
        ("PUT", "/nodes/1", json!({ "fault": "silent", "ms": 5 })),
        ("PUT", "/nodes/1", json!({ "typo": true })),
        ("PUT", "/chain", json!({ "typo": true })),
        ("POST", "/skip", json!({ "seconds": 0 })),
        ("POST", "/fund", json!({ "address": "nobody", "units": 1 })),
    ] {
        let (status, said) = grid.switch(method, path, order.clone()).await;
        assert!(status == 400 && said["error"].is_string(), "{path} {order}: {status} {said}");
    }
    assert_eq!(grid.switch("PUT", "/nodes/4711", json!({})).await.0, 404);
    assert_eq!(grid.stop().code(), Some(0));
}

#[test]
fn verbs_that_need_a_grid_say_how_to_get_one() {
    for verb in ["nodes", "contracts"] {
        let refused = std::process::Command::new(env!("CARGO_BIN_EXE_cooperage")).args(["grid", verb]).env_clear().output();
        let refused = refused.expect("the program runs");
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(3), "{said}");
        assert!(said.contains("cooperage grid") && said.trim().lines().count() == 1, "{said}");
    }
}
