package wire

import (
	"bytes"
	"net/http"
	"testing"
)

// fuzzCodec checks that what decodes is what encodes: one encoding for each
// value, no panic, no byte made up.
func fuzzCodec(f *testing.F, name string) {
	needSeeds(f)
	c := codecs[name]
	f.Add(c.sample)
	f.Fuzz(func(t *testing.T, b []byte) {
		out, err := c.again(b)
		if err == nil && !bytes.Equal(out, b) {
			t.Errorf("%x decodes but encodes to %x", b, out)
		}
	})
}

func FuzzOrder(f *testing.F)         { fuzzCodec(f, "order") }
func FuzzEntry(f *testing.F)         { fuzzCodec(f, "entry") }
func FuzzHead(f *testing.F)          { fuzzCodec(f, "head") }
func FuzzManifestPage(f *testing.F)  { fuzzCodec(f, "page") }
func FuzzAuditRequest(f *testing.F)  { fuzzCodec(f, "audit") }
func FuzzAuditResponse(f *testing.F) { fuzzCodec(f, "openings") }
func FuzzReceipt(f *testing.F)       { fuzzCodec(f, "receipt") }
func FuzzRetain(f *testing.F)        { fuzzCodec(f, "retain") }
func FuzzRetainResult(f *testing.F)  { fuzzCodec(f, "retained") }
func FuzzSuperblock(f *testing.F)    { fuzzCodec(f, "super") }
func FuzzCommitment(f *testing.F)    { fuzzCodec(f, "commit") }
func FuzzFraudProof(f *testing.F)    { fuzzCodec(f, "fraud") }
func FuzzDelegation(f *testing.F)    { fuzzCodec(f, "delegate") }
func FuzzBinding(f *testing.F)       { fuzzCodec(f, "binding") }

func FuzzStatus(f *testing.F) {
	needSeeds(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := DecodeStatus(b)
		if err != nil {
			return
		}
		if got, err := DecodeStatus(s.Encode()); err != nil || !bytes.Equal(got.Encode(), s.Encode()) {
			t.Errorf("%+v encodes to %+v, %v", s, got, err)
		}
	})
}

func FuzzError(f *testing.F) {
	needSeeds(f)
	f.Fuzz(func(t *testing.T, status int, b []byte) {
		err := DecodeError(status, b)
		if err == nil {
			t.Fatal("no error")
		}
		if doc := EncodeError(err); len(doc) > MaxError {
			t.Errorf("error document of %d bytes", len(doc))
		}
	})
}

func FuzzAuth(f *testing.F) {
	needSeeds(f)
	f.Fuzz(func(t *testing.T, version, hotkey, receiver, nonce, scheme, sig string) {
		h := http.Header{}
		for k, v := range map[string]string{
			HeaderVersion: version, HeaderHotkey: hotkey, HeaderReceiver: receiver,
			HeaderNonce: nonce, HeaderCrypto: scheme, HeaderSignature: sig,
		} {
			h.Set(k, v)
		}
		a, err := ParseAuth(h)
		if err != nil {
			return
		}
		if a.Sender.String() != hotkey || a.Receiver.String() != receiver || FormatSignature(a.Signature) != sig {
			t.Errorf("%+v was read from other headers", a)
		}
	})
}
