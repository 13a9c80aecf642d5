package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"strata"
	"strata/allocation"
	"strata/miner"
	"strata/volume"
)

// spaceFlags say how much space to use.
type spaceFlags struct {
	Threshold string          `placeholder:"0.0001" help:"Part of each disk's space to use, a decimal up to 1; 0.0001 unless given." xor:"amount"`
	Space     strata.ByteSize `help:"Space to use in all, like 500GiB; instead of --threshold." xor:"amount"`
	Workers   int             `default:"10" help:"Sectors sealed at once; lowered to cores and free memory."`
	MaxRate   strata.ByteSize `name:"max_rate" help:"Most that sealing writes in a second, like 100MiB, on all disks together; 0 is no bound."`
	NoPrompt  bool            `name:"no_prompt" help:"Do not ask before filling."`
}

func (f spaceFlags) amount() (miner.Amount, error) {
	t, err := allocation.ParseThreshold(cmp.Or(f.Threshold, "0.0001"))
	return miner.Amount{Threshold: t, Space: f.Space}, err
}

// check finds what is wrong with the flags, before anything is asked or touched.
func (f spaceFlags) check() error {
	if f.Workers < 1 {
		return strata.E(strata.Invalid, "--workers %d: give at least 1", f.Workers)
	}
	_, err := f.amount()
	return err
}

type allocateCmd struct {
	walletFlags
	chainFlags
	dbFlags
	logFlags
	spaceFlags
	Restart   bool `help:"Delete what is there, users' shards included, and start over."`
	Validator bool `help:"As a validator: recompute the sectors that miners hold for this hotkey, into hash files."`
}

// Run plans, asks, and fills; an interrupted run continues where it was.
func (c *allocateCmd) Run(ctx context.Context, s streams) error {
	log, err := c.logger(s.err)
	if err == nil {
		err = cmp.Or(c.spaceFlags.check(), c.dbFlags.check())
	}
	if err != nil {
		return err
	}
	sess, err := connect(ctx, c.walletFlags, c.chainFlags, log)
	if err != nil {
		return err
	}
	defer sess.chain.Close()
	graph, err := sess.registered(ctx)
	if err != nil {
		return err
	}
	if c.Validator {
		return c.verify(ctx, s, sess, graph)
	}
	if err := c.reset(s, sess); err != nil {
		return err
	}
	cfg := spaceConfig(sess, c.walletFlags, c.dbFlags)
	cfg.SealRate = c.MaxRate
	store, err := volume.Open(ctx, cfg)
	if err != nil {
		return err
	}
	defer store.Close()
	return c.fill(ctx, s, sess, store)
}

// reset deletes what is there when --restart asks for it.
func (c *allocateCmd) reset(s streams, sess session) error {
	if !c.Restart {
		return nil
	}
	if !c.NoPrompt && !ask(s, "Delete all sectors and all users' shards of this hotkey and start over?") {
		return strata.E(strata.Invalid, "nothing was deleted: the question was not answered with y (see --no_prompt)")
	}
	return volume.Reset(spaceConfig(sess, c.walletFlags, c.dbFlags))
}

func (c *allocateCmd) fill(ctx context.Context, s streams, sess session, store *volume.Store) error {
	plan, disks, err := makePlan(ctx, sess, store, c.spaceFlags)
	if err != nil {
		return err
	}
	n, reason, err := workers(c.Workers, sess.profile)
	if err != nil {
		return err
	}
	if err := printPlan(s.out, plan, sess.profile); err != nil {
		return err
	}
	if err := c.printDisks(s.out, disks, strata.ByteSize(plan.Sectors())*sess.profile.SectorSize()); err != nil {
		return err
	}
	if reason != "" {
		fmt.Fprintln(s.out, reason)
	}
	if !c.NoPrompt && !ask(s, "Fill the disks like this?") {
		return strata.E(strata.Invalid, "nothing was filled: the question was not answered with y (see --no_prompt)")
	}
	if err := store.SetTargets(ctx, plan.Targets); err != nil {
		return err
	}
	bar := newBar(s.err, "sealing", sess.log)
	err = store.Seal(ctx, n, bar.set)
	bar.close(err == nil)
	if err != nil {
		return resumable{err}
	}
	_, err = fmt.Fprintln(s.out, "all sectors are sealed; serve them with strata miner")
	return err
}

