package main

import (
	"context"
	"fmt"

	"strata"
)

type undeleteCmd struct {
	IDs []strata.ObjectID `arg:"" help:"Ids of the files to bring back, as put and rm print them."`
	userFlags
}

// Run brings deleted files back, as long as miners keep their shards.
func (c *undeleteCmd) Run(ctx context.Context, s streams) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	defer api.Close()
	for _, id := range c.IDs {
		o, err := api.Undelete(ctx, id)
		if err != nil {
			return err
		}
		fmt.Fprintf(s.out, "back %s %q: %s\n", id, o.Name, health(o))
	}
	return nil
}
