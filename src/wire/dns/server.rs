//! A small server of names over UDP, for the pretended world: it knows what it is told, and everything else does not exist.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use hickory_resolver::proto::op::{Message, MessageType, OpCode, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, AAAA, CAA, CNAME};
use hickory_resolver::proto::rr::{Name, RData, Record as Entry, RecordType};
use tokio::net::UdpSocket;

use super::types::Record;

/// Seconds that an answer may be kept.
const TTL_S: u32 = 60;
/// Aliases that are followed, one after another.
const CHAIN_MAX: usize = 8;

/// What the server answers from.
pub trait Names: Send + Sync + 'static {
    /// All records of a name in small letters without the dot at the end; None if there is no such name.
    fn records(&self, name: &str) -> Option<Vec<Record>>;

    /// It knows nothing at all at the moment.
    fn fails(&self) -> bool {
        false
    }
}

/// A running server.
pub struct Server {
    pub address: SocketAddr,
    task: tokio::task::AbortHandle,
}

impl Server {
    /// Listens on a port of this machine, 0 for any. Must be called inside a tokio runtime.
    pub async fn start(names: Arc<dyn Names>, port: u16) -> io::Result<Server> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = socket.local_addr()?;
        let task = tokio::spawn(async move {
            let mut packet = [0; 1500];
            loop {
                // An error is about a packet that could not be delivered; the next one may be.
                let Ok((size, from)) = socket.recv_from(&mut packet).await else { continue };
                if let Some(answer) = answer(&*names, &packet[..size]) {
                    let _lost = socket.send_to(&answer, from).await;
                }
            }
        });
        Ok(Server { address, task: task.abort_handle() })
    }

    pub fn stop(&self) {
        self.task.abort();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// None for what is no question.
fn answer(names: &dyn Names, packet: &[u8]) -> Option<Vec<u8>> {
    let asked = Message::from_vec(packet).ok().filter(|asked| asked.metadata.message_type == MessageType::Query)?;
    let mut answer = Message::response(asked.metadata.id, OpCode::Query);
    answer.metadata.recursion_desired = asked.metadata.recursion_desired;
    answer.metadata.recursion_available = true;
    let query = asked.queries.first()?.clone();
    let (mut name, kind) = (query.name().clone(), query.query_type());
    answer.add_query(query);
    if names.fails() {
        answer.metadata.response_code = ResponseCode::ServFail;
        return answer.to_vec().ok();
    }
    for _ in 0..CHAIN_MAX {
        let Some(records) = names.records(&name.to_ascii().trim_end_matches('.').to_lowercase()) else {
            answer.metadata.response_code = ResponseCode::NXDomain;
            break;
        };
        let alias = records.iter().find_map(|record| match record {
            Record::Cname(to) => Name::from_ascii(to).ok(),
            _ => None,
        });
        if let Some(mut alias) = alias {
            alias.set_fqdn(true);
            answer.add_answer(Entry::from_rdata(name, TTL_S, RData::CNAME(CNAME(alias.clone()))));
            if kind == RecordType::CNAME {
                break;
            }
            name = alias;
            continue;
        }
        for data in records.into_iter().filter_map(data).filter(|data| data.record_type() == kind) {
            answer.add_answer(Entry::from_rdata(name.clone(), TTL_S, data));
        }
        break;
    }
    answer.to_vec().ok()
}

fn data(record: Record) -> Option<RData> {
    Some(match record {
        Record::A(ip) => RData::A(A(ip)),
        Record::Aaaa(ip) => RData::AAAA(AAAA(ip)),
        Record::Cname(to) => RData::CNAME(CNAME(Name::from_ascii(to).ok()?)),
        Record::Caa { tag, value } => {
            let mut rule = CAA::new_issue(false, None, vec![]);
            (rule.tag, rule.value) = (tag, value.into_bytes());
            RData::CAA(rule)
        }
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::super::client::Resolver;
    use super::super::types::{DnsError, Found};
    use std::time::Duration;

    use super::*;

    struct Zone(BTreeMap<&'static str, Vec<Record>>);

    impl Names for Zone {
        fn records(&self, name: &str) -> Option<Vec<Record>> {
            self.0.get(name).cloned()
        }
    }

    fn zone() -> Arc<Zone> {
        let caa = |value: &str| Record::Caa { tag: "issue".into(), value: value.into() };
        Arc::new(Zone(BTreeMap::from([
            ("shop.example.org", vec![Record::A([192, 0, 2, 7].into()), Record::Aaaa("2001:db8::7".parse().unwrap())]),
            ("www.example.org", vec![Record::Cname("shop.example.org".into())]),
            ("old.example.org", vec![Record::Cname("gone.example.org".into())]),
            ("empty.example.org", vec![]),
            ("locked.example.net", vec![Record::A([192, 0, 2, 8].into())]),
            ("example.net", vec![caa("other.example; account=5"), Record::Caa { tag: "iodef".into(), value: "x".into() }]),
            (
                "many.example.net",
                (0..30).map(|host| Record::A([192, 0, 2, host].into())).chain((0..30).map(|n| caa(&n.to_string()))).collect(),
            ),
            ("a.b.c.d.e.f.g.h.i.k.l.m.example.com", vec![Record::A([192, 0, 2, 9].into())]),
            ("example.org", vec![Record::Caa { tag: "iodef".into(), value: "mailto:a@example.org".into() }]),
        ])))
    }

    #[tokio::test]
    async fn names_are_looked_up_with_their_aliases_and_certificate_rules() {
        let server = Server::start(zone(), 0).await.unwrap();
        let resolver = Resolver::new(vec![server.address]);
        let (v4, v6) = (vec![[192, 0, 2, 7].into()], vec!["2001:db8::7".parse().unwrap()]);
        let shop = Found { v4, v6, ..Found::default() };
        assert_eq!(resolver.look_up("shop.example.org").await, Ok(shop.clone()));
        assert_eq!(resolver.look_up("Shop.Example.ORG").await, Ok(shop.clone()), "names have no case");
        let www = resolver.look_up("www.example.org").await.unwrap();
        assert_eq!(www, Found { aliases: vec!["shop.example.org".into()], ..shop });
        let old = resolver.look_up("old.example.org").await.unwrap();
        assert_eq!(old, Found { aliases: vec!["gone.example.org".into()], ..Found::default() }, "it leads nowhere");
        for nothing in ["empty.example.org", "no.example.org", "nobody.example.com"] {
            assert_eq!(resolver.look_up(nothing).await, Ok(Found::default()), "{nothing}");
        }
        let locked = resolver.look_up("locked.example.net").await.unwrap();
        assert_eq!(locked.issuers, Some(vec!["other.example".into()]), "said by the name above it");
        assert_eq!(resolver.look_up("a..b").await, Err(DnsError::BadName));
    }

    /// The packet was written by hand after RFC 1035, 4.1: no code of ours had a part in it.
    #[test]
    fn a_question_that_was_written_by_hand_is_answered_as_the_book_says() {
        let mut question = vec![0x12, 0x34, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0];
        let name = b"\x04shop\x07example\x03org\x00";
        question.extend(name);
        question.extend([0, 1, 0, 1]); // A, IN
        let answer = answer(&*zone(), &question).unwrap();
        assert_eq!(answer[..2], [0x12, 0x34]);
        assert_eq!(answer[2] & 0x80, 0x80, "it is an answer");
        assert_eq!(answer[3] & 0x0f, 0, "no error");
        assert_eq!(answer[4..8], [0, 1, 0, 1], "one question, one record");
        assert!(answer.ends_with(&[0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 7]), "{answer:?}");
        question[14] = b'x'; // shop is something else now: nobody knows it
        let nothing = super::answer(&*zone(), &question).unwrap();
        assert_eq!((nothing[3] & 0x0f, nothing[7]), (3, 0), "there is no such name");
    }

    #[tokio::test]
    async fn however_much_a_zone_says_little_of_it_is_kept() {
        let server = Server::start(zone(), 0).await.unwrap();
        let many = Resolver::new(vec![server.address]).look_up("many.example.net").await.unwrap();
        assert_eq!((many.v4.len(), many.issuers.map(|issuers| issuers.len())), (16, Some(16)));
    }

    /// Answers every question about certificates late, and all others at once.
    #[tokio::test]
    async fn a_zone_that_takes_its_time_costs_a_look_only_so_much() {
        let slow = Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap());
        let address = slow.local_addr().unwrap();
        tokio::spawn(async move {
            let mut packet = [0; 1500];
            while let Ok((size, from)) = slow.recv_from(&mut packet).await {
                let late = Message::from_vec(&packet[..size]).unwrap().queries[0].query_type() == RecordType::CAA;
                let (said, slow) = (answer(&*zone(), &packet[..size]).unwrap(), slow.clone());
                tokio::spawn(async move {
                    tokio::time::sleep(std::time::Duration::from_millis(if late { 300 } else { 0 })).await;
                    let _lost = slow.send_to(&said, from).await;
                });
            }
        });
        let begun = tokio::time::Instant::now();
        let resolver = Resolver::new(vec![address]).hurried(std::time::Duration::from_millis(700));
        let found = resolver.look_up("a.b.c.d.e.f.g.h.i.k.l.m.example.com").await;
        assert_eq!(found, Ok(Found { v4: vec![[192, 0, 2, 9].into()], ..Found::default() }));
        assert!(begun.elapsed() < std::time::Duration::from_secs(2), "it climbed {:?} for certificates", begun.elapsed());
    }

    #[tokio::test]
    async fn a_server_that_is_silent_is_not_a_name_that_does_not_exist() {
        let silent = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = silent.local_addr().unwrap();
        drop(silent); // nobody listens
        let mut resolver = Resolver::new(vec![address]);
        resolver.within = Duration::from_millis(200);
        let found = resolver.look_up("shop.example.org").await;
        assert!(matches!(found, Err(DnsError::NoAnswer(_))), "{found:?}");
    }

    struct Unwell;

    impl Names for Unwell {
        fn records(&self, _: &str) -> Option<Vec<Record>> {
            None
        }

        fn fails(&self) -> bool {
            true
        }
    }

    #[tokio::test]
    async fn a_server_that_fails_says_nothing_of_a_name_either() {
        let server = Server::start(Arc::new(Unwell), 0).await.unwrap();
        let found = Resolver::new(vec![server.address]).look_up("shop.example.org").await;
        assert!(matches!(found, Err(DnsError::NoAnswer(_))), "{found:?}");
    }

    proptest! {
        #[test]
        fn noise_is_answered_or_dropped(noise: Vec<u8>) {
            let _ = answer(&*zone(), &noise);
        }
    }
}
