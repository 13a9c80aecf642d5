#!/bin/sh
# Checks Strata against other people's clients of Bittensor: the Python SDK and
# polkadot.js. It installs both at pinned versions into this directory, starts a
# devnet on free ports, prints one line for each check, stops everything, and
# ends with an error if a check failed. Needs go, python3 (3.10 or newer) with
# venv, node and npm, and their package registries.
set -eu
cd "$(dirname "$0")"
here=$(pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

(cd .. && CGO_ENABLED=0 go build -o "$work/strata" ./cmd/strata)

# A virtual environment of other requirements is made anew.
if ! cmp -s requirements.txt .venv/requirements.txt; then
  rm -rf .venv
  python3 -m venv .venv
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements.txt
  cp requirements.txt .venv/requirements.txt
fi
if ! cmp -s package-lock.json node_modules/.installed; then
  npm ci --silent
  cp package-lock.json node_modules/.installed
fi

# The SDK keeps a cache in the home directory, wallets too.
mkdir "$work/home"
HOME="$work/home" INTEROP="$here" WORK="$work" \
  "$work/strata" devnet --dir "$work/net" --miners 2 --validators 1 --space 64MiB --exec "$here/checks.sh"
