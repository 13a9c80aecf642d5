package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"

	"strata"
	"strata/auditlog"
	"strata/auditlog/onchain"
	"strata/chain/subtensor"
	"strata/internal/durable"
	"strata/wire"
)

type replayCmd struct {
	Logs     []string `arg:"" name:"log" help:"Audit logs: each a directory, one published segment, or the address where a validator publishes it. Those of several validators are compared with each other too."`
	Newest   int      `help:"Of an address, fetch only so many of the newest segments; all unless given."`
	Miner    string   `help:"Say why this miner (hotkey, ss58) is paid what it is, and why not more."`
	Proofs   string   `name:"proofs" help:"Directory for proofs of fraud that the comparison gives: any validator takes them in its auditlog/inbox."`
	Network  string   `name:"subtensor.network" help:"Compare with the chain too: finney, test, archive or local."`
	Endpoint string   `name:"subtensor.chain_endpoint" help:"Compare with the chain too: websocket URL of a node."`
	JSON     bool     `name:"json" help:"Print the report as JSON."`
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

// replays is what the verb prints of several logs.
type replays struct {
	Logs           []replayed               `json:"logs"`
	Contradictions []auditlog.Contradiction `json:"contradictions"`
	Total          int                      `json:"total_contradictions"`
	Apart          []auditlog.Apart         `json:"credits_apart,omitempty"`
}

// Run replays logs and compares them. Its status is 0 if everything follows, 9
// (Corrupt) if a log was altered, 5 (Conflict) if one or the chain says something
// else than the rule gives, or two say what cannot both be.
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
	var all replays
	var reports []auditlog.Report
	var first error
	for _, log := range c.Logs {
		report, out, broken, err := replayLog(ctx, client, log)
		if err != nil {
			return err
		}
		if c.Miner != "" && broken == nil {
			if err := c.explain(s.out, report); err != nil {
				return err
			}
			continue
		}
		reports, all.Logs = append(reports, report), append(all.Logs, out)
		if verdict := out.verdict(broken); strata.CodeOf(first) != strata.Corrupt && verdict != nil && (first == nil || broken != nil) {
			first = verdict
		}
	}
	if c.Miner != "" && first == nil {
		return nil
	}
	if len(c.Logs) > 1 {
		found, err := auditlog.Compare(c.Logs)
		if err != nil {
			return err
		}
		all.Contradictions, all.Total, all.Apart = found.Contradictions, found.Total, auditlog.CreditsApart(reports)
		if first == nil && found.Total > 0 {
			first = strata.E(strata.Conflict, "the logs contradict each other: %d times", found.Total)
		}
		if err := c.saveProofs(found.Contradictions); err != nil {
			return err
		}
	}
	if err := c.print(s.out, all); err != nil {
		return err
	}
	return first
}

// replayLog replays one log. broken is where its chain ends.
func replayLog(ctx context.Context, client *subtensor.Client, log string) (report auditlog.Report, out replayed, broken, err error) {
	report, broken = auditlog.Replay(auditlog.Read(log), nil)
	if broken != nil && strata.CodeOf(broken) != strata.Corrupt {
		return report, out, nil, broken
	}
	out = replayed{
		Validator: report.Header.Validator, Netuid: report.Header.Domain.Netuid, First: report.Header.First, Last: report.Last, Head: report.Head,
		Miners: report.Miners, Checks: report.Checks, Audits: report.Audits, Vectors: len(report.Vectors), Told: report.Told,
		Differences: report.Differences, Total: report.Total,
	}
	if broken != nil {
		out.Broken = broken.Error()
	}
	if client != nil && report.Entries > 0 && broken == nil {
		found, err := onchain.Compare(ctx, client, report, func(numbers []uint64) (map[uint64]strata.Root, error) { return logHashes(log, numbers) })
		if err != nil {
			return report, out, nil, err
		}
		out.Chain, out.ChainDiffer = found.Compared, found.Differ
	}
	return report, out, broken, nil
}

