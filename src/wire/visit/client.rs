//! One visit. Where it goes is decided before it begins: the name is not resolved a second time on the way.

use std::error::Error as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use reqwest::{Client, StatusCode, Url, redirect};
use tokio::net::TcpStream;

const VISIT_WITHIN: Duration = Duration::from_secs(8);
/// Nobody needs to read more to tell a gateway's own page from somebody's.
const READ_MAX: usize = 256;
/// What a gateway says of names that it does not serve (Traefik, which Zero-OS runs: `threefoldtech/zosbase: pkg/gateway`).
const NO_ROUTE: &[u8] = b"404 page not found";

/// What a visitor saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// Somebody behind the gateway answered, whatever it was.
    Answer { status: u16 },
    /// The gateway answered in place of what is behind it: nobody there does.
    NothingBehind,
    /// The gateway does not know the name (yet).
    NoRoute,
    /// The certificate is none that browsers believe (yet).
    NoCertificate,
    /// Nobody answered.
    Silence,
    /// The name leads to an address that is not public: nobody of us goes there.
    NotPublic,
    /// The name leads nowhere.
    Nowhere,
}

/// Visits web addresses: at the addresses their names resolve to, or all of them at one place without TLS, as the pretended
/// world wants it.
#[derive(Debug, Clone)]
pub struct Visitor {
    via: Option<SocketAddr>,
}

impl Visitor {
    pub fn new(via: Option<SocketAddr>) -> Visitor {
        Visitor { via }
    }

    /// Whether visitors are sent somewhere else than where names lead.
    pub fn via(&self) -> Option<SocketAddr> {
        self.via
    }

    /// What stands in a browser's address line.
    pub fn url(&self, host: &str) -> String {
        match self.via {
            Some(via) => format!("http://{host}:{}", via.port()),
            None => format!("https://{host}"),
        }
    }

    /// Whether a machine at a public address opens a port to us, or says that it does not: either is a sign of life. A port that stays silent is
    /// none of the opposite, for many let nothing through that they do not expect.
    pub async fn knock(&self, ip: IpAddr, port: u16) -> bool {
        self.via.is_none() && is_public(ip) && answers_at(SocketAddr::new(ip, port)).await
    }

    /// Visits `host`, whose name resolves to `addresses`.
    pub async fn visit(&self, host: &str, addresses: &[IpAddr]) -> Seen {
        // Another name than the one that was resolved would be looked up anew, and an address not at all.
        let Some(url) = Url::parse(&self.url(host)).ok().filter(|url| url.domain() == Some(host)) else { return Seen::NotPublic };
        let targets: Vec<SocketAddr> = match self.via {
            Some(via) => vec![via],
            None if addresses.is_empty() => return Seen::Nowhere,
            None if !addresses.iter().copied().all(is_public) => return Seen::NotPublic,
            None => addresses.iter().map(|ip| SocketAddr::new(*ip, 443)).collect(),
        };
        let client = Client::builder()
            .timeout(VISIT_WITHIN)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .pool_max_idle_per_host(0)
            .resolve_to_addrs(host, &targets)
            .build();
        let Ok(client) = client else { return Seen::Silence };
        match client.get(url).send().await {
            Ok(mut answer) => {
                let status = answer.status();
                if matches!(status, StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT) {
                    return Seen::NothingBehind;
                }
                if status == StatusCode::NOT_FOUND {
                    let mut body = Vec::new();
                    while let Ok(Some(part)) = answer.chunk().await {
                        body.extend_from_slice(&part[..part.len().min(READ_MAX)]);
                        if body.len() >= READ_MAX {
                            break;
                        }
                    }
                    if body.trim_ascii_end() == NO_ROUTE {
                        return Seen::NoRoute;
                    }
                }
                Seen::Answer { status: status.as_u16() }
            }
            Err(error) if names_certificate(&error) => Seen::NoCertificate,
            Err(_) => Seen::Silence,
        }
    }
}

async fn answers_at(to: SocketAddr) -> bool {
    match tokio::time::timeout(VISIT_WITHIN, TcpStream::connect(to)).await {
        Ok(Ok(_)) => true,
        Ok(Err(error)) => error.kind() == std::io::ErrorKind::ConnectionRefused,
        Err(_) => false,
    }
}

fn names_certificate(error: &reqwest::Error) -> bool {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if inner.to_string().contains("certificate") {
            return true;
        }
        cause = inner.source();
    }
    false
}

