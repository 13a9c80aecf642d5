package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"strata"
	"strata/gateway"
	"strata/gateway/client"
	"strata/gateway/client/agefile"
)

// userFlags say which gateway a user's command talks to.
type userFlags struct {
	Gateway   string `env:"STRATA_GATEWAY" default:"http://localhost:3000" help:"URL of the gateway."`
	TokenFile string `name:"token_file" env:"STRATA_TOKEN_FILE" help:"File with the gateway's token; or set STRATA_TOKEN."`
	JSON      bool   `name:"json" help:"Print JSON."`
}

// client reads the token from the environment or a file, never from an
// argument, where other users of the machine would see it.
func (f userFlags) client() (*client.Client, error) {
	text := os.Getenv("STRATA_TOKEN")
	if f.TokenFile != "" {
		b, err := os.ReadFile(expand(f.TokenFile))
		if err != nil {
			return nil, strata.E(strata.NotFound, "read the token: %w", err)
		}
		text = string(b)
	}
	if text == "" {
		return nil, strata.E(strata.Unauthenticated, "no token: set STRATA_TOKEN or give --token_file; the gateway printed it on its first start and keeps it in gateway-token below its --db_path")
	}
	token, err := gateway.ParseToken(text)
	if err != nil {
		return nil, err
	}
	return client.New(f.Gateway, token)
}

type putCmd struct {
	File string `arg:"" help:"File to store; - reads standard input."`
	Name string `help:"Name to store it under; the file's own unless given." xor:"name"`
	keyFlags
	encryptFlags
	transferFlags
	userFlags
}

// keyFlags store a file under a key.
type keyFlags struct {
	Key      string          `help:"Key to store it under, in place of the file that has it." xor:"name"`
	IfAbsent bool            `name:"if-absent" help:"Only if no file has the key." xor:"if"`
	IfMatch  strata.ObjectID `name:"if-match" help:"Only if the file with this id has the key." xor:"if"`
}

// file returns what is stored of a body, under a name unless there is a key.
func (k keyFlags) file(name string, size int64, body io.Reader) (client.File, error) {
	f := client.File{Name: name, Size: size, Body: body, Condition: gateway.Condition{Absent: k.IfAbsent, Match: k.IfMatch}}
	if k.Key != "" {
		f.Name, f.Keyed = k.Key, true
	} else if f.Condition != (gateway.Condition{}) {
		return f, strata.E(strata.Invalid, "--if-absent and --if-match are about a key: give --key")
	}
	return f, nil
}

type transferFlags struct {
	Quiet bool `help:"Print only the result."`
}

// bar returns where progress goes.
func (f transferFlags) bar(s streams, what string) *bar {
	log := slog.New(slog.DiscardHandler)
	if !f.Quiet && !isTerminal(s.err) {
		log = slog.New(slog.NewJSONHandler(s.err, nil))
	}
	if f.Quiet {
		return newBar(io.Discard, what, log)
	}
	return newBar(s.err, what, log)
}

// Run stores one file and prints its id.
func (c *putCmd) Run(ctx context.Context, s streams) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	defer api.Close()
	name, size, file, err := c.open(s)
	if err != nil {
		return err
	}
	defer file.Close()
	to, err := c.recipients(s)
	if err != nil {
		return err
	}
	f, err := c.file(name, size, file)
	if err != nil {
		return err
	}
	if len(to) > 0 {
		if f.Body, err = agefile.Encrypt(file, size, to); err != nil {
			return err
		}
		f.Size, f.ContentType = -1, ageType
	}
	b := c.bar(s, "storing")
	id, err := api.PutFile(ctx, f, func(n int64) { b.set(strata.ByteSize(n), strata.ByteSize(max(size, n))) })
	b.close(err == nil)
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(s.out).Encode(gateway.Stored{Status: true, Hash: id})
	}
	_, err = fmt.Fprintln(s.out, id)
	return err
}

func (c *putCmd) open(s streams) (name string, size int64, body io.ReadCloser, err error) {
	if c.File == "-" {
		if c.Name == "" && c.Key == "" {
			return "", 0, nil, strata.E(strata.Invalid, "standard input has no name: give --name or --key")
		}
		return c.Name, -1, io.NopCloser(s.in), nil
	}
	f, err := os.Open(c.File)
	if err != nil {
		return "", 0, nil, strata.E(strata.NotFound, "open the file: %w", err)
	}
	st, err := f.Stat()
	if err != nil || !st.Mode().IsRegular() {
		f.Close()
		return "", 0, nil, strata.E(strata.Invalid, "%s is not a regular file: pipe it into strata put - --name NAME", c.File)
	}
	name = c.Name
	if name == "" {
		name = filepath.Base(c.File)
	}
	return name, st.Size(), f, nil
}

// fileArg names a stored file by its id or its key.
type fileArg struct {
	ID  strata.ObjectID `arg:"" optional:"" help:"Id that put printed."`
	Key string          `help:"Key of the file, instead of its id."`
}

type getCmd struct {
	fileArg
	Output string `short:"o" help:"File to write, - for standard output; the stored name unless given."`
	Force  bool   `help:"Replace an existing file."`
	decryptFlags
	transferFlags
	userFlags
}

