//! Copies by ssh: what the key of the other server may do on the backup VM, and copies on a machine of the customer's own.

use std::path::Path;

use cooperage::base::time::{DAY, HOUR, MINUTE};
use cooperage::cli::demo::ALICE;

use crate::kit::caller::Caller;
use crate::kit::machine::{Machine, installed};
use crate::kit::market::Market;

const SYNC: &str = include_str!("../assets/vm/sync.sh");

/// A backup VM that was told to hold two folders, one in the other. What `rsync` is told there, and where, comes out as one line.
fn holder() -> Machine {
    let own = Machine::new("curl");
    let lib = own.folder("lib");
    std::fs::write(lib.join("sync.sh"), SYNC).unwrap();
    let srv = own.folder("srv").display().to_string();
    std::fs::write(lib.join("plan"), format!("role hold\nauthorize ssh-ed25519 AAAA\nfolder {srv}\nfolder {srv}/deep\n"))
        .unwrap();
    own.program("rsync", "echo \"$(pwd -P): $*\"");
    own
}

/// What the other server asks for comes in a variable; no shell of ours reads it.
fn serve(own: &Machine, asked: &str) -> (bool, String) {
    let mut command = own.command("/bin/sh", "exec sh lib/sync.sh serve");
    let output = command.env("SSH_ORIGINAL_COMMAND", asked).stdin(std::process::Stdio::null()).output().unwrap();
    (output.status.success(), format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)))
}

