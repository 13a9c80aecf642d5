package main

import (
	"context"
	"fmt"
	"strconv"

	"strata"
	"strata/chain"
)

type chainMetagraphCmd struct {
	viewFlags
	Block uint64 `help:"Show it as it was after this block."`
}

// neuronRow is a neuron as JSON and as a line of the metagraph.
type neuronRow struct {
	UID        strata.UID     `json:"uid"`
	Hotkey     strata.Hotkey  `json:"hotkey"`
	Coldkey    strata.Coldkey `json:"coldkey"`
	Stake      string         `json:"stake"`
	Permit     bool           `json:"validator_permit"`
	Active     bool           `json:"active"`
	Incentive  uint16         `json:"incentive"`
	Dividends  uint16         `json:"dividends"`
	Consensus  uint16         `json:"consensus"`
	Trust      uint16         `json:"validator_trust"`
	Emission   string         `json:"emission"`
	LastUpdate uint64         `json:"last_update"`
	Registered uint64         `json:"registered"`
	Axon       string         `json:"axon,omitempty"`
	AxonBlock  uint64         `json:"axon_block,omitempty"`
}

func rowOf(n chain.Neuron) neuronRow {
	r := neuronRow{
		n.UID, n.Hotkey, n.Coldkey, n.Stake.String(), n.Permit, n.Active, n.Incentive, n.Dividends, n.Consensus, n.ValidatorTrust,
		n.Emission.String(), n.LastUpdate, n.Registered, "", n.Axon.Block,
	}
	if n.Axon.Served() {
		r.Axon = n.Axon.Addr.String()
	}
	return r
}

type metagraphView struct {
	Netuid  strata.Netuid `json:"netuid"`
	Block   uint64        `json:"block"`
	Neurons []neuronRow   `json:"neurons"`
}

// Run prints one line for each neuron.
func (c *chainMetagraphCmd) Run(ctx context.Context, s streams) error {
	at, err := c.open(ctx, s)
	if err != nil {
		return err
	}
	defer at.Close()
	m, err := c.metagraph(ctx, at)
	if err != nil {
		return err
	}
	v := metagraphView{m.Netuid, m.Head.Number, []neuronRow{}}
	var t grid
	t.add("UID", "STAKE", "PERMIT", "ACTIVE", "INCENTIVE", "DIVIDENDS", "CONSENSUS", "VTRUST", "EMISSION", "UPDATED", "AXON", "HOTKEY")
	for _, n := range m.Neurons {
		r := rowOf(n)
		v.Neurons = append(v.Neurons, r)
		t.add(r.UID, r.Stake, yesNo(r.Permit), yesNo(r.Active), share(r.Incentive), share(r.Dividends), share(r.Consensus), share(r.Trust),
			r.Emission, ago(m.Head.Number, r.LastUpdate), orDash(r.Axon), r.Hotkey)
	}
	if !c.JSON {
		fmt.Fprintf(s.out, "subnet %d after block %d, %d neurons\n", m.Netuid, m.Head.Number, len(m.Neurons))
	}
	return c.show(s, v, &t)
}

func (c *chainMetagraphCmd) metagraph(ctx context.Context, at *lookout) (*chain.Metagraph, error) {
	netuid, err := at.subnet(c.viewFlags)
	if err != nil {
		return nil, err
	}
	var hash strata.BlockHash
	if c.Block > 0 {
		head, err := at.BlockAt(ctx, c.Block)
		if err != nil {
			return nil, err
		}
		hash = head.Hash
	}
	return at.Metagraph(ctx, netuid, hash)
}

// ago is how many blocks before now something was.
func ago(now, then uint64) string {
	if then == 0 {
		return "never"
	}
	return strconv.FormatUint(now-min(now, then), 10) + " ago"
}

type chainWeightsCmd struct {
	viewFlags
	UID *uint16 `name:"uid" help:"Only what this neuron has set."`
}