/// Whether an address is one of the public Internet: what lies within a house, a machine or another network is none of ours.
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let special = ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_multicast()
        || ip.is_documentation()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b)) // carriers' own (RFC 6598)
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (18..20).contains(&b)); // benchmarks (RFC 2544)
    !special
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let segments = ip.segments();
    let tunnels = matches!(segments[..2], [0x2001, 0] | [0x2002, _]); // hold IPv4 addresses that nobody looked at
    let documentation = segments[..2] == [0x2001, 0xdb8] || segments[0] == 0x3fff;
    segments[0] & 0xe000 == 0x2000 && !tunnels && !documentation
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    #[test]
    fn only_addresses_of_the_public_internet_are_visited() {
        for public in ["8.8.8.8", "185.69.166.1", "2a02:1802:5e::1", "2600::1"] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for other in [
            "127.0.0.1",
            "10.1.2.3",
            "192.168.1.1",
            "172.16.0.1",
            "169.254.169.254",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "100.64.0.1",
            "192.0.2.1",
            "198.18.0.1",
            "192.0.0.1",
            "::",
            "::1",
            "fe80::1",
            "fd00::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001::1",
            "2001:db8::1",
            "400::1",
            "200::1",
        ] {
            assert!(!is_public(other.parse().unwrap()), "{other}");
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_into_a_house_or_nowhere_is_not_followed() {
        let visitor = Visitor::new(None);
        assert_eq!(visitor.url("shop.example.org"), "https://shop.example.org");
        let public = "8.8.8.8".parse().unwrap();
        let metadata = "169.254.169.254".parse().unwrap();
        assert_eq!(visitor.visit("shop.example.org", &[public, metadata]).await, Seen::NotPublic);
        assert_eq!(visitor.visit("shop.example.org", &[]).await, Seen::Nowhere);
        // What is no plain name would lead elsewhere than where the name was seen to lead.
        let door = Visitor::new(Some((Ipv4Addr::LOCALHOST, 9).into()));
        for odd in [
            "localhost\\.example.org",
            "localhost/.example.org",
            "me@localhost",
            "169.254.169.254",
            "a.0x7f000001",
            "[::1]",
            "a b",
            "",
        ] {
            assert_eq!(visitor.visit(odd, &[public]).await, Seen::NotPublic, "{odd}");
            assert_eq!(door.visit(odd, &[public]).await, Seen::NotPublic, "{odd}");
        }
    }

    #[tokio::test]
    async fn a_door_that_opens_or_is_shut_in_ones_face_is_a_sign_of_life() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let there = listener.local_addr().unwrap();
        assert!(answers_at(there).await);
        drop(listener);
        assert!(answers_at(there).await, "refused");
        // Nobody knocks in a house, nor from the pretended world.
        assert!(!Visitor::new(None).knock(there.ip(), there.port()).await);
        assert!(!Visitor::new(Some(there)).knock("8.8.8.8".parse().unwrap(), 22).await);
    }

    /// Answers everybody the same, and gives the heads of the requests.
    async fn server(answer: &'static [u8]) -> (Visitor, tokio::sync::mpsc::UnboundedReceiver<String>) {
        let _already = rustls::crypto::ring::default_provider().install_default();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let visitor = Visitor::new(Some(listener.local_addr().unwrap()));
        let (heads, heard) = tokio::sync::mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((mut line, _)) = listener.accept().await {
                let mut head = vec![0; 2000];
                let size = line.read(&mut head).await.unwrap();
                let _ = heads.send(String::from_utf8_lossy(&head[..size]).into_owned());
                let _ = line.write_all(answer).await;
            }
        });
        (visitor, heard)
    }

    #[tokio::test]
    async fn what_a_visitor_sees_is_told_apart() {
        for (answer, seen) in [
            (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi".as_slice(), Seen::Answer { status: 200 }),
            (b"HTTP/1.1 302 Found\r\nlocation: http://10.0.0.1/\r\ncontent-length: 0\r\n\r\n", Seen::Answer { status: 302 }),
            (b"HTTP/1.1 404 Not Found\r\ncontent-length: 9\r\n\r\nnot found", Seen::Answer { status: 404 }),
            (b"HTTP/1.1 404 Not Found\r\ncontent-length: 19\r\n\r\n404 page not found\n", Seen::NoRoute),
            (b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n", Seen::NothingBehind),
            (b"HTTP/1.1 504 Gateway Timeout\r\ncontent-length: 0\r\n\r\n", Seen::NothingBehind),
            (b"", Seen::Silence),
        ] {
            let (visitor, mut heads) = server(answer).await;
            assert_eq!(visitor.visit("shop.example.org", &[]).await, seen);
            let head = heads.recv().await.unwrap().to_lowercase();
            assert!(head.starts_with("get / http/1.1") && head.contains("host: shop.example.org:"), "{head}");
        }
    }
}
