package metrics

import (
	"context"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"strata/gateway"
)

// Network shows a validator's or gateway's view of the network, read at each
// look.
func (s *Set) Network(n gateway.Network) { s.registry.MustRegister(view{n}) }

type view struct{ network gateway.Network }

var (
	viewed      = desc("network_up", "Whether there is a view of the network: 1 or 0.")
	block       = desc("block", "Latest block of the chain.")
	blockTime   = desc("block_time_seconds", "Unix time of the latest block.")
	objects     = desc("objects", "Files stored.")
	objectBytes = desc("object_bytes", "Bytes of all files stored.")

	minerSeen    = desc("miner_last_seen_seconds", "Unix time at which a miner last answered; 0: never.", "hotkey", "uid")
	minerProblem = desc("miner_problem", "Whether the last exchange with a miner failed: 1 or 0.", "hotkey", "uid")
	minerLeaving = desc("miner_leaving", "Whether a miner leaves: 1 or 0.", "hotkey", "uid")
	minerSealed  = desc("miner_sealed_sectors", "Sectors that a miner shows.", "hotkey", "uid")
	minerTarget  = desc("miner_target_sectors", "Sectors that a miner plans for this validator.", "hotkey", "uid")
	minerProven  = desc("miner_proven_bytes", "Bytes credited to a miner.", "hotkey", "uid")
	minerLeaves  = desc("miner_audit_leaves_total", "Leaves asked of a miner in audits.", "hotkey", "uid", "result")
	minerWeight  = desc("miner_weight", "Weight last set for a miner, of 65535.", "hotkey", "uid")

	repairSegments = desc("repair_segments", "Segments by need: endangered have fewer shards than they should at least; urgent and unreadable are among them.", "need")
	repairToGo     = desc("repair_pending_bytes", "Bytes that repair has yet to write.")
	repaired       = desc("repair_segments_total", "Segments repaired since the start.")
	repairBytes    = desc("repair_bytes_total", "Bytes read and written by repair since the start.")
	repairSurvey   = desc("repair_survey_seconds", "Unix time of the last whole survey; 0: none yet.")

	backupVersion = desc("backup_version", "Version of the backup that miners keep.")
	backupSaved   = desc("backup_saved_seconds", "Unix time of the last backup; 0: none yet.")
	backupBehind  = desc("backup_behind", "Whether this metadata is an old copy, and nothing is backed up: 1 or 0.")
)

// Describe implements prometheus.Collector: which figures there are depends on the
// network, so they are not announced.
func (view) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (v view) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	st, err := v.network.Status(ctx)
	gauge(out, viewed, flag(err == nil))
	if err != nil {
		return
	}
	gauge(out, block, float64(st.Block))
	gauge(out, blockTime, unix(st.BlockTime))
	gauge(out, objects, float64(st.Objects))
	gauge(out, objectBytes, float64(st.ObjectBytes))
	for _, m := range st.Miners {
		collectMiner(out, m)
	}
	if r := st.Repair; r != nil {
		for need, n := range map[string]uint64{"endangered": r.Endangered, "urgent": r.Urgent, "unreadable": r.Unreadable, "moving": r.Moving, "blocked": r.Blocked} {
			gauge(out, repairSegments, float64(n), need)
		}
		gauge(out, repairToGo, float64(r.BytesToGo))
		counter(out, repaired, float64(r.Repaired))
		counter(out, repairBytes, float64(r.Bytes))
		gauge(out, repairSurvey, unix(r.Surveyed))
	}
	if b := st.Backup; b != nil {
		gauge(out, backupVersion, float64(b.Version))
		gauge(out, backupSaved, unix(b.Saved))
		gauge(out, backupBehind, flag(b.Behind != ""))
	}
}

func collectMiner(out chan<- prometheus.Metric, m gateway.Miner) {
	who := []string{m.Hotkey.String(), strconv.Itoa(int(m.UID))}
	gauge(out, minerSeen, unix(m.LastSeen), who...)
	gauge(out, minerProblem, flag(m.LastError != ""), who...)
	gauge(out, minerLeaving, flag(m.Leaving), who...)
	gauge(out, minerSealed, float64(m.Sealed), who...)
	gauge(out, minerTarget, float64(m.Target), who...)
	gauge(out, minerProven, float64(m.ProvenBytes), who...)
	counter(out, minerLeaves, float64(m.AuditsPassed), append(who, "passed")...)
	counter(out, minerLeaves, float64(m.AuditsFailed), append(who, "failed")...)
	gauge(out, minerWeight, float64(m.Weight), who...)
}

func gauge(out chan<- prometheus.Metric, d *prometheus.Desc, value float64, labels ...string) {
	out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
}

func counter(out chan<- prometheus.Metric, d *prometheus.Desc, value float64, labels ...string) {
	out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, value, labels...)
}

func flag(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// unix is a time in seconds; 0 for none.
func unix(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}
