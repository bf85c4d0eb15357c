//! Receives mail: the part of RFC 5321 that a sender needs, with PIPELINING, SIZE and 8BITMIME. No relaying, no log-in, no TLS.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// The largest mail that is taken.
pub const LARGEST: usize = 2 << 20;
const LONGEST_LINE: usize = 2048;
const MOST_RECIPIENTS: usize = 100;
const MOST_ERRORS: usize = 20;
const PATIENCE: Duration = Duration::from_secs(120);

/// A mail as it was handed over: who it is for comes from the envelope, never from the headers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Envelope {
    /// Empty for a bounce.
    pub from: String,
    pub to: Vec<String>,
    pub data: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Kept,
    /// Try again later.
    Later,
    /// Never try again.
    Never,
    /// There is no such mailbox.
    Nobody,
    /// The connection breaks before the answer: the sender cannot know.
    HangUp,
}

/// Where mail goes.
pub trait Inbox: Send + Sync + 'static {
    /// Whether there is such a mailbox.
    fn knows(&self, to: &str) -> bool;
    fn receive(&self, envelope: Envelope) -> Verdict;
}

/// Serves until it is dropped.
pub async fn serve(listener: TcpListener, inbox: Arc<dyn Inbox>) {
    let mut sessions = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((socket, _)) => {
                    let inbox = inbox.clone();
                    // A broken connection ends its session; nobody else needs to know.
                    sessions.spawn(async move { drop(session(socket, &*inbox).await) });
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a mail connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
            Some(_) = sessions.join_next() => {}
        }
    }
}

/// One conversation.
pub async fn session(socket: impl AsyncRead + AsyncWrite + Unpin, inbox: &dyn Inbox) -> std::io::Result<()> {
    let mut socket = BufReader::new(socket);
    let mut greeted = false;
    let mut open: Option<Envelope> = None;
    let mut errors = 0;
    say(&mut socket, "220 cooperage ready").await?;
    loop {
        let line = match tokio::time::timeout(PATIENCE, read_piece(&mut socket)).await {
            Err(_) => return say(&mut socket, "421 too slow").await,
            Ok(line) => line?,
        };
        if line.is_empty() {
            return Ok(());
        }
        if !line.ends_with(b"\n") {
            return say(&mut socket, "500 line too long").await;
        }
        let line = String::from_utf8_lossy(&line);
        let line = line.trim_end_matches(['\r', '\n']);
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        let reply = match verb.to_ascii_uppercase().as_str() {
            "EHLO" | "HELO" if rest.trim().is_empty() => "501 say who you are",
            "EHLO" => {
                (greeted, open) = (true, None);
                let size = format!("250-SIZE {LARGEST}");
                for line in ["250-cooperage", "250-PIPELINING", &size, "250-8BITMIME"] {
                    write_line(&mut socket, line).await?;
                }
                "250 SMTPUTF8"
            }
            "HELO" => {
                (greeted, open) = (true, None);
                "250 cooperage"
            }
            "MAIL" if !greeted => "503 say EHLO first",
            "MAIL" if open.is_some() => "503 one mail at a time",
            "MAIL" => match path(rest, "FROM:") {
                Some((_, parameters)) if announced_size(parameters).is_some_and(|size| size > LARGEST) => "552 too large",
                Some((from, _)) => {
                    open = Some(Envelope { from: from.to_owned(), ..Envelope::default() });
                    "250 ok"
                }
                None => "501 MAIL FROM:<address>",
            },
            "RCPT" => match (&mut open, path(rest, "TO:")) {
                (None, _) => "503 MAIL first",
                (_, None | Some(("", _))) => "501 RCPT TO:<address>",
                (Some(envelope), _) if envelope.to.len() >= MOST_RECIPIENTS => "452 too many recipients",
                (_, Some((to, _))) if !inbox.knows(to) => "550 no such mailbox",
                (Some(envelope), Some((to, _))) => {
                    envelope.to.push(to.to_owned());
                    "250 ok"
                }
            },
            "DATA" => match open.take() {
                None => "503 MAIL first",
                Some(envelope) if envelope.to.is_empty() => {
                    open = Some(envelope);
                    "503 RCPT first"
                }
                Some(mut envelope) => {
                    say(&mut socket, "354 end with <CRLF>.<CRLF>").await?;
                    let data = tokio::time::timeout(PATIENCE, read_data(&mut socket)).await;
                    match data.map_err(|_| std::io::Error::from(std::io::ErrorKind::TimedOut))?? {
                        None => "552 too large",
                        Some(data) => {
                            envelope.data = data;
                            match inbox.receive(envelope) {
                                Verdict::Kept => "250 kept",
                                Verdict::Later => "451 try again later",
                                Verdict::Never => "554 refused",
                                Verdict::Nobody => "550 no such mailbox",
                                Verdict::HangUp => return Ok(()),
                            }
                        }
                    }
                }
            },
            "RSET" => {
                open = None;
                "250 ok"
            }
            "NOOP" => "250 ok",
            "VRFY" => "252 send and see",
            "QUIT" => return say(&mut socket, "221 bye").await,
            _ => "502 not known here",
        };
        errors += usize::from(reply.starts_with('5'));
        if errors > MOST_ERRORS {
            return say(&mut socket, "421 too many errors").await;
        }
        write_line(&mut socket, reply).await?;
        // With pipelining the answers to all that has come go out together.
        if socket.buffer().is_empty() {
            socket.flush().await?;
        }
    }
}

