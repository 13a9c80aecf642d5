package devchain

import (
	"encoding/hex"
	"fmt"

	"golang.org/x/crypto/blake2b"

	"strata/chain/scale"
)

// hash is a BLAKE2b-256 hash: of a header, an extrinsic or a state.
type hash = [32]byte

// header is a block's header. There is no digest: nobody seals a local block.
type header struct {
	parent     hash
	number     uint64
	state      hash
	extrinsics hash
}

func (h header) encode() []byte {
	var e scale.Encoder
	e.Raw(h.parent[:])
	e.Compact(h.number)
	e.Raw(h.state[:])
	e.Raw(h.extrinsics[:])
	e.Compact(0) // digest items
	return e.Bytes()
}

func decodeHeader(raw []byte) (h header, err error) {
	d := scale.NewDecoder(raw)
	copy(h.parent[:], d.Raw(32))
	h.number = d.Compact()
	copy(h.state[:], d.Raw(32))
	copy(h.extrinsics[:], d.Raw(32))
	d.Compact()
	return h, d.Done()
}

// headerJSON is a header as the RPC shows it.
type headerJSON struct {
	ParentHash     string `json:"parentHash"`
	Number         string `json:"number"`
	StateRoot      string `json:"stateRoot"`
	ExtrinsicsRoot string `json:"extrinsicsRoot"`
	Digest         struct {
		Logs []string `json:"logs"`
	} `json:"digest"`
}

func (h header) json() headerJSON {
	out := headerJSON{ParentHash: hexOf(h.parent[:]), Number: fmt.Sprintf("0x%x", h.number), StateRoot: hexOf(h.state[:]), ExtrinsicsRoot: hexOf(h.extrinsics[:])}
	out.Digest.Logs = []string{}
	return out
}

func hexOf(b []byte) string { return "0x" + hex.EncodeToString(b) }

// block is a block of the chain. It is not modified after it was made, undo
// excepted, which is guarded by the ledger's owner.
type block struct {
	header header
	hash   hash
	body   [][]byte // extrinsics, each with its length in front
	undo   changes  // takes the state back to the parent's; nil once too old
}

// bodyRoot is BLAKE2b-256 over the encoded body. Real chains have a trie here.
func bodyRoot(body [][]byte) hash { return blake2b.Sum256(encodeBody(body)) }

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

func encodeChanges(c changes) []byte {
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

func decodeChanges(raw []byte) (changes, error) {
	d := scale.NewDecoder(raw)
	c := changes{}
	for range d.Count() {
		k := string(d.Blob())
		c[k] = nil
		if d.Option() {
			c[k] = d.Blob()
		}
	}
	return c, d.Done()
}
