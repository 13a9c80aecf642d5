package yuma

import (
	"bytes"
	"encoding/json"
	"io"
	"strconv"
	"strings"

	"strata"
)

// Scenario is an epoch to compute, written in JSON: a subnet's settings, stakes
// and weights, and what may be left out. With Steps it is also a record of what
// came out. The names are those that subtensor's storage and clients use.
type Scenario struct {
	Name string   `json:"name,omitempty"`
	Spec uint32   `json:"spec,omitempty"` // runtime that it was recorded from
	HP   Settings `json:"hp"`

	Stakes  []uint64 `json:"stakes"`  // rao, by UID: there are as many neurons
	Weights [][]Pair `json:"weights"` // rows by UID; the last ones may be missing
	Bonds   [][]Pair `json:"bonds,omitempty"`

	Block      uint64   `json:"block,omitempty"`      // of the epoch; else that of the first step, else 1000
	Emission   *uint64  `json:"emission,omitempty"`   // rao; else 10⁹
	Owner      *int     `json:"owner,omitempty"`      // UID, -1 for none; else 0
	Permits    []bool   `json:"permits,omitempty"`    // of the epoch before; else whoever has stake
	LastUpdate []uint64 `json:"lastUpdate,omitempty"` // blocks; else the one before
	Registered []uint64 `json:"registered,omitempty"` // blocks; else 0

	Steps []Step `json:"steps,omitempty"`
}

// Settings are a subnet's hyperparameters. Numbers and bools may be written as
// text, as some clients do.
type Settings struct {
	Kappa                Number  `json:"kappa"`
	Rho                  Number  `json:"rho,omitempty"` // not used by the epoch
	BondsMovingAverage   Number  `json:"bondsMovingAverage"`
	BondsPenalty         Number  `json:"bondsPenalty"`
	LiquidAlphaOn        Flag    `json:"liquidAlphaOn"`
	MaxAllowedValidators Number  `json:"maxAllowedValidators"`
	Tempo                Number  `json:"tempo"`
	Yuma3                Flag    `json:"yuma3"`
	ActivityCutoff       *Number `json:"activityCutoff,omitempty"` // blocks; else 5000
	StakeThreshold       Number  `json:"stakeThreshold,omitempty"` // rao
}

// Pair is a cell of a sparse row: a UID and a weight or bond.
type Pair [2]uint16

// Step is an epoch's outcome, by UID; shares have 65535 = 1.
type Step struct {
	Block           uint64   `json:"block"`
	Rank            []uint16 `json:"rank"`
	Trust           []uint16 `json:"trust"`
	Consensus       []uint16 `json:"consensus"`
	Incentive       []uint16 `json:"incentive"`
	Dividends       []uint16 `json:"dividends"`
	ValidatorTrust  []uint16 `json:"validatorTrust"`
	Emission        []uint64 `json:"emission"`
	ValidatorPermit []bool   `json:"validatorPermit"`
	Active          []bool   `json:"active"`
	StakeWeight     []uint16 `json:"stakeWeight"`
	Bonds           [][]Pair `json:"bonds"`
	Weights         [][]Pair `json:"weights,omitempty"`
}

// Number is an unsigned integer, in JSON a number or text.
type Number uint64

// UnmarshalJSON implements json.Unmarshaler.
func (n *Number) UnmarshalJSON(raw []byte) error {
	v, err := strconv.ParseUint(strings.Trim(string(raw), `"`), 10, 64)
	*n = Number(v)
	return err
}

// Flag is a bool, in JSON a bool or text.
type Flag bool

// UnmarshalJSON implements json.Unmarshaler.
func (f *Flag) UnmarshalJSON(raw []byte) error {
	v, err := strconv.ParseBool(strings.Trim(string(raw), `"`))
	*f = Flag(v)
	return err
}

// ParseScenarios reads one scenario or a list of them. Unknown names are
// refused: a setting that is misspelt would be a silent default. The error has
// code Invalid.
func ParseScenarios(raw []byte) ([]Scenario, error) {
	var list []Scenario
	raw = bytes.TrimSpace(raw)
	decode := func(into any) error {
		d := json.NewDecoder(bytes.NewReader(raw))
		d.DisallowUnknownFields()
		if err := d.Decode(into); err != nil {
			return err
		}
		if _, err := d.Token(); err != io.EOF {
			return strata.E(strata.Invalid, "something follows the scenarios")
		}
		return nil
	}
	var err error
	if len(raw) > 0 && raw[0] == '[' {
		err = decode(&list)
	} else {
		list = make([]Scenario, 1)
		err = decode(&list[0])
	}
	if err != nil {
		return nil, strata.E(strata.Invalid, "the scenario cannot be read: %w", err)
	}
	return list, nil
}