#[test]
fn the_key_for_copies_writes_to_the_chosen_folders_and_nowhere_else() {
    let own = holder();
    let (srv, lib) = (own.folder("srv").display().to_string(), own.folder("lib").display().to_string());
    let usual = "rsync --server -lHogDtpre.iLsfxCIvu --timeout=120 --delete --stats .";
    // As the rsyncs of the last ten years ask: what is run is the same, and runs inside the folder.
    let older = "rsync --server -lHogDtpre.iLsfxC --timeout=120 --delete --stats .";
    for (asked, told) in [
        (format!("{usual} {srv}/"), format!("{srv}: --server -lHogDtpre.iLsfxCIvu --timeout=120 --delete --stats . ./")),
        (format!("{older} {srv}/deep/"), format!("{srv}/deep: --server -lHogDtpre.iLsfxC --timeout=120 --delete --stats . ./")),
        (
            "rsync --server -lHogDtpre.iLsfxCIvu --timeout=120 --stats . held/".to_owned(),
            format!("{lib}/held: --server -lHogDtpre.iLsfxCIvu --timeout=120 --stats . ./"),
        ),
    ] {
        assert_eq!(serve(&own, &asked), (true, format!("{told}\n")), "{asked}");
    }
    let hostile = [
        String::new(),
        "sh".into(),
        "rsync".into(),
        "rsync --server".into(),
        "rsync --daemon --config=/x .".into(),
        usual.into(),
        // Another folder: the first of two, the second, one inside, one beside, one above, and the same said otherwise.
        format!("rsync --server -lHogDtpre.iLsfxCIvu . /boot/ {srv}/"),
        format!("rsync --server -lHogDtpre.iLsfxCIvu . {srv}/ /boot/"),
        format!("rsync --server -lHogDtpre.iLsfxCIvu /boot/ . {srv}/"),
        format!("rsync --server -lHogDtpre.iLsfxCIvu . . {srv}/"),
        format!("{usual} /boot/"),
        format!("{usual} {srv}"),
        format!("{usual} {srv}//"),
        format!("{usual} {srv}/other/"),
        format!("{usual} {srv}/../"),
        format!("{usual} {srv}*/"),
        format!("{usual} held"),
        format!("{usual} held/../"),
        format!("{usual} ./held/"),
        format!("{usual} {lib}/held/"),
        format!("{usual} {lib}/"),
        format!("{usual} -- {srv}/"),
        // Arguments that come where nobody looks at them, links that are followed, and other letters.
        format!("rsync --server -slHogDtpre.iLsfxCIvu . {srv}/"),
        format!("rsync --server -s . {srv}/"),
        format!("rsync --server -KlHogDtpre.iLsfxCIvu . {srv}/"),
        format!("rsync --server -LlHogDtpre.iLsfxCIvu . {srv}/"),
        format!("rsync --server -lHogDtpre.iLsfx/CIvu . {srv}/"),
        format!("rsync --server -lHogDtpre . {srv}/"),
        format!("rsync --server -lHogDtpre.iLsfxCIvu -s . {srv}/"),
        format!("rsync --server -lHogDtpre.iLsfxCIvu -K . {srv}/"),
        format!("rsync --server -lHogDtpre.iLsfxCIvu -s -- . {srv}/"),
        // Reading, and options that name a file or run a program.
        format!("rsync --server --sender -lHogDtpre.iLsfxCIvu . {srv}/"),
        format!("rsync --server -lHogDtpre.iLsfxCIvu --sender . {srv}/"),
        format!("rsync --server -lHogDtpre.iLsfxCIvu --secluded-args . {srv}/"),
        format!("rsync --server -lHogDtpre.iLsfxCIvu --log-file=/boot/x . {srv}/"),
        format!("rsync --server -lHogDtpre.iLsfxCIvu --backup-dir=/boot . {srv}/"),
        format!("rsync --server -lHogDtpre.iLsfxCIvu --temp-dir /boot . {srv}/"),
        format!("rsync --server -lHogDtpre.iLsfxCIvu --partial-dir=/boot . {srv}/"),
        format!("rsync --server -lHogDtpre.iLsfxCIvu --timeout=1200 . {srv}/"),
        format!("rsync --server -lHogDtpre.iLsfxCIvu --delete --remove-source-files . {srv}/"),
        format!("rsync --daemon -lHogDtpre.iLsfxCIvu . {srv}/"),
        // A shell would read these as more than words.
        format!("rsync --server -lHogDtpre.$(id) . {srv}/"),
        format!("rsync --server -lHogDtpre.iLsfxCIvu . {srv}/; id"),
        format!("{usual} `id`"),
        format!("/usr/bin/rsync --server -lHogDtpre.iLsfxCIvu . {srv}/"),
    ];
    for asked in hostile {
        let (went, said) = serve(&own, &asked);
        assert_eq!((went, said.as_str()), (false, "This key may make copies, and nothing else.\n"), "{asked}");
    }
    // A link that was copied into one folder does not open the way out of it through another.
    std::fs::remove_dir(format!("{srv}/deep")).unwrap();
    let out = own.folder("outside");
    std::os::unix::fs::symlink(&out, format!("{srv}/deep")).unwrap();
    let (went, said) = serve(&own, &format!("{usual} {srv}/deep/"));
    assert!(!went && said.contains("leads elsewhere"), "{said}");
    // While the backup VM is in charge, and before anybody was let in, nothing is written.
    for plan in ["role wait\n", ""] {
        std::fs::write(format!("{lib}/plan"), plan).unwrap();
        for to in [format!("{srv}/"), "held/".to_owned()] {
            assert!(!serve(&own, &format!("{usual} {to}")).0, "{plan}");
        }
    }
}

