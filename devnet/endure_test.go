package devnet

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"strata"
	"strata/chain"
	"strata/chain/devchain"
	"strata/chain/scale"
	"strata/chain/subtensor"
	"strata/wallet"
)

// TestEndurance lets a network run for the time that STRATA_ENDURE says, at
// least ten minutes to mean something, while its node is killed three times and
// hangs once, its runtime is upgraded twice to one with other indices, its tempo changes and
// the subnet asks for weights in each way in turn. No role may end, and an epoch
// without weights is excused only if something happened in it or in the two
// before.
func TestEndurance(t *testing.T) {
	span, err := time.ParseDuration(os.Getenv("STRATA_ENDURE"))
	if err != nil || span <= 0 {
		t.Skip("a long run: set STRATA_ENDURE=10m")
	}
	cfg := small(t.TempDir(), 3)
	cfg.BlockTime, cfg.Tempo = 500*time.Millisecond, 30
	n := open(t, cfg)
	ctx, cancel := context.WithTimeout(t.Context(), span+3*time.Minute)
	defer cancel()
	if err := n.Up(ctx); err != nil {
		t.Fatal(err)
	}
	ready(ctx, t, n)
	e := &endurance{t: t, n: n, client: dial(ctx, t, n.ChainURL()), pids: map[string]int{}}
	for _, p := range n.Processes() {
		if p.Role != "chain" {
			e.pids[p.Name] = p.PID
		}
	}
	e.run(ctx, span)
	e.judge()
}

// endurance is a run and what it has seen.
type endurance struct {
	t      *testing.T
	n      *Network
	client *subtensor.Client
	pids   map[string]int

	next      uint64 // block to look at
	epochs    []epochSeen
	disturbed []disturbance
	ways      map[string]int // events of weights, by name
}

// epochSeen is an epoch that has run, and whether weights were set since the one before.
type epochSeen struct {
	block   uint64
	weights int
}

type disturbance struct {
	block uint64
	what  string
}

// trouble is what happens when so much of the run is over, in hundredths.
func (e *endurance) trouble(span time.Duration) []struct {
	at int
	do func(context.Context) string
} {
	return []struct {
		at int
		do func(context.Context) string
	}{
		{8, e.kill(2 * time.Second)},
		{18, e.upgrade(301)},
		{28, e.admin("sudo_set_tempo", scale.Struct{"netuid": e.n.plan.Netuid, "tempo": 18})},
		{38, e.kill(5 * time.Second)},
		{44, e.scheme(devchain.RevealByHand)},
		{52, e.hang(span / 16)},
		{60, e.kill(10 * time.Second)},
		{70, e.scheme(devchain.RevealByTimelock)},
		{80, e.upgrade(302)},
		{88, e.admin("sudo_set_tempo", scale.Struct{"netuid": e.n.plan.Netuid, "tempo": 24})},
	}
}

func (e *endurance) run(ctx context.Context, span time.Duration) {
	e.ways = map[string]int{}
	head, err := e.client.Head(ctx)
	if err != nil {
		e.t.Fatal(err)
	}
	e.next = head.Number + 1
	began := time.Now()
	for _, trouble := range e.trouble(span) {
		e.watch(ctx, time.Until(began.Add(span*time.Duration(trouble.at)/100)))
		what := trouble.do(ctx)
		e.note(ctx, what)
		e.t.Logf("%s: %s at block %d", time.Since(began).Round(time.Second), what, e.disturbed[len(e.disturbed)-1].block)
	}
	e.watch(ctx, time.Until(began.Add(span)))
}

// note remembers a disturbance; the chain may just be coming back.
func (e *endurance) note(ctx context.Context, what string) {
	e.t.Helper()
	head, err := e.client.Head(ctx)
	if err != nil {
		e.t.Fatalf("after %s: %v", what, err)
	}
	e.disturbed = append(e.disturbed, disturbance{head.Number, what})
}

