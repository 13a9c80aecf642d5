package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"strata"
	"strata/backup"
	"strata/catalog/sqlite"
	"strata/internal/durable"
	"strata/internal/lifecycle"
	"strata/object"
	"strata/object/roster"
	"strata/peer"
	"strata/wire"
)

// backupFlags are those of the backup of the metadata on miners.
type backupFlags struct {
	NoBackup bool `name:"no_backup" help:"Do not keep a backup of the metadata on the miners: without it a lost disk loses all files."`
	NoCommit bool `name:"no_commit" help:"Do not put the backup's version on chain: a recovery could then be shown an older one."`
}

// keeper makes the keeper of a catalog's backup.
func (f backupFlags) keeper(n *node, store *object.Store, net roster.Network) *backup.Keeper {
	c := backup.Config{
		Catalog: n.db, Store: store, Network: net, Miners: n.peers, Secret: n.key, Signer: n.key,
		Domain: n.domain(), Profile: n.profile, Log: n.log,
	}
	if !f.NoCommit {
		c.Committed = n.commitment
		c.Commit = func(ctx context.Context, s wire.Superblock) error {
			return n.commits.change(ctx, func(w wire.Commitment) wire.Commitment { return w.WithSuperblock(s) })
		}
	}
	return backup.New(c)
}

// startBackup starts the backup in a group.
func (f backupFlags) startBackup(g *lifecycle.Group, n *node, store *object.Store, net roster.Network) *backup.Keeper {
	k := f.keeper(n, store, net)
	if f.NoBackup {
		n.log.Warn("the metadata is not backed up on miners: a lost disk loses all files")
		return k
	}
	g.Go("backup", k.Run)
	n.keeping.keeper.Store(k)
	return k
}

// watchBackup looks at the backup that a gateway in another process makes.
func (f backupFlags) watchBackup(g *lifecycle.Group, n *node, net roster.Network) {
	k := f.keeper(n, nil, net)
	g.Go("backup", k.Watch)
	n.keeping.keeper.Store(k)
}

// keeping says which shards miners are to keep: the catalog knows, once the
// backup says that it is the latest.
type keeping struct {
	*sqlite.DB
	keeper atomic.Pointer[backup.Keeper] // nil while, or where, there is no backup
}

// Sound implements shards.Keeping.
func (k *keeping) Sound() bool {
	keeper := k.keeper.Load()
	return keeper != nil && keeper.Sound()
}

type recoverCmd struct {
	walletFlags
	chainFlags
	dbFlags
	logFlags
	AllowRollback bool `name:"allow-rollback" help:"Take an older backup than the chain says there is, or than can be read: what was stored since is lost."`
}

// Run fills an empty directory with the metadata of the latest backup. A crash
// leaves a file that the next run starts over; the metadata file appears whole.
func (c *recoverCmd) Run(ctx context.Context, s streams) error {
	log, err := c.logger(s.err)
	if err != nil {
		return err
	}
	path, err := c.one()
	if err != nil {
		return err
	}
	sess, err := connect(ctx, c.walletFlags, c.chainFlags, log)
	if err != nil {
		return err
	}
	defer sess.chain.Close()
	file := filepath.Join(roleDir(path, c.walletFlags), "strata.db")
	if _, err := os.Stat(file); err == nil {
		return strata.E(strata.Conflict, "%s exists: move it away first, so that nothing is lost if the backup is older", file)
	}
	src, done, err := c.source(ctx, sess)
	if err != nil {
		return err
	}
	defer done()
	r, err := recoverInto(ctx, file, src)
	if err != nil {
		return err
	}
	known := "nothing that the validator knew of miners: it audits them anew"
	if !r.Ledger.IsZero() {
		known = "what the validator knew of miners as of " + r.Ledger.Local().Format(time.DateTime)
	}
	fmt.Fprintf(s.out, "recovered version %d of %s from %d miners into %s\nwith %s\nstart strata validator, or strata gateway, as before\n",
		r.Version, r.Created.Local().Format(time.DateTime), r.Asked, file, known)
	return nil
}

// source lists the miners and what the chain says of the backup.
func (c *recoverCmd) source(ctx context.Context, sess session) (backup.Source, func() error, error) {
	g, err := sess.chain.Metagraph(ctx, sess.netuid, strata.BlockHash{})
	if err != nil {
		return backup.Source{}, nil, err
	}
	at := map[strata.Hotkey]wire.Endpoint{}
	for _, n := range g.Neurons {
		if n.Axon.Served() && n.Hotkey != sess.hotkey {
			at[n.Hotkey] = wire.Endpoint{Hotkey: n.Hotkey, Addr: n.Axon.Addr}
		}
	}
	committed, err := sess.commitment(ctx)
	if err != nil {
		return backup.Source{}, nil, err
	}
	peers := peer.NewClient(peer.ClientConfig{Hotkey: sess.hotkey, Signer: sess.key, Domain: sess.domain()})
	return backup.Source{
		Miners: peers, Transport: peers, Network: roster.FixedAt(at), Secret: sess.key, Committed: committed,
		AllowRollback: c.AllowRollback, Profile: sess.profile, Log: sess.log,
	}, peers.Close, nil
}

// recoverInto makes the metadata file beside its place and gives it its name
// when it is whole.
func recoverInto(ctx context.Context, file string, src backup.Source) (r backup.Recovered, err error) {
	part := file + ".recovering"
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(part + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			return r, fmt.Errorf("remove what an earlier recovery has left: %w", err)
		}
	}
	db, err := sqlite.Open(ctx, part, sqlite.Gateway)
	if err != nil {
		return r, err
	}
	r, err = backup.Recover(ctx, src, db)
	if err := errors.Join(err, db.Close()); err != nil {
		return r, err
	}
	// Closing has moved everything into the one file.
	if err := os.Rename(part, file); err != nil {
		return r, fmt.Errorf("give the metadata file its name: %w", err)
	}
	return r, durable.SyncDir(filepath.Dir(file))
}
