package main

import (
	"context"
	"fmt"

	"strata"
)

type undeleteCmd struct {
	IDs []strata.ObjectID `arg:"" name:"id" help:"Ids of the files to bring back, as put and rm print them."`
	userFlags
}

// Run brings deleted files back, as long as miners keep their shards.
func (c *undeleteCmd) Run(ctx context.Context, s streams) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	defer api.Close()
	report := newReport(s, c.JSON)
	for _, id := range c.IDs {
		o, err := api.Undelete(ctx, id)
		if err == nil {
			err = report.add(id, fmt.Sprintf("back %s %q: %s", id, o.Name, health(o)))
		}
		if err != nil {
			return report.end(err)
		}
	}
	return report.end(nil)
}
