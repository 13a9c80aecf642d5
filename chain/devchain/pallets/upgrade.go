package pallets

import (
	"encoding/binary"

	"strata/chain/devchain/metadata"
	"strata/chain/devchain/state"
	"strata/chain/devchain/storage"
	"strata/chain/scale"
)

// maxUpgrades is how often a chain can be upgraded: indices are bytes.
const maxUpgrades = 100

// CodeOf returns the code that makes a runtime that of a spec version.
func CodeOf(spec uint32) []byte { return binary.LittleEndian.AppendUint32(nil, spec) }

// SpecAt returns the spec version of the runtime that builds on a state.
func SpecAt(s state.Reader) uint32 {
	if spec, ok := specOf(s.Get(storage.CodeKey)); ok {
		return spec
	}
	return metadata.FirstSpec
}

// specOf returns the spec version that code is of, false if it is none.
func specOf(code []byte) (spec uint32, ok bool) {
	if len(code) != 4 {
		return 0, false
	}
	return binary.LittleEndian.Uint32(code), true
}

func setCodeCall(w scale.View) call {
	code := w.Field("code").Bytes()
	return rootCall(func(x *Execution) error {
		spec, ok := specOf(code)
		if !ok || spec > metadata.FirstSpec+maxUpgrades {
			return x.rt.Fail("System", "FailedToExtractRuntimeVersion")
		}
		if spec <= SpecAt(x.s) {
			return x.rt.Fail("System", "SpecVersionNeedsToIncrease")
		}
		x.s.Put(storage.CodeKey, code)
		x.deposit("System", "CodeUpdated", nil)
		return nil
	})
}
