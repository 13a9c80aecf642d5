//go:build !amd64

package seal

var implementations = []implementation{portable}

func gather(buf []byte, offsets []uint64) uint64 { return gatherPlainly(buf, offsets) }
