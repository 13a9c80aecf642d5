package strata

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// ByteSize is a number of bytes. Its text form uses binary units.
type ByteSize uint64

// Binary units.
const (
	KiB ByteSize = 1 << 10
	MiB ByteSize = 1 << 20
	GiB ByteSize = 1 << 30
	TiB ByteSize = 1 << 40
)

var sizeUnits = map[string]ByteSize{
	"": 1, "B": 1,
	"K": KiB, "KIB": KiB, "M": MiB, "MIB": MiB, "G": GiB, "GIB": GiB, "T": TiB, "TIB": TiB,
	"KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12,
}

// ParseByteSize reads "256MiB", "1.5 GiB", "4GB" (decimal), "1T" (binary) or a
// plain number of bytes. The error has code Invalid.
func ParseByteSize(s string) (ByteSize, error) {
	t := strings.TrimSpace(s)
	i := strings.LastIndexAny(t, "0123456789.") + 1
	unit, ok := sizeUnits[strings.ToUpper(strings.TrimSpace(t[i:]))]
	v, err := strconv.ParseFloat(t[:i], 64)
	if !ok || err != nil || v < 0 || v*float64(unit) >= math.MaxInt64 {
		return 0, E(Invalid, "size %q is not a number of bytes: write it like 256MiB or 4TB", clip(s))
	}
	return ByteSize(v * float64(unit)), nil
}

// String returns at most one decimal and a binary unit: "1.5 GiB".
func (b ByteSize) String() string {
	for _, u := range []struct {
		size ByteSize
		name string
	}{{TiB, "TiB"}, {GiB, "GiB"}, {MiB, "MiB"}, {KiB, "KiB"}} {
		if b >= u.size {
			return strings.TrimSuffix(strconv.FormatFloat(float64(b)/float64(u.size), 'f', 1, 64), ".0") + " " + u.name
		}
	}
	return fmt.Sprintf("%d B", uint64(b))
}

// UnmarshalText accepts what ParseByteSize does.
func (b *ByteSize) UnmarshalText(t []byte) error { return into(b, string(t), ParseByteSize) }

// ParseTao reads a decimal amount of TAO with at most nine decimals, exactly.
// The error has code Invalid.
func ParseTao(s string) (Rao, error) {
	whole, frac, _ := strings.Cut(strings.TrimSpace(s), ".")
	if len(frac) > 9 || whole+frac == "" {
		return 0, E(Invalid, "amount %q is not a number of TAO with at most nine decimals", clip(s))
	}
	v, err := strconv.ParseUint(whole+frac+strings.Repeat("0", 9-len(frac)), 10, 64)
	if err != nil {
		return 0, E(Invalid, "amount %q is not a number of TAO with at most nine decimals", clip(s))
	}
	return Rao(v), nil
}

// String returns the amount in TAO, without trailing zeros.
func (r Rao) String() string {
	s := fmt.Sprintf("%d.%09d", uint64(r/RaoPerTao), uint64(r%RaoPerTao))
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}
