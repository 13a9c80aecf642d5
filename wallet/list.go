package wallet

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"strata"
)

// Listing is one wallet found by List.
type Listing struct {
	Name    string
	Coldkey strata.Coldkey // zero if Err is set
	Err     error          // why the coldkey's public half cannot be read
	Hotkeys []HotkeyListing
}

// HotkeyListing is one hotkey of a wallet found by List.
type HotkeyListing struct {
	Name   string
	Hotkey strata.Hotkey // zero if Err is set
	Err    error         // why its public half cannot be read
}

// List returns the wallets in a directory ("" means the default), by name. It
// asks for no password. A directory that does not exist holds no wallets.
func List(path string) ([]Listing, error) {
	root := Open(path, "", "").Path
	names, err := entries(root, true)
	if err != nil {
		return nil, err
	}
	var out []Listing
	for _, name := range names {
		l := Listing{Name: name}
		l.Coldkey, l.Err = Open(root, name, "").LoadColdkeyPub()
		if l.Hotkeys, err = listHotkeys(root, name); err != nil {
			return nil, err
		}
		// A directory with neither key is something else, not a wallet.
		if strata.CodeOf(l.Err) != strata.NotFound || len(l.Hotkeys) > 0 {
			out = append(out, l)
		}
	}
	return out, nil
}

func listHotkeys(root, wallet string) ([]HotkeyListing, error) {
	names, err := entries(filepath.Join(root, wallet, "hotkeys"), false)
	if err != nil {
		return nil, err
	}
	var out []HotkeyListing
	for _, name := range names {
		if base, public := strings.CutSuffix(name, "pub.txt"); public {
			if base == "" || slices.Contains(names, base) {
				continue
			}
			name = base // its public half alone
		}
		h := HotkeyListing{Name: name}
		h.Hotkey, h.Err = Open(root, wallet, name).LoadHotkeyPub()
		out = append(out, h)
	}
	return out, nil
}

// entries returns the names in a directory, sorted: its directories or its
// files, hidden ones left out.
func entries(dir string, dirs bool) ([]string, error) {
	es, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list wallets in %s: %w", dir, err)
	}
	var out []string
	for _, e := range es {
		if e.IsDir() == dirs && !strings.HasPrefix(e.Name(), ".") {
			out = append(out, e.Name())
		}
	}
	return out, nil
}
