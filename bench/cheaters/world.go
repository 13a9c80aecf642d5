package cheaters

import (
	"container/heap"
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"strata"
	"strata/allocation"
	"strata/chain"
	"strata/peer"
	"strata/validator"
	"strata/wallet"
	"strata/wire"
)

// Rules are those that games are played by.
type Rules struct {
	Name    string         // as on the command line
	Profile strata.Profile // without the sectors' size, which each cheater has its own
	Tempo   uint16
	Block   time.Duration // between two blocks
	Check   time.Duration // what a commitment check takes, with the checker's rest
	Segment time.Duration // between two segments that users store; 0: as many in every game
	Pace    validator.Pace
}

// Fast are the local profile's rules with blocks of a second and the main
// network's deadlines: an epoch has about 20 audits and 10 checks of a miner
// from each validator.
func Fast() Rules {
	p := strata.LocalProfile
	p.Deadline, p.RTTCap = strata.MainProfile.Deadline, strata.MainProfile.RTTCap
	return Rules{
		Name: "fast", Profile: p, Tempo: 19, Block: time.Second, Check: 50 * time.Millisecond,
		Pace: validator.Pace{Pull: 3 * time.Second, Recheck: time.Nanosecond, Reconcile: 10 * time.Second, Fresh: 6 * time.Second, Cohort: 10, First: 5},
	}
}

// Main are the main network's rules: epochs of 361 blocks of 12 s, with about 14
// audits and less than one check of a miner from each validator. Users store
// little: a miner gets 18 shards a day.
func Main() Rules {
	return Rules{
		Name: "main", Profile: strata.MainProfile, Tempo: 360, Block: 12 * time.Second,
		Check: 2 * fillTime(strata.MainProfile), Segment: 80 * time.Minute,
		Pace: validator.Pace{Pull: 10 * time.Minute, Recheck: time.Nanosecond, Reconcile: 10 * time.Minute, Fresh: 20 * time.Minute},
	}
}

// tick is something that a miner does at each block.
type ticker interface{ tick(block uint64) error }

// seat is a validator in a game.
type seat struct {
	hotkey strata.Hotkey
	key    *wallet.Key
	stake  strata.Rao
	ledger *ledger
	v      *validator.Validator
	drive  *validator.Driver
}

// world is one game. One goroutine plays it.
type world struct {
	lib        *library
	rules      Rules
	profile    strata.Profile
	domain     wire.Domain
	rng        *rand.Rand // of the game itself and the miners
	now        time.Time
	chain      *subnet
	validators []*seat
	miners     map[strata.Hotkey]peer.Miner
	order      []strata.Hotkey // of miners, as they joined
	group      []strata.Hotkey // the cheater's
	beside     []strata.Hotkey // honest ones whose reward is watched
	tickers    []ticker
	users      *users // nil: nobody stores anything
	epochs     int    // that will be played
	queue      events
	verified   map[strata.Hotkey]map[wire.Head]bool
}

// newWorld makes a game without miners.
func newWorld(lib *library, r Rules, s setup, seed uint64) (*world, error) {
	w := &world{
		lib: lib, rules: r, profile: r.Profile, domain: wire.Domain{Genesis: strata.GenesisHash{0x5a}, Netuid: netuid},
		rng: rand.New(rand.NewPCG(seed, 0)), now: time.Unix(1_800_000_000, 0), chain: newSubnet(r.Tempo),
		miners: map[strata.Hotkey]peer.Miner{}, verified: map[strata.Hotkey]map[wire.Head]bool{},
	}
	w.profile.Blocks, w.profile.Passes = s.blocks, strata.LocalProfile.Passes
	w.chain.head.Time, w.epochs = w.now, s.epochs
	if s.users {
		w.users = &users{w: w}
	}
	for i, stake := range s.stakes {
		key, err := lib.key("Validator" + string(rune('A'+i)))
		if err != nil {
			return nil, err
		}
		stake *= strata.RaoPerTao
		w.validators = append(w.validators, &seat{hotkey: key.Hotkey(), key: key, stake: stake, ledger: newLedger()})
		w.chain.register(key.Hotkey(), stake)
	}
	return w, nil
}

// join registers a miner that serves.
func (w *world) join(h strata.Hotkey, m peer.Miner) {
	w.chain.register(h, 0)
	w.miners[h] = m
	w.order = append(w.order, h)
	if t, ok := m.(ticker); ok {
		w.tickers = append(w.tickers, t)
	}
}

func (w *world) validator(h strata.Hotkey) *seat {
	for _, s := range w.validators {
		if s.hotkey == h {
			return s
		}
	}
	return nil
}

// shares divides n sectors among the validators by the rule of allocation.
func (w *world) shares(n int) ([]uint64, error) {
	in := allocation.Input{
		SectorSize: w.profile.SectorSize(), HysteresisPct: w.profile.HysteresisPct,
		Volumes: []allocation.Volume{{ID: "disk", Capacity: strata.ByteSize(n) * w.profile.SectorSize()}},
	}
	for _, s := range w.validators {
		in.Validators = append(in.Validators, allocation.Validator{Hotkey: s.hotkey, Stake: s.stake, StakeBefore: s.stake})
	}
	plan, err := allocation.Divide(in)
	if err != nil {
		return nil, err
	}
	out := make([]uint64, len(w.validators))
	for _, t := range plan.Targets {
		for i, s := range w.validators {
			if s.hotkey == t.Validator {
				out[i] = t.Sectors
			}
		}
	}
	return out, nil
}

