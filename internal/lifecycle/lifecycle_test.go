package lifecycle

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"
)

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

func TestFirstFailureStopsTheRest(t *testing.T) {
	g := New(context.Background(), quiet(), time.Minute)
	boom := errors.New("boom")
	g.Go("steady", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
	g.Go("failing", func(context.Context) error { return boom })
	if err := g.Wait(); !errors.Is(err, boom) || !strings.Contains(err.Error(), "failing") {
		t.Fatalf("Wait = %v, want boom named after its part", err)
	}
}

func TestStopClosesInReverse(t *testing.T) {
	g := New(context.Background(), quiet(), time.Minute)
	var order []string
	for _, name := range []string{"a", "b", "c"} {
		g.OnClose(name, func() error { order = append(order, name); return nil })
	}
	g.Stop()
	if err := g.Wait(); err != nil {
		t.Fatalf("Wait = %v, want nil", err)
	}
	if want := []string{"c", "b", "a"}; !slices.Equal(order, want) {
		t.Fatalf("closed in order %v, want %v", order, want)
	}
}

func TestHangIsNamed(t *testing.T) {
	g := New(context.Background(), quiet(), time.Millisecond)
	release := make(chan struct{})
	defer close(release)
	g.Go("stuck", func(context.Context) error { <-release; return nil })
	g.Stop()
	if err := g.Wait(); err == nil || !strings.Contains(err.Error(), "stuck") {
		t.Fatalf("Wait = %v, want an error that names the stuck part", err)
	}
}

func TestCloserErrorIsReported(t *testing.T) {
	g := New(context.Background(), quiet(), time.Minute)
	g.OnClose("db", func() error { return io.ErrUnexpectedEOF })
	g.Stop()
	if err := g.Wait(); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatalf("Wait = %v, want the closer's error", err)
	}
}
