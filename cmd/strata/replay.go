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
	"strata/auditlog/onchain"
	"strata/chain/subtensor"
)

type replayCmd struct {
	Log      string `arg:"" help:"An audit log: its directory, one published segment, or the address where a validator publishes it."`
	Newest   int    `help:"Of an address, fetch only so many of the newest segments; all unless given."`
	Miner    string `help:"Say why this miner (hotkey, ss58) is paid what it is, and why not more."`
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
	Told        int                   `json:"states_told"` // taken from the log's beginning, which is in the middle
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
	var client *subtensor.Client
	if c.Network != "" || c.Endpoint != "" {
		var err error
		if client, err = (chainFlags{Network: c.Network, Endpoint: c.Endpoint}).dial(ctx, slog.New(slog.DiscardHandler)); err != nil {
			return err
		}
		defer client.Close()
	}
	done, err := c.fetch(ctx)
	if err != nil {
		return err
	}
	defer done()
	report, broken := auditlog.Replay(auditlog.Read(c.Log), nil)
	if broken != nil && strata.CodeOf(broken) != strata.Corrupt {
		return broken
	}
	if c.Miner != "" && broken == nil {
		return c.explain(s.out, report)
	}
	out := replayed{
		Validator: report.Header.Validator, Netuid: report.Header.Domain.Netuid, First: report.Header.First, Last: report.Last, Head: report.Head,
		Miners: report.Miners, Checks: report.Checks, Audits: report.Audits, Vectors: len(report.Vectors), Told: report.Told,
		Differences: report.Differences, Total: report.Total,
	}
	if broken != nil {
		out.Broken = broken.Error()
	}
	if client != nil && report.Entries > 0 && broken == nil {
		found, err := onchain.Compare(ctx, client, report, c.hashes)
		if err != nil {
			return err
		}
		out.Chain, out.ChainDiffer = found.Compared, found.Differ
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
	if r.First > 1 {
		fmt.Fprintf(w, "what is before entry %d is not here: %d miners' states are taken as they are told there\n", r.First, r.Told)
	}
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

// hashes returns those of entries of the log, which was read before.
func (c *replayCmd) hashes(numbers []uint64) (map[uint64]strata.Root, error) {
	wanted, out := map[uint64]bool{}, map[uint64]strata.Root{}
	for _, n := range numbers {
		wanted[n] = true
	}
	for item, err := range auditlog.Read(c.Log) {
		if err != nil {
			return nil, err
		}
		if wanted[item.Number] {
			out[item.Number] = item.Hash
		}
	}
	for n := range wanted {
		if _, ok := out[n]; !ok {
			return nil, strata.E(strata.NotFound, "entry %d is not in the log", n)
		}
	}
	return out, nil
}
