package seal

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"testing"

	"github.com/zeebo/blake3"
	"pgregory.net/rapid"

	"strata"
)

// reference fills a sector by the letter of the specification, with nothing
// shared with the package but its constants' values.
func reference(s Sector) []byte {
	id := s.ID()
	mem := make([]uint64, 128*int(s.Blocks))
	iv := make([]byte, 1024)
	blake3.DeriveKey("strata 2026-11 seal v1 first block", id[:], iv)
	for p := 1; p <= int(s.Passes); p++ {
		for j := range int(s.Blocks) {
			var r [128]uint64
			var parents [16]int
			for k := range parents {
				if p > 1 || j > 0 {
					parents[k] = int(referenceParent(id, int64(s.Blocks), int64(p), int64(j), int64(k)))
				}
			}
			for w := range r {
				switch {
				case j > 0:
					r[w] = mem[128*(j-1)+w]
				case p == 1:
					r[w] = binary.LittleEndian.Uint64(iv[8*w:])
				default:
					r[w] = mem[128*(int(s.Blocks)-1)+w]
				}
				r[w] ^= mem[128*j+w]
				if p > 1 || j > 0 {
					r[w] ^= mem[128*parents[w/8]+8*((w/8+5)%16)+w%8]
				}
			}
			r[0] ^= uint64(p)
			r[1] ^= uint64(j)
			z := referencePerm(r)
			for w := range r {
				mem[128*j+w] = z[w] ^ r[w]
			}
		}
	}
	out := make([]byte, 8*len(mem))
	for i, w := range mem {
		binary.LittleEndian.PutUint64(out[8*i:], w)
	}
	return out
}

// referenceParent computes parent(p, j, k), k on its own.
func referenceParent(id strata.SectorID, n, p, j, k int64) int64 {
	lim := n
	if p == 1 {
		lim = j
	}
	scramble := func(x uint64) uint64 {
		x ^= x >> 30
		x *= 0xbf58476d1ce4e5b9
		x ^= x >> 27
		x *= 0x94d049bb133111eb
		x ^= x >> 31
		return x
	}
	s := scramble(binary.LittleEndian.Uint64(id[:8]) ^ (uint64(p)<<48 | uint64(j)))
	r := scramble(s + uint64(k+1)*0x9E3779B97F4A7C15)
	lo, hi := r&0xffffffff, r>>32
	m := int64(0)
	for int64(2)<<m <= lim {
		m++
	}
	if (k+j+p)%2 == 0 || m < 2 {
		return int64(lo * uint64(lim) >> 32)
	}
	e := 1 + int64(lo*uint64(m-1)>>32)
	d := int64(1)<<e + int64(hi%(1<<e))
	return ((j-d)%n + n) % n
}

// referencePerm is RFC 9106 §3.5 and §3.6 with the indices as printed there:
// eight 16-byte registers S_i = (v_2i+1 ‖ v_2i) for each row and column.
func referencePerm(z [128]uint64) [128]uint64 {
	for i := range 8 {
		var row [16]int
		for s := range 8 {
			row[2*s], row[2*s+1] = 16*i+2*s, 16*i+2*s+1
		}
		referenceP(&z, row)
	}
	for i := range 8 {
		var column [16]int
		for s := range 8 {
			column[2*s], column[2*s+1] = 16*s+2*i, 16*s+2*i+1
		}
		referenceP(&z, column)
	}
	return z
}

func referenceP(z *[128]uint64, at [16]int) {
	g := func(a, b, c, d int) {
		for _, rot := range [][2]int{{32, 24}, {16, 63}} {
			x, y, v, w := &z[at[a]], &z[at[b]], &z[at[c]], &z[at[d]]
			*x = *x + *y + 2*(*x%(1<<32))*(*y%(1<<32))
			*w = bits.RotateLeft64(*w^*x, -rot[0])
			*v = *v + *w + 2*(*v%(1<<32))*(*w%(1<<32))
			*y = bits.RotateLeft64(*y^*v, -rot[1])
		}
	}
	for i := range 4 {
		g(i, 4+i, 8+i, 12+i)
	}
	for i := range 4 {
		g(i, 4+(i+1)%4, 8+(i+2)%4, 12+(i+3)%4)
	}
}

func drawSector(t *rapid.T) Sector {
	s := Sector{
		Netuid: strata.Netuid(rapid.Uint16().Draw(t, "netuid")),
		Number: rapid.Uint64().Draw(t, "number"),
		Blocks: 16 << rapid.IntRange(0, 4).Draw(t, "log blocks"),
		Passes: rapid.Uint32Range(4, 9).Draw(t, "passes"),
	}
	s.Miner[0] = rapid.Byte().Draw(t, "miner")
	return s
}

// The fast fill equals the literal one with every instruction set, whatever the
// sector, whatever was in the buffer and wherever it begins; and it stays
// within the buffer.
func TestFillEqualsTheSpecification(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSector(t)
		skew := rapid.IntRange(0, 65).Draw(t, "skew")
		dirt := rapid.Byte().Draw(t, "dirt")
		want := reference(s)
		for _, isa := range ISAs() {
			got, err := fillWithin(s, isa, skew, dirt)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Fatalf("%s: bytes differ from the specification's", isa)
			}
		}
	})
}

// Parents equals the literal formula for any size, too large to fill here, and
// stays within what exists.
func TestParentsEqualTheSpecification(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := uint32(16) << rapid.IntRange(0, 27).Draw(t, "log blocks")
		pass := rapid.Uint32Range(1, 255).Draw(t, "pass")
		j := rapid.Uint32Range(0, n-1).Draw(t, "j")
		id := strata.SectorID{rapid.Byte().Draw(t, "id"), 1, 2, 3, 4, 5, 6, 7}
		lim := n
		if pass == 1 {
			lim = j
		}
		for k, got := range Parents(id, n, pass, j) {
			want := int64(0)
			if lim > 0 {
				want = referenceParent(id, int64(n), int64(pass), int64(j), int64(k))
			}
			if int64(got) != want {
				t.Fatalf("parent %d of (%d, %d) is %d, want %d", k, pass, j, got, want)
			}
			if got >= lim && lim > 0 {
				t.Fatalf("parent %d of (%d, %d) is %d, which does not exist yet", k, pass, j, got)
			}
		}
	})
}

// In the first pass every parent precedes its block, at every j: the fill
// relies on it when it leaves the buffer's old bytes alone.
func TestFirstPassLooksBack(t *testing.T) {
	for j := uint32(1); j < 1<<14; j++ {
		for k, got := range Parents(strata.SectorID{9}, 1<<14, 1, j) {
			if got >= j {
				t.Fatalf("parent %d of (1, %d) is %d", k, j, got)
			}
		}
	}
}

// Half of a block's parents are uniform, half have a log-uniform distance: the
// measured hardness is that of this mixture, so a drift must not pass. Over
// 2^12 steps of 2^12 blocks each octave of distance from 2 up holds an equal
// share of the near half plus its share of the uniform half.
func TestDistancesAreMixed(t *testing.T) {
	const n = 1 << 12
	var octave [13]int
	for j := uint32(0); j < n; j++ {
		for _, parent := range Parents(strata.SectorID{3}, n, 2, j) {
			octave[bits.Len32((j-parent)&(n-1))]++
		}
	}
	const total = n * 16
	for e := 2; e <= 12; e++ { // distances [2^(e−1), 2^e)
		want := total/2/11 + total/2>>(13-e)
		if got := octave[e]; got < want*95/100 || got > want*105/100 {
			t.Errorf("%d parents at a distance of %d bits, want about %d", got, e, want)
		}
	}
}
