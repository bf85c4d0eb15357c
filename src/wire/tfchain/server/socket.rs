//! The ways into a chain's server: WebSocket connections, and straight in from the same process.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::SinkExt;
use futures_util::stream::{BoxStream, StreamExt};
use serde_json::{Value, json};
use subxt_rpcs::client::{RawRpcFuture, RawRpcSubscription, RawValue, RpcClient, RpcClientT};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_tungstenite::accept_async_with_config;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use super::{Answer, ChainBackend, Fault, Server, fault};

const MAX_MESSAGE: usize = 4 << 20;
const MAX_BATCH: usize = 100;
const MAX_CONNECTIONS: usize = 256;
const MAX_SUBSCRIPTIONS: usize = 256;
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Serves every connection of `listener` until the task is dropped.
pub async fn serve<B: ChainBackend>(backend: Arc<B>, listener: TcpListener) {
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok(permit) = room.clone().acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, peer)) => {
                let server = Server { backend: backend.clone() };
                tokio::spawn(async move {
                    server.connection(stream, peer).await;
                    drop(permit);
                });
            }
            // Out of file descriptors, most likely: give others time to close theirs.
            Err(error) => {
                tracing::warn!(%error, "the chain's server cannot accept");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// A client's transport that leads straight into a server of `backend`.
pub fn in_process<B: ChainBackend>(backend: Arc<B>) -> RpcClient {
    RpcClient::new(Server { backend })
}

impl<B: ChainBackend> RpcClientT for Server<B> {
    fn request_raw<'a>(&'a self, method: &'a str, params: Option<Box<RawValue>>) -> RawRpcFuture<'a, Box<RawValue>> {
        Box::pin(async move {
            match self.answer(method, &parsed(params)?) {
                Ok(Some(answer)) => raw(&answer),
                Ok(None) => std::future::pending().await,
                Err(fault) => Err(fault.into()),
            }
        })
    }

    fn subscribe_raw<'a>(
        &'a self,
        sub: &'a str,
        params: Option<Box<RawValue>>,
        _unsub: &'a str,
    ) -> RawRpcFuture<'a, RawRpcSubscription> {
        Box::pin(async move {
            match self.subscription(sub, &parsed(params)?) {
                Some(Ok((_, stream))) => Ok(RawRpcSubscription { stream: Box::pin(stream.map(|item| raw(&item))), id: None }),
                Some(Err(fault)) => Err(fault.into()),
                None => Err(subxt_rpcs::UserError::method_not_found().into()),
            }
        })
    }
}

impl From<Fault> for subxt_rpcs::Error {
    fn from(fault: Fault) -> Self {
        let data = fault.data.and_then(|data| RawValue::from_string(json!(data).to_string()).ok());
        subxt_rpcs::Error::User(subxt_rpcs::UserError { code: fault.code, message: fault.message, data })
    }
}

fn parsed(params: Option<Box<RawValue>>) -> Result<Value, subxt_rpcs::Error> {
    let params = params.map(|params| serde_json::from_str(params.get())).transpose();
    Ok(params.map_err(subxt_rpcs::Error::Deserialization)?.unwrap_or(Value::Null))
}

fn raw(value: &Value) -> Result<Box<RawValue>, subxt_rpcs::Error> {
    serde_json::value::to_raw_value(value).map_err(subxt_rpcs::Error::Serialization)
}

/// One client's subscriptions, and the way back to it.
struct Session {
    out: mpsc::Sender<Value>,
    running: HashMap<String, JoinHandle<()>>,
    made: u64,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.running.values().for_each(JoinHandle::abort);
    }
}

