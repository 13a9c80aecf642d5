package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"strata"
	"strata/auditlog"
	"strata/score"
)

// fetch gets logs that are named by their address into directories, and names those
// instead; done removes them.
func (c *replayCmd) fetch(ctx context.Context) (done func(), err error) {
	var dirs []string
	done = func() {
		for _, dir := range dirs {
			_ = os.RemoveAll(dir) // it is the system's temporary directory
		}
	}
	for i, log := range c.Logs {
		if !strings.HasPrefix(log, "http://") && !strings.HasPrefix(log, "https://") {
			continue
		}
		dir, err := os.MkdirTemp("", "strata-replay-")
		if err != nil {
			done()
			return nil, strata.E(strata.NoSpace, "make a temporary directory: %w", err)
		}
		dirs = append(dirs, dir)
		if err := (auditlog.Peer{URL: log, Client: &http.Client{}}).Segments(ctx, c.Newest, dir); err != nil {
			done()
			return nil, err
		}
		c.Logs[i] = dir
	}
	return done, nil
}

// explain says why a miner is paid what it is.
func (c *replayCmd) explain(w io.Writer, r auditlog.Report) error {
	h, err := strata.ParseHotkey(c.Miner)
	if err != nil {
		return err
	}
	s, ok := r.Standing(h)
	if !ok {
		return strata.E(strata.NotFound, "the log does not speak of miner %s: check the hotkey, or take more of the log", h)
	}
	if c.JSON {
		return printJSON(w, s)
	}
	return printStanding(w, r, s)
}

func printStanding(w io.Writer, r auditlog.Report, s auditlog.Standing) error {
	checks := uint64(0)
	failed := uint64(0)
	for _, k := range s.Cohorts {
		checks, failed = checks+k.Checks, failed+k.Failed
	}
	fmt.Fprintf(w, "miner     %s\nvalidator %s, block %d, entries %d to %d\n\n", s.Miner, r.Header.Validator, s.Block, r.Header.First, r.Last)
	t := &grid{}
	rank := "none yet"
	if s.Rank > 0 {
		rank = fmt.Sprintf("%d of 65535, %s of this validator's, rank %d of %d", s.Weight, ppm(s.Share), s.Rank, s.Of)
	}
	t.add("weight", rank)
	t.add("credit", strata.ByteSize(s.Credit).String()+" = proven x audits x counted / listed")
	t.add("proven", fmt.Sprintf("%s by %d checks, %d of them differed; what they prove with 95 %% certainty", strata.ByteSize(s.Proven), checks, failed))
	t.add("audits", fmt.Sprintf("x %s: %d leaves passed, %d failed, of those that count: a day's on public networks", ppm(s.Factor), s.Leaves.Passed, s.Leaves.Failed))
	t.add("counted", fmt.Sprintf("%s of %s listed; %s are users' shards", strata.ByteSize(s.Covered), strata.ByteSize(s.Listed), strata.ByteSize(s.Shards)))
	t.add("standing", s.Standing)
	t.add("in the log", fmt.Sprintf("%d audits: %d late, %d without an answer, slowest in time %s", s.Seen.Audits, s.Seen.Late, s.Seen.Unanswered, time.Duration(s.Seen.Slowest).Round(100*time.Microsecond)))
	t.add("", fmt.Sprintf("%d checks: %d differed; shards missing %d times, refused %d times; %d proofs of fraud", s.Seen.Checks, s.Seen.Mismatched, s.Seen.Missing, s.Seen.Refused, s.Seen.Proofs))
	if err := t.print(w); err != nil {
		return err
	}
	fmt.Fprintln(w, "\nwhy not more")
	for _, line := range hindrances(s) {
		fmt.Fprintln(w, "  "+line)
	}
	return nil
}

// hindrances says what keeps a miner from more, the worst first.
func hindrances(s auditlog.Standing) (out []string) {
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	switch s.Standing {
	case score.Penalised.String():
		say("fraud is proven: no credit until block %d, and then until %d checks have passed", s.Until, score.ProbationChecks)
	case score.Suspended.String(), score.Probation.String():
		say("a check found another root than the miner's, or it signed two manifests of one sequence: no credit until %d more checks have passed", s.Owed)
	}
	if s.Leaving {
		say("it leaves, or did until less than an epoch ago: only users' shards are paid for, not filler")
	}
	if s.Listed == 0 {
		return append(out, "it shows no sectors: is it running, reachable and done with sealing?")
	}
	if s.Proven == 0 {
		say("none of its sectors was checked yet: the first checks come some hours after they appear, on a local chain at once")
	} else if s.Proven < s.Listed-s.Listed/20 {
		say("checks prove %s of %s so far: every one that passes proves more", strata.ByteSize(s.Proven), strata.ByteSize(s.Listed))
	}
	if all := s.Leaves.Passed + s.Leaves.Failed; s.Leaves.Failed > 0 {
		say("%d of %d leaves failed, each costs about four times its part: answers late (%d audits), absent (%d) or wrong, and 16 leaves for each shard lost or refused",
			s.Leaves.Failed, all, s.Seen.Late, s.Seen.Unanswered)
	} else if s.Factor < 985_000 {
		say("only %d leaves were asked for yet: the factor grows with each that passes", all)
	}
	if s.Covered < s.Listed-s.Listed/100 {
		say("%s are listed and do not count: shards deleted, without an order, or beyond the validator's stake", strata.ByteSize(s.Listed-s.Covered))
	}
	if len(out) == 0 {
		say("nothing: all that it shows is proven. More space brings more, and stake of others moves the rest")
	}
	return out
}

// ppm is a part in per cent.
func ppm(n uint64) string { return percent(float64(n) / 1e4) }
