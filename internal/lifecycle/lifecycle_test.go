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

func TestOrderOfTheEnd(t *testing.T) {
	g := New(context.Background(), quiet(), time.Minute)
	var order []string
	stopped := make(chan struct{})
	note := func(what string) func() error {
		return func() error { order = append(order, what); return nil }
	}
	g.OnClose("db", note("db closed"))
	g.OnClose("file", note("file closed"))
	g.OnStop("log", note("log stopped"))
	g.OnStop("server", func() error { close(stopped); return note("server stopped")() })
	g.Go("server", func(context.Context) error { <-stopped; return nil })
	g.Stop()
	if err := g.Wait(); err != nil {
		t.Fatalf("Wait = %v, want nil", err)
	}
	if want := []string{"server stopped", "log stopped", "file closed", "db closed"}; !slices.Equal(order, want) {
		t.Fatalf("ended in order %v, want %v", order, want)
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
