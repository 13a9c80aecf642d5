package subtensor

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"strata"
	"strata/chain/scale"
	"strata/chain/subtensor/link"
)

// dispatchResult reads how extrinsic number index of a block ended, from the
// events of that block.
func (c *Client) dispatchResult(ctx context.Context, rt *runtime, block strata.BlockHash, index uint32) error {
	// Events are written by the runtime that ran the block, which is not that of
	// the state after it if the block upgraded the chain.
	views, err := c.storagesOf(ctx, rt, block, []query{{"System", "Events", nil}})
	if err != nil {
		return err
	}
	events := views[0]
	for _, record := range events.Items() {
		phase, at := record.Field("phase").Case()
		pallet, event := record.Field("event").Case()
		if phase != "ApplyExtrinsic" || at.U32() != index {
			continue
		}
		switch name, body := event.Case(); pallet + "." + name {
		case "System.ExtrinsicSuccess":
			return events.Err()
		case "System.ExtrinsicFailed":
			return dispatchError(rt.meta, body.Field("dispatch_error"))
		case "Sudo.Sudid": // the outer call succeeds whatever the inner one does
			if is, failed := body.Field("sudo_result").Case(); is == "Err" {
				return dispatchError(rt.meta, failed)
			}
		}
	}
	if err := events.Err(); err != nil {
		return err
	}
	return strata.E(strata.Invalid, "block 0x%s says nothing of how extrinsic %d ended", block, index)
}

// errRefused says that the chain itself has refused a call, not that it could
// not be made or sent.
var errRefused = errors.New("the chain refused it")

// dispatchError turns sp_runtime::DispatchError to an error that names the
// pallet's own error and quotes its documentation.
func dispatchError(meta *scale.Metadata, v scale.View) error {
	kind, inner := v.Case()
	if kind != "Module" {
		detail := ""
		if c, ok := inner.Value().(scale.Variant); ok {
			detail = "." + c.Name
		}
		if err := v.Err(); err != nil {
			return err
		}
		return strata.E(codeOfName(kind+detail), "%w: %s%s", errRefused, kind, detail)
	}
	index, number := inner.Field("index").U8(), inner.Field("error").Bytes()
	if err := v.Err(); err != nil {
		return err
	}
	if len(number) == 0 {
		return strata.E(strata.Invalid, "%w, without saying why", errRefused)
	}
	pallet, is, err := meta.ModuleError(index, number[0])
	if err != nil {
		return err
	}
	docs := strings.Join(strings.Fields(strings.Join(is.Docs, " ")), " ")
	return strata.E(codeOfName(is.Name), "%w: %s.%s: %s", errRefused, pallet, is.Name, docs)
}

// errorCodes maps parts of pallets' error names to codes; the first that is
// found counts. Others are Invalid.
var errorCodes = []struct {
	part string
	code strata.Code
}{
	{"FundsUnavailable", strata.Invalid}, // before Unavailable
	{"RateLimit", strata.Throttled},
	{"TooFast", strata.Throttled},
	{"TooSoon", strata.Throttled},
	{"TooManyRegistrations", strata.Throttled},
	{"TooManyUnrevealed", strata.Throttled},
	{"NoValidatorPermit", strata.Forbidden},
	{"NonAssociatedColdKey", strata.Forbidden},
	{"NotEnoughStakeToSetWeights", strata.Forbidden},
	{"BadOrigin", strata.Forbidden},
	{"Already", strata.Conflict},
	{"CommitRevealEnabled", strata.Conflict},
	{"CommitRevealDisabled", strata.Conflict},
	{"RevealTooEarly", strata.Conflict},
	{"ExpiredWeightCommit", strata.NotFound},
	{"NoWeightsCommitFound", strata.NotFound},
	{"CommitHashNotMatch", strata.NotFound},
	{"InvalidRevealRound", strata.Conflict},
	{"NotRegistered", strata.NotFound},
	{"NotExist", strata.NotFound},
	{"DoesNotExist", strata.NotFound},
	{"Exhausted", strata.Unavailable},
	{"Unavailable", strata.Unavailable},
}

func codeOfName(name string) strata.Code {
	for _, e := range errorCodes {
		if strings.Contains(name, e.part) {
			return e.code
		}
	}
	return strata.Invalid
}

