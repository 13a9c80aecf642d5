package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"strata"
	"strata/bench"
	"strata/bench/cheaters"
)

type benchCheatersCmd struct {
	Names  []string `arg:"" optional:"" name:"name" help:"Cheaters to play; by default all, and by the main rules those whose crime is time."`
	Seeds  int      `default:"20" help:"Games for each; the same seeds, the same table."`
	Rules  string   `enum:"fast,main" default:"fast" help:"fast: the local profile's rules and the main network's deadlines, a few epochs. main: the main network's rules."`
	Epochs int      `help:"Epochs in a game; by default as many as the cheater needs, and a week of them by the main rules."`
	jsonFlag
}

// Run plays the zoo and prints what cheating brings.
func (c *benchCheatersCmd) Run(ctx context.Context, s streams) error {
	zoo, err := c.zoo()
	if err != nil {
		return err
	}
	o := cheaters.Options{Rules: cheaters.Fast(), Seeds: c.Seeds, Epochs: c.Epochs}
	if c.Rules == "main" {
		o.Rules = cheaters.Main()
		if o.Epochs == 0 {
			o.Epochs = 140 // a week
		}
	}
	var lib cheaters.Library
	var results []cheaters.Result
	progress := counter(s.err, "cheater")
	for i, z := range zoo {
		r, err := cheaters.Run(ctx, &lib, z, o)
		if err != nil {
			return err
		}
		results = append(results, r)
		if progress != nil {
			progress(i+1, len(zoo))
		}
	}
	if c.JSON {
		return printRows(s.out, results)
	}
	return c.print(s, results)
}

// zoo returns the cheaters that were asked for.
func (c *benchCheatersCmd) zoo() ([]cheaters.Cheater, error) {
	all := cheaters.Zoo()
	switch {
	case len(c.Names) == 0 && c.Rules == "main":
		return cheaters.Timed(), nil
	case len(c.Names) == 0:
		return all, nil
	}
	var out []cheaters.Cheater
	for _, name := range c.Names {
		i := slices.IndexFunc(all, func(z cheaters.Cheater) bool { return z.Name == name })
		if i < 0 {
			var names []string
			for _, z := range all {
				names = append(names, z.Name)
			}
			return nil, strata.E(strata.NotFound, "no cheater is called %q; there are: %s", name, strings.Join(names, " "))
		}
		out = append(out, all[i])
	}
	return out, nil
}

func (c *benchCheatersCmd) print(s streams, results []cheaters.Result) error {
	fmt.Fprintf(s.out, "Cheaters against real validators, %s rules, %d games each. Shares are parts of all miners' reward over the game;\nhonest is what the same miners earn with the same bytes, bandwidth and hotkeys; low and high are the 95 %% confidence\ninterval of share; ratio is share / honest; beside is the credit of the honest miners beside it, as a part of theirs\nwithout a cheater; spread is how much one of them earned more or less than their mean.\n%s\n\n", c.Rules, c.Seeds, bench.Machine(time.Now()))
	t := bench.Table{Head: []string{"cheater", "share", "low", "high", "honest", "ratio", "beside", "spread"}}
	for _, r := range results {
		t.Rows = append(t.Rows, []string{r.Name, ppt(r.Share), ppt(r.Low), ppt(r.High), ppt(r.HonestShare), part(r.Ratio()), part(r.Beside), ppt(r.Spread)})
	}
	if err := t.Write(s.out); err != nil {
		return err
	}
	for _, r := range results {
		if r.Open != "" {
			fmt.Fprintf(s.out, "\n%s is not stopped yet: %s.\n", r.Name, r.Open)
		}
	}
	return nil
}

func ppt(f float64) string { return fmt.Sprintf("%.4f", f) }
