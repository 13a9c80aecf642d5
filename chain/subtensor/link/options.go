package link

import (
	"io"
	"log/slog"
	"time"
)

// leastPatience is for how long a node may tell of no block at least, where
// nothing else was asked for. What follows is noticed within half a minute.
const leastPatience = 28 * time.Second

// Options tune a link. The zero value is right for production.
type Options struct {
	Timeout    time.Duration // for one request, and to connect; 0 = 15 s
	ProbeEvery time.Duration // how often the node is asked whether it is well; 0 = 10 s
	Stall      time.Duration // after so long without a new block the next endpoint is tried, however slow the chain is; 0 = 28 s, or three block times if they are longer
	MinBackoff time.Duration // first pause between reconnections; 0 = 250 ms
	MaxBackoff time.Duration // longest pause; 0 = 30 s
	MaxMessage int64         // most bytes in one answer; 0 = 64 MiB
	Logger     *slog.Logger  // nil = none
}

// WithDefaults fills in what is zero.
func (o Options) WithDefaults() Options {
	set := func(d *time.Duration, def time.Duration) {
		if *d <= 0 {
			*d = def
		}
	}
	set(&o.Timeout, 15*time.Second)
	set(&o.ProbeEvery, 10*time.Second)
	set(&o.MinBackoff, 250*time.Millisecond)
	set(&o.MaxBackoff, 30*time.Second)
	if o.MaxMessage <= 0 {
		o.MaxMessage = 64 << 20
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	return o
}
