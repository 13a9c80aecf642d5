package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"strata"
	"strata/gateway"
)

type statusCmd struct {
	userFlags
}

// Run shows the network as the page does.
func (c *statusCmd) Run(ctx context.Context, s streams) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	defer api.Close()
	st, err := api.Network(ctx)
	switch {
	case err != nil:
		return err
	case c.JSON:
		return printJSON(s.out, st)
	}
	return showStatus(s.out, st, time.Now())
}

func showStatus(w io.Writer, st gateway.NetworkStatus, now time.Time) error {
	fmt.Fprintf(w, "network  %s, netuid %d, block %d, %s\n", st.Profile, st.Netuid, st.Block, elapsed(st.BlockTime, now))
	fmt.Fprintf(w, "files    %d of %s\n", st.Objects, strata.ByteSize(st.ObjectBytes))
	if r := st.Repair; r != nil {
		fmt.Fprintf(w, "repair   %d segments endangered, %d urgent, %d unreadable, %d moving, %d blocked; %s to go\n",
			r.Endangered, r.Urgent, r.Unreadable, r.Moving, r.Blocked, strata.ByteSize(r.BytesToGo))
	}
	if b := st.Backup; b != nil {
		fmt.Fprintf(w, "backup   %s\n", backupLine(*b, now))
	}
	if len(st.Miners) == 0 {
		_, err := fmt.Fprintln(w, "miners   none yet")
		return err
	}
	var sum uint64
	for _, m := range st.Miners {
		sum += uint64(m.Weight)
	}
	fmt.Fprintln(w)
	t := &grid{}
	t.add("UID", "MINER", "STATE", "SECTORS", "PROVEN", "AUDITED", "FAILED", "WEIGHT", "SEEN", "PROBLEM")
	for _, m := range st.Miners {
		t.add(m.UID, m.Hotkey, minerState(m, now), fmt.Sprintf("%d/%d", m.Sealed, m.Target), strata.ByteSize(m.ProvenBytes),
			m.AuditsPassed+m.AuditsFailed, m.AuditsFailed, portion(uint64(m.Weight), sum), elapsed(m.LastSeen, now), m.LastError)
	}
	return t.print(w)
}

func backupLine(b gateway.BackupStatus, now time.Time) string {
	switch {
	case b.Behind != "":
		return "stopped: " + b.Behind
	case b.Version == 0:
		return "not saved yet"
	}
	return fmt.Sprintf("version %d, saved %s", b.Version, elapsed(b.Saved, now))
}

// minerState is a miner's state in the words of the page.
func minerState(m gateway.Miner, now time.Time) string {
	switch {
	case m.LastError != "":
		return "problem"
	case m.LastSeen.IsZero():
		return "not seen"
	case now.Sub(m.LastSeen) >= gateway.Quiet:
		return "silent"
	case m.Leaving:
		return "leaving"
	case m.Sealed < m.Target:
		return "sealing"
	}
	return "good"
}

// portion is a part of a whole in per cent; of nothing it is nothing.
func portion(part, whole uint64) string {
	if whole == 0 {
		return percent(0)
	}
	return percent(100 * float64(part) / float64(whole))
}

// elapsed says how long before now a time was, roughly.
func elapsed(t, now time.Time) string {
	d := now.Sub(t)
	switch {
	case t.IsZero():
		return "never"
	case d < time.Minute:
		return fmt.Sprintf("%ds ago", max(0, int(d.Seconds())))
	case d < time.Hour:
		return fmt.Sprintf("%dm ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh ago", int(d.Hours()))
	}
	return fmt.Sprintf("%dd ago", int(d.Hours()/24))
}
