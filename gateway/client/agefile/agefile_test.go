package agefile

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"

	"strata"
)

func newIdentity(t *testing.T) *age.X25519Identity {
	t.Helper()
	i, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func encrypted(t *testing.T, text string, to *age.X25519Identity) []byte {
	t.Helper()
	r, err := Encrypt(strings.NewReader(text), int64(len(text)), []age.Recipient{to.Recipient()})
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestSizeIsThatAnnounced: a body that ends early or goes on is no file.
func TestSizeIsThatAnnounced(t *testing.T) {
	i := newIdentity(t)
	for size, good := range map[int64]bool{-1: true, 5: true, 4: false, 6: false} {
		r, err := Encrypt(strings.NewReader("12345"), size, []age.Recipient{i.Recipient()})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, r); (err == nil) != good {
			t.Errorf("5 bytes announced as %d: %v", size, err)
		}
	}
}

// TestDecrypt: whole, or an error that says what is wrong; as a stream and as a
// file, of which nothing is left then but the part.
func TestDecrypt(t *testing.T) {
	me, other := newIdentity(t), newIdentity(t)
	text := strings.Repeat("secret ", 20_000) // several chunks
	good := encrypted(t, text, me)
	flipped := bytes.Clone(good)
	flipped[len(flipped)-9] ^= 1
	for name, c := range map[string]struct {
		stored []byte
		with   age.Identity
		code   strata.Code
	}{
		"whole":         {good, me, ""},
		"another's":     {good, other, strata.Unauthenticated},
		"damaged":       {flipped, me, strata.Corrupt},
		"cut":           {good[:len(good)-20_000], me, strata.Corrupt},
		"another thing": {[]byte("hello"), me, strata.Corrupt},
	} {
		var out bytes.Buffer
		err := DecryptStream(t.Context(), &out, []age.Identity{c.with}, func(_ context.Context, w io.Writer) error {
			_, err := w.Write(c.stored)
			return err
		})
		if wrong := c.code != "" && strata.CodeOf(err) != c.code || c.code == "" && (err != nil || out.String() != text); wrong {
			t.Errorf("%s, as a stream: %v", name, err)
		}
		dir := t.TempDir()
		part, path := filepath.Join(dir, "f.part"), filepath.Join(dir, "f")
		if err := os.WriteFile(part, c.stored, 0o600); err != nil {
			t.Fatal(err)
		}
		err = DecryptFile(part, path, []age.Identity{c.with})
		left, rerr := os.ReadDir(dir)
		if rerr != nil || len(left) != 1 {
			t.Errorf("%s: %d files are left, %v", name, len(left), rerr)
		}
		if got, _ := os.ReadFile(path); c.code == "" && (err != nil || string(got) != text) {
			t.Errorf("%s, as a file: %v", name, err)
		}
		if c.code != "" && (strata.CodeOf(err) != c.code || left[0].Name() != "f.part") {
			t.Errorf("%s, as a file: %v, %s is left", name, err, left[0].Name())
		}
	}
}

// TestStreamBreaksOff: what the fetch says is what is told.
func TestStreamBreaksOff(t *testing.T) {
	i := newIdentity(t)
	stored := encrypted(t, "text", i)
	gone := strata.E(strata.Unavailable, "the miners are gone")
	err := DecryptStream(t.Context(), io.Discard, []age.Identity{i}, func(_ context.Context, w io.Writer) error {
		_, _ = w.Write(stored[:len(stored)-1])
		return gone
	})
	if !errors.Is(err, gone) || strata.CodeOf(err) != strata.Unavailable {
		t.Errorf("%v", err)
	}
}