// Error codes of Substrate's author_ methods.
const (
	rpcBadFormat      = 1001
	rpcVerification   = 1002
	rpcInvalidTx      = 1010
	rpcUnknownTx      = 1011
	rpcTemporaryBan   = 1012
	rpcAlreadyKnown   = 1013
	rpcPriorityTooLow = 1014
)

// customReasons are subtensor's CustomTransactionError, by number.
var customReasons = []struct {
	code strata.Code
	text string
}{
	{strata.Conflict, "the coldkey is about to be swapped"},
	{strata.Invalid, "the amount of stake is too low"},
	{strata.Invalid, "the balance is too low"},
	{strata.NotFound, "the subnet does not exist"},
	{strata.NotFound, "the hotkey account does not exist"},
	{strata.Invalid, "there is not that much stake to withdraw"},
	{strata.Throttled, "the rate limit is exceeded: wait some blocks"},
	{strata.Invalid, "the subnet's pool has not enough liquidity"},
	{strata.Invalid, "the price moved too far"},
	{strata.Forbidden, "transfers are not allowed"},
	{strata.NotFound, "the hotkey is not registered on the subnet: register it first"},
	{strata.Invalid, "the IP address is not valid"},
	{strata.Throttled, "the serving rate limit is exceeded: wait some blocks"},
	{strata.Invalid, "the port is not valid"},
	{strata.Invalid, "the amount is zero"},
	{strata.Conflict, "the round of the beacon has passed: this machine's clock or its node is behind; try again"},
	{strata.NotFound, "there is no such commit of weights"},
	{strata.Conflict, "the commit cannot be revealed in this epoch: too early, or too late"},
	{strata.Invalid, "the lists are of different lengths"},
	{strata.NotFound, "the hotkey is not registered on the subnet: register it first"},
}

// errOutdated says that an extrinsic was not taken because of how it is written
// or signed: for another runtime, perhaps.
var errOutdated = errors.New("the chain does not accept the extrinsic's form or signature")

// poolError puts a node's refusal of an extrinsic into words.
func poolError(err error) error {
	var r *link.Error
	if !errors.As(err, &r) {
		return err
	}
	switch r.Code {
	case rpcInvalidTx, rpcUnknownTx:
		return invalidTx(r)
	case rpcBadFormat, rpcVerification:
		return strata.E(strata.Conflict, "%w (%s): try again, then update strata", errOutdated, r)
	case rpcTemporaryBan:
		return strata.E(strata.Throttled, "the chain node has banned this extrinsic for a while: wait half an hour, or change something in it")
	case rpcAlreadyKnown:
		return strata.E(strata.Conflict, "the chain node already has this extrinsic: wait for it")
	case rpcPriorityTooLow:
		return strata.E(strata.Conflict, "another extrinsic with the same nonce is waiting: do not use one key in two programs at once, or wait for it")
	}
	return strata.E(strata.Unavailable, "the chain node did not take the extrinsic: %w", err)
}

// invalidTx explains error 1010, whose data says why.
func invalidTx(r *link.Error) error {
	detail := r.Detail()
	if digits, ok := strings.CutPrefix(detail, "Custom error: "); ok {
		if n, err := strconv.Atoi(digits); err == nil && n >= 0 && n < len(customReasons) {
			why := customReasons[n]
			return strata.E(why.code, "%w: %s", errRefused, why.text)
		}
	}
	lower := strings.ToLower(detail)
	switch {
	case strings.Contains(lower, "balance too low"), strings.Contains(lower, "pay some fees"):
		return strata.E(strata.Invalid, "the account cannot pay the fee: send some TAO to it first")
	case strings.Contains(lower, "outdated"), strings.Contains(lower, "stale"):
		return strata.E(strata.Conflict, "the account's nonce has moved on: another program uses the same key; try again")
	case strings.Contains(lower, "bad signature"):
		return strata.E(strata.Conflict, "%w: try again, then update strata", errOutdated)
	case strings.Contains(lower, "ancient birth block"):
		return strata.E(strata.Conflict, "the extrinsic came too late for its era: try again")
	}
	return strata.E(strata.Invalid, "%w: %s", errRefused, r)
}
