//! The pretended post office: keeps every mail for reading in the browser, newest first, and delivers nothing.

use std::collections::VecDeque;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use actix_web::http::{StatusCode, Uri};
use actix_web::web::{self, Data, Path};
use actix_web::{App, HttpResponse, HttpResponseBuilder, HttpServer};
use mail_parser::MessageParser;
use maud::{DOCTYPE, Markup, html};
use tokio::sync::watch;

use crate::base::{Clock, Random, Time};
use crate::wire::smtp::{Envelope, Inbox, Verdict, serve};

const CSS: &str = include_str!("../../assets/card/card.css");
/// Older mails are forgotten.
const MOST: usize = 500;
/// How long `wait_for` waits.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    pub id: String,
    pub at: Time,
    /// From the envelope, as are the recipients.
    pub from: String,
    pub to: Vec<String>,
    pub subject: String,
    pub message_id: String,
    pub text: String,
}

/// The running post office. Dropping it stops it.
pub struct MailWorld {
    pub smtp: SocketAddr,
    pub url: String,
    office: Arc<Office>,
    server: ServerHandle,
    receiving: tokio::task::JoinHandle<()>,
}

impl MailWorld {
    /// Needs a tokio runtime around it. Port 0 takes any free port.
    pub async fn start(
        smtp_port: u16,
        http_port: u16,
        random: Arc<dyn Random>,
        clock: Arc<dyn Clock>,
    ) -> std::io::Result<MailWorld> {
        let office = Arc::new(Office { random, clock, state: Mutex::default(), count: watch::channel(0).0 });
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", smtp_port)).await?;
        let smtp = listener.local_addr()?;
        let receiving = tokio::spawn(serve(listener, office.clone()));
        let listener = TcpListener::bind(("127.0.0.1", http_port))?;
        let url = format!("http://{}", listener.local_addr()?);
        let data = Data::from(office.clone());
        let app = move || {
            App::new()
                .app_data(data.clone())
                .route("/", web::get().to(list))
                .route("/mail/{id}", web::get().to(show))
                .route("/mail.css", web::get().to(css))
        };
        let server = HttpServer::new(app).workers(1).shutdown_timeout(1).disable_signals().listen(listener)?.run();
        let handle = server.handle();
        tokio::spawn(server);
        Ok(MailWorld { smtp, url, office, server: handle, receiving })
    }

    /// Only links to this site are clickable: `http://127.0.0.1:8080`.
    pub fn set_site(&self, origin: &str) {
        self.office.state().site = origin.trim_end_matches('/').to_owned();
    }

    /// What happens to the next mails instead of being kept. With `HangUp` a mail is kept all the same: the sender cannot know.
    pub fn fail_next(&self, verdict: Verdict) {
        self.office.state().verdicts.push_back(verdict);
    }

    /// Newest first.
    pub fn mails(&self) -> Vec<Mail> {
        self.office.state().mails.iter().cloned().collect()
    }

    /// Newest first.
    pub fn mails_to(&self, address: &str) -> Vec<Mail> {
        self.office.state().mails.iter().filter(|mail| mail.is_to(address)).cloned().collect()
    }

    /// The newest mail to this address whose subject contains this text; None if none comes within ten seconds.
    pub async fn wait_for(&self, address: &str, subject: &str) -> Option<Mail> {
        let mut count = self.office.count.subscribe();
        let found = async {
            loop {
                count.borrow_and_update();
                if let Some(mail) = self.mails_to(address).into_iter().find(|mail| mail.subject.contains(subject)) {
                    return Some(mail);
                }
                count.changed().await.ok()?;
            }
        };
        tokio::time::timeout(PATIENCE, found).await.ok().flatten()
    }
}

impl Drop for MailWorld {
    fn drop(&mut self) {
        self.receiving.abort();
        // The order to stop is sent at once; nobody needs to wait for it.
        drop(self.server.stop(false));
    }
}

impl Mail {
    fn is_to(&self, address: &str) -> bool {
        self.to.iter().any(|to| to.eq_ignore_ascii_case(address))
    }
}

#[derive(Default)]
struct State {
    mails: VecDeque<Mail>,
    verdicts: VecDeque<Verdict>,
    site: String,
}

struct Office {
    random: Arc<dyn Random>,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    count: watch::Sender<u64>,
}

impl Office {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inbox for Office {
    fn knows(&self, _to: &str) -> bool {
        true
    }

