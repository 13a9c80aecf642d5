package allocation

import (
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"strata"
)

const tao = strata.RaoPerTao

func key(n byte) strata.Hotkey { return strata.Hotkey{n} }

// staked makes validators 1, 2, … with these stakes in TAO.
func staked(stakes ...uint64) []Validator {
	out := make([]Validator, len(stakes))
	for i, s := range stakes {
		out[i] = Validator{Hotkey: key(byte(i + 1)), Stake: strata.Rao(s) * tao, StakeBefore: strata.Rao(s) * tao}
	}
	return out
}

// disks makes volumes a, b, … of so many sectors of 4 MiB.
func disks(sectors ...uint64) []Volume {
	out := make([]Volume, len(sectors))
	for i, n := range sectors {
		out[i] = Volume{ID: string(rune('a' + i)), Capacity: strata.ByteSize(n)*4*strata.MiB + strata.MiB}
	}
	return out
}

func input(vols []Volume, vs []Validator) Input {
	return Input{SectorSize: 4 * strata.MiB, Volumes: vols, Validators: vs, HysteresisPct: 10}
}

func divide(t *testing.T, in Input) Plan {
	t.Helper()
	p, err := Divide(in)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// sectors returns each validator's target.
func sectors(p Plan) map[byte]uint64 {
	out := map[byte]uint64{}
	for _, t := range p.Targets {
		out[t.Validator[0]] = t.Sectors
	}
	return out
}

// applied returns the partitions as they are once the plan is carried out, a
// day later.
func applied(p Plan) []Partition {
	var out []Partition
	for _, t := range p.Targets {
		out = append(out, Partition{Validator: t.Validator, Holdings: t.Holdings})
	}
	return out
}

// holding makes a partition on volume a.
func holding(v byte, n, live uint64) Partition {
	return Partition{Validator: key(v), Holdings: []Holding{{Volume: "a", Sectors: n, Live: live}}}
}

func TestFirstAllocation(t *testing.T) {
	big := strata.Rao(1<<64 - 1)
	for _, c := range []struct {
		name string
		cap  uint64
		vs   []Validator
		want map[byte]uint64
	}{
		{"nobody", 10, nil, map[byte]uint64{}},
		{"no room", 0, staked(5, 1), map[byte]uint64{1: 0, 2: 0}},
		{"one", 10, staked(0), map[byte]uint64{1: 10}},
		// Stakes + 1: 100, 50, 50 of 200.
		{"exact", 20, staked(99, 49, 49), map[byte]uint64{1: 10, 2: 5, 3: 5}},
		// Quotas of 10: 5.83, 2.92, 1.25.
		{"largest remainder", 10, staked(69, 34, 14), map[byte]uint64{1: 6, 2: 3, 3: 1}},
		{"tie to the lower hotkey", 3, staked(9, 9), map[byte]uint64{1: 2, 2: 1}},
		// The small ones get one each; the rest is divided among the others.
		{"at least one", 10, staked(1e6, 1e6, 0, 0), map[byte]uint64{1: 4, 2: 4, 3: 1, 4: 1}},
		{"highest stake first", 2, staked(1, 3, 2), map[byte]uint64{1: 0, 2: 1, 3: 1}},
		{"equal stake, too little room", 1, staked(3, 3), map[byte]uint64{1: 1, 2: 0}},
		{"the smaller stake of two days", 10, []Validator{
			{Hotkey: key(1), Stake: 1000 * tao, StakeBefore: 4 * tao}, {Hotkey: key(2), Stake: 4 * tao, StakeBefore: 9 * tao},
		}, map[byte]uint64{1: 5, 2: 5}},
		{"128 bits", 1 << 40, []Validator{
			{Hotkey: key(1), Stake: big, StakeBefore: big}, {Hotkey: key(2), Stake: big, StakeBefore: big},
		}, map[byte]uint64{1: 1 << 39, 2: 1 << 39}},
	} {
		p := divide(t, input(disks(c.cap), c.vs))
		if got := sectors(p); !reflect.DeepEqual(got, c.want) || p.Capacity != c.cap {
			t.Errorf("%s: %v of %d, want %v", c.name, got, p.Capacity, c.want)
		}
	}
}

func TestHysteresis(t *testing.T) {
	in := input(disks(100), staked(54, 44)) // ideals 55 and 45
	for current, want := range map[uint64]map[byte]uint64{
		50: {1: 50, 2: 45}, // off by 9.1 %: stays
		49: {1: 55, 2: 45}, // off by 10.9 %: moves
		60: {1: 60, 2: 40}, // 9.1 % and 11.1 %: see below
	} {
		in.Partitions = []Partition{holding(1, current, 0), holding(2, min(45, 100-current), 0)}
		if current == 60 {
			// Validator 2 has to grow by 5 and there is no room: what 1 has above
			// its ideal goes there.
			want = map[byte]uint64{1: 55, 2: 45}
		}
		if got := sectors(divide(t, in)); !reflect.DeepEqual(got, want) {
			t.Errorf("from %d: %v, want %v", current, got, want)
		}
	}
}

func TestNewcomerOnAFullDisk(t *testing.T) {
	in := input(disks(100), staked(31, 31, 31, 3)) // ideals 32, 32, 32, 4: all within 10 % but one
	in.Partitions = []Partition{holding(1, 34, 0), holding(2, 33, 0), holding(3, 33, 0)}
	want := map[byte]uint64{1: 32, 2: 32, 3: 32, 4: 4}
	if got := sectors(divide(t, in)); !reflect.DeepEqual(got, want) {
		t.Errorf("without a limit: %v, want %v", got, want)
	}
	in.DailyMovePct = 1
	want = map[byte]uint64{1: 33, 2: 32, 3: 32, 4: 3} // one sector a day from each
	if got := sectors(divide(t, in)); !reflect.DeepEqual(got, want) {
		t.Errorf("with a limit: %v, want %v", got, want)
	}
}

func TestDailyLimit(t *testing.T) {
	in := input(disks(1000), staked(499, 499)) // ideals 500
	in.DailyMovePct = 1
	in.Partitions = []Partition{holding(1, 800, 0), holding(2, 200, 0)}
	for moved, want := range map[uint64]map[byte]uint64{
		0: {1: 792, 2: 208}, // 8 of 800
		3: {1: 794, 2: 206}, // 9 of 803, 3 of them used
		9: {1: 800, 2: 200}, // 9 of 809, all used
	} {
		in.Partitions[0].Moved = moved
		if got := sectors(divide(t, in)); !reflect.DeepEqual(got, want) {
			t.Errorf("%d moved already: %v, want %v", moved, got, want)
		}
	}
	// Growth into space that is nobody's moves nothing.
	in.Partitions = []Partition{holding(1, 100, 0), holding(2, 100, 0)}
	if got := sectors(divide(t, in)); !reflect.DeepEqual(got, map[byte]uint64{1: 500, 2: 500}) {
		t.Errorf("new disk: %v", got)
	}
	in.DailyMovePct = 200 // a percentage above 100 is no limit
	in.Partitions = []Partition{holding(1, 800, 0), holding(2, 200, 0)}
	if got := sectors(divide(t, in)); got[1] != 500 {
		t.Errorf("200 %% a day: %v", got)
	}
}

func TestLostDiskLiftsTheLimit(t *testing.T) {
	in := input(disks(100), staked(499, 499))
	in.DailyMovePct = 1
	in.Partitions = []Partition{
		holding(1, 100, 0),
		{Validator: key(2), Holdings: []Holding{{Volume: "gone", Sectors: 100}}},
	}
	p := divide(t, in)
	if got := sectors(p); !reflect.DeepEqual(got, map[byte]uint64{1: 50, 2: 50}) {
		t.Errorf("%v, want 50 each at once", got)
	}
	if p.Targets[1].Current != 0 {
		t.Errorf("sectors on a lost disk count as current: %+v", p.Targets[1])
	}
}

func TestLessCapacityBinds(t *testing.T) {
	in := input(disks(90), staked(499, 499)) // the threshold was lowered: within hysteresis, above the limit
	in.DailyMovePct = 1
	in.Partitions = []Partition{holding(1, 55, 0), holding(2, 45, 0)}
	p := divide(t, in)
	if got := sectors(p); !reflect.DeepEqual(got, map[byte]uint64{1: 45, 2: 45}) {
		t.Errorf("%v, want 45 each", got)
	}
}

func TestLiveDataStays(t *testing.T) {
	in := input(disks(100), staked(9, 89)) // ideals 10 and 90
	in.Partitions = []Partition{holding(1, 50, 30), holding(2, 50, 0)}
	if got := sectors(divide(t, in)); !reflect.DeepEqual(got, map[byte]uint64{1: 30, 2: 70}) {
		t.Errorf("%v, want 30 live ones kept", got)
	}
	// A validator that is no longer eligible keeps its live data only, and the
	// rest is divided among the others.
	in.Partitions = append(in.Partitions[:1], holding(7, 50, 20))
	p := divide(t, in)
	if got := sectors(p); !reflect.DeepEqual(got, map[byte]uint64{1: 30, 2: 50, 7: 20}) || p.Targets[2].Ideal != 0 {
		t.Errorf("%v, want live data of a former validator kept", got)
	}
	// Live data above the capacity stays too; nothing else does.
	in = input(disks(10), staked(9, 9))
	in.Partitions = []Partition{holding(1, 30, 20), holding(2, 30, 5)}
	if got := sectors(divide(t, in)); !reflect.DeepEqual(got, map[byte]uint64{1: 20, 2: 5}) {
		t.Errorf("%v, want only the live sectors", got)
	}
}

func TestVolumesAreStable(t *testing.T) {
	in := input(disks(60, 30), staked(59, 29)) // ideals 60 and 30
	first := divide(t, in)
	want := []Target{
		{Validator: key(1), Ideal: 60, Sectors: 60, Holdings: []Holding{{Volume: "a", Sectors: 40}, {Volume: "b", Sectors: 20}}},
		{Validator: key(2), Ideal: 30, Sectors: 30, Holdings: []Holding{{Volume: "a", Sectors: 20}, {Volume: "b", Sectors: 10}}},
	}
	if !reflect.DeepEqual(first.Targets, want) {
		t.Fatalf("first allocation %+v, want %+v", first.Targets, want)
	}
	// A third disk: both grow there, and nothing that is sealed moves.
	in.Partitions, in.Volumes = applied(first), disks(60, 30, 90)
	second := divide(t, in)
	for i, target := range second.Targets {
		got := target.Holdings
		if len(got) != 3 || !reflect.DeepEqual(got[:2], want[i].Holdings) {
			t.Errorf("%v does not keep %v", got, want[i].Holdings)
		}
	}
	// One disk's part shrinks and another has room: only the excess moves over.
	in.Partitions, in.Volumes = applied(second), disks(50, 40, 90)
	third := divide(t, in)
	var on [3]uint64
	for _, target := range third.Targets {
		for _, h := range target.Holdings {
			on[h.Volume[0]-'a'] += h.Sectors
		}
	}
	if on != [3]uint64{50, 40, 90} {
		t.Errorf("sectors on disks %v, want %v", on, [3]uint64{50, 40, 90})
	}
}

func TestShrinkLeavesTheFullestDisk(t *testing.T) {
	in := input(disks(50, 100), staked(9, 89))
	in.Partitions = []Partition{
		{Validator: key(1), Holdings: []Holding{{Volume: "a", Sectors: 50, Live: 45}, {Volume: "b", Sectors: 30}}},
		{Validator: key(2), Holdings: []Holding{{Volume: "b", Sectors: 60}}},
	}
	p := divide(t, in) // ideals 15 and 135; 45 live ones stay
	want := []Holding{{Volume: "a", Sectors: 45, Live: 45}}
	if got := p.Targets[1].Holdings; !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestMalformedInput(t *testing.T) {
	ok := input(disks(10), staked(1))
	for name, change := range map[string]func(*Input){
		"no sector size":    func(in *Input) { in.SectorSize = 0 },
		"volume twice":      func(in *Input) { in.Volumes = append(disks(1), disks(1)...) },
		"validator twice":   func(in *Input) { in.Validators = append(staked(1), staked(2)...) },
		"partition twice":   func(in *Input) { in.Partitions = []Partition{holding(1, 1, 0), holding(1, 1, 0)} },
		"more live than is": func(in *Input) { in.Partitions = []Partition{holding(1, 1, 2)} },
		"too many sectors":  func(in *Input) { in.Partitions = []Partition{holding(1, 1<<60, 0)} },
		"too much moved":    func(in *Input) { in.Partitions = []Partition{{Validator: key(1), Moved: 1 << 60}} },
		"too large volumes": func(in *Input) { in.SectorSize, in.Volumes = 1, disks(1<<40) },
		"too many volumes":  func(in *Input) { in.Volumes = make([]Volume, MaxVolumes+1) },
	} {
		in := ok
		change(&in)
		if _, err := Divide(in); strata.CodeOf(err) != strata.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEligible(t *testing.T) {
	self := key(9)
	n := func(k byte, permit bool, stake strata.Rao) Neuron {
		return Neuron{Hotkey: key(k), Permit: permit, Stake: stake, StakeBefore: stake / 2}
	}
	for name, c := range map[string]struct {
		neurons []Neuron
		want    []byte
	}{
		"permits":           {[]Neuron{n(1, true, 5), n(2, false, 9), n(3, true, 0), n(9, true, 7)}, []byte{1, 3}},
		"a new subnet":      {[]Neuron{n(1, false, 5), n(2, false, 0), n(9, false, 7)}, []byte{1}},
		"only one's own":    {[]Neuron{n(1, false, 5), n(9, true, 7)}, nil},
		"an empty subnet":   {nil, nil},
		"nobody with stake": {[]Neuron{n(1, false, 0)}, nil},
	} {
		var got []byte
		for _, v := range Eligible(c.neurons, self) {
			got = append(got, v.Hotkey[0])
			if v.StakeBefore != v.Stake/2 {
				t.Errorf("%s: stakes of %d are lost", name, v.Hotkey[0])
			}
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// drawInput makes any input, with current partitions in no relation to stakes.
func drawInput(t *rapid.T) Input {
	var caps []uint64
	for range rapid.IntRange(1, 4).Draw(t, "volumes") {
		caps = append(caps, rapid.Uint64Range(0, 120).Draw(t, "capacity"))
	}
	in := input(disks(caps...), nil)
	in.DailyMovePct = rapid.SampledFrom([]uint32{0, 0, 1, 20}).Draw(t, "limit")
	for i := range rapid.IntRange(0, 6).Draw(t, "validators") {
		s := strata.Rao(rapid.Uint64Range(0, 1<<40).Draw(t, "stake"))
		in.Validators = append(in.Validators, Validator{Hotkey: key(byte(i + 1)), Stake: s, StakeBefore: s})
	}
	for i := range rapid.IntRange(0, 8).Draw(t, "partitions") {
		p := Partition{Validator: key(byte(i + 1)), Moved: rapid.Uint64Range(0, 9).Draw(t, "moved")}
		for v := range rapid.IntRange(0, 5).Draw(t, "holdings") { // the fifth volume is never there
			n := rapid.Uint64Range(0, 60).Draw(t, "sectors")
			live := rapid.Uint64Range(0, n/4).Draw(t, "live")
			p.Holdings = append(p.Holdings, Holding{Volume: string(rune('a' + v)), Sectors: n, Live: live})
		}
		in.Partitions = append(in.Partitions, p)
	}
	return in
}

func TestPlanProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawInput(t)
		p, err := Divide(in)
		if err != nil {
			t.Fatal(err)
		}
		checkVolumes(t, in, p)
		checkLimits(t, in, p)

		in.Validators = rapid.Permutation(in.Validators).Draw(t, "validator order")
		in.Partitions = rapid.Permutation(in.Partitions).Draw(t, "partition order")
		if again, _ := Divide(in); !reflect.DeepEqual(again, p) {
			t.Fatalf("another order gives %+v instead of %+v", again, p)
		}
	})
}

// checkVolumes: targets add up, no volume is above its capacity but for live
// data, and live data is where it was.
func checkVolumes(t *rapid.T, in Input, p Plan) {
	on, live := map[string]uint64{}, map[string]uint64{}
	liveOf := map[strata.Hotkey]map[string]uint64{}
	for _, c := range in.Partitions {
		liveOf[c.Validator] = map[string]uint64{}
		for _, h := range c.Holdings {
			live[h.Volume] += h.Live
			liveOf[c.Validator][h.Volume] = h.Live
		}
	}
	for _, target := range p.Targets {
		var sum uint64
		for _, h := range target.Holdings {
			sum += h.Sectors
			on[h.Volume] += h.Sectors
			if h.Live != liveOf[target.Validator][h.Volume] || h.Sectors < h.Live {
				t.Fatalf("%s: live data %+v, had %v", target.Validator.Short(), h, liveOf[target.Validator])
			}
		}
		if sum != target.Sectors {
			t.Fatalf("%s: %d sectors on volumes, target %d", target.Validator.Short(), sum, target.Sectors)
		}
	}
	for _, v := range in.Volumes {
		if most := max(uint64(v.Capacity/in.SectorSize), live[v.ID]); on[v.ID] > most {
			t.Fatalf("volume %s holds %d sectors, at most %d fit", v.ID, on[v.ID], most)
		}
	}
}

// checkLimits: as long as capacity does not force it and no disk is lost, a day
// takes at most the limit from a partition; nobody grows above its ideal.
func checkLimits(t *rapid.T, in Input, p Plan) {
	var current, usable uint64
	lost := false
	moved := map[strata.Hotkey]uint64{}
	for _, c := range in.Partitions {
		moved[c.Validator] = c.Moved
		for _, h := range c.Holdings {
			lost = lost || h.Volume[0] >= 'a'+byte(len(in.Volumes)) && h.Sectors > 0
		}
	}
	for _, target := range p.Targets {
		current += target.Current
		if target.Sectors > max(target.Current, target.Ideal) {
			t.Fatalf("%+v grows above its ideal", target)
		}
	}
	usable = p.Capacity
	if in.DailyMovePct == 0 || lost || current > usable {
		return
	}
	for _, target := range p.Targets {
		m := moved[target.Validator]
		allowed := ((target.Current+m)*uint64(in.DailyMovePct) + 99) / 100
		if target.Sectors+allowed < target.Current+min(m, allowed) {
			t.Fatalf("%+v loses more than %d less %d in a day", target, allowed, m)
		}
	}
}

// Without a current allocation: the whole capacity is used, at least one each
// while there is room, and more stake is never less space.
func TestIdealProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		stakes := rapid.SliceOfN(rapid.Uint64Range(0, 1<<30), 1, 12).Draw(t, "stakes")
		capacity := rapid.Uint64Range(0, 200).Draw(t, "capacity")
		in := input(disks(capacity), staked(stakes...))
		p, err := Divide(in)
		if err != nil {
			t.Fatal(err)
		}
		if p.Sectors() != capacity && p.Sectors() != 0 || capacity > 0 && p.Sectors() == 0 {
			t.Fatalf("%d of %d sectors used", p.Sectors(), capacity)
		}
		for i, target := range p.Targets {
			if capacity >= uint64(len(stakes)) && target.Sectors == 0 {
				t.Fatalf("%+v gets nothing of %d", target, capacity)
			}
			if i > 0 && target.Sectors > p.Targets[i-1].Sectors {
				t.Fatalf("less stake, more space: %+v after %+v", target, p.Targets[i-1])
			}
		}
		i := rapid.IntRange(0, len(stakes)-1).Draw(t, "who")
		before := sectors(p)[byte(i+1)]
		stakes[i] += rapid.Uint64Range(0, 1<<30).Draw(t, "more")
		in.Validators = staked(stakes...)
		p, err = Divide(in)
		if err != nil {
			t.Fatal(err)
		}
		if after := sectors(p)[byte(i+1)]; after < before {
			t.Fatalf("more stake, less space: %d after %d", after, before)
		}
	})
}

// A carried-out plan is at rest: the same stakes, and stakes that change
// everybody's ideal by less than the hysteresis, move nothing.
func TestNoChurn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawInput(t)
		in.DailyMovePct = 0
		p, err := Divide(in)
		if err != nil {
			t.Fatal(err)
		}
		in.Partitions = applied(p)
		again, err := Divide(in)
		if err != nil {
			t.Fatal(err)
		}
		for i, target := range again.Targets {
			if !reflect.DeepEqual(target.Holdings, p.Targets[i].Holdings) {
				t.Fatalf("carried out %+v, then planned %+v", p.Targets[i], target)
			}
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		stakes := rapid.SliceOfN(rapid.Uint64Range(1000, 1<<30), 1, 6).Draw(t, "stakes")
		in := input(disks(10_000, 5_000), staked(stakes...))
		p, err := Divide(in)
		if err != nil {
			t.Fatal(err)
		}
		in.Partitions = applied(p)
		for i := range stakes {
			stakes[i] += stakes[i] * rapid.Uint64Range(0, 9).Draw(t, "per cent more") / 100
		}
		in.Validators = staked(stakes...)
		again, err := Divide(in)
		if err != nil {
			t.Fatal(err)
		}
		for _, target := range again.Targets {
			d := max(target.Current, target.Ideal) - min(target.Current, target.Ideal)
			if d*10 > target.Ideal {
				return // beyond the hysteresis after all: small partitions
			}
		}
		for _, target := range again.Targets {
			if target.Sectors != target.Current {
				t.Fatalf("within the hysteresis, yet %+v", target)
			}
		}
	})
}
