package pallets

import (
	"errors"
	"fmt"

	"strata/chain/devchain/metadata"
	"strata/chain/devchain/state"
	"strata/chain/devchain/storage"
	"strata/chain/scale"
)

// Execution is a block under construction: the state it builds and the events so
// far. It is begun, given its time and its extrinsics, and finished. Not safe
// for concurrent use.
type Execution struct {
	rt     *metadata.Runtime
	s      *state.Layer
	number uint64
	params Params
	phase  scale.Value
	events []scale.Value
}

// NewExecution returns the block with a number over a state, which is not touched.
func NewExecution(rt *metadata.Runtime, over state.Reader, number uint64, p Params) *Execution {
	return &Execution{rt: rt, s: state.NewLayer(over), number: number, params: p}
}

// Number returns the block's number.
func (x *Execution) Number() uint64 { return x.number }

// Nonce returns an account's next nonce, what is in the block counted.
func (x *Execution) Nonce(who state.Account) uint64 { return storage.NonceAt(x.s, who) }

// deposit records an event. fields is what the event's case holds.
func (x *Execution) deposit(pallet, name string, fields scale.Value) {
	x.events = append(x.events, scale.Struct{
		"phase":  x.phase,
		"event":  scale.Variant{Name: pallet, Value: scale.Variant{Name: name, Value: fields}},
		"topics": []scale.Value{},
	})
}

// tokenError is a dispatch error of kind Token; plainError one without content.
type tokenError string
type plainError string

func (e tokenError) Error() string { return "dispatch error Token." + string(e) }
func (e plainError) Error() string { return "dispatch error " + string(e) }

// errorValue returns a dispatch error as an event shows it.
func errorValue(err error) scale.Value {
	var m metadata.ModuleError
	var t tokenError
	var p plainError
	switch {
	case errors.As(err, &m):
		return scale.Variant{Name: "Module", Value: scale.Struct{"index": m.Pallet, "error": []byte{m.Index, 0, 0, 0}}}
	case errors.As(err, &t):
		return scale.Variant{Name: "Token", Value: scale.Variant{Name: string(t)}}
	case errors.As(err, &p):
		return scale.Variant{Name: string(p)}
	}
	return scale.Variant{Name: "Other"}
}

func dispatchInfo(pays bool) scale.Value {
	fee := "Yes"
	if !pays {
		fee = "No"
	}
	return scale.Struct{
		"weight": scale.Struct{"ref_time": 1_000_000, "proof_size": 0}, "class": scale.Variant{Name: "Normal"}, "pays_fee": scale.Variant{Name: fee},
	}
}

// dispatch runs a call in a layer of its own, so that a failure leaves only
// the fee and the nonce.
func (x *Execution) dispatch(c call, who state.Account) {
	inner := *x
	inner.s = state.NewLayer(x.s)
	inner.events = nil
	err := c.run(&inner, who)
	if err == nil {
		inner.s.Commit(x.s)
		x.events = append(x.events, inner.events...)
		x.deposit("System", "ExtrinsicSuccess", scale.Struct{"dispatch_info": dispatchInfo(c.pays)})
		return
	}
	x.deposit("System", "ExtrinsicFailed", scale.Struct{"dispatch_error": errorValue(err), "dispatch_info": dispatchInfo(c.pays)})
}

// Beacon is the beacon that timelocked weights are encrypted to.
type Beacon interface {
	PublicKey() []byte
	// Sign returns a round's signature, by which what is encrypted to it opens.
	Sign(round uint64) ([]byte, error)
}

// Begin writes what a block knows of itself, of its parent and of the beacon,
// and does what every block does before its extrinsics. now is the clock; the
// result is the block's time, which is later than its parent's, both Unix ms.
func (x *Execution) Begin(parent state.Hash, beacon Beacon, now uint64) (ms uint64, err error) {
	ms = max(now, state.U64(x.s, storage.TimestampNow.Key())+1)
	x.phase = scale.Variant{Name: "Initialization"}
	state.PutU32(x.s, storage.SystemNumber.Key(), uint32(x.number))
	x.s.Put(storage.SystemParentHash.Key(), parent[:])
	x.s.Put(storage.SystemBlockHash.Key(state.U32Key(uint32(x.number-1))), parent[:])
	if x.number > metadata.BlockHashCount {
		x.s.Put(storage.SystemBlockHash.Key(state.U32Key(uint32(x.number-metadata.BlockHashCount-1))), nil)
	}
	if err := x.pulse(beacon, ms/1000); err != nil {
		return 0, err
	}
	x.stepSubnets()
	return ms, nil
}

func (x *Execution) applying(index int) {
	x.phase = scale.Variant{Name: "ApplyExtrinsic", Value: uint32(index)}
}

// Timestamp applies the inherent that every block's body begins with and
// returns its encoding.
func (x *Execution) Timestamp(ms uint64) ([]byte, error) {
	inherent, err := x.rt.Meta.EncodeCall("Timestamp", "set", scale.Struct{"now": ms})
	if err != nil {
		return nil, err
	}
	x.applying(0)
	state.PutU64(x.s, storage.TimestampNow.Key(), ms)
	info := dispatchInfo(false).(scale.Struct)
	info["class"] = scale.Variant{Name: "Mandatory"}
	x.deposit("System", "ExtrinsicSuccess", scale.Struct{"dispatch_info": info})
	return scale.EncodeUnsigned(inherent), nil
}

// Finish writes the block's events and returns all that the block changes.
func (x *Execution) Finish() (state.Changes, error) {
	raw, err := x.rt.Meta.Registry.Encode(x.rt.EventRecord, x.events)
	if err != nil {
		return nil, fmt.Errorf("encode the events of block %d: %w", x.number, err)
	}
	x.s.Put(storage.SystemEvents.Key(), raw)
	state.PutU32(x.s, storage.SystemEventCount.Key(), uint32(len(x.events)))
	return x.s.Effective(), nil
}
