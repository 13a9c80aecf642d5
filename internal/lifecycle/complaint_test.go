package lifecycle

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
)

func TestComplaintIsMadeOnceForAnErrorThatStays(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, nil))
	var c Complaint
	a, b := errors.New("no route"), errors.New("no space")
	for _, err := range []error{nil, a, a, errors.New("no route"), b, a, nil, nil, a, a} {
		c.Say(log, "it does not work", err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	want := []string{"no route", "no space", "no route", "no route"} // new, another, another, new after it was well
	if len(lines) != len(want) {
		t.Fatalf("%d lines, want %d:\n%s", len(lines), len(want), &out)
	}
	for i, line := range lines {
		if !strings.Contains(line, "level=WARN") || !strings.Contains(line, "it does not work") || !strings.Contains(line, want[i]) {
			t.Errorf("line %d is %q, want a warning of %q", i, line, want[i])
		}
	}
}
