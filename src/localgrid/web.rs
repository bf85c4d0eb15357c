//! The web of the pretended world behind one door: gateways by the name that is asked for, machines by their address, and under the
//! machine's own name a registrar. There is no TLS in this world, and nobody says there is.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::node::{Backend, Nodes, Served};
use crate::base::text::DomainName;
use crate::wire::dns::types::Record;

const HEAD_MAX: usize = 16 << 10;
const HEAD_WITHIN: Duration = Duration::from_secs(5);
/// The ports on which a machine's web server listens, besides that of TLS.
const PORTS: [u16; 3] = [80, 443, 8080];

/// The running door.
pub struct Web {
    pub address: SocketAddr,
    task: tokio::task::AbortHandle,
}

impl Web {
    /// Listens on a port of this machine, 0 for any. Must be called inside a tokio runtime.
    pub async fn start(nodes: Nodes, port: u16) -> io::Result<Web> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(async move {
            while let Ok((line, _)) = listener.accept().await {
                let nodes = nodes.clone();
                tokio::spawn(async move { tokio::time::timeout(HEAD_WITHIN, serve(&nodes, line)).await });
            }
        });
        Ok(Web { address, task: task.abort_handle() })
    }

    pub fn stop(&self) {
        self.task.abort();
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn serve(nodes: &Nodes, mut line: TcpStream) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        if head.len() > HEAD_MAX || line.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let head = String::from_utf8_lossy(&head);
    let named = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("host").then(|| value.trim().to_lowercase())
    });
    let path = head.split_whitespace().nth(1).unwrap_or_default();
    let (status, text) = match answer(nodes, &named.unwrap_or_default(), path) {
        Some(answer) => answer,
        None => return Ok(()), // nobody is there: the line is cut
    };
    let kind = if text.starts_with('<') { "text/html" } else { "text/plain" };
    let length = text.len();
    let said = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {kind}; charset=utf-8\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{text}"
    );
    line.write_all(said.as_bytes()).await?;
    line.shutdown().await
}

/// Status and body; None where nobody answers at all.
fn answer(nodes: &Nodes, host: &str, path: &str) -> Option<(&'static str, String)> {
    if let Some((ip, port)) = machine_of(host) {
        return nodes.machine(&ip.to_string()).filter(|_| PORTS.contains(&port)).map(|it| ("200 OK", it.page(port)));
    }
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    if ["localhost", "127.0.0.1"].contains(&name) {
        return Some(registrar(nodes, path));
    }
    // As Traefik does it (`threefoldtech/zosbase: pkg/gateway`).
    match nodes.serves(name) {
        Served::Nobody => Some(("404 Not Found", "404 page not found\n".into())),
        Served::Dead => None,
        Served::By(Backend { ip, port }) => match nodes.machine(&ip).filter(|_| PORTS.contains(&port)) {
            Some(machine) => Some(("200 OK", machine.page(port))),
            None => Some(("502 Bad Gateway", "Bad Gateway".into())),
        },
    }
}

/// A registrar: `/?name=shop.example.org&a=203.0.113.205` sets the A record of a name, an empty address takes it away. It is asked by
/// GET like everything else behind this door; nothing in this world is worth protecting.
fn registrar(nodes: &Nodes, path: &str) -> (&'static str, String) {
    let query = path.split_once('?').map_or("", |(_, query)| query);
    let asked: Vec<(String, String)> = serde_urlencoded::from_str(query).unwrap_or_default();
    let field = |key: &str| asked.iter().find(|(name, _)| name == key).map(|(_, value)| value.trim()).unwrap_or_default();
    let said = match (DomainName::parse(field("name")), field("a")) {
        (Err(_), _) if field("name").is_empty() => String::new(),
        (Err(why), _) => why.to_owned(),
        (Ok(name), "") => {
            nodes.set_records(name.as_str(), vec![]);
            format!("{name} leads nowhere now.")
        }
        (Ok(name), ip) => match ip.parse() {
            Ok(ip) => {
                nodes.set_records(name.as_str(), vec![Record::A(ip)]);
                format!("{name} leads to {ip} now.")
            }
            Err(_) => "An address such as 203.0.113.205, please.".into(),
        },
    };
    let page = format!(
        "<!doctype html><html lang=en><meta name=viewport content=\"width=device-width\"><title>Pretended registrar</title>\
         <h1>Pretended registrar</h1><p>Sets the A record of a domain, in this rehearsal only. Names that end in .localhost can be opened \
         on this machine.</p><p><strong>{said}</strong></p><form><p><label>Domain <input name=name></label> \
         <label>A record <input name=a></label> <button>Set it</button></p></form></html>"
    );
    ("200 OK", page)
}

/// `[400::1]:8080`, as a machine is asked directly.
fn machine_of(host: &str) -> Option<(Ipv6Addr, u16)> {
    let (ip, rest) = host.strip_prefix('[')?.split_once(']')?;
    let port = rest.strip_prefix(':').map_or(Some(80), |port| port.parse().ok())?;
    Some((ip.parse().ok()?, port))
}

#[cfg(test)]
mod tests {
    use super::super::node::kit::World;
    use super::*;

    #[tokio::test]
    async fn the_registrar_sets_a_record_and_says_back_only_what_is_a_name() {
        let world = World::start().await;
        let names = super::super::names::Names::new(&world.genesis, &[]);
        world.nodes.set_names(names.clone());
        let (_, page) = registrar(&world.nodes, "/?name=Shop.Example.org&a=203.0.113.5");
        assert!(page.contains("shop.example.org leads to 203.0.113.5 now."), "{page}");
        assert_eq!(names.resolve("shop.example.org"), [std::net::IpAddr::from([203, 0, 113, 5])]);
        registrar(&world.nodes, "/?name=shop.example.org&a=");
        assert!(names.resolve("shop.example.org").is_empty());
        for odd in ["/", "/?name=%3Cb%3E&a=%3Cb%3E", "/?name=shop.example.org&a=%3Cb%3E", "/?%FF", "?"] {
            assert!(!registrar(&world.nodes, odd).1.contains("<b>"), "{odd}");
        }
    }

    #[test]
    fn a_machine_is_asked_by_its_address() {
        let at = |text: &str| machine_of(text).map(|(ip, port)| (ip.to_string(), port));
        assert_eq!(at("[400::1]:8080"), Some(("400::1".into(), 8080)));
        assert_eq!(at("[400::1]"), Some(("400::1".into(), 80)));
        for other in ["shop.example.org", "shop.example.org:80", "[400::1", "[x]:80", "[400::1]:x", "10.0.0.1:80", ""] {
            assert_eq!(at(other), None, "{other}");
        }
    }
}
