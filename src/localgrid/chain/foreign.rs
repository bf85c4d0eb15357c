//! Clients that we did not write, and those that do not know how to behave, against our chain's server.

use futures_util::{SinkExt, StreamExt};
use proptest::prelude::*;
use serde_json::{Value, json};
use subxt::dynamic;
use subxt::{OnlineClient, SubstrateConfig};
use subxt_signer::sr25519::Keypair;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::tests::genesis;
use super::*;
use crate::host::HostClock;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn chain() -> (Arc<Chain>, String) {
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    Chain::start(&genesis(), HostClock::new(), listen, Duration::ZERO).await.unwrap()
}

async fn receive(socket: &mut Socket) -> Value {
    loop {
        let message = tokio::time::timeout(Duration::from_secs(5), socket.next()).await.unwrap().unwrap().unwrap();
        if let Message::Text(text) = message {
            return serde_json::from_str(&text).unwrap();
        }
    }
}

async fn ask(socket: &mut Socket, request: &str) -> Value {
    socket.send(Message::text(request)).await.unwrap();
    receive(socket).await
}

#[tokio::test]
async fn subxts_own_client_signs_submits_and_reads() {
    let (chain, url) = chain().await;
    let signer = Keypair::from_secret_key([2; 32]).unwrap();
    let client = OnlineClient::<SubstrateConfig>::from_insecure_url(&url).await.unwrap();
    let bytes = |text: &str| dynamic::Value::from_bytes(text);
    let call = dynamic::tx("TfgridModule", "user_accept_tc", vec![bytes("https://example.org/"), bytes("abc")]);
    let progress = client.tx().await.unwrap().sign_and_submit_then_watch_default(&call, &signer).await.unwrap();
    progress.wait_for_finalized_success().await.unwrap();
    let none = || dynamic::Value::unnamed_variant("None", []);
    let call = dynamic::tx("TfgridModule", "create_twin", vec![none(), none()]);
    let progress = client.tx().await.unwrap().sign_and_submit_then_watch_default(&call, &signer).await.unwrap();
    let events = progress.wait_for_finalized_success().await.unwrap();
    let names: Vec<_> = events.iter().map(|event| event.unwrap().event_name().to_owned()).collect();
    assert!(names.contains(&"TwinStored".to_owned()), "{names:?}");
    let twin = chain.twin(3).unwrap();
    assert_eq!(twin.account, signer.public_key().0);

    let hash = dynamic::Value::from_bytes([b'a'; 32]);
    let arguments = vec![dynamic::Value::u128(1), hash, bytes("{}"), dynamic::Value::u128(9), none()];
    let call = dynamic::tx("SmartContractModule", "create_node_contract", arguments);
    let progress = client.tx().await.unwrap().sign_and_submit_then_watch_default(&call, &signer).await.unwrap();
    let refused = progress.wait_for_finalized_success().await.unwrap_err().to_string();
    assert!(refused.contains("FarmHasNotEnoughPublicIPs"), "{refused}");
}

