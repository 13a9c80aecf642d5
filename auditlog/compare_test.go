package auditlog

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"strata"
	"strata/score"
	"strata/wallet"
	"strata/wire"
)

// teller writes a validator's log of made-up entries.
type teller struct {
	t   *testing.T
	dir string
	log *Log
}

func tell(t *testing.T, validator byte) *teller {
	dir := t.TempDir()
	l, err := Open(dir, testDomain, strata.Hotkey{validator}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return &teller{t, dir, l}
}

func (l *teller) add(e Entry) {
	l.t.Helper()
	b, err := e.Encode()
	if err != nil {
		l.t.Fatal(err)
	}
	n, _ := l.log.Head()
	if err := l.log.Append(n+1, [][]byte{b}); err != nil {
		l.t.Fatal(err)
	}
}

var partition = strata.Hotkey{77}

// head is the entry of a manifest that a miner signs.
func head(t *testing.T, miner *wallet.Key, sequence uint64, sectors uint32, listed uint64) Entry {
	t.Helper()
	h := wire.Head{Validator: partition, Sequence: sequence, Sectors: sectors}
	if err := h.Sign(testDomain, miner); err != nil {
		t.Fatal(err)
	}
	who := miner.Hotkey()
	c := Coverage{Validator: partition, Batches: []score.Batch{{Cohort: 1, Listed: listed, Covered: listed}}}
	return Entry{Kind: Listed, Miner: &who, Head: &Head{Signed: hex.EncodeToString(h.Encode()), Coverage: c}}
}

func check(miner *wallet.Key, number uint64, said, is byte) Entry {
	who := miner.Hotkey()
	e := Entry{Kind: Checked, Miner: &who, Check: &Check{Number: number, Said: strata.Root{said}, Is: strata.Root{is}, Coverage: Coverage{Validator: partition}}}
	kind := score.Matched
	if said != is {
		kind = score.Mismatched
	}
	e.Events = []Event{{Kind: kind.String(), Cohort: 1}}
	return e
}

func TestCompare(t *testing.T) {
	miner, err := wallet.FromURI("//Miner")
	if err != nil {
		t.Fatal(err)
	}
	unsigned := head(t, miner, 5, 4, 400)
	b, _ := hex.DecodeString(unsigned.Head.Signed)
	b[len(b)-1] ^= 1
	unsigned.Head.Signed = hex.EncodeToString(b)
	for name, c := range map[string]struct {
		a, b  []Entry
		what  string // "": they agree
		proof bool
	}{
		"the same":                  {[]Entry{head(t, miner, 5, 3, 300), check(miner, 1, 8, 8)}, []Entry{check(miner, 1, 8, 8), head(t, miner, 5, 3, 300)}, "", false},
		"other moments":             {[]Entry{head(t, miner, 5, 3, 300), head(t, miner, 6, 4, 400)}, []Entry{head(t, miner, 7, 4, 400)}, "", false},
		"two heads":                 {[]Entry{head(t, miner, 4, 3, 300), head(t, miner, 5, 3, 300)}, []Entry{head(t, miner, 5, 4, 400)}, "signed both", true},
		"a head that is not signed": {[]Entry{head(t, miner, 5, 3, 300)}, []Entry{unsigned}, "has not signed the second", false},
		"the other is not signed":   {[]Entry{unsigned}, []Entry{head(t, miner, 5, 3, 300)}, "has not signed the first", false},
		"a head that lists more":    {[]Entry{head(t, miner, 5, 3, 300)}, []Entry{head(t, miner, 5, 3, 400)}, "lists 300 bytes", false},
		"a void sector":             {[]Entry{check(miner, 1, 8, 7), head(t, miner, 5, 3, 200)}, []Entry{head(t, miner, 5, 3, 300)}, "", false},
		"two true roots":            {[]Entry{check(miner, 1, 8, 8)}, []Entry{check(miner, 1, 8, 7)}, "a refill of sector 1", false},
		"two signed roots":          {[]Entry{check(miner, 1, 8, 8)}, []Entry{check(miner, 1, 7, 8)}, "has the signed root", false},
	} {
		t.Run(name, func(t *testing.T) {
			one, two := tell(t, 1), tell(t, 2)
			for _, e := range c.a {
				one.add(e)
			}
			for _, e := range c.b {
				two.add(e)
			}
			got, err := Compare([]string{one.dir, two.dir})
			if err != nil {
				t.Fatal(err)
			}
			if c.what == "" {
				if got.Total != 0 {
					t.Errorf("found %+v", got)
				}
				return
			}
			if got.Total != 1 || len(got.Contradictions) != 1 {
				t.Fatalf("found %+v", got)
			}
			x := got.Contradictions[0]
			if !strings.Contains(x.What, c.what) || *x.Miner != miner.Hotkey() || (x.Proof != nil) != c.proof {
				t.Errorf("found %+v: %s", x, x.What)
			}
			if x.Places[0] != (Place{strata.Hotkey{1}, uint64(len(c.a))}) || x.Places[1] != (Place{strata.Hotkey{2}, uint64(len(c.b))}) {
				t.Errorf("places are %+v", x.Places)
			}
			if c.proof {
				f, err := wire.DecodeFraudProof(x.Proof)
				if err != nil || f.Verify(testDomain) != nil || f.Kind != wire.TwoHeads {
					t.Errorf("the proof is %+v, %v", f, err)
				}
			}
		})
	}
}

// TestCompareCopies: a validator that wrote its log anew is seen in an older copy.
func TestCompareCopies(t *testing.T) {
	one, copied := tell(t, 1), tell(t, 1)
	write(t, one.log, 6)
	write(t, copied.log, 3)
	if got, err := Compare([]string{one.dir, copied.dir}); err != nil || got.Total != 0 {
		t.Fatalf("a shorter copy: %+v, %v", got, err)
	}
	copied.add(Entry{Kind: Started, Start: &Start{Version: "another"}})
	copied.add(Entry{Kind: Started, Start: &Start{Version: "another"}})
	got, err := Compare([]string{one.dir, copied.dir})
	if err != nil || got.Total != 1 || got.Contradictions[0].Places[1].Entry != 4 || got.Contradictions[0].Miner != nil {
		t.Errorf("found %+v, %v", got, err)
	}
}

// TestComparePasses: in how many passes logs are compared changes nothing.
func TestComparePasses(t *testing.T) {
	miner, err := wallet.FromURI("//Miner")
	if err != nil {
		t.Fatal(err)
	}
	one, two := tell(t, 1), tell(t, 2)
	for n := range uint64(20) {
		one.add(check(miner, n, 8, 8))
		two.add(check(miner, n, 8, 8+byte(n%2)))
	}
	for passes := range uint64(5) {
		c := comparer{passes: passes + 1, rewritten: map[strata.Hotkey]bool{}}
		for c.pass = range passes + 1 {
			c.facts = map[[16]byte]fact{}
			if err := c.read([]string{one.dir, two.dir}); err != nil {
				t.Fatal(err)
			}
		}
		if c.total != 10 || len(c.found) != 10 {
			t.Errorf("%d passes find %d", passes+1, c.total)
		}
	}
}

func TestCompareBadInput(t *testing.T) {
	one := tell(t, 1)
	write(t, one.log, 6)
	if _, err := Compare([]string{one.dir, filepath.Join(t.TempDir(), "none")}); strata.CodeOf(err) != strata.NotFound {
		t.Errorf("a log that is not there: %v", err)
	}
	other, err := Open(t.TempDir(), wire.Domain{Netuid: 8}, testKey, quiet)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	write(t, other, 2)
	if _, err := Compare([]string{one.dir, other.dir}); strata.CodeOf(err) != strata.Invalid {
		t.Errorf("a log of another network: %v", err)
	}
	broken := tell(t, 2)
	write(t, broken.log, 3)
	path := segmentFiles(t, broken.dir)[0]
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-3] ^= 1
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := Compare([]string{one.dir, broken.dir}); err != nil || got.Total != 0 {
		t.Errorf("a broken log is compared as far as it holds: %+v, %v", got, err)
	}
}

func TestCreditsApart(t *testing.T) {
	report := func(validator byte, block uint64, credits ...uint64) Report {
		v := Vector{Entry: 9, Block: block}
		for i, c := range credits {
			v.Weights = append(v.Weights, Weight{Hotkey: strata.Hotkey{byte(i)}, Credit: c})
		}
		return Report{Header: Header{Validator: strata.Hotkey{validator}}, Tempo: 360, Vectors: []Vector{v}}
	}
	got := CreditsApart([]Report{report(1, 1000, 10, 100, 0, 7), report(2, 1361, 20, 49, 5), report(3, 2000, 0, 0, 0), {}})
	if len(got) != 2 || got[0].Miner != (strata.Hotkey{1}) || got[1].Miner != (strata.Hotkey{2}) || got[1].Credits != [2]uint64{0, 5} {
		t.Errorf("apart are %+v", got)
	}
}
