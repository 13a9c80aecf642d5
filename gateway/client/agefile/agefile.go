package agefile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"filippo.io/age"

	"strata"
)

// Encrypt returns the encrypted form of a body of size bytes, −1 if unknown. A
// body of another size fails, so that no half file is stored as a whole one.
func Encrypt(body io.Reader, size int64, to []age.Recipient) (io.Reader, error) {
	r, err := age.EncryptReader(&exact{r: body, left: size, known: size >= 0}, to...)
	if err != nil {
		return nil, strata.E(strata.Invalid, "these recipients cannot be used together: %w", err)
	}
	return r, nil
}

// exact fails where a body of known size ends early or goes on.
type exact struct {
	r     io.Reader
	left  int64
	known bool
}

// Read implements io.Reader.
func (e *exact) Read(p []byte) (int, error) {
	n, err := e.r.Read(p)
	if !e.known {
		return n, err
	}
	e.left -= int64(n)
	if e.left < 0 || e.left > 0 && errors.Is(err, io.EOF) {
		return 0, strata.E(strata.Invalid, "the file changed while it was sent: it no longer has the size that it had; nothing was stored")
	}
	return n, err
}

// decrypt writes the plaintext of an age file. Each chunk is checked before it is
// written; one that is missing at the end is an error.
func decrypt(w io.Writer, r io.Reader, with []age.Identity) error {
	plain, err := age.Decrypt(r, with...)
	var none *age.NoIdentityMatchError
	switch {
	case errors.As(err, &none):
		return strata.E(strata.Unauthenticated, "this key or passphrase does not open the file: it is encrypted to another")
	case err != nil:
		return keepCode(err, "the file is not an age file, or its head is damaged")
	}
	if _, err := io.Copy(w, plain); err != nil {
		return keepCode(err, "the encrypted file is damaged")
	}
	return nil
}

// keepCode describes an error that has no code of its own yet.
func keepCode(err error, what string) error {
	var own *strata.Error
	if errors.As(err, &own) {
		return err
	}
	return strata.E(strata.Corrupt, "%s: %w", what, err)
}

// DecryptStream decrypts what fetch writes, as it comes.
func DecryptStream(ctx context.Context, w io.Writer, with []age.Identity, fetch func(context.Context, io.Writer) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	pr, pw := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := fetch(ctx, pw)
		pw.CloseWithError(err) // nil is the end
		done <- err
	}()
	err := decrypt(w, pr, with)
	pr.CloseWithError(err)
	cancel()
	if ferr := <-done; err == nil {
		err = ferr
	}
	return err
}

// DecryptFile turns a downloaded part into the file at path. A crash leaves the
// part, and beside it at most a file that the next call writes over.
func DecryptFile(part, path string, with []age.Identity) error {
	in, err := os.Open(part)
	if err != nil {
		return fmt.Errorf("read the part: %w", err)
	}
	defer in.Close()
	tmp := part + ".plain"
	out, err := os.OpenFile(tmp, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return strata.E(strata.Invalid, "write the file: %w", err)
	}
	err = decrypt(out, in, with)
	if err == nil {
		err = out.Sync()
	}
	if err = errors.Join(err, out.Close()); err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		_ = os.Remove(tmp)
		return err
	}
	return os.Remove(part)
}
