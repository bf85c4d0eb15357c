//! Client, relay and nodes over a real socket: what travels, what is believed, and what becomes of the rest.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::super::fleet::{Condition, node_key};
use super::kit::*;
use crate::wire::key::{KeyPair, Scheme};
use crate::wire::rmb::types::Empty;
use crate::wire::rmb::{Address, Envelope, JSON, Message, Payload, Request, RmbError, codec};

const NODE: u32 = 1;
const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn the_relay_says_at_once_what_cannot_be_delivered() {
    let world = World::start().await;
    let ask = async |twin| world.line.client.call(twin, "zos.system.version", Value::Null, SECOND * 5).await;
    let start = Instant::now();
    let relay = |message: &str| Err(RmbError::Relay { message: message.into() });
    let standby = world.genesis.nodes.iter().find(|it| world.nodes.view(it.id).unwrap().condition == Condition::Standby).unwrap();
    assert_eq!(ask(standby.twin).await, relay("destination offline"));
    assert_eq!(ask(77_777).await, relay("unknown twin destination"));
    world.chain.forget_relay(standby.twin);
    assert_eq!(ask(standby.twin).await, relay("relay info is not set for this twin"));
    assert!(start.elapsed() < SECOND * 4, "without waiting for the time to live");
    let unknown = world.line.client.call(world.twin_of(NODE), "zos.nothing", Value::Null, SECOND).await;
    assert_eq!(unknown, Err(RmbError::Remote { code: 0, message: "unsupported command 'zos.nothing'".into() }));
}

#[tokio::test]
async fn a_client_comes_back_after_the_relay_hung_up() {
    let world = World::start().await;
    assert!(world.node(NODE).system_version().await.is_ok());
    world.relay.hang_up();
    let start = Instant::now();
    while world.line.client.is_connected() {
        assert!(start.elapsed() < SECOND * 5, "the client notices");
        sleep(STEP).await;
    }
    assert!(world.node(NODE).system_version().await.is_ok(), "the call waits for the new connection");
}

#[tokio::test]
async fn a_client_that_the_relay_refuses_says_so_without_having_sent_anything() {
    let world = World::start().await;
    let nobody = KeyPair::from_mini_secret([8; 32], Scheme::Ed25519);
    let client = world.client(STRANGER, nobody, "stranger");
    let answer = client.call(world.twin_of(NODE), "zos.system.version", Value::Null, SECOND).await;
    assert_eq!(answer, Err(RmbError::Disconnected));
}

/// A request made by hand, as a foreign client would make it.
fn request(twin: u32, to: u32, key: &KeyPair, now: u64, change: impl FnOnce(&mut Envelope)) -> Vec<u8> {
    let mut envelope = Envelope {
        uid: "by-hand".into(),
        timestamp: now,
        expiration: 60,
        source: Some(Address { twin, connection: None }),
        destination: Some(Address { twin: to, connection: None }),
        message: Some(Message::Request(Request { command: "zos.system.version".into() })),
        schema: Some(JSON.into()),
        payload: Some(Payload::Plain(b"null".to_vec())),
        ..Envelope::default()
    };
    codec::sign(&mut envelope, key);
    change(&mut envelope);
    codec::encode(&envelope)
}

#[tokio::test]
async fn payloads_are_encrypted_both_ways_when_both_have_a_key() {
    let world = World::start().await;
    let key = KeyPair::from_mini_secret([8; 32], Scheme::Ed25519);
    let now = crate::base::Clock::now(&*world.clock).secs().unsigned_abs();
    let to = world.twin_of(NODE);
    for with_pk in [true, false] {
        world.chain.put_twin(STRANGER, &key, with_pk);
        let mut inbox = world.relay.attach(STRANGER);
        world.relay.submit(STRANGER, &request(STRANGER, to, &key, now, |_| {}));
        let answer = codec::decode(&inbox.recv().await.unwrap()).unwrap();
        assert!(codec::verify(&answer, &node_key(NODE).public()));
        assert_eq!((answer.uid.as_str(), answer.message.clone()), ("by-hand", Some(Message::Response(Empty {}))));
        assert_eq!(matches!(answer.payload, Some(Payload::Cipher(_))), with_pk);
        let pk = codec::public_key(node_key(NODE).encryption_secret()).unwrap();
        let plain = codec::open(key.encryption_secret(), Some(&pk), answer.payload.as_ref()).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&plain).unwrap()["zos"], "3.14.11");
    }
    // What our own client sends is encrypted: seen from the node's seat.
    let spy = world.genesis.nodes.iter().find(|it| it.id == NODE + 1).unwrap();
    let mut inbox = world.relay.attach(spy.twin);
    let client = world.line.client.clone();
    let twin = spy.twin;
    tokio::spawn(async move { client.call(twin, "zos.system.version", json!({"secret": 1}), SECOND).await });
    let seen = codec::decode(&inbox.recv().await.unwrap()).unwrap();
    assert!(matches!(seen.payload, Some(Payload::Cipher(_))));
    assert!(codec::verify(&seen, &operator_key().public()));
    let pk = codec::public_key(operator_key().encryption_secret()).unwrap();
    let plain = codec::open(node_key(NODE + 1).encryption_secret(), Some(&pk), seen.payload.as_ref()).unwrap();
    assert_eq!(plain, br#"{"secret":1}"#);
}

