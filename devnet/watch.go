package devnet

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"strata"
	"strata/gateway"
	"strata/gateway/client"
)

// Status asks the first validator's gateway how the network is.
func (n *Network) Status(ctx context.Context) (gateway.NetworkStatus, error) {
	api, err := n.client()
	if err != nil {
		return gateway.NetworkStatus{}, err
	}
	defer api.Close()
	return api.Network(ctx)
}

func (n *Network) client() (*client.Client, error) {
	token, err := n.Token()
	if err != nil {
		return nil, err
	}
	return client.New(n.GatewayURL(), token)
}

// AwaitReady returns once every miner is registered, sealed and audited once.
// It calls progress with each status on the way.
func (n *Network) AwaitReady(ctx context.Context, progress func(gateway.NetworkStatus)) error {
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for {
		if st, err := n.Status(ctx); err == nil {
			progress(st)
			if n.ready(st) {
				return nil
			}
		}
		if err := n.dead(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

func (n *Network) ready(st gateway.NetworkStatus) bool {
	done := 0
	for _, m := range st.Miners {
		if m.Target > 0 && m.Sealed == m.Target && m.AuditsPassed > 0 {
			done++
		}
	}
	return done >= n.plan.Miners
}

// dead reports a process that ended before it was asked to.
func (n *Network) dead() error {
	for _, p := range n.Processes() {
		if !p.Alive() {
			return strata.E(strata.Unavailable, "%s ended (%v): %s; its log is %s", p.Name, p.err, lastLine(p.Log), p.Log)
		}
	}
	return nil
}

// Table renders a status for a terminal.
func Table(w io.Writer, st gateway.NetworkStatus) error {
	fmt.Fprintf(w, "block %d · %d objects · %s stored\n\n", st.Block, st.Objects, strata.ByteSize(st.ObjectBytes))
	if r := st.Repair; r != nil && r.Endangered+r.Moving > 0 {
		fmt.Fprintf(w, "repair: %d segments endangered (%d urgent, %d unreadable), %d moving, %s to go\n\n",
			r.Endangered, r.Urgent, r.Unreadable, r.Moving, strata.ByteSize(r.BytesToGo))
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "uid\tminer\tsectors\taudits ok/failed\tproven\tweight\t")
	for _, m := range st.Miners {
		fmt.Fprintf(t, "%d\t%s\t%d/%d\t%d/%d\t%s\t%d\t\n", m.UID, m.Hotkey.Short(), m.Sealed, m.Target,
			m.AuditsPassed, m.AuditsFailed, strata.ByteSize(m.ProvenBytes), m.Weight)
	}
	return t.Flush()
}

// Screen redraws the table in place on a terminal.
type Screen struct {
	Out   io.Writer
	lines int // drawn last time
}

// Draw replaces what was drawn before with st and a closing line.
func (s *Screen) Draw(st gateway.NetworkStatus, footer string) error {
	var b strings.Builder
	if err := Table(&b, st); err != nil {
		return err
	}
	b.WriteString("\n" + footer + "\n")
	if s.lines > 0 {
		fmt.Fprintf(s.Out, "\x1b[%dA\x1b[J", s.lines) // cursor up, clear to the end
	}
	s.lines = strings.Count(b.String(), "\n")
	_, err := io.WriteString(s.Out, b.String())
	return err
}

// Totals sums a status up: sectors sealed, sectors planned, miners audited.
func Totals(st gateway.NetworkStatus) (sealed, target uint64, audited int) {
	for _, m := range st.Miners {
		sealed += m.Sealed
		target += m.Target
		if m.AuditsPassed > 0 {
			audited++
		}
	}
	return sealed, target, audited
}
