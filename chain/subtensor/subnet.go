package subtensor

import (
	"context"
	"math/big"
	"net/netip"
	"slices"
	"strings"

	"strata"
	"strata/chain"
	"strata/chain/scale"
)

// The pallets and the runtime API that a subnet is read from.
const (
	subtensorModule = "SubtensorModule"
	commitments     = "Commitments"
	subnetAPI       = "SubnetInfoRuntimeApi"
)

// Metagraph implements chain.Reader. It is one call of the node's runtime API
// get_metagraph; get_subnet_state and storage where that is not to be had; and
// storage alone on a node with neither. In the last case Stake is only what
// TotalHotkeyAlpha holds, without inherited stake and root TAO.
func (c *Client) Metagraph(ctx context.Context, n strata.Netuid, at strata.BlockHash) (*chain.Metagraph, error) {
	head, err := c.headOrBest(ctx, at)
	if err != nil {
		return nil, err
	}
	for _, method := range []string{"get_metagraph", "get_subnet_state"} {
		v, err := c.apiCall(ctx, head.Hash, subnetAPI, method, uint16(n))
		if noFunction(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		inner, some := v.Option()
		if v.Err() == nil && !some {
			return nil, noSubnet(n)
		}
		return c.fromAPI(ctx, n, head, inner)
	}
	g, err := c.fromStorage(ctx, n, head)
	if err == nil {
		g.PartStake = true
	}
	return g, err
}

// noFunction says that the node does not have a runtime API function, or that
// it fails there; but not that the node lacks the block's state.
func noFunction(err error) bool {
	if answered(err) {
		return strata.CodeOf(err) != strata.NotFound
	}
	return strata.CodeOf(err) == strata.NotFound
}

func noSubnet(n strata.Netuid) error {
	return strata.E(strata.NotFound, "subnet %d does not exist on this chain: check --netuid and --subtensor.network", n)
}

func (c *Client) headOrBest(ctx context.Context, at strata.BlockHash) (chain.Head, error) {
	if at == (strata.BlockHash{}) {
		return c.Head(ctx)
	}
	return c.headAt(ctx, at)
}

// columns are a metagraph's vectors, in UID order.
type columns struct {
	hotkeys, coldkeys, axons, active, permit, stake, lastUpdate, registered []scale.View
	incentive, dividends, consensus, trust, emission                        []scale.View
}

// fromAPI reads what get_metagraph or get_subnet_state returned. Validator
// trust is in neither, axons are not in the latter: those come from storage.
func (c *Client) fromAPI(ctx context.Context, n strata.Netuid, head chain.Head, v scale.View) (*chain.Metagraph, error) {
	list := func(name string) []scale.View { return v.Field(name).Items() }
	cols := columns{
		hotkeys: list("hotkeys"), coldkeys: list("coldkeys"),
		active: list("active"), permit: list("validator_permit"), stake: list("total_stake"),
		lastUpdate: list("last_update"), registered: list("block_at_registration"),
		incentive: list("incentives"), dividends: list("dividends"), consensus: list("consensus"), emission: list("emission"),
	}
	if v.Has("axons") {
		cols.axons = list("axons")
	}
	if err := v.Err(); err != nil {
		return nil, err
	}
	rt, err := c.runtimeAt(ctx, head.Hash)
	if err != nil {
		return nil, err
	}
	if _, _, err := rt.meta.Storage(subtensorModule, "ValidatorTrust"); err == nil { // else it is 0
		trust, err := c.storage(ctx, head.Hash, subtensorModule, "ValidatorTrust", uint16(n))
		if err != nil {
			return nil, err
		}
		cols.trust = trust.Items()
	}
	if cols.axons == nil {
		if cols.axons, err = c.axons(ctx, n, head.Hash, cols.hotkeys); err != nil {
			return nil, err
		}
	}
	return cols.metagraph(n, head)
}

// axons reads the axon of each hotkey.
func (c *Client) axons(ctx context.Context, n strata.Netuid, at strata.BlockHash, hotkeys []scale.View) ([]scale.View, error) {
	qs := make([]query, len(hotkeys))
	for i, h := range hotkeys {
		qs[i] = query{subtensorModule, "Axons", []scale.Value{uint16(n), h.Value()}}
	}
	return c.storages(ctx, at, qs)
}

// fromStorage reads a subnet item by item, all at one block.
func (c *Client) fromStorage(ctx context.Context, n strata.Netuid, head chain.Head) (*chain.Metagraph, error) {
	net := []scale.Value{uint16(n)}
	names := []string{
		"NetworksAdded", "SubnetworkN", "Active", "ValidatorPermit", "LastUpdate",
		"Incentive", "Dividends", "Consensus", "ValidatorTrust", "Emission",
	}
	qs := make([]query, len(names))
	for i, name := range names {
		qs[i] = query{subtensorModule, name, net}
	}
	v, err := c.storages(ctx, head.Hash, qs)
	if err != nil {
		return nil, err
	}
	if !v[0].Bool() {
		return nil, noSubnet(n)
	}
	count := v[1].U16()
	if err := v[1].Err(); err != nil {
		return nil, err
	}
	cols := columns{
		active: v[2].Items(), permit: v[3].Items(), lastUpdate: v[4].Items(), incentive: v[5].Items(),
		dividends: v[6].Items(), consensus: v[7].Items(), trust: v[8].Items(), emission: v[9].Items(),
	}
	if err := c.identities(ctx, n, head.Hash, count, &cols); err != nil {
		return nil, err
	}
	return cols.metagraph(n, head)
}

// identities reads what storage keeps by UID or by hotkey.
func (c *Client) identities(ctx context.Context, n strata.Netuid, at strata.BlockHash, count uint16, cols *columns) (err error) {
	each := func(q func(i int) query) []scale.View {
		qs := make([]query, count)
		for i := range qs {
			qs[i] = q(i)
		}
		var views []scale.View
		if err == nil {
			views, err = c.storages(ctx, at, qs)
		}
		return views
	}
	byUID := func(item string) []scale.View {
		return each(func(i int) query { return query{subtensorModule, item, []scale.Value{uint16(n), uint16(i)}} })
	}
	cols.hotkeys = byUID("Keys")
	cols.registered = byUID("BlockAtRegistration")
	if err != nil {
		return err
	}
	hotkey := func(i int) scale.Value { return cols.hotkeys[i].Value() }
	cols.coldkeys = each(func(i int) query { return query{subtensorModule, "Owner", []scale.Value{hotkey(i)}} })
	cols.stake = each(func(i int) query {
		return query{subtensorModule, "TotalHotkeyAlpha", []scale.Value{hotkey(i), uint16(n)}}
	})
	cols.axons = each(func(i int) query { return query{subtensorModule, "Axons", []scale.Value{uint16(n), hotkey(i)}} })
	return err
}

// metagraph joins the columns to rows. A vector may be shorter than the list
// of hotkeys just after a registration; what it lacks is zero.
func (t *columns) metagraph(n strata.Netuid, head chain.Head) (*chain.Metagraph, error) {
	m := &chain.Metagraph{Netuid: n, Head: head, Neurons: make([]chain.Neuron, len(t.hotkeys))}
	if len(t.hotkeys) > 1<<16 || len(t.coldkeys) != len(t.hotkeys) {
		return nil, strata.E(strata.Invalid, "the chain node gave %d hotkeys and %d coldkeys for subnet %d", len(t.hotkeys), len(t.coldkeys), n)
	}
	for i := range m.Neurons {
		row, err := t.row(i)
		if err != nil {
			return nil, err
		}
		m.Neurons[i] = row
	}
	return m, nil
}

func (t *columns) row(i int) (chain.Neuron, error) {
	var err error
	at := func(col []scale.View, read func(scale.View)) {
		if i < len(col) && err == nil {
			read(col[i])
			err = col[i].Err()
		}
	}
	n := chain.Neuron{UID: strata.UID(i)}
	at(t.hotkeys, func(v scale.View) { n.Hotkey = v.Bytes32() })
	at(t.coldkeys, func(v scale.View) { n.Coldkey = v.Bytes32() })
	at(t.axons, func(v scale.View) { n.Axon = readAxon(v) })
	at(t.active, func(v scale.View) { n.Active = v.Bool() })
	at(t.permit, func(v scale.View) { n.Permit = v.Bool() })
	at(t.stake, func(v scale.View) { n.Stake = strata.Rao(v.U64()) })
	at(t.lastUpdate, func(v scale.View) { n.LastUpdate = v.U64() })
	at(t.registered, func(v scale.View) { n.Registered = v.U64() })
	at(t.incentive, func(v scale.View) { n.Incentive = v.U16() })
	at(t.dividends, func(v scale.View) { n.Dividends = v.U16() })
	at(t.consensus, func(v scale.View) { n.Consensus = v.U16() })
	at(t.trust, func(v scale.View) { n.ValidatorTrust = v.U16() })
	at(t.emission, func(v scale.View) { n.Emission = strata.Rao(v.U64()) })
	return n, err
}

// readAxon reads an AxonInfo; nil, or one without an address or a port, is the
// zero Axon.
func readAxon(v scale.View) chain.Axon {
	if v.Value() == nil {
		return chain.Axon{}
	}
	a := chain.Axon{
		Block: v.Field("block").U64(), Version: v.Field("version").U32(), Protocol: v.Field("protocol").U8(),
	}
	ip, port := addrOf(v.Field("ip").Big(), v.Field("ip_type").U8()), v.Field("port").U16()
	if !ip.IsValid() || port == 0 {
		return chain.Axon{}
	}
	a.Addr = netip.AddrPortFrom(ip, port)
	return a
}

// addrOf turns the chain's number into an address: the low 32 bits for type 4,
// all 128 for type 6. Zero and other types are no address.
func addrOf(n *big.Int, ipType uint8) netip.Addr {
	if n.Sign() <= 0 || n.BitLen() > 128 {
		return netip.Addr{}
	}
	var b [16]byte
	n.FillBytes(b[:])
	switch {
	case ipType == 4 && n.BitLen() <= 32:
		return netip.AddrFrom4([4]byte(b[12:]))
	case ipType == 6:
		return netip.AddrFrom16(b)
	}
	return netip.Addr{}
}

// Hyperparameters implements chain.Reader. An item that the runtime does not
// have, because it is older or newer, is zero.
func (c *Client) Hyperparameters(ctx context.Context, n strata.Netuid) (chain.Hyperparameters, error) {
	rt, err := c.runtime(ctx)
	if err != nil {
		return chain.Hyperparameters{}, err
	}
	h := &hyperparameters{}
	var qs []query
	var reads []func(scale.View)
	for _, item := range h.items() {
		entry, _, err := rt.meta.Storage(subtensorModule, item.name)
		if err != nil {
			continue
		}
		q := query{subtensorModule, item.name, []scale.Value{uint16(n)}}
		if !entry.IsMap() {
			q.keys = nil // of the whole chain
		}
		qs, reads = append(qs, q), append(reads, item.read)
	}
	views, err := c.storages(ctx, strata.BlockHash{}, qs)
	if err != nil {
		return chain.Hyperparameters{}, err
	}
	for i, read := range reads {
		read(views[i])
		if err := views[i].Err(); err != nil {
			return chain.Hyperparameters{}, err
		}
	}
	if !h.exists {
		return chain.Hyperparameters{}, noSubnet(n)
	}
	return h.finish(rt)
}

// hyperparameters are what is read, and what follows from it.
type hyperparameters struct {
	chain.Hyperparameters
	exists  bool
	version uint16 // of commit–reveal; 0: the runtime has none
	factor  uint64 // of the activity cutoff, in thousandths of a tempo
}

// parameter is a storage item and where it goes.
type parameter struct {
	name string
	read func(scale.View)
}

func (p *hyperparameters) items() []parameter {
	return []parameter{
		{"NetworksAdded", func(v scale.View) { p.exists = v.Bool() }},
		{"Tempo", func(v scale.View) { p.Tempo = v.U16() }},
		{"WeightsSetRateLimit", func(v scale.View) { p.WeightsRateLimit = v.U64() }},
		{"WeightsVersionKey", func(v scale.View) { p.WeightsVersionKey = v.U64() }},
		{"MaxWeightsLimit", func(v scale.View) { p.MaxWeightsLimit = v.U16() }},
		{"MinAllowedWeights", func(v scale.View) { p.MinAllowedWeights = v.U16() }},
		{"CommitRevealWeightsEnabled", func(v scale.View) { p.CommitReveal = v.Bool() }},
		{"ServingRateLimit", func(v scale.View) { p.ServingRateLimit = v.U64() }},
		{"ImmunityPeriod", func(v scale.View) { p.ImmunityPeriod = v.U16() }},
		{"ActivityCutoff", func(v scale.View) { p.ActivityCutoff = v.U16() }},
		{"ActivityCutoffFactorMilli", func(v scale.View) { p.factor = v.U64() }},
		{"MaxAllowedUids", func(v scale.View) { p.MaxAllowedUIDs = v.U16() }},
		{"MaxAllowedValidators", func(v scale.View) { p.MaxAllowedValidator = v.U16() }},
		{"Burn", func(v scale.View) { p.Burn = strata.Rao(v.U64()) }},
		{"RevealPeriodEpochs", func(v scale.View) { p.RevealPeriod = v.U64() }},
		{"StakeThreshold", func(v scale.View) { p.StakeThreshold = strata.Rao(v.U64()) }},
		{"CommitRevealWeightsVersion", func(v scale.View) { p.version = v.U16() }},
		{"SubnetEpochIndex", func(v scale.View) { p.Schedule.Index, p.Schedule.Counted = v.U64(), true }},
		{"LastEpochBlock", func(v scale.View) { p.Schedule.Last = v.U64() }},
		{"PendingEpochAt", func(v scale.View) { p.Schedule.Pending = v.U64() }},
	}
}

func (p *hyperparameters) finish(rt *runtime) (chain.Hyperparameters, error) {
	p.RevealPeriod = max(1, p.RevealPeriod)
	if p.factor > 0 {
		p.ActivityCutoff = uint16(min(1<<16-1, p.factor*uint64(p.Tempo)/1000))
	}
	var err error
	p.Scheme, err = scheme(rt, p.CommitReveal, p.version)
	return p.Hyperparameters, err
}

// scheme says how a subnet takes weights: as its hyperparameter and the
// runtime's version of commit–reveal say. A runtime that has no version has
// the calls that it has.
func scheme(rt *runtime, enabled bool, version uint16) (chain.Scheme, error) {
	has := func(name string) bool { _, _, err := rt.meta.Call(subtensorModule, name); return err == nil }
	switch {
	case !enabled:
		return chain.Plain, nil
	case version > withHotkey:
		return 0, strata.E(strata.Invalid, "the chain wants weights by commit–reveal version %d, which this version does not know: update strata", version)
	case version == 0 && has("commit_crv3_weights"), version >= withoutHotkey:
		return chain.Timelock, nil
	}
	return chain.CommitReveal, nil
}

// Weights implements chain.Reader.
func (c *Client) Weights(ctx context.Context, n strata.Netuid, v strata.UID) ([]chain.Weight, error) {
	return c.WeightsAt(ctx, n, v, strata.BlockHash{})
}

// WeightsAt is Weights at a block; the zero hash means the best. Code NotFound
// if the node no longer has that block's state.
func (c *Client) WeightsAt(ctx context.Context, n strata.Netuid, v strata.UID, at strata.BlockHash) ([]chain.Weight, error) {
	view, err := c.storage(ctx, at, subtensorModule, "Weights", uint16(n), uint16(v))
	if err != nil {
		return nil, err
	}
	var out []chain.Weight
	for _, pair := range view.Items() {
		out = append(out, chain.Weight{UID: strata.UID(pair.Index(0).U16()), Value: pair.Index(1).U16()})
	}
	slices.SortFunc(out, func(a, b chain.Weight) int { return int(a.UID) - int(b.UID) })
	return out, view.Err()
}

// Commitment implements chain.Reader. A commitment of several raw fields is
// their bytes in a row; one of other kinds has code Invalid.
func (c *Client) Commitment(ctx context.Context, n strata.Netuid, h strata.Hotkey) ([]byte, error) {
	return c.CommitmentAt(ctx, n, h, strata.BlockHash{})
}

// CommitmentAt is Commitment at a block; the zero hash means the best. Code
// NotFound if the node no longer has that block's state.
func (c *Client) CommitmentAt(ctx context.Context, n strata.Netuid, h strata.Hotkey, at strata.BlockHash) ([]byte, error) {
	v, err := c.storage(ctx, at, commitments, "CommitmentOf", uint16(n), [32]byte(h))
	if err != nil || v.Value() == nil {
		return nil, err
	}
	out := []byte{}
	for _, f := range v.Field("info").Field("fields").Items() {
		name, data := f.Case()
		switch {
		case name == "None":
		case strings.HasPrefix(name, "Raw"), name == "BigRaw":
			out = append(out, data.Bytes()...)
		default:
			return nil, strata.E(strata.Invalid, "the commitment of %s on subnet %d is not raw data but %s", h.Short(), n, name)
		}
	}
	return out, v.Err()
}