#[tokio::test]
async fn who_cannot_be_believed_gets_no_answer_from_a_node() {
    let world = World::start().await;
    let key = KeyPair::from_mini_secret([8; 32], Scheme::Ed25519);
    world.chain.put_twin(STRANGER, &key, false);
    let now = crate::base::Clock::now(&*world.clock).secs().unsigned_abs();
    let to = world.twin_of(NODE);
    let mut inbox = world.relay.attach(STRANGER);
    let send = |bytes: Vec<u8>| world.relay.submit(STRANGER, &bytes);
    send(request(STRANGER, to, &key, now, |it| it.signature = None));
    send(request(STRANGER, to, &key, now, |it| it.payload = Some(Payload::Plain(b"1".to_vec()))));
    send(request(STRANGER, to, &key, now - 61, |_| {}));
    send(request(STRANGER, to, &operator_key(), now, |_| {}));
    send(vec![0xff; 40]);
    // The relay itself refuses a source that is not the sender's.
    send(request(OPERATOR, to, &operator_key(), now, |_| {}));
    let refusal = codec::decode(&inbox.recv().await.unwrap()).unwrap();
    assert_eq!((refusal.source, refusal.signature, refusal.expiration), (None, None, 300));
    assert!(matches!(refusal.message, Some(Message::Error(error)) if error.message == "message wrong source" && error.code == 0));
    // A good one after all that is answered, and is the only one that is.
    send(request(STRANGER, to, &key, now, |it| it.uid = "by-hand".into()));
    let answer = codec::decode(&inbox.recv().await.unwrap()).unwrap();
    assert_eq!(answer.message, Some(Message::Response(Empty {})));
    sleep(STEP * 3).await;
    assert!(inbox.try_recv().is_err());
}

