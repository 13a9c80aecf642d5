package main

import (
	"fmt"
	"time"

	"strata/bench"
)

// benchCmd measures this machine: one field for each measurement, each with a
// file of its own (bench_*.go).
type benchCmd struct {
	Machine benchMachineCmd `cmd:"" help:"Name this machine, as the tables of the other measurements do."`
}

type benchMachineCmd struct{}

func (benchMachineCmd) Run(s streams) error {
	_, err := fmt.Fprintln(s.out, bench.Machine(time.Now()))
	return err
}
