#!/bin/sh
# Keeps copies of a server's folders on this machine, which is yours. It fetches them with rsync over ssh; the newest eight stand beside each
# other in copies/, each a folder of plain files, and what did not change between two of them takes no room twice.
#
#   copy.sh tick     asks what is to be copied, copies it if it is time, and tells how that went; cron runs it once an hour
#   copy.sh now      the same, whether it is time or not
#   copy.sh line     the line to run on the server: it lets this machine read those folders, and do nothing else
#   copy.sh remove   ends all that; the copies stay
set -u
LC_ALL=C
export LC_ALL
umask 077
cd "$(dirname -- "$0")" || exit 1
here=$(pwd -P)
url=$(sed -n 's/^url = "\(.*\)"$/\1/p' config) || exit 1
kept=8
mark=cooperage-home

has() { command -v "$1" >/dev/null 2>&1; }

# One word of the plan.
word() { sed -n "s/^$1 //p" plan | head -n 1; }

# @POST@

message() {
  echo "cooperage-sync 1"
  if [ -r run ]; then echo "run $(cat run)"; fi
}

ask() { message | post /sync >plan.new && mv plan.new plan; }

copies() { ls -1 copies 2>/dev/null | grep '^20'; }

# The host's key is believed the first time, and must be the same ever after. Names without a folder: rsync splits this line at spaces.
fetch() { # folder, and the copy before
  # shellcheck disable=SC2086 # no copy is no argument
  rsync -aH --no-s --delete --stats ${2:+"--link-dest=$here/copies/$2$1/"} -e "ssh -i key -o BatchMode=yes -o ConnectTimeout=20 -o ServerAliveInterval=30 -o StrictHostKeyChecking=accept-new -o UserKnownHostsFile=known" "root@[$(word peer)]:$1/" "copies/part$1/"
  ended=$?
  # 24: files went away meanwhile, as files do.
  [ "$ended" = 24 ] || return "$ended"
}

pull() { # now, or nothing
  now=$(word now)
  last=$(cat last 2>/dev/null || echo 0)
  [ "${1:-}" = now ] || [ $((last + $(word every) * 60 - 1800)) -le "$now" ] || return 0
  begun=$(date +%s)
  bytes=0 wrong=
  before=$(copies | tail -n 1)
  sed -n 's/^folder //p' plan >folders
  has rsync && has ssh || wrong="rsync and ssh are needed here"
  while [ -z "$wrong" ] && read -r folder; do
    mkdir -p "copies/part$folder"
    if ! said=$(fetch "$folder" "$before" 2>&1); then
      wrong="$folder: $(echo "$said" | head -n 1)"
    elif [ -n "$before" ] && [ -z "$(ls -A "copies/part$folder")" ] && [ -n "$(ls -A "copies/$before$folder" 2>/dev/null)" ]; then
      wrong="$folder is empty there, or its disk is not mounted"
    else
      some=$(echo "$said" | sed -n 's/^Total transferred file size: \([0-9,]*\).*/\1/p' | tr -d ,)
      bytes=$((bytes + ${some:-0}))
    fi
  done <folders
  if [ -z "$wrong" ]; then
    name=$(date -u +%Y-%m-%d-%H%M%S)
    while [ -e "copies/$name" ]; do name=${name}_; done
    mv copies/part "copies/$name" && echo "$now" >last || wrong="it could not be kept"
  fi
  echo "$now $(($(date +%s) - begun)) $bytes ${wrong:-ok}" >run
  message | post /sync >/dev/null
  if [ -n "$wrong" ]; then
    echo "No copy: $wrong" >&2
    return 1
  fi
  count=$(copies | grep -c .)
  copies | while read -r old; do
    [ "$count" -gt "$kept" ] || break
    # Folders only: a file may belong to other copies, too.
    find "copies/$old" -type d ! -perm -700 -exec chmod u+rwx {} +
    rm -rf "copies/$old"
    count=$((count - 1))
  done
}

tick() {
  if ! mkdir busy 2>/dev/null; then
    # One that is gone left this behind.
    old=$(cat busy/pid 2>/dev/null)
    [ -n "$old" ] && kill -0 "$old" 2>/dev/null && return 0
  fi
  echo $$ >busy/pid
  if ! ask; then
    false
  elif [ "$(word role)" = pull ]; then
    pull "${1:-}"
  elif [ "${1:-}" = now ]; then
    echo "The server does not run just now." >&2
    false
  fi
  went=$?
  rm -rf busy
  return "$went"
}

# Each folder is a pattern of its own, and the words that are run are made there: a longer command, another folder or another option is none.
line() {
  allowed=$(sed -n 's/^folder \(.*\)$/3,.,\1\//p' plan | tr '\n' '|')
  forced='set -f; set -- ${SSH_ORIGINAL_COMMAND#rsync --server --sender -lHogDtpre.}; case $#,$2,$3 in '${allowed%|}') exec rsync --server --sender -lHogDtpre.$1 . $3;; esac; exit 1'
  echo "mkdir -p ~/.ssh; touch ~/.ssh/authorized_keys; sed -i '/ $mark\$/d' ~/.ssh/authorized_keys; echo 'command=\"$forced\",restrict $(cut -d ' ' -f 1,2 key.pub) $mark' >>~/.ssh/authorized_keys"
}

begin() {
  if ! has rsync || ! has ssh || ! has ssh-keygen; then
    echo "Please install rsync and ssh first." >&2
    exit 1
  fi
  [ -e key ] || ssh-keygen -q -t ed25519 -N '' -C "$mark" -f key >/dev/null
  if ! ask; then
    echo "The marketplace did not take it. If it does not say why: is this the newest line?" >&2
    exit 1
  fi
  if has crontab; then
    { crontab -l 2>/dev/null | grep -vF "$here/copy.sh" || true; echo "17 * * * * /bin/sh '$here/copy.sh' tick >/dev/null 2>&1"; } | crontab -
  else
    echo "There is no cron here. Have this run once an hour: /bin/sh '$here/copy.sh' tick"
  fi
  echo "Done. Now run this line on the server, as root; it needs rsync there:"
  echo
  line
  echo
  echo "Then the first copy can be made here: sh '$here/copy.sh' now"
}

remove() {
  if has crontab && crontab -l 2>/dev/null | grep -qF "$here/copy.sh"; then
    crontab -l | grep -vF "$here/copy.sh" | crontab -
  fi
  post /end </dev/null >/dev/null || echo "The marketplace could not be told: it will say that the copies are late." >&2
  rm -rf config key key.pub known plan plan.new folders run last busy copies/part post.* copy.sh
  echo "It runs no more. The copies stay in $here/copies. On the server, its key can go: sed -i '/ $mark\$/d' ~/.ssh/authorized_keys"
}

case ${1:-} in
  tick | line | begin | remove) "$1" ;;
  now) tick now ;;
  *)
    echo "usage: $0 tick|now|line|remove" >&2
    exit 2
    ;;
esac
