#!/bin/sh
# Starts a network, stores files, stops everything, starts it again in the same
# directory, and compares: the same files come back, the miners hold the same
# sector roots, the validator has the same weights. It takes about a minute and
# a half, nearly all of it waiting for the first weights. Needs curl.
#   scripts/restart.sh bin/strata
set -eu

sha() { if command -v sha256sum >/dev/null; then sha256sum "$@"; else shasum -a 256 "$@"; fi; }

# network prints one line for each value of one field of the miners, in UID order.
network() {
  printf 'header = "Authorization: Bearer %s"\n' "$STRATA_TOKEN" |
    curl -fsS --config - "$STRATA_GATEWAY/api/network" | tr '{},' '\n\n\n' | tr -d '" ' | sed -n "s/^$1://p"
}

# record writes what is to survive below the directory $1.
record() {
  mkdir "$1"
  "$STRATA_BINARY" ls --json | tr '{},' '\n\n\n' | tr -d '" ' | grep -E '^(hash|name|size|created):' > "$1/objects"
  sed -n 's/^hash://p' "$1/objects" | while read -r id; do
    "$STRATA_BINARY" get "$id" --quiet --output "$1/file" && sha < "$1/file" && rm "$1/file"
  done > "$1/contents"
  (cd "$STRATA_DIR" && sha miner-*/*/*/hashes-*) > "$1/roots"
  network hotkey > "$1/hotkeys"
  network weight | paste "$1/hotkeys" - > "$1/weights"
}

store() {
  for size in 1 70000 9000000; do
    head -c "$size" /dev/urandom | "$STRATA_BINARY" put - --name "file of $size" --quiet >/dev/null
  done
  tries=0
  until [ "$(network weight | grep -cv '^0$')" -ge "$(network hotkey | wc -l)" ]; do
    tries=$((tries + 1))
    [ "$tries" -lt 300 ] || { echo "no weights were set within five minutes"; exit 1; }
    sleep 1
  done
}

case "${1:-}" in
  --first) store; record "$2/before"; exit ;;
  --second) record "$2/after"; exit ;;
  '') echo "usage: $0 path/to/strata" >&2; exit 2 ;;
esac

command -v curl >/dev/null || { echo "this needs curl" >&2; exit 2; }
strata=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# From one set of weights to the next it is 61 blocks, 24 s: a restart takes ten.
run() {
  "$strata" devnet --dir "$work/net" --miners 3 --space 64MiB --tempo 60 --block_time 400ms \
    --exec "sh '$0' --$1 '$work'" 2> "$work/log" || { cat "$work/log"; echo "the $1 run failed"; exit 1; }
}
echo "first run: storing three files, waiting for weights"
run first
echo "stopped; second run on the same directory"
run second

failed=0
for what in objects contents roots weights; do
  if [ ! -s "$work/before/$what" ]; then
    echo "$what: nothing was recorded"
    failed=1
  elif cmp -s "$work/before/$what" "$work/after/$what"; then
    echo "$what: the same ($(wc -l < "$work/before/$what" | tr -d ' ') lines, sha256 $(sha < "$work/before/$what" | cut -c1-16)…)"
  else
    echo "$what: different"
    diff "$work/before/$what" "$work/after/$what" || failed=1
  fi
done
exit "$failed"
