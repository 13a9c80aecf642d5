package objects

import (
	"bytes"
	"fmt"
	"os"
	"strconv"

	"strata"
)

// CPU is processor time in seconds, or after per, in nanoseconds a byte (or a
// small object). It is zero where the system does not tell.
type CPU struct {
	Gateway float64 `json:"gateway"` // the validator's process, which the gateway is part of
	Miners  float64 `json:"miners"`  // all of them
	Client  float64 `json:"client"`  // this process
}

func (c CPU) plus(d CPU) CPU {
	return CPU{c.Gateway + d.Gateway, c.Miners + d.Miners, c.Client + d.Client}
}

func (c CPU) minus(d CPU) CPU {
	return CPU{c.Gateway - d.Gateway, c.Miners - d.Miners, c.Client - d.Client}
}

func (c CPU) per(n float64) CPU {
	return CPU{c.Gateway * 1e9 / n, c.Miners * 1e9 / n, c.Client * 1e9 / n}
}

// String names the three shares.
func (c CPU) String() string {
	return fmt.Sprintf("%.2f gateway + %.2f miners + %.2f client", c.Gateway, c.Miners, c.Client)
}

// cpu returns the time that everybody has used so far.
func (r *run) cpu() (c CPU) {
	for _, pid := range r.pids("validator") {
		c.Gateway += used(pid)
	}
	for _, pid := range r.pids("miner") {
		c.Miners += used(pid)
	}
	c.Client = used(os.Getpid())
	return c
}

// ticks is how many make a second in /proc, on every architecture of Linux.
const ticks = 100

// used returns a process's user and system time in seconds (proc(5), fields 14
// and 15 of stat).
func used(pid int) float64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.ParseFloat(string(fields[11]), 64)
	system, _ := strconv.ParseFloat(string(fields[12]), 64)
	return (user + system) / ticks
}

// peak returns the most memory that a process has held.
func peak(pid int) strata.ByteSize {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := bytes.Cut(b, []byte("VmHWM:"))
	text, _, _ := bytes.Cut(rest, []byte("kB"))
	kib, _ := strconv.ParseUint(string(bytes.TrimSpace(text)), 10, 64)
	return strata.ByteSize(kib) * strata.KiB
}
