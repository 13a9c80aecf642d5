package gateway

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"path"
	"strings"
	"time"

	"strata"
	"strata/catalog"
	"strata/object"
)

// FilesBucket holds what users store through the gateway's own interface.
const FilesBucket = "files"

const (
	metaName   = "strata-file-name" // the exact name, which a key may cut
	maxKeyName = 1000               // bytes of the name in a key
)

// storedObjects is Objects over an object.Store, in FilesBucket.
//
// Each file has a key of its own: its name, a slash and 16 random hex digits.
// So a second file of the same name replaces nothing, whoever kept the first
// one's hash still gets it, and a listing is in the order of names.
type storedObjects struct{ store *object.Store }

// StoreObjects returns Objects over store. It makes FilesBucket at the first
// start; a crash before that has nothing to leave.
func StoreObjects(ctx context.Context, store *object.Store, buckets interface {
	CreateBucket(context.Context, catalog.Bucket) error
}, now time.Time) (Objects, error) {
	err := buckets.CreateBucket(ctx, catalog.Bucket{Name: FilesBucket, Created: now})
	if err != nil && strata.CodeOf(err) != strata.Conflict {
		return nil, err
	}
	return storedObjects{store}, nil
}

func (o storedObjects) Put(ctx context.Context, r PutRequest) (Object, error) {
	info, err := o.store.Put(ctx, object.PutRequest{
		Bucket: FilesBucket, Name: newKey(r.Name), ContentType: r.ContentType,
		Meta: map[string]string{metaName: r.Name}, Size: r.Size, Body: r.Body,
	})
	if err != nil {
		return Object{}, err
	}
	return objectOf(info), nil
}

func (o storedObjects) Stat(ctx context.Context, id strata.ObjectID) (Object, error) {
	h, err := o.store.Stat(ctx, id)
	if err != nil {
		return Object{}, err
	}
	out := objectOf(h.Info)
	for _, s := range h.Segments {
		seg := Segment{Size: s.Size, Health: NewHealth(s.K, s.Stored, s.Total)}
		out.Segments = append(out.Segments, seg)
		if w := out.Health; w == nil || seg.Health.Live-seg.Health.Needed < w.Live-w.Needed {
			out.Health = &seg.Health
		}
	}
	return out, nil
}

func (o storedObjects) List(ctx context.Context, r ListRequest) (ObjectList, error) {
	page, err := o.store.List(ctx, object.ListRequest{Bucket: FilesBucket, Prefix: r.Prefix, After: r.After, Limit: r.Limit})
	if err != nil {
		return ObjectList{}, err
	}
	out := ObjectList{Objects: make([]Object, 0, len(page.Objects))}
	for _, info := range page.Objects {
		object := objectOf(info)
		if r.Health {
			full, err := o.Stat(ctx, info.ID)
			if strata.CodeOf(err) == strata.NotFound {
				continue // deleted since
			}
			if err != nil {
				return ObjectList{}, err
			}
			object.Health = full.Health
		}
		out.Objects = append(out.Objects, object)
	}
	if page.More {
		out.Next = page.Next
	}
	return out, nil
}

func (o storedObjects) Open(ctx context.Context, id strata.ObjectID) (Object, Content, error) {
	r, err := o.store.Open(ctx, id)
	if err != nil {
		return Object{}, nil, err
	}
	return objectOf(r.Info()), r, nil
}

func (o storedObjects) Delete(ctx context.Context, id strata.ObjectID) error {
	return o.store.Delete(ctx, id)
}

func objectOf(i object.Info) Object {
	name := i.Meta[metaName]
	if name == "" {
		name = path.Base(i.Name) // of another bucket
	}
	return Object{ID: i.ID, Name: name, ContentType: i.ContentType, Size: i.Size, Created: i.Modified.UTC()}
}

// newKey returns a key that sorts by name and that no other file has.
func newKey(name string) string {
	var unique [8]byte
	_, _ = rand.Read(unique[:]) // never fails
	if len(name) > maxKeyName {
		name = strings.ToValidUTF8(name[:maxKeyName], "")
	}
	return name + "/" + hex.EncodeToString(unique[:])
}
