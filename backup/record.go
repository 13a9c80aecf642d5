package backup

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"io"

	"golang.org/x/crypto/chacha20poly1305"

	"strata"
	"strata/catalog"
	"strata/wire"
)

const (
	maxIndex   = 64 << 20 // bytes of an index, unpacked
	shardBytes = 1 + 32 + 32
	maxRecords = 1 << 16 // segments of one blob
)

// record is a segment's record, small enough for a superblock.
type record struct {
	Origin  []byte `json:"o"`
	Number  uint64 `json:"n"`
	Codec   string `json:"c"`
	K       int    `json:"k"`
	Success int    `json:"u"`
	Total   int    `json:"t"`
	Size    int64  `json:"s"`
	Length  int64  `json:"l"` // of each shard
	Wrapped []byte `json:"w"`
	KeyID   string `json:"i"`
	// Shards is index u8 ‖ miner 32 ‖ root 32 for each.
	Shards []byte `json:"h"`
}

func recordOf(s catalog.Segment) record {
	r := record{Origin: s.Origin[:], Number: s.Number, Codec: s.Codec, K: s.K, Success: s.Success, Total: s.Total,
		Size: s.Size, Wrapped: s.Wrapped, KeyID: s.KeyID}
	for _, h := range s.Shards {
		if h.State == catalog.Lost || h.Index > 255 {
			continue
		}
		r.Length = h.Length
		r.Shards = append(r.Shards, byte(h.Index))
		r.Shards = append(append(r.Shards, h.Miner[:]...), h.Root[:]...)
	}
	return r
}

// segment is the way back. The error has code Corrupt.
func (r record) segment() (catalog.Segment, error) {
	s := catalog.Segment{Number: r.Number, Codec: r.Codec, K: r.K, Success: r.Success, Total: r.Total, Size: r.Size, Wrapped: r.Wrapped, KeyID: r.KeyID}
	if len(r.Origin) != len(s.Origin) || len(r.Shards)%shardBytes != 0 || r.Total < 1 || r.Total > 255 || r.K < 1 || r.K > r.Total {
		return s, errDamaged("the record of a segment")
	}
	copy(s.Origin[:], r.Origin)
	for b := r.Shards; len(b) > 0; b = b[shardBytes:] {
		h := catalog.Shard{Index: int(b[0]), Length: r.Length, State: catalog.Stored}
		copy(h.Miner[:], b[1:33])
		copy(h.Root[:], b[33:65])
		s.Shards = append(s.Shards, h)
	}
	return s, nil
}

func errDamaged(what string) error {
	return strata.E(strata.Corrupt, "the backup is damaged: %s is not as it was written", what)
}

// blob is one object of the backup.
type blob struct {
	ID      []byte   `json:"id"`
	Size    int64    `json:"size"`
	Records []record `json:"records,omitempty"`
}

func (b blob) id() (id strata.ObjectID) {
	copy(id[:], b.ID)
	return id
}

func (b blob) segments() (out []catalog.Segment, err error) {
	if len(b.Records) > maxRecords {
		return nil, errDamaged("the list of its segments")
	}
	for _, r := range b.Records {
		s, err := r.segment()
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// index is what a superblock leads to: all parts of a backup, in order.
type index struct {
	Version    uint64 `json:"version"`
	Created    int64  `json:"created"` // unix seconds
	Snapshot   blob   `json:"snapshot"`
	Increments []blob `json:"increments,omitempty"`
	Tail       []byte `json:"tail,omitempty"` // the newest changes, gzipped
	// Ledger is a validator's, as it was at a time, in unix seconds.
	Ledger   blob  `json:"ledger,omitzero"`
	LedgerAt int64 `json:"ledger_at,omitempty"`
}

// saved is what the catalog keeps of its backup (catalog.BackupState.Data): the
// index without records, which the catalog itself has, and the index's object.
type saved struct {
	index
	Index blob `json:"index"`
}

func loadSaved(data []byte) (s saved, err error) {
	if len(data) == 0 {
		return s, nil
	}
	if err := json.Unmarshal(data, &s); err != nil {
		return s, errDamaged("the state in the catalog")
	}
	return s, nil
}

func (s saved) encode() ([]byte, error) { return json.Marshal(s) }

// ids returns the objects that the backup is made of.
func (s saved) ids() map[strata.ObjectID]bool {
	out := map[strata.ObjectID]bool{s.Index.id(): true, s.Snapshot.id(): true, s.Ledger.id(): true}
	for _, b := range s.Increments {
		out[b.id()] = true
	}
	delete(out, strata.ObjectID{})
	return out
}

// pack gzips.
func pack(b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = w.Write(b) // a buffer takes everything
	_ = w.Close()
	return out.Bytes()
}

func decodeIndex(b []byte) (index, error) {
	var x index
	r, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return x, errDamaged("the index")
	}
	plain, err := io.ReadAll(io.LimitReader(r, maxIndex+1))
	if err != nil || len(plain) > maxIndex || json.Unmarshal(plain, &x) != nil {
		return x, errDamaged("the index")
	}
	return x, nil
}

// superblockKey is the key of payloads, of the hotkey's own.
func superblockKey(s Secret) ([]byte, error) {
	return s.Derive("strata superblock v1", chacha20poly1305.KeySize)
}

// sealPayload seals the index's record for a superblock of a version:
// nonce 24 ‖ XChaCha20-Poly1305(JSON, associated data = version u64 LE).
func sealPayload(s Secret, version uint64, index blob) ([]byte, error) {
	key, err := superblockKey(s)
	if err != nil {
		return nil, err
	}
	aead, err := chacha20poly1305.NewX(key)
	if err != nil {
		return nil, err
	}
	plain, err := json.Marshal(index)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, chacha20poly1305.NonceSizeX)
	_, _ = rand.Read(nonce) // never fails: crypto/rand
	out := aead.Seal(nonce, nonce, plain, binary.LittleEndian.AppendUint64(nil, version))
	if len(out) > wire.MaxSuperblock {
		return nil, strata.E(strata.TooLarge, "the index of the backup takes %d bytes in a superblock, %d are allowed", len(out), wire.MaxSuperblock)
	}
	return out, nil
}

// openPayload is the way back. The error has code Corrupt.
func openPayload(s Secret, b wire.Superblock) (x blob, err error) {
	key, err := superblockKey(s)
	if err != nil {
		return x, err
	}
	aead, err := chacha20poly1305.NewX(key)
	if err != nil {
		return x, err
	}
	if len(b.Payload) < chacha20poly1305.NonceSizeX {
		return x, errDamaged("the superblock")
	}
	nonce, sealed := b.Payload[:chacha20poly1305.NonceSizeX], b.Payload[chacha20poly1305.NonceSizeX:]
	plain, err := aead.Open(nil, nonce, sealed, binary.LittleEndian.AppendUint64(nil, b.Version))
	if err != nil || json.Unmarshal(plain, &x) != nil {
		return x, errDamaged("the superblock")
	}
	return x, nil
}
