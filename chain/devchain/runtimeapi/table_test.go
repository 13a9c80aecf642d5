package runtimeapi

import (
	"testing"

	"strata/chain/devchain/metadata"
)

func TestAPIsAreInTheMetadata(t *testing.T) {
	rt, err := metadata.New(metadata.FirstSpec, 0)
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range apiTable {
		if _, err := rt.Meta.API(f.api, f.method); err != nil || name != f.api+"_"+f.method {
			t.Errorf("%s: %v", name, err)
		}
	}
}
