package pool

import (
	"errors"
	"slices"
	"testing"

	"strata/chain/devchain/pallets"
	"strata/chain/devchain/state"
)

// block takes extrinsics whose nonces follow each other, but for those that it
// is to refuse.
type block struct {
	number  uint64
	nonces  map[state.Account]uint64
	refuses state.Hash
	order   []uint64 // nonces as they came in
}

func (b *block) Number() uint64                 { return b.number }
func (b *block) Nonce(who state.Account) uint64 { return b.nonces[who] }
func (b *block) next(who state.Account) uint64  { return b.nonces[who] }

// told returns what watchers of a transaction have been told.
func told(t *Tx) (out []any) {
	t.Watch(func(s any) { out = append(out, s) })()
	return out
}

func newBlock(number uint64) *block {
	return &block{number: number, nonces: map[state.Account]uint64{}}
}

func waits(who, nonce byte, dies uint64) *Tx { return NewTx(extrinsic(who, nonce, dies), false) }

func refusedWith(err error, code int) bool {
	var r *pallets.Refusal
	return errors.As(err, &r) && r.Code == code
}

func extrinsic(who, nonce byte, dies uint64) *pallets.Extrinsic {
	return &pallets.Extrinsic{Raw: []byte{who, nonce}, Hash: state.Hash{who, nonce}, Signer: state.Account{who}, Nonce: uint64(nonce), Dies: dies}
}

func (b *block) Include(t *pallets.Extrinsic, index int) error {
	if t.Hash == b.refuses || t.Nonce != b.nonces[t.Signer] || index != len(b.order)+1 {
		return errors.New("refused")
	}
	b.nonces[t.Signer]++
	b.order = append(b.order, t.Nonce)
	return nil
}

func TestLimitOfOneSigner(t *testing.T) {
	p := New()
	first := func(state.Account) uint64 { return 3 }
	for i := range maxWaiting + 1 {
		x := &pallets.Extrinsic{Hash: state.Hash{byte(i), byte(i >> 8)}, Signer: state.Account{7}, Nonce: 3 + uint64(i)}
		err := p.Add(first, NewTx(x, false))
		if want := i == maxWaiting; refusedWith(err, 1016) != want || (err != nil) != want {
			t.Fatalf("transaction %d: %v", i, err)
		}
	}
	if p.NextNonce(first, state.Account{7}) != 3+maxWaiting {
		t.Error("the next nonce does not count what waits")
	}
	if err := p.Add(first, NewTx(&pallets.Extrinsic{Signer: state.Account{8}, Nonce: 3 + maxFutureNonce + 1}, false)); !refusedWith(err, 1016) {
		t.Errorf("a nonce far ahead: %v", err)
	}
}

// TestFill: what follows its nonces goes in, whatever the order of arrival; what
// is refused is told so and banned for a while; what waits behind a gap waits,
// until its era ends.
func TestFill(t *testing.T) {
	p, b := New(), newBlock(10)
	second, first := waits(1, 1, 99), waits(1, 0, 99)
	gap, over, bad := waits(2, 5, 99), waits(3, 5, 10), waits(4, 0, 99)
	b.refuses = bad.Hash
	for _, x := range []*Tx{second, gap, over, bad, first} {
		if err := p.Add(b.next, x); err != nil {
			t.Fatal(err)
		}
	}
	if got := told(second); !slices.Equal(got, []any{"future", "ready"}) {
		t.Errorf("the second was told %v", got)
	}
	twin := waits(1, 1, 50)
	twin.Hash[9] = 1
	if err := p.Add(b.next, twin); !refusedWith(err, 1014) {
		t.Errorf("a nonce that waits: %v", err)
	}
	if err := p.Known(first.Hash, 10); !refusedWith(err, 1013) {
		t.Errorf("the same again: %v", err)
	}
	in, out := p.Fill(b)
	if !slices.Equal(in, []*Tx{first, second}) || len(out) != 2 || !slices.Contains(out, over) || !slices.Contains(out, bad) {
		t.Fatalf("%d in, %d out", len(in), len(out))
	}
	if len(p.Waiting()) != 5 {
		t.Error("what a block has that is not on disk is gone from the pool")
	}
	p.Settle(b.next, in, out, 10)
	if got := p.Waiting(); len(got) != 1 || string(got[0]) != string(gap.Raw) {
		t.Errorf("%x waits", got)
	}
	if err := p.Known(bad.Hash, 10+banBlocks-1); !refusedWith(err, 1012) {
		t.Errorf("what was refused: %v", err)
	}
	p.Settle(b.next, nil, nil, 10+banBlocks)
	if err := p.Known(bad.Hash, 10+banBlocks); err != nil {
		t.Errorf("after the ban: %v", err)
	}
	p.Clear()
	if got := told(gap); len(p.Waiting()) != 0 || got[len(got)-1] != "invalid" {
		t.Errorf("cleared, it was told %v", got)
	}
}

// TestHidden: what came encrypted is shown to nobody, and goes in like the rest.
func TestHidden(t *testing.T) {
	p, b := New(), newBlock(1)
	if err := p.Add(b.next, NewTx(extrinsic(1, 0, 9), true)); err != nil {
		t.Fatal(err)
	}
	if got := p.Waiting(); len(got) != 0 {
		t.Errorf("%x is shown", got)
	}
	if in, _ := p.Fill(b); len(in) != 1 {
		t.Error("it did not go in")
	}
}
