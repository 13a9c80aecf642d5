package cheaters

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"sync"

	"golang.org/x/sync/errgroup"

	"strata"
)

// besides is how many honest miners play beside a cheater, each with as much
// disk as it.
const besides = 2

// outcome is what one game says.
type outcome struct {
	share  float64 // of all miners' reward that went to the cheater's
	fair   float64 // the part of all sealed bytes that are on the cheater's disk, had it been honest
	honest float64 // credit of the honest miners at the end, mean, in bytes
	spread float64 // largest deviation of one's reward from their mean, as a part of it
}

// Result is what a cheater earns over many games. Shares are parts of all
// miners' reward.
type Result struct {
	Name  string `json:"name"`
	Crime string `json:"crime"`
	Open  string `json:"open,omitempty"` // see Cheater
	// Share is what it earned, HonestShare what the same miners earn with the
	// same bytes, bandwidth and hotkeys.
	Share       float64 `json:"share"`
	HonestShare float64 `json:"honest_share"`
	// Low and High are the ends of the 95 % confidence interval of Share.
	Low  float64 `json:"low"`
	High float64 `json:"high"`
	// Beside is how the credit of the honest miners beside it compares with
	// theirs when it is honest too; Spread how much one of them earned more or
	// less than their mean, on average.
	Beside float64 `json:"beside"`
	Spread float64 `json:"spread"`
	Seeds  int     `json:"seeds"`
}

// Ratio is what cheating brings for each part that honesty brings.
func (r Result) Ratio() float64 { return r.Share / r.HonestShare }

// Options say how the zoo is played.
type Options struct {
	Rules  Rules
	Seeds  int               // games for each cheater, at least 2
	Epochs int               // 0: each cheater's own
	Done   func(name string) // called after each cheater, if not nil
}

// Run plays a cheater against itself being honest, as many times as there are
// seeds, on all cores.
func Run(ctx context.Context, lib *Library, c Cheater, o Options) (Result, error) {
	if o.Seeds < 2 {
		return Result{}, strata.E(strata.Invalid, "%d games say nothing about chance: play at least 2", o.Seeds)
	}
	if o.Epochs > 0 {
		c.epochs = o.Epochs
	}
	c.setup = o.Rules.room(c.setup)
	with, without := make([]outcome, o.Seeds), make([]outcome, o.Seeds)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for _, cheat := range []bool{true, false} {
		for i := range o.Seeds {
			g.Go(func() error {
				game := lib.honest
				if cheat {
					game = lib.cheat
				}
				out, err := game(ctx, o.Rules, c, uint64(i)+1)
				if err != nil {
					return fmt.Errorf("%s, seed %d: %w", c.Name, i+1, err)
				}
				if cheat {
					with[i] = out
				} else {
					without[i] = out
				}
				return nil
			})
		}
	}
	if err := g.Wait(); err != nil {
		return Result{}, err
	}
	return sum(c, with, without), nil
}

// Library holds what several Runs share: sealed sectors, keys, and honest games,
// which are the same for many cheaters. The zero value is empty and ready. It is
// safe for concurrent use.
type Library struct {
	library
	games sync.Map // rules, setup and seed → outcome of the honest game
}

func (l *Library) cheat(ctx context.Context, r Rules, c Cheater, seed uint64) (outcome, error) {
	return play(ctx, &l.library, r, c, true, seed)
}

// honest plays a game without cheating, or remembers it: it depends on the setup
// alone.
func (l *Library) honest(ctx context.Context, r Rules, c Cheater, seed uint64) (outcome, error) {
	key := fmt.Sprint(r.Name, c.setup, seed)
	if o, ok := l.games.Load(key); ok {
		return o.(outcome), nil
	}
	o, err := play(ctx, &l.library, r, c, false, seed)
	if err == nil {
		l.games.Store(key, o)
	}
	return o, err
}

// play plays one game.
func play(ctx context.Context, lib *library, r Rules, c Cheater, cheat bool, seed uint64) (outcome, error) {
	w, err := newWorld(lib, r, c.setup, seed)
	if err != nil {
		return outcome{}, err
	}
	for i := range besides {
		d, err := newDisk(w, "Honest"+string(rune('0'+i)))
		if err != nil {
			return outcome{}, err
		}
		w.join(d.hotkey(), d)
		w.beside = append(w.beside, d.hotkey())
		if err := d.seal(0, c.sectors); err != nil {
			return outcome{}, err
		}
	}
	if err := c.join(w, c.sectors, cheat); err != nil {
		return outcome{}, err
	}
	if err := w.start(ctx, seed); err != nil {
		return outcome{}, err
	}
	if err := w.play(ctx, c.epochs); err != nil {
		return outcome{}, err
	}
	return w.outcome(), nil
}

// outcome reads what was paid.
func (w *world) outcome() outcome {
	var all, group, beside float64
	for _, h := range w.order {
		all += float64(w.chain.paid[h])
	}
	for _, h := range w.group {
		group += float64(w.chain.paid[h])
	}
	var o outcome
	for _, h := range w.beside {
		beside += float64(w.chain.paid[h])
		o.honest += w.credit(h) / float64(len(w.beside))
	}
	mean := beside / float64(len(w.beside))
	for _, h := range w.beside {
		o.spread = max(o.spread, math.Abs(float64(w.chain.paid[h])-mean)/mean)
	}
	o.share = group / all
	disks := len(w.order) - len(w.group) + 1 // all of one size, the group has one together
	o.fair = 1 / float64(disks)
	return o
}

// sum averages games.
func sum(c Cheater, with, without []outcome) Result {
	n := float64(len(with))
	r := Result{Name: c.Name, Crime: c.Crime, Open: c.Open, Seeds: len(with)}
	var beside, alone float64
	for i := range with {
		r.Share += with[i].share / n
		r.HonestShare += without[i].share / n
		r.Spread += with[i].spread / n
		beside += with[i].honest
		alone += without[i].honest
	}
	r.Beside = beside / alone
	var square float64
	for _, o := range with {
		square += (o.share - r.Share) * (o.share - r.Share)
	}
	half := student(len(with)-1) * math.Sqrt(square/(n-1)/n)
	r.Low, r.High = max(0, r.Share-half), min(1, r.Share+half)
	return r
}

// student returns the 97.5 % quantile of Student's distribution: from a table up
// to ten degrees of freedom, then by the Cornish–Fisher expansion, which is good
// to a thousandth there (Abramowitz and Stegun, 26.7.5).
func student(df int) float64 {
	if exact := []float64{0, 12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228}; df < len(exact) {
		return exact[df]
	}
	const z = 1.959963984540054
	v := float64(df)
	g1 := (math.Pow(z, 3) + z) / 4
	g2 := (5*math.Pow(z, 5) + 16*math.Pow(z, 3) + 3*z) / 96
	g3 := (3*math.Pow(z, 7) + 19*math.Pow(z, 5) + 17*math.Pow(z, 3) - 15*z) / 384
	return z + g1/v + g2/(v*v) + g3/(v*v*v)
}
