package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"strata"
	"strata/catalog/sqlite"
	"strata/object/keyring"
)

// gatewayCmds are the gateway and what is done to its metadata.
type gatewayCmds struct {
	Serve      gatewayCmd    `cmd:"" default:"withargs" help:"Serve users: web page and HTTP; what strata gateway alone does, too."`
	Recover    recoverCmd    `cmd:"" help:"Get the metadata back from the miners, with the hotkey alone."`
	RotateKeys rotateKeysCmd `cmd:"" name:"rotate-keys" help:"Draw a new key and wrap all objects' keys under it."`
}

type rotateKeysCmd struct {
	walletFlags
	dbFlags
	logFlags
}

// Run wraps all keys anew. It may run beside a gateway on the same metadata, and
// continues after an interruption.
func (c *rotateKeysCmd) Run(ctx context.Context, s streams) (err error) {
	dir, err := c.one()
	if err != nil {
		return err
	}
	key, err := c.open().LoadHotkey()
	if err != nil {
		return err
	}
	path := filepath.Join(roleDir(dir, c.walletFlags), "strata.db")
	if _, err := os.Stat(path); err != nil {
		return strata.E(strata.NotFound, "there is no metadata at %s: give the gateway's --db_path and wallet", path)
	}
	db, err := sqlite.Open(ctx, path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	wrapped := 0
	if err := keyring.Rotate(ctx, db, key, time.Now, func(n int) { wrapped = n }); err != nil {
		return fmt.Errorf("%w (%d keys are done; the same command continues)", err, wrapped)
	}
	_, err = fmt.Fprintf(s.out, "%d keys wrapped anew\n", wrapped)
	return err
}
