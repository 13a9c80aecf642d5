package score

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"strata"
	"strata/allocation"
	"strata/yuma"
)

func TestTrusted(t *testing.T) {
	r := Rules{Sector: 1}
	const k = 1000
	for name, c := range map[string]struct {
		parts   []Part
		covered uint64
		data    []uint64
	}{
		"nothing":             {nil, 0, nil},
		"filler":              {[]Part{{Listed: 100 * k, Covered: 100 * k, Share: 1000}}, 100 * k, []uint64{0}},
		"full as stake says":  {[]Part{{100 * k, 100 * k, 100 * k, 100_000}, {900 * k, 900 * k, 900 * k, 900_000}}, 1000 * k, []uint64{100 * k, 900 * k}},
		"an eighth more":      {[]Part{{112_500, 112_500, 112_500, 100_000}, {887_500, 887_500, 0, 900_000}}, 1000 * k, []uint64{112_500, 0}},
		"uncovered":           {[]Part{{100 * k, 40 * k, 0, PPM}}, 40 * k, []uint64{0}},
		"more data than that": {[]Part{{100 * k, 40 * k, 90 * k, PPM}}, 40 * k, []uint64{40 * k}},
		// 100 of filler, a twentieth of the stake: T = 100 / (1 − 9/160) = 105.96.
		"league":                         {[]Part{{100 * k, 100 * k, 0, 950_000}, {900 * k, 900 * k, 900 * k, 50_000}}, 105_961, []uint64{0, 5961}},
		"league alone, and nothing else": {[]Part{{900 * k, 900 * k, 900 * k, 50_000}}, 1, []uint64{1}},
		"permit lost":                    {[]Part{{100 * k, 100 * k, 0, PPM}, {50 * k, 50 * k, 20 * k, 0}}, 130*k + 1, []uint64{0, 1}},
		"small partitions":               {[]Part{{1, 1, 1, 0}, {1, 1, 1, 0}, {98, 98, 0, PPM}}, 100, []uint64{1, 1, 0}},
	} {
		covered, _, data := Trusted(r, c.parts)
		if diff := int64(covered) - int64(c.covered); diff < -2 || diff > 2 || len(data) != len(c.data) {
			t.Errorf("%s: %d bytes count, want %d; of shards %v", name, covered, c.covered, data)
			continue
		}
		for i := range data {
			if diff := int64(data[i]) - int64(c.data[i]); diff < -2 || diff > 2 {
				t.Errorf("%s: of shards %v count, want %v", name, data, c.data)
			}
		}
	}
}

// Whatever parts there are: no more counts than is covered, filler always does,
// and the order of the parts does not matter.
func TestTrustedProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := Rules{Sector: rapid.Uint64Range(1, 1<<32).Draw(t, "sector")}
		var parts []Part
		var covered, filler uint64
		for range rapid.IntRange(1, 6).Draw(t, "parts") {
			p := Part{Listed: rapid.Uint64Range(0, 1<<50).Draw(t, "listed"), Share: rapid.Uint64Range(0, PPM).Draw(t, "share")}
			p.Covered = rapid.Uint64Range(0, p.Listed).Draw(t, "covered")
			p.Data = rapid.Uint64Range(0, p.Covered).Draw(t, "data")
			parts, covered, filler = append(parts, p), covered+p.Covered, filler+p.Covered-p.Data
		}
		got, _, data := Trusted(r, parts)
		if got > covered || got < filler {
			t.Fatalf("%d bytes count of %d, %d of them filler", got, covered, filler)
		}
		for i, d := range data {
			if d > parts[i].Data {
				t.Fatalf("%d bytes of shards count of %d", d, parts[i].Data)
			}
		}
		slices.Reverse(parts)
		if again, _, _ := Trusted(r, parts); again != got {
			t.Fatalf("in another order %d bytes count, not %d", again, got)
		}
	})
}

// TestPartitionsThatFollowStake: whatever stakes there were and are, as long as no
// partition is off by more than the hysteresis, every byte of shards counts, even
// if nothing is left of the filler.
func TestPartitionsThatFollowStake(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const sector = 4 << 30
		n := rapid.IntRange(1, 12).Draw(t, "validators")
		in := allocation.Input{
			SectorSize: sector, HysteresisPct: strata.MainProfile.HysteresisPct,
			Volumes: []allocation.Volume{{ID: "disk", Capacity: strata.ByteSize(rapid.IntRange(n, 5000).Draw(t, "sectors")) * sector}},
		}
		var all uint64
		for i := range n {
			stake := strata.Rao(rapid.Uint64Range(0, 1e15).Draw(t, "stake"))
			in.Validators = append(in.Validators, allocation.Validator{Hotkey: strata.Hotkey{byte(i)}, Stake: stake, StakeBefore: stake})
			all += uint64(stake) + 1e9
		}
		plan, err := allocation.Divide(in)
		if err != nil {
			t.Fatal(err)
		}
		held := map[strata.Hotkey]uint64{}
		for _, p := range plan.Targets {
			held[p.Validator] += p.Sectors
		}
		// Each is off by anything that does not move it, at the others' cost.
		parts, left := make([]Part, n), uint64(0)
		for i, v := range in.Validators {
			ideal := held[v.Hotkey]
			have := min(ideal-ideal/10+rapid.Uint64Range(0, 2*(ideal/10)).Draw(t, "off"), ideal+left)
			left = left + ideal - have
			parts[i] = Part{Listed: have * sector, Covered: have * sector, Data: have * sector, Share: (uint64(v.Stake) + 1e9) * 1000 / (all / 1000)}
		}
		parts[0].Listed += left * sector // filler in a partition that is new
		parts[0].Covered += left * sector
		covered, listed, _ := Trusted(Rules{Sector: sector}, parts)
		if covered != listed {
			t.Fatalf("%d sectors of %d count", covered/sector, listed/sector)
		}
	})
}

