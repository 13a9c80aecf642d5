// Package audit measures what auditing a whole network costs one validator: its
// processor, its memory, its disk, and what it would notice.
//
// The miners are simulated, in a process of their own: each has its hotkey, its
// TLS server and its signed manifests, and answers audits with true openings.
// Their sectors all have the same contents (zeros), so that no petabytes are
// needed; a verifier cannot tell and does the same work.
package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"

	"strata"
	"strata/merkle"
	"strata/peer"
	"strata/wallet"
	"strata/wire"
)

// Fleet says how many miners are simulated and what each lists.
type Fleet struct {
	Miners     int    `json:"miners"`
	Partitions int    `json:"partitions"` // validators for whom each holds something
	Sectors    int    `json:"sectors"`    // of a miner, over all partitions
	Profile    string `json:"profile"`
}

// Up is what the process of the fleet prints once it serves.
type Up struct {
	Root   strata.Root      `json:"root"`   // of every sector
	Miners []netip.AddrPort `json:"miners"` // by number
}

// domain is a network that is nowhere.
var domain = wire.Domain{Genesis: strata.GenesisHash{'b', 'e', 'n', 'c', 'h'}, Netuid: 1}

func minerKey(i int) (*wallet.Key, error) { return wallet.FromURI(fmt.Sprintf("//BenchMiner//%d", i)) }
func validatorKey(i int) (*wallet.Key, error) {
	return wallet.FromURI(fmt.Sprintf("//BenchValidator//%d", i))
}

// profile returns the profile by name.
func (f Fleet) profile() (strata.Profile, error) {
	for _, p := range []strata.Profile{strata.LocalProfile, strata.TestProfile, strata.MainProfile} {
		if p.Name == f.Profile {
			return p, nil
		}
	}
	return strata.Profile{}, strata.E(strata.Invalid, "there is no profile %q", f.Profile)
}

// Serve runs the fleet until in ends, and prints where it serves to out.
func (f Fleet) Serve(ctx context.Context, in io.Reader, out io.Writer) error {
	p, err := f.profile()
	if err != nil {
		return err
	}
	tree, err := zeros(ctx, uint64(p.SectorSize()))
	if err != nil {
		return err
	}
	up := Up{Root: tree.Root()}
	var partitions []strata.Hotkey
	for i := range f.Partitions {
		k, err := validatorKey(i)
		if err != nil {
			return err
		}
		partitions = append(partitions, k.Hotkey())
	}
	var servers []*peer.Server
	defer func() {
		for _, s := range servers {
			_ = s.Close() // the process ends
		}
	}()
	for i := range f.Miners {
		k, err := minerKey(i)
		if err != nil {
			return err
		}
		m := &miner{fleet: f, profile: p, key: k, tree: tree, partitions: partitions, heads: map[strata.Hotkey]wire.Head{}}
		s, err := peer.NewServer(peer.ServerConfig{Hotkey: k.Hotkey(), Signer: k, Domain: domain, Miner: m, Limits: peer.DefaultLimits(p)})
		if err != nil {
			return err
		}
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return strata.E(strata.Unavailable, "listen for a simulated miner: %w", err)
		}
		servers = append(servers, s)
		go func() { _ = s.Serve(ln) }() // ends with Close
		up.Miners = append(up.Miners, ln.Addr().(*net.TCPAddr).AddrPort())
	}
	if err := json.NewEncoder(out).Encode(up); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, in)
	return err
}

// zeros builds the tree of a sector of zeros.
func zeros(ctx context.Context, size uint64) (merkle.Tree, error) {
	b := merkle.NewBuilder(size)
	chunk := make([]byte, min(size, 1<<20))
	for range size / uint64(len(chunk)) {
		if err := ctx.Err(); err != nil {
			return merkle.Tree{}, err
		}
		if _, err := b.Write(chunk); err != nil {
			return merkle.Tree{}, err
		}
	}
	return b.Tree()
}

// miner is one simulated miner: sectors of zeros, in every partition as many.
type miner struct {
	fleet      Fleet
	profile    strata.Profile
	key        *wallet.Key
	tree       merkle.Tree
	partitions []strata.Hotkey

	mu    sync.Mutex // guards what follows
	heads map[strata.Hotkey]wire.Head
}

