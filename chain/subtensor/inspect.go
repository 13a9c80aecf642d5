package subtensor

import (
	"bytes"
	"context"
	"slices"
	"strconv"

	"strata"
	"strata/chain"
	"strata/chain/scale"
)

// What people ask of a chain, beyond the contract that the roles need.

// RuntimeMetadata returns what the node's current runtime says of itself.
func (c *Client) RuntimeMetadata(ctx context.Context) (*scale.Metadata, error) {
	rt, err := c.runtime(ctx)
	if err != nil {
		return nil, err
	}
	return rt.meta, nil
}

// NodeInfo says what a node is and where it stands. What a node does not tell
// is zero.
type NodeInfo struct {
	Endpoint    string
	Chain       string // the name of the network
	Software    string // the node's name and version
	Peers       int
	Syncing     bool
	SpecName    string
	SpecVersion uint32
	TxVersion   uint32
	Metadata    uint8 // the metadata's version
	Issuance    strata.Rao
}

// Endpoint is the address of the node that the Client speaks to, or tries first.
func (c *Client) Endpoint() string {
	return c.link.Endpoint()
}

// NodeInfo asks the node about itself.
func (c *Client) NodeInfo(ctx context.Context) (NodeInfo, error) {
	var out NodeInfo
	rt, err := c.runtime(ctx)
	if err != nil {
		return out, err
	}
	var version struct {
		Name string `json:"specName"`
	}
	var health struct {
		Peers   int  `json:"peers"`
		Syncing bool `json:"isSyncing"`
	}
	var name, number string
	for _, q := range []struct {
		method string
		into   any
	}{
		{"state_getRuntimeVersion", &version}, {"system_health", &health}, {"system_chain", &out.Chain},
		{"system_name", &name}, {"system_version", &number},
	} {
		if err := c.link.Read(ctx, q.into, q.method); err != nil && !answered(err) {
			return out, err
		} // a node that does not have the method leaves its field zero
	}
	issuance, err := c.storage(ctx, strata.BlockHash{}, "Balances", "TotalIssuance")
	if err != nil {
		return out, err
	}
	out.Issuance = strata.Rao(issuance.U64())
	if err := issuance.Err(); err != nil {
		return out, err
	}
	on, err := c.link.Conn(ctx)
	if err != nil {
		return out, err
	}
	out.Endpoint, out.Software = on.Address(), name+" "+number
	out.Peers, out.Syncing = health.Peers, health.Syncing
	out.SpecName, out.SpecVersion, out.TxVersion, out.Metadata = version.Name, rt.spec, rt.tx, rt.meta.Version
	return out, nil
}

// maxPage is how many keys are asked for at a time, maxMapKeys how many a map
// may have.
const (
	maxPage    = 512
	maxMapKeys = 1 << 20
)

// mapKeys returns the keys of a storage map below the given ones, each as the
// bytes that follow their common prefix.
func (c *Client) mapKeys(ctx context.Context, at strata.BlockHash, pallet, item string, keys ...scale.Value) ([][]byte, error) {
	rt, err := c.runtime(ctx)
	if err != nil {
		return nil, err
	}
	prefix, err := rt.meta.StorageKey(pallet, item, keys...)
	if err != nil {
		return nil, err
	}
	var out [][]byte
	for after := hexBytes(prefix); ; {
		var page []hexBytes
		params := append([]any{hexBytes(prefix), maxPage, after}, atParam(at)...)
		if err := c.link.Read(ctx, &page, "state_getKeysPaged", params...); err != nil {
			return nil, stateError(err)
		}
		for _, k := range page {
			// Keys come in order, so that a node cannot list them without end.
			if !bytes.HasPrefix(k, prefix) || bytes.Compare(k, after) <= 0 || len(out) >= maxMapKeys {
				return nil, strata.E(strata.Invalid, "the chain node's list of %s.%s is not understood", pallet, item)
			}
			out, after = append(out, k[len(prefix):]), k
		}
		if len(page) < maxPage {
			return out, nil
		}
	}
}

