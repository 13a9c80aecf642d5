#!/bin/sh
# Runs every check against the devnet that run.sh has started.
: "${STRATA_CHAIN:?run this through interop/run.sh}" "${STRATA_DIR:?}" "${STRATA_BINARY:?}" "${INTEROP:?}" "${WORK:?}"
unset BT_WALLET_PASSWORD BT_WALLET_PASSWORD_FILE BT_WALLET_NAME BT_WALLET_HOTKEY BT_WALLET_PATH BT_SUBTENSOR_NETWORK BT_SUBTENSOR_CHAIN_ENDPOINT
failed=0
for check in sdk_wallets.py sdk_requests.py sdk_chain.py; do
  "$INTEROP/.venv/bin/python" "$INTEROP/$check" || failed=1
done
node "$INTEROP/polkadot.js" || failed=1
exit $failed
