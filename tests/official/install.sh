#!/usr/bin/env bash
# Installs ThreeFold's clients into a folder of their own, once, as the lock file names them; and makes a certificate for the
# names they insist on. Usage: COOPERAGE_OFFICIAL=1 install.sh <folder>
set -euo pipefail
: "${COOPERAGE_OFFICIAL:?set it to 1: this test installs npm packages}"
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
cd "$1"
exec 9>lock
flock 9
if ! cmp -s "$here/package-lock.json" installed.json; then
  cp "$here/package.json" "$here/package-lock.json" .
  # No script of a package runs.
  npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2
  cp package-lock.json installed.json
fi
if [ ! -e certificate.pem ]; then
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj /CN=cooperage-test \
    -addext subjectAltName=DNS:relay.local,DNS:kyc.dev.grid.tf -keyout key.pem -out certificate.new 2>/dev/null
  mv certificate.new certificate.pem
fi
