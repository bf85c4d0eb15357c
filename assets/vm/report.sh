#!/bin/sh
# Tells the marketplace once a minute how this machine is doing: processor, memory, disks, network, uptime; and the newest lines
# of its log if you asked for that on the deployment's page. It reads, and sends; it takes no orders.
#
#   report.sh once     says it once, now
#   report.sh loop     says it every minute
#   report.sh ensure   starts the loop if it does not run
#   report.sh remove   says that it ends, and takes all of this away again
#   report.sh post     sends what it reads to the address of this machine, or to one below it: post /sync
#
# COOPERAGE_PROC (/proc), COOPERAGE_EVERY (60, seconds): for trying it out.
set -u
LC_ALL=C
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
export LC_ALL PATH
umask 077
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd) || exit 1
proc=${COOPERAGE_PROC:-/proc}
every=${COOPERAGE_EVERY:-60}
url=$(sed -n 's/^url = "\(.*\)"$/\1/p' "$here/config") || exit 1
name=cooperage-report
wants=

has() { command -v "$1" >/dev/null 2>&1; }

figures() {
  echo "cooperage 1"
  read -r up _ <"$proc/uptime" && echo "uptime $up"
  read -r _ cpu <"$proc/stat" && echo "cpu $cpu"
  read -r load _ <"$proc/loadavg" && echo "load $load"
  total=0 free=0 available=
  while read -r key value _; do
    case $key in
      MemTotal:) total=$value ;;
      MemFree:) free=$value ;;
      MemAvailable:) available=$value ;;
    esac
  done <"$proc/meminfo"
  echo "memory $total ${available:-$free}"
  disks
  net
}

# File systems of its own, each once.
disks() {
  seen=' '
  df -P -k 2>/dev/null | while read -r from size used _ _ mount; do
    case $from in Filesystem | tmpfs | devtmpfs | overlay | shm | udev | none | cgroup* | /dev/loop*) continue ;; esac
    case $mount in /proc | /proc/* | /sys | /sys/* | /dev | /dev/* | /run | /run/* | /snap/*) continue ;; esac
    case $size$used in '' | *[!0-9]*) continue ;; esac
    case $seen in *" $from "*) continue ;; esac
    # Volumes of containers, mostly: their names are longer than anybody reads.
    [ "${#mount}" -le 100 ] || continue
    [ "$size" -gt 0 ] || continue
    seen="$seen$from "
    echo "disk $used $size $mount"
  done | head -n 16
}

# Bytes over all networks but those that machines inside this one have.
net() {
  received=0 sent=0
  while read -r line; do
    case $line in *:*) ;; *) continue ;; esac
    case ${line%%:*} in lo | docker* | veth* | br-* | virbr* | cni* | flannel*) continue ;; esac
    # shellcheck disable=SC2086 # one word a figure
    set -- ${line#*:}
    received=$((received + $1)) sent=$((sent + $9))
  done <"$proc/net/dev"
  echo "net $received $sent"
}

log() {
  if has journalctl && lines=$(journalctl -q --no-pager -n 100 -o short-iso 2>/dev/null) && [ -n "$lines" ]; then
    printf '%s\n' "$lines"
  elif [ -r /var/log/messages ]; then
    tail -n 100 /var/log/messages
  elif [ -r /var/log/syslog ]; then
    tail -n 100 /var/log/syslog
  else
    dmesg 2>/dev/null | tail -n 100
  fi | tail -c 16000
}

message() {
  figures
  if [ "$wants" = "log 1" ]; then
    echo log
    log
  fi
}

# @POST@

# The answer says whether the log is wanted next time.
once() {
  answer=$(message | post) || return 1
  wants=$answer
}

loop() {
  echo $$ >"$here/pid"
  failed=0
  while :; do
    if once; then failed=0; else failed=$((failed + 1)); fi
    # A copy may take longer than a minute: it has a life of its own.
    if [ -e "$here/sync.sh" ]; then /bin/sh "$here/sync.sh" tick >/dev/null 2>&1 & fi
    # Nobody there, or nobody who knows us any more: half as often is enough.
    if [ "$failed" -gt 10 ]; then sleep "$((every * 2))"; else sleep "$every"; fi
  done
}

pid() {
  known=$(cat "$here/pid" 2>/dev/null) || return 1
  [ -n "$known" ] && tr '\0' ' ' <"/proc/$known/cmdline" 2>/dev/null | grep -q "report.sh loop" && echo "$known"
}

ensure() {
  pid >/dev/null || nohup /bin/sh "$here/report.sh" loop >/dev/null 2>&1 &
}

stop() {
  if [ -d /run/systemd/system ]; then
    systemctl disable -q --now "$name.service" 2>/dev/null
    rm -f "/etc/systemd/system/$name.service"
    systemctl daemon-reload
  fi
  if has zinit && [ -e "/etc/zinit/$name.yaml" ]; then
    zinit stop "$name"
    zinit forget "$name"
    rm -f "/etc/zinit/$name.yaml"
  fi
  if has crontab && crontab -l 2>/dev/null | grep -q "$here/report.sh"; then
    crontab -l | grep -v "$here/report.sh" | crontab -
  fi
  running=$(pid) && kill "$running"
  rm -f "$here/pid"
}

remove() {
  stop
  post /end </dev/null >/dev/null || echo "The marketplace could not be told: the page will say that this machine is silent." >&2
  if [ -e "$here/sync.sh" ]; then /bin/sh "$here/sync.sh" remove; fi
  rm -f "$here/config" "$here/report.sh" "$here/post."*
  rmdir "$here" 2>/dev/null
  echo "It is gone."
}

case ${1:-} in
  once | loop | ensure | stop | remove) "$1" ;;
  post) post "${2:-}" ;;
  *)
    echo "usage: $0 once|loop|ensure|remove|post" >&2
    exit 2
    ;;
esac
