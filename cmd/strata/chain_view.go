package main

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"strata"
	"strata/chain"
	"strata/chain/subtensor"
)

// viewFlags are what every command has that only looks at a chain.
type viewFlags struct {
	chainFlags
	logFlags
	JSON bool `name:"json" help:"Print JSON."`
}

// lookout is a chain that is looked at.
type lookout struct {
	*subtensor.Client
	log     *slog.Logger
	profile strata.Profile
}

// open connects. The caller closes it.
func (f viewFlags) open(ctx context.Context, s streams) (*lookout, error) {
	log, err := f.logger(s.err)
	if err != nil {
		return nil, err
	}
	c, err := f.dial(ctx, log)
	if err != nil {
		return nil, err
	}
	g, err := c.Genesis(ctx)
	if err != nil {
		c.Close()
		return nil, err
	}
	return &lookout{c, log, strata.ProfileFor(g)}, nil
}

// show prints a table, or JSON where that is asked for.
func (f viewFlags) show(s streams, v any, t *grid) error {
	if f.JSON {
		return printJSON(s.out, v)
	}
	return t.print(s.out)
}

type chainInfoCmd struct{ viewFlags }

type chainInfo struct {
	Chain       string             `json:"chain"`
	Profile     string             `json:"profile"`
	Endpoint    string             `json:"endpoint"`
	Node        string             `json:"node"`
	Peers       int                `json:"peers"`
	Syncing     bool               `json:"syncing"`
	Genesis     strata.GenesisHash `json:"genesis"`
	Block       uint64             `json:"block"`
	BlockTime   time.Time          `json:"block_time"`
	Finalized   uint64             `json:"finalized"`
	SpecName    string             `json:"spec_name"`
	SpecVersion uint32             `json:"spec_version"`
	TxVersion   uint32             `json:"transaction_version"`
	Metadata    uint8              `json:"metadata_version"`
	Subnets     int                `json:"subnets"`
	Issuance    string             `json:"tao_issued"`
}

// Run shows which chain and node this is, and whether it keeps up.
func (c *chainInfoCmd) Run(ctx context.Context, s streams) error {
	at, err := c.open(ctx, s)
	if err != nil {
		return err
	}
	defer at.Close()
	info, err := at.info(ctx)
	if err != nil {
		return err
	}
	var t grid
	t.add("chain", fmt.Sprintf("%s (%s profile)", info.Chain, info.Profile))
	t.add("endpoint", info.Endpoint)
	t.add("node", fmt.Sprintf("%s, %d peers", info.Node, info.Peers))
	t.add("genesis", "0x"+info.Genesis.String())
	t.add("block", fmt.Sprintf("%d, %s ago", info.Block, since(info.BlockTime)))
	t.add("finalized", info.Finalized)
	t.add("syncing", yesNo(info.Syncing))
	t.add("runtime", fmt.Sprintf("%s %d, transaction version %d, metadata V%d", info.SpecName, info.SpecVersion, info.TxVersion, info.Metadata))
	t.add("subnets", info.Subnets)
	t.add("issued", info.Issuance+" TAO")
	return c.show(s, info, &t)
}

func (l *lookout) info(ctx context.Context) (*chainInfo, error) {
	node, err := l.NodeInfo(ctx)
	if err != nil {
		return nil, err
	}
	genesis, err := l.Genesis(ctx)
	if err != nil {
		return nil, err
	}
	head, err := l.Head(ctx)
	if err != nil {
		return nil, err
	}
	final, err := l.Finalized(ctx)
	if err != nil {
		return nil, err
	}
	subnets, err := l.Netuids(ctx)
	if err != nil {
		return nil, err
	}
	return &chainInfo{
		Chain: node.Chain, Profile: l.profile.Name, Endpoint: node.Endpoint, Node: node.Software, Peers: node.Peers, Syncing: node.Syncing,
		Genesis: genesis, Block: head.Number, BlockTime: head.Time, Finalized: final.Number, SpecName: node.SpecName,
		SpecVersion: node.SpecVersion, TxVersion: node.TxVersion, Metadata: node.Metadata, Subnets: len(subnets), Issuance: node.Issuance.String(),
	}, nil
}

