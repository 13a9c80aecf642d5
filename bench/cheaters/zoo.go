package cheaters

import (
	"slices"
	"time"

	"strata"
	"strata/peer"
)

// Cheater is one kind, and the game in which it plays.
type Cheater struct {
	Name  string // as on the command line
	Crime string // what it does, in a few words
	// Open says why a cheater that the rule does not stop is not stopped;
	// "" for the others.
	Open string
	setup
	// join registers the cheater's miners with so many sectors on disk in all,
	// or the same miners honest.
	join func(w *world, sectors int, cheat bool) error
}

// setup is a game's size.
type setup struct {
	blocks  uint32       // in a sector
	stakes  []strata.Rao // of the validators, in TAO
	sectors int          // on the cheater's disk
	epochs  int          // played by the fast rules
	hotkeys int          // of the cheater
	friends int          // of the cheater, honest and paid for themselves
	users   bool         // store data
}

// one is a game with one validator and small sectors, a thousand on each disk.
var one = setup{blocks: 16, stakes: []strata.Rao{1000}, sectors: 1000, epochs: 8, hotkeys: 1}

// three is one with three validators, none of which has a majority.
var three = setup{blocks: 16, stakes: []strata.Rao{400, 350, 250}, sectors: 999, epochs: 8, hotkeys: 1}

// stored is one in which users fill a part of the disks. Its sectors hold four
// shards each.
var stored = setup{blocks: 256, stakes: []strata.Rao{1000}, sectors: 30, epochs: 8, hotkeys: 1, users: true}

// few makes users' data a small part of the space.
func few(s *setup) { s.sectors, s.epochs = 240, 6 }

// league is a game with a validator that has a twentieth of the stake.
var league = setup{blocks: 256, stakes: []strata.Rao{950, 50}, sectors: 40, epochs: 6, hotkeys: 1}

// with changes a game.
func (s setup) with(change func(*setup)) setup {
	change(&s)
	return s
}

// long and longer are games in which rare checks find what they must.
func long(s *setup)   { s.epochs = 16 }
func longer(s *setup) { s.epochs = 32 }

// Zoo returns every cheater.
func Zoo() []Cheater { return slices.Concat(Timed(), others()) }

// Timed returns those whose crime is time: what stops them is the main network's
// deadline, so that a week by that network's rules shows it.
func Timed() []Cheater {
	return []Cheater{
		{"regenerates", "keeps a tenth of each sector and computes the rest when asked", "", one,
			joinSparse(10, func(s *sparse) {
				s.keeps, s.kept, s.always = func(_ uint64, leaf uint32) bool { return leaf*10 < s.w.profile.Blocks }, 0.1, true
			})},
		{"half-random", "keeps a random half of each sector's blocks", "", one,
			joinSparse(2, func(s *sparse) {
				s.keeps, s.kept = func(n uint64, leaf uint32) bool { return mix(n<<32|uint64(leaf))%2 == 0 }, 0.5
			})},
		{"half-prefix", "keeps the first half of each sector", "", one,
			joinSparse(2, func(s *sparse) {
				s.keeps, s.kept = func(_ uint64, leaf uint32) bool { return leaf < s.w.profile.Blocks/2 }, 0.5
			})},
		{"half-every-second", "keeps every second block", "", one,
			joinSparse(2, func(s *sparse) {
				s.keeps, s.kept = func(_ uint64, leaf uint32) bool { return leaf%2 == 0 }, 0.5
			})},
		{"last-but-one-pass", "keeps sectors as before the last pass and computes that when asked", "", one, joinLastPass},
		{"late", "answers 20 ms too late", "", one, joinLate},
		{"inflates-rtt", "draws out connects to have the time to compute half of each sector", "", one,
			joinSparse(2, func(s *sparse) {
				s.keeps, s.kept = func(_ uint64, leaf uint32) bool { return leaf%2 == 0 }, 0.5
				s.connect = 10 * time.Second
			})},
	}
}

