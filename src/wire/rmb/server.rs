//! The relay's side of the wire: opens a connection for whoever shows a valid token, one envelope a frame.

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::StatusCode;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, accept_hdr_async_with_config};

use super::MAX_FRAME_BYTES;
use super::codec::{Claims, Token};
use crate::base::Time;
use crate::wire::key::AccountId;

/// The answer to "whose account has this twin?".
pub enum Lookup {
    Account(AccountId),
    Unknown,
    /// The chain does not answer.
    Trouble,
}

/// An open connection of a twin that proved who it is.
pub struct Accepted<S> {
    pub claims: Claims,
    pub receive: Receiver<S>,
    pub send: Sender<S>,
}

pub struct Receiver<S>(SplitStream<WebSocketStream<S>>);
pub struct Sender<S>(SplitSink<WebSocketStream<S>, Frame>);

/// Shakes hands over `stream`. A refused client has had its HTTP status (400, 401 or 500) when this returns None.
pub async fn accept<S>(stream: S, now: Time, lookup: impl Fn(u32) -> Lookup + Send + Unpin) -> Option<Accepted<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut claims = None;
    let config = WebSocketConfig::default().max_message_size(Some(MAX_FRAME_BYTES)).max_frame_size(Some(MAX_FRAME_BYTES));
    #[allow(clippy::result_large_err)] // the callback's type is not ours
    let check = |request: &Request, response: Response| match admit(request.uri().query(), now, &lookup) {
        Ok(admitted) => {
            claims = Some(admitted);
            Ok(response)
        }
        Err((status, why)) => {
            let mut refusal = ErrorResponse::new(Some(why.to_owned()));
            *refusal.status_mut() = status;
            Err(refusal)
        }
    };
    let socket = accept_hdr_async_with_config(stream, check, Some(config)).await.ok()?;
    let (send, receive) = socket.split();
    Some(Accepted { claims: claims?, receive: Receiver(receive), send: Sender(send) })
}

fn admit(query: Option<&str>, now: Time, lookup: impl Fn(u32) -> Lookup) -> Result<Claims, (StatusCode, &'static str)> {
    let query = query.filter(|query| !query.is_empty()).ok_or((StatusCode::BAD_REQUEST, "missing jwt"))?;
    let token = Token::read(query).ok_or((StatusCode::UNAUTHORIZED, "invalid jwt"))?;
    match lookup(token.claims.sub) {
        Lookup::Account(account) if token.verify(&account, now) => Ok(token.claims),
        Lookup::Account(_) => Err((StatusCode::UNAUTHORIZED, "invalid jwt")),
        Lookup::Unknown => Err((StatusCode::UNAUTHORIZED, "unknown twin")),
        Lookup::Trouble => Err((StatusCode::INTERNAL_SERVER_ERROR, "cannot look up the twin")),
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Receiver<S> {
    /// The next frame; None when the connection is over. A text frame ends it. Pings are answered underneath.
    pub async fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            match self.0.next().await? {
                Ok(Frame::Binary(bytes)) => return Some(bytes.into()),
                Ok(Frame::Ping(_) | Frame::Pong(_) | Frame::Frame(_)) => {}
                Ok(Frame::Text(_) | Frame::Close(_)) | Err(_) => return None,
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Sender<S> {
    /// False if the connection is over.
    pub async fn send(&mut self, envelope: Vec<u8>) -> bool {
        self.0.send(Frame::binary(envelope)).await.is_ok()
    }

    pub async fn close(&mut self) {
        let _ = self.0.close().await;
    }
}

#[cfg(test)]
mod tests {
    use tokio_tungstenite::client_async;

    use super::*;
    use crate::wire::key::{KeyPair, Scheme};
    use crate::wire::rmb::codec::make_token;

    const NOW: Time = Time::from_secs(1_700_000_000);

    fn key() -> KeyPair {
        KeyPair::from_mini_secret([1; 32], Scheme::Sr25519)
    }

    fn lookup(twin: u32) -> Lookup {
        match twin {
            7 => Lookup::Account(key().public()),
            13 => Lookup::Trouble,
            _ => Lookup::Unknown,
        }
    }

    fn token(twin: u32, life_s: i64, key: &KeyPair) -> String {
        let iat = NOW.secs();
        make_token(key, &Claims { sub: twin, iat, exp: iat + life_s, sid: Some("s".into()) })
    }

    async fn status(query: &str) -> u16 {
        let (near, far) = tokio::io::duplex(4096);
        let server = tokio::spawn(async move { accept(far, NOW, lookup).await.is_some() });
        let status = match client_async(format!("ws://relay.local/{query}"), near).await {
            Ok((_, response)) => response.status().as_u16(),
            Err(tokio_tungstenite::tungstenite::Error::Http(response)) => response.status().as_u16(),
            Err(error) => panic!("{error}"),
        };
        assert_eq!(server.await.unwrap(), status == 101);
        status
    }

    #[tokio::test]
    async fn a_connection_is_opened_or_refused_with_the_documented_status() {
        assert_eq!(status(&format!("?{}", token(7, 60, &key()))).await, 101);
        assert_eq!(status("").await, 400, "no token");
        assert_eq!(status("?").await, 400, "an empty token");
        assert_eq!(status("?rubbish").await, 401);
        assert_eq!(status(&format!("?{}", token(7, -1, &key()))).await, 401, "expired");
        assert_eq!(status(&format!("?{}", token(8, 60, &key()))).await, 401, "unknown twin");
        let stranger = KeyPair::from_mini_secret([2; 32], Scheme::Sr25519);
        assert_eq!(status(&format!("?{}", token(7, 60, &stranger))).await, 401, "signed by somebody else");
        assert_eq!(status(&format!("?{}", token(13, 60, &key()))).await, 500, "chain trouble");
    }

    #[tokio::test]
    async fn one_text_frame_ends_the_connection() {
        let (near, far) = tokio::io::duplex(4096);
        let server = tokio::spawn(async move { accept(far, NOW, lookup).await.unwrap() });
        let url = format!("ws://relay.local/?{}", token(7, 60, &key()));
        let (mut client, _) = client_async(url, near).await.unwrap();
        let mut accepted = server.await.unwrap();
        assert_eq!((accepted.claims.sub, accepted.claims.sid.as_deref()), (7, Some("s")));
        client.send(Frame::binary(vec![1, 2, 3])).await.unwrap();
        assert_eq!(accepted.receive.next().await, Some(vec![1, 2, 3]));
        client.send(Frame::text("hello")).await.unwrap();
        assert_eq!(accepted.receive.next().await, None);
    }
}