#[tokio::test]
async fn forged_answers_do_not_end_a_call() {
    let world = World::start().await;
    let spy = world.genesis.nodes.iter().find(|it| it.id == NODE + 1).unwrap().clone();
    let mut inbox = world.relay.attach(spy.twin);
    let (relay, chain_key) = (world.relay.clone(), node_key(spy.id));
    let forger = KeyPair::from_mini_secret([8; 32], Scheme::Ed25519);
    world.chain.put_twin(STRANGER, &forger, false);
    let _stranger = world.relay.attach(STRANGER);
    tokio::spawn(async move {
        let asked = codec::decode(&inbox.recv().await.unwrap()).unwrap();
        let answer = |source: u32, key: &KeyPair, text: &str, timestamp: u64| {
            let mut answer = Envelope {
                uid: asked.uid.clone(),
                timestamp,
                expiration: 60,
                source: Some(Address { twin: source, connection: None }),
                destination: asked.source.clone(),
                message: Some(Message::Response(Empty {})),
                schema: Some(JSON.into()),
                payload: Some(Payload::Plain(text.as_bytes().to_vec())),
                ..Envelope::default()
            };
            codec::sign(&mut answer, key);
            codec::encode(&answer)
        };
        relay.submit(spy.twin, &answer(spy.twin, &forger, "1", asked.timestamp));
        relay.submit(STRANGER, &answer(STRANGER, &forger, "2", asked.timestamp));
        relay.submit(spy.twin, &answer(spy.twin, &chain_key, "3", asked.timestamp - 1000));
        relay.submit(spy.twin, &answer(spy.twin, &chain_key, "4", asked.timestamp));
    });
    assert_eq!(world.line.client.call(spy.twin, "x", Value::Null, SECOND * 3).await, Ok(json!(4)));
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_is_a_bad_answer_with_an_unknown_outcome() {
    let world = World::start().await;
    let spy = world.genesis.nodes.iter().find(|it| it.id == NODE + 1).unwrap().clone();
    for payload in [Payload::Cipher(vec![7; 40]), Payload::Plain(b"not json".to_vec())] {
        let mut inbox = world.relay.attach(spy.twin);
        let relay = world.relay.clone();
        tokio::spawn(async move {
            let asked = codec::decode(&inbox.recv().await.unwrap()).unwrap();
            let mut answer = Envelope {
                uid: asked.uid,
                timestamp: asked.timestamp,
                expiration: 60,
                source: asked.destination,
                destination: asked.source,
                message: Some(Message::Response(Empty {})),
                payload: Some(payload),
                ..Envelope::default()
            };
            codec::sign(&mut answer, &node_key(spy.id));
            relay.submit(spy.twin, &codec::encode(&answer));
        });
        let answer = world.line.client.call(spy.twin, "x", Value::Null, SECOND * 5).await.unwrap_err();
        assert!(matches!(answer, RmbError::BadAnswer(_)) && answer.outcome_is_unknown(), "{answer}");
    }
}

#[tokio::test]
async fn the_relay_answers_pings_and_misses_destinations_itself() {
    let world = World::start().await;
    let key = KeyPair::from_mini_secret([8; 32], Scheme::Ed25519);
    world.chain.put_twin(STRANGER, &key, false);
    let mut inbox = world.relay.attach(STRANGER);
    let send = |change: fn(&mut Envelope)| world.relay.submit(STRANGER, &request(STRANGER, OPERATOR, &key, 1, change));
    send(|it| (it.message, it.signature) = (Some(Message::Ping(Empty {})), None));
    let pong = codec::decode(&inbox.recv().await.unwrap()).unwrap();
    assert_eq!(
        (pong.message.clone(), pong.payload.clone()),
        (Some(Message::Pong(Empty {})), Some(Payload::Plain(b"hello world".to_vec())))
    );
    assert_eq!((pong.source_twin(), pong.destination_twin()), (OPERATOR, STRANGER));
    send(|it| it.destination = None);
    let error = codec::decode(&inbox.recv().await.unwrap()).unwrap();
    assert!(matches!(error.message, Some(Message::Error(error)) if error.message == "message with missing destination"));
}

#[tokio::test]
async fn a_message_waits_for_a_twin_that_is_away_until_its_time_is_over() {
    let world = World::start().await;
    let key = KeyPair::from_mini_secret([8; 32], Scheme::Ed25519);
    world.chain.put_twin(STRANGER, &key, false);
    world.chain.put_twin(STRANGER + 1, &key, false);
    let _sender = world.relay.attach(STRANGER);
    let now = crate::base::Clock::now(&*world.clock).secs().unsigned_abs();
    let queue = |uid: &str, ttl| {
        let uid = uid.to_owned();
        let message = request(STRANGER, STRANGER + 1, &key, now, |it| (it.uid, it.expiration) = (uid, ttl));
        world.relay.submit(STRANGER, &message);
    };
    queue("short", 10);
    queue("long", 100);
    world.clock.leap(SECOND * 50);
    let mut inbox = world.relay.attach(STRANGER + 1);
    assert_eq!(codec::decode(&inbox.recv().await.unwrap()).unwrap().uid, "long");
    assert!(inbox.try_recv().is_err());
}

#[tokio::test]
async fn a_second_connection_of_the_same_session_closes_the_first() {
    let world = World::start().await;
    assert!(world.node(NODE).system_version().await.is_ok());
    let second = world.client(OPERATOR, operator_key(), "operator");
    let answer = second.call(world.twin_of(NODE), "zos.system.version", Value::Null, SECOND * 5).await;
    assert!(answer.is_ok());
    let start = Instant::now();
    while world.line.client.is_connected() {
        assert!(start.elapsed() < SECOND * 5);
        sleep(STEP).await;
    }
}
