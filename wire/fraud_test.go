package wire

import (
	"slices"
	"testing"

	"strata"
	"strata/merkle"
)

// sampleFraud is well-formed; its signatures are patterns.
func sampleFraud() FraudProof {
	shown := func(root byte) SignedEntry {
		h := sampleHead()
		return SignedEntry{
			Head: h, Entry: Entry{Number: 5, Root: pattern(root), State: Filler}, Index: 3, Count: 40,
			Opening: merkle.Opening{Block: make([]byte, 1024), Path: []merkle.Hash{pattern(9)}},
		}
	}
	second := shown(61)
	return FraudProof{Kind: TwoRoots, Miner: pattern(60), First: shown(60), Second: &second}
}

// manifestOf signs a head over entries and shows one of them.
func shownOf(t *testing.T, miner testKey, entries []Entry, index int, sequence uint64) SignedEntry {
	t.Helper()
	var hashes [][32]byte
	for _, e := range entries {
		hashes = append(hashes, e.Hash())
	}
	h := Head{Validator: pattern(2), Sequence: sequence, EntriesRoot: EntriesRoot(slices.Values(hashes)), Sectors: uint32(len(entries))}
	if err := h.Sign(testDomain, miner); err != nil {
		t.Fatal(err)
	}
	s, err := ShowEntry(h, entries[index], hashes, index)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func fillers(n int, salt byte) []Entry {
	out := make([]Entry, n)
	for i := range out {
		out[i] = Entry{Number: uint64(i), Root: strata.Root{byte(i), byte(i >> 8), salt}, State: Filler}
	}
	return out
}

// Every entry of manifests of all sizes can be shown, and nothing else.
func TestShownEntries(t *testing.T) {
	miner := newKey(t, 1)
	for _, n := range []int{1, 2, 31, 32, 33, 64, 65, 2047, 2048, 2049, 5000} {
		entries := fillers(n, 0)
		for _, i := range []int{0, n / 3, n / 2, n - 1} {
			s := shownOf(t, miner, entries, i, 4)
			if err := s.Verify(testDomain, miner.hotkey); err != nil {
				t.Fatalf("entry %d of %d: %v", i, n, err)
			}
			p := FraudProof{Kind: FalseRoot, Miner: miner.hotkey, First: s}
			again, err := DecodeFraudProof(p.Encode())
			if err != nil || again.Name() != p.Name() || again.Verify(testDomain) != nil {
				t.Fatalf("entry %d of %d is not the same again: %v", i, n, err)
			}
			if len(p.Encode()) > 2200 {
				t.Errorf("a proof of one of %d entries has %d bytes", n, len(p.Encode()))
			}
			other := s
			other.Entry.Root[5]++
			if other.Verify(testDomain, miner.hotkey) == nil {
				t.Error("another root is shown")
			}
			other = s
			if other.Index++; other.Verify(testDomain, miner.hotkey) == nil {
				t.Error("another place is shown")
			}
			if s.Verify(testDomain, newKey(t, 2).hotkey) == nil || s.Verify(Domain{}, miner.hotkey) == nil {
				t.Error("it is shown of another miner or network")
			}
		}
	}
	entries := fillers(3, 0)
	s := shownOf(t, miner, entries, 1, 4)
	hashes := [][32]byte{entries[0].Hash(), entries[1].Hash(), entries[2].Hash()}
	for _, index := range []int{-1, 0, 2, 3} {
		if _, err := ShowEntry(s.Head, entries[1], hashes, index); strata.CodeOf(err) != strata.Invalid {
			t.Errorf("entry 1 at place %d gave %v", index, err)
		}
	}
	if _, err := ShowEntry(s.Head, entries[1], hashes[:2], 1); strata.CodeOf(err) != strata.Invalid {
		t.Errorf("a part of the entries gave %v", err)
	}
}

func TestTwoRootsProve(t *testing.T) {
	miner := newKey(t, 1)
	a, b := shownOf(t, miner, fillers(100, 0), 40, 4), shownOf(t, miner, fillers(90, 1), 40, 9)
	proof := FraudProof{Kind: TwoRoots, Miner: miner.hotkey, First: a, Second: &b}
	if err := proof.Verify(testDomain); err != nil {
		t.Fatal(err)
	}
	same, another := a, shownOf(t, miner, fillers(90, 1), 41, 9)
	elsewhere := b
	elsewhere.Head.Validator[0]++
	for name, f := range map[string]FraudProof{
		"one root twice":         {Kind: TwoRoots, Miner: miner.hotkey, First: a, Second: &same},
		"two sectors":            {Kind: TwoRoots, Miner: miner.hotkey, First: a, Second: &another},
		"two partitions":         {Kind: TwoRoots, Miner: miner.hotkey, First: a, Second: &elsewhere},
		"one part":               {Kind: TwoRoots, Miner: miner.hotkey, First: a},
		"a part too many":        {Kind: FalseRoot, Miner: miner.hotkey, First: a, Second: &b},
		"an unknown kind":        {Kind: 7, Miner: miner.hotkey, First: a},
		"another miner's":        {Kind: TwoRoots, Miner: pattern(3), First: a, Second: &b},
		"an entry that was gone": {Kind: FalseRoot, Miner: miner.hotkey, First: SignedEntry{Head: a.Head, Entry: Entry{Number: 40, State: Gone}, Count: 100, Opening: a.Opening}},
	} {
		if err := f.Verify(testDomain); err == nil {
			t.Errorf("%s proves fraud", name)
		}
	}
	// No byte of it can be another.
	enc := proof.Encode()
	for i := 0; i < len(enc); i += 17 {
		c := slices.Clone(enc)
		c[i] ^= 4
		if f, err := DecodeFraudProof(c); err == nil && f.Verify(testDomain) == nil {
			t.Fatalf("byte %d altered, and it still proves", i)
		}
	}
}

func TestTwoHeadsProve(t *testing.T) {
	miner := newKey(t, 1)
	a, b := shownOf(t, miner, fillers(100, 0), 40, 4).Head, shownOf(t, miner, fillers(90, 1), 40, 4).Head
	proof, err := ProveTwoHeads(miner.hotkey, a, b)
	if err != nil || proof.Verify(testDomain) != nil || proof.Number() != 4 {
		t.Fatal(proof, err)
	}
	if other, err := ProveTwoHeads(miner.hotkey, b, a); err != nil || other.Name() != proof.Name() {
		t.Errorf("the other way round it is another proof: %v", err)
	}
	again, err := DecodeFraudProof(proof.Encode())
	if err != nil || again.Name() != proof.Name() || again.Verify(testDomain) != nil {
		t.Errorf("it is not the same again: %v", err)
	}
	resigned, later, elsewhere := a, b, b
	if err := resigned.Sign(testDomain, miner); err != nil {
		t.Fatal(err)
	}
	later.Sequence++
	elsewhere.Validator[0]++
	for _, h := range []*Head{&later, &elsewhere} {
		if err := h.Sign(testDomain, miner); err != nil {
			t.Fatal(err)
		}
	}
	for name, h := range map[string]Head{"one head twice": a, "one statement signed twice": resigned, "another sequence": later, "another partition": elsewhere} {
		if _, err := ProveTwoHeads(miner.hotkey, a, h); strata.CodeOf(err) != strata.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if f, err := ProveTwoHeads(pattern(3), a, b); err != nil || f.Verify(testDomain) == nil {
		t.Errorf("another miner's signatures prove it: %v", err)
	}
	enc := proof.Encode()
	for i := range enc {
		c := slices.Clone(enc)
		c[i] ^= 4
		if f, err := DecodeFraudProof(c); err == nil && f.Verify(testDomain) == nil {
			t.Fatalf("byte %d altered, and it still proves", i)
		}
	}
}
