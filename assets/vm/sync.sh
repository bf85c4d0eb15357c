#!/bin/sh
# Keeps two servers in step: this one makes copies of the folders you chose on the other one, with rsync over ssh, or takes them.
# Each server makes its own keys and keeps their private halves; the marketplace passes on public halves, addresses and folders.
#
#   sync.sh tick     tells how it stands, hears what to do, and makes a copy if one is due; report.sh runs it once a minute
#   sync.sh serve    what the other server may do here: write to those folders, and nothing else
#   sync.sh remove   takes all of this away again
#
# COOPERAGE_SSH_DIR (/etc/ssh): where the keys of this machine's ssh server are. COOPERAGE_PROC (/proc).
set -u
LC_ALL=C
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
[ -n "${HOME:-}" ] || HOME=~root
export LC_ALL PATH HOME
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P) || exit 1
proc=${COOPERAGE_PROC:-/proc}
keys=${COOPERAGE_SSH_DIR:-/etc/ssh}
plan=$here/plan
mine=$HOME/.ssh/authorized_keys
mark=cooperage-sync
# What each folder that is copied has in it.
sign=.cooperage-copied

has() { command -v "$1" >/dev/null 2>&1; }

# One word of the plan.
word() { sed -n "s/^$1 //p" "$plan" | head -n 1; }

message() {
  echo "cooperage-sync 1"
  if [ ! -e "$here/sync-key" ] && has ssh-keygen; then ssh-keygen -q -t ed25519 -N '' -C "$mark" -f "$here/sync-key" >/dev/null 2>&1; fi
  if [ -r "$here/sync-key.pub" ]; then echo "key $(cat "$here/sync-key.pub")"; fi
  if [ -r "$keys/ssh_host_ed25519_key.pub" ]; then echo "host $(cat "$keys/ssh_host_ed25519_key.pub")"; fi
  if [ -r "$here/run" ]; then echo "run $(cat "$here/run")"; fi
  # The other server writes there: only a number in a plain file is a marker.
  if [ -f "$here/held/marker" ] && [ ! -h "$here/held/marker" ]; then echo "marker $(head -c 15 "$here/held/marker" | tr -cd 0-9)"; fi
}

send() { /bin/sh "$here/report.sh" post /sync; }

copy() { # from, to, and --delete or nothing
  # shellcheck disable=SC2086 # nothing is no argument
  rsync -aH --no-s ${3:-} --timeout=120 --stats -e "ssh -i $here/sync-key -o BatchMode=yes -o ConnectTimeout=20 -o StrictHostKeyChecking=yes -o UserKnownHostsFile=$here/known -o HostKeyAlias=cooperage-backup" "$1" "root@[$(word peer)]:$2"
  ended=$?
  # 24: files went away meanwhile, as files do.
  [ "$ended" = 24 ] || return "$ended"
}

# A folder, and every disk that is mounted below it.
places() {
  echo "$1"
  [ -r "$proc/mounts" ] || return 0
  while read -r from at _; do
    case $from in /dev/*) ;; *) continue ;; esac
    case $at in "$1"/*) echo "$at" ;; esac
  done <"$proc/mounts"
}

# A disk that is not mounted looks like a folder that somebody has emptied, and copying that would empty the copy. So each place has a sign
# in it once it was copied. This finds one of a folder's that had it and has it no more.
bare() {
  [ -r "$here/signed" ] || return 0
  while read -r place; do
    case $place/ in "$1"/*) ;; *) continue ;; esac
    if [ -d "$place" ] && [ ! -e "$place/$sign" ]; then
      echo "$place"
      return 0
    fi
  done <"$here/signed"
}

# Empty ones get none: who knows what is missing there.
put_signs() {
  places "$1" | while read -r place; do
    [ -n "$(ls -A "$place" 2>/dev/null)" ] || continue
    [ -e "$place/$sign" ] || { : >"$place/$sign"; } 2>/dev/null || continue
    grep -qxF "$place" "$here/signed" 2>/dev/null || echo "$place" >>"$here/signed"
  done
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
    # Nothing is deleted there before it is sure that this is the folder that is meant.
    if [ -e "$folder/$sign" ]; then delete=--delete; else delete=; fi
    if [ ! -d "$folder" ]; then
      wrong="there is no $folder"
    elif bare=$(bare "$folder") && [ -n "$bare" ]; then
      wrong="$bare is empty, or its disk is not mounted: there is no $sign in it"
    elif said=$(copy "$folder/" "$folder/" $delete 2>&1); then
      put_signs "$folder"
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
  echo "${1:-This key may make copies, and nothing else.}" >&2
  exit 1
}

# The command that `copy` gives the other server, word for word. Only what stands behind "e." may differ, for it says what the other rsync
# can do; it names nothing. What is run is made here, of words from here. And it runs inside the folder, once it is seen where that
# really is: what was copied before may hold links that lead anywhere.
serve() {
  set -f
  # shellcheck disable=SC2086 # one word an argument
  set -- ${SSH_ORIGINAL_COMMAND:-}
  [ $# -ge 5 ] && [ "$1" = rsync ] && [ "$2" = --server ] || refuse
  case $3 in -lHogDtpre.*) can=${3#-lHogDtpre.} ;; *) refuse ;; esac
  case $can in *[!a-zA-Z]*) refuse ;; esac
  shift 3
  words=
  while [ $# -gt 2 ]; do
    case $1 in --delete | --delete-during | --stats | --timeout=120) words="$words $1" ;; *) refuse ;; esac
    shift
  done
  [ "$1" = . ] && [ "$(word role)" = hold ] || refuse
  to=${2%/}
  if [ "$2" = held/ ]; then
    to=$here/held
  elif [ "$to/" != "$2" ] || ! grep -qxF "folder $to" "$plan"; then
    refuse
  fi
  umask 022
  mkdir -p "$to" && cd "$to" && [ "$(pwd -P)" = "$to" ] || refuse "There, $to is not a folder but leads elsewhere."
  # shellcheck disable=SC2086 # one word an argument
  exec rsync --server "-lHogDtpre.$can" $words . ./
}

remove() {
  shut_out
  rm -rf "$here/sync-key" "$here/sync-key.pub" "$here/run" "$here/held" "$here/out" "$here/known" "$here/folders" "$here/started" \
    "$here/busy" "$here/signed" "$plan" "$plan.new" "$here/config.sync" "$here/sync.sh"
}

case ${1:-} in
  tick | serve | remove) "$1" ;;
  *)
    echo "usage: $0 tick|serve|remove" >&2
    exit 2
    ;;
esac
