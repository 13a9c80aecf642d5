package object

import (
	"context"
	"strings"

	"strata"
	"strata/catalog"
	"strata/placement"
)

// Lookup returns the object that a name means now. Code NotFound if there is none.
func (s *Store) Lookup(ctx context.Context, bucket, name string) (Info, error) {
	o, err := s.cat.Lookup(ctx, bucket, name)
	return infoOf(o), err
}

// Versions returns the objects that a name means and meant, newest first.
func (s *Store) Versions(ctx context.Context, bucket, name string) ([]Info, error) {
	objects, err := s.cat.Versions(ctx, bucket, name)
	infos := make([]Info, len(objects))
	for i, o := range objects {
		infos[i] = infoOf(o)
	}
	return infos, err
}

// Stat returns an object and what is known of its shards. Code NotFound if there
// is none.
func (s *Store) Stat(ctx context.Context, id strata.ObjectID) (Health, error) {
	o, segments, _, err := s.load(ctx, id)
	if err != nil {
		return Health{}, err
	}
	miners, err := s.miners.ByHotkey(ctx)
	if err != nil {
		miners = nil // the spread is not known, all else is
	}
	h := Health{Info: infoOf(o), Segments: make([]SegmentHealth, len(segments))}
	for i, seg := range segments {
		sh := SegmentHealth{Size: seg.Size, K: seg.K, Total: seg.Total}
		var at []placement.Candidate
		for _, shard := range seg.Shards {
			if c, ok := miners[shard.Miner]; ok && shard.State != catalog.Lost {
				at = append(at, c.Candidate)
			}
			switch shard.State {
			case catalog.Stored:
				sh.Stored++
			case catalog.Sending:
				sh.Sending++
			}
		}
		sh.Spread = placement.SpreadOf(at)
		sh.Lost = sh.Total - sh.Stored - sh.Sending
		h.Segments[i] = sh
	}
	return h, nil
}

// load returns a committed object with its segments: its own or, with a slice,
// those that it shares.
func (s *Store) load(ctx context.Context, id strata.ObjectID) (catalog.Object, []catalog.Segment, catalog.Slice, error) {
	o, slice, err := s.find(ctx, id)
	if err != nil {
		return o, nil, slice, err
	}
	segments, err := s.cat.Segments(ctx, holder(id, slice))
	return o, segments, slice, err
}

// find returns a committed object, and where it lies if it shares segments.
func (s *Store) find(ctx context.Context, id strata.ObjectID) (catalog.Object, catalog.Slice, error) {
	o, err := s.cat.Object(ctx, id)
	if err != nil {
		return o, catalog.Slice{}, err
	}
	if o.State != catalog.Committed {
		return o, catalog.Slice{}, strata.E(strata.NotFound, "object %s is not stored yet", id)
	}
	slice, err := s.cat.Slice(ctx, id)
	return o, slice, err
}

// holder is the object whose segments hold an object's bytes.
func holder(id strata.ObjectID, slice catalog.Slice) strata.ObjectID {
	if slice.Pack != (strata.ObjectID{}) {
		return slice.Pack
	}
	return id
}

// List returns a page of a bucket's objects. Code NotFound if there is no such
// bucket.
func (s *Store) List(ctx context.Context, r ListRequest) (Page, error) {
	limit := r.Limit
	if limit == 0 {
		limit = catalog.MaxListPage
	}
	if limit < 0 || limit > catalog.MaxListPage {
		return Page{}, strata.E(strata.Invalid, "a page of %d names: ask for 1 to %d", limit, catalog.MaxListPage)
	}
	l := lister{request: r, limit: limit, after: r.After}
	if g, ok := l.group(r.After); ok && g == r.After {
		l.after = beyond(g)
	}
	for !l.done {
		if err := l.step(ctx, s.cat); err != nil {
			return Page{}, err
		}
	}
	return l.page, nil
}

// lister rolls keys up into prefixes, skipping over what a prefix covers.
type lister struct {
	request ListRequest
	limit   int
	after   string // keys after this one are still to be seen
	page    Page
	done    bool
}

// step asks for one page of keys and takes them until a prefix covers the next.
func (l *lister) step(ctx context.Context, cat catalog.Objects) error {
	room := l.limit - len(l.page.Objects) - len(l.page.Prefixes)
	ask := min(room+1, catalog.MaxListPage) // one more, to know whether there is
	objects, err := cat.ListObjects(ctx, catalog.List{Bucket: l.request.Bucket, Prefix: l.request.Prefix, After: l.after, Limit: ask})
	if err != nil {
		return err
	}
	for _, o := range objects {
		if room == 0 {
			l.page.More, l.done = true, true
			return nil
		}
		room--
		if g, ok := l.group(o.Key); ok {
			l.page.Prefixes = append(l.page.Prefixes, g)
			l.page.Next, l.after = g, beyond(g)
			return nil
		}
		l.page.Objects = append(l.page.Objects, infoOf(o))
		l.page.Next, l.after = o.Key, o.Key
	}
	l.done = len(objects) < ask
	return nil
}

// group returns the prefix that a key is rolled up into, if any.
func (l *lister) group(key string) (string, bool) {
	d := l.request.Delimiter
	rest, ok := strings.CutPrefix(key, l.request.Prefix)
	if d == "" || !ok {
		return "", false
	}
	i := strings.Index(rest, d)
	if i < 0 {
		return "", false
	}
	return l.request.Prefix + rest[:i+len(d)], true
}

// beyond returns what no key with the prefix comes after.
func beyond(prefix string) string {
	return prefix + strings.Repeat("\xff", catalog.MaxKey+1)
}
