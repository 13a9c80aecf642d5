package main

import (
	"testing"

	"strata"
)

// TestVerifyBudget is a part of all cores, given to the validator in per cent
// of one.
func TestVerifyBudget(t *testing.T) {
	for _, c := range []struct {
		budget float64
		cores  int
		want   int
		code   strata.Code
	}{
		{0, 8, 0, ""}, // the validator's default
		{0.25, 2, 50, ""},
		{0.5, 8, 400, ""},
		{1, 4, 400, ""},
		{0.001, 2, 1, ""},
		{-0.1, 2, 0, strata.Invalid},
		{1.1, 2, 0, strata.Invalid},
	} {
		got, err := verifyFlags{c.budget}.share(c.cores)
		if got != c.want || strata.CodeOf(err) != c.code {
			t.Errorf("%+v: %d, %v", c, got, err)
		}
	}
}
