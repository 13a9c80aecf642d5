package main

import (
	"os"
	"strings"
	"testing"
)

// TestPutAndGetByKey: put --key replaces, on a condition if asked; get, stat and
// rm --key find what is there now.
func TestPutAndGetByKey(t *testing.T) {
	u := newUser(t)
	for _, text := range []string{"one", "two, longer"} {
		if err := os.WriteFile("f.txt", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		id := strings.TrimSpace(u.must("put", "f.txt", "--key", "k", "--quiet"))
		if got := u.must("get", "--key", "k", "-o", "-", "--quiet"); got != text {
			t.Errorf("%q, want %q", got, text)
		}
		if status, _, errs := u.run("put", "f.txt", "--key", "k", "--if-absent", "--quiet"); status == 0 || !strings.Contains(errs, "another file") {
			t.Errorf("--if-absent: %d %s", status, errs)
		}
		u.must("put", "f.txt", "--key", "k", "--if-match", id, "--quiet")
		if status, _, _ := u.run("put", "f.txt", "--key", "k", "--if-match", id, "--quiet"); status == 0 {
			t.Error("--if-match holds of a file that was replaced")
		}
	}
	u.must("get", "--key", "k", "--quiet")
	if b, err := os.ReadFile("k"); err != nil || string(b) != "two, longer" {
		t.Errorf("%q, %v", b, err)
	}
	if out := u.must("stat", "--key", "k"); !strings.Contains(out, `key     "k"`) {
		t.Errorf("stat: %s", out)
	}
	u.must("put", "f.txt", "--key", "folder/k", "--quiet")
	u.must("rm", "--key", "folder/k")
	if status, _, errs := u.run("rm", "--key", "folder/k"); status == 0 || !strings.Contains(errs, "no file has the key") {
		t.Errorf("removed twice: %d %s", status, errs)
	}
	for _, args := range [][]string{
		{"get"}, {"stat"}, {"rm"}, {"stat", "--key", "none"}, {"get", "--key", "none"}, {"get", "00000000000000000000000000000001", "--key", "k"},
		{"put", "f.txt", "--if-absent"}, {"put", "f.txt", "--key", "a/ /b"}, {"put", "f.txt", "--key", "k", "--name", "n"},
		{"put", "f.txt", "--key", "k", "--if-absent", "--if-match", "00000000000000000000000000000001"},
	} {
		if status, _, errs := u.run(args...); status == 0 || strings.Count(strings.TrimSpace(errs), "\n") != 0 {
			t.Errorf("%q: status %d, %q", args, status, errs)
		}
	}
}
