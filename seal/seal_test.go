package seal

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"testing"

	"github.com/zeebo/blake3"

	"strata"
)

// vector is one entry of testdata/seal_v1_vectors.json, made by an independent
// implementation. All share genesis 0x11…, miner 0x22…, validator 0x33… and
// netuid 7.
type vector struct {
	Number  uint64                `json:"sector_number"`
	N       uint32                `json:"n"`
	P       uint32                `json:"p"`
	ID      string                `json:"sector_id"`
	IV      string                `json:"iv_first16"`
	Root    string                `json:"root"`
	Parents map[string][16]uint32 `json:"parents"`
	Blocks  map[string]string     `json:"blocks_first32"`
}

func (v vector) sector() Sector {
	return Sector{
		Genesis: strata.GenesisHash(bytes.Repeat([]byte{0x11}, 32)), Netuid: 7,
		Miner:     strata.Hotkey(bytes.Repeat([]byte{0x22}, 32)),
		Validator: strata.Hotkey(bytes.Repeat([]byte{0x33}, 32)),
		Number:    v.Number, Blocks: v.N, Passes: v.P,
	}
}

func readVectors(t testing.TB) []vector {
	raw, err := os.ReadFile("testdata/seal_v1_vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Vectors []vector }
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Vectors) != 18 {
		t.Fatalf("%d vectors, want 18", len(file.Vectors))
	}
	return file.Vectors
}

func TestVectors(t *testing.T) {
	for _, v := range readVectors(t) {
		t.Run(fmt.Sprintf("sector%d/n%d/p%d", v.Number, v.N, v.P), v.check)
	}
}

func (v vector) check(t *testing.T) {
	s := v.sector()
	if got := s.ID().String(); got != v.ID {
		t.Fatalf("id %s, want %s", got, v.ID)
	}
	iv := firstBlock(s.ID())
	if got := hex.EncodeToString(iv[:16]); got != v.IV {
		t.Errorf("iv begins %s, want %s", got, v.IV)
	}
	v.checkParents(t)
	v.checkBytes(t)
}

func (v vector) checkParents(t *testing.T) {
	if len(v.Parents) != 5 {
		t.Fatalf("%d parent lists, want 5", len(v.Parents))
	}
	for at, want := range v.Parents {
		var p, j uint32
		if _, err := fmt.Sscanf(at, "p%d,j%d", &p, &j); err != nil {
			t.Fatal(err)
		}
		if got := Parents(v.sector().ID(), v.N, p, j); got != want {
			t.Errorf("parents(%s) = %v, want %v", at, got, want)
		}
	}
}

func (v vector) checkBytes(t *testing.T) {
	for _, isa := range ISAs() {
		buf := bytes.Repeat([]byte{0xa5}, int(v.sector().Size())) // what was there must not matter
		if err := v.sector().FillWith(context.Background(), isa, buf); err != nil {
			t.Fatal(err)
		}
		t.Run(string(isa), func(t *testing.T) { v.compare(t, buf) })
	}
}

func (v vector) compare(t *testing.T, buf []byte) {
	if len(v.Blocks) != 6 {
		t.Fatalf("%d blocks, want 6", len(v.Blocks))
	}
	for at, want := range v.Blocks {
		j, err := strconv.Atoi(at)
		if err != nil {
			t.Fatal(err)
		}
		if got := hex.EncodeToString(buf[j*strata.BlockSize:][:32]); got != want {
			t.Errorf("block %d begins %s, want %s", j, got, want)
		}
	}
	if root := strata.Root(blake3.Sum256(buf)); root.String() != v.Root {
		t.Errorf("root %s, want %s", root, v.Root)
	}
}

func TestValidate(t *testing.T) {
	for _, c := range []struct {
		blocks, passes uint32
		ok             bool
	}{
		{16, 4, true}, {1 << 31, 255, true}, {4096, 6, true},
		{0, 4, false}, {1, 4, false}, {8, 4, false}, {17, 4, false}, {48, 4, false}, {1<<32 - 1, 4, false},
		{16, 0, false}, {16, 3, false}, {16, 256, false}, {16, 1<<32 - 1, false},
	} {
		s := Sector{Blocks: c.blocks, Passes: c.passes}
		err := s.Validate()
		if (err == nil) != c.ok || err != nil && strata.CodeOf(err) != strata.Invalid {
			t.Errorf("%d blocks, %d passes: %v", c.blocks, c.passes, err)
		}
		if fillErr := s.Fill(context.Background(), nil); fillErr == nil || strata.CodeOf(fillErr) != strata.Invalid {
			t.Errorf("%d blocks, %d passes into no buffer: %v", c.blocks, c.passes, fillErr)
		}
	}
}

// The profiles' sectors are ones that Seal v1 allows, of the profile's size.
func TestProfilesAreValid(t *testing.T) {
	for _, p := range []strata.Profile{strata.LocalProfile, strata.TestProfile, strata.MainProfile} {
		s := Sector{Blocks: p.Blocks, Passes: p.Passes}
		if err := s.Validate(); err != nil || s.Size() != int64(p.SectorSize()) {
			t.Errorf("%s: %d bytes, %v", p.Name, s.Size(), err)
		}
	}
}

// No two sectors share an id: each field counts.
func TestEveryFieldChangesTheID(t *testing.T) {
	base := Sector{Blocks: 16, Passes: 4}
	seen := map[strata.SectorID]string{base.ID(): "nothing"}
	for name, change := range map[string]func(*Sector){
		"genesis":   func(s *Sector) { s.Genesis[31] = 1 },
		"netuid":    func(s *Sector) { s.Netuid = 1 << 8 },
		"miner":     func(s *Sector) { s.Miner[31] = 1 },
		"validator": func(s *Sector) { s.Validator[31] = 1 },
		"number":    func(s *Sector) { s.Number = 1 << 56 },
		"blocks":    func(s *Sector) { s.Blocks = 1 << 31 },
		"passes":    func(s *Sector) { s.Passes = 1 << 24 },
	} {
		s := base
		change(&s)
		if other, dup := seen[s.ID()]; dup {
			t.Errorf("changing %s gives the id of changing %s", name, other)
		}
		seen[s.ID()] = name
	}
}

func TestFillRefusesAnotherLength(t *testing.T) {
	s := Sector{Blocks: 16, Passes: 4}
	for _, n := range []int64{0, s.Size() - 1, s.Size() + 1, s.Size() * 2} {
		if err := s.Fill(context.Background(), make([]byte, n)); err == nil || strata.CodeOf(err) != strata.Invalid {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

// countdown is a context that is done from its n-th look on.
type countdown struct {
	context.Context
	n int
}

func (c *countdown) Err() error {
	if c.n--; c.n < 0 {
		return context.Canceled
	}
	return nil
}

// A cancelled fill stops at the next look, of which there is one for every
// ctxEvery blocks of every pass.
func TestFillStops(t *testing.T) {
	s := Sector{Blocks: 2 * ctxEvery, Passes: 4}
	buf := make([]byte, s.Size())
	for _, n := range []int{0, 1, 7} {
		c := &countdown{context.Background(), n}
		if err := s.Fill(c, buf); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled at look %d: %v", n, err)
		}
	}
	if err := s.Fill(&countdown{context.Background(), 8}, buf); err != nil {
		t.Errorf("eight looks are all there are: %v", err)
	}
}
