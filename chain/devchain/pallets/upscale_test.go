package pallets

import (
	"slices"
	"testing"
)

func TestUpscale(t *testing.T) {
	for _, c := range []struct{ in, want []uint16 }{
		{nil, nil}, {[]uint16{0, 0}, []uint16{0, 0}}, {[]uint16{1}, []uint16{65535}}, {[]uint16{65535, 1}, []uint16{65535, 1}},
		{[]uint16{3, 2, 1}, []uint16{65535, 43690, 21845}},
	} {
		if got := upscale(c.in); !slices.Equal(got, c.want) {
			t.Errorf("%v: %v, want %v", c.in, got, c.want)
		}
	}
}
