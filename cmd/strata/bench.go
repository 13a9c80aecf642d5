package main

import (
	"fmt"
	"io"
	"time"

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
