package cheaters

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"time"

	"strata"
	"strata/catalog"
	"strata/envelope"
	"strata/erasure"
	"strata/merkle"
	"strata/object"
	"strata/object/send"
	"strata/placement"
	"strata/wire"
)

// users store segments of one row each through the validators' gateways: cut by
// the real codec, each shard sealed under its own key, placed by the rule.
type users struct {
	w    *world
	bare bool // shards are not encrypted, which shows what encryption is for
	// generated makes every second segment, or where they are bare all, of bytes that
	// the cheater, as a customer, can compute again; known are the chunks of all of these.
	generated bool
	known     [][]byte
	made      uint64
}

// segments are stored in a game, however long it is, unless the rules say how often.
const segments = 27

// every is the time between two segments.
func (u *users) every() time.Duration {
	if u.w.rules.Segment > 0 {
		return u.w.rules.Segment
	}
	return u.w.rules.length(u.w.epochs) / segments
}

// length is how long so many epochs take.
func (r Rules) length(epochs int) time.Duration {
	return r.Block * time.Duration(epochs*(int(r.Tempo)+1))
}

// room makes the disks of a game large enough for what users store in it: every
// sector holds four shards, and each miner gets one of a segment at most.
func (r Rules) room(s setup) setup {
	if s.users && r.Segment > 0 {
		s.sectors = max(s.sectors, int(r.length(s.epochs)/r.Segment)/3)
	}
	return s
}

// store stores a segment through the next validator's gateway.
func (u *users) store(ctx context.Context) (time.Duration, error) {
	s := u.w.validators[u.made%uint64(len(u.w.validators))]
	u.made++
	all, err := s.v.Candidates(ctx)
	if err != nil {
		return 0, err
	}
	var usable []placement.Candidate
	ends := map[strata.Hotkey]wire.Endpoint{}
	for _, c := range all {
		if c.Free >= strata.ByteSize(merkle.GroupSize) {
			usable, ends[c.Hotkey] = append(usable, c.Candidate), c.Endpoint
		}
	}
	k, _, _, total := placement.Scale(len(usable))
	if total == 0 {
		return u.every(), nil // nobody has proven anything yet
	}
	var seed [32]byte
	u.fill(seed[:])
	choice, err := placement.Choose(placement.Request{Seed: seed, Total: total, Shard: merkle.GroupSize, Candidates: usable})
	if err != nil {
		return 0, err
	}
	shards, err := u.segment(k, total)
	if err != nil {
		return 0, err
	}
	for i, m := range choice.Miners {
		root := merkle.Build(shards[i]).Root()
		if err := u.send(ctx, s, ends[m.Hotkey], root, shards[i]); err != nil {
			continue // another miner would be asked; here the segment is one shard short
		}
		var id strata.ObjectID
		u.fill(id[:])
		s.ledger.place(m.Hotkey, catalog.Placed{Origin: id, Index: i, Root: root})
	}
	return u.every(), nil
}

// send stores a shard at a miner, which has its time for it.
func (u *users) send(ctx context.Context, s *seat, to wire.Endpoint, root strata.Root, shard []byte) error {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	t := s.v.Judge(&gatewayLine{line: line{u.w, s.hotkey}, s: s, end: end})
	_, err := t.PutShard(ctx, to, root, shard)
	return err
}

// errHung is how a miner here takes for ever.
var errHung = errors.New("no answer")

// segment makes the shards of a segment of fresh bytes.
func (u *users) segment(k, total int) ([][]byte, error) {
	chunk := envelope.ChunkPlain
	codec, err := erasure.New(erasure.RS8, k, total)
	if err != nil {
		return nil, err
	}
	row := make([][]byte, total)
	for i := range row {
		row[i] = make([]byte, chunk)
		if i < k {
			u.fill(row[i])
		}
	}
	if err := codec.EncodeRow(row); err != nil {
		return nil, err
	}
	if u.generated && (u.made%2 == 0 || u.bare) {
		u.known = append(u.known, row...)
	}
	if u.bare {
		return row, nil
	}
	var key envelope.Key
	u.fill(key[:])
	out := make([][]byte, total)
	for i := range row {
		shard, err := envelope.ShardKey(key, 0, uint32(i))
		if err != nil {
			return nil, err
		}
		sealer, err := envelope.NewSealer(shard)
		if err != nil {
			return nil, err
		}
		if out[i], err = sealer.SealChunk(nil, row[i], 0, true); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// fill draws bytes.
func (u *users) fill(b []byte) {
	for ; len(b) >= 8; b = b[8:] {
		binary.LittleEndian.PutUint64(b, u.w.rng.Uint64())
	}
	for i := range b {
		b[i] = byte(u.w.rng.Uint32())
	}
}

// gatewayLine is a gateway's transport: it only stores here.
type gatewayLine struct {
	line
	s   *seat
	end context.CancelCauseFunc // of the send
}

// PutShard orders a miner to store a shard, and checks its receipt.
func (g *gatewayLine) PutShard(ctx context.Context, to wire.Endpoint, root strata.Root, body []byte) (wire.Receipt, error) {
	m, err := g.reach(ctx, to, wire.ActionPut, g.caller)
	if err != nil {
		return wire.Receipt{}, err
	}
	o, err := order(g.w, g.s, to.Hotkey, root, body)
	if err != nil {
		return wire.Receipt{}, err
	}
	r, err := m.PutShard(ctx, g.caller, root, int64(len(body)), bytes.NewReader(body), o)
	if errors.Is(err, errHung) {
		g.end(send.ErrSlow)
		return wire.Receipt{}, ctx.Err()
	}
	if err != nil {
		return wire.Receipt{}, err
	}
	if r.Root != root || r.Length != uint64(len(body)) || r.Validator != g.caller {
		return wire.Receipt{}, strata.E(strata.Corrupt, "the receipt is for another shard")
	}
	return r, r.Verify(g.w.domain, to.Hotkey)
}

// GetShard is not used.
func (g *gatewayLine) GetShard(context.Context, wire.Endpoint, strata.Root, uint64, uint64, uint64) (io.ReadCloser, error) {
	return nil, strata.E(strata.NotFound, "games read nothing back")
}

// DeleteShard is not used.
func (g *gatewayLine) DeleteShard(context.Context, wire.Endpoint, strata.Root) error { return nil }

// RestoreShard is not used.
func (g *gatewayLine) RestoreShard(context.Context, wire.Endpoint, strata.Root) error { return nil }

var _ object.Transport = (*gatewayLine)(nil)

// order signs a validator's order to a miner to store a body.
func order(w *world, s *seat, miner strata.Hotkey, root strata.Root, body []byte) (wire.Order, error) {
	nonce := uint64(w.now.UnixNano())
	a, err := wire.SignRequest(http.Header{}, s.key, http.MethodPut, wire.ShardURI(w.domain, root, uint64(len(body))), root, nonce, s.hotkey, miner)
	return wire.Order{Root: root, Length: uint64(len(body)), Nonce: nonce, Signature: a.Signature}, err
}
