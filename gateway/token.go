package gateway

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"strata"
	"strata/internal/durable"
)

// tokenBytes is the entropy of a token.
const tokenBytes = 32

// Token is the secret that lets a user in: 32 random bytes in unpadded
// base64url (RFC 4648 §5). Printing one shows nothing; Reveal gives the text.
type Token struct{ text string }

// NewToken makes a random token.
func NewToken() Token {
	b := make([]byte, tokenBytes)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the process instead
	return Token{base64.RawURLEncoding.EncodeToString(b)}
}

// ParseToken reads the text form, surrounding space aside (code Invalid).
func ParseToken(s string) (Token, error) {
	s = strings.TrimSpace(s)
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(b) != tokenBytes {
		return Token{}, strata.E(strata.Invalid, "the token is not 43 characters of base64url: copy it whole from the gateway's token file")
	}
	return Token{s}, nil
}

// Reveal returns the text form, for a header or for the user to copy.
func (t Token) Reveal() string { return t.text }

// String hides the token.
func (t Token) String() string { return "(token)" }

// GoString hides the token.
func (t Token) GoString() string { return t.String() }

// IsZero says whether there is no token.
func (t Token) IsZero() bool { return t.text == "" }

// matches compares in constant time; hashing first hides the length too.
func (t Token) matches(s string) bool {
	a, b := sha256.Sum256([]byte(t.text)), sha256.Sum256([]byte(s))
	return !t.IsZero() && subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// LoadToken reads the token in the file at path, or makes one there with mode
// 0600 when there is no file. A crash leaves either no file, so the next start
// makes another token that nobody has seen yet, or a whole one. A file others
// can read has code Forbidden, one that holds no token Corrupt. The caller sees
// to it that no second gateway starts on the same directory at this moment.
func LoadToken(path string) (Token, error) {
	t, err := readToken(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return t, err
	}
	if err := durable.MkdirAll(filepath.Dir(path)); err != nil {
		return Token{}, err
	}
	t = NewToken()
	if err := durable.WriteFile(path, []byte(t.text+"\n"), 0o600); err != nil {
		return Token{}, err
	}
	return t, nil
}

func readToken(path string) (Token, error) {
	f, err := os.Open(path)
	if err != nil {
		return Token{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return Token{}, err
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return Token{}, strata.E(strata.Forbidden, "others may read the token file %s: run chmod 600 on it", path)
	}
	b, err := io.ReadAll(io.LimitReader(f, 1024))
	if err != nil {
		return Token{}, err
	}
	t, err := ParseToken(string(b))
	if err != nil {
		return Token{}, strata.E(strata.Corrupt, "the token file %s holds no token: delete it and start again for a new one", path)
	}
	return t, nil
}
