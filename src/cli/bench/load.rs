//! Load for a server on this machine: keep-alive connections over which one request follows the other.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Pages one visitor looks at. Far below what a visitor may, so that the limit is at work and never in the way.
const PAGES_OF_A_VISITOR: u64 = 100;

/// What is asked for, how often, and for how long at most.
#[derive(Clone)]
pub struct Load {
    pub at: SocketAddr,
    pub path: &'static str,
    pub gzip: bool,
    pub connections: u64,
    pub requests: u64,
    pub within: Duration,
}

/// What came back.
#[derive(Debug, Default)]
pub struct Seen {
    pub took: Duration,
    pub bytes: u64,
    /// From asking to the last byte, one for each answer.
    pub waits: Vec<Duration>,
}

impl Seen {
    pub fn requests(&self) -> f64 {
        self.waits.len() as f64
    }

    pub fn per_second(&self) -> f64 {
        self.requests() / self.took.as_secs_f64().max(f64::MIN_POSITIVE)
    }
}

impl Load {
    /// Asks until the requests or the time are used up. `asked` numbers the requests of all loads on one server.
    pub async fn run(&self, asked: &Arc<AtomicU64>) -> io::Result<Seen> {
        let begun = Instant::now();
        let end = asked.load(Ordering::Relaxed) + self.requests;
        let connections: Vec<_> =
            (0..self.connections).map(|_| tokio::spawn(self.clone().connection(asked.clone(), end, begun))).collect();
        let mut seen = Seen::default();
        for connection in connections {
            let part = connection.await.map_err(io::Error::other)??;
            seen.bytes += part.bytes;
            seen.waits.extend(part.waits);
        }
        seen.took = begun.elapsed();
        Ok(seen)
    }

    async fn connection(self, asked: Arc<AtomicU64>, end: u64, begun: Instant) -> io::Result<Seen> {
        let mut connection = Connection::open(self.at).await?;
        let mut seen = Seen::default();
        while begun.elapsed() < self.within {
            let number = asked.fetch_add(1, Ordering::Relaxed);
            if number >= end {
                break;
            }
            let request = self.request(number / PAGES_OF_A_VISITOR);
            let began = Instant::now();
            let answer = connection.ask(&request).await?;
            seen.waits.push(began.elapsed());
            seen.bytes += answer.bytes;
            if answer.status != 200 {
                return Err(io::Error::other(format!("{} answered {}", self.path, answer.status)));
            }
        }
        Ok(seen)
    }

    /// As a proxy sends it on for a visitor without a cookie.
    fn request(&self, visitor: u64) -> String {
        let (high, middle, low) = (visitor >> 16 & 255, visitor >> 8 & 255, visitor & 255);
        let gzip = if self.gzip { "accept-encoding: gzip\r\n" } else { "" };
        format!("GET {} HTTP/1.1\r\nhost: {}\r\nx-forwarded-for: 10.{high}.{middle}.{low}\r\n{gzip}\r\n", self.path, self.at)
    }
}

/// The status of one answer, if there is a server by now.
pub async fn status(at: SocketAddr, path: &'static str) -> Option<u16> {
    let load = Load { at, path, gzip: false, connections: 1, requests: 1, within: Duration::from_secs(1) };
    let mut connection = Connection::open(at).await.ok()?;
    connection.ask(&load.request(0)).await.ok().map(|answer| answer.status)
}

struct Answer {
    status: u16,
    bytes: u64,
}

struct Connection {
    socket: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    async fn open(at: SocketAddr) -> io::Result<Connection> {
        let socket = TcpStream::connect(at).await?;
        socket.set_nodelay(true)?;
        Ok(Connection { socket, buffer: Vec::with_capacity(32 << 10) })
    }

    async fn ask(&mut self, request: &str) -> io::Result<Answer> {
        self.socket.write_all(request.as_bytes()).await?;
        self.buffer.clear();
        loop {
            if self.socket.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Some(answer) = whole(&self.buffer)? {
                return Ok(answer);
            }
        }
    }
}

/// The answer in `buffer`, once all of it is there.
fn whole(buffer: &[u8]) -> io::Result<Option<Answer>> {
    let bad = || io::Error::new(io::ErrorKind::InvalidData, "that is no HTTP answer");
    let Some(head) = find(buffer, b"\r\n\r\n") else { return Ok(None) };
    let text = std::str::from_utf8(&buffer[..head]).map_err(|_| bad())?;
    let status = text.get(9..12).and_then(|status| status.parse().ok()).ok_or_else(bad)?;
    let field = |name: &str| {
        let fields = text.lines().skip(1).filter_map(|line| line.split_once(':'));
        fields.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    };
    let body = head + 4;
    let end = match field("content-length") {
        Some(length) => body + length.parse::<usize>().map_err(|_| bad())?,
        None => match last_chunk(buffer, body).ok_or_else(bad)? {
            Some(end) => end,
            None => return Ok(None),
        },
    };
    Ok((buffer.len() >= end).then_some(Answer { status, bytes: end as u64 }))
}

/// Where a body in chunks ends: `Some(None)` when it goes on, None when these are no chunks.
fn last_chunk(buffer: &[u8], mut from: usize) -> Option<Option<usize>> {
    loop {
        let rest = buffer.get(from..).unwrap_or_default();
        let Some(line) = find(rest, b"\r\n") else { return Some(None) };
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..line]).ok()?, 16).ok()?;
        from += line + 2 + size + 2;
        if size == 0 {
            return Some(Some(from));
        }
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[test]
    fn an_answer_is_whole_at_its_last_byte_and_not_before() {
        let answers = [
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhe\r\no\r\n1\r\n!\r\n0\r\n\r\n",
        ];
        for text in answers {
            for cut in 0..text.len() {
                assert!(whole(&text.as_bytes()[..cut]).unwrap().is_none(), "{:?}", &text[..cut]);
            }
            let answer = whole(text.as_bytes()).unwrap().unwrap();
            assert_eq!(answer.bytes, text.len() as u64);
            assert_eq!(answer.status, if text.contains("404") { 404 } else { 200 });
        }
    }

    #[test]
    fn what_is_no_http_is_refused() {
        assert!(whole(b"220 mail.example ESMTP\r\n\r\n").is_err());
        assert!(whole(b"HTTP/1.1 200 OK\r\n\r\nno chunk\r\n").is_err());
    }

    /// Answers every request on every connection with `answer`.
    async fn server(answer: &'static str) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut heard = Vec::new();
                    while socket.read_buf(&mut heard).await.is_ok_and(|read| read > 0) {
                        if heard.ends_with(b"\r\n\r\n") {
                            heard.clear();
                            socket.write_all(answer.as_bytes()).await.unwrap();
                        }
                    }
                });
            }
        });
        at
    }

    #[tokio::test]
    async fn it_asks_as_often_as_it_was_told_and_no_more() {
        let at = server("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
        let load = Load { at, path: "/", gzip: false, connections: 7, requests: 100, within: Duration::from_secs(60) };
        let asked = Arc::default();
        for _ in 0..2 {
            let seen = load.run(&asked).await.unwrap();
            assert_eq!((seen.waits.len(), seen.bytes), (100, 100 * 40));
        }
    }

    #[tokio::test]
    async fn an_answer_that_is_no_page_is_an_error() {
        let at = server("HTTP/1.1 429 Too Many Requests\r\ncontent-length: 0\r\n\r\n").await;
        let load = Load { at, path: "/", gzip: false, connections: 1, requests: 1, within: Duration::from_secs(60) };
        assert!(load.run(&Arc::default()).await.is_err());
        assert_eq!(status(at, "/").await, Some(429));
    }
}
