package files

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"strings"
	"time"

	"strata"
	"strata/catalog"
	"strata/gateway"
	"strata/object"
)

// filesBucket holds what comes through the page and POST /store/. Two uploads
// of one name are two files, so a key is the name, a zero byte and a random
// tail; keys therefore sort by name. Of a name too long for a key the key has
// the beginning, and the metadata all of it. A keyed file has no tail: the next
// one of its name replaces it.
const (
	filesBucket = "files"
	keySep      = "\x00"
	tailSize    = 8                                         // random bytes
	maxKeyName  = catalog.MaxKey - len(keySep) - 2*tailSize // bytes of a name in its key
	fullName    = "name"                                    // metadata of a name that was cut
)

// Objects makes an object.Store what the gateway asks for.
type Objects struct {
	Store   *object.Store
	Backups interface {
		// BackedUp says whether an object is in the backup on miners.
		BackedUp(ctx context.Context, id strata.ObjectID) (bool, error)
	}
}

var _ gateway.Objects = Objects{}

// EnsureBucket creates the bucket on a new catalog.
func EnsureBucket(ctx context.Context, c catalog.Buckets) error {
	err := c.CreateBucket(ctx, catalog.Bucket{Name: filesBucket, Created: time.Now()})
	if strata.CodeOf(err) == strata.Conflict {
		return nil // it is there
	}
	return err
}

// Put implements gateway.Objects.
func (f Objects) Put(ctx context.Context, r gateway.PutRequest) (gateway.Object, error) {
	key, meta := keyOf(r.Name)
	if r.Keyed {
		key, meta = fixedKey(r.Name), nil
		if err := f.foresee(ctx, r.Name, r.Condition); err != nil {
			return gateway.Object{}, err
		}
	}
	info, err := f.Store.Put(ctx, object.PutRequest{
		Bucket: filesBucket, Name: key, Meta: meta,
		ContentType: r.ContentType, Size: r.Size, Body: r.Body, Condition: catalog.Condition(r.Condition),
	})
	if err != nil {
		return gateway.Object{}, err
	}
	return fileOf(info), nil
}

// foresee refuses what a condition will refuse before a byte of the body is read.
// What decides is the condition at the commit.
func (f Objects) foresee(ctx context.Context, key string, c gateway.Condition) error {
	if c == (gateway.Condition{}) {
		return nil
	}
	now, err := f.Store.Lookup(ctx, filesBucket, fixedKey(key))
	switch {
	case err != nil && strata.CodeOf(err) != strata.NotFound:
		return err
	case err == nil && (c.Absent || now.ID != c.Match):
		return strata.E(strata.Conflict, "the key %q names file %s", key, now.ID)
	case err != nil && !c.Absent:
		return strata.E(strata.Conflict, "the key %q names no file", key)
	}
	return nil
}

// keyOf returns a fresh key for a name, and the metadata that it needs.
func keyOf(name string) (key string, meta map[string]string) {
	var tail [tailSize]byte
	_, _ = rand.Read(tail[:]) // never fails: crypto/rand ends the process instead
	begin := keyName(name)
	if begin != name {
		meta = map[string]string{fullName: name}
	}
	return begin + keySep + hex.EncodeToString(tail[:]), meta
}

// fixedKey returns the key of a keyed file.
func fixedKey(name string) string { return name + keySep }

// keyName returns what of a name, or of the beginning of one, is in its key.
func keyName(name string) string { return name[:min(len(name), maxKeyName)] }

// Stat implements gateway.Objects.
func (f Objects) Stat(ctx context.Context, id strata.ObjectID) (gateway.Object, error) {
	h, err := f.Store.Stat(ctx, id)
	if err != nil {
		return gateway.Object{}, err
	}
	o := fileOf(h.Info)
	is, err := f.Backups.BackedUp(ctx, id)
	if err != nil {
		return gateway.Object{}, err
	}
	o.BackedUp = &is
	for i, s := range h.Segments {
		health := gateway.NewHealth(s.K, s.Stored, s.Total)
		o.Segments = append(o.Segments, gateway.Segment{
			Size: s.Size, Health: health, Spread: gateway.Spread{SharedColdkey: s.Spread.SharedColdkey, SharedPrefix: s.Spread.SharedPrefix},
		})
		if i == 0 || worse(health, *o.Health) {
			o.Health = &health
		}
	}
	return o, nil
}

