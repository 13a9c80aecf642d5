package pallets

import (
	"strings"
	"testing"

	"strata/chain/devchain/metadata"
)

func TestCallsAreInTheMetadata(t *testing.T) {
	rt, err := metadata.New(metadata.FirstSpec, 0)
	if err != nil {
		t.Fatal(err)
	}
	for name := range callTable {
		pallet, call, _ := strings.Cut(name, ".")
		if _, _, err := rt.Meta.Call(pallet, call); err != nil {
			t.Error(err)
		}
	}
}
