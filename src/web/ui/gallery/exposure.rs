//! Samples of what decides whom nodes are sold to: a provider's node, and the operator's private pools.

use super::{For, NOW, Shown, ago, staff};
use crate::base::ids::{MaintenanceId, PoolId, UserId};
use crate::base::money::Usd;
use crate::base::time::{DAY, HOUR, MINUTE};
use crate::domain::node::{Class, Looks, NodeState};
use crate::domain::observation::Turned;
use crate::web::page::operator::{pool, pools};
use crate::web::page::provider::maintenance::{EditView, Stage, Window, Windows, edit_page};
use crate::web::page::provider::node;
use crate::web::ui::form::Filled;
use crate::web::ui::part::Pager;

const POOL: PoolId = PoolId::from_bits(7);

pub fn pages() -> Vec<Shown> {
    node_pages().into_iter().chain(pool_pages()).collect()
}

fn node_pages() -> Vec<Shown> {
    let show = |name, view: &node::View| Shown { name, of: For::Staff, markup: node::page(&staff("/provider/nodes/11"), view) };
    let plain = node::View {
        id: 11,
        farm: 3,
        farm_name: "Freefarm Ghent".into(),
        place: "Ghent, Belgium".into(),
        state: NodeState::Up,
        healthy: true,
        opted_out: false,
        dedicated: false,
        last_contact: ago(20 * MINUTE),
        uptime_s: 40 * 86_400,
        looks: Looks { seen: 21_400, up: 21_388 },
        classes: vec![Class::Vm, Class::Kubernetes, Class::Bandwidth],
        certified: true,
        cores: 16,
        memory_mb: 65_536,
        memory_used_mb: 22_528,
        ssd_gb: 2048,
        hdd_gb: 0,
        gpus: vec![],
        upload_mbps: 1000,
        download_mbps: 1000,
        free_ips: 6,
        ipv6: true,
        price: Some(Usd::from_cents(12_345)),
        deployments: 3,
        exposed: true,
        standing: node::Standing::Public,
        refused: None,
        pools: vec![(POOL, "Ghent co-op".into()), (PoolId::from_bits(8), "Archive".into())],
        filled: Filled::default(),
        maintenance: Windows::default(),
        turns: vec![],
        now: NOW,
    };
    let window = |bits, hours: u32, stage, short_notice| Window {
        id: MaintenanceId::from_bits(bits),
        starts: NOW + HOUR * hours,
        ends: NOW + HOUR * (hours + 2),
        why: "A new power supply.".into(),
        stage,
        short_notice,
    };
    let busy = node::View {
        maintenance: Windows {
            rows: vec![
                window(4, 90, Stage::Ahead, false),
                window(3, 0, Stage::Now, true),
                window(2, 0, Stage::Cancelled, false),
                window(1, 0, Stage::Over, false),
            ],
            pager: Pager::default(),
            filled: Filled::default()
                .with("starts", "soon")
                .wrong("starts", "Please give a day and a time, such as 2026-12-01T08:00."),
        },
        turns: vec![
            (ago(HOUR), Turned { up: true, seen: ago(HOUR), announced: false }),
            (ago(2 * HOUR), Turned { up: false, seen: ago(3 * HOUR), announced: true }),
        ],
        ..plain.clone()
    };
    let edit =
        EditView { node: 11, id: MaintenanceId::from_bits(4), filled: Filled::default().with("why", "A new power supply.") };
    let refused = node::View {
        refused: Some(node::Refused {
            pool: "Ghent co-op".into(),
            reason: "Its line is too slow for what we do there.".into(),
            at: ago(2 * DAY),
        }),
        state: NodeState::Standby,
        looks: Looks { seen: 12, up: 12 },
        ..plain.clone()
    };
    let wrong = node::View {
        filled: Filled::default().wrong("pool", "Please choose one of the pools."),
        opted_out: true,
        healthy: false,
        dedicated: true,
        ..plain.clone()
    };
    let offered = node::View {
        standing: node::Standing::Offered { pool: "Ghent co-op".into(), since: ago(HOUR) },
        gpus: vec!["NVIDIA GeForce RTX 4090".into()],
        ..plain.clone()
    };
    let allocated =
        node::View { standing: node::Standing::Allocated { pool: "Ghent co-op".into(), since: ago(9 * DAY) }, ..plain.clone() };
    let bare = node::View {
        exposed: false,
        pools: vec![],
        price: None,
        upload_mbps: 0,
        download_mbps: 0,
        free_ips: 0,
        ipv6: false,
        classes: vec![],
        certified: false,
        state: NodeState::Down,
        hdd_gb: 32_768,
        ..plain.clone()
    };
    vec![
        show("node", &plain),
        show("node-maintenance", &busy),
        Shown { name: "maintenance-change", of: For::Staff, markup: edit_page(&staff("/provider/nodes/11"), &edit) },
        show("node-refused", &refused),
        show("node-wrong", &wrong),
        show("node-offered", &offered),
        show("node-allocated", &allocated),
        show("node-bare", &bare),
    ]
}