async fn write_line(socket: &mut (impl AsyncWrite + Unpin), line: &str) -> std::io::Result<()> {
    socket.write_all(format!("{line}\r\n").as_bytes()).await
}

async fn say(socket: &mut (impl AsyncWrite + Unpin), line: &str) -> std::io::Result<()> {
    write_line(socket, line).await?;
    socket.flush().await
}

/// Up to the next line feed, or as much as a line may hold. Empty at the end of the stream.
async fn read_piece(socket: &mut (impl AsyncBufRead + Unpin)) -> std::io::Result<Vec<u8>> {
    let mut piece = Vec::new();
    loop {
        let here = socket.fill_buf().await?;
        let room = (LONGEST_LINE - piece.len()).min(here.len());
        let end = here[..room].iter().position(|&byte| byte == b'\n').map(|at| at + 1);
        let used = end.unwrap_or(room);
        piece.extend_from_slice(&here[..used]);
        socket.consume(used);
        if end.is_some() || used == 0 || piece.len() == LONGEST_LINE {
            return Ok(piece);
        }
    }
}

/// The mail up to the lone dot, dots unstuffed. None if it was too large; it is read to its end all the same. Only CRLF ends a
/// line: a bare line feed around a dot would smuggle a second mail in.
async fn read_data(socket: &mut (impl AsyncBufRead + Unpin)) -> std::io::Result<Option<Vec<u8>>> {
    let mut data = Vec::new();
    let mut size = 0_usize;
    let mut tail = *b"\r\n";
    loop {
        let piece = read_piece(socket).await?;
        if piece.is_empty() {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let fresh = tail == *b"\r\n";
        if fresh && piece == b".\r\n" {
            return Ok((size <= LARGEST).then_some(data));
        }
        for &byte in &piece {
            tail = [tail[1], byte];
        }
        let kept = if fresh { piece.strip_prefix(b".").unwrap_or(&piece) } else { &piece };
        size = size.saturating_add(kept.len());
        if size <= LARGEST {
            data.extend_from_slice(kept);
        } else {
            data = Vec::new();
        }
    }
}

/// `FROM:<ada@example.test> SIZE=5` → the address and the rest.
fn path<'a>(text: &'a str, word: &str) -> Option<(&'a str, &'a str)> {
    let (start, rest) = text.split_at_checked(word.len())?;
    let (address, rest) = rest.trim_start().strip_prefix('<')?.split_once('>')?;
    let plain = address.len() <= 254 && !address.chars().any(|c| c.is_control() || c.is_whitespace() || c == '<');
    let whole = address.is_empty() || address.split_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.is_empty());
    (start.eq_ignore_ascii_case(word) && plain && whole).then_some((address, rest))
}

