package main

import (
	"context"
	"encoding/json"
	"fmt"

	"strata"
	"strata/internal/hugepage"
	"strata/merkle"
	"strata/seal"
)

type sealCmd struct {
	Root sealRootCmd `cmd:"" help:"Print the id and the root of a sector, so that anyone can check a claim."`
}

type sealRootCmd struct {
	Genesis   strata.GenesisHash `required:"" help:"Genesis hash of the chain, 64 hex digits."`
	Netuid    uint16             `required:"" help:"The subnet."`
	Miner     strata.Hotkey      `required:"" help:"The miner's hotkey: ss58 or 64 hex digits."`
	Validator strata.Hotkey      `required:"" help:"The validator's hotkey: ss58 or 64 hex digits."`
	Number    uint64             `required:"" help:"The sector's number."`
	Blocks    uint32             `required:"" help:"N: blocks of 1 KiB in the sector, a power of two from 16."`
	Passes    uint32             `required:"" help:"P: passes, 4 to 255."`
	JSON      bool               `name:"json" help:"Print JSON."`
}

// Run fills the sector in memory.
func (c *sealRootCmd) Run(ctx context.Context, s streams) error {
	sector := seal.Sector{
		Genesis: c.Genesis, Netuid: strata.Netuid(c.Netuid), Miner: c.Miner, Validator: c.Validator,
		Number: c.Number, Blocks: c.Blocks, Passes: c.Passes,
	}
	if err := sector.Validate(); err != nil {
		return err
	}
	m, err := hugepage.Alloc(strata.ByteSize(sector.Size()))
	if err != nil {
		return err
	}
	defer m.Free()
	buf := m.Bytes()
	if err := sector.Fill(ctx, buf); err != nil {
		return err
	}
	id, root := sector.ID(), merkle.Build(buf).Root()
	if c.JSON {
		return json.NewEncoder(s.out).Encode(map[string]string{"sector_id": id.String(), "root": root.String()})
	}
	_, err = fmt.Fprintf(s.out, "sector_id %s\nroot      %s\n", id, root)
	return err
}
