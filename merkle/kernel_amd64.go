package merkle

import "golang.org/x/sys/cpu"

//go:generate go -C ../tools run ./merkleasm ../merkle/hash_amd64.s ../merkle/hash_amd64.go

// kernels are those that this processor runs, the fastest first.
var kernels = usable(cpu.X86.HasAVX512F, cpu.X86.HasAVX2)

func usable(avx512, avx2 bool) (list []kernel) {
	if avx512 {
		list = append(list, kernel{"avx512", 16, hashAVX512})
	}
	if avx2 {
		list = append(list, kernel{"avx2", 8, hashAVX2})
	}
	return list
}
