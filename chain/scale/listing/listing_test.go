package listing

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"strata"
	"strata/internal/recorded"
)

// TestRead: a runtime reads the same however it was written down.
func TestRead(t *testing.T) {
	wrapped := recorded.Hex(t, "spec300_metadata_v15.hex") // as the runtime API returns it
	plain := recorded.Hex(t, "spec300_metadata_v14.hex")
	for name, c := range map[string]struct {
		content []byte
		version uint8
		code    strata.Code
	}{
		"raw":           {plain, 14, ""},
		"hex":           {[]byte("0x" + hex.EncodeToString(plain) + "\n"), 14, ""},
		"hex, no 0x":    {[]byte(hex.EncodeToString(plain)), 14, ""},
		"wrapped":       {wrapped, 15, ""},
		"wrapped, hex":  {[]byte(hex.EncodeToString(wrapped)), 15, ""},
		"cut":           {plain[:100], 0, strata.Invalid},
		"another thing": {[]byte("hello"), 0, strata.Invalid},
		"nothing":       {nil, 0, strata.Invalid},
	} {
		file := filepath.Join(t.TempDir(), "metadata")
		if err := os.WriteFile(file, c.content, 0o600); err != nil {
			t.Fatal(err)
		}
		m, err := Read(file)
		if c.code != "" {
			if strata.CodeOf(err) != c.code || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil || m.Version != c.version {
			t.Errorf("%s: %v, %v", name, m, err)
		}
	}
	if _, err := Read(filepath.Join(t.TempDir(), "none")); strata.CodeOf(err) != strata.Invalid {
		t.Errorf("no file: %v", err)
	}
}

func TestOnly(t *testing.T) {
	m, err := Read(recorded.Path(t, "spec300_metadata_v15.hex"))
	if err != nil {
		t.Fatal(err)
	}
	l, err := Of(m)
	if err != nil {
		t.Fatal(err)
	}
	var all, one strings.Builder
	l.Print(&all)
	if err := l.Only("drand"); err != nil || len(l.Pallets) != 1 || l.Pallets[0].Name != "Drand" {
		t.Errorf("%+v, %v", l.Pallets, err)
	}
	l.PrintParts(&one)
	if !strings.Contains(all.String(), one.String()) || strings.Contains(one.String(), "pallet System") {
		t.Errorf("one pallet is %q", one.String())
	}
	if err := l.Only("nothing"); strata.CodeOf(err) != strata.NotFound {
		t.Errorf("%v", err)
	}
	if _, err := Types(m, "Nothing"); strata.CodeOf(err) != strata.NotFound {
		t.Errorf("%v", err)
	}
	types, err := Types(m, "AxonInfo")
	if err != nil || len(types) != 1 || len(types[0].Fields) != 8 {
		t.Errorf("%+v, %v", types, err)
	}
}