// verdict is the error that a log's status follows from.
func (r replayed) verdict(broken error) error {
	switch {
	case broken != nil:
		return broken
	case r.Total > 0:
		return strata.E(strata.Conflict, "%d entries of the log do not follow from the rule", r.Total)
	case len(r.ChainDiffer) > 0:
		return strata.E(strata.Conflict, "the chain does not have what the log says")
	}
	return nil
}

// saveProofs writes the proofs of fraud that logs give together.
func (c *replayCmd) saveProofs(found []auditlog.Contradiction) error {
	for _, x := range found {
		if c.Proofs == "" || x.Proof == nil {
			continue
		}
		f, err := wire.DecodeFraudProof(x.Proof)
		if err == nil {
			err = os.MkdirAll(c.Proofs, 0o755)
		}
		if err == nil {
			err = durable.WriteFile(filepath.Join(c.Proofs, f.Name().String()+auditlog.FraudSuffix), x.Proof, 0o644)
		}
		if err != nil {
			return fmt.Errorf("write a proof of fraud: %w", err)
		}
	}
	return nil
}

// print writes what was found: of one log as before there could be several.
func (c *replayCmd) print(w io.Writer, all replays) error {
	if c.JSON {
		if len(all.Logs) == 1 {
			return printJSON(w, all.Logs[0])
		}
		return printJSON(w, all)
	}
	for _, r := range all.Logs {
		r.print(w)
	}
	for _, x := range all.Contradictions {
		fmt.Fprintf(w, "%s and %s%s: %s\n", placeOf(x.Places[0]), placeOf(x.Places[1]), minerOf(x.Miner), x.What)
	}
	if n := all.Total - len(all.Contradictions); n > 0 {
		fmt.Fprintf(w, "and %d more contradictions\n", n)
	}
	for _, x := range all.Apart {
		fmt.Fprintf(w, "%s and %s%s: credits of %d and %d; it may answer one and not the other\n", placeOf(x.Places[0]), placeOf(x.Places[1]), minerOf(&x.Miner), x.Credits[0], x.Credits[1])
	}
	if len(all.Logs) > 1 && all.Total == 0 {
		fmt.Fprintln(w, "the logs do not contradict each other")
	}
	return nil
}

func placeOf(p auditlog.Place) string { return fmt.Sprintf("entry %d of %s", p.Entry, p.Validator) }

func minerOf(h *strata.Hotkey) string {
	if h == nil {
		return ""
	}
	return ", miner " + h.String()
}

func (r replayed) print(w io.Writer) {
	fmt.Fprintf(w, "audit log of %s on subnet %d\n", r.Validator, r.Netuid)
	fmt.Fprintf(w, "entries %d to %d, head %s\n", r.First, r.Last, r.Head)
	fmt.Fprintf(w, "%d miners, %d checks, %d audits, %d weight vectors\n", r.Miners, r.Checks, r.Audits, r.Vectors)
	if r.First > 1 {
		fmt.Fprintf(w, "what is before entry %d is not here: %d miners' states are taken as they are told there\n", r.First, r.Told)
	}
	for _, d := range r.Differences {
		fmt.Fprintf(w, "entry %d%s: %s\n", d.Entry, minerOf(d.Miner), d.What)
	}
	for _, line := range slices.Concat(r.Chain, r.ChainDiffer) {
		fmt.Fprintln(w, line)
	}
	if r.Broken == "" && r.Total == 0 && len(r.ChainDiffer) == 0 {
		fmt.Fprintln(w, "everything follows")
	}
}

// logHashes returns those of entries of a log, which was read before.
func logHashes(log string, numbers []uint64) (map[uint64]strata.Root, error) {
	wanted, out := map[uint64]bool{}, map[uint64]strata.Root{}
	for _, n := range numbers {
		wanted[n] = true
	}
	for item, err := range auditlog.Read(log) {
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
