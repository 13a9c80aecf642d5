#!/bin/sh
# Stores 100 MiB of random bytes on a running devnet, kills two miners with
# SIGKILL, reads the file back and compares. Run it with
#   go run ./cmd/strata devnet --exec scripts/accept.sh
set -eu
: "${STRATA_GATEWAY:?run this through strata devnet --exec}" "${STRATA_TOKEN:?}" "${STRATA_DIR:?}" "${STRATA_BINARY:?}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

head -c "${ACCEPT_BYTES:-104857600}" /dev/urandom > "$work/in"
id=$("$STRATA_BINARY" put --quiet "$work/in")
echo "stored $(wc -c < "$work/in") bytes as $id"

# The pids of the first two miners in processes.json.
pids=$(tr -d ' \n' < "$STRATA_DIR/processes.json" | sed 's/},{"role"/}\n{"role"/g' |
  sed -n 's/.*"role":"miner".*"pid":\([0-9]*\).*/\1/p' | head -2)
[ "$(echo "$pids" | wc -w)" -eq 2 ] || { echo "did not find two miners in processes.json"; exit 1; }
for pid in $pids; do kill -9 "$pid"; echo "killed miner $pid"; done

"$STRATA_BINARY" get "$id" --quiet --output "$work/out"
cmp "$work/in" "$work/out"
echo "read back: the same bytes with two of the miners gone"
