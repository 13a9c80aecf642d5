package object_test

import (
	"testing"
)

// k=2 of 6 in a network of six: a row is 131,040 bytes, a segment 16 rows.
const (
	row     = 2 * 65520
	segment = 16 * row
)

func TestPutGetSizes(t *testing.T) {
	w := newWorld(t, 6)
	for i, n := range []int{1, 2, 3, 65519, 65520, 65521, row - 1, row, row + 1, 3*row + 7, segment - 1, segment, segment + 1, 3*segment + row + 5} {
		data := noise(uint64(i), n)
		info := w.put("f", data)
		w.mustRead(info.ID, data)
	}
}