/// Where there is a real rsync, it asks for what the script lets through, and comes out where it should.
#[test]
fn a_real_rsync_is_let_through() {
    let Some(rsync) = installed("rsync") else { return };
    let (own, main) = (holder(), Machine::new("curl"));
    own.program("rsync", &format!("exec {} \"$@\"", rsync.display()));
    let from = main.folder("from");
    std::fs::write(from.join("letter"), "dear all").unwrap();
    let served =
        format!("exec env SSH_ORIGINAL_COMMAND=\"$*\" PATH={} sh {}", own.folder("bin").display(), own.folder("lib").display());
    main.program("ssh", &format!("while [ \"$1\" = -l ]; do shift 2; done\nshift\n{served}/sync.sh serve"));
    // The words of the script itself, with another way to the other server.
    let words = SYNC.split("\n  rsync ").nth(1).unwrap().split(" -e ").next().unwrap().replace("${3:-}", "--delete");
    for to in [own.folder("srv").display().to_string(), "held".to_owned()] {
        let line = format!(
            "{} {words} -e '{}' {}/ 'root@[5f1::2]:{to}/'",
            rsync.display(),
            main.folder("bin").join("ssh").display(),
            from.display()
        );
        let output = main.command("/bin/sh", &line).output().unwrap();
        assert!(output.status.success(), "{line}: {output:?}");
        let place = if to == "held" { own.folder("lib/held") } else { Path::new(&to).to_owned() };
        assert_eq!(std::fs::read_to_string(place.join("letter")).unwrap(), "dear all");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_of_ones_own_fetches_copies_is_seen_and_is_missed() {
    let market = Market::open().await;
    let alice = market.shopper().await;
    let order = market.order(&alice, "web", "").await;
    market.rest(order).await;
    let (mine, page) = (format!("/deployments/{order}"), format!("/deployments/{order}/copies"));
    assert!(alice.get(&mine).await.unwrap().says("We keep no copy"));
    let off = alice.get(&page).await.unwrap();
    for words in ["What it does not cover", "To restore", "PostgreSQL", "root@"] {
        assert!(off.says(words), "{words}: {}", off.text());
    }
    let wrong = alice.fill(&page, &page, &[("days", "7"), ("folders", "/etc")]).await.unwrap();
    assert_eq!((wrong.status, wrong.says("The system itself lives there")), (422, true), "{}", wrong.text());
    let (server, nas) = (Machine::new("curl"), Machine::new("curl"));
    nas.with_pull(&server);
    let data = server.folder("srv-data");
    let folder = data.to_str().unwrap();
    std::fs::write(data.join("letter"), "dear all").unwrap();
    let begun = alice.fill(&page, &page, &[("days", "7"), ("folders", folder)]).await.unwrap();
    let text = begun.text();
    let from = text.find("curl -").unwrap_or_else(|| panic!("no line: {text}"));
    let line = &text[from..from + text[from..].find("| sh").unwrap() + 4];
    let said = nas.does("/bin/sh", line).await;
    let key_line = said.lines().find(|line| line.starts_with("mkdir -p ~/.ssh")).unwrap_or_else(|| panic!("{said}")).to_owned();
    let script = nas.path("copies-of-web/copy.sh");
    let copy = |verb: &str| format!("sh {} {verb}", script.display());
    let copies = || {
        let names = std::fs::read_dir(nas.path("copies-of-web/copies")).into_iter().flatten();
        let mut names: Vec<_> = names.map(|entry| entry.unwrap().path()).filter(|path| !path.ends_with("part")).collect();
        names.sort();
        names
    };
    let letter = |copy: &Path| std::fs::read_to_string(copy.join(folder.trim_start_matches('/')).join("letter")).unwrap();
    // Its key is not on the server yet: that is told as what it is.
    assert!(!nas.run("/bin/sh", &copy("now")).await.status.success());
    let shown = alice.get(&page).await.unwrap();
    assert!(shown.says("permission denied") && shown.says("Nothing yet"), "{}", shown.text());
    for _ in 0..2 {
        server.does("/bin/sh", &key_line).await;
    }
    let keys = std::fs::read_to_string(server.path(".ssh/authorized_keys")).unwrap();
    assert_eq!(keys.lines().count(), 1, "run twice is once: {keys}");
    nas.does("/bin/sh", &copy("now")).await;
    assert_eq!(copies().iter().map(|copy| letter(copy)).collect::<Vec<_>>(), ["dear all"]);
    let shown = alice.get(&page).await.unwrap();
    assert!(shown.says("Went well: 1,234 bytes") && !shown.says("It is late"), "{}", shown.text());
    assert!(alice.get(&mine).await.unwrap().says("Last copy seen: just now"));
    assert!(nas.arguments().lines().all(|line| line.contains("/install") || !line.contains("/r/")), "{}", nas.arguments());
    // That key reads those folders, and does nothing else.
    let forced = keys.split('"').nth(1).unwrap();
    for asked in [
        "sh".to_owned(),
        String::new(),
        "rsync --server --sender -lHogDtpre.iLsfxCIvu . /etc/".to_owned(),
        format!("rsync --server --sender -lHogDtpre.iLsfxCIvu . {folder}/ /etc/"),
        format!("rsync --server --sender -lHogDtpre.iLsfxCIvu . /etc/ {folder}/"),
        format!("rsync --server --sender -slHogDtpre.iLsfxCIvu . {folder}/"),
        format!("rsync --server --sender -lHogDtpre.iLsfxCIvu --remove-source-files . {folder}/"),
        format!("rsync --server -lHogDtpre.iLsfxCIvu . {folder}/"),
    ] {
        let mut command = server.command("/bin/sh", forced);
        let output = command.env("SSH_ORIGINAL_COMMAND", &asked).output().unwrap();
        assert!(!output.status.success() && output.stdout.is_empty(), "{asked}: {output:?}");
    }
    // An hour later it is not time; a week later it is, and what was there before stays there.
    market.demo.world.chain.stop();
    market.leap(HOUR);
    nas.does("/bin/sh", &copy("tick")).await;
    assert_eq!(copies().len(), 1);
    std::fs::write(data.join("letter"), "dear both").unwrap();
    market.leap(7 * DAY);
    nas.does("/bin/sh", &copy("tick")).await;
    assert_eq!(copies().iter().map(|copy| letter(copy)).collect::<Vec<_>>(), ["dear all", "dear both"]);
    // An empty folder may be a disk that is not mounted: it takes no good copy's place.
    std::fs::rename(data.join("letter"), server.path("letter")).unwrap();
    assert!(!nas.run("/bin/sh", &copy("now")).await.status.success());
    assert!(alice.get(&page).await.unwrap().says("its disk is not mounted"));
    assert_eq!(copies().len(), 2);
    std::fs::rename(server.path("letter"), data.join("letter")).unwrap();
    // Late: its page says so, and a mail does, once.
    let late = || market.demo.world.mail.mails_to(ALICE.email).iter().filter(|mail| mail.subject.contains("is late")).count();
    market.leap(8 * DAY - HOUR);
    assert_eq!((late(), alice.get(&page).await.unwrap().says("It is late")), (0, false));
    market.leap(2 * HOUR);
    market.demo.world.mail.wait_for(ALICE.email, "your own copy of web is late").await.unwrap();
    assert!(alice.get(&page).await.unwrap().says("It is late") && alice.get(&mine).await.unwrap().says("Late"));
    market.leap(DAY);
    assert_eq!(late(), 1);
    nas.does("/bin/sh", &copy("tick")).await;
    assert!(!alice.get(&page).await.unwrap().says("It is late"));
    // Eight are kept.
    for _ in 0..7 {
        market.leap(MINUTE);
        nas.does("/bin/sh", &copy("now")).await;
    }
    assert_eq!((copies().len(), letter(&copies()[0]).as_str()), (8, "dear both"));
    // Taken away: it says so, nobody waits for it, and the copies stay.
    nas.does("/bin/sh", &copy("remove")).await;
    assert!(alice.get(&page).await.unwrap().says("We wait for no copy") && copies().len() == 8 && !script.exists());
    // Ended here: what was known is forgotten, and so is the machine.
    let ended = alice.fill(&page, &format!("{page}/end"), &[]).await.unwrap();
    assert!(ended.says("What it does not cover"), "{}", ended.text());
    let secret = line.split("/r/").nth(1).unwrap().split('/').next().unwrap();
    let caller = Caller::new(market.url());
    assert_eq!(caller.get(&format!("/r/{secret}/install")).await.status, 404);
    market.close().await;
}