// TestLeagueIsBounded: whatever some validators order from a miner, and however
// much, the bytes that count are at most what it has of its own, and a sector for
// each of them, divided by one less 9/8 of their share of the stake.
func TestLeagueIsBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := Rules{Sector: rapid.Uint64Range(1, 1<<32).Draw(t, "sector")}
		var parts []Part
		left, share, real := uint64(PPM), uint64(0), uint64(0)
		league := uint64(rapid.IntRange(0, 4).Draw(t, "league"))
		for i := range league + 3 {
			p := Part{Listed: rapid.Uint64Range(0, 1<<50).Draw(t, "listed"), Share: rapid.Uint64Range(0, left/4).Draw(t, "share")}
			p.Covered, left = p.Listed, left-p.Share
			if i < league {
				p.Data, share = p.Covered, share+p.Share // none of it is there
			} else {
				p.Data, real = rapid.Uint64Range(0, p.Covered).Draw(t, "data"), real+p.Covered
			}
			parts = append(parts, p)
		}
		covered, _, _ := Trusted(r, parts)
		most := float64(real+league*r.Sector) / (1 - 1.125*float64(share)/PPM)
		if float64(covered) > most*1.000001+rounds {
			t.Fatalf("%d bytes count, %.0f may", covered, most)
		}
	})
}

// TestOrdersAreWorthVotes: what a validator's orders bring a miner in league with
// it is little more than what its votes could, at a cost to itself.
func TestOrdersAreWorthVotes(t *testing.T) {
	const miners, bytes = 20, 1 << 50
	for _, ppm := range []uint64{10_000, 50_000, 100_000, 200_000, 400_000} {
		n := []yuma.Neuron{{Stake: 1e15 - 1e9*ppm, Permit: true, LastUpdate: 1}, {Stake: 1e9 * ppm, Permit: true, LastUpdate: 1}}
		for i := range uint16(miners) {
			n = append(n, yuma.Neuron{})
			n[0].Weights = append(n[0].Weights, yuma.Entry{UID: 2 + i, Value: 65535})
		}
		n[1].Weights = n[0].Weights[:1] // its friend alone
		out, err := yuma.Epoch(yuma.Input{
			Params: yuma.Params{Kappa: 32767, BondsPenalty: 65535, BondsMovingAverage: 900_000, MaxValidators: 64, ActivityCutoff: 5000, Tempo: 360},
			Block:  2, Emission: 1e15, Owner: -1, Neurons: n,
		})
		if err != nil {
			t.Fatal(err)
		}
		votes := float64(out.ServerEmission[2]) / float64(out.ServerEmission[3])
		covered, _, _ := Trusted(Rules{Sector: 4 << 30}, []Part{{bytes, bytes, 0, PPM - ppm}, {bytes, bytes, bytes, ppm}})
		orders := float64(covered) / bytes
		t.Logf("%.2f of the stake: by orders %.4f, by votes %.4f", float64(ppm)/PPM, orders, votes)
		if orders-1 > 1.26*(votes-1) || votes < 1 {
			t.Errorf("with %d ppm of the stake orders bring %.4f, votes %.4f", ppm, orders, votes)
		}
	}
}

// TestStakeThatLeaves: a validator that fills its partition at one miner and then
// has no stake any more costs it what its partition was, and no more.
func TestStakeThatLeaves(t *testing.T) {
	r := RulesFor(strata.MainProfile, 360)
	const all = 1000
	for _, share := range []uint64{1, 5, 20} {
		data := share * all / 100 * r.Sector
		parts := []Part{
			{Listed: data, Covered: data, Data: data, Share: share * PPM / 100},
			{Listed: all*r.Sector - data, Covered: all*r.Sector - data, Share: PPM - share*PPM/100},
		}
		if covered, _, _ := Trusted(r, parts); covered != all*r.Sector {
			t.Errorf("with %d %% of the stake %d of %d bytes count", share, covered, all*r.Sector)
		}
		parts[0].Share = 0
		covered, listed, _ := Trusted(r, parts)
		if lost := listed - covered; lost > data || lost+r.Sector < data {
			t.Errorf("when %d %% of the stake leave, %d bytes are lost of %d", share, lost, data)
		}
	}
}
