package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"strata"
	"strata/bench"
)

// benchCmd measures this machine: one field for each measurement, each with a
// file of its own (bench_*.go).
type benchCmd struct {
	Attack   benchAttackCmd      `cmd:"" help:"Play the pebbling game on Seal's graph: what cheaters keep, and what a missing leaf costs them."`
	Audit    benchAuditCmd       `cmd:"" help:"Measure what auditing a whole network costs one validator, and what it notices."`
	Fleet    benchAuditMinersCmd `cmd:"" name:"audit-miners" hidden:""`
	Cheaters benchCheatersCmd    `cmd:"" help:"Play every kind of cheating miner against real validators: what each earns, and what honesty earns with the same means."`
	Machine  benchMachineCmd     `cmd:"" help:"Name this machine, as the tables of the other measurements do."`
	Objects  benchObjectsCmd     `cmd:"" help:"Measure files up and down through a whole network of processes."`
	Profile  benchProfileCmd     `cmd:"" help:"Say which networks this machine can serve: memory, disk answers and refill time."`
	Seal     benchSealCmd        `cmd:"" help:"Measure how fast this machine fills and seals sectors."`
}

type benchMachineCmd struct{}

func (benchMachineCmd) Run(s streams) error {
	_, err := fmt.Fprintln(s.out, bench.Machine(time.Now()))
	return err
}

// counter returns a progress report for a measurement of several parts: a line
// that is rewritten on a terminal, nothing elsewhere.
func counter(w io.Writer, what string) func(done, total int) {
	if !isTerminal(w) {
		return nil
	}
	begin := time.Now()
	return func(done, total int) {
		left := time.Since(begin) / time.Duration(done) * time.Duration(total-done)
		fmt.Fprintf(w, "\r%s %d of %d, %s left \x1b[K", what, done, total, left.Round(time.Second))
		if done == total {
			fmt.Fprint(w, "\r\x1b[K")
		}
	}
}

// jsonFlag is every measurement's.
type jsonFlag struct {
	JSON bool `name:"json" help:"Print JSON, one row a line."`
}

// printRows writes a JSON object a line.
func printRows[T any](w io.Writer, rows []T) error {
	enc := json.NewEncoder(w)
	for _, r := range rows {
		if err := enc.Encode(r); err != nil {
			return err
		}
	}
	return nil
}

// processFlags are those of measurements that run processes of this program in
// a directory.
type processFlags struct {
	Dir string `help:"Where they keep their files; a temporary directory unless given."`
	jsonFlag
	logFlags
}

// site is where such a measurement runs.
type site struct {
	log    *slog.Logger
	binary string // this program
	dir    string // new
}

// open makes the directory. The caller closes the site, which removes it.
func (f processFlags) open(s streams) (*site, error) {
	log, err := f.logger(s.err)
	if err != nil {
		return nil, err
	}
	binary, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program's file: %w", err)
	}
	dir, err := os.MkdirTemp(expand(f.Dir), "strata-bench-")
	if err != nil {
		return nil, strata.E(strata.NoSpace, "make a directory to measure in: %w", err)
	}
	return &site{log, binary, dir}, nil
}

func (s *site) close() { _ = os.RemoveAll(s.dir) } // what is left is in a temporary directory

// print writes a measurement as JSON, or the machine and tables.
func (f jsonFlag) print(s streams, machine string, v any, tables ...bench.Table) error {
	if f.JSON {
		return json.NewEncoder(s.out).Encode(v)
	}
	fmt.Fprintln(s.out, machine)
	for i, t := range tables {
		if i > 0 {
			fmt.Fprintln(s.out)
		}
		if err := t.Write(s.out); err != nil {
			return err
		}
	}
	return nil
}
