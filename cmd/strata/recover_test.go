package main

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"strata"
	"strata/backup"
	"strata/catalog/sqlite"
	"strata/gateway/files"
	"strata/wire"
)

// noBackup is miners without a superblock.
type noBackup struct{}

func (noBackup) PutSuperblock(context.Context, wire.Endpoint, wire.Superblock) error { return nil }

func (noBackup) GetSuperblock(context.Context, wire.Endpoint) (wire.Superblock, error) {
	return wire.Superblock{}, strata.E(strata.NotFound, "no superblock")
}

// TestRecoveryThatFails leaves no strata.db, and what an earlier one has left, of
// whatever kind, is no hindrance.
func TestRecoveryThatFails(t *testing.T) {
	file := filepath.Join(t.TempDir(), "strata.db")
	db, err := sqlite.Open(t.Context(), file+".recovering", sqlite.Gateway)
	if err != nil {
		t.Fatal(err)
	}
	if err := files.EnsureBucket(t.Context(), db); err != nil { // half a recovery
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for _, left := range []func() error{
		func() error { return nil },
		func() error { return os.WriteFile(file+".recovering", []byte("SQLite format 3\x00 torn"), 0o600) },
		func() error { return os.WriteFile(file+".recovering-wal", []byte("of another file"), 0o600) },
	} {
		if err := left(); err != nil {
			t.Fatal(err)
		}
		src := backup.Source{Miners: noBackup{}, Profile: strata.LocalProfile, Log: slog.New(slog.DiscardHandler)}
		if _, err := recoverInto(t.Context(), file, src); strata.CodeOf(err) != strata.NotFound {
			t.Errorf("%v, want that there is no backup", err)
		}
		if _, err := os.Stat(file); err == nil {
			t.Error("there is a strata.db although nothing was recovered")
		}
	}
}
