package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"os"
	"path"
	"path/filepath"
	"slices"

	"filippo.io/age"

	"strata"
	"strata/gateway"
	"strata/gateway/client"
	"strata/gateway/client/agefile"
)

type putCmd struct {
	Files     []string `arg:"" name:"file" help:"Files to store; - reads standard input."`
	Name      string   `help:"Name to store it under; the file's own unless given." xor:"name"`
	Recursive bool     `short:"r" help:"Store what lies in folders, too, under the keys FOLDER/PATH, or KEY/PATH with --key. With --if-absent the same command goes on where it was."`
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

// source is one file to store.
type source struct {
	path  string // "-": standard input
	name  string // or key
	size  int64  // bytes, -1 if unknown
	keyed bool
}

// Run stores files and prints their ids.
func (c *putCmd) Run(ctx context.Context, s streams) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	defer api.Close()
	sources, folders, err := c.sources(s)
	if err != nil {
		return err
	}
	to, err := c.recipients(s)
	if err != nil {
		return err
	}
	if len(sources) == 1 && !folders {
		id, err := c.single(ctx, s, api, sources[0], to)
		if err != nil {
			return err
		}
		if c.JSON {
			return json.NewEncoder(s.out).Encode(gateway.Stored{Status: true, Hash: id})
		}
		_, err = fmt.Fprintln(s.out, id)
		return err
	}
	return c.many(ctx, s, api, sources, to)
}

func (c *putCmd) single(ctx context.Context, s streams, api *client.Client, src source, to []age.Recipient) (strata.ObjectID, error) {
	b := c.bar(s, "storing")
	id, err := c.store(ctx, s, api, src, to, func(n int64) { b.set(strata.ByteSize(n), strata.ByteSize(max(src.size, n))) })
	b.close(err == nil)
	return id, err
}

// many stores all files, and goes on after one that cannot be.
func (c *putCmd) many(ctx context.Context, s streams, api *client.Client, sources []source, to []age.Recipient) error {
	size := func(i int) int64 { return sources[i].size }
	crowd := newCrowd(s, c.transferFlags, "storing", len(sources), size)
	stored := make([]gateway.Object, len(sources))
	err := crowd.run(ctx, func(ctx context.Context, i int, moved client.Progress) (string, error) {
		src := sources[i]
		id, err := c.store(ctx, s, api, src, to, moved)
		if c.IfAbsent && strata.CodeOf(err) == strata.Conflict {
			return "", nil // it is there: what --if-absent is for
		}
		if err != nil {
			return "", fmt.Errorf("%s: %w", src.path, err)
		}
		stored[i] = gateway.Object{ID: id, Name: src.name, Size: src.size, Keyed: src.keyed}
		if c.JSON {
			return "", nil
		}
		return fmt.Sprintf("%s  %s\n", id, src.name), nil
	})
	if !c.JSON {
		return err
	}
	stored = slices.DeleteFunc(stored, func(o gateway.Object) bool { return o.ID == strata.ObjectID{} })
	if jerr := json.NewEncoder(s.out).Encode(stored); err == nil {
		err = jerr
	}
	return err
}

// store stores one file.
func (c *putCmd) store(ctx context.Context, s streams, api *client.Client, src source, to []age.Recipient, moved client.Progress) (strata.ObjectID, error) {
	body := io.NopCloser(s.in)
	if src.path != "-" {
		file, err := os.Open(src.path)
		if err != nil {
			return strata.ObjectID{}, unreadable(src.path, err)
		}
		body = file
	}
	defer body.Close()
	f := client.File{
		Name: src.name, Keyed: src.keyed, Size: src.size, Body: body, ContentType: typeOf(src.name),
		Condition: gateway.Condition{Absent: c.IfAbsent, Match: c.IfMatch},
	}
	if len(to) > 0 {
		var err error
		if f.Body, err = agefile.Encrypt(body, src.size, to); err != nil {
			return strata.ObjectID{}, err
		}
		f.Size, f.ContentType = -1, ageType
	}
	return api.PutFile(ctx, f, moved)
}