// start makes the validators, each with its own chance.
func (w *world) start(ctx context.Context, seed uint64) error {
	for i, s := range w.validators {
		var err error
		s.v, err = validator.New(ctx, validator.Config{
			Chain: w.chain, Key: s.key, Miners: &line{w, s.hotkey}, Ledger: s.ledger, Shards: s.ledger, Domain: w.domain,
			Profile: w.profile, Pace: w.rules.Pace, Log: slog.New(slog.DiscardHandler),
			Now: func() time.Time { return w.now }, Chance: rand.NewPCG(seed, uint64(i)+1).Uint64, Fill: w.lib.root,
		})
		if err == nil {
			err = s.v.Start(ctx)
		}
		if err != nil {
			return err
		}
		s.drive = s.v.Drive()
		w.after(0, func(ctx context.Context) (time.Duration, error) { return w.check(ctx, s) })
		for _, h := range w.order {
			w.after(w.spread(), func(ctx context.Context) (time.Duration, error) { return w.look(ctx, s, h) })
			w.after(w.spread(), func(ctx context.Context) (time.Duration, error) { return w.audit(ctx, s, h, true) })
		}
	}
	w.after(w.rules.Block, w.block)
	if w.users != nil {
		w.after(w.users.every(), w.users.store)
	}
	return nil
}

// spread keeps turns from being taken at the same moment.
func (w *world) spread() time.Duration { return time.Duration(w.rng.Int64N(int64(w.rules.Pace.Pull))) }

// look is a validator's turn to read a miner's manifests.
func (w *world) look(ctx context.Context, s *seat, h strata.Hotkey) (time.Duration, error) {
	return w.rules.Pace.Pull, s.drive.Look(ctx, h)
}

// audit sends a snap audit, and draws when the next one comes.
func (w *world) audit(ctx context.Context, s *seat, h strata.Hotkey, first bool) (time.Duration, error) {
	if !first {
		if err := s.drive.Audit(ctx, h); err != nil {
			return 0, err
		}
	}
	wait, ok := s.drive.NextAudit(h)
	if !ok {
		wait = w.rules.Pace.Pull
	}
	w.after(wait, func(ctx context.Context) (time.Duration, error) { return w.audit(ctx, s, h, !ok) })
	return 0, nil
}

// check makes a commitment check if one is due.
func (w *world) check(ctx context.Context, s *seat) (time.Duration, error) {
	made, err := s.drive.Check(ctx)
	if !made {
		return w.rules.Block, err
	}
	return w.rules.Check, err
}

// block moves the chain: miners first, then validators, then the epoch.
func (w *world) block(ctx context.Context) (time.Duration, error) {
	w.chain.head = chain.Head{Number: w.chain.head.Number + 1, Time: w.now}
	for _, t := range w.tickers {
		if err := t.tick(w.chain.head.Number); err != nil {
			return 0, err
		}
	}
	for _, s := range w.validators {
		s.drive.Block(ctx, w.chain.head)
	}
	return w.rules.Block, w.chain.epoch()
}

// weighing says whether validators set weights at about that block: early in the
// last quarter of the epoch, by manifests that they have read a little before.
func (w *world) weighing(block uint64) bool {
	epochs := chain.Hyperparameters{Tempo: w.rules.Tempo}.Epochs(netuid)
	left, quarter := epochs.Left(block), epochs.Length()/4
	looks := 2 * uint64(w.rules.Pace.Pull/w.rules.Block)
	return left <= quarter+looks && left >= quarter
}

// play goes on for so many epochs.
func (w *world) play(ctx context.Context, epochs int) error {
	for w.chain.epochs < epochs && w.queue.Len() > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		e := heap.Pop(&w.queue).(event)
		w.now = e.at
		again, err := e.do(ctx)
		if err != nil {
			return err
		}
		if again > 0 {
			w.after(again, e.do)
		}
	}
	return nil
}

// credit is what a miner has at all validators together, each counted by its
// stake, in bytes.
func (w *world) credit(h strata.Hotkey) (bytes float64) {
	var stake float64
	for _, s := range w.validators {
		c, _ := s.drive.Credit(h)
		bytes += float64(c) * float64(s.stake)
		stake += float64(s.stake)
	}
	return bytes / stake
}

// event is something that happens at a time; do returns after how long again, 0
// for never.
type event struct {
	at    time.Time
	order int // of those at the same time
	do    func(context.Context) (time.Duration, error)
}

// events is a heap of them.
type events struct {
	list []event
	made int
}

func (w *world) after(d time.Duration, do func(context.Context) (time.Duration, error)) {
	w.queue.made++
	heap.Push(&w.queue, event{w.now.Add(d), w.queue.made, do})
}

func (q *events) Len() int { return len(q.list) }
func (q *events) Less(i, j int) bool {
	a, b := q.list[i], q.list[j]
	return a.at.Before(b.at) || a.at.Equal(b.at) && a.order < b.order
}
func (q *events) Swap(i, j int) { q.list[i], q.list[j] = q.list[j], q.list[i] }
func (q *events) Push(e any)    { q.list = append(q.list, e.(event)) }
func (q *events) Pop() any {
	last := q.list[len(q.list)-1]
	q.list = q.list[:len(q.list)-1]
	return last
}
