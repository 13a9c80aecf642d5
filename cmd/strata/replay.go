package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"slices"

	"strata"
	"strata/auditlog"
	"strata/chain"
	"strata/chain/subtensor"
	"strata/wire"
)

type replayCmd struct {
	Log      string `arg:"" help:"An audit log: its directory, or one published segment."`
	Network  string `name:"subtensor.network" help:"Compare with the chain too: finney, test, archive or local."`
	Endpoint string `name:"subtensor.chain_endpoint" help:"Compare with the chain too: websocket URL of a node."`
	JSON     bool   `name:"json" help:"Print the report as JSON."`
}

// replayed is what the verb prints.
type replayed struct {
	Validator   strata.Hotkey         `json:"validator"`
	Netuid      strata.Netuid         `json:"netuid"`
	First       uint64                `json:"first"`
	Last        uint64                `json:"last"`
	Head        strata.Root           `json:"head"`
	Miners      int                   `json:"miners"`
	Checks      uint64                `json:"checks"`
	Audits      uint64                `json:"audits"`
	Vectors     int                   `json:"vectors"`
	Differences []auditlog.Difference `json:"differences"`
	Total       int                   `json:"total_differences"`
	Broken      string                `json:"broken,omitempty"` // where the chain of entries breaks
	Chain       []string              `json:"chain,omitempty"`  // what was compared with the chain
	ChainDiffer []string              `json:"chain_differences,omitempty"`
}

// Run replays a log. Its status is 0 if everything follows, 9 (Corrupt) if the
// log was altered, 5 (Conflict) if it or the chain says something else than the
// rule gives.
func (c *replayCmd) Run(ctx context.Context, s streams) error {
	var on *onChain
	if c.Network != "" || c.Endpoint != "" {
		var err error
		if on, err = c.dial(ctx); err != nil {
			return err
		}
		defer on.client.Close()
	}
	report, broken := auditlog.Replay(auditlog.Read(c.Log), nil)
	if broken != nil && strata.CodeOf(broken) != strata.Corrupt {
		return broken
	}
	out := replayed{
		Validator: report.Header.Validator, Netuid: report.Header.Domain.Netuid, First: report.Header.First, Last: report.Last, Head: report.Head,
		Miners: report.Miners, Checks: report.Checks, Audits: report.Audits, Vectors: len(report.Vectors),
		Differences: report.Differences, Total: report.Total,
	}
	if broken != nil {
		out.Broken = broken.Error()
	}
	if on != nil && report.Entries > 0 && broken == nil {
		if err := on.compare(ctx, report, &out); err != nil {
			return err
		}
	}
	if err := c.print(s.out, out); err != nil {
		return err
	}
	switch {
	case broken != nil:
		return broken
	case out.Total > 0:
		return strata.E(strata.Conflict, "%d entries of the log do not follow from the rule", out.Total)
	case len(out.ChainDiffer) > 0:
		return strata.E(strata.Conflict, "the chain does not have what the log says")
	}
	return nil
}

