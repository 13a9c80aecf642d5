package pallets

import (
	"fmt"

	"golang.org/x/crypto/blake2b"

	"strata/chain/devchain/metadata"
	"strata/chain/devchain/state"
	"strata/chain/scale"
)

// action is what a call does; an error undoes it.
type action func(x *Execution, who state.Account) error

// call is a decoded call.
type call struct {
	name string // Pallet.call
	pays bool
	run  action
	// sealed is what a carrier of MevShield carries; nil in other calls.
	sealed []byte
	root   func(x *Execution) error // what Sudo runs; nil: nothing
	// check is what SubtensorTransactionExtension refuses before a block; nil:
	// nothing. The error is a metadata.ModuleError.
	check func(rt *metadata.Runtime, s state.Reader, number uint64, who state.Account) error
}

// callTable says what each call is. Timestamp.set is an inherent, and refused
// from outside.
var callTable = map[string]func(scale.View) call{
	"System.remark": func(scale.View) call {
		return call{pays: true, run: func(*Execution, state.Account) error { return nil }}
	},
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

// decodeCall reads a call of a runtime. The error says what is wrong with it.
func decodeCall(rt *metadata.Runtime, raw []byte) (call, error) {
	pallet, name, args, err := rt.Meta.DecodeCall(raw)
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

func remarkCall(w scale.View) call {
	remark := w.Field("remark").Bytes()
	return call{pays: true, run: func(x *Execution, who state.Account) error {
		hash := blake2b.Sum256(remark)
		x.deposit("System", "Remarked", scale.Struct{"sender": who, "hash": hash})
		return nil
	}}
}
