#!/usr/bin/env bash
# Starts localstripe (a Stripe look-alike by other people) and the shim in front of it; stops both when its input closes.
# Usage: COOPERAGE_LOCALSTRIPE=1 start.sh <folder for the Python environment> <localstripe's port> <shim's port>
set -euo pipefail
env=$1 inner=$2 port=$3 here=$(cd "$(dirname "$0")" && pwd)

bash "$here/install.sh" "$env"

"$env/bin/localstripe" --port "$inner" --from-scratch >"$env/localstripe-$inner.log" 2>&1 &
server=$!
"$env/bin/python" "$here/shim.py" "$port" "http://localhost:$inner" >"$env/shim-$port.log" 2>&1 &
shim=$!
trap 'kill "$server" "$shim" 2>/dev/null || true' EXIT

for _ in $(seq 100); do
  if "$env/bin/python" "$here/shim.py" --probe "$port"; then
    echo ready
    cat >/dev/null # until the test is over
    exit 0
  fi
  sleep 0.1
done
echo "localstripe did not start" >&2
exit 1
