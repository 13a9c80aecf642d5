package seal

import "golang.org/x/sys/cpu"

//go:generate go -C ../tools run ./sealasm ../seal/fill_amd64.s ../seal/fill_amd64.go

// known are the implementations for this architecture, the fastest first.
var known = []implementation{
	{AVX512, withAssembly(fillAVX512, fillFarAVX512), func(b *blockBytes, rounds uint64) { chainAVX512(&b[0], rounds) }},
	{AVX2, withAssembly(fillAVX2, fillFarAVX2), func(b *blockBytes, rounds uint64) { chainAVX2(&b[0], rounds) }},
	portable,
}

// implementations are those that this processor runs.
var implementations = usable(known, features{
	avx2: cpu.X86.HasAVX2, bmi2: cpu.X86.HasBMI2,
	avx512f: cpu.X86.HasAVX512F, avx512dq: cpu.X86.HasAVX512DQ, avx512bw: cpu.X86.HasAVX512BW,
})

// firstAssembled is the first block of the first pass that assembly computes:
// below it, all parents are uniform.
const firstAssembled = 4

// zeroBlock is what stands in every block before the first pass.
var zeroBlock blockBytes

// farBlocks is the size in blocks of a sector from which on a fill prefetches in
// bunches: tables of its pages no longer stay in the caches where a machine's
// memory is in small pages, its own or its host's. A variable for tests only.
var farBlocks uint32 = 4 << 20

// assembled computes blocks from…to−1 of a pass, see fill_amd64.go.
type assembled func(base, prev, old *byte, oldStep, n, key, pass, from, to uint64)

// withAssembly is implementation.blocks by two functions of fill_amd64.s.
func withAssembly(near, far assembled) func(*filler, uint32, uint32, uint32) {
	return func(f *filler, p, from, to uint32) {
		for ; p == 1 && from < min(to, firstAssembled); from++ {
			f.step(p, from)
		}
		if from >= to {
			return
		}
		old, oldStep := f.bytesOf(from), uint64(len(zeroBlock))
		if p == 1 {
			old, oldStep = &zeroBlock, 0
		}
		prev := f.bytesOf((from - 1) & (f.n - 1))
		fill := near
		if f.n >= farBlocks {
			fill = far
		}
		fill(&f.buf[0], &prev[0], &old[0], oldStep, uint64(f.n), graphKey(f.id), uint64(p), uint64(from), uint64(to))
	}
}

func gather(buf []byte, offsets []uint64) uint64 {
	return gatherLines(&buf[0], &offsets[0], uint64(len(offsets)))
}