// typeOf is the media type that a name's ending says, without parameters: that
// a text is in UTF-8 is more than the name says.
func typeOf(name string) string {
	t, _, err := mime.ParseMediaType(mime.TypeByExtension(path.Ext(name)))
	if err != nil {
		return "" // unknown bytes
	}
	return t
}

// sources returns what is to be stored, in order, and whether folders were named.
func (c *putCmd) sources(s streams) (out []source, folders bool, err error) {
	for _, p := range c.Files {
		st, err := stat(p)
		switch {
		case err != nil:
			return nil, false, err
		case st != nil && st.IsDir() && !c.Recursive:
			return nil, false, strata.E(strata.Invalid, "%s is a folder: store what lies in it with --recursive", p)
		case st != nil && st.IsDir():
			folders = true
			below, err := c.folder(s, p)
			if err != nil {
				return nil, false, err
			}
			out = append(out, below...)
		case st != nil && !st.Mode().IsRegular():
			return nil, false, strata.E(strata.Invalid, "%s is not a regular file: pipe it into strata put - --name NAME", p)
		case st == nil:
			out = append(out, source{path: p, name: c.Name, size: -1})
		default:
			out = append(out, source{path: p, name: filepath.Base(p), size: st.Size()})
		}
	}
	return out, folders, c.named(out, folders)
}

// stat looks at a file; standard input has nothing to look at.
func stat(path string) (fs.FileInfo, error) {
	if path == "-" {
		return nil, nil
	}
	st, err := os.Stat(path)
	if err != nil {
		return nil, unreadable(path, err)
	}
	return st, nil
}

// named gives a single file the name or the key that is asked for, and refuses
// what makes no sense for several.
func (c *putCmd) named(sources []source, folders bool) error {
	conditional := c.IfAbsent || c.IfMatch != strata.ObjectID{}
	switch {
	case len(c.Files) > 1 && slices.Contains(c.Files, "-"):
		return strata.E(strata.Invalid, "standard input is stored alone: leave - or the other files away")
	case len(c.Files) > 1 && (c.Name != "" || c.Key != "" || c.IfMatch != strata.ObjectID{}):
		return strata.E(strata.Invalid, "--name, --key and --if-match are about one file: give one, or one folder with --key")
	case folders && (c.Name != "" || c.IfMatch != strata.ObjectID{}):
		return strata.E(strata.Invalid, "--name and --if-match are about one file, and %s is a folder", c.Files[0])
	case folders && len(sources) == 0:
		return strata.E(strata.NotFound, "there is no file to store in %s", c.Files[0])
	case folders && (conditional || c.Key != "") && slices.ContainsFunc(sources, func(s source) bool { return !s.keyed }):
		return strata.E(strata.Invalid, "--key and --if-absent are about folders here: store the other files by another command")
	case folders:
		return nil
	case conditional && c.Key == "":
		return strata.E(strata.Invalid, "--if-absent and --if-match are about a key: give --key")
	case c.Key != "":
		sources[0].name, sources[0].keyed = c.Key, true
		return gateway.CheckKey(c.Key)
	case c.Name != "":
		sources[0].name = c.Name
	case sources[0].path == "-":
		return strata.E(strata.Invalid, "standard input has no name: give --name or --key")
	}
	return nil
}

// folder returns the files below a folder. Links are not followed, so that none
// leads out of it or around.
func (c *putCmd) folder(s streams, dir string) (out []source, err error) {
	prefix := c.Key
	if prefix == "" {
		whole, err := filepath.Abs(dir)
		if err != nil {
			return nil, unreadable(dir, err)
		}
		prefix = filepath.Base(whole)
	}
	err = filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return unreadable(p, err)
		}
		if e.IsDir() {
			return nil
		}
		if !e.Type().IsRegular() {
			fmt.Fprintf(s.err, "strata: %s is not stored: it is no regular file\n", p)
			return nil
		}
		st, err := e.Info()
		if err != nil {
			return unreadable(p, err)
		}
		rel, err := filepath.Rel(dir, p)
		if err != nil {
			return unreadable(p, err)
		}
		key := prefix + "/" + filepath.ToSlash(rel)
		out = append(out, source{path: p, name: key, size: st.Size(), keyed: true})
		return gateway.CheckKey(key)
	})
	return out, err
}
