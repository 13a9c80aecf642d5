package ledger

import (
	"golang.org/x/crypto/blake2b"

	"strata/chain/devchain/state"
	"strata/chain/scale"
)

// header is a block's header. There is no digest: nobody seals a local block.
type header struct {
	Parent     state.Hash
	Number     uint64
	State      state.Hash
	Extrinsics state.Hash
}

func (h header) encode() []byte {
	var e scale.Encoder
	e.Raw(h.Parent[:])
	e.Compact(h.Number)
	e.Raw(h.State[:])
	e.Raw(h.Extrinsics[:])
	e.Compact(0) // digest items
	return e.Bytes()
}

func decodeHeader(raw []byte) (h header, err error) {
	d := scale.NewDecoder(raw)
	copy(h.Parent[:], d.Raw(32))
	h.Number = d.Compact()
	copy(h.State[:], d.Raw(32))
	copy(h.Extrinsics[:], d.Raw(32))
	d.Compact()
	return h, d.Done()
}

// Block is a block of the chain. It is not modified after it was made, undo
// excepted, which is guarded by the ledger's owner.
type Block struct {
	Header header
	Hash   state.Hash
	Body   [][]byte      // extrinsics, each with its length in front
	undo   state.Changes // takes the state back to the parent's; nil once too old
}

// bodyRoot is BLAKE2b-256 over the encoded body. Real chains have a trie here.
func bodyRoot(body [][]byte) state.Hash { return blake2b.Sum256(encodeBody(body)) }

func encodeBody(body [][]byte) []byte {
	var e scale.Encoder
	scale.PutVec(&e, body, (*scale.Encoder).Blob)
	return e.Bytes()
}

func decodeBody(raw []byte) ([][]byte, error) {
	d := scale.NewDecoder(raw)
	body := scale.Vec(d, (*scale.Decoder).Blob)
	return body, d.Done()
}

func encodeChanges(c state.Changes) []byte {
	var e scale.Encoder
	e.Compact(uint64(len(c)))
	for k, v := range c {
		e.Blob([]byte(k))
		e.Option(v != nil)
		if v != nil {
			e.Blob(v)
		}
	}
	return e.Bytes()
}

func decodeChanges(raw []byte) (state.Changes, error) {
	d := scale.NewDecoder(raw)
	c := state.Changes{}
	for range d.Count() {
		k := string(d.Blob())
		c[k] = nil
		if d.Option() {
			c[k] = d.Blob()
		}
	}
	return c, d.Done()
}