fn pool_pages() -> Vec<Shown> {
    let show = |name, markup| Shown { name, of: For::Staff, markup };
    let (at, one) = (staff("/operator/pools"), staff(&format!("/operator/pools/{POOL}")));
    let row = |bits, name: &str, offers| pools::Pool {
        id: PoolId::from_bits(bits),
        name: name.into(),
        created: ago(40 * DAY),
        members: 12,
        nodes: 31,
        offers,
    };
    let some = pools::View {
        pools: vec![row(7, "Ghent co-op", 2), row(8, "Archive", 0), row(9, "Renderers", 1)],
        pager: Pager { newer: None, older: Some("/operator/pools?page=1".into()) },
        filled: Filled::default(),
        now: NOW,
    };
    let none = pools::View {
        pools: vec![],
        pager: Pager::default(),
        filled: Filled::default().wrong("name", "Please give the pool a name."),
        now: NOW,
    };
    let node = |id, up, kept_back| pool::Node {
        id,
        farm: 3,
        about: (id != 14).then(|| pool::About {
            farm_name: "Freefarm Ghent".into(),
            place: "Ghent, Belgium".into(),
            cores: 16,
            memory_gb: 64,
            up,
            classes: vec![Class::Vm, Class::Kubernetes],
        }),
        provider: "Hilbert Janssen".into(),
        since: ago(3 * HOUR),
        kept_back,
    };
    let full = pool::View {
        id: POOL,
        name: "Ghent co-op".into(),
        offers: vec![node(11, true, false), node(14, true, false)],
        offers_pager: Pager { newer: Some("/operator/pools/x?offers_after=1".into()), older: None },
        nodes: vec![node(15, true, false), node(16, false, false), node(17, true, true)],
        pager: Pager { newer: None, older: Some("/operator/pools/x?before=1".into()) },
        members: vec![pool::Member { id: UserId::from_bits(3), name: "Alice Verbeke".into(), email: "alice@example.org".into() }],
        members_pager: Pager { newer: None, older: Some("/operator/pools/x?members=usr_x".into()) },
        filled: Filled::default().with("email", "nobody@").wrong("email", "Nobody has an account here with this address."),
        now: NOW,
    };
    let empty = pool::View {
        offers: vec![],
        offers_pager: Pager::default(),
        nodes: vec![],
        pager: Pager::default(),
        members: vec![],
        members_pager: Pager::default(),
        filled: Filled::default(),
        ..full.clone()
    };
    let refusal = |inside, filled| pool::Refusal { pool: POOL, pool_name: "Ghent co-op".into(), node: 11, inside, filled };
    let wrong = Filled::default().wrong("reason", "Please say why, in a sentence: the provider reads it.");
    vec![
        show("pools", pools::page(&at, &some)),
        show("pools-empty", pools::page(&at, &none)),
        show("pool", pool::page(&one, &full)),
        show("pool-empty", pool::page(&one, &empty)),
        show("pool-refuse", pool::refusal_page(&one, &refusal(false, wrong))),
        show("pool-let-go", pool::refusal_page(&one, &refusal(true, Filled::default()))),
    ]
}
