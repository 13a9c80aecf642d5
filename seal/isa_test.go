package seal

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"strata"
)

// fillWithin fills a sector that begins skew bytes into a larger buffer full
// of dirt, and fails if a byte around it has changed.
func fillWithin(s Sector, isa ISA, skew int, dirt byte) ([]byte, error) {
	const after = 1024
	whole := bytes.Repeat([]byte{dirt}, skew+int(s.Size())+after)
	buf := whole[skew : skew+int(s.Size())]
	if err := s.FillWith(context.Background(), isa, buf); err != nil {
		return nil, err
	}
	for i, b := range whole {
		if b != dirt && (i < skew || i >= skew+len(buf)) {
			return nil, fmt.Errorf("%s: byte %d of a buffer from %d to %d was written", isa, i, skew, skew+len(buf))
		}
	}
	return buf, nil
}

// A chain of permutations is the same with every instruction set.
func TestChainsAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var start blockBytes
		copy(start[:], rapid.SliceOfN(rapid.Byte(), len(start), len(start)).Draw(t, "block"))
		rounds := rapid.Uint64Range(0, 5).Draw(t, "rounds")
		want := start
		chain(&want, rounds)
		for _, isa := range ISAs() {
			got := start
			if err := Chain(isa, &got, rounds); err != nil {
				t.Fatal(err)
			}
			if got != want {
				t.Errorf("%s: another block after %d rounds", isa, rounds)
			}
		}
	})
}

// Sectors that one call of the assembly does not fill are the same too.
func TestLongFillsAgree(t *testing.T) {
	s := Sector{Number: 5, Blocks: 4 * ctxEvery, Passes: 4}
	want, err := fillWithin(s, Portable, 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, isa := range ISAs() {
		got, err := fillWithin(s, isa, 0, 2)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s differs from plain Go", isa)
		}
	}
}

// FuzzISAsAgree compares every instruction set with plain Go.
func FuzzISAsAgree(f *testing.F) {
	f.Add(uint64(0), uint16(1), byte(0), uint8(0), uint8(4), uint8(0))
	f.Fuzz(func(t *testing.T, number uint64, netuid uint16, miner byte, logBlocks, passes, skew uint8) {
		s := Sector{
			Number: number, Netuid: strata.Netuid(netuid), Miner: strata.Hotkey{miner},
			Blocks: minBlocks << (logBlocks % 6), Passes: minPasses + uint32(passes%8),
		}
		want, err := fillWithin(s, Portable, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, isa := range ISAs() {
			got, err := fillWithin(s, isa, int(skew), miner)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s differs from plain Go in %+v", isa, s)
			}
		}
	})
}

// What a processor lacks is never run: the choice falls back to what it has.
func TestChoiceFallsBack(t *testing.T) {
	known := []implementation{{isa: AVX512}, {isa: AVX2}, {isa: Portable}}
	everything := features{avx2: true, bmi2: true, avx512f: true, avx512dq: true, avx512bw: true}
	for _, c := range []struct {
		name string
		lose func(*features)
		want []ISA
	}{
		{"nothing", func(*features) {}, []ISA{AVX512, AVX2, Portable}},
		{"AVX-512F", func(f *features) { f.avx512f = false }, []ISA{AVX2, Portable}},
		{"AVX-512DQ", func(f *features) { f.avx512dq = false }, []ISA{AVX2, Portable}},
		{"AVX-512BW", func(f *features) { f.avx512bw = false }, []ISA{AVX2, Portable}},
		{"AVX2", func(f *features) { f.avx2 = false }, []ISA{AVX512, Portable}},
		{"BMI2", func(f *features) { f.bmi2 = false }, []ISA{Portable}},
		{"everything", func(f *features) { *f = features{} }, []ISA{Portable}},
	} {
		has := everything
		c.lose(&has)
		var got []ISA
		for _, i := range usable(known, has) {
			got = append(got, i.isa)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("without %s: %v, want %v", c.name, got, c.want)
		}
	}
}

// Plain Go is always there, and an instruction set that is not is refused with
// the names of those that are.
func TestFillWithRefusesWhatIsMissing(t *testing.T) {
	if list := ISAs(); list[len(list)-1] != Portable {
		t.Errorf("ISAs %v end without plain Go", list)
	}
	s := Sector{Blocks: 16, Passes: 4}
	err := s.FillWith(context.Background(), "avx1024", make([]byte, s.Size()))
	if strata.CodeOf(err) != strata.Invalid || !strings.Contains(err.Error(), "avx1024") || !strings.Contains(err.Error(), "go") {
		t.Errorf("an unknown instruction set: %v", err)
	}
	if err := Chain("avx1024", new(blockBytes), 1); strata.CodeOf(err) != strata.Invalid {
		t.Errorf("a chain with an unknown instruction set: %v", err)
	}
}