// others are those whose crime is another.
func others() []Cheater {
	return []Cheater{
		{"fakes-1", "invents 1 % of its sectors", "", one.with(longer), joinFaker(1, false)},
		{"fakes-5", "invents 5 % of its sectors", "", one.with(long), joinFaker(5, false)},
		{"fakes-20", "invents 20 % of its sectors", "", one.with(long), joinFaker(20, false)},
		{"fakes-growth", "is honest through its first checks and invents what it grows by", "", one.with(long), joinGrower},
		{"shares-disk", "has three hotkeys on one disk, each listing all of it", "", one.with(func(s *setup) { s.sectors, s.hotkeys = 999, hotkeys }), joinSharers},
		{"forwards", "lists a friend's sectors too and forwards their audits", "", one.with(func(s *setup) { s.friends = 1 }), joinForwarder},
		{"claims-twice", "seals twice what its disk holds and keeps half of the sectors", "", one,
			joinSparse(2, func(s *sparse) { s.keeps, s.kept = func(n uint64, _ uint32) bool { return n%2 == 0 }, 0 })},
		{"drops-shards", "signs for users' shards and keeps only filler", "", stored, joinKeeper(func(k *keeper) { k.drops = true })},
		{"drops-few-shards", "does the same where few are stored", "", stored.with(few), joinKeeper(func(k *keeper) { k.drops = true })},
		{"unlists-shards", "signs for users' shards and lists the filler again", "", stored,
			joinKeeper(func(k *keeper) { k.drops, k.unlists = true, true })},
		{"freezes-manifest", "signs for users' shards, drops them and shows no manifest any more", "", stored,
			joinKeeper(func(k *keeper) { k.drops, k.unlists, k.frozen = true, true, true })},
		{"refuses-puts", "takes no shard", "", stored, joinKeeper(func(k *keeper) { k.refuses = strata.NoSpace })},
		{"spreads-shards", "takes a shard for each sector, and is paid for the filler behind it", "", stored.with(func(s *setup) { s.sectors = 10 }),
			joinKeeper(func(k *keeper) { k.spreads = true })},
		{"stalls-puts", "takes shards for ever and signs for none", "", stored, joinKeeper(func(k *keeper) { k.hangs = true })},
		{"throttles-puts", "says of every shard that it comes too fast", "", stored, joinKeeper(func(k *keeper) { k.refuses = strata.Throttled })},
		{"always-leaving", "says that it leaves, gets no shards, and stays", "", stored,
			joinKeeper(func(k *keeper) { k.leaves = func(uint64) bool { return true } })},
		{"leaves-between", "leaves, but not when weights are set", "", stored, joinKeeper(func(k *keeper) {
			k.refuses = strata.Locked
			k.leaves = func(block uint64) bool { return !k.w.weighing(block) }
		})},
		{"leaves-for-one", "says so to a validator with a quarter of the stake alone", "", stored.with(func(s *setup) { s.stakes = three.stakes }), joinSelective},
		{"takes-few", "takes a shard within a minute, and says that the others come too fast", "", stored,
			joinKeeper(func(k *keeper) { k.seldom = 59 * time.Second })},
		{"refuses-reads", "answers audits and gives users nothing back", "", stored, joinKeeper(func(k *keeper) { k.reads = 10 })},
		{"refuses-some-reads", "gives users nothing back three times of ten", "", stored, joinKeeper(func(k *keeper) { k.reads = 3 })},
		{"stalls-reads", "lets every read of users' data wait for a minute", "", stored, joinKeeper(func(k *keeper) { k.reads, k.stalls = 10, time.Minute })},
		{"skips-looks", "answers audits and one look in nine, so that it gets few shards", "", stored,
			joinKeeper(func(k *keeper) { k.skips, k.refuses = 8, strata.NoSpace })},
		{"shuns-one", "has no sector for a validator with a quarter of the stake, so that it gets none of its shards", "room is paid for wherever it is, and honest miners' follows stake slowly", stored.with(func(s *setup) { s.stakes = three.stakes }), joinShunner},
		{"rebuilds", "drops shards and computes them from its friends' when asked", "", stored.with(func(s *setup) { s.friends, s.epochs = 3, 5 }), joinRebuilder(3, false)},
		{"uploads-to-itself", "stores bytes as a customer that it can compute again, and drops its shards", "", stored, joinRebuilder(0, true)},
		{"starves-one", "answers all validators but one with a quarter of the stake", "", three, joinStarver},
		{"two-faced", "shows each validator the truth of its own partition, and doubles the others'", "", three, joinTwoFaced},
		{"replays", "drops half of its sectors and repeats what it once answered", "", one, joinReplayer},
		{"renumbers", "invents a fifth, and every epoch withdraws that and invents it anew", "", one.with(long), joinFaker(20, true)},
		{"league", "is in league with a validator of little stake that orders bytes both can compute", "its validator's orders are worth a little more than its votes: bytes up to 9/8 of its share of the stake, and a sector", league, joinLeague},
		{"orders-from-itself", "fills space with shards that it ordered itself", "", stored, joinForger},
	}
}

// member registers one of the cheater's miners.
func (w *world) member(h strata.Hotkey, m peer.Miner) {
	w.join(h, m)
	w.group = append(w.group, h)
}

// mix spreads the bits of a number (splitmix64's finaliser).
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}
