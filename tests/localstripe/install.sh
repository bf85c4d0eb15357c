#!/usr/bin/env bash
# Installs the foreign programs into a Python environment of their own, once. Usage: COOPERAGE_LOCALSTRIPE=1 install.sh <folder>
set -euo pipefail
: "${COOPERAGE_LOCALSTRIPE:?set it to 1: this test installs Python packages}"
mkdir -p "$1"
exec 9>"$1/lock"
flock 9
if [ ! -e "$1/installed-1" ]; then
  python3 -m venv "$1" >&2
  "$1/bin/pip" install --quiet --disable-pip-version-check localstripe==1.15.10 stripe==16.1.0 >&2
  touch "$1/installed-1"
fi
