package metrics

import (
	"context"
	"io"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"strata"
	"strata/allocation"
	"strata/peer"
	"strata/wire"
)

// Space is what a miner holds.
type Space interface {
	Sealed() []wire.Partition
	Disks() ([]allocation.Disk, error)
}

// Counted answers as the miner within, and counts. It is safe for concurrent use.
type Counted struct {
	peer.Miner
	leaves  *prometheus.CounterVec // by validator, result
	last    *prometheus.GaugeVec   // by validator
	took    *prometheus.HistogramVec
	refused *prometheus.CounterVec // by call, code
	stored  *prometheus.CounterVec // by validator
}

// Miner shows what a miner holds, and returns what counts the answers of m.
func (s *Set) Miner(m peer.Miner, space Space) *Counted {
	c := &Counted{
		Miner:  m,
		leaves: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "strata_audited_leaves_total", Help: "Leaves that a validator asked for: opened, or missing where they could not be read."}, []string{"validator", "result"}),
		last:   prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "strata_audited_last_seconds", Help: "Unix time of a validator's last audit."}, []string{"validator"}),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "strata_answer_seconds", Help: "How long an answer took, without the network: an audit's deadline is 0.5 s on finney, 0.15 s on the test network.",
			Buckets: []float64{.001, .002, .005, .01, .02, .05, .1, .15, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"call"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "strata_refused_total", Help: "Calls that failed, by code."}, []string{"call", "code"}),
		stored:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "strata_stored_bytes_total", Help: "Bytes of shards that a validator stored."}, []string{"validator"}),
	}
	s.registry.MustRegister(c.leaves, c.last, c.took, c.refused, c.stored, holdings{space})
	return c
}

// Audit implements peer.Miner.
func (c *Counted) Audit(ctx context.Context, caller strata.Hotkey, r wire.AuditRequest) (wire.AuditResponse, error) {
	defer c.timed("audit")()
	resp, err := c.Miner.Audit(ctx, caller, r)
	if c.failed("audit", err) {
		return resp, err
	}
	missing := 0
	for _, o := range resp.Openings {
		if o.Missing {
			missing++
		}
	}
	who := caller.String()
	c.leaves.WithLabelValues(who, "opened").Add(float64(len(resp.Openings) - missing))
	c.leaves.WithLabelValues(who, "missing").Add(float64(missing))
	c.last.WithLabelValues(who).SetToCurrentTime()
	return resp, nil
}

// PutShard implements peer.Miner.
func (c *Counted) PutShard(ctx context.Context, v strata.Hotkey, root strata.Root, size int64, body io.Reader, order wire.Order) (wire.Receipt, error) {
	defer c.timed("put")()
	receipt, err := c.Miner.PutShard(ctx, v, root, size, body, order)
	if !c.failed("put", err) {
		c.stored.WithLabelValues(v.String()).Add(float64(size))
	}
	return receipt, err
}

// ShardRange implements peer.Miner.
func (c *Counted) ShardRange(ctx context.Context, v strata.Hotkey, root strata.Root) (wire.ShardSource, error) {
	defer c.timed("get")()
	src, err := c.Miner.ShardRange(ctx, v, root)
	c.failed("get", err)
	return src, err
}

// DeleteShard implements peer.Miner.
func (c *Counted) DeleteShard(ctx context.Context, v strata.Hotkey, root strata.Root) error {
	defer c.timed("delete")()
	err := c.Miner.DeleteShard(ctx, v, root)
	c.failed("delete", err)
	return err
}

func (c *Counted) timed(call string) (done func()) {
	began := time.Now()
	return func() { c.took.WithLabelValues(call).Observe(time.Since(began).Seconds()) }
}

// failed counts an error. Who asks is proven by then, so labels are bounded.
func (c *Counted) failed(call string, err error) bool {
	if err != nil {
		c.refused.WithLabelValues(call, string(strata.CodeOf(err))).Inc()
	}
	return err != nil
}

// holdings shows a miner's space, read at each look.
type holdings struct{ space Space }

var (
	sealed   = desc("sealed_sectors", "Sectors that are sealed for a validator.", "validator")
	target   = desc("target_sectors", "Sectors that are planned for a validator.", "validator")
	diskUsed = desc("disk_used_bytes", "Bytes of sectors on a disk.", "path")
	diskFree = desc("disk_free_bytes", "Bytes that sectors can take yet on a disk.", "path")
	disksUp  = desc("disks_up", "Whether all disks could be looked at: 1 or 0.")
)

// Describe implements prometheus.Collector; see view.
func (holdings) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (h holdings) Collect(out chan<- prometheus.Metric) {
	for _, p := range h.space.Sealed() {
		gauge(out, sealed, float64(p.Sealed), p.Validator.String())
		gauge(out, target, float64(p.Target), p.Validator.String())
	}
	disks, err := h.space.Disks()
	gauge(out, disksUp, flag(err == nil))
	for _, d := range disks {
		gauge(out, diskUsed, float64(d.Space.Used), d.Path)
		gauge(out, diskFree, float64(d.Space.Free), d.Path)
	}
}
