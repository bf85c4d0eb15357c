#!/bin/sh
# Keeps two servers in step: this one makes copies of the folders you chose on the other one, with rsync over ssh, or takes them.
# Each server makes its own keys and keeps their private halves; the marketplace passes on public halves, addresses and folders.
#
#   sync.sh tick     tells how it stands, hears what to do, and makes a copy if one is due; report.sh runs it once a minute
#   sync.sh serve    what the other server may do here: write to those folders, and nothing else
#   sync.sh remove   takes all of this away again
#
# COOPERAGE_SSH_DIR (/etc/ssh): where the keys of this machine's ssh server are.
set -u
LC_ALL=C
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
[ -n "${HOME:-}" ] || HOME=~root
export LC_ALL PATH HOME
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd) || exit 1
keys=${COOPERAGE_SSH_DIR:-/etc/ssh}
url=$(sed -n 's/^url = "\(.*\)"$/\1/p' "$here/config") || exit 1
plan=$here/plan
mine=$HOME/.ssh/authorized_keys
mark=cooperage-sync

has() { command -v "$1" >/dev/null 2>&1; }

# One word of the plan.
word() { sed -n "s/^$1 //p" "$plan" | head -n 1; }

message() {
  echo "cooperage-sync 1"
  if [ ! -e "$here/sync-key" ] && has ssh-keygen; then ssh-keygen -q -t ed25519 -N '' -C "$mark" -f "$here/sync-key" >/dev/null 2>&1; fi
  if [ -r "$here/sync-key.pub" ]; then echo "key $(cat "$here/sync-key.pub")"; fi
  if [ -r "$keys/ssh_host_ed25519_key.pub" ]; then echo "host $(cat "$keys/ssh_host_ed25519_key.pub")"; fi
  if [ -r "$here/run" ]; then echo "run $(cat "$here/run")"; fi
  if [ -r "$here/held/marker" ]; then echo "marker $(cat "$here/held/marker")"; fi
}

send() {
  if has curl; then
    sed 's/"$/\/sync"/' "$here/config" >"$here/config.sync"
    curl -fsS -m 20 -H 'Content-Type: text/plain' --data-binary @- -K "$here/config.sync"
  else
    # The one of busybox knows fewer words.
    patience=
    if wget --version 2>/dev/null | grep -q GNU; then patience='-T 20 -t 1'; fi
    # shellcheck disable=SC2086 # two words each
    wget -q -O - $patience --post-data="$(cat)" "$url/sync"
  fi
}

copy() { # from, to
  rsync -aH --delete --timeout=120 --stats -e "ssh -i $here/sync-key -o BatchMode=yes -o ConnectTimeout=20 -o StrictHostKeyChecking=yes -o UserKnownHostsFile=$here/known -o HostKeyAlias=cooperage-backup" "$1" "root@[$(word peer)]:$2"
}

# Copies every folder, and last the marker: whoever holds it holds everything that was written before its moment.
push() {
  now=$(word now)
  started=$(cat "$here/started" 2>/dev/null || echo 0)
  [ $((started + $(word every) * 60 - 30)) -le "$now" ] || return 0
  echo "$now" >"$here/started"
  begun=$(date +%s)
  bytes=0 wrong=
  mkdir -p "$here/out"
  echo "$now" >"$here/out/marker"
  echo "cooperage-backup $(word host)" >"$here/known"
  sed -n 's/^folder //p' "$plan" >"$here/folders"
  has rsync && has ssh || wrong="rsync and ssh are needed here"
  while [ -z "$wrong" ] && read -r folder; do
    if [ ! -d "$folder" ]; then
      wrong="there is no $folder"
    elif said=$(copy "$folder/" "$folder/" 2>&1); then
      some=$(echo "$said" | sed -n 's/^Total transferred file size: \([0-9,]*\).*/\1/p' | tr -d ,)
      bytes=$((bytes + ${some:-0}))
    else
      wrong="$folder: $(echo "$said" | head -n 1)"
    fi
  done <"$here/folders"
  if [ -z "$wrong" ] && ! said=$(copy "$here/out/" held/ 2>&1); then wrong="$(echo "$said" | head -n 1)"; fi
  echo "$now $(($(date +%s) - begun)) $bytes ${wrong:-ok}" >"$here/run"
  message | send >/dev/null
}

# Lets the other server in, for copies only.
authorize() {
  line="command=\"/bin/sh $here/sync.sh serve\",restrict $(word authorize) $mark"
  grep -qxF "$line" "$mine" 2>/dev/null && return 0
  mkdir -p "$HOME/.ssh"
  chmod 700 "$HOME/.ssh"
  shut_out
  echo "$line" >>"$mine"
  chmod 600 "$mine"
}

shut_out() {
  [ -e "$mine" ] || return 0
  grep -v " $mark\$" "$mine" >"$mine.new"
  chmod 600 "$mine.new"
  mv "$mine.new" "$mine"
}

tick() {
  if ! mkdir "$here/busy" 2>/dev/null; then
    # One that is gone left this behind.
    old=$(cat "$here/busy/pid" 2>/dev/null)
    [ -n "$old" ] && [ -d "/proc/$old" ] && return 0
  fi
  echo $$ >"$here/busy/pid"
  if message | send >"$plan.new"; then
    mv "$plan.new" "$plan"
    case $(word role) in
      push) push ;;
      hold) authorize ;;
    esac
  fi
  rm -rf "$here/busy"
}

refuse() {
  echo "This key may make copies, and nothing else." >&2
  exit 1
}

serve() {
  set -f
  # shellcheck disable=SC2086 # one word an argument
  set -- ${SSH_ORIGINAL_COMMAND:-}
  [ "${1:-}" = rsync ] && [ "${2:-}" = --server ] || refuse
  for last; do
    case $last in
      --sender | --sender=* | *..*) refuse ;;
      rsync | --server | --delete* | --timeout=* | --stats | . | /* | held/) ;;
      -*[!a-zA-Z.,-]* | --*) refuse ;;
      -*) ;;
      *) refuse ;;
    esac
  done
  if [ "$last" = held/ ]; then
    cd "$here" || refuse
  else
    grep -qxF "folder ${last%/}" "$plan" 2>/dev/null || refuse
  fi
  mkdir -p "$last" || refuse
  exec "$@"
}

remove() {
  shut_out
  rm -rf "$here/sync-key" "$here/sync-key.pub" "$here/run" "$here/held" "$here/out" "$here/known" "$here/folders" "$here/started" \
    "$here/busy" "$plan" "$plan.new" "$here/config.sync" "$here/sync.sh"
}

case ${1:-} in
  tick | serve | remove) "$1" ;;
  *)
    echo "usage: $0 tick|serve|remove" >&2
    exit 2
    ;;
esac
