package scale

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"

	schnorrkel "github.com/ChainSafe/go-schnorrkel"

	"strata/internal/recorded"
)

// recordings are the metadata files: those of V15 are wrapped in an Option.
var recordings = []struct {
	file    string
	version uint8
}{
	{"finney_metadata_v14.hex", 14},
	{"finney_metadata_v15_at_version.hex", 15},
	{"spec300_metadata_v14.hex", 14},
	{"spec300_metadata_v15.hex", 15},
}

// recordedMetadata decodes a recorded file and returns its bytes too.
func recordedMetadata(t testing.TB, file string, version uint8) (*Metadata, []byte) {
	t.Helper()
	raw := recorded.Hex(t, file)
	if version == 15 {
		var err error
		if raw, err = UnwrapMetadata(raw); err != nil {
			t.Fatal(err)
		}
	}
	m, err := DecodeMetadata(raw)
	if err != nil {
		t.Fatal(err)
	}
	return m, raw
}

func TestMetadataRoundTrip(t *testing.T) {
	for _, r := range recordings {
		t.Run(r.file, func(t *testing.T) {
			m, raw := recordedMetadata(t, r.file, r.version)
			if m.Version != r.version {
				t.Errorf("version %d, want %d", m.Version, r.version)
			}
			again, err := m.Encode()
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(again, raw) {
				t.Error("encoding again gives other bytes")
			}
		})
	}
}

// TestRecordedReplies: what runtime APIs of a real node returned decodes by
// that node's metadata and encodes to the same bytes.
func TestRecordedReplies(t *testing.T) {
	m, _ := recordedMetadata(t, "spec300_metadata_v15.hex", 15)
	var replies map[string]any
	if err := json.Unmarshal(recorded.File(t, "spec300_rpc_replies.json"), &replies); err != nil {
		t.Fatal(err)
	}
	decoded := 0
	for call, reply := range replies {
		text, isText := reply.(string)
		rest, isCall := strings.CutPrefix(call, `state_call ["`)
		if !isText || !isCall {
			continue // other methods, and a recorded failure
		}
		function, _, _ := strings.Cut(rest, `"`)
		api, method, _ := strings.Cut(function, "_")
		raw := unhex(t, strings.TrimPrefix(text, "0x"))
		def, err := m.API(api, method)
		if err != nil {
			t.Error(err)
			continue
		}
		v, err := m.Registry.Decode(def.Output, raw)
		if err != nil {
			t.Errorf("%s: %v", function, err)
			continue
		}
		again, err := m.Registry.Encode(def.Output, v)
		if err != nil || !bytes.Equal(again, raw) {
			t.Errorf("%s: encodes again to %x, %v", function, again, err)
		}
		decoded++
	}
	if decoded < 5 {
		t.Errorf("only %d replies were there to decode", decoded)
	}
}

const goldenExtrinsic = "39028400d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d01d6be92c2fdb49f3d9df549938ce21c849792a40d5e89bb066604d0c80b8ce1645a7db054b85dc13dec75d6bcce7fd710f5ae67f168152c68816da86efc98678e000000000503008eaf04151687736326c9fea17e25fc5287613693c912909cb226aa4794f26a4802286bee"

// TestGoldenExtrinsic: the payload built for a recorded extrinsic of a real
// node (spec 438) is what its signature signs, and it encodes to the same bytes.
func TestGoldenExtrinsic(t *testing.T) {
	for _, r := range recordings[:2] {
		t.Run(r.file, func(t *testing.T) {
			m, _ := recordedMetadata(t, r.file, r.version)
			raw, _ := hex.DecodeString(goldenExtrinsic)
			x, err := m.DecodeExtrinsic(raw)
			if err != nil {
				t.Fatal(err)
			}
			p := TxParams{Era: x.Era, Nonce: x.Nonce, Tip: x.Tip, SpecVersion: 438, TxVersion: 1}
			genesis, _ := hex.DecodeString("d642ae29c636817637b3b869e776516dda61f0dab7550f6992ce3aac24d62728")
			copy(p.Genesis[:], genesis)
			p.EraBlock = p.Genesis
			payload, err := m.SigningPayload(x.Call, p)
			if err != nil {
				t.Fatal(err)
			}
			var sig [64]byte
			copy(sig[:], x.Signature.Value.([]byte))
			if x.Signature.Name != "Sr25519" || !verify(t, x.Signer, sig, payload) {
				t.Error("the signature does not verify")
			}
			p.Nonce++
			if other, err := m.SigningPayload(x.Call, p); err != nil || verify(t, x.Signer, sig, other) {
				t.Error("the signature verifies for another nonce")
			}
			p.Nonce--
			again, err := m.EncodeSigned(x.Call, x.Signer, sig, p)
			if err != nil || !bytes.Equal(again, raw) {
				t.Errorf("encoding again gives %x, %v", again, err)
			}
			pallet, name, args, err := m.DecodeCall(x.Call)
			if err != nil || pallet != "Balances" || name != "transfer_keep_alive" {
				t.Fatalf("call %s.%s, %v", pallet, name, err)
			}
			if v := Look(args["value"], "value").U64(); v != 1_000_000_000 {
				t.Errorf("value %d", v)
			}
		})
	}
}

func verify(t *testing.T, key [32]byte, sig [64]byte, msg []byte) bool {
	t.Helper()
	pub, err := schnorrkel.NewPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	s := &schnorrkel.Signature{}
	if err := s.Decode(sig); err != nil {
		t.Fatal(err)
	}
	ok, err := pub.Verify(s, schnorrkel.NewSigningContext([]byte("substrate"), msg))
	return err == nil && ok
}