impl<B: ChainBackend> Server<B> {
    async fn connection(self, stream: TcpStream, peer: SocketAddr) {
        let limits = WebSocketConfig::default().max_message_size(Some(MAX_MESSAGE)).max_frame_size(Some(MAX_MESSAGE));
        let Ok(Ok(mut socket)) = timeout(HANDSHAKE, accept_async_with_config(stream, Some(limits))).await else {
            tracing::debug!(%peer, "no WebSocket handshake");
            return;
        };
        let (out, mut outgoing) = mpsc::channel(1024);
        let mut session = Session { out, running: HashMap::new(), made: 0 };
        let mut cut = self.backend.cut();
        cut.mark_unchanged();
        loop {
            tokio::select! {
                _ = cut.changed() => return,
                Some(message) = outgoing.recv() => {
                    if socket.send(Message::text(message.to_string())).await.is_err() {
                        return;
                    }
                }
                incoming = socket.next() => {
                    let answer = match incoming {
                        Some(Ok(Message::Text(text))) => self.receive(&mut session, text.as_bytes()),
                        Some(Ok(Message::Binary(bytes))) => self.receive(&mut session, &bytes),
                        Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                        Some(Ok(_)) => None,
                    };
                    if let Some(answer) = answer
                        && socket.send(Message::text(answer.to_string())).await.is_err()
                    {
                        return;
                    }
                }
            }
        }
    }

    fn receive(&self, session: &mut Session, message: &[u8]) -> Option<Value> {
        match serde_json::from_slice(message) {
            Ok(Value::Array(batch)) if batch.is_empty() || batch.len() > MAX_BATCH => {
                Some(failure(&Value::Null, &fault(-32600, "The batch request was empty or too large")))
            }
            Ok(Value::Array(batch)) => {
                let answers: Vec<Value> = batch.iter().filter_map(|request| self.handle(session, request)).collect();
                (!answers.is_empty()).then_some(Value::Array(answers))
            }
            Ok(request) => self.handle(session, &request),
            Err(_) => Some(failure(&Value::Null, &fault(-32700, "Parse error"))),
        }
    }

    fn handle(&self, session: &mut Session, request: &Value) -> Option<Value> {
        let id = request.get("id").cloned().unwrap_or(Value::Null);
        let Some(method) = request.get("method").and_then(Value::as_str) else {
            return Some(failure(&id, &fault(-32600, "Invalid request")));
        };
        let params = request.get("params").cloned().unwrap_or(Value::Null);
        if method.contains("unsubscribe") || method.contains("unwatch") {
            let running = params.get(0).and_then(Value::as_str).and_then(|id| session.running.remove(id));
            running.iter().for_each(JoinHandle::abort);
            return Some(success(&id, &json!(running.is_some())));
        }
        let answer = match self.subscription(method, &params) {
            Some(Ok((notice, stream))) => session.open(notice, stream),
            Some(Err(fault)) => Err(fault),
            None => match self.answer(method, &params) {
                Ok(Some(answer)) => Ok(answer),
                Ok(None) => return None,
                Err(fault) => Err(fault),
            },
        };
        Some(match answer {
            Ok(answer) => success(&id, &answer),
            Err(fault) => failure(&id, &fault),
        })
    }
}

impl Session {
    fn open(&mut self, notice: &'static str, mut stream: BoxStream<'static, Value>) -> Answer<Value> {
        self.running.retain(|_, task| !task.is_finished());
        if self.running.len() >= MAX_SUBSCRIPTIONS {
            return Err(fault(-32006, "Too many subscriptions on the connection"));
        }
        self.made += 1;
        let (id, out) = (format!("s{}", self.made), self.out.clone());
        let name = id.clone();
        let task = tokio::spawn(async move {
            // No notice can overtake the answer with the id: the connection reads `out` only after it has sent that.
            while let Some(result) = stream.next().await {
                let params = json!({ "subscription": name, "result": result });
                if out.send(json!({ "jsonrpc": "2.0", "method": notice, "params": params })).await.is_err() {
                    return;
                }
            }
        });
        self.running.insert(id.clone(), task);
        Ok(json!(id))
    }
}

fn success(id: &Value, result: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "result": result })
}

fn failure(id: &Value, fault: &Fault) -> Value {
    let mut error = json!({ "code": fault.code, "message": fault.message });
    if let (Some(data), Some(error)) = (fault.data, error.as_object_mut()) {
        error.insert("data".into(), json!(data));
    }
    json!({ "jsonrpc": "2.0", "id": id, "error": error })
}
