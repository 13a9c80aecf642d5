package pallets

import (
	"errors"
	"fmt"

	"strata/chain/devchain/metadata"
)

// Refusal is why an extrinsic is not taken, with the codes and words of
// Substrate's RPC (sc-rpc-api, author/error.rs).
type Refusal struct {
	Code          int
	Message, Data string
}

// Error implements error.
func (e *Refusal) Error() string { return fmt.Sprintf("%d: %s: %s", e.Code, e.Message, e.Data) }

func badFormat(err error) error {
	return &Refusal{1001, "Extrinsic has invalid format: " + err.Error(), ""}
}

func invalidTx(why string) error { return &Refusal{1010, "Invalid Transaction", why} }

var (
	errBadProof  = invalidTx("Transaction has a bad signature")
	errAncient   = invalidTx("Transaction has an ancient birth block")
	errStale     = invalidTx("Transaction is outdated")
	errPayment   = invalidTx("Inability to pay some fees (e.g. account balance too low)")
	errMandatory = invalidTx("Transaction dispatch is mandatory; transactions must not be validated.")
)

// customCodes are what SubtensorTransactionExtension makes of an error
// (common/src/transaction_error.rs); others are 255, a bad request.
var customCodes = map[string]uint8{
	"NotEnoughStakeToSetWeights": 1, "SettingWeightsTooFast": 6, "CommittingWeightsTooFast": 6, "HotKeyNotRegisteredInNetwork": 10,
	"InvalidRevealRound": 15, "NoWeightsCommitFound": 16, "RevealTooEarly": 17,
	"InvalidIpAddress": 11, "ServingRateLimitExceeded": 12, "InvalidPort": 13,
}

// earlyError is what the extension refuses and no pallet has an error for.
type earlyError string

func (e earlyError) Error() string { return "custom error " + string(e) }

func customError(err error) error {
	code, name := uint8(255), ""
	var m metadata.ModuleError
	var early earlyError
	switch {
	case errors.As(err, &m):
		name = m.Name
	case errors.As(err, &early):
		name = string(early)
	}
	if c, ok := customCodes[name]; ok {
		code = c
	}
	return invalidTx(fmt.Sprintf("Custom error: %d", code))
}
