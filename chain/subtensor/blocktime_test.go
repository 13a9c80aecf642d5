package subtensor

import (
	"encoding/binary"
	"testing"
	"time"

	"strata/chain/devchain"
	"strata/chain/scale"
)

func TestBlockTimeOf(t *testing.T) {
	if got := blockTimeOf(recordedMeta(t)); got != time.Second {
		t.Errorf("spec 300, of a local network: %s", got)
	}
	ms := func(v uint64) []byte { return binary.LittleEndian.AppendUint64(nil, v) }
	constant := func(pallet, name string, value []byte) scale.Pallet {
		return scale.Pallet{Name: pallet, Constants: []scale.Constant{{Name: "Other"}, {Name: name, Value: value}}}
	}
	for name, c := range map[string]struct {
		pallets []scale.Pallet
		want    time.Duration
	}{
		"nothing":        {nil, 0},
		"aura first":     {[]scale.Pallet{constant("Timestamp", "MinimumPeriod", ms(1)), constant("Aura", "SlotDuration", ms(12000))}, 12 * time.Second},
		"babe":           {[]scale.Pallet{constant("Babe", "ExpectedBlockTime", ms(6000))}, 6 * time.Second},
		"half, doubled":  {[]scale.Pallet{constant("Timestamp", "MinimumPeriod", ms(6000))}, 12 * time.Second},
		"damaged":        {[]scale.Pallet{constant("Aura", "SlotDuration", []byte{1}), constant("Timestamp", "MinimumPeriod", ms(500))}, time.Second},
		"out of measure": {[]scale.Pallet{constant("Aura", "SlotDuration", ms(1<<63))}, time.Hour},
	} {
		if got := blockTimeOf(&scale.Metadata{Pallets: c.pallets}); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// TestSlowChain: a client of a chain with a block a minute is patient.
func TestSlowChain(t *testing.T) {
	node, err := devchain.Start(t.Context(), devchain.Config{BlockTime: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = node.Close() })
	c, err := Dial(t.Context(), []string{node.URL()}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if got := c.link.Patience(); got != 3*time.Minute {
		t.Errorf("a stall after %s", got)
	}
}
