package metadata

import (
	"encoding/hex"

	"golang.org/x/crypto/blake2b"

	"strata/chain/scale"
)

// Version is the reply of state_getRuntimeVersion.
type Version struct {
	SpecName           string   `json:"specName"`
	ImplName           string   `json:"implName"`
	AuthoringVersion   uint32   `json:"authoringVersion"`
	SpecVersion        uint32   `json:"specVersion"`
	ImplVersion        uint32   `json:"implVersion"`
	APIs               [][2]any `json:"apis"` // 0x id, version
	TransactionVersion uint32   `json:"transactionVersion"`
	StateVersion       uint8    `json:"stateVersion"`
}

// apiID is how a runtime API is named in the version: BLAKE2b-64 of its name.
func apiID(name string) []byte {
	h, _ := blake2b.New(8, nil) // cannot fail: the size is valid and there is no key
	h.Write([]byte(name))
	return h.Sum(nil)
}

func newVersion(spec uint32) Version {
	v := Version{
		SpecName: specName, ImplName: "strata-devchain", AuthoringVersion: 1, SpecVersion: spec, ImplVersion: 1,
		TransactionVersion: TxVersion, StateVersion: 1,
	}
	for _, a := range runtimeAPIs {
		v.APIs = append(v.APIs, [2]any{"0x" + hex.EncodeToString(apiID(a.name)), a.version})
	}
	return v
}

// Value returns the version as Core_version encodes it.
func (v Version) Value() scale.Value {
	var apis []scale.Value
	for _, a := range runtimeAPIs {
		apis = append(apis, []scale.Value{apiID(a.name), a.version})
	}
	return scale.Struct{
		"spec_name": v.SpecName, "impl_name": v.ImplName, "authoring_version": v.AuthoringVersion, "spec_version": v.SpecVersion,
		"impl_version": v.ImplVersion, "apis": apis, "transaction_version": v.TransactionVersion, "system_version": v.StateVersion,
	}
}