// watch reads every block for a while.
func (e *endurance) watch(ctx context.Context, span time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, max(span, time.Millisecond))
	defer cancel()
	for ctx.Err() == nil {
		head, err := e.client.Head(ctx)
		for ; err == nil && e.next <= head.Number; e.next++ {
			if err = e.look(ctx, e.next); err != nil {
				break
			}
		}
		for name, pid := range e.pids {
			if p := e.process(name); !p.Alive() || p.PID != pid {
				e.t.Fatalf("%s has ended: %v; its log is %s", name, p.err, p.Log)
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func (e *endurance) process(name string) *Process {
	ps := e.n.Processes()
	return ps[slices.IndexFunc(ps, func(p *Process) bool { return p.Name == name })]
}

// look counts a block's weights and notes an epoch that ran in it.
func (e *endurance) look(ctx context.Context, number uint64) error {
	h, err := e.client.BlockAt(ctx, number)
	if err != nil {
		return err
	}
	events, err := e.client.Events(ctx, h.Hash)
	if err != nil {
		return err
	}
	last, err := e.client.LastEpoch(ctx, e.n.netuid(), h)
	if err != nil {
		return err
	}
	if len(e.epochs) == 0 {
		e.epochs = []epochSeen{{block: last}}
	}
	for _, event := range events {
		switch event.Name {
		case "WeightsSet":
			e.epochs[len(e.epochs)-1].weights++
			e.ways[event.Name]++
		case "WeightsCommitted", "WeightsRevealed", "TimelockedWeightsCommitted", "TimelockedWeightsRevealed":
			e.ways[event.Name]++
		}
	}
	if last == number {
		e.epochs = append(e.epochs, epochSeen{block: number})
	}
	return nil
}

func (e *endurance) judge() {
	whole := e.epochs[1 : len(e.epochs)-1] // the first and the last were seen in part
	without, excused := 0, 0
	for i, epoch := range whole {
		if epoch.weights > 0 {
			continue
		}
		if e.excuse(i + 1) {
			excused++
			continue
		}
		without++
		e.t.Errorf("no weights in the epoch from block %d on", epoch.block)
	}
	e.t.Logf("%d epochs, %d without weights (%d more excused), %d disturbances; events %v", len(whole), without, excused, len(e.disturbed), e.ways)
	if os.Getenv("STRATA_ENDURE") == "10m" && len(whole) < 20 {
		e.t.Errorf("%d epochs in ten minutes, fewer than 20", len(whole))
	}
	for _, way := range []string{"WeightsSet", "WeightsRevealed", "TimelockedWeightsRevealed"} {
		if e.ways[way] == 0 {
			e.t.Errorf("no %s in the whole run", way)
		}
	}
	for name := range e.pids {
		log, err := os.ReadFile(e.process(name).Log)
		if err != nil || strings.Contains(string(log), "panic:") {
			e.t.Errorf("%s: %v, or a panic in its log", name, err)
		}
	}
}

// excuse says whether something happened in the epoch or in the two before it.
func (e *endurance) excuse(i int) bool {
	from, to := e.epochs[max(0, i-2)].block, e.epochs[i+1].block
	return slices.ContainsFunc(e.disturbed, func(d disturbance) bool { return d.block >= from && d.block <= to })
}

// kill ends the node as a power cut would, and starts it again after a while.
func (e *endurance) kill(down time.Duration) func(context.Context) string {
	return func(ctx context.Context) string {
		e.t.Helper()
		node := e.node()
		if err := node.cmd.Process.Kill(); err != nil {
			e.t.Fatal(err)
		}
		<-node.done
		select {
		case <-ctx.Done():
		case <-time.After(down):
		}
		listen := strings.TrimPrefix(e.n.ChainURL(), "ws://")
		if _, err := e.n.start(ctx, "chain", "chain", e.n.chainArgs(listen)...); err != nil {
			e.t.Fatalf("the node did not start again: %v", err)
		}
		return fmt.Sprintf("node killed, %s down", down)
	}
}

// node is the process of the chain: the last one started.
func (e *endurance) node() (node *Process) {
	for _, p := range e.n.Processes() {
		if p.Role == "chain" {
			node = p
		}
	}
	return node
}

// hang makes the node keep its sockets and answer nothing for a while, as long
// as it takes to be noticed if that is 30 s.
func (e *endurance) hang(span time.Duration) func(context.Context) string {
	return func(ctx context.Context) string {
		e.t.Helper()
		p := e.node().cmd.Process
		if err := suspend(p); errors.Is(err, errors.ErrUnsupported) {
			return "no hang: not on this system"
		} else if err != nil {
			e.t.Fatal(err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(span):
		}
		if err := resume(p); err != nil {
			e.t.Fatal(err)
		}
		return fmt.Sprintf("node hung for %s", span.Round(time.Second))
	}
}

func (e *endurance) sudo(ctx context.Context, pallet, call string, args scale.Struct) {
	e.t.Helper()
	alice, err := wallet.FromURI("//Alice")
	if err != nil {
		e.t.Fatal(err)
	}
	if _, err := e.client.Sudo(ctx, alice, pallet, call, args); err != nil {
		e.t.Fatalf("%s.%s: %v", pallet, call, err)
	}
}

func (e *endurance) upgrade(spec uint32) func(context.Context) string {
	return func(ctx context.Context) string {
		e.sudo(ctx, "System", "set_code", scale.Struct{"code": devchain.Upgrade(spec)})
		return fmt.Sprintf("runtime upgraded to %d", spec)
	}
}

func (e *endurance) admin(call string, args scale.Struct) func(context.Context) string {
	return func(ctx context.Context) string {
		e.sudo(ctx, "AdminUtils", call, args)
		return fmt.Sprint(call, args)
	}
}

func (e *endurance) scheme(version uint16) func(context.Context) string {
	return func(ctx context.Context) string {
		e.sudo(ctx, "AdminUtils", "sudo_set_commit_reveal_version", scale.Struct{"version": version})
		e.sudo(ctx, "AdminUtils", "sudo_set_commit_reveal_weights_enabled", scale.Struct{"netuid": e.n.plan.Netuid, "enabled": true})
		return fmt.Sprintf("commit–reveal version %d", version)
	}
}

// TestWeightsOfEachScheme: a whole network gets its weights on chain however
// the subnet takes them.
func TestWeightsOfEachScheme(t *testing.T) {
	for _, scheme := range []chain.Scheme{chain.CommitReveal, chain.Timelock} {
		t.Run(scheme.String(), func(t *testing.T) {
			t.Parallel()
			cfg := small(t.TempDir(), 2)
			cfg.Weights = scheme.String()
			n := open(t, cfg)
			ctx := within(t)
			if err := n.Up(ctx); err != nil {
				t.Fatal(err)
			}
			c := dial(ctx, t, n.ChainURL())
			p, err := c.Hyperparameters(ctx, n.netuid())
			if err != nil || p.Scheme != scheme {
				t.Fatalf("the subnet takes weights %v, %v", p.Scheme, err)
			}
			until(ctx, t, "the weights of both miners are on chain", func() bool {
				return len(lastVote(ctx, t, c, n, strata.BlockHash{}).weights) == 2
			})
		})
	}
}
