package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"strata"
)

// TestVerifyBudget is a part of all cores, given to the validator in per cent
// of one.
func TestVerifyBudget(t *testing.T) {
	for _, c := range []struct {
		budget float64
		cores  int
		want   int
		code   strata.Code
	}{
		{0, 8, 0, ""}, // the validator's default
		{0.25, 2, 50, ""},
		{0.5, 8, 400, ""},
		{1, 4, 400, ""},
		{0.001, 2, 1, ""},
		{-0.1, 2, 0, strata.Invalid},
		{1.1, 2, 0, strata.Invalid},
	} {
		got, err := verifyFlags{c.budget}.share(c.cores)
		if got != c.want || strata.CodeOf(err) != c.code {
			t.Errorf("%+v: %d, %v", c, got, err)
		}
	}
}

// TestPaths: a directory that is given twice, and one that is empty beside others
// that are not, are noticed before anything is written.
func TestPaths(t *testing.T) {
	dir, w := t.TempDir(), walletFlags{Name: "alice", Hotkey: "default"}
	one, two, link := filepath.Join(dir, "one"), filepath.Join(dir, "two"), filepath.Join(dir, "link")
	paths := func(p ...string) dbFlags { return dbFlags{Path: p} }
	if err := paths(one, two).mounted(w); err != nil {
		t.Errorf("two new disks: %v", err)
	}
	for _, d := range []string{roleDir(one, w), two} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(roleDir(one, w), "strata.db"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := paths(one, two).mounted(w); strata.CodeOf(err) != strata.NotFound || !strings.Contains(err.Error(), "no sectors at "+two) {
		t.Errorf("a disk that is not mounted: %v", err)
	}
	if err := paths(one).mounted(w); err != nil {
		t.Errorf("one that has sectors: %v", err)
	}
	if err := paths(one, two).check(); err != nil {
		t.Errorf("two places: %v", err)
	}
	if err := paths(one, two, one+"/../one").check(); strata.CodeOf(err) != strata.Invalid {
		t.Errorf("one place twice: %v", err)
	}
	if err := os.Symlink(one, link); err != nil {
		t.Skipf("no links here: %v", err)
	}
	if err := paths(one, link).check(); strata.CodeOf(err) != strata.Invalid {
		t.Errorf("a link to it: %v", err)
	}
}
