//! A machine as its own scripts see it: a folder with figures like the kernel's, and the few programs that they may call.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

/// What every small system has, and the scripts need.
const TOOLS: &[&str] = &[
    "cat", "chmod", "cut", "date", "dirname", "env", "find", "grep", "head", "id", "ls", "mkdir", "mv", "printf", "rm", "rmdir",
    "sed", "sh", "sleep", "tail", "tar", "touch", "tr",
];

pub struct Machine {
    folder: PathBuf,
}

impl Machine {
    /// `fetch`: what it calls the marketplace with, `curl` or `wget`.
    pub fn new(fetch: &str) -> Machine {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("cooperage-machine-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let machine = Machine { folder: std::env::temp_dir().join(name) };
        for folder in ["bin", "proc/net", "disk"] {
            std::fs::create_dir_all(machine.folder.join(folder)).unwrap();
        }
        for tool in TOOLS {
            symlink(installed(tool).unwrap_or_else(|| panic!("{tool} is installed")), machine.folder.join("bin").join(tool))
                .unwrap();
        }
        let real = installed(fetch).unwrap_or_else(|| panic!("{fetch} is installed"));
        let seen = machine.folder.join("arguments");
        machine.program(fetch, &format!("echo \"$*\" >>'{}'\nexec {} \"$@\"", seen.display(), real.display()));
        let volume = format!("/var/lib/kubelet/plugins/kubernetes.io/csi/rbd.csi.ceph.com/{}/globalmount", "0a1b2c3d".repeat(8));
        machine.program("df", &format!("echo 'Filesystem 1024-blocks Used Available Capacity Mounted on'\necho '/dev/vda1 52428800 13107200 39321600 25% /'\necho 'tmpfs 100 1 99 1% /run'\necho '/dev/vdb 10485760 1048576 9437184 10% /mnt/my data'\necho '/dev/rbd0 10485760 1048576 9437184 10% {volume}'"));
        machine.figures(1000, 100, 1000, 5_000_000);
        machine
    }

    /// Puts a program of its own into it.
    pub fn program(&self, name: &str, script: &str) {
        let path = self.folder.join("bin").join(name);
        // Never through a link to a program of this machine's.
        let _none_there = std::fs::remove_file(&path);
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// What its kernel says: seconds since it started, hundredths of a second of work and of waiting, bytes received.
    pub fn figures(&self, uptime: u64, busy: u64, idle: u64, received: u64) {
        let write = |name: &str, text: String| std::fs::write(self.folder.join("proc").join(name), text).unwrap();
        write("uptime", format!("{uptime}.25 {idle}.00\n"));
        write("stat", format!("cpu  {busy} 0 0 {idle} 0 0 0 0 0 0\ncpu0 {busy} 0 0 {idle} 0 0 0 0 0 0\nintr 1\n"));
        write("loadavg", "0.42 0.36 0.30 1/123 456\n".into());
        write("meminfo", "MemTotal:        4194304 kB\nMemFree:          100000 kB\nMemAvailable:    3145728 kB\n".into());
        let row = |name: &str, bytes: u64| format!("{name:>6}: {bytes} 1 0 0 0 0 0 0 {} 1 0 0 0 0 0 0\n", bytes / 10);
        let rows =
            format!("Inter-|   Receive\n face |bytes    packets\n{}{}{}", row("lo", 7), row("eth0", received), row("docker0", 9));
        write("net/dev", rows);
    }

    /// What the program that it calls the marketplace with was told: what everybody on that machine could read meanwhile.
    pub fn arguments(&self) -> String {
        std::fs::read_to_string(self.folder.join("arguments")).unwrap_or_default()
    }

    /// Something else that its kernel says.
    pub fn kernel(&self, name: &str, text: &str) {
        std::fs::write(self.folder.join("proc").join(name), text).unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join("disk").join(name)
    }

    /// A folder of its own, of a name that may be copied.
    pub fn folder(&self, name: &str) -> PathBuf {
        let path = self.folder.join(name);
        std::fs::create_dir_all(&path).unwrap();
        path
    }

    /// Where it keeps what another machine copied to a folder: both live on one disk here.
    pub fn copied(&self, folder: &str) -> PathBuf {
        self.folder.join("copied").join(folder.trim_start_matches('/'))
    }

    /// Lets nobody in by ssh, or again.
    pub fn lock_out(&self, locked: bool) {
        let file = self.folder.join("locked");
        if locked { std::fs::write(file, "").unwrap() } else { std::fs::remove_file(file).unwrap() }
    }

    /// Gives it ssh and rsync that reach `other`. They are small, but believe no more than the real ones: the other side must be known by
    /// its key, must let in the key that comes, and runs the command it has for that key, whatever is asked.
    pub fn with_ssh(&self, other: &Machine) {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let key = |number: u32| super::market::other_key(u8::try_from(number % 200).unwrap());
        let number = 2 * COUNT.fetch_add(1, Ordering::Relaxed);
        std::fs::write(self.folder("ssh").join("ssh_host_ed25519_key.pub"), format!("{}\n", key(number))).unwrap();
        self.program("ssh", "exit 0");
        self.program(
            "ssh-keygen",
            &format!("for last; do :; done\necho private >\"$last\"\necho '{}' >\"$last.pub\"", key(number + 1)),
        );
        let script = r#"
here=@SELF@/disk/usr/local/lib/cooperage
if [ "${1:-}" = --server ]; then
  case $PWD in "$here"/*) to=$PWD ;; *) to=@SELF@/copied$PWD ;; esac
  case " $* " in *" --delete "*) rm -rf "$to" ;; esac
  mkdir -p "$to"
  exec tar -C "$to" -xf -
fi
delete=
for last; do
  from=${to:-} to=$last
  if [ "$last" = --delete ]; then delete=" --delete"; fi
done
[ ! -e @OTHER@/locked ] || { echo "ssh: no way in" >&2; exit 255; }
host=$(cat @OTHER@/ssh/ssh_host_ed25519_key.pub)
grep -qF "cooperage-backup ${host% *}" "$here/known" || { echo "ssh: somebody else" >&2; exit 255; }
key=$(cat "$here/sync-key.pub")
line=$(grep -F "${key% *}" @OTHER@/disk/.ssh/authorized_keys) || { echo "ssh: permission denied" >&2; exit 255; }
forced=$(echo "$line" | sed -n 's/^command="\([^"]*\)",restrict .*/\1/p')
asked="rsync --server -lHogDtpre.iLsfxCIvu --timeout=120$delete --stats . ${to#*]:}"
tar -C "$from" -cf - . | env -i PATH=@OTHER@/bin HOME=@OTHER@/disk COOPERAGE_SSH_DIR=@OTHER@/ssh SSH_ORIGINAL_COMMAND="$asked" sh -c "$forced" || exit 12
echo "Total transferred file size: 1,234 bytes"
"#;
        let folder = |machine: &Machine| machine.folder.display().to_string();
        self.program("rsync", &script.replace("@SELF@", &folder(self)).replace("@OTHER@", &folder(other)));
    }

    /// Gives it ssh and rsync that fetch from `other`, which lets in whom it knows and runs the command it has for them.
    pub fn with_pull(&self, other: &Machine) {
        let folder = other.folder.display().to_string();
        self.program("ssh", "exit 0");
        let key = super::market::other_key(77);
        self.program("ssh-keygen", &format!("for last; do :; done\necho private >\"$last\"\necho '{key}' >\"$last.pub\""));
        other.program("rsync", "for last; do :; done\nexec tar -C \"$last\" -cf - .");
        let script = r#"
for last; do from=${to:-}; to=$last; done
key=$(cat key.pub)
line=$(grep -F "${key% *}" @OTHER@/disk/.ssh/authorized_keys 2>/dev/null) || { echo "ssh: permission denied" >&2; exit 255; }
forced=$(echo "$line" | sed -n 's/^command="\([^"]*\)",restrict .*/\1/p')
asked="rsync --server --sender -lHogDtpre.iLsfxCIvu . ${from#*]:}"
mkdir -p "$to"
env -i PATH=@OTHER@/bin HOME=@OTHER@/disk SSH_ORIGINAL_COMMAND="$asked" sh -c "$forced" | tar -C "$to" -xf - || exit 12
echo "Total transferred file size: 1,234 bytes"
"#;
        self.program("rsync", &script.replace("@OTHER@", &folder));
    }

    /// A command line in this machine, with nothing of ours around it.
    pub fn command(&self, shell: &str, line: &str) -> Command {
        let mut command = Command::new(shell);
        command.arg("-c").arg(line).env_clear().current_dir(&self.folder);
        command.env("PATH", self.folder.join("bin")).env("COOPERAGE_PROC", self.folder.join("proc"));
        command.env("COOPERAGE_ROOT", self.folder.join("disk")).env("HOME", self.folder.join("disk"));
        command.env("COOPERAGE_SSH_DIR", self.folder.join("ssh"));
        command
    }

    /// Runs a command line to its end.
    pub async fn run(&self, shell: &str, line: &str) -> Output {
        let mut command = self.command(shell, line);
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }

    /// The same, and it has to go well.
    pub async fn does(&self, shell: &str, line: &str) -> String {
        let output = self.run(shell, line).await;
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{line}: {said}");
        said
    }
}

/// Where a program is on the machine that the tests run on.
pub fn installed(program: &str) -> Option<PathBuf> {
    ["/bin", "/usr/bin"].into_iter().map(|folder| Path::new(folder).join(program)).find(|path| path.exists())
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _left_behind = std::fs::remove_dir_all(&self.folder);
    }
}
