package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"

	"strata"
	"strata/yuma"
)

type chainYumaCmd struct {
	File string `arg:"" help:"The scenario, in JSON; - is standard input."`
}

// maxScenario bounds a scenario file: thousands of neurons with full rows.
const maxScenario = 64 << 20

// Run prints the scenarios with what one epoch makes of each as their only
// step, so that what it prints can be changed and run again.
func (c *chainYumaCmd) Run(_ context.Context, s streams) error {
	raw, err := c.read(s)
	if err != nil {
		return err
	}
	list, err := yuma.ParseScenarios(raw)
	if err != nil {
		return err
	}
	for i := range list {
		step, err := list[i].Run()
		if err != nil {
			return err
		}
		list[i].Steps = []yuma.Step{step}
	}
	return printJSON(s.out, list)
}

func (c *chainYumaCmd) read(s streams) ([]byte, error) {
	var from io.Reader = s.in
	if c.File != "-" {
		f, err := os.Open(expand(c.File))
		if errors.Is(err, fs.ErrNotExist) {
			return nil, strata.E(strata.NotFound, "there is no scenario %s", c.File)
		}
		if err != nil {
			return nil, strata.E(strata.Invalid, "the scenario %s cannot be read: %w", c.File, err)
		}
		defer f.Close()
		from = f
	}
	raw, err := io.ReadAll(io.LimitReader(from, maxScenario+1))
	if err != nil {
		return nil, strata.E(strata.Invalid, "the scenario %s cannot be read: %w", c.File, err)
	}
	if len(raw) > maxScenario {
		return nil, strata.E(strata.TooLarge, "the scenario %s is larger than %d MiB", c.File, maxScenario>>20)
	}
	return raw, nil
}
