package wire

import (
	"crypto/sha256"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ChainSafe/go-schnorrkel"

	"strata"
	"strata/merkle"
)

// testKey is an sr25519 key made from a number.
type testKey struct {
	secret *schnorrkel.SecretKey
	hotkey strata.Hotkey
}

func newKey(t testing.TB, n uint32) testKey {
	t.Helper()
	seed := sha256.Sum256(binary.LittleEndian.AppendUint32(nil, n))
	mini, err := schnorrkel.NewMiniSecretKeyFromRaw(seed)
	if err != nil {
		t.Fatal(err)
	}
	return testKey{secret: mini.ExpandEd25519(), hotkey: mini.Public().Encode()}
}

func (k testKey) Sign(msg []byte) ([64]byte, error) {
	s, err := k.secret.Sign(schnorrkel.NewSigningContext([]byte("substrate"), msg))
	if err != nil {
		return [64]byte{}, err
	}
	return s.Encode(), nil
}

var testDomain = Domain{Genesis: strata.GenesisHash(pattern(7)), Netuid: 11}

// pattern is a 32-byte value that differs in every byte and for every n.
func pattern(n byte) (p [32]byte) {
	for i := range p {
		p[i] = n + byte(i)*3
	}
	return p
}

func patternSig(n byte) (s Signature) {
	a, b := pattern(n), pattern(n+1)
	copy(s[:32], a[:])
	copy(s[32:], b[:])
	return s
}

func sampleOrder() Order {
	return Order{Root: pattern(1), Length: 5000, Nonce: 1752076800000000000, Signature: patternSig(3)}
}

func sampleEntries() []Entry {
	o := sampleOrder()
	return []Entry{
		{Number: 0, Root: pattern(20), State: Filler, Changed: 1},
		{Number: 3, Root: pattern(21), State: Data, Tail: 128, Changed: 9, Shards: []ShardEntry{
			{Root: o.Root, Offset: 0, Length: 5000, Order: &o},
			{Root: pattern(22), Offset: 5, Length: 1, Deleted: true},
			{Root: pattern(23), Offset: 64, Length: 65536},
		}},
		{Number: 4, Root: pattern(24), State: Withdrawn, Tail: 64, Changed: 7},
		{Number: 1 << 40, State: Gone, Changed: 8},
	}
}

func sampleHead() Head {
	return Head{
		Validator: pattern(30), Sequence: 9, Previous: pattern(31), EntriesRoot: pattern(32),
		Sectors: 2, Shards: 3, Signature: patternSig(33),
	}
}

func samplePage() ManifestPage {
	return ManifestPage{Head: sampleHead(), Entries: sampleEntries(), More: true}
}

func sampleAudit() AuditRequest {
	return AuditRequest{Partition: pattern(40), Leaves: []LeafRef{
		{Sector: 3, Leaf: 130}, {Sector: 3, Shard: pattern(22), Leaf: 0}, {Sector: 1 << 40, Leaf: 1<<22 - 1},
	}}
}

func sampleAuditResponse() AuditResponse {
	block := make([]byte, strata.BlockSize)
	for i := range block {
		block[i] = byte(i * 7)
	}
	return AuditResponse{Openings: []Opening{
		{Opening: merkle.Opening{Block: block, Path: []merkle.Hash{pattern(50), pattern(51)}}},
		{Missing: true},
		{Opening: merkle.Opening{Block: []byte{1}}},
	}}
}

func sampleReceipt() Receipt {
	return Receipt{
		Validator: pattern(60), Root: pattern(61), Length: 5000, Sector: 3, Offset: 64,
		Sequence: 9, UnixNano: 1752076800000000000, Signature: patternSig(62),
	}
}

func sampleRetain() Retain {
	return Retain{Sequence: 9, Roots: []strata.Root{pattern(1), pattern(2), pattern(200)}}
}

func sampleRetainResult() RetainResult {
	return RetainResult{Removed: 4, Kept: 3, Missing: []strata.Root{pattern(2)}}
}

func sampleSuperblock() Superblock {
	return Superblock{Version: 77, Payload: []byte("where the backup lies"), Signature: patternSig(70)}
}

func sampleCommitment() Commitment {
	return Commitment{}.WithSuperblock(sampleSuperblock()).WithAudit(12, pattern(90))
}

func sampleBinding() Binding {
	b := Binding{Hotkey: pattern(80), Expiry: 1800000000, Signature: patternSig(81)}
	copy(b.Role[:], RoleMiner)
	return b
}

// codecs names every binary message with its sample and a function that
// decodes and encodes again.
var codecs = map[string]struct {
	sample []byte
	again  func([]byte) ([]byte, error)
}{
	"order":    {sampleOrder().Encode(), again(DecodeOrder)},
	"entry":    {sampleEntries()[1].Encode(), again(DecodeEntry)},
	"head":     {sampleHead().Encode(), again(DecodeHead)},
	"page":     {samplePage().Encode(), again(DecodeManifestPage)},
	"audit":    {sampleAudit().Encode(), again(DecodeAuditRequest)},
	"openings": {sampleAuditResponse().Encode(), again(DecodeAuditResponse)},
	"receipt":  {sampleReceipt().Encode(), again(DecodeReceipt)},
	"retain":   {sampleRetain().Encode(), again(DecodeRetain)},
	"retained": {sampleRetainResult().Encode(), again(DecodeRetainResult)},
	"super":    {sampleSuperblock().Encode(), again(DecodeSuperblock)},
	"commit":   {sampleCommitment().Encode(), again(DecodeCommitment)},
	"fraud":    {sampleFraud().Encode(), again(DecodeFraudProof)},
	"binding":  {sampleBinding().Encode(), again(DecodeBinding)},
	"delegate": {Delegation{Validator: pattern(1), Delegate: pattern(2), Expiry: 1752076800, Signature: patternSig(3)}.Encode(), again(DecodeDelegation)},
}

func again[T interface{ Encode() []byte }](decode func([]byte) (T, error)) func([]byte) ([]byte, error) {
	return func(b []byte) ([]byte, error) {
		v, err := decode(b)
		if err != nil {
			return nil, err
		}
		return v.Encode(), nil
	}
}

// needSeeds fails where the committed seeds of a fuzz target are not there.
func needSeeds(f *testing.F) {
	f.Helper()
	files, err := os.ReadDir(filepath.Join("testdata", "fuzz", f.Name()))
	if err != nil || len(files) == 0 {
		f.Fatalf("no committed seeds for %s: %v", f.Name(), err)
	}
}

// clock is a clock that tests move.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

func newClock() *clock { return &clock{time.Unix(1752076800, 0)} }
