package devchain

import (
	"errors"
	"fmt"

	"golang.org/x/crypto/blake2b"

	"strata/chain/scale"
	"strata/chain/timelock"
)

// exec is a block under construction: the state it builds and the events so
// far. Not safe for concurrent use.
type exec struct {
	rt     *runtime
	s      *layer
	number uint64
	params Params
	phase  scale.Value
	events []scale.Value
}

// deposit records an event. fields is what the event's case holds.
func (x *exec) deposit(pallet, name string, fields scale.Value) {
	x.events = append(x.events, scale.Struct{
		"phase":  x.phase,
		"event":  scale.Variant{Name: pallet, Value: scale.Variant{Name: name, Value: fields}},
		"topics": []scale.Value{},
	})
}

// action is what a call does; an error undoes it.
type action func(x *exec, who account) error

// call is a decoded call.
type call struct {
	name string // Pallet.call
	pays bool
	run  action
	// sealed is what a carrier of MevShield carries; nil in other calls.
	sealed []byte
	root   func(x *exec) error // what Sudo runs; nil: nothing
	// check is what SubtensorTransactionExtension refuses before a block; nil:
	// nothing. The error is a moduleError.
	check func(rt *runtime, s reader, number uint64, who account) error
}

// callTable says what each call is. Timestamp.set is an inherent, and refused
// from outside.
var callTable = map[string]func(scale.View) call{
	"System.remark":                                       func(scale.View) call { return call{pays: true, run: func(*exec, account) error { return nil }} },
	"System.remark_with_event":                            remarkCall,
	"Balances.transfer_allow_death":                       func(w scale.View) call { return transferCall(w, false) },
	"Balances.transfer_keep_alive":                        func(w scale.View) call { return transferCall(w, true) },
	"SubtensorModule.register_network":                    registerNetworkCall,
	"SubtensorModule.burned_register":                     burnedRegisterCall,
	"SubtensorModule.add_stake":                           addStakeCall,
	"SubtensorModule.add_stake_limit":                     addStakeLimitCall,
	"SubtensorModule.remove_stake":                        removeStakeCall,
	"SubtensorModule.remove_stake_limit":                  removeStakeLimitCall,
	"SubtensorModule.serve_axon":                          serveAxonCall,
	"SubtensorModule.serve_axon_tls":                      serveAxonTLSCall,
	"SubtensorModule.set_weights":                         setWeightsCall,
	"MevShield.submit_encrypted":                          submitEncryptedCall,
	"Commitments.set_commitment":                          setCommitmentCall,
	"SubtensorModule.commit_weights":                      commitWeightsCall,
	"SubtensorModule.reveal_weights":                      revealWeightsCall,
	"SubtensorModule.commit_timelocked_weights":           commitTimelockedCall,
	"SubtensorModule.set_mechanism_weights":               onMechanism(setWeightsCall),
	"SubtensorModule.commit_mechanism_weights":            onMechanism(commitWeightsCall),
	"SubtensorModule.reveal_mechanism_weights":            onMechanism(revealWeightsCall),
	"SubtensorModule.commit_timelocked_mechanism_weights": onMechanism(commitTimelockedCall),
	"System.set_code":                                     setCodeCall,
}

// decodeCall reads a call. The error says what is wrong with it.
func (rt *runtime) decodeCall(raw []byte) (call, error) {
	pallet, name, args, err := rt.meta.DecodeCall(raw)
	if err != nil {
		return call{}, err
	}
	return makeCall(pallet, name, scale.Look(args, pallet+"."+name))
}

// callOf reads a call within a call.
func callOf(w scale.View) (call, error) {
	pallet, inner := w.Case()
	name, args := inner.Case()
	return makeCall(pallet, name, args)
}

func makeCall(pallet, name string, args scale.View) (call, error) {
	make, ok := callTable[pallet+"."+name]
	if !ok {
		return call{}, fmt.Errorf("%s.%s cannot be called from outside", pallet, name)
	}
	c := make(args)
	c.name = pallet + "." + name
	return c, args.Err()
}

// tokenError is a dispatch error of kind Token; plainError one without content.
type tokenError string
type plainError string

func (e tokenError) Error() string { return "dispatch error Token." + string(e) }
func (e plainError) Error() string { return "dispatch error " + string(e) }

// errorValue returns a dispatch error as an event shows it.
func errorValue(err error) scale.Value {
	var m moduleError
	var t tokenError
	var p plainError
	switch {
	case errors.As(err, &m):
		return scale.Variant{Name: "Module", Value: scale.Struct{"index": m.pallet, "error": []byte{m.index, 0, 0, 0}}}
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
func (x *exec) dispatch(c call, who account) {
	inner := *x
	inner.s = newLayer(x.s)
	inner.events = nil
	err := c.run(&inner, who)
	if err == nil {
		inner.s.commit(x.s)
		x.events = append(x.events, inner.events...)
		x.deposit("System", "ExtrinsicSuccess", scale.Struct{"dispatch_info": dispatchInfo(c.pays)})
		return
	}
	x.deposit("System", "ExtrinsicFailed", scale.Struct{"dispatch_error": errorValue(err), "dispatch_info": dispatchInfo(c.pays)})
}

// begin writes what a block knows of itself, of its parent and of the beacon.
func (x *exec) begin(parent [32]byte, beacon *timelock.Beacon, seconds uint64) error {
	x.phase = scale.Variant{Name: "Initialization"}
	putU32(x.s, sysNumber.key(), uint32(x.number))
	x.s.put(sysParent.key(), parent[:])
	x.s.put(sysBlockHash.key(u32key(uint32(x.number-1))), parent[:])
	if x.number > blockHashCount {
		x.s.put(sysBlockHash.key(u32key(uint32(x.number-blockHashCount-1))), nil)
	}
	if err := x.pulse(beacon, seconds); err != nil {
		return err
	}
	x.stepSubnets()
	return nil
}

func (x *exec) applying(index int) {
	x.phase = scale.Variant{Name: "ApplyExtrinsic", Value: uint32(index)}
}

// timestamp applies the inherent that every block begins with.
func (x *exec) timestamp(ms uint64) {
	x.applying(0)
	putU64(x.s, timeNow.key(), ms)
	info := dispatchInfo(false).(scale.Struct)
	info["class"] = scale.Variant{Name: "Mandatory"}
	x.deposit("System", "ExtrinsicSuccess", scale.Struct{"dispatch_info": info})
}

// finish writes the block's events.
func (x *exec) finish() error {
	raw, err := x.rt.meta.Registry.Encode(x.rt.eventRecord, x.events)
	if err != nil {
		return fmt.Errorf("encode the events of block %d: %w", x.number, err)
	}
	x.s.put(sysEvents.key(), raw)
	putU32(x.s, sysCount.key(), uint32(len(x.events)))
	return nil
}

func remarkCall(w scale.View) call {
	remark := w.Field("remark").Bytes()
	return call{pays: true, run: func(x *exec, who account) error {
		hash := blake2b.Sum256(remark)
		x.deposit("System", "Remarked", scale.Struct{"sender": who, "hash": hash})
		return nil
	}}
}