fn announced_size(parameters: &str) -> Option<usize> {
    let size =
        |word: &str| word.split_once('=').filter(|(name, _)| name.eq_ignore_ascii_case("SIZE")).map(|(_, size)| size.to_owned());
    parameters.split_whitespace().find_map(size)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use proptest::prelude::*;
    use tokio::io::AsyncReadExt;

    use super::*;

    #[derive(Default)]
    struct Box_(Mutex<Vec<Envelope>>);

    impl Inbox for Box_ {
        fn knows(&self, to: &str) -> bool {
            to.ends_with("@example.test")
        }
        fn receive(&self, envelope: Envelope) -> Verdict {
            self.0.lock().unwrap().push(envelope);
            Verdict::Kept
        }
    }

    /// Says everything at once, as a pipelining sender may, and tells the answers' codes and what was kept.
    async fn talk(said: &[u8]) -> (String, Vec<Envelope>) {
        let inbox = Box_::default();
        let (mut ours, theirs) = tokio::io::duplex(8 << 20);
        ours.write_all(said).await.unwrap();
        ours.shutdown().await.unwrap();
        let _ended = session(theirs, &inbox).await;
        let mut heard = String::new();
        ours.read_to_string(&mut heard).await.unwrap();
        let codes: Vec<&str> =
            heard.lines().filter(|line| line.as_bytes().get(3) == Some(&b' ')).map(|line| &line[..3]).collect();
        (codes.join(" "), inbox.0.into_inner().unwrap())
    }

    const START: &str = "EHLO me\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<ada@example.test>\r\nDATA\r\n";

    #[tokio::test]
    async fn a_pipelined_mail_is_kept_with_its_dots() {
        let said = format!("{START}Subject: x\r\n\r\n..one\r\n.two.\r\nend\r\n.\r\nQUIT\r\n");
        let (codes, kept) = talk(said.as_bytes()).await;
        assert_eq!(codes, "220 250 250 250 354 250 221");
        assert_eq!((kept[0].from.as_str(), kept[0].to.as_slice()), ("a@b.test", &["ada@example.test".to_owned()][..]));
        assert_eq!(kept[0].data, b"Subject: x\r\n\r\n.one\r\ntwo.\r\nend\r\n");
    }

    #[tokio::test]
    async fn a_dot_between_bare_line_feeds_smuggles_nothing() {
        for end in ["\n.\n", "\n.\r\n", "\r.\r\n", "\r\n.\n"] {
            let said =
                format!("{START}one{end}MAIL FROM:<evil@b.test>\r\nRCPT TO:<ada@example.test>\r\nDATA\r\ntwo\r\n.\r\nQUIT\r\n");
            let (codes, kept) = talk(said.as_bytes()).await;
            assert_eq!((codes.as_str(), kept.len()), ("220 250 250 250 354 250 221", 1), "{end:?}");
        }
    }

    #[tokio::test]
    async fn commands_out_of_order_are_refused() {
        for (said, expected) in [
            ("MAIL FROM:<a@b>\r\n", "220 503"),
            ("EHLO\r\nHELO x\r\nRCPT TO:<a@b>\r\nDATA\r\n", "220 501 250 503 503"),
            ("HELO x\r\nMAIL FROM:<>\r\nDATA\r\nRCPT TO:<x@else.test>\r\nRCPT TO:<>\r\n", "220 250 250 503 550 501"),
            ("HELO x\r\nMAIL FROM:a@b\r\nMAIL TO:<a@b>\r\nMAIL FROM:<a b@c>\r\n", "220 250 501 501 501"),
            (
                "EHLO x\r\nMAIL FROM:<a@b> SIZE=99999999\r\nmail from:<a@b> size=10\r\nMAIL FROM:<a@b>\r\nRSET\r\nNOOP\r\nEXPN\r\n",
                "220 250 552 250 503 250 250 502",
            ),
        ] {
            assert_eq!(talk(said.as_bytes()).await.0, expected, "{said}");
        }
    }

    #[tokio::test]
    async fn a_mail_that_is_too_large_is_refused_and_the_next_one_taken() {
        let line = format!("{}\r\n", "x".repeat(5000)).repeat(LARGEST / 5000 + 1);
        let next = &START["EHLO me\r\n".len()..];
        let (codes, kept) = talk(format!("{START}{line}.\r\n{next}short\r\n.\r\nQUIT\r\n").as_bytes()).await;
        assert_eq!(codes, "220 250 250 250 354 552 250 250 354 250 221");
        assert_eq!(kept[0].data, b"short\r\n");
    }

    #[tokio::test]
    async fn endless_lines_and_endless_errors_end_the_talk() {
        assert_eq!(talk(&[b'x'; 9000]).await.0, "220 500");
        let (codes, _) = talk("BAD\r\n".repeat(50).as_bytes()).await;
        assert!(codes.ends_with("421") && codes.matches("502").count() == MOST_ERRORS);
    }

    proptest! {
        #[test]
        fn noise_is_survived(said in proptest::collection::vec(any::<u8>(), 0..300)) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            let (_, kept) = runtime.block_on(talk(&said));
            prop_assert!(kept.is_empty());
        }
    }
}
