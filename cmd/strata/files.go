package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"strata"
	"strata/gateway"
	"strata/gateway/client"
)

// userFlags say which gateway a user's command talks to.
type userFlags struct {
	Gateway   string `env:"STRATA_GATEWAY" default:"http://localhost:3000" help:"URL of the gateway."`
	TokenFile string `name:"token_file" env:"STRATA_TOKEN_FILE" help:"File with the gateway's token; or set STRATA_TOKEN, or STRATA_GATEWAY to the printed address with #token=…."`
	JSON      bool   `name:"json" help:"Print JSON."`
}

// client reads the token from the environment or a file, never from an
// argument, where other users of the machine would see it.
func (f userFlags) client() (*client.Client, error) {
	address, text, err := f.address()
	if err != nil {
		return nil, err
	}
	if f.TokenFile != "" {
		b, err := os.ReadFile(expand(f.TokenFile))
		if err != nil {
			return nil, strata.E(strata.NotFound, "read the token: %w", err)
		}
		text = string(b)
	}
	if text == "" {
		return nil, strata.E(strata.Unauthenticated, "no token: give --token_file, the gateway-token below the gateway's --db_path, or set STRATA_GATEWAY to the address that it printed, with #token=…")
	}
	token, err := gateway.ParseToken(text)
	if err != nil {
		return nil, err
	}
	return client.New(address, token)
}

