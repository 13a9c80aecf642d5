package main

import (
	"bytes"
	"context"

	"strata/chain/scale"
	"strata/chain/scale/listing"
)

type chainMetadataCmd struct {
	chainFlags
	logFlags
	File   string `help:"Read metadata from this file, in hex or raw, V14 or V15, instead of from a node."`
	Pallet string `help:"Show only this pallet or runtime API."`
	Type   string `help:"Show the fields of this type only."`
	JSON   bool   `name:"json" help:"Print JSON."`
}

// Run lists the runtime of a node or of a file.
func (c *chainMetadataCmd) Run(ctx context.Context, s streams) error {
	meta, err := c.metadata(ctx, s)
	if err != nil {
		return err
	}
	if c.Type != "" {
		return c.showType(s, meta)
	}
	l, err := listing.Of(meta)
	if err != nil {
		return err
	}
	show := (*listing.Runtime).Print
	if c.Pallet != "" {
		if err := l.Only(c.Pallet); err != nil {
			return err
		}
		show = (*listing.Runtime).PrintParts
	}
	if c.JSON {
		return printJSON(s.out, l)
	}
	var b bytes.Buffer
	show(l, &b)
	_, err = s.out.Write(bytes.TrimLeft(b.Bytes(), "\n"))
	return err
}

func (c *chainMetadataCmd) showType(s streams, m *scale.Metadata) error {
	list, err := listing.Types(m, c.Type)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(s.out, list)
	}
	var b bytes.Buffer
	for _, l := range list {
		l.Print(&b)
	}
	_, err = s.out.Write(b.Bytes())
	return err
}

func (c *chainMetadataCmd) metadata(ctx context.Context, s streams) (*scale.Metadata, error) {
	if c.File != "" {
		return listing.Read(expand(c.File))
	}
	log, err := c.logger(s.err)
	if err != nil {
		return nil, err
	}
	client, err := c.dial(ctx, log)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	return client.RuntimeMetadata(ctx)
}
