package main

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"strata"
	"strata/gateway"
	"strata/wire"
)

// canned is a gateway.Owner that answers what it is told to.
type canned struct {
	verification gateway.Verification
	manifest     gateway.Manifest
	until        time.Time
	deep         bool
}

func (c *canned) Verify(_ context.Context, id strata.ObjectID, deep bool) (gateway.Verification, error) {
	if id != c.verification.ID {
		return gateway.Verification{}, strata.E(strata.NotFound, "there is no object %s", id)
	}
	c.deep = deep
	return c.verification, nil
}

func (c *canned) Export(_ context.Context, _ strata.ObjectID, until time.Time) (gateway.Manifest, error) {
	c.until = until
	return c.manifest, nil
}

func TestVerifyStatus(t *testing.T) {
	c := &canned{verification: gateway.Verification{ID: strata.ObjectID{7}, Name: "f"}}
	u := newUserWith(t, c)
	id := c.verification.ID.String()
	segment := func(good int) gateway.VerifiedSegment {
		return gateway.VerifiedSegment{Needed: 10, Repair: 16, Good: good, Total: 30, Shards: []gateway.VerifiedShard{{Finding: "missing", Error: "gone"}}}
	}
	for _, tt := range []struct {
		good   []int
		status int
	}{{nil, 0}, {[]int{30, 16}, 0}, {[]int{30, 15}, 8}, {[]int{15, 9}, 9}} {
		c.verification.Segments = nil
		for _, n := range tt.good {
			c.verification.Segments = append(c.verification.Segments, segment(n))
		}
		if status, out, errs := u.run("verify", id, "--deep"); status != tt.status || !c.deep {
			t.Errorf("%v: status %d, want %d: %s%s", tt.good, status, tt.status, out, errs)
		}
		if status, out, _ := u.run("verify", id, "--json"); status != tt.status || c.deep || json.Unmarshal([]byte(out), &gateway.Verification{}) != nil {
			t.Errorf("%v: status %d, want %d, %q", tt.good, status, tt.status, out)
		}
	}
	if status, _, _ := u.run("verify", strata.ObjectID{8}.String()); status != 3 {
		t.Errorf("an unknown object: status %d, want 3", status)
	}
}

// sampleManifest is whole, of an object whose only miner serves nowhere.
func sampleManifest() gateway.Manifest {
	shard := gateway.ManifestShard{Root: strata.Root{1}, Length: 1024, Address: "127.0.0.1:1", Grant: wire.FormatDelegation(wire.Delegation{})}
	shard.Miner[0] = 1
	return gateway.Manifest{
		Format: gateway.ManifestFormat, DelegateSeed: strings.Repeat("11", 32), Digest: strings.Repeat("00", 32), Name: "f", Size: 10,
		Segments: []gateway.ManifestSegment{{Codec: "rs8", Needed: 1, Total: 1, Success: 1, Size: 10, Key: strings.Repeat("22", 32), Shards: []gateway.ManifestShard{shard}}},
	}
}

func TestExportIsSecret(t *testing.T) {
	c := &canned{manifest: sampleManifest()}
	u := newUserWith(t, c)
	status, _, errs := u.run("export", strata.ObjectID{7}.String(), "--days", "2")
	if status != 0 || !strings.Contains(errs, "discloses the file's keys") {
		t.Errorf("status %d, %q: it does not say what it discloses", status, errs)
	}
	st, err := os.Stat("f.strata-manifest")
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v: others may read it", st, err)
	}
	if d := time.Until(c.until); d < 47*time.Hour || d > 49*time.Hour {
		t.Errorf("good for %s, want 2 days", d)
	}
	if status, _, _ := u.run("export", strata.ObjectID{7}.String()); status != 5 {
		t.Errorf("over another file: status %d, want 5", status)
	}
	if status, _, _ := u.run("export", strata.ObjectID{7}.String(), "-o", "x", "--days", "0"); status != 2 {
		t.Errorf("for no day: status %d, want 2", status)
	}
}

func TestFetchRefuses(t *testing.T) {
	u := newUser(t)
	for name, c := range map[string]struct {
		change func(*gateway.Manifest)
		status int
	}{
		"other format":    {func(m *gateway.Manifest) { m.Format = "strata manifest 2" }, 2},
		"damaged seed":    {func(m *gateway.Manifest) { m.DelegateSeed = "00" }, 2},
		"damaged digest":  {func(m *gateway.Manifest) { m.Digest = "zz" }, 2},
		"damaged key":     {func(m *gateway.Manifest) { m.Segments[0].Key = "1" }, 2},
		"damaged grant":   {func(m *gateway.Manifest) { m.Segments[0].Shards[0].Grant = "00" }, 2},
		"no segments":     {func(m *gateway.Manifest) { m.Segments = nil }, 2},
		"other size":      {func(m *gateway.Manifest) { m.Size = 11 }, 9},
		"miner away":      {func(m *gateway.Manifest) {}, 8},
		"miner not there": {func(m *gateway.Manifest) { m.Segments[0].Shards[0].Address = "" }, 8},
	} {
		m := sampleManifest()
		c.change(&m)
		b, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		u.write("m", b)
		status, _, errs := u.run("fetch", "--manifest", "m", "-o", "out")
		if status != c.status || strings.Count(errs, "\n") != 1 {
			t.Errorf("%s: status %d, want %d: %q", name, status, c.status, errs)
		}
		if _, err := os.Stat("out"); err == nil {
			t.Errorf("%s: a file was written", name)
		}
	}
	u.write("m", []byte("{"))
	if status, _, _ := u.run("fetch", "--manifest", "m"); status != 2 {
		t.Errorf("half a manifest: status %d", status)
	}
	if status, _, _ := u.run("fetch", "--manifest", "none"); status != 3 {
		t.Errorf("no manifest: status %d", status)
	}
}