// Netuids returns the subnets that exist, in order.
func (c *Client) Netuids(ctx context.Context) ([]strata.Netuid, error) {
	keys, err := c.mapKeys(ctx, strata.BlockHash{}, subtensorModule, "NetworksAdded")
	if err != nil {
		return nil, err
	}
	var out []strata.Netuid
	var qs []query
	for _, k := range keys {
		if len(k) < 2 {
			return nil, strata.E(strata.Invalid, "the chain node's list of subnets is not understood")
		}
		n := uint16(k[len(k)-2]) | uint16(k[len(k)-1])<<8 // hashers used here end with the key itself
		out = append(out, strata.Netuid(n))
		qs = append(qs, query{subtensorModule, "NetworksAdded", []scale.Value{n}})
	}
	added, err := c.storages(ctx, strata.BlockHash{}, qs)
	if err != nil {
		return nil, err
	}
	var there []strata.Netuid
	for i, v := range added {
		if v.Bool() {
			there = append(there, out[i])
		}
		if err := v.Err(); err != nil {
			return nil, err
		}
	}
	slices.Sort(there)
	return there, nil
}

// SubnetSummary is a subnet in one line.
type SubnetSummary struct {
	Netuid     strata.Netuid
	Name       string // its token's symbol where it has no name
	Owner      strata.Coldkey
	Neurons    uint16
	MaxNeurons uint16
	Tempo      uint16
	Burn       strata.Rao
	Open       bool // for registrations
	Registered uint64
	LastStep   uint64 // block of the last epoch; 0 if the chain does not say
	SinceStep  uint64 // blocks since the last epoch
	TAO        strata.Rao
}

// Subnets returns every subnet at the best block.
func (c *Client) Subnets(ctx context.Context) ([]SubnetSummary, error) {
	netuids, err := c.Netuids(ctx)
	if err != nil {
		return nil, err
	}
	rt, err := c.runtime(ctx)
	if err != nil {
		return nil, err
	}
	fields := subnetItems(rt.meta)
	var qs []query
	for _, n := range netuids {
		for _, f := range fields {
			qs = append(qs, query{subtensorModule, f.item, []scale.Value{uint16(n)}})
		}
	}
	views, err := c.storages(ctx, strata.BlockHash{}, qs)
	if err != nil {
		return nil, err
	}
	out := make([]SubnetSummary, len(netuids))
	for i, n := range netuids {
		out[i].Netuid = n
		for j, f := range fields {
			v := views[i*len(fields)+j]
			if v.Value() == nil {
				continue
			}
			if f.read(&out[i], v); v.Err() != nil {
				return nil, v.Err()
			}
		}
	}
	return out, nil
}

type subnetItem struct {
	item string
	read func(*SubnetSummary, scale.View)
}

// subnetItems are the storage items of a summary that this runtime has.
func subnetItems(m *scale.Metadata) []subnetItem {
	all := []subnetItem{
		{"TokenSymbol", func(s *SubnetSummary, v scale.View) { s.Name = string(v.Bytes()) }},
		{"SubnetIdentitiesV3", func(s *SubnetSummary, v scale.View) {
			if name := string(v.Field("subnet_name").Bytes()); name != "" {
				s.Name = name
			}
		}},
		{"SubnetOwner", func(s *SubnetSummary, v scale.View) { s.Owner = v.Bytes32() }},
		{"SubnetworkN", func(s *SubnetSummary, v scale.View) { s.Neurons = v.U16() }},
		{"MaxAllowedUids", func(s *SubnetSummary, v scale.View) { s.MaxNeurons = v.U16() }},
		{"Tempo", func(s *SubnetSummary, v scale.View) { s.Tempo = v.U16() }},
		{"Burn", func(s *SubnetSummary, v scale.View) { s.Burn = strata.Rao(v.U64()) }},
		{"NetworkRegistrationAllowed", func(s *SubnetSummary, v scale.View) { s.Open = v.Bool() }},
		{"NetworkRegisteredAt", func(s *SubnetSummary, v scale.View) { s.Registered = v.U64() }},
		{"LastMechansimStepBlock", func(s *SubnetSummary, v scale.View) { s.LastStep = v.U64() }},
		{"BlocksSinceLastStep", func(s *SubnetSummary, v scale.View) { s.SinceStep = v.U64() }},
		{"SubnetTAO", func(s *SubnetSummary, v scale.View) { s.TAO = strata.Rao(v.U64()) }},
	}
	return slices.DeleteFunc(all, func(f subnetItem) bool {
		_, _, err := m.Storage(subtensorModule, f.item)
		return err != nil
	})
}

