//! Reading a VM's message: a word and its numbers a line, each once, nothing else; `assets/vm/report.sh` writes it.

use super::{DISKS_MAX, Disk, Figures, MESSAGE_BYTES, Report, plain};

/// The first line: which form the rest has.
const FORM: &str = "cooperage 1";
/// Everything above can't be true: 2⁵³, as much as fits exactly into any program's numbers.
const MOST: u64 = 1 << 53;
const MOUNT_MAX: usize = 100;

/// Why a message is not taken, for whoever looks at the script's output.
pub type Refused = &'static str;

impl Report {
    /// # Errors
    /// With a sentence for whoever runs the script by hand.
    pub fn parse(message: &[u8]) -> Result<Report, Refused> {
        if message.len() > MESSAGE_BYTES {
            return Err("That is too long.");
        }
        let (head, log) = split(message);
        let head = String::from_utf8_lossy(head);
        let mut lines = head.lines();
        if lines.next() != Some(FORM) {
            return Err("This is not the form we know. Please install the reporter again.");
        }
        let mut read = Lines::default();
        lines.try_for_each(|line| read.line(line))?;
        let log = log.map(|log| log.split(|byte| *byte == b'\n').map(plain).filter(|line| !line.is_empty()).collect());
        Ok(Report { figures: read.whole().ok_or("A figure is missing.")?, log: log.unwrap_or_default() })
    }
}

/// The figures, and the lines of the log behind them.
fn split(message: &[u8]) -> (&[u8], Option<&[u8]>) {
    const BEFORE_LOG: &[u8] = b"\nlog\n";
    match message.windows(BEFORE_LOG.len()).position(|part| part == BEFORE_LOG) {
        Some(at) => (&message[..at], message.get(at + BEFORE_LOG.len()..)),
        None => (message, None),
    }
}

#[derive(Default)]
struct Lines {
    uptime: Option<u64>,
    cpu: Option<(u64, u64)>,
    load: Option<u64>,
    memory: Option<(u64, u64)>,
    net: Option<(u64, u64)>,
    disks: Vec<Disk>,
}

impl Lines {
    fn line(&mut self, line: &str) -> Result<(), Refused> {
        let (word, rest) = line.split_once(' ').ok_or("A line has no figure.")?;
        match word {
            "uptime" => once(&mut self.uptime, hundredths(rest)),
            "load" => once(&mut self.load, hundredths(rest)),
            "cpu" => once(&mut self.cpu, cpu(rest)),
            "memory" => once(&mut self.memory, pair(rest).filter(|(all, free)| *all > 0 && free <= all)),
            "net" => once(&mut self.net, pair(rest)),
            "disk" => {
                // Whatever is mounted somewhere on it, it should be heard: a disk that is none of ours to show is left out.
                let new = |disk: &Disk| self.disks.iter().all(|known| known.mount != disk.mount);
                if let Some(disk) = disk(rest).filter(new).filter(|_| self.disks.len() < DISKS_MAX) {
                    self.disks.push(disk);
                }
                Ok(())
            }
            _ => Err("There is a line that we do not know."),
        }
    }

    fn whole(self) -> Option<Figures> {
        let ((busy, all), (memory, free), (received, sent)) = (self.cpu?, self.memory?, self.net?);
        let memory_used = memory - free;
        let (uptime, load, disks) = (self.uptime?, self.load?, self.disks);
        Some(Figures { uptime, busy, all, load, memory_used, memory, disks, received, sent })
    }
}

fn once<T>(place: &mut Option<T>, read: Option<T>) -> Result<(), Refused> {
    if place.is_some() {
        return Err("A figure is there twice.");
    }
    *place = Some(read.ok_or("A figure can't be read.")?);
    Ok(())
}

fn whole(text: &str) -> Option<u64> {
    let plain = (1..=16).contains(&text.len()) && text.bytes().all(|digit| digit.is_ascii_digit());
    text.parse().ok().filter(|number| plain && *number <= MOST)
}

/// `12345.67`, as the kernel writes it.
fn hundredths(text: &str) -> Option<u64> {
    let (whole_part, rest) = text.split_once('.')?;
    let rest = Some(rest).filter(|rest| rest.len() == 2)?;
    whole(whole_part)?.checked_mul(100)?.checked_add(whole(rest)?).filter(|number| *number <= MOST)
}

fn pair(text: &str) -> Option<(u64, u64)> {
    let (first, second) = text.split_once(' ')?;
    Some((whole(first)?, whole(second)?))
}

/// `user nice system idle iowait irq softirq steal …` (`man 5 proc_stat`): everything but waiting is work. The guests' time at the end
/// is in the first two already.
fn cpu(text: &str) -> Option<(u64, u64)> {
    let numbers: Vec<u64> = text.split(' ').map(whole).collect::<Option<_>>()?;
    let (4..=16) = numbers.len() else { return None };
    let all = numbers.iter().take(8).try_fold(0_u64, |sum, number| sum.checked_add(*number))?;
    let idle = numbers[3].checked_add(numbers.get(4).copied().unwrap_or_default())?;
    Some((all.checked_sub(idle)?, all))
}

