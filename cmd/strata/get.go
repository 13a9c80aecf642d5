package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync/atomic"

	"filippo.io/age"

	"strata"
	"strata/gateway"
	"strata/gateway/client"
	"strata/gateway/client/agefile"
)

type getCmd struct {
	fileArg
	Output    string `short:"o" help:"File to write, - for standard output; the stored name unless given. With --recursive the folder."`
	Force     bool   `help:"Replace existing files."`
	Recursive bool   `short:"r" help:"Fetch all files whose key is KEY/PATH, to PATH in a folder. What is there already is left, so that the same command goes on where it was."`
	decryptFlags
	transferFlags
	userFlags
}

// fetched is what get prints as JSON.
type fetched struct {
	Path string          `json:"path"`
	ID   strata.ObjectID `json:"hash"`
	Size int64           `json:"size"` // bytes as stored
}

// Run fetches files. One arrives in NAME.part, which a repeated call takes up
// where it was, and gets its name when it is whole.
func (c *getCmd) Run(ctx context.Context, s streams) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	defer api.Close()
	if c.Recursive {
		return c.folder(ctx, s, api)
	}
	o, err := c.find(ctx, api)
	if err != nil {
		return err
	}
	with, err := c.identities(s, o)
	if err != nil {
		return err
	}
	if c.Output == "-" {
		return c.stream(ctx, s, api, o, with)
	}
	path := c.Output
	if path == "" {
		path = filepath.Base(filepath.Clean("/" + o.Name))
	}
	b := c.bar(s, "fetching")
	err = c.file(ctx, api, o, path, with, func(n int64) { b.set(strata.ByteSize(n), strata.ByteSize(o.Size)) })
	b.close(err == nil)
	switch {
	case err != nil:
		return err
	case c.JSON:
		return json.NewEncoder(s.out).Encode(fetched{path, o.ID, o.Size})
	case !c.Quiet:
		_, err = fmt.Fprintf(s.out, "%s: %s\n", path, strata.ByteSize(o.Size))
	}
	return err
}

// all returns the files that --recursive means.
func (c *getCmd) all(ctx context.Context, api *client.Client) ([]gateway.Object, error) {
	if c.Key == "" || c.ID != (strata.ObjectID{}) {
		return nil, strata.E(strata.Invalid, "--recursive fetches what lies below a key: give --key")
	}
	return below(ctx, api, c.Key)
}

func (c *getCmd) stream(ctx context.Context, s streams, api *client.Client, o gateway.Object, with []age.Identity) error {
	fetch := func(ctx context.Context, w io.Writer) error {
		_, err := api.Get(ctx, o.ID, w, 0, nil)
		return err
	}
	if len(with) > 0 {
		return agefile.DecryptStream(ctx, s.out, with, fetch)
	}
	return fetch(ctx, s.out)
}

// file fetches one file to a path.
func (c *getCmd) file(ctx context.Context, api *client.Client, o gateway.Object, path string, with []age.Identity, moved client.Progress) error {
	if _, err := os.Lstat(path); err == nil && !c.Force {
		return strata.E(strata.Conflict, "%s exists: choose another --output, or --force to replace it", path)
	}
	part := path + "." + o.ID.String()[:8] + ".part"
	if err := c.download(ctx, api, o, part, moved); err != nil {
		return err
	}
	return settle(filepath.Dir(path), part, path, with)
}

// folder fetches all files below a key.
func (c *getCmd) folder(ctx context.Context, s streams, api *client.Client) error {
	if c.Output == "-" {
		return strata.E(strata.Invalid, "--recursive writes files: give --output a folder")
	}
	all, err := c.all(ctx, api)
	if err != nil {
		return err
	}
	with, err := c.identities(s, gateway.Object{}) // asks once for all
	if err != nil {
		return err
	}
	dir := c.Output
	if dir == "" {
		dir = path.Base(c.Key)
	}
	var kept atomic.Int64
	crowd := newCrowd(s, c.transferFlags, "fetching", len(all), func(i int) int64 { return all[i].Size })
	err = crowd.run(ctx, func(ctx context.Context, i int, moved client.Progress) (string, error) {
		o := all[i]
		to, err := inside(dir, strings.TrimPrefix(o.Name, c.Key+"/"))
		if err != nil {
			return "", err
		}
		if _, err := os.Lstat(to); err == nil && !c.Force {
			kept.Add(1)
			return "", nil
		}
		return c.line(o, to), c.fetchInside(ctx, api, o, to, with, moved)
	})
	if n := kept.Load(); n > 0 {
		fmt.Fprintf(s.err, "strata: %d files were there already and are left as they are; --force replaces them\n", n)
	}
	return err
}

// line is what is printed of a file of many.
func (c *getCmd) line(o gateway.Object, to string) string {
	if c.JSON {
		b, err := json.Marshal(fetched{to, o.ID, o.Size})
		if err != nil {
			return ""
		}
		return string(b) + "\n"
	}
	if c.Quiet {
		return ""
	}
	return fmt.Sprintf("%s: %s\n", to, strata.ByteSize(o.Size))
}

// fetchInside fetches one file of many, into folders that may not be there yet.
func (c *getCmd) fetchInside(ctx context.Context, api *client.Client, o gateway.Object, to string, with []age.Identity, moved client.Progress) error {
	switch {
	case o.ContentType != ageType:
		with = nil
	case len(with) == 0 && !c.Raw:
		return strata.E(strata.Unauthenticated, "%q is encrypted: give --identity FILE or --passphrase, or --raw for what is stored", o.Name)
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
		return unwritable(to, err)
	}
	return c.file(ctx, api, o, to, with, moved)
}

// inside returns the path of a file below a folder. A key has no part that leads
// out of it, but may have one that this system reads otherwise.
func inside(dir, rel string) (string, error) {
	local := filepath.FromSlash(rel)
	if !filepath.IsLocal(local) {
		return "", strata.E(strata.Invalid, "%q is no path of a file on this system: fetch it by itself, with --output", rel)
	}
	return filepath.Join(dir, local), nil
}

// download appends to the part that is there. A crash leaves the part, whose
// bytes were verified as they came.
func (c *getCmd) download(ctx context.Context, api *client.Client, o gateway.Object, part string, moved client.Progress) error {
	f, err := os.OpenFile(part, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return unwritable(part, err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	if have := st.Size(); have < o.Size {
		if _, err := api.Get(ctx, o.ID, f, have, moved); err != nil {
			return resumable{fmt.Errorf("%w (the part that came is in %s; the same command continues it)", err, part)}
		}
	}
	return f.Sync()
}
