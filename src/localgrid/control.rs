//! The switches of the pretended grid over HTTP: faults of nodes and chain, and time. Only for this machine, and only with JSON, which a page of a browser can't send here.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::web::{self, Data, Json, Path};
use actix_web::{App, HttpResponse, HttpServer, error};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::chain::Chain;
use super::fleet::Condition;
use super::node::{Fault, Nodes};
use crate::base::Clock;
use crate::base::money::Tft;
use crate::wire::key;

/// Longest leap at once: a year is many thousand bills.
const MOST_SECONDS: u64 = 366 * 86_400;

/// What the switches act on.
#[derive(Clone)]
pub struct Switches {
    pub chain: Arc<Chain>,
    pub nodes: Nodes,
    pub clock: Arc<dyn Clock>,
    /// Moves the clock forward.
    pub leap: Arc<dyn Fn(Duration) + Send + Sync>,
    /// What `GET /` tells beside the switches.
    pub about: Value,
}

/// A running control server.
pub struct Control {
    /// `http://…`, without a slash at the end.
    pub url: String,
    server: ServerHandle,
}

/// A node's faults as they are written: `{"fault": "slow", "ms": 500}`. Those that take a time are `slow` and `answers-late`.
const FAULTS: [(&str, Fault); 14] = [
    ("none", Fault::None),
    ("silent", Fault::Silent),
    ("dies-during-deploy", Fault::DiesDuringDeploy),
    ("fails-at-the-last", Fault::FailsAtTheLast),
    ("slow", Fault::Slow(Duration::ZERO)),
    ("lies-about-capacity", Fault::LiesAboutCapacity),
    ("answers-twice", Fault::AnswersTwice),
    ("answers-late", Fault::AnswersLate(Duration::ZERO)),
    ("says-no", Fault::SaysNo),
    ("mumbles", Fault::Mumbles),
    ("sees-another-hash", Fault::SeesAnotherHash),
    ("lags-behind-chain", Fault::LagsBehindChain),
    ("pauses", Fault::Pauses),
    ("reboots", Fault::Reboots),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ConditionName {
    Up,
    Standby,
    Down,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NodeOrder {
    fault: Option<String>,
    /// How slow or late, in milliseconds.
    ms: Option<u64>,
    condition: Option<ConditionName>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChainOrder {
    swallow_submit_reply: Option<bool>,
    reject_submits: Option<bool>,
    drop_extrinsics: Option<bool>,
    stall_finality: Option<bool>,
    /// Cuts every connection once; clients may come back at once.
    #[serde(default)]
    disconnect: bool,
    /// Thousandths of a dollar for one TFT.
    tft_price_musd: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TwinOrder {
    verified: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FundOrder {
    /// SS58.
    address: String,
    /// Units of 10⁻⁷ TFT.
    units: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SkipOrder {
    seconds: u64,
}

impl Control {
    /// Listens on a port of this machine, 0 for any. Must be called inside a tokio runtime.
    pub fn start(switches: Switches, port: u16) -> std::io::Result<Control> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        let url = format!("http://{}", listener.local_addr()?);
        let data = Data::new(switches);
        let app = move || {
            App::new()
                .app_data(data.clone())
                .app_data(web::JsonConfig::default().error_handler(|cause, _| {
                    let said = refusal(&cause.to_string());
                    error::InternalError::from_response(cause, said).into()
                }))
                .route("/", web::get().to(show))
                .route("/nodes/{id}", web::put().to(node))
                .route("/chain", web::put().to(chain))
                .route("/twins/{id}", web::put().to(twin))
                .route("/fund", web::post().to(fund))
                .route("/skip", web::post().to(skip))
                .default_service(web::to(|| async { HttpResponse::NotFound().json(json!({ "error": "no such switch" })) }))
        };
        let server = HttpServer::new(app).workers(1).shutdown_timeout(1).disable_signals().listen(listener)?.run();
        let handle = server.handle();
        tokio::spawn(server);
        Ok(Control { url, server: handle })
    }

    pub async fn stop(self) {
        self.server.stop(false).await;
    }
}

fn refusal(text: &str) -> HttpResponse {
    HttpResponse::BadRequest().json(json!({ "error": text }))
}

async fn show(it: Data<Switches>) -> HttpResponse {
    HttpResponse::Ok().json(state(&it))
}

/// Everything that is not as it should be, and what time the chain believes it is.
fn state(it: &Switches) -> Value {
    let faults = &it.chain.faults;
    let is = |switch: &AtomicBool| switch.load(Ordering::SeqCst);
    let mut nodes = serde_json::Map::new();
    for id in it.nodes.ids() {
        let (Some(fault), Some(view)) = (it.nodes.fault(id), it.nodes.view(id)) else { continue };
        let (name, ms) = name_of(fault);
        let condition = match view.condition {
            Condition::Up => ConditionName::Up,
            Condition::Standby => ConditionName::Standby,
            Condition::Down => ConditionName::Down,
        };
        if fault != Fault::None || condition != ConditionName::Up {
            nodes.insert(id.to_string(), json!({ "fault": name, "ms": ms, "condition": condition }));
        }
    }
    json!({
        "grid": it.about,
        "time": it.clock.now().secs(),
        "chain": {
            "swallow_submit_reply": is(&faults.swallow_submit_reply),
            "reject_submits": is(&faults.reject_submits),
            "drop_extrinsics": is(&faults.drop_extrinsics),
            "stall_finality": is(&faults.stall_finality),
        },
        "nodes": nodes,
    })
}

/// How a fault is written, and its time in milliseconds.
fn name_of(fault: Fault) -> (&'static str, Option<u128>) {
    let (bare, delay) = match fault {
        Fault::Slow(delay) => (Fault::Slow(Duration::ZERO), Some(delay)),
        Fault::AnswersLate(delay) => (Fault::AnswersLate(Duration::ZERO), Some(delay)),
        other => (other, None),
    };
    let name = FAULTS.iter().find(|(_, known)| *known == bare).map_or("none", |(name, _)| name);
    (name, delay.map(|delay| delay.as_millis()))
}

/// The fault that is written so; a sentence when there is none.
fn fault_of(name: &str, ms: Option<u64>) -> Result<Fault, String> {
    let names = || FAULTS.map(|(name, _)| name).join(", ");
    let (_, fault) = FAULTS.iter().find(|(known, _)| *known == name).ok_or_else(|| format!("faults are {}", names()))?;
    match (fault, ms.map(Duration::from_millis)) {
        (Fault::Slow(_), Some(delay)) => Ok(Fault::Slow(delay)),
        (Fault::AnswersLate(_), Some(delay)) => Ok(Fault::AnswersLate(delay)),
        (Fault::Slow(_) | Fault::AnswersLate(_), None) => Err("this fault needs \"ms\"".into()),
        (_, Some(_)) => Err("\"ms\" is for slow and answers-late only".into()),
        (fault, None) => Ok(*fault),
    }
}

async fn node(it: Data<Switches>, id: Path<u32>, order: Json<NodeOrder>) -> HttpResponse {
    let id = id.into_inner();
    if it.nodes.fault(id).is_none() {
        return HttpResponse::NotFound().json(json!({ "error": "no such node" }));
    }
    let fault = match (&order.fault, order.ms) {
        (Some(name), ms) => match fault_of(name, ms) {
            Ok(fault) => Some(fault),
            Err(why) => return refusal(&why),
        },
        (None, Some(_)) => return refusal("\"ms\" is for slow and answers-late only"),
        (None, None) => None,
    };
    if let Some(fault) = fault {
        it.nodes.set_fault(id, fault);
    }
    if let Some(condition) = order.condition {
        it.nodes.set_condition(
            id,
            match condition {
                ConditionName::Up => Condition::Up,
                ConditionName::Standby => Condition::Standby,
                ConditionName::Down => Condition::Down,
            },
        );
    }
    show(it).await
}

async fn chain(it: Data<Switches>, order: Json<ChainOrder>) -> HttpResponse {
    let faults = &it.chain.faults;
    let set = |switch: &AtomicBool, to: Option<bool>| to.into_iter().for_each(|to| switch.store(to, Ordering::SeqCst));
    set(&faults.swallow_submit_reply, order.swallow_submit_reply);
    set(&faults.reject_submits, order.reject_submits);
    set(&faults.drop_extrinsics, order.drop_extrinsics);
    set(&faults.stall_finality, order.stall_finality);
    if order.disconnect {
        it.chain.disconnect_all();
    }
    if let Some(price) = order.tft_price_musd {
        it.chain.set_price(price);
    }
    show(it).await
}

async fn twin(it: Data<Switches>, id: Path<u32>, order: Json<TwinOrder>) -> HttpResponse {
    it.nodes.set_verified(id.into_inner(), order.verified);
    show(it).await
}

async fn fund(it: Data<Switches>, order: Json<FundOrder>) -> HttpResponse {
    let Some(account) = key::account(&order.address) else { return refusal("that is no address") };
    if order.units <= 0 {
        return refusal("\"units\" must be more than nothing");
    }
    it.chain.fund(&account, Tft::from_units(order.units));
    show(it).await
}

async fn skip(it: Data<Switches>, order: Json<SkipOrder>) -> HttpResponse {
    if !(1..=MOST_SECONDS).contains(&order.seconds) {
        return refusal("\"seconds\" must be from 1 to a year's");
    }
    (it.leap)(Duration::from_secs(order.seconds));
    // Whoever asks next finds the blocks and bills of that time made.
    let chain = it.chain.clone();
    if tokio::task::spawn_blocking(move || chain.tick()).await.is_err() {
        return HttpResponse::InternalServerError().json(json!({ "error": "the chain stands still" }));
    }
    show(it).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_written_and_read_the_same() {
        for (name, fault) in FAULTS {
            let ms = matches!(fault, Fault::Slow(_) | Fault::AnswersLate(_)).then_some(500);
            let read = fault_of(name, ms).unwrap();
            assert_eq!(name_of(read), (name, ms.map(u128::from)));
        }
        assert!(fault_of("slow", None).is_err() && fault_of("silent", Some(5)).is_err());
        assert!(fault_of("sleepy", None).unwrap_err().contains("dies-during-deploy"));
    }
}