    fn receive(&self, envelope: Envelope) -> Verdict {
        let verdict = self.state().verdicts.pop_front().unwrap_or(Verdict::Kept);
        if matches!(verdict, Verdict::Later | Verdict::Never | Verdict::Nobody) {
            return verdict;
        }
        let parsed = MessageParser::default().parse(&envelope.data);
        let parsed = parsed.as_ref();
        let mail = Mail {
            id: hex::encode(self.random.bytes::<16>()),
            at: self.clock.now(),
            from: envelope.from,
            to: envelope.to,
            subject: parsed.and_then(|mail| mail.subject()).unwrap_or_default().to_owned(),
            message_id: parsed.and_then(|mail| mail.message_id()).unwrap_or_default().to_owned(),
            text: parsed.and_then(|mail| mail.body_text(0)).unwrap_or_default().replace("\r\n", "\n"),
        };
        let mut state = self.state();
        state.mails.push_front(mail);
        state.mails.truncate(MOST);
        drop(state);
        self.count.send_modify(|count| *count += 1);
        verdict
    }
}

// Pages

async fn css() -> HttpResponse {
    HttpResponse::Ok().insert_header((CONTENT_TYPE, "text/css; charset=utf-8")).body(CSS)
}

async fn list(office: Data<Office>) -> HttpResponse {
    let state = office.state();
    let body = html! {
        h1 { "Mail" }
        @if state.mails.is_empty() {
            p { "No mail yet. Whatever Cooperage sends in the local world arrives here: sign up, and the first letter comes." }
        } @else {
            p { (state.mails.len()) " kept, newest first. Nothing was delivered to anybody." }
            ul.mails {
                @for mail in &state.mails {
                    li { a href=(format!("/mail/{}", mail.id)) {
                        strong.subject { (subject(mail)) }
                        time datetime=(mail.at) { small { (mail.at.minute()) } }
                        small { "to " (mail.to.join(", ")) }
                    } }
                }
            }
        }
        p.after { a href="/" { "Look again" } }
    };
    page(StatusCode::OK, "Mail", &body)
}

async fn show(office: Data<Office>, id: Path<String>) -> HttpResponse {
    let state = office.state();
    let Some(mail) = state.mails.iter().find(|mail| mail.id == *id) else {
        let body =
            html! { h1 { "There is no such mail" } p { "Only the newest " (MOST) " are kept. " a href="/" { "All mail" } } };
        return page(StatusCode::NOT_FOUND, "There is no such mail", &body);
    };
    let body = html! {
        p { a href="/" { "← All mail" } }
        h1 { (subject(mail)) }
        dl {
            dt { "From" } dd { @if mail.from.is_empty() { "nobody (a bounce)" } @else { (mail.from) } }
            dt { "To" } dd { (mail.to.join(", ")) }
            dt { "Sent" } dd { time datetime=(mail.at) { (mail.at.minute()) } }
        }
        div.letter { (letter(&mail.text, &state.site)) }
    };
    page(StatusCode::OK, subject(mail), &body)
}

fn subject(mail: &Mail) -> &str {
    if mail.subject.trim().is_empty() { "(no subject)" } else { &mail.subject }
}

/// The text with links to our own site, and to nowhere else.
fn letter(text: &str, site: &str) -> Markup {
    let ours = |url: &str| {
        let uri: Option<Uri> = url.parse().ok();
        let origin = uri.and_then(|uri| Some(format!("{}://{}", uri.scheme_str()?, uri.authority()?)));
        !site.is_empty() && origin.as_deref() == Some(site)
    };
    html! {
        @for piece in text.split_inclusive(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"')) {
            @let start = piece.find("http").unwrap_or(0);
            @let url = piece[start..].trim_end_matches(|c: char| c.is_whitespace() || "<>\".,;:!?)".contains(c));
            @if ours(url) {
                (piece[..start]) a href=(url) { (url) } (piece[start + url.len()..])
            } @else {
                (piece)
            }
        }
    }
}

fn page(status: StatusCode, title: &str, body: &Markup) -> HttpResponse {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · Mail sink" }
                link rel="stylesheet" href="/mail.css";
            }
            body.wide {
                header { p { span.mark aria-hidden="true" {} strong { "Mail sink" } span.note { "nothing is delivered" } } }
                main { (body) }
                footer { p { "Part of the local world. Nothing leaves this computer." } }
            }
        }
    };
    let policy = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    HttpResponseBuilder::new(status)
        .insert_header((CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((CONTENT_SECURITY_POLICY, policy))
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .body(page.into_string())
}

#[cfg(test)]
mod tests {
    use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};

    use super::*;
    use crate::host::{HostClock, HostRandom};

    type Sender = AsyncSmtpTransport<Tokio1Executor>;

    async fn world() -> (MailWorld, Sender) {
        let world = MailWorld::start(0, 0, Arc::new(HostRandom), HostClock::new()).await.unwrap();
        world.set_site("http://127.0.0.1:8080");
        let sender = Sender::builder_dangerous("127.0.0.1").port(world.smtp.port()).build();
        (world, sender)
    }

    fn mail(to: &str, subject: &str, text: &str) -> Message {
        let message = Message::builder().from("Co-op <shop@example.test>".parse().unwrap()).to(to.parse().unwrap());
        message.subject(subject).message_id(Some("<box-1@example.test>".into())).body(text.to_owned()).unwrap()
    }

    async fn get(url: &str) -> String {
        let _chosen_already = rustls::crypto::ring::default_provider().install_default();
        reqwest::get(url).await.unwrap().text().await.unwrap()
    }

    #[tokio::test]
    async fn a_letter_by_a_real_sender_arrives_word_for_word() {
        let (world, sender) = world().await;
        let text = "Grüße, 你好\n.a dot\n..two dots\n.\nThe end of a long line: ".to_owned() + &"x".repeat(3000);
        sender.send(mail("Ada <ada@example.test>", "Your receipt № 7 – paid", &text)).await.unwrap();
        sender.send(mail("bob@example.test", "Something else", "")).await.unwrap();
        let got = world.wait_for("ADA@example.test", "receipt № 7").await.unwrap();
        assert_eq!(got.text.trim_end(), text);
        assert_eq!((got.subject.as_str(), got.from.as_str()), ("Your receipt № 7 – paid", "shop@example.test"));
        assert_eq!(got.message_id, "box-1@example.test");
        assert_eq!(world.mails_to("ada@example.test"), [got]);
        assert_eq!(
            world.mails().iter().map(|mail| mail.to[0].as_str()).collect::<Vec<_>>(),
            ["bob@example.test", "ada@example.test"]
        );
    }

    #[tokio::test]
    async fn a_bad_day_at_the_post_office() {
        let (world, sender) = world().await;
        for (verdict, kept) in [(Verdict::Later, 0), (Verdict::Never, 0), (Verdict::Nobody, 0), (Verdict::HangUp, 1)] {
            world.fail_next(verdict);
            let error = sender.send(mail("ada@example.test", "x", "y")).await.unwrap_err();
            let for_good = matches!(verdict, Verdict::Never | Verdict::Nobody);
            assert_eq!((error.is_transient(), error.is_permanent()), (verdict == Verdict::Later, for_good));
            assert_eq!(world.mails().len(), kept, "{verdict:?}");
        }
        sender.send(mail("ada@example.test", "x", "y")).await.unwrap();
    }

    #[tokio::test]
    async fn only_the_newest_are_kept() {
        let (world, _) = world().await;
        for n in 0..MOST + 5 {
            let data = format!("Subject: {n}\r\n\r\n").into_bytes();
            world.office.receive(Envelope { from: String::new(), to: vec!["a@b".into()], data });
        }
        assert_eq!((world.mails().len(), world.mails()[0].subject.as_str()), (MOST, "504"));
    }

    #[tokio::test]
    async fn letters_are_read_in_the_browser_and_only_our_links_are_links() {
        let (world, sender) = world().await;
        assert!(get(&world.url).await.contains("No mail yet"));
        let text = "Confirm (http://127.0.0.1:8080/confirm?t=a&b=1). Not http://evil.test/ nor\nhttp://127.0.0.1:8080@evil.test/ \
                    nor http://127.0.0.1:8080.evil.test/ <script>alert(1)</script>";
        sender.send(mail("ada@example.test", "<b>Welcome</b>", text)).await.unwrap();
        let got = world.wait_for("ada@example.test", "Welcome").await.unwrap();
        let listed = get(&world.url).await;
        assert!(listed.contains("&lt;b&gt;Welcome&lt;/b&gt;") && listed.contains(&format!("/mail/{}", got.id)));
        let shown = get(&format!("{}/mail/{}", world.url, got.id)).await;
        assert!(shown.contains(r#"(<a href="http://127.0.0.1:8080/confirm?t=a&amp;b=1">"#), "{shown}");
        assert_eq!(shown.matches("<a href=\"http").count(), 1, "{shown}");
        assert!(!shown.contains("<script") && !shown.contains("style="));
        assert!(get(&format!("{}/mail/none", world.url)).await.contains("There is no such mail"));
    }
}