fn disk(text: &str) -> Option<Disk> {
    let mut parts = text.splitn(3, ' ');
    let (used, size, mount) = (whole(parts.next()?)?, whole(parts.next()?)?, parts.next()?);
    let shown = plain(mount.as_bytes());
    let fits = mount.starts_with('/') && mount.chars().count() <= MOUNT_MAX && shown == mount;
    (fits && used <= size && size > 0).then_some(Disk { used, size, mount: shown })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::report::LINE_MAX;

    const GOOD: &str = "cooperage 1\nuptime 12345.67\ncpu 4705 150 1120 16390 1234 0 12 3 7 0\nload 0.42\nmemory 2048000 1024000\ndisk 123 456 /\ndisk 1 2 /mnt/my data\nnet 17 4\n";

    #[test]
    fn a_message_is_read_as_it_was_meant() {
        let report = Report::parse(GOOD.as_bytes()).unwrap();
        let figures = report.figures;
        assert_eq!((figures.uptime, figures.load), (1_234_567, 42));
        assert_eq!((figures.busy, figures.all), (4705 + 150 + 1120 + 12 + 3, 4705 + 150 + 1120 + 16390 + 1234 + 12 + 3));
        assert_eq!((figures.memory_used, figures.memory), (1_024_000, 2_048_000));
        assert_eq!(figures.disks[1], Disk { used: 1, size: 2, mount: "/mnt/my data".into() });
        assert_eq!((figures.received, figures.sent), (17, 4));
        assert!(report.log.is_empty());
        let with_log = format!("{GOOD}log\nfirst\n\nlog\n\u{1b}[31mred\u{1b}[0m\n");
        assert_eq!(Report::parse(with_log.as_bytes()).unwrap().log, ["first", "log", "red"]);
    }

    #[test]
    fn what_is_not_exactly_so_is_refused() {
        let without =
            |line: &str| GOOD.lines().filter(|known| !known.starts_with(line)).map(|l| format!("{l}\n")).collect::<String>();
        for missing in ["cooperage", "uptime", "cpu", "load", "memory", "net"] {
            assert!(Report::parse(without(missing).as_bytes()).is_err(), "{missing}");
        }
        assert!(Report::parse(without("disk").as_bytes()).is_ok(), "no disk is no figure");
        for more in ["load 0.1", "load 1.00", "net 1 2", "colour red", "x", ""] {
            assert!(Report::parse(format!("{GOOD}{more}\n").as_bytes()).is_err(), "{more:?}");
        }
        for (from, to) in [
            ("cooperage 1", "cooperage 2"),
            ("uptime 12345.67", "uptime 12345"),
            ("uptime 12345.67", "uptime 12345.6"),
            ("uptime 12345.67", "uptime +12345.67"),
            ("cpu 4705", "cpu 99999999999999999999"),
            ("cpu 4705 150 1120 16390 1234 0 12 3 7 0", "cpu 1 2 3"),
            ("memory 2048000 1024000", "memory 1 2"),
            ("memory 2048000 1024000", "memory 0 0"),
            ("net 17 4", "net 17 4 1"),
            ("net 17 4", "net 17 9007199254740993"),
        ] {
            assert!(GOOD.contains(from));
            assert!(Report::parse(GOOD.replace(from, to).as_bytes()).is_err(), "{to}");
        }
        assert!(Report::parse(&[b'x'; MESSAGE_BYTES + 1]).is_err());
        assert!(Report::parse(b"cooperage 1\n\xff\xfe").is_err());
    }

    #[test]
    fn a_disk_that_can_t_be_shown_is_left_out_and_the_rest_is_heard() {
        let volume = format!("/var/lib/kubelet/plugins/kubernetes.io/csi/{}/globalmount", "0a1b".repeat(20));
        let wrong = ["1 2 /", "3 2 /x", "0 0 /x", "1 2 x", "1 2 /\u{202e}x", "1 2 /\u{1b}[31mx", "1 /x", "-1 2 /x", "1  2 /x"];
        for more in wrong.into_iter().map(str::to_owned).chain([format!("1 2 {volume}")]) {
            let report = Report::parse(format!("{GOOD}disk {more}\n").as_bytes()).unwrap();
            assert_eq!(report.figures.disks.len(), 2, "{more:?}");
        }
        assert!(Report::parse(&[GOOD.as_bytes(), b"disk 1 2 /\xff\n"].concat()).is_ok());
        let many: String = (0..20).map(|n| format!("disk 1 2 /mnt/{n}\n")).collect();
        assert_eq!(Report::parse(format!("{GOOD}{many}").as_bytes()).unwrap().figures.disks.len(), DISKS_MAX);
    }

    fn sane(message: &[u8]) {
        let Ok(Report { figures, log }) = Report::parse(message) else { return };
        assert!(figures.busy <= figures.all && figures.memory_used <= figures.memory && figures.disks.len() <= DISKS_MAX);
        assert!(log.iter().all(|line| line.chars().count() <= LINE_MAX && !line.chars().any(char::is_control)));
    }

    proptest! {
        #[test]
        fn noise_is_refused_or_harmless(message in proptest::collection::vec(any::<u8>(), 0..2000)) {
            sane(&message);
            sane(&[GOOD.as_bytes(), b"log\n", &message].concat());
        }

        #[test]
        fn a_good_message_with_a_scratch_is_refused_or_harmless(at in 0..GOOD.len(), byte: u8, gone in 0..8_usize) {
            let mut message = GOOD.as_bytes().to_vec();
            message[at] = byte;
            sane(&message);
            message.drain(at..(at + gone).min(GOOD.len()));
            sane(&message);
        }
    }
}
