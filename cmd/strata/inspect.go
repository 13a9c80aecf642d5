package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"strata"
	"strata/gateway"
)

type verifyCmd struct {
	fileArg
	Deep bool `help:"Read every byte of every shard, instead of a random piece."`
	userFlags
}

// Run has every shard's miner show it. The status is 0 when no segment needs a
// repair, that of Unavailable (8) when one does and can still be read, and that of
// Corrupt (9) when one cannot.
func (c *verifyCmd) Run(ctx context.Context, s streams) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	defer api.Close()
	id, err := c.id(ctx, api)
	if err != nil {
		return err
	}
	v, err := api.Verify(ctx, id, c.Deep)
	if err != nil {
		return err
	}
	if c.JSON {
		err = json.NewEncoder(s.out).Encode(v)
	} else {
		err = showVerification(s.out, v)
	}
	if err != nil {
		return err
	}
	return verdict(v)
}

// verdict turns a verification into what the exit status says.
func verdict(v gateway.Verification) error {
	weak, gone := 0, 0
	for _, g := range v.Segments {
		switch {
		case g.Good < g.Needed:
			gone++
		case g.Good < g.Repair:
			weak++
		}
	}
	switch {
	case gone > 0:
		return strata.E(strata.Corrupt, "%d of %d segments cannot be read from the miners that answered: try again when more do", gone, len(v.Segments))
	case weak > 0:
		return strata.E(strata.Unavailable, "%d of %d segments have fewer shards than they should be repaired at: the gateway repairs them while it runs", weak, len(v.Segments))
	}
	return nil
}

func showVerification(w io.Writer, v gateway.Verification) error {
	how := "a random piece of each shard was read"
	if v.Deep {
		how = "every byte was read"
	}
	_, err := fmt.Fprintf(w, "%s %q: %s; %s\n", v.ID, v.Name, v.State, how)
	for i, g := range v.Segments {
		audited := 0
		for _, h := range g.Shards {
			if h.Audited {
				audited++
			}
		}
		fmt.Fprintf(w, "segment %d: %s, %d of %d shards good, %d needed, repaired below %d; %d at audited miners; %s\n",
			i, strata.ByteSize(g.Size), g.Good, g.Total, g.Needed, g.Repair, audited, spread(g.SharedColdkey, g.SharedPrefix))
		for _, h := range g.Shards {
			if h.Finding != "good" {
				fmt.Fprintf(w, "  shard %d at %s: %s (%s)\n", h.Index, h.Miner, h.Finding, h.Error)
			}
		}
	}
	return err
}

// spread says what a segment's miners have in common.
func spread(coldkey, prefix int) string {
	var parts []string
	if coldkey > 0 {
		parts = append(parts, fmt.Sprintf("%d share a coldkey with another", coldkey))
	}
	if prefix > 0 {
		parts = append(parts, fmt.Sprintf("%d share a /24 or /48 with another", prefix))
	}
	if len(parts) == 0 {
		return "all on coldkeys and networks of their own"
	}
	return strings.Join(parts, ", ")
}