// Run fetches one file. It arrives in NAME.part, which a repeated call takes up
// where it was, and gets its name when it is whole.
func (c *getCmd) Run(ctx context.Context, s streams) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	defer api.Close()
	o, err := c.find(ctx, api)
	if err != nil {
		return err
	}
	with, err := c.identities(s, o)
	if err != nil {
		return err
	}
	if c.Output == "-" {
		fetch := func(ctx context.Context, w io.Writer) error {
			_, err := api.Get(ctx, o.ID, w, 0, nil)
			return err
		}
		if len(with) > 0 {
			return agefile.DecryptStream(ctx, s.out, with, fetch)
		}
		return fetch(ctx, s.out)
	}
	path := c.Output
	if path == "" {
		path = filepath.Base(filepath.Clean("/" + o.Name))
	}
	if _, err := os.Stat(path); err == nil && !c.Force {
		return strata.E(strata.Conflict, "%s exists: choose another --output, or --force to replace it", path)
	}
	part := path + "." + o.ID.String()[:8] + ".part"
	if err := c.download(ctx, s, api, o, part); err != nil {
		return err
	}
	if err := settle(filepath.Dir(path), part, path, with); err != nil {
		return err
	}
	if !c.Quiet {
		fmt.Fprintf(s.out, "%s: %s\n", path, strata.ByteSize(o.Size))
	}
	return nil
}

// find returns the file that is asked for. One that has a key is fetched by its
// id from then on: all of it is of one file, whatever the key names meanwhile.
func (c fileArg) find(ctx context.Context, api *client.Client) (gateway.Object, error) {
	switch {
	case (c.ID == strata.ObjectID{}) == (c.Key == ""):
		return gateway.Object{}, strata.E(strata.Invalid, "give the id that put printed, or --key")
	case c.Key != "":
		return api.Key(ctx, c.Key)
	}
	return api.Stat(ctx, c.ID)
}

// download appends to the part that is there. A crash leaves the part, whose
// bytes were verified as they came.
func (c *getCmd) download(ctx context.Context, s streams, api *client.Client, o gateway.Object, part string) error {
	f, err := os.OpenFile(part, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return strata.E(strata.Invalid, "write the file: %w", err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	have := st.Size()
	b := c.bar(s, "fetching")
	if have < o.Size {
		_, err = api.Get(ctx, o.ID, f, have, func(n int64) { b.set(strata.ByteSize(n), strata.ByteSize(o.Size)) })
	}
	b.close(err == nil)
	if err != nil {
		return fmt.Errorf("%w (the part that came is in %s; the same command continues it)", err, part)
	}
	return f.Sync()
}

type lsCmd struct {
	Prefix string `arg:"" optional:"" help:"Only names that begin with this."`
	userFlags
}

// Run lists all files.
func (c *lsCmd) Run(ctx context.Context, s streams) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	defer api.Close()
	all := []gateway.Object{}
	for after := ""; ; {
		page, err := api.List(ctx, gateway.ListRequest{Prefix: c.Prefix, After: after, Limit: gateway.MaxPage, Health: true})
		if err != nil {
			return err
		}
		all = append(all, page.Objects...)
		if after = page.Next; after == "" {
			break
		}
	}
	if c.JSON {
		return json.NewEncoder(s.out).Encode(all)
	}
	t := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ID\tSIZE\tSTORED\tHEALTH\tNAME")
	for _, o := range all {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%q\n", o.ID, strata.ByteSize(o.Size), o.Created.Local().Format(time.DateTime), health(o), o.Name)
	}
	return t.Flush()
}

type rmCmd struct {
	IDs []strata.ObjectID `arg:"" optional:"" help:"Ids of the files to delete."`
	Key []string          `help:"Key of a file to delete; repeat for several." sep:"none"`
	userFlags
}

// Run deletes files.
func (c *rmCmd) Run(ctx context.Context, s streams) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	defer api.Close()
	ids := c.IDs
	for _, key := range c.Key {
		o, err := api.Key(ctx, key)
		if err != nil {
			return err
		}
		ids = append(ids, o.ID)
	}
	if len(ids) == 0 {
		return strata.E(strata.Invalid, "say which files to delete: their ids, or --key")
	}
	for _, id := range ids {
		if err := api.Delete(ctx, id); err != nil {
			return err
		}
		fmt.Fprintln(s.out, "deleted", id)
	}
	return nil
}

type statCmd struct {
	fileArg
	userFlags
}

// Run shows one file.
func (c *statCmd) Run(ctx context.Context, s streams) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	defer api.Close()
	o, err := c.find(ctx, api)
	if err == nil && c.Key != "" {
		o, err = api.Stat(ctx, o.ID) // the list that names keys has no segments
	}
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(s.out).Encode(o)
	}
	kind := o.ContentType
	if kind == "" {
		kind = mime.TypeByExtension(filepath.Ext(o.Name))
	}
	fmt.Fprintf(s.out, "id      %s\nname    %q\nsize    %s (%d bytes)\ntype    %s\nstored  %s\nhealth  %s\n", o.ID, o.Name,
		strata.ByteSize(o.Size), o.Size, kind, o.Created.Local().Format(time.DateTime), health(o))
	if o.BackedUp != nil {
		fmt.Fprintf(s.out, "backup  %s\n", map[bool]string{true: "its record is on the miners", false: "not yet"}[*o.BackedUp])
	}
	for i, seg := range o.Segments {
		fmt.Fprintf(s.out, "segment %d: %s, %d of %d shards live, %d needed; %s\n", i, strata.ByteSize(seg.Size), seg.Health.Live, seg.Health.Total,
			seg.Health.Needed, spread(seg.Spread.SharedColdkey, seg.Spread.SharedPrefix))
	}
	return nil
}

// health is an object's state in a word.
func health(o gateway.Object) gateway.HealthState {
	if o.Health == nil {
		return "unknown"
	}
	return o.Health.State
}
