package objects

import (
	"fmt"
	"time"

	"strata/bench"
)

// Table shows the result for people.
func (r Result) Table() bench.Table {
	t := bench.Table{Head: []string{"what", "rate", "detail"}}
	add := func(what, rate, detail string) { t.Rows = append(t.Rows, []string{what, rate, detail}) }
	add("copy of a file, fsync", mbs(r.Copy), "")
	add("codec alone, encode", mbs(r.Encode), fmt.Sprintf("%d of %d, encryption and hash", codecK, codecTotal))
	add("codec alone, decode", mbs(r.Decode), "from parity")
	add("bare upload", mbs(r.Bare), fmt.Sprintf("codec, TLS, hash, write, sync in one process; CPU ns/byte: %.2f", r.BareCPU))
	add("upload", mbs(r.Upload.Median), fmt.Sprintf("%s; CPU ns/byte: %s", r.Codec, r.Upload.CPU))
	add("download", mbs(r.Download.Median), fmt.Sprintf("CPU ns/byte: %s", r.Download.CPU))
	add("first byte", r.FirstByte.Round(100*time.Microsecond).String(), "median")
	add("put of 10 KiB", fmt.Sprintf("%.0f/s", r.SmallPut.PerSecond), r.SmallPut.detail())
	add("get of 10 KiB", fmt.Sprintf("%.0f/s", r.SmallGet.PerSecond), r.SmallGet.detail())
	if r.Stream > 0 {
		add("stream", r.Stream.String(), "up and down, every byte compared")
	}
	add("gateway's memory", r.PeakMemory.String(), "peak resident")
	add("leaves audited", fmt.Sprint(r.Audits), "meanwhile")
	return t
}

func mbs(bytes float64) string { return fmt.Sprintf("%.0f MB/s", bytes/1e6) }

func (s Small) detail() string {
	return fmt.Sprintf("p50 %s, p99 %s; CPU ms each: %s", s.P50.Round(100*time.Microsecond), s.P99.Round(100*time.Microsecond),
		CPU{s.CPU.Gateway / 1e6, s.CPU.Miners / 1e6, s.CPU.Client / 1e6})
}