type weightRow struct {
	Validator strata.UID    `json:"validator"`
	Hotkey    strata.Hotkey `json:"hotkey"`
	Updated   uint64        `json:"last_update"`
	Weights   []weightTo    `json:"weights"`
}

type weightTo struct {
	UID   strata.UID `json:"uid"`
	Value uint16     `json:"value"`
	Share float64    `json:"percent"`
}

// Run prints each validator's weights, the neurons that have set none left out.
func (c *chainWeightsCmd) Run(ctx context.Context, s streams) error {
	at, err := c.open(ctx, s)
	if err != nil {
		return err
	}
	defer at.Close()
	netuid, err := at.subnet(c.viewFlags)
	if err != nil {
		return err
	}
	m, err := at.Metagraph(ctx, netuid, strata.BlockHash{})
	if err != nil {
		return err
	}
	if c.UID != nil && int(*c.UID) >= len(m.Neurons) {
		return strata.E(strata.NotFound, "subnet %d has no neuron %d: it has %d", netuid, *c.UID, len(m.Neurons))
	}
	rows, err := at.WeightRows(ctx, netuid, m.Head.Hash)
	if err != nil {
		return err
	}
	out := []weightRow{}
	var t grid
	t.add("VALIDATOR", "HOTKEY", "SET", "TO", "WEIGHT", "SHARE")
	for uid, row := range rows {
		if len(row) == 0 || uid >= len(m.Neurons) || c.UID != nil && int(*c.UID) != uid {
			continue
		}
		r := weightsOf(m.Neurons[uid], row)
		out = append(out, r)
		for i, w := range r.Weights {
			by := []any{r.Validator, r.Hotkey.Short(), ago(m.Head.Number, r.Updated)}
			if i > 0 {
				by = []any{"", "", ""}
			}
			t.add(append(by, w.UID, w.Value, percent(w.Share))...)
		}
	}
	return c.show(s, out, &t)
}

func weightsOf(n chain.Neuron, row []chain.Weight) weightRow {
	r := weightRow{n.UID, n.Hotkey, n.LastUpdate, nil}
	for i, share := range weightShares(row) {
		r.Weights = append(r.Weights, weightTo{row[i].UID, row[i].Value, share})
	}
	return r
}

func percent(v float64) string { return strconv.FormatFloat(v, 'f', 2, 64) + "%" }

type chainNeuronCmd struct {
	walletFlags
	viewFlags
	Who string `arg:"" optional:"" help:"UID or hotkey (ss58); the wallet's hotkey unless given."`
}

type neuronView struct {
	Netuid     strata.Netuid `json:"netuid"`
	Block      uint64        `json:"block"`
	Neuron     neuronRow     `json:"neuron"`
	ImmuneFor  uint64        `json:"immune_for_blocks"`
	EpochIn    uint64        `json:"epoch_in_blocks"`
	Scheme     string        `json:"weights_scheme"`
	Commitment string        `json:"commitment,omitempty"` // hex
	Set        []weightTo    `json:"weights_set"`
	Given      []weightFrom  `json:"weights_given"` // by validators to this neuron
}

type weightFrom struct {
	UID    strata.UID    `json:"validator"`
	Hotkey strata.Hotkey `json:"hotkey"`
	Share  float64       `json:"percent"`
}

// Run shows all of one neuron, and what validators think of it.
func (c *chainNeuronCmd) Run(ctx context.Context, s streams) error {
	at, err := c.viewFlags.open(ctx, s)
	if err != nil {
		return err
	}
	defer at.Close()
	netuid, err := at.subnet(c.viewFlags)
	if err != nil {
		return err
	}
	m, err := at.Metagraph(ctx, netuid, strata.BlockHash{})
	if err != nil {
		return err
	}
	n, err := c.find(m)
	if err != nil {
		return err
	}
	v, err := at.neuron(ctx, m, n)
	if err != nil {
		return err
	}
	return c.show(s, v, v.table())
}