// Input returns what the scenario's epoch depends on. The error has code
// Invalid.
func (s *Scenario) Input() (Input, error) {
	n := len(s.Stakes)
	for _, c := range []struct {
		what string
		rows int
	}{{"weights", len(s.Weights)}, {"bonds", len(s.Bonds)}, {"permits", len(s.Permits)}, {"lastUpdate", len(s.LastUpdate)}, {"registered", len(s.Registered)}} {
		if c.rows > n {
			return Input{}, strata.E(strata.Invalid, "scenario %q has %d stakes but %s of %d neurons", s.Name, n, c.what, c.rows)
		}
	}
	p, err := s.HP.params()
	if err != nil {
		return Input{}, strata.E(strata.Invalid, "scenario %q: %w", s.Name, err)
	}
	in := Input{Params: p, Block: s.block(), Emission: 1_000_000_000, Neurons: make([]Neuron, n)}
	if s.Emission != nil {
		in.Emission = *s.Emission
	}
	if s.Owner != nil {
		in.Owner = max(-1, *s.Owner)
	} else if n == 0 {
		in.Owner = -1
	}
	for i := range in.Neurons {
		in.Neurons[i] = s.neuron(i, in.Block)
	}
	return in, nil
}

func (s *Scenario) block() uint64 {
	switch {
	case s.Block > 0:
		return s.Block
	case len(s.Steps) > 0:
		return s.Steps[0].Block
	}
	return 1000
}

func (s *Scenario) neuron(i int, block uint64) Neuron {
	n := Neuron{Stake: s.Stakes[i], Permit: s.Stakes[i] > 0, LastUpdate: block - min(block, 1)}
	if i < len(s.Permits) {
		n.Permit = s.Permits[i]
	}
	if i < len(s.LastUpdate) {
		n.LastUpdate = s.LastUpdate[i]
	}
	if i < len(s.Registered) {
		n.Registered = s.Registered[i]
	}
	if i < len(s.Weights) {
		n.Weights = cells(s.Weights[i])
	}
	if i < len(s.Bonds) {
		n.Bonds = cells(s.Bonds[i])
	}
	return n
}

func (h Settings) params() (Params, error) {
	short := map[string]Number{"kappa": h.Kappa, "bondsPenalty": h.BondsPenalty, "maxAllowedValidators": h.MaxAllowedValidators}
	for name, v := range short {
		if v > 1<<16-1 {
			return Params{}, strata.E(strata.Invalid, "%s is %d, more than 65535", name, v)
		}
	}
	cutoff := Number(5000)
	if h.ActivityCutoff != nil {
		cutoff = *h.ActivityCutoff
	}
	return Params{
		Kappa: uint16(h.Kappa), BondsPenalty: uint16(h.BondsPenalty), BondsMovingAverage: uint64(h.BondsMovingAverage),
		MaxValidators: uint16(h.MaxAllowedValidators), StakeThreshold: uint64(h.StakeThreshold), ActivityCutoff: uint64(cutoff),
		Tempo: uint64(h.Tempo), Yuma3: bool(h.Yuma3), LiquidAlpha: bool(h.LiquidAlphaOn),
	}, nil
}

// Run computes the scenario's epoch. Errors are those of Input and Epoch.
func (s *Scenario) Run() (Step, error) {
	in, err := s.Input()
	if err != nil {
		return Step{}, err
	}
	r, err := Epoch(in)
	if err != nil {
		return Step{}, strata.E(strata.CodeOf(err), "scenario %q: %w", s.Name, err)
	}
	step := Step{
		Block: in.Block, Rank: r.Rank, Trust: r.Trust, Consensus: r.Consensus, Incentive: r.Incentive, Dividends: r.Dividends,
		ValidatorTrust: r.ValidatorTrust, Emission: r.Emission, ValidatorPermit: r.Permit, Active: r.Active, StakeWeight: r.StakeWeight,
	}
	for i, row := range r.Bonds {
		if !r.StoreBonds[i] {
			row = in.Neurons[i].Bonds // stays as it was
		}
		step.Bonds = append(step.Bonds, pairsOf(row))
	}
	return step, nil
}

func cells(row []Pair) []Entry {
	out := make([]Entry, len(row))
	for i, p := range row {
		out[i] = Entry{p[0], p[1]}
	}
	return out
}

func pairsOf(row []Entry) []Pair {
	out := make([]Pair, len(row))
	for i, e := range row {
		out[i] = Pair{e.UID, e.Value}
	}
	return out
}
