// Package recorded gives tests what was recorded of real chains. The folder
// with it is what STRATA_FIXTURES names, or shared/fixtures beside the
// repository. Where a file is not there its test is skipped, but with CI set it
// fails.
package recorded

import (
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Path returns where a recorded file is.
func Path(t testing.TB, name string) string {
	t.Helper()
	file := filepath.Join(folder(t), name)
	switch _, err := os.Stat(file); {
	case errors.Is(err, fs.ErrNotExist) && os.Getenv("CI") == "":
		t.Skipf("recorded data is not here: set STRATA_FIXTURES to the folder that holds %s", name)
	case err != nil:
		t.Fatal(err)
	}
	return file
}

// File returns what a recorded file holds.
func File(t testing.TB, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(Path(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// Hex returns the bytes that a recorded file has in hex, 0x before them or not.
func Hex(t testing.TB, name string) []byte {
	t.Helper()
	raw, err := hex.DecodeString(strings.TrimPrefix(strings.TrimSpace(string(File(t, name))), "0x"))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// folder is where recorded files are; tests run in their package's folder.
func folder(t testing.TB) string {
	t.Helper()
	if dir := os.Getenv("STRATA_FIXTURES"); dir != "" {
		return dir
	}
	for dir := "."; ; dir = filepath.Join("..", dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, "..", "shared", "fixtures")
		}
		if abs, err := filepath.Abs(dir); err != nil || abs == filepath.Dir(abs) {
			t.Fatalf("no go.mod above the test's folder (%v)", err)
		}
	}
}