// address returns the gateway's address and a token that the environment has. The
// address that a gateway prints has one, too; as an argument it would be seen.
func (f userFlags) address() (address, token string, err error) {
	address, fragment, _ := strings.Cut(cmp.Or(f.Gateway, "http://localhost:3000"), "#")
	token, found := strings.CutPrefix(fragment, "token=")
	switch {
	case found && f.Gateway != os.Getenv("STRATA_GATEWAY"):
		return "", "", strata.E(strata.Invalid, "set STRATA_GATEWAY to an address with a token: other users of this machine see arguments")
	case found:
		return address, token, nil
	}
	return address, os.Getenv("STRATA_TOKEN"), nil
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

// fileArg names a stored file by its id or its key.
type fileArg struct {
	ID  strata.ObjectID `arg:"" optional:"" help:"Id that put and ls print."`
	Key string          `help:"Key of the file, instead of its id."`
}

// id returns the id of the file that is asked for.
func (c fileArg) id(ctx context.Context, api *client.Client) (strata.ObjectID, error) {
	switch {
	case (c.ID == strata.ObjectID{}) == (c.Key == ""):
		return c.ID, strata.E(strata.Invalid, "give the id that put printed, or --key")
	case c.Key != "":
		o, err := api.Key(ctx, c.Key)
		return o.ID, err
	}
	return c.ID, nil
}

// find returns the file that is asked for. One that has a key is fetched by its
// id from then on: all of it is of one file, whatever the key names meanwhile.
func (c fileArg) find(ctx context.Context, api *client.Client) (gateway.Object, error) {
	id, err := c.id(ctx, api)
	if err != nil {
		return gateway.Object{}, err
	}
	return api.Stat(ctx, id)
}

// below returns all files whose key is key/PATH.
func below(ctx context.Context, api *client.Client, key string) (all []gateway.Object, err error) {
	if err := gateway.CheckKey(key); err != nil {
		return nil, err
	}
	err = each(ctx, api, gateway.ListRequest{Prefix: key + "/", Limit: gateway.MaxPage}, func(o gateway.Object) {
		if o.Keyed {
			all = append(all, o)
		}
	})
	if err == nil && len(all) == 0 {
		err = strata.E(strata.NotFound, "no file has a key below %q", key)
	}
	return all, err
}

// each calls f with all files that a request selects, page by page.
func each(ctx context.Context, api *client.Client, r gateway.ListRequest, f func(gateway.Object)) error {
	for {
		page, err := api.List(ctx, r)
		if err != nil {
			return err
		}
		for _, o := range page.Objects {
			f(o)
		}
		if r.After = page.Next; r.After == "" {
			return nil
		}
	}
}

// unreadable and unwritable say what the system says of a path, once.
func unreadable(path string, err error) error {
	code := strata.Invalid
	if errors.Is(err, fs.ErrNotExist) {
		code = strata.NotFound
	}
	return strata.E(code, "%s cannot be read: %w", path, cause(err))
}

func unwritable(path string, err error) error {
	code := strata.Invalid
	if errors.Is(err, syscall.ENOSPC) {
		code = strata.NoSpace
	}
	return strata.E(code, "%s cannot be written: %w", path, cause(err))
}

// cause returns what is left of a system's error without operation and path.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
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
	err = each(ctx, api, gateway.ListRequest{Prefix: c.Prefix, Limit: gateway.MaxPage, Health: true}, func(o gateway.Object) { all = append(all, o) })
	if err != nil {
		return err
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
	IDs       []strata.ObjectID `arg:"" name:"id" optional:"" help:"Ids of the files to delete."`
	Key       []string          `help:"Key of a file to delete; repeat for several." sep:"none"`
	Recursive bool              `short:"r" help:"Delete all files whose key is KEY/PATH."`
	userFlags
}

// Run deletes files. For a while undelete brings them back.
func (c *rmCmd) Run(ctx context.Context, s streams) error {
	if c.Recursive && (len(c.Key) == 0 || len(c.IDs) > 0) {
		return strata.E(strata.Invalid, "--recursive deletes what lies below keys: give --key")
	}
	if len(c.IDs)+len(c.Key) == 0 {
		return strata.E(strata.Invalid, "say which files to delete: their ids, or --key")
	}
	api, err := c.client()
	if err != nil {
		return err
	}
	defer api.Close()
	report := newReport(s, c.JSON)
	return report.end(c.delete(ctx, api, report.add))
}

// delete deletes what is asked for and tells of each file that is gone.
func (c *rmCmd) delete(ctx context.Context, api *client.Client, gone func(id strata.ObjectID, line string) error) error {
	ids := c.IDs
	for _, key := range c.Key {
		if c.Recursive {
			all, err := below(ctx, api, key)
			if err != nil {
				return err
			}
			for _, o := range all {
				ids = append(ids, o.ID)
			}
			continue
		}
		id, err := api.DeleteKey(ctx, key, strata.ObjectID{})
		if err != nil {
			return err
		}
		if err := gone(id, "deleted "+id.String()); err != nil {
			return err
		}
	}
	for _, id := range ids {
		if err := api.Delete(ctx, id); err != nil {
			return err
		}
		if err := gone(id, "deleted "+id.String()); err != nil {
			return err
		}
	}
	return nil
}

// report tells what was done to each of several files: a line at once, or JSON
// at the end, also of those before one that failed.
type report struct {
	out  io.Writer
	json bool
	all  []gateway.Stored
}

func newReport(s streams, json bool) *report {
	return &report{out: s.out, json: json, all: []gateway.Stored{}}
}

func (r *report) add(id strata.ObjectID, line string) error {
	r.all = append(r.all, gateway.Stored{Status: true, Hash: id})
	if r.json {
		return nil
	}
	_, err := fmt.Fprintln(r.out, line)
	return err
}

// end returns err, or what went wrong in saying so.
func (r *report) end(err error) error {
	if r.json {
		if jerr := json.NewEncoder(r.out).Encode(r.all); err == nil {
			err = jerr
		}
	}
	return err
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
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(s.out).Encode(o)
	}
	name := "name"
	if o.Keyed {
		name = "key "
	}
	fmt.Fprintf(s.out, "id      %s\n%s    %q\nsize    %s (%d bytes)\ntype    %s\nstored  %s\nhealth  %s\n", o.ID, name, o.Name,
		strata.ByteSize(o.Size), o.Size, o.ContentType, o.Created.Local().Format(time.DateTime), health(o))
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
