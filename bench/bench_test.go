package bench

import (
	"strings"
	"testing"
	"time"
)

func TestMachineNamesProcessorAndDate(t *testing.T) {
	got := Machine(time.Date(2026, 11, 26, 23, 0, 0, 0, time.UTC))
	for _, want := range []string{"cores", "go1", "2026-11-26"} {
		if !strings.Contains(got, want) {
			t.Errorf("Machine() = %q, want %q in it", got, want)
		}
	}
}

func TestTableAligns(t *testing.T) {
	var b strings.Builder
	if err := (Table{Head: []string{"isa", "ns"}, Rows: [][]string{{"go", "420"}, {"avx512", "97"}}}).Write(&b); err != nil {
		t.Fatal(err)
	}
	want := "     isa   ns\n      go  420\n  avx512   97\n"
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}
