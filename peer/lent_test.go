package peer

import (
	"bytes"
	"io"
	"testing"
)

// TestLentBody: a body that was given back is read no more, by requests begun
// before either, so that its owner may write over it.
func TestLentBody(t *testing.T) {
	data := bytes.Repeat([]byte("0123456789"), 60_000)
	l := newLent(data)
	var got bytes.Buffer
	if n, err := io.Copy(&got, l.reader()); err != nil || n != int64(len(data)) || !bytes.Equal(got.Bytes(), data) {
		t.Fatalf("%d bytes, %v", n, err)
	}
	if b, err := io.ReadAll(struct{ io.Reader }{l.reader()}); err != nil || !bytes.Equal(b, data) {
		t.Fatalf("%d bytes, %v", len(b), err)
	}
	r := l.reader()
	if n, err := r.Read(make([]byte, 100)); n != 100 || err != nil {
		t.Fatal(n, err)
	}
	l.end()
	if n, err := r.Read(make([]byte, 100)); n != 0 || err == nil || err == io.EOF {
		t.Errorf("%d bytes and %v after the body was given back", n, err)
	}
	if n, err := io.Copy(io.Discard, l.reader()); n != 0 || err == nil {
		t.Errorf("%d bytes and %v after the body was given back", n, err)
	}
}