// makePlan divides the space by the stake on chain. Without any validator there
// is nothing to plan for.
func makePlan(ctx context.Context, sess session, store *volume.Store, f spaceFlags) (allocation.Plan, []allocation.Disk, error) {
	amount, err := f.amount()
	if err != nil {
		return allocation.Plan{}, nil, err
	}
	p := miner.Planner{Chain: sess.chain, Netuid: sess.netuid, Profile: sess.profile, Self: sess.hotkey}
	vs, next, err := p.Validators(ctx)
	if err != nil {
		return allocation.Plan{}, nil, err
	}
	if len(vs) == 0 {
		return allocation.Plan{}, nil, strata.E(strata.Unavailable, "no validator of subnet %d has a permit or stake yet: try again after block %d", sess.netuid, next)
	}
	disks, err := store.Disks()
	if err != nil {
		return allocation.Plan{}, nil, err
	}
	plan, err := p.Divide(vs, disks, amount, store.Partitions())
	return plan, disks, err
}

// printDisks shows what the disks have for sectors, and says when --space asks for
// more than that.
func (f spaceFlags) printDisks(w io.Writer, disks []allocation.Disk, planned strata.ByteSize) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "DISK\tSECTORS NOW\tFREE\t")
	for _, d := range disks {
		fmt.Fprintf(t, "%s\t%s\t%s\t\n", d.Path, d.Space.Used, d.Space.Free)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if f.Space > planned && f.Space-planned > f.Space/100 {
		_, err := fmt.Fprintf(w, "--space %s is more than the disks have room for: %s is what fits\n", f.Space, planned)
		return err
	}
	return nil
}

// printPlan shows who gets what.
func printPlan(w io.Writer, plan allocation.Plan, p strata.Profile) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "VALIDATOR\tNOW\tSECTORS\tSIZE\t")
	for _, v := range plan.Targets {
		fmt.Fprintf(t, "%s\t%d\t%d\t%s\t\n", v.Validator, v.Current, v.Sectors, strata.ByteSize(v.Sectors)*p.SectorSize())
	}
	fmt.Fprintf(t, "total\t\t%d\t%s\t\n", plan.Sectors(), strata.ByteSize(plan.Sectors())*p.SectorSize())
	return t.Flush()
}

// bar shows bytes, rate and time left on a terminal, and log lines elsewhere.
type bar struct {
	progress *mpb.Progress
	bar      *mpb.Bar
	log      func(done, total strata.ByteSize)
	last     time.Time
}

type infoLogger interface{ Info(msg string, args ...any) }

func newBar(w io.Writer, what string, log infoLogger) *bar {
	b := &bar{last: time.Now()}
	if !isTerminal(w) {
		started := time.Now()
		b.log = func(done, total strata.ByteSize) {
			rate := float64(done) / max(time.Since(started).Seconds(), 1e-3)
			eta := time.Duration(float64(total-done) / max(rate, 1) * float64(time.Second)).Round(time.Second)
			log.Info(what, "done", done.String(), "of", total.String(), "mb_per_s", int(rate/1e6), "eta", eta.String())
		}
		return b
	}
	b.progress = mpb.New(mpb.WithOutput(w), mpb.WithWidth(40))
	b.bar = b.progress.AddBar(0,
		mpb.PrependDecorators(decor.Name(what+" "), decor.CountersKibiByte("% .1f / % .1f")),
		mpb.AppendDecorators(decor.AverageSpeed(decor.SizeB1024(0), "% .1f "), decor.AverageETA(decor.ET_STYLE_GO)))
	return b
}

// logEach is how often progress is logged where there is no terminal.
const logEach = 5 * time.Second

func (b *bar) set(done, total strata.ByteSize) {
	if b.bar != nil {
		b.bar.SetTotal(int64(total), false)
		b.bar.SetCurrent(int64(done))
		return
	}
	if time.Since(b.last) >= logEach || done == total {
		b.last = time.Now()
		b.log(done, total)
	}
}

// close leaves the bar as it is, complete or not.
func (b *bar) close(complete bool) {
	if b.bar == nil {
		return
	}
	if complete {
		b.bar.SetTotal(-1, true)
	} else {
		b.bar.Abort(false)
	}
	b.progress.Wait()
}
