package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// model returns the command line's shape.
func model(t *testing.T) *kong.Node {
	t.Helper()
	k, err := kong.New(&program{}, kong.Vars{"version": ""})
	if err != nil {
		t.Fatal(err)
	}
	return k.Model.Node
}

// TestHelp: each command, flag and argument says what it is, in the same manner,
// and flags of different commands that differ in - and _ alone are spelled alike.
func TestHelp(t *testing.T) {
	spelled := map[string]string{}
	sentence := func(name, help string) {
		t.Helper()
		if !strings.HasSuffix(help, ".") && !strings.HasSuffix(help, "?") || strings.Contains(help, "\n") {
			t.Errorf("%s: help %q is no sentence", name, help)
		}
	}
	var walk func(n *kong.Node)
	walk = func(n *kong.Node) {
		for _, f := range n.Flags {
			bare := strings.ReplaceAll(f.Name, "-", "_")
			if as, ok := spelled[bare]; ok && as != f.Name {
				t.Errorf("--%s is --%s elsewhere", f.Name, as)
			}
			if spelled[bare] = f.Name; !f.Hidden {
				sentence(n.FullPath()+" --"+f.Name, f.Help)
			}
		}
		for _, p := range n.Positional {
			if sentence(n.FullPath()+" <"+p.Name+">", p.Help); strings.Contains(p.Name, "-") {
				t.Errorf("%s: <%s> is no name for people", n.FullPath(), p.Name)
			}
		}
		for _, child := range n.Children {
			if child.Hidden {
				continue
			}
			if sentence(child.FullPath(), child.Help); n.Parent == nil && child.Group == nil {
				t.Errorf("%s is in no group", child.Name)
			}
			walk(child)
		}
	}
	walk(model(t))
}

func TestFlagsAreSpelledEitherWay(t *testing.T) {
	for args, want := range map[string]string{
		"allocate --db-path x --no-prompt":        "allocate --db_path x --no_prompt",
		"allocate --wallet.password-file=a-b_c-d": "allocate --wallet.password_file=a-b_c-d",
		"put --if_absent --encrypt_to age1 a_b-c": "put --if-absent --encrypt-to age1 a_b-c",
		"bench seal --no-disk --in-flight":        "bench seal --no-disk --in_flight",
		"put -- --if_absent":                      "put -- --if_absent",
		"put --un_known - -r --":                  "put --un_known - -r --",
	} {
		got := alike(model(t), strings.Fields(args))
		if !slices.Equal(got, strings.Fields(want)) {
			t.Errorf("%s: %v, want %s", args, got, want)
		}
	}
}
