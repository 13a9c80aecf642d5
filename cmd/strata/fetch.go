package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"strata"
	"strata/gateway"
	"strata/gateway/client/agefile"
	"strata/gateway/files"
	"strata/internal/durable"
	"strata/object"
	"strata/peer"
	"strata/wallet"
	"strata/wire"
)

// maxManifest bounds a manifest file: a shard's line is under a kilobyte.
const maxManifest = 1 << 30

type exportCmd struct {
	fileArg
	Output string `short:"o" help:"File to write, - for standard output; NAME.strata-manifest unless given."`
	Days   int    `default:"30" help:"Days for which the miners take it."`
	userFlags
}

// exported is what export prints as JSON.
type exported struct {
	Path    string          `json:"path"`
	ID      strata.ObjectID `json:"hash"`
	Expires time.Time       `json:"expires"`
}

// Run writes the manifest of a file, for its owner's eyes only.
func (c *exportCmd) Run(ctx context.Context, s streams) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	defer api.Close()
	id, err := c.id(ctx, api)
	if err != nil {
		return err
	}
	m, err := api.Export(ctx, id, c.Days)
	if err != nil {
		return err
	}
	b, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return err
	}
	b = append(b, '\n')
	if c.Output == "-" {
		_, err := s.out.Write(b)
		return err
	}
	path := c.Output
	if path == "" {
		path = filepath.Base(filepath.Clean("/"+m.Name)) + ".strata-manifest"
	}
	if _, err := os.Stat(path); err == nil {
		return strata.E(strata.Conflict, "%s exists: choose another --output", path)
	}
	if err := durable.WriteFile(path, b, 0o600); err != nil {
		return err
	}
	if c.JSON {
		err = json.NewEncoder(s.out).Encode(exported{path, m.ID, m.Expires})
	} else {
		_, err = fmt.Fprintf(s.out, "%s: good until %s\n", path, m.Expires.Local().Format(time.DateOnly))
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(s.err, "keep it secret: it discloses the file's keys, and who has it can read the file")
	return err
}

type fetchCmd struct {
	Manifest string `required:"" help:"File that export wrote."`
	Output   string `short:"o" help:"File to write, - for standard output; the stored name unless given."`
	Force    bool   `help:"Replace an existing file."`
	lookupFlags
	decryptFlags
}

// Run reads the file from its miners. Those that are not where they were at the
// export are looked up on chain. There is no resuming: miners are fast, and
// what was read would have to be read again to check the whole.
func (c *fetchCmd) Run(ctx context.Context, s streams) (err error) {
	m, err := readManifest(c.Manifest)
	if err != nil {
		return err
	}
	with, err := c.identities(s, gateway.Object{Name: m.Name, ContentType: m.ContentType})
	if err != nil {
		return err
	}
	peers, e, err := openManifest(m)
	if err != nil {
		return err
	}
	defer peers.Close()
	follow := newFollower(ctx, peers, c.lookup(wire.Domain{Genesis: m.Genesis, Netuid: m.Netuid}))
	fetch := func(ctx context.Context, w io.Writer) error {
		r, err := object.OpenManifest(ctx, e.Object, follow, e.Miners, object.Timing{})
		if err != nil {
			return err
		}
		defer r.Close()
		_, err = r.WriteTo(w)
		return follow.explain(err)
	}
	if c.Output == "-" {
		if len(with) > 0 {
			return agefile.DecryptStream(ctx, s.out, with, fetch)
		}
		return fetch(ctx, s.out)
	}
	path := c.Output
	if path == "" {
		path = filepath.Base(filepath.Clean("/" + m.Name))
	}
	if _, err := os.Stat(path); err == nil && !c.Force {
		return strata.E(strata.Conflict, "%s exists: choose another --output, or --force to replace it", path)
	}
	part := path + "." + m.ID.String()[:8] + ".part"
	if err := fetchInto(ctx, part, fetch); err != nil {
		return err
	}
	if err := settle(filepath.Dir(path), part, path, with); err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "%s: %s\n", path, strata.ByteSize(m.Size))
	return err
}

// fetchInto writes a part anew. A crash leaves half a part, which the next call
// writes over.
func fetchInto(ctx context.Context, part string, fetch func(context.Context, io.Writer) error) error {
	f, err := os.OpenFile(part, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return strata.E(strata.Invalid, "write the file: %w", err)
	}
	err = fetch(ctx, f)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		_ = os.Remove(part)
	}
	return err
}

// readManifest reads a manifest file of bounded size.
func readManifest(path string) (m gateway.Manifest, err error) {
	f, err := os.Open(expand(path))
	if err != nil {
		return m, strata.E(strata.NotFound, "read the manifest: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxManifest))
	if err != nil {
		return m, fmt.Errorf("read the manifest: %w", err)
	}
	if err := json.NewDecoder(bytes.NewReader(b)).Decode(&m); err != nil || m.Format != gateway.ManifestFormat {
		return m, strata.E(strata.Invalid, "%s is no manifest that this version reads: strata export writes them", path)
	}
	return m, nil
}

// openManifest returns what reads the object: a client that signs as the
// delegate, the records, and where the miners were at the export.
func openManifest(m gateway.Manifest) (*peer.Client, files.Exported, error) {
	e, err := files.DecodeManifest(m)
	if err != nil {
		return nil, e, err
	}
	key, err := wallet.FromURI("0x" + hex.EncodeToString(e.Seed[:]))
	if err != nil {
		return nil, e, strata.E(strata.Invalid, "the manifest is damaged: %w", err)
	}
	return peer.NewClient(peer.ClientConfig{
		Hotkey: key.Hotkey(), Signer: key, Domain: wire.Domain{Genesis: m.Genesis, Netuid: m.Netuid}, Delegations: e.Grants,
	}), e, nil
}
