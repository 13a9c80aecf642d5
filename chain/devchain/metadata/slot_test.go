package metadata

import (
	"testing"
	"time"

	"strata/chain/scale"
)

func TestSlotDurationIsTheBlockTime(t *testing.T) {
	for blockTime, want := range map[time.Duration]uint64{2 * time.Second: 2000, -1: 250} {
		rt, err := New(FirstSpec, blockTime)
		if err != nil {
			t.Fatal(err)
		}
		p, err := rt.Meta.Pallet("Aura")
		if err != nil {
			t.Fatal(err)
		}
		if got := scale.NewDecoder(p.Constants[0].Value).U64(); got != want {
			t.Errorf("block time %s: slots of %d ms", blockTime, got)
		}
	}
}
