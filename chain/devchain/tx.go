package devchain

import (
	"errors"
	"fmt"

	schnorrkel "github.com/ChainSafe/go-schnorrkel"

	"strata/chain/scale"
)

// maxExtrinsic bounds an extrinsic's size in bytes.
const maxExtrinsic = 256 << 10

// rpcError is an error as JSON-RPC sends it.
type rpcError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Data    string `json:"data,omitempty"`
}

func (e *rpcError) Error() string { return fmt.Sprintf("%d: %s: %s", e.Code, e.Message, e.Data) }

// Errors of author_submitExtrinsic, with the codes and words of Substrate's
// RPC (sc-rpc-api, author/error.rs).
func badFormat(err error) error {
	return &rpcError{1001, "Extrinsic has invalid format: " + err.Error(), ""}
}

func invalidTx(why string) error { return &rpcError{1010, "Invalid Transaction", why} }

var (
	errBanned   = &rpcError{1012, "Transaction is temporarily banned", ""}
	errImported = &rpcError{1013, "Transaction Already Imported", ""}
	errPriority = &rpcError{1014, "Priority is too low: (0 vs 0)", "The transaction has too low priority to replace another transaction already in the pool."}
	errDropped  = &rpcError{1016, "Immediately Dropped", "The transaction couldn't enter the pool because of the limit"}

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
	var m moduleError
	var early earlyError
	switch {
	case errors.As(err, &m):
		name = m.name
	case errors.As(err, &early):
		name = string(early)
	}
	if c, ok := customCodes[name]; ok {
		code = c
	}
	return invalidTx(fmt.Sprintf("Custom error: %d", code))
}

// tx is an extrinsic on its way into a block. status and watchers are guarded
// by the node's lock, the rest does not change.
type tx struct {
	raw    []byte
	hash   hash
	signer account
	nonce  uint64
	dies   uint64 // the first block that is too late
	call   call
	hidden bool // from those who ask what waits: it came encrypted

	ready    bool
	status   []any // what watchers were told so far
	watchers map[int]func(any)
}

// tell records a status and tells the watchers, who must not block.
func (t *tx) tell(status any) {
	t.status = append(t.status, status)
	for _, w := range t.watchers {
		w(status)
	}
}

// signatureHolds says whether an extrinsic was signed by its signer for the
// chain that p describes. Only sr25519 is taken. Context "substrate".
func signatureHolds(m *scale.Metadata, x *scale.Extrinsic, p scale.TxParams) bool {
	raw, ok := x.Signature.Value.([]byte)
	if !ok || len(raw) != 64 || x.Signature.Name != "Sr25519" {
		return false
	}
	p.Era, p.Nonce, p.Tip = x.Era, x.Nonce, x.Tip
	payload, err := m.SigningPayload(x.Call, p)
	if err != nil {
		return false
	}
	key, err := schnorrkel.NewPublicKey(x.Signer)
	if err != nil {
		return false
	}
	var sig schnorrkel.Signature
	if err := sig.Decode([64]byte(raw)); err != nil {
		return false
	}
	good, err := key.Verify(&sig, schnorrkel.NewSigningContext([]byte("substrate"), payload))
	return err == nil && good
}

// decodeTx reads and verifies an extrinsic for the next block.
func (n *Node) decodeTx(raw []byte) (*tx, error) {
	if len(raw) > maxExtrinsic {
		return nil, badFormat(fmt.Errorf("%d bytes, at most %d are taken", len(raw), maxExtrinsic))
	}
	x, err := n.rt.meta.DecodeExtrinsic(raw)
	if err != nil {
		return nil, badFormat(err)
	}
	if !x.Signed {
		return nil, errMandatory
	}
	c, err := n.rt.decodeCall(x.Call)
	if err != nil {
		return nil, badFormat(err)
	}
	next := n.ledger.head().header.number + 1
	born := n.ledger.block(x.Era.Birth(next))
	if born == nil {
		return nil, errAncient
	}
	p := scale.TxParams{SpecVersion: n.rt.spec, TxVersion: txVersion, Genesis: n.ledger.genesis.hash, EraBlock: born.hash}
	if !signatureHolds(n.rt.meta, x, p) {
		return nil, errBadProof
	}
	return &tx{raw: raw, hash: hashOf(raw), signer: x.Signer, nonce: x.Nonce, dies: x.Era.Death(next), call: c, watchers: map[int]func(any){}}, nil
}

// validFor says whether a transaction may enter block number, but for gaps
// before its nonce.
func (rt *runtime) validFor(s reader, t *tx, number uint64) error {
	i := infoAt(s, t.signer)
	switch {
	case number >= t.dies:
		return errBadProof // its era is over: another block's hash would have to be signed
	case t.nonce < uint64(i.nonce):
		return errStale
	case i.free < t.call.fee() || t.call.pays && i.free-t.call.fee() < existentialDeposit:
		return errPayment
	}
	if t.call.check != nil {
		if err := t.call.check(rt, s, number, t.signer); err != nil {
			return customError(err)
		}
	}
	return nil
}

// include applies a valid transaction whose nonce is next.
func (x *exec) include(t *tx, index int) error {
	if err := x.rt.validFor(x.s, t, x.number); err != nil {
		return err
	}
	x.applying(index)
	if err := x.charge(t.signer, t.call.fee()); err != nil {
		return errPayment
	}
	x.dispatch(t.call, t.signer)
	x.paid(t.signer, t.call.fee())
	return nil
}
