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
	s := v.sector()
	buf := bytes.Repeat([]byte{0xa5}, int(s.Size())) // what was there must not matter
	if err := s.Fill(context.Background(), buf); err != nil {
		t.Fatal(err)
	}
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

var _ = errors.New