#[tokio::test]
async fn bad_requests_get_errors_and_the_connection_lives_on() {
    let (_chain, url) = chain().await;
    let (mut socket, _) = connect_async(&url).await.unwrap();
    for (request, code) in [
        ("rubbish", -32700),
        ("[]", -32600),
        (r#"{"id":1}"#, -32600),
        (r#"{"id":1,"jsonrpc":"2.0","method":"no_such","params":[]}"#, -32601),
        (r#"{"id":1,"jsonrpc":"2.0","method":"state_getStorage","params":["nothex"]}"#, -32602),
        (r#"{"id":1,"jsonrpc":"2.0","method":"state_getStorage","params":{}}"#, -32602),
        (r#"{"id":1,"jsonrpc":"2.0","method":"chain_getBlockHash","params":[-1]}"#, -32602),
        (r#"{"id":1,"jsonrpc":"2.0","method":"author_submitExtrinsic","params":["0x00"]}"#, 1002),
        (r#"{"id":1,"jsonrpc":"2.0","method":"state_call","params":["Metadata_metadata_versions","0x"]}"#, 4003),
    ] {
        assert_eq!(ask(&mut socket, request).await["error"]["code"], code, "{request}");
    }
    let unknown = format!(r#"{{"id":1,"method":"state_getStorage","params":["0x00","0x{}"]}}"#, "ab".repeat(32));
    assert_eq!(ask(&mut socket, &unknown).await["error"]["code"], 4003);
    let answer = ask(&mut socket, r#"{"id":"x","jsonrpc":"2.0","method":"system_chain","params":[]}"#).await;
    assert_eq!((&answer["id"], &answer["result"]), (&json!("x"), &json!("TFChain local")));
}

#[tokio::test]
async fn a_batch_is_answered_in_order_and_a_huge_message_ends_the_connection() {
    let (_chain, url) = chain().await;
    let (mut socket, _) = connect_async(&url).await.unwrap();
    let request = |id: u32, method: &str| json!({ "id": id, "jsonrpc": "2.0", "method": method, "params": [] });
    let batch = json!([request(1, "system_name"), request(2, "no_such"), request(3, "chain_getFinalizedHead")]);
    let answers = ask(&mut socket, &batch.to_string()).await;
    let ids: Vec<_> = answers.as_array().unwrap().iter().map(|answer| answer["id"].as_u64().unwrap()).collect();
    assert_eq!(ids, vec![1, 2, 3]);
    assert!(answers[1]["error"].is_object() && answers[2]["result"].is_string());
    let many = Value::Array((0..101).map(|id| request(id, "system_name")).collect());
    assert_eq!(ask(&mut socket, &many.to_string()).await["error"]["code"], -32600);

    let _ = socket.send(Message::text(" ".repeat(5 << 20))).await;
    let end = tokio::time::timeout(Duration::from_secs(5), socket.next()).await.unwrap();
    assert!(!matches!(end, Some(Ok(Message::Text(_)))), "{end:?}");
}

#[tokio::test]
async fn subscriptions_begin_after_their_answer_and_end_on_request() {
    let (chain, url) = chain().await;
    let (mut socket, _) = connect_async(&url).await.unwrap();
    for (method, notice) in [
        ("chain_subscribeNewHeads", "chain_newHead"),
        ("chain_subscribeFinalizedHeads", "chain_finalizedHead"),
        ("state_subscribeRuntimeVersion", "state_runtimeVersion"),
    ] {
        let answer = ask(&mut socket, &json!({ "id": 1, "method": method, "params": [] }).to_string()).await;
        let id = answer["result"].as_str().unwrap().to_owned();
        let first = receive(&mut socket).await;
        assert_eq!((&first["method"], &first["params"]["subscription"]), (&json!(notice), &json!(id)));
        let end = json!({ "id": 2, "method": method.replace("subscribe", "unsubscribe"), "params": [id] }).to_string();
        assert_eq!(ask(&mut socket, &end).await["result"], true);
        assert_eq!(ask(&mut socket, &end).await["result"], false);
    }
    // Nothing is told any more.
    chain.fund(&[9; 32], Tft::from_units(1_000));
    assert_eq!(ask(&mut socket, r#"{"id":3,"method":"system_name"}"#).await["id"], 3);

    let key = format!("0x{}", hex::encode(db::plain("TFTPriceModule", "TftPrice")));
    let answer = ask(&mut socket, &json!({ "id": 4, "method": "state_subscribeStorage", "params": [[key]] }).to_string()).await;
    assert!(answer["result"].is_string());
    assert_eq!(receive(&mut socket).await["params"]["result"]["changes"][0][1], "0x0a000000");
    chain.fund(&[9; 32], Tft::from_units(1_000));
    chain.set_price(80);
    assert_eq!(receive(&mut socket).await["params"]["result"]["changes"][0][1], "0x50000000");
}

/// Parameters that are almost right.
fn parameter() -> impl Strategy<Value = Value> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..200).prop_map(|bytes| json!(format!("0x{}", hex::encode(bytes)))),
        any::<[u8; 32]>().prop_map(|hash| json!([format!("0x{}", hex::encode(hash))])),
        ".{0,40}".prop_map(|text| json!(text)),
        any::<i64>().prop_map(|number| json!(number)),
        Just(json!("Core_version")),
        Just(json!("TransactionPaymentApi_query_info")),
        Just(json!("AccountNonceApi_account_nonce")),
        Just(Value::Null),
    ]
}

proptest! {
    #[test]
    fn nonsense_in_any_parameter_is_answered(params in proptest::collection::vec(parameter(), 0..4)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (_chain, url) = chain().await;
            let (mut socket, _) = connect_async(url).await.unwrap();
            for method in crate::wire::tfchain::server::METHODS.iter().filter(|method| !method.contains("ubscribe")) {
                let request = json!({ "id": method, "method": method, "params": params });
                prop_assert_eq!(&ask(&mut socket, &request.to_string()).await["id"], method);
            }
            Ok(())
        })?;
    }
}