// since is how long ago a block's time is, to a person.
func since(t time.Time) string {
	d := time.Since(t)
	if t.IsZero() || d < 0 {
		return "0s"
	}
	return d.Round(100 * time.Millisecond).String()
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

type chainSubnetsCmd struct{ viewFlags }

type subnetRow struct {
	Netuid     strata.Netuid  `json:"netuid"`
	Name       string         `json:"name"`
	Neurons    uint16         `json:"neurons"`
	MaxNeurons uint16         `json:"max_neurons"`
	Tempo      uint16         `json:"tempo"`
	SinceEpoch uint64         `json:"blocks_since_epoch"`
	Burn       string         `json:"burn_tao"`
	Open       bool           `json:"registration_open"`
	TAO        string         `json:"tao"`
	Owner      strata.Coldkey `json:"owner"`
}

// Run lists the subnets.
func (c *chainSubnetsCmd) Run(ctx context.Context, s streams) error {
	at, err := c.open(ctx, s)
	if err != nil {
		return err
	}
	defer at.Close()
	list, err := at.Subnets(ctx)
	if err != nil {
		return err
	}
	var t grid
	t.add("NETUID", "NAME", "NEURONS", "TEMPO", "SINCE EPOCH", "BURN", "OPEN", "TAO", "OWNER")
	rows := []subnetRow{}
	for _, n := range list {
		r := subnetRow{n.Netuid, n.Name, n.Neurons, n.MaxNeurons, n.Tempo, n.SinceStep, n.Burn.String(), n.Open, n.TAO.String(), n.Owner}
		rows = append(rows, r)
		owner := "-"
		if !n.Owner.IsZero() {
			owner = n.Owner.String()
		}
		t.add(r.Netuid, orDash(r.Name), fmt.Sprintf("%d/%d", r.Neurons, r.MaxNeurons), r.Tempo, r.SinceEpoch, r.Burn, yesNo(r.Open), r.TAO, owner)
	}
	return c.show(s, rows, &t)
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

type chainBalanceCmd struct {
	walletFlags
	viewFlags
	Address string `arg:"" optional:"" help:"Whose (ss58); the wallet's coldkey unless given, for which its public half suffices."`
}

type balanceView struct {
	Coldkey strata.Coldkey `json:"coldkey"`
	Free    string         `json:"free_tao"`
	Stakes  []stakeRow     `json:"stakes"`
	// NoStakes says that the node cannot list what a coldkey has staked.
	NoStakes bool `json:"stakes_unknown,omitempty"`
}

type stakeRow struct {
	Netuid strata.Netuid `json:"netuid"`
	Hotkey strata.Hotkey `json:"hotkey"`
	Amount string        `json:"amount"` // of the subnet's alpha; TAO on subnet 0
}

// Run shows what a coldkey has free and staked.
func (c *chainBalanceCmd) Run(ctx context.Context, s streams) error {
	cold, err := c.coldkey()
	if err != nil {
		return err
	}
	at, err := c.open(ctx, s)
	if err != nil {
		return err
	}
	defer at.Close()
	free, err := at.Balance(ctx, cold)
	if err != nil {
		return err
	}
	v := balanceView{Coldkey: cold, Free: free.String(), Stakes: []stakeRow{}}
	stakes, err := at.Stakes(ctx, cold)
	switch {
	case strata.CodeOf(err) == strata.NotFound:
		v.NoStakes = true
	case err != nil:
		return err
	}
	var t grid
	t.add("coldkey", cold)
	t.add("free", v.Free+" TAO")
	if v.NoStakes {
		t.add("staked", "not known: this node has no StakeInfoRuntimeApi")
	}
	for _, r := range stakes {
		v.Stakes = append(v.Stakes, stakeRow{r.Netuid, r.Hotkey, r.Amount.String()})
		t.add("staked", fmt.Sprintf("%s on %s, subnet %d", r.Amount, r.Hotkey, r.Netuid))
	}
	return c.show(s, v, &t)
}

func (c *chainBalanceCmd) open(ctx context.Context, s streams) (*lookout, error) {
	return c.viewFlags.open(ctx, s)
}

func (c *chainBalanceCmd) coldkey() (strata.Coldkey, error) {
	if c.Address != "" {
		return strata.ParseColdkey(c.Address)
	}
	return c.walletFlags.open().LoadColdkeyPub()
}

// subnet returns the subnet that a command looks at.
func (l *lookout) subnet(f viewFlags) (strata.Netuid, error) { return f.chainFlags.subnet(l.profile) }

// share is a part of 65535, in per cent.
func share(v uint16) string { return strconv.FormatFloat(float64(v)/655.35, 'f', 2, 64) + "%" }

// weightShares are a row of weights as parts of their sum, in per cent.
func weightShares(row []chain.Weight) []float64 {
	var sum float64
	for _, w := range row {
		sum += float64(w.Value)
	}
	out := make([]float64, len(row))
	for i, w := range row {
		if sum > 0 {
			out[i] = 100 * float64(w.Value) / sum
		}
	}
	return out
}
