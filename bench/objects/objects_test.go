package objects

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"strata"
)

// TestNoiseComesBack: the same seed gives the same bytes however they are read,
// and no two blocks are alike.
func TestNoiseComesBack(t *testing.T) {
	const size = 3*noisePeriod + 17
	c := &check{noise: newNoise(1)}
	if _, err := io.CopyBuffer(struct{ io.Writer }{c}, io.LimitReader(newNoise(1), size), make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	if c.at != size {
		t.Errorf("%d bytes compared, want %d", c.at, size)
	}
	first, second := make([]byte, noisePeriod), make([]byte, noisePeriod)
	n := newNoise(1)
	for _, p := range [][]byte{first, second} {
		if _, err := io.ReadFull(n, p); err != nil {
			t.Fatal(err)
		}
	}
	if string(first) == string(second) {
		t.Error("two blocks are alike")
	}
}

func TestCheckFindsAWrongByte(t *testing.T) {
	for name, data := range map[string]func([]byte){
		"flipped":       func(b []byte) { b[len(b)-1] ^= 1 },
		"another place": func(b []byte) { copy(b, b[1:]) },
	} {
		b := make([]byte, noisePeriod+100)
		_, _ = io.ReadFull(newNoise(2), b) // never fails
		data(b)
		if _, err := (&check{noise: newNoise(2)}).Write(b); err == nil {
			t.Errorf("%s: not noticed", name)
		}
	}
	b := make([]byte, 100)
	_, _ = io.ReadFull(newNoise(3), b) // never fails
	if _, err := (&check{noise: newNoise(2)}).Write(b); err == nil {
		t.Error("another seed: not noticed")
	}
}

// TestWithoutNetwork: what is measured beside the network works without one.
func TestWithoutNetwork(t *testing.T) {
	r := &run{cfg: Config{Dir: t.TempDir(), Size: strata.MiB, Rounds: 1}, in: filepath.Join(t.TempDir(), "in")}
	if err := os.WriteFile(r.in, make([]byte, strata.MiB), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, step := range []func() error{func() error { return r.codec(t.Context()) }, func() error { return r.copy(t.Context()) }} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.bare(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r.res.Bare <= 0 || r.res.Encode <= 0 || r.res.Decode <= 0 || r.res.Copy <= 0 {
		t.Errorf("%+v", r.res)
	}
	var b strings.Builder
	if err := r.res.Table().Write(&b); err != nil || !strings.Contains(b.String(), "upload") {
		t.Errorf("%v\n%s", err, b.String())
	}
}
