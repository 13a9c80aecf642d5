package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"golang.org/x/sync/errgroup"

	"strata"
	"strata/gateway/client"
)

// filesAtOnce is how many files of a folder are under way: small ones cost the
// gateway little when they come together, and it takes 32 uploads in all.
const filesAtOnce = 8

// crowd moves many files, with one bar for all.
type crowd struct {
	out, err io.Writer
	what     string // like "storing"
	sizes    []int64

	mu       sync.Mutex // guards what follows, bar included
	bar      *bar
	moved    []int64 // bytes of each file
	done     int64   // their sum
	total    int64
	failed   int
	failure  error // the first
	hopeless bool  // no more are to be begun
}

func newCrowd(s streams, f transferFlags, what string, n int, size func(int) int64) *crowd {
	c := &crowd{out: s.out, err: s.err, what: what, sizes: make([]int64, n), moved: make([]int64, n), bar: f.bar(s, what)}
	for i := range n {
		c.sizes[i] = max(size(i), 0)
		c.total += c.sizes[i]
	}
	if c.bar.bar != nil { // lines go above the bar
		c.err = c.bar.progress
		if isTerminal(s.out) {
			c.out = c.bar.progress
		}
	}
	return c
}

// run calls do for each file, some at once, and writes the line that it returns.
// One that fails does not stop the others, unless they would fail alike: then no
// more are begun, and those under way end as they do, so that each that was moved
// is told.
func (c *crowd) run(ctx context.Context, do func(context.Context, int, client.Progress) (line string, err error)) error {
	var g errgroup.Group
	g.SetLimit(filesAtOnce)
	for i := range c.sizes {
		if c.stopped() || ctx.Err() != nil {
			break
		}
		g.Go(func() error {
			line, err := do(ctx, i, func(n int64) { c.tell(i, n) })
			return c.end(i, line, err)
		})
	}
	err := g.Wait() // the first
	if err == nil {
		err = ctx.Err()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bar.close(err == nil && c.failed == 0)
	if err == nil && c.failed > 0 {
		err = strata.E(strata.CodeOf(c.failure), "%s failed for %d of %d files, as said above", c.what, c.failed, len(c.sizes))
	}
	return err
}

// stopped says whether something fails all files alike.
func (c *crowd) stopped() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.hopeless
}

// tell notes how much of a file has moved; encrypted it is longer than it was.
func (c *crowd) tell(i int, n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n = min(n, c.sizes[i])
	c.done += n - c.moved[i]
	c.moved[i] = n
	if c.done < c.total { // the end is told once, by the last file
		c.bar.set(strata.ByteSize(c.done), strata.ByteSize(c.total))
	}
}

// end notes that a file has moved, or returns the error that ends the others.
func (c *crowd) end(i int, line string, err error) error {
	if err != nil && hopeless(err) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.hopeless = true
		return err
	}
	c.tell(i, c.sizes[i])
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.failed++
		if c.failure == nil {
			c.failure = err
		}
		fmt.Fprintf(c.err, "strata: %v\n", err)
		return nil
	}
	_, err = io.WriteString(c.out, line)
	return err
}

// hopeless says whether what failed one file fails the others too.
func hopeless(err error) bool {
	switch strata.CodeOf(err) {
	case strata.Unauthenticated, strata.Forbidden, strata.Unavailable, strata.Throttled, strata.NoSpace:
		return true
	}
	return errors.Is(err, context.Canceled)
}
