#!/bin/sh
# Puts a small script on this machine of yours, into a folder of its own in your home, which fetches copies of a server's folders. All of it
# is in this file: read it first if you like. It needs no root, and goes away again with: sh ~/@FOLDER@/copy.sh remove
#
# COOPERAGE_FOLDER: puts it, and the copies, there instead.

# A function, so that a file that came only half does nothing.
install() {
  set -eu
  umask 077
  folder=${COOPERAGE_FOLDER:-$HOME/@FOLDER@}
  has() { command -v "$1" >/dev/null 2>&1; }
  if ! has curl && ! wget --version 2>/dev/null | grep -q GNU; then
    echo "This needs curl, or the wget of GNU. Please install curl, and run the line again." >&2
    exit 1
  fi
  mkdir -p "$folder"
  cat >"$folder/copy.sh" <<'COOPERAGE_END'
@HOME@
COOPERAGE_END
  printf 'url = "%s"\n' @URL@ >"$folder/config"
  /bin/sh "$folder/copy.sh" begin
}

install