// sequence is that of all heads: nothing changes.
const sequence = 1

func (m *miner) entry(number uint64) wire.Entry {
	return wire.Entry{Number: number, Root: m.tree.Root(), State: wire.Filler, Changed: sequence}
}

// numbers returns the first number of a partition and the one after its last.
func (m *miner) numbers(validator strata.Hotkey) (from, to uint64, ok bool) {
	i := slices.Index(m.partitions, validator)
	n, parts := uint64(m.fleet.Sectors), uint64(m.fleet.Partitions)
	return uint64(max(i, 0)) * n / parts, uint64(max(i, 0)+1) * n / parts, i >= 0
}

func (m *miner) head(validator strata.Hotkey) (wire.Head, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if h, ok := m.heads[validator]; ok {
		return h, nil
	}
	from, to, _ := m.numbers(validator)
	h := wire.Head{Validator: validator, Sequence: sequence, Sectors: uint32(to - from)}
	h.EntriesRoot = wire.EntriesRoot(func(yield func([32]byte) bool) {
		for n := from; n < to && yield(m.entry(n).Hash()); n++ {
		}
	})
	err := h.Sign(domain, m.key)
	if err == nil {
		m.heads[validator] = h
	}
	return h, err
}

func (m *miner) Status(context.Context) wire.Status {
	return wire.Status{Version: "bench", Hotkey: m.key.Hotkey(), Genesis: domain.Genesis, Netuid: domain.Netuid, Profile: m.profile.Name}
}

func (m *miner) Authorize(context.Context, strata.Hotkey, wire.Action, strata.Hotkey) error {
	return nil
}

func (m *miner) Manifest(_ context.Context, q wire.ManifestQuery) (wire.ManifestPage, error) {
	from, to, ok := m.numbers(q.Validator)
	if !ok || from == to {
		return wire.ManifestPage{}, strata.E(strata.NotFound, "no such partition")
	}
	h, err := m.head(q.Validator)
	page := wire.ManifestPage{Head: h}
	if err != nil || q.Since >= sequence {
		return page, err
	}
	const most = wire.MaxPage/64 - 16
	for n := max(from, q.After); n < to; n++ {
		if len(page.Entries) == most {
			page.More = true
			break
		}
		page.Entries = append(page.Entries, m.entry(n))
	}
	return page, nil
}

func (m *miner) Audit(_ context.Context, _ strata.Hotkey, req wire.AuditRequest) (wire.AuditResponse, error) {
	var a wire.AuditResponse
	group := make([]byte, merkle.GroupSize)
	for _, l := range req.Leaves {
		o, err := merkle.Open(m.tree.Size(), uint64(l.Leaf), group, m.tree)
		if err != nil {
			return a, err
		}
		a.Openings = append(a.Openings, wire.Opening{Opening: o})
	}
	return a, nil
}

// The rest of a miner is not simulated.

func (m *miner) PutShard(context.Context, strata.Hotkey, strata.Root, int64, io.Reader, wire.Order) (wire.Receipt, error) {
	return wire.Receipt{}, errNotSimulated
}

func (m *miner) ShardRange(context.Context, strata.Hotkey, strata.Root) (wire.ShardSource, error) {
	return wire.ShardSource{}, errNotSimulated
}
func (m *miner) DeleteShard(context.Context, strata.Hotkey, strata.Root) error {
	return errNotSimulated
}
func (m *miner) RestoreShard(context.Context, strata.Hotkey, strata.Root) error {
	return errNotSimulated
}
func (m *miner) Retain(context.Context, strata.Hotkey, wire.Retain) (wire.RetainResult, error) {
	return wire.RetainResult{}, errNotSimulated
}
func (m *miner) PutSuperblock(context.Context, strata.Hotkey, wire.Superblock) error {
	return errNotSimulated
}
func (m *miner) GetSuperblock(context.Context, strata.Hotkey) (wire.Superblock, error) {
	return wire.Superblock{}, errNotSimulated
}

var errNotSimulated = strata.E(strata.NotFound, "a simulated miner does not do this")