// LastEpoch returns the block of a subnet's last epoch at a block, 0 if it had
// none. Newer runtimes keep it; older ones count the blocks since.
func (c *Client) LastEpoch(ctx context.Context, n strata.Netuid, at chain.Head) (uint64, error) {
	rt, err := c.runtime(ctx)
	if err != nil {
		return 0, err
	}
	for _, item := range []string{"LastEpochBlock", "LastMechansimStepBlock"} {
		if _, _, err := rt.meta.Storage(subtensorModule, item); err != nil {
			continue
		}
		v, err := c.storage(ctx, at.Hash, subtensorModule, item, uint16(n))
		if err != nil {
			return 0, err
		}
		return v.U64(), v.Err()
	}
	v, err := c.storage(ctx, at.Hash, subtensorModule, "BlocksSinceLastStep", uint16(n))
	if err != nil {
		return 0, err
	}
	since := v.U64()
	return at.Number - min(at.Number, since), v.Err()
}

// WeightRows returns what each neuron has set, indexed by UID; nil for those
// that have set nothing.
func (c *Client) WeightRows(ctx context.Context, n strata.Netuid, at strata.BlockHash) ([][]chain.Weight, error) {
	count, err := c.storage(ctx, at, subtensorModule, "SubnetworkN", uint16(n))
	if err != nil {
		return nil, err
	}
	qs := make([]query, count.U16())
	for i := range qs {
		qs[i] = query{subtensorModule, "Weights", []scale.Value{uint16(n), uint16(i)}}
	}
	views, err := c.storages(ctx, at, qs)
	if err != nil {
		return nil, err
	}
	out := make([][]chain.Weight, len(views))
	for i, v := range views {
		for _, pair := range v.Items() {
			out[i] = append(out[i], chain.Weight{UID: strata.UID(pair.Index(0).U16()), Value: pair.Index(1).U16()})
		}
		if err := v.Err(); err != nil {
			return nil, err
		}
	}
	return out, count.Err()
}

// Event is what a block says has happened.
type Event struct {
	Extrinsic int // index of the extrinsic in the block; -1 for what no extrinsic caused
	Pallet    string
	Name      string
	Fields    scale.View // a struct, a list or nil, as the runtime defines it
}

// Events returns what happened in a block, in order. They are as the runtime
// that ran the block writes them: that of the state before it.
func (c *Client) Events(ctx context.Context, at strata.BlockHash) ([]Event, error) {
	var h *header
	if err := c.link.Read(ctx, &h, "chain_getHeader", hexBytes(at[:])); err != nil {
		return nil, err
	}
	if h == nil {
		return nil, strata.E(strata.NotFound, "the chain node does not have block 0x%s", at)
	}
	parent, err := h.ParentHash.hash()
	if err != nil {
		return nil, err
	}
	rt, err := c.runtimeAt(ctx, parent)
	if err != nil {
		return nil, err
	}
	views, err := c.storagesOf(ctx, rt, at, []query{{"System", "Events", nil}})
	if err != nil {
		return nil, err
	}
	v := views[0]
	var out []Event
	for _, record := range v.Items() {
		e := Event{Extrinsic: -1}
		if phase, index := record.Field("phase").Case(); phase == "ApplyExtrinsic" {
			e.Extrinsic = int(index.U32())
		}
		var inner scale.View
		e.Pallet, inner = record.Field("event").Case()
		e.Name, e.Fields = inner.Case()
		out = append(out, e)
	}
	return out, v.Err()
}

// Stake is what a coldkey has staked on a hotkey in a subnet, in alpha; in TAO
// on subnet 0.
type Stake struct {
	Hotkey strata.Hotkey
	Netuid strata.Netuid
	Amount strata.Rao
}

// Stakes returns what a coldkey has staked, by the node's runtime API. The code
// is NotFound if it does not have that.
func (c *Client) Stakes(ctx context.Context, cold strata.Coldkey) ([]Stake, error) {
	v, err := c.apiCall(ctx, strata.BlockHash{}, "StakeInfoRuntimeApi", "get_stake_info_for_coldkey", [32]byte(cold))
	if err != nil {
		return nil, err
	}
	var out []Stake
	for _, s := range v.Items() {
		out = append(out, Stake{s.Field("hotkey").Bytes32(), strata.Netuid(s.Field("netuid").U16()), strata.Rao(s.Field("stake").U64())})
	}
	return out, v.Err()
}

// String writes an event for people: Pallet.Name.
func (e Event) String() string {
	if e.Extrinsic < 0 {
		return e.Pallet + "." + e.Name
	}
	return e.Pallet + "." + e.Name + " (extrinsic " + strconv.Itoa(e.Extrinsic) + ")"
}
