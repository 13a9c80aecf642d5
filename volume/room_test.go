package volume

import (
	"context"
	"testing"

	"pgregory.net/rapid"

	"strata"
	"strata/volume/disk"
	"strata/volume/index"
	"strata/wire"
)

// bareDisks are disks with nothing on them.
func bareDisks(t testing.TB, n int) []*disk.Disk {
	disks := make([]*disk.Disk, n)
	for at := range disks {
		d, err := disk.Open(context.Background(), disk.Config{Dir: t.TempDir(), At: at, FS: quick{}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = d.Close() })
		disks[at] = d
	}
	return disks
}

// bare is a partition in memory with sectors of filler on each disk.
func bare(disks []*disk.Disk, sectors uint64) *partition {
	n := len(disks)
	p := &partition{sectors: map[uint64]*sector{}, targets: make([]uint32, n), spare: make([]spare, n)}
	for at, d := range disks {
		p.targets[at] = uint32(sectors)
		for i := range sectors {
			number := i*uint64(n) + uint64(at)
			p.sectors[number] = &sector{disk: d, number: number, slot: int64(i), state: wire.Filler}
		}
	}
	return p
}

// fits says, by looking at all sectors, whether a put must find room.
func (p *partition) fits(length int64, only *disk.Disk) bool {
	for _, c := range p.sectors {
		if p.usable(c) && (only == nil || c.disk == only) && c.room(length, tinySector) {
			return true
		}
	}
	return false
}

// Whatever happened to sectors, a put finds room where there is any, and takes
// a region that nobody else has.
func TestAssignFindsWhatThereIs(t *testing.T) {
	disks := bareDisks(t, 2)
	rapid.Check(t, func(rt *rapid.T) {
		p := bare(disks, rapid.Uint64Range(1, 40).Draw(rt, "sectors"))
		pick := func() *sector {
			return p.sectors[rapid.Uint64Range(0, uint64(len(p.sectors)-1)).Draw(rt, "which")]
		}
		var taken []region
		for range rapid.IntRange(1, 120).Draw(rt, "steps") {
			switch c := pick(); rapid.IntRange(0, 9).Draw(rt, "what") {
			case 0:
				c.busy = true
			case 1:
				if c.busy {
					p.let(c, tinySector, nil)
				}
			case 2:
				p.become(c, rapid.SampledFrom([]wire.State{wire.Withdrawn, index.Queued, wire.Data, wire.Filler}).Draw(rt, "state"))
			case 3:
				if len(taken) > 0 {
					p.giveBack(taken[0], tinySector)
					taken = taken[1:]
				}
			default:
				only := rapid.SampledFrom([]*disk.Disk{nil, disks[0], disks[1]}).Draw(rt, "only")
				length := 1024 * rapid.Int64Range(1, 256).Draw(rt, "blocks")
				want := p.fits(length, only)
				r, err := p.assign(length, tinySector, only)
				if want != (err == nil) || (err != nil && strata.CodeOf(err) != strata.NoSpace) {
					rt.Fatalf("room %v, but %v", want, err)
				}
				if err != nil {
					continue
				}
				checkRegion(rt, taken, r, length, only)
				taken = append(taken, r)
			}
		}
		data := uint64(0)
		for _, c := range p.sectors {
			if c.state == wire.Data {
				data++
			}
		}
		if p.data != data {
			rt.Fatalf("%d data sectors counted, there are %d", p.data, data)
		}
	})
}

func checkRegion(rt *rapid.T, taken []region, r region, length int64, only *disk.Disk) {
	if r.length != length || r.start < 0 || r.start+length > tinySector || (only != nil && r.c.disk != only) {
		rt.Fatalf("region %+v of %d bytes", r, length)
	}
	for _, o := range taken {
		if o.c == r.c && r.start < o.start+o.length && o.start < r.start+r.length {
			rt.Fatalf("%+v overlaps %+v", r.span, o.span)
		}
	}
}

// A shrunken partition takes no more than it is allotted, whatever room it has.
func TestAssignKeepsToTheTarget(t *testing.T) {
	p := bare(bareDisks(t, 1), 4)
	p.become(p.sectors[0], wire.Data)
	p.become(p.sectors[1], wire.Data)
	p.targets[0] = 1
	if _, err := p.assign(1024, tinySector, nil); strata.CodeOf(err) != strata.NoSpace {
		t.Fatalf("two data sectors of one allotted: %v", err)
	}
	p.targets[0] = 2
	if _, err := p.assign(1024, tinySector, nil); err != nil {
		t.Fatal(err)
	}
}

// BenchmarkAssign finds room among 100,000 sectors, half of them full.
func BenchmarkAssign(b *testing.B) {
	p := bare(bareDisks(b, 1), 100_000)
	for n, c := range p.sectors {
		if n < 50_000 {
			p.become(c, wire.Data)
			c.end = tinySector
		}
	}
	for b.Loop() {
		r, err := p.assign(tinySector/4, tinySector, nil)
		if err != nil {
			b.Fatal(err)
		}
		r.c.puts, r.c.end = 0, min(r.c.end, tinySector/2) // so that it lasts
	}
}
