package merkle

import "golang.org/x/sys/cpu"

//go:generate go -C ../tools run ./merkleasm ../merkle/hash_amd64.s ../merkle/hash_amd64.go

// kernels are those that this processor runs, the fastest first.
var kernels = usable(cpu.X86.HasAVX512F, cpu.X86.HasAVX2)

func usable(avx512, avx2 bool) (list []kernel) {
	if avx512 {
		list = append(list, kernel{"avx512", wideLanes})
	}
	if avx2 {
		list = append(list, kernel{"avx2", 8})
	}
	return list
}

// wideLanes is the lanes of AVX-512.
const wideLanes = 16

func (k kernel) hash(out, in *byte, stride, blocks uint64, counters *uint32, first, end uint64) {
	if k.lanes == wideLanes {
		hashAVX512(out, in, stride, blocks, counters, first, end)
	} else {
		hashAVX2(out, in, stride, blocks, counters, first, end)
	}
}