// worse compares what is left to lose.
func worse(a, b gateway.Health) bool { return a.Live-a.Needed < b.Live-b.Needed }

// List returns a page. It may hold fewer than Limit and still have a next one:
// a prefix longer than what a key has of a name is compared here.
func (f Objects) List(ctx context.Context, r gateway.ListRequest) (gateway.ObjectList, error) {
	page, err := f.Store.List(ctx, object.ListRequest{Bucket: filesBucket, Prefix: keyName(r.Prefix), After: unhex(r.After), Limit: r.Limit})
	if err != nil {
		return gateway.ObjectList{}, err
	}
	list := gateway.ObjectList{Objects: []gateway.Object{}}
	for _, info := range page.Objects {
		o := fileOf(info)
		if !strings.HasPrefix(o.Name, r.Prefix) {
			continue
		}
		if r.Health {
			o, err = f.Stat(ctx, info.ID)
		}
		if strata.CodeOf(err) == strata.NotFound {
			continue // deleted meanwhile
		}
		if err != nil {
			return gateway.ObjectList{}, err
		}
		o.Segments = nil
		list.Objects = append(list.Objects, o)
	}
	if page.More {
		list.Next = hex.EncodeToString([]byte(page.Next)) // keys hold a zero byte
	}
	return list, nil
}

// unhex reads a cursor; one that is none begins at the start.
func unhex(cursor string) string {
	b, err := hex.DecodeString(cursor)
	if err != nil {
		return ""
	}
	return string(b)
}

// Open implements gateway.Objects.
func (f Objects) Open(ctx context.Context, id strata.ObjectID) (gateway.Object, gateway.Content, error) {
	r, err := f.Store.Open(ctx, id)
	if err != nil {
		return gateway.Object{}, nil, err
	}
	return fileOf(r.Info()), r, nil
}

// OpenKey opens what a key names.
func (f Objects) OpenKey(ctx context.Context, key string) (o gateway.Object, content gateway.Content, err error) {
	err = f.withKey(ctx, key, func(id strata.ObjectID) (err error) {
		o, content, err = f.Open(ctx, id)
		return err
	})
	return o, content, err
}

// DeleteKey deletes what a key names at the moment of the deletion.
func (f Objects) DeleteKey(ctx context.Context, key string, match strata.ObjectID) (id strata.ObjectID, err error) {
	err = f.withKey(ctx, key, func(now strata.ObjectID) error {
		id = now
		if match != (strata.ObjectID{}) && now != match {
			return strata.E(strata.Conflict, "the key %q names file %s", key, now)
		}
		return f.Delete(ctx, now)
	})
	return id, err
}

// withKey does something with the object that a key names. That may be replaced,
// and so be gone, between being looked up and done with; then there is another.
func (f Objects) withKey(ctx context.Context, key string, do func(strata.ObjectID) error) error {
	var last strata.ObjectID
	for {
		info, err := f.Store.Lookup(ctx, filesBucket, fixedKey(key))
		if strata.CodeOf(err) == strata.NotFound {
			err = strata.E(strata.NotFound, "no file has the key %q", key)
		}
		if err != nil {
			return err
		}
		if err := do(info.ID); strata.CodeOf(err) != strata.NotFound || info.ID == last {
			return err
		}
		last = info.ID
	}
}

// Undelete brings a file back and says how it is.
func (f Objects) Undelete(ctx context.Context, id strata.ObjectID) (gateway.Object, error) {
	if _, err := f.Store.Undelete(ctx, id); err != nil {
		return gateway.Object{}, err
	}
	return f.Stat(ctx, id)
}

// Delete implements gateway.Objects.
func (f Objects) Delete(ctx context.Context, id strata.ObjectID) error {
	return f.Store.Delete(ctx, id)
}

func fileOf(i object.Info) gateway.Object {
	name, cut := i.Meta[fullName]
	if !cut {
		name, _, _ = strings.Cut(i.Name, keySep)
	}
	return gateway.Object{ID: i.ID, Name: name, ContentType: i.ContentType, Size: i.Size, Created: i.Modified, Keyed: strings.HasSuffix(i.Name, keySep)}
}
