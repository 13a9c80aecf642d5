package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"strata"
	"strata/gateway"
)

// plant writes files at paths below the current directory.
func (u *user) plant(files map[string]string) {
	u.Helper()
	for p, text := range files {
		if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
			u.Fatal(err)
		}
		u.write(p, []byte(text))
	}
}

// TestFolders: a folder goes up under its name or another key, comes back the
// same, is not sent or fetched twice, and can be deleted as a whole.
func TestFolders(t *testing.T) {
	u := newUser(t)
	files := map[string]string{"a.jpg": "one", "2026/b ü%?#.txt": "two", "2026/deep/c": "three"}
	for p, text := range files {
		u.plant(map[string]string{"photos/" + p: text, "other/x": "no part of it"})
	}
	if err := os.Symlink("a.jpg", "photos/link"); err != nil {
		t.Logf("no links here: %v", err)
	}
	if status, _, errs := u.run("put", "photos"); status != 2 || !strings.Contains(errs, "--recursive") {
		t.Errorf("a folder without being asked for: %d %q", status, errs)
	}
	out := u.must("put", "-r", "photos", "--quiet")
	if strings.Count(out, "\n") != len(files) || !strings.Contains(out, "  photos/2026/deep/c\n") {
		t.Errorf("printed %q", out)
	}
	if o := u.shelf.by[u.shelf.keys["photos/a.jpg"]]; o.ContentType != "image/jpeg" || !o.Keyed {
		t.Errorf("stored %+v", o)
	}
	u.must("put", "--recursive", "photos", "--key", "backup/of photos", "--quiet")
	u.must("put", "other/x", "--key", "photos", "--quiet") // beside the folder, not in it
	before := len(u.shelf.by)
	if out := u.must("put", "-r", "photos", "--if-absent", "--quiet"); out != "" || len(u.shelf.by) != before {
		t.Errorf("stored again: %q", out)
	}

	u.must("get", "-r", "--key", "backup/of photos", "--quiet")
	u.must("get", "-r", "--key", "photos", "-o", "back", "--quiet")
	for _, dir := range []string{"of photos", "back"} {
		for p, text := range files {
			u.same(filepath.Join(dir, p), []byte(text))
		}
	}
	u.write("back/a.jpg", []byte("changed"))
	if _, _, errs := u.run("get", "-r", "--key", "photos", "-o", "back", "--quiet"); !strings.Contains(errs, "3 files were there already") {
		t.Errorf("said %q", errs)
	}
	u.same("back/a.jpg", []byte("changed"))
	u.must("get", "-r", "--key", "photos", "-o", "back", "--quiet", "--force")
	u.same("back/a.jpg", []byte("one"))

	var gone []gateway.Stored
	if err := json.Unmarshal([]byte(u.must("rm", "-r", "--key", "photos/2026", "--json")), &gone); err != nil || len(gone) != 2 {
		t.Errorf("deleted %v, %v", gone, err)
	}
	for key, there := range map[string]bool{"photos": true, "photos/a.jpg": true, "photos/2026/deep/c": false, "backup/of photos/2026/deep/c": true} {
		if _, ok := u.shelf.keys[key]; ok != there {
			t.Errorf("%s is there: %v", key, ok)
		}
	}
	u.must("rm", "--key", "photos")
	if status, _, errs := u.run("rm", "--key", "photos"); status != 3 || !strings.Contains(errs, `no file has the key "photos"`) {
		t.Errorf("deleted twice: %d %q", status, errs)
	}
}

// TestSeveralFiles: what cannot be stored does not keep the others from it, unless
// it would keep them all, and the status says so.
func TestSeveralFiles(t *testing.T) {
	u := newUser(t)
	u.plant(map[string]string{"a": "a", "b": "", "c": "c", "d/e": "e"})
	status, out, errs := u.run("put", "a", "b", "c", "--quiet")
	if status != 2 || strings.Count(out, "\n") != 2 || errs != "strata: b: the file is empty: there is nothing to store\nstrata: storing failed for 1 of 3 files, as said above\n" {
		t.Errorf("status %d %q %q", status, out, errs)
	}
	var all []gateway.Object
	if err := json.Unmarshal([]byte(u.must("put", "a", "c", "--json", "--quiet")), &all); err != nil || len(all) != 2 || all[1].Name != "c" || (all[1].ID == strata.ObjectID{}) {
		t.Errorf("%+v %v", all, err)
	}
	for _, c := range []struct {
		args string
		says string
	}{
		{"a none", "none cannot be read: "},
		{"a c --name x", "about one file"},
		{"a c --key x", "about one file"},
		{"a --if-absent", "give --key"},
		{"a -", "alone"},
		{"-r d --name x", "about one file"},
		{"-r d a --if-absent", "about folders"},
		{"-r d --key x//y", "blank part"},
	} {
		status, _, errs := u.run(append([]string{"put", "--quiet"}, strings.Fields(c.args)...)...)
		if status < 2 || status > 3 || !strings.Contains(errs, c.says) || strings.Count(errs, "\n") != 1 {
			t.Errorf("put %s: status %d %q, want %q", c.args, status, errs, c.says)
		}
	}
	many := map[string]string{}
	for i := range 40 {
		many[fmt.Sprintf("many/%d", i)] = "x"
	}
	u.plant(many)
	u.shelf.full = len(u.shelf.by) + 5
	status, out, errs = u.run("put", "-r", "many", "--quiet")
	if status != 6 || strings.Count(out, "\n") != 5 || !strings.HasPrefix(errs, "strata: many/") || strings.Count(errs, "\n") != 1 {
		t.Errorf("a full network: status %d, %d stored, %q", status, strings.Count(out, "\n"), errs)
	}
	for _, args := range []string{"get -r", "get -r --key none", "get -r --key many -o -", "rm -r", "rm -r --key none", "rm"} {
		if status, _, errs := u.run(strings.Fields(args)...); status < 2 || status > 3 || strings.Count(errs, "\n") != 1 {
			t.Errorf("%s: status %d %q", args, status, errs)
		}
	}
}

// TestInside: a path that leads out of the folder is refused.
func TestInside(t *testing.T) {
	for rel, ok := range map[string]bool{"a": true, "a/b": true, "../a": false, "a/../../b": false, "/a": false, "": false} {
		if p, err := inside("dir", rel); (err == nil) != ok {
			t.Errorf("%q: %q %v", rel, p, err)
		}
	}
}