func (c *replayCmd) print(w io.Writer, r replayed) error {
	if c.JSON {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	fmt.Fprintf(w, "audit log of %s on subnet %d\n", r.Validator, r.Netuid)
	fmt.Fprintf(w, "entries %d to %d, head %s\n", r.First, r.Last, r.Head)
	fmt.Fprintf(w, "%d miners, %d checks, %d audits, %d weight vectors\n", r.Miners, r.Checks, r.Audits, r.Vectors)
	for _, d := range r.Differences {
		miner := ""
		if d.Miner != nil {
			miner = ", miner " + d.Miner.String()
		}
		fmt.Fprintf(w, "entry %d%s: %s\n", d.Entry, miner, d.What)
	}
	for _, line := range slices.Concat(r.Chain, r.ChainDiffer) {
		fmt.Fprintln(w, line)
	}
	if r.Broken == "" && r.Total == 0 && len(r.ChainDiffer) == 0 {
		fmt.Fprintln(w, "everything follows")
	}
	return nil
}

// onChain compares a log with a chain.
type onChain struct {
	client  *subtensor.Client
	genesis strata.GenesisHash
	path    string // of the log
}

func (c *replayCmd) dial(ctx context.Context) (*onChain, error) {
	client, err := chainFlags{Network: c.Network, Endpoint: c.Endpoint}.dial(ctx, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	o := &onChain{client: client, path: c.Log}
	if o.genesis, err = client.Genesis(ctx); err != nil {
		client.Close()
		return nil, err
	}
	return o, nil
}

// hash returns that of an entry of the log, which was read before.
func (o *onChain) hash(number uint64) (strata.Root, error) {
	for item, err := range auditlog.Read(o.path) {
		if err != nil {
			return strata.Root{}, err
		}
		if item.Number == number {
			return item.Hash, nil
		}
	}
	return strata.Root{}, strata.E(strata.NotFound, "entry %d is not in the log", number)
}

// compare asks the chain for the committed head and for the vector that was
// current after the log's last one.
func (o *onChain) compare(ctx context.Context, r auditlog.Report, out *replayed) error {
	if o.genesis != r.Header.Domain.Genesis {
		return strata.E(strata.Invalid, "the log is of the chain with genesis %s, the node of %s: name the right network", r.Header.Domain.Genesis, o.genesis)
	}
	says := func(format string, args ...any) { out.Chain = append(out.Chain, fmt.Sprintf(format, args...)) }
	differs := func(format string, args ...any) {
		out.ChainDiffer = append(out.ChainDiffer, fmt.Sprintf(format, args...))
	}
	b, err := o.client.Commitment(ctx, r.Header.Domain.Netuid, r.Header.Validator)
	if err != nil {
		return err
	}
	commitment, err := wire.DecodeCommitment(b)
	var hash strata.Root
	if n := commitment.AuditSequence; err == nil && n >= r.Header.First && n <= r.Last {
		if hash, err = o.hash(n); err != nil {
			return err
		}
	}
	switch {
	case b == nil || err != nil || commitment.AuditSequence == 0:
		differs("chain: the validator has committed no audit log")
	case commitment.AuditSequence > r.Last:
		says("chain: entry %d is committed, which is not in this log yet", commitment.AuditSequence)
	case commitment.AuditSequence < r.Header.First:
		says("chain: entry %d is committed, which is before this log", commitment.AuditSequence)
	case hash != commitment.AuditHead:
		differs("chain: entry %d is committed as %s, the log has %s", commitment.AuditSequence, strata.Root(commitment.AuditHead), hash)
	default:
		says("chain: entry %d is committed as the log has it", commitment.AuditSequence)
	}
	if len(r.Vectors) == 0 {
		return nil
	}
	return o.compareWeights(ctx, r, says, differs)
}

// compareWeights compares the log's last vector with what the chain had in the
// second half of the epoch after it, or has now.
func (o *onChain) compareWeights(ctx context.Context, r auditlog.Report, says, differs func(string, ...any)) error {
	v := r.Vectors[len(r.Vectors)-1]
	netuid := r.Header.Domain.Netuid
	head, err := o.client.Head(ctx)
	if err != nil {
		return err
	}
	params, err := o.client.Hyperparameters(ctx, netuid)
	if err != nil {
		return err
	}
	// Its successor comes half an epoch later at the earliest. Where weights are
	// committed first, each counts from the start of an epoch on.
	epoch := uint64(r.Tempo) + 1
	number := min(head.Number, v.Block+epoch/2-1)
	if params.CommitReveal {
		if number = v.Block + params.RevealPeriod*epoch + epoch/2; number > head.Number {
			says("chain: the log's last vector is not revealed yet")
			return nil
		}
	}
	at, err := o.client.BlockAt(ctx, number)
	if err != nil {
		return err
	}
	graph, err := o.client.Metagraph(ctx, netuid, at.Hash)
	if strata.CodeOf(err) == strata.NotFound || strata.CodeOf(err) == strata.Unavailable {
		says("chain: the node no longer has block %d, after which the log's last vector held: name an archive node", at.Number)
		return nil
	}
	if err != nil {
		return err
	}
	row, err := graph.Registered(r.Header.Validator)
	if err != nil {
		return err
	}
	set, err := o.client.WeightsAt(ctx, netuid, row.UID, at.Hash)
	if err != nil {
		return err
	}
	if wrong := vectorDiffers(set, v.Weights); wrong != "" {
		differs("chain: at block %d the weights are others than those that the log computed at block %d: %s", at.Number, v.Block, wrong)
	} else {
		says("chain: at block %d the weights are those of the log", at.Number)
	}
	return nil
}

// vectorDiffers says in what two vectors differ, "" if in nothing.
func vectorDiffers(chain []chain.Weight, log []auditlog.Weight) string {
	want := map[strata.UID]uint16{}
	for _, w := range log {
		want[w.UID] = w.Value
	}
	for _, w := range chain {
		if want[w.UID] != w.Value {
			return fmt.Sprintf("UID %d has %d, the log says %d", w.UID, w.Value, want[w.UID])
		}
		delete(want, w.UID)
	}
	for uid, v := range want {
		if v > 0 {
			return fmt.Sprintf("UID %d is not there, the log says %d", uid, v)
		}
	}
	return ""
}