// find returns the row of the neuron that is asked about.
func (c *chainNeuronCmd) find(m *chain.Metagraph) (chain.Neuron, error) {
	if uid, err := strconv.ParseUint(c.Who, 10, 16); err == nil {
		if int(uid) >= len(m.Neurons) {
			return chain.Neuron{}, strata.E(strata.NotFound, "subnet %d has no neuron %d: it has %d", m.Netuid, uid, len(m.Neurons))
		}
		return m.Neurons[uid], nil
	}
	var hot strata.Hotkey
	var err error
	if c.Who != "" {
		hot, err = strata.ParseHotkey(c.Who)
	} else {
		hot, err = c.walletFlags.open().LoadHotkeyPub()
	}
	if err != nil {
		return chain.Neuron{}, err
	}
	return m.Registered(hot)
}

func (l *lookout) neuron(ctx context.Context, m *chain.Metagraph, n chain.Neuron) (*neuronView, error) {
	p, err := l.Hyperparameters(ctx, m.Netuid)
	if err != nil {
		return nil, err
	}
	rows, err := l.WeightRows(ctx, m.Netuid, m.Head.Hash)
	if err != nil {
		return nil, err
	}
	now := m.Head.Number
	v := &neuronView{
		Netuid: m.Netuid, Block: now, Neuron: rowOf(n), EpochIn: p.Epochs(m.Netuid).Left(now), Scheme: p.Scheme.String(),
		Set: []weightTo{}, Given: []weightFrom{},
	}
	if end := n.Registered + uint64(p.ImmunityPeriod); end > now {
		v.ImmuneFor = end - now
	}
	data, err := l.Commitment(ctx, m.Netuid, n.Hotkey)
	if err != nil && strata.CodeOf(err) != strata.Invalid { // Invalid: not raw data
		return nil, err
	}
	v.Commitment = fmt.Sprintf("%x", data)
	for uid, row := range rows {
		shares := weightShares(row)
		for i, w := range row {
			if uid == int(n.UID) {
				v.Set = append(v.Set, weightTo{w.UID, w.Value, shares[i]})
			}
			if w.UID == n.UID && uid < len(m.Neurons) {
				v.Given = append(v.Given, weightFrom{strata.UID(uid), m.Neurons[uid].Hotkey, shares[i]})
			}
		}
	}
	return v, nil
}

func (v *neuronView) table() *grid {
	var t grid
	n := v.Neuron
	t.add("neuron", fmt.Sprintf("%d of subnet %d, after block %d", n.UID, v.Netuid, v.Block))
	t.add("hotkey", n.Hotkey)
	t.add("coldkey", n.Coldkey)
	t.add("stake", n.Stake)
	t.add("permit", yesNo(n.Permit))
	t.add("active", yesNo(n.Active))
	t.add("incentive", share(n.Incentive))
	t.add("dividends", share(n.Dividends))
	t.add("consensus", share(n.Consensus))
	t.add("vtrust", share(n.Trust))
	t.add("emission", n.Emission+" alpha in the last epoch")
	t.add("registered", "block "+strconv.FormatUint(n.Registered, 10))
	if v.ImmuneFor > 0 {
		t.add("immune", fmt.Sprintf("for %d blocks more", v.ImmuneFor))
	} else {
		t.add("immune", "no")
	}
	t.add("axon", orDash(n.Axon))
	t.add("updated", ago(v.Block, n.LastUpdate))
	t.add("next epoch", fmt.Sprintf("in %d blocks; weights: %s", v.EpochIn, v.Scheme))
	t.add("commitment", orDash(v.Commitment))
	for _, w := range v.Set {
		t.add("sets", fmt.Sprintf("%s to neuron %d", percent(w.Share), w.UID))
	}
	for _, w := range v.Given {
		t.add("is given", fmt.Sprintf("%s by validator %d, %s", percent(w.Share), w.UID, w.Hotkey.Short()))
	}
	return &t
}
