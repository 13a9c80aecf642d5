#!/bin/sh
# Streams a large file through a running devnet, there and back, and fails when
# the validator, which the gateway runs in, ever held more than 256 MiB of
# memory, or when other bytes come back. Six miners keep three times the bytes;
# run it with
#   go run ./cmd/strata devnet --space 1600MiB --exec scripts/stream.sh
# STREAM_BYTES is the size (2 GiB), STREAM_LIMIT the bound in KiB. It reads
# /proc, so it needs Linux.
set -eu
: "${STRATA_GATEWAY:?run this through strata devnet --exec}" "${STRATA_TOKEN:?}" "${STRATA_DIR:?}" "${STRATA_BINARY:?}"
bytes=${STREAM_BYTES:-2147483648}
limit=${STREAM_LIMIT:-262144}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# now prints the seconds since the machine started, to a hundredth.
now() { cut -d ' ' -f 1 /proc/uptime; }

# rate WHAT FROM TO prints how fast the bytes went between two times.
rate() { awk -v what="$1" -v n="$bytes" -v a="$2" -v b="$3" 'BEGIN { t = b - a; if (t < 0.01) t = 0.01; printf "%s %.0f bytes in %.2f s: %.1f MB/s\n", what, n, t, n / t / 1e6 }'; }

# A line "role pid" for each process of the network.
processes() {
  tr -d ' \n' < "$STRATA_DIR/processes.json" | sed 's/},{"role"/}\n{"role"/g' |
    sed -n 's/.*"role":"\([a-z]*\)".*"pid":\([0-9]*\).*/\1 \2/p'
  echo # the last line has no end, and read would not count it
}

head -c "$bytes" /dev/urandom > "$work/in"
start=$(now)
id=$("$STRATA_BINARY" put --quiet "$work/in")
end=$(now)
rate put "$start" "$end"
start=$(now)
"$STRATA_BINARY" get "$id" --quiet --output "$work/out"
end=$(now)
rate get "$start" "$end"
cmp "$work/in" "$work/out"
echo "read back: the same bytes"

processes > "$work/processes"
grep -q '^validator ' "$work/processes" || { echo "did not find the validator in processes.json"; exit 1; }
status=0
while read -r role pid; do
  [ -n "$pid" ] || continue
  peak=$(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$pid/status")
  echo "$role $pid held at most $((peak / 1024)) MiB"
  if [ "$role" = validator ] && [ "$peak" -gt "$limit" ]; then
    echo "the $role is above its $((limit / 1024)) MiB"
    status=1
  fi
done < "$work/processes"
exit $status
