//go:build unix

package devnet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"strata"
	"strata/gateway"
	"strata/gateway/client"
)

// certainty is what the model knows of a file.
type certainty int

const (
	stored  certainty = iota // acknowledged: must be there, byte for byte
	deleted                  // acknowledged to be gone
	refused                  // the gateway said that it is not stored: must not be there
	maybe                    // no answer came: may be there, then whole
	perhaps                  // no answer came to its deletion: may be there, then whole
	either                   // no answer came to what was to replace it: this is there, or that
)

// tracked is a file that the model knows.
type tracked struct {
	name    string
	keyed   bool            // the name is a key: the newest file that has it is the one
	id      strata.ObjectID // zero until it is known
	size    int
	content uint64 // seed of its bytes
	known   certainty
	gone    time.Time // when its deletion was asked for
}

// bytes returns the file's content.
func (f *tracked) bytes() []byte {
	b := make([]byte, f.size)
	var seed [32]byte
	for i := range 8 {
		seed[i] = byte(f.content >> (8 * i))
	}
	_, _ = rand.NewChaCha8(seed).Read(b) // never fails
	return b
}

// user works on files of its own, so that what it must see is known exactly. Its
// choices depend on seed and number alone.
type user struct {
	s      *soak
	number int
	rng    *rand.Rand
	files  []*tracked
	api    *client.Client
	base   string // the gateway that api talks to
	tally  tally
}

// tally counts what came of the user's operations.
type tally struct{ done, failed int }

// operation is one thing a user does, and how often of a hundred times.
type operation struct {
	name  string
	often int
	do    func(u *user, ctx context.Context) error
}

func operations() []operation {
	return []operation{
		{"put", 25, (*user).put},
		{"get", 20, (*user).get},
		{"range", 13, (*user).getRange},
		{"overwrite", 14, (*user).overwrite},
		{"get by key", 7, (*user).getKey},
		{"delete", 8, (*user).remove},
		{"undelete", 5, (*user).undelete},
		{"list", 8, (*user).list},
	}
}

// step does one operation. A failure that the faults explain is no error: an
// error is a promise that was broken.
func (u *user) step(ctx context.Context) error {
	at := u.rng.IntN(100)
	for _, op := range operations() {
		if at -= op.often; at >= 0 {
			continue
		}
		if err := u.connect(ctx); err != nil {
			return err
		}
		err := op.do(u, ctx)
		u.tally.done++
		if excused(err) {
			u.tally.failed++
			var lost *url.Error
			if !answered(err) || errors.As(err, &lost) {
				u.base = "" // it may be gone
			}
			u.s.note("user %d: %s failed: %v", u.number, op.name, err)
			return nil
		}
		if err != nil {
			return fmt.Errorf("user %d, %s: %w", u.number, op.name, err)
		}
		return nil
	}
	panic("the shares of the operations are less than a hundred")
}

// broken is a promise that was not kept.
type broken struct{ what string }

func (b broken) Error() string { return b.what }

func brokenf(format string, args ...any) error { return broken{fmt.Sprintf(format, args...)} }

// excused says whether faults explain a failure: anything but a broken promise.
func excused(err error) bool {
	var b broken
	return err != nil && !errors.As(err, &b)
}

// answered says whether err is the gateway's word, rather than a lost connection.
func answered(err error) bool {
	return err == nil || strata.CodeOf(err) != strata.Unavailable || strings.Contains(err.Error(), "miners")
}

// connect waits for a gateway: the one there was may have been killed.
func (u *user) connect(ctx context.Context) error {
	base, err := u.s.gateway(ctx, u.base)
	if err != nil || base == u.base {
		return err
	}
	if u.api != nil {
		u.api.Close()
	}
	u.base = base
	u.api, err = u.s.n.client()
	return err
}

// sizes of files: most are small, some span chunks, a few span segments.
func (u *user) size() int {
	switch at := u.rng.IntN(100); {
	case at < 60:
		return 1 + u.rng.IntN(32<<10)
	case at < 95:
		return 1 + u.rng.IntN(512<<10)
	default:
		return 1 + u.rng.IntN(5<<20)
	}
}

func (u *user) put(ctx context.Context) error {
	return u.store(ctx, fmt.Sprintf("user-%d-%06d", u.number, len(u.files)))
}

func (u *user) store(ctx context.Context, name string) error {
	return u.send(ctx, u.track(name), gateway.Condition{})
}

// track draws a file that is about to be stored.
func (u *user) track(name string) *tracked {
	f := &tracked{name: name, size: u.size(), content: u.rng.Uint64(), known: maybe}
	u.files = append(u.files, f)
	return f
}

func (u *user) send(ctx context.Context, f *tracked, c gateway.Condition) error {
	id, err := u.api.PutFile(ctx, client.File{Name: f.name, Size: int64(f.size), Body: bytes.NewReader(f.bytes()), Keyed: f.keyed, Condition: c}, nil)
	switch {
	case err == nil:
		f.id, f.known = id, stored
	case answered(err):
		f.known = refused
	}
	return err
}

// pick returns one of the user's stored files, nil if there is none.
func (u *user) pick() *tracked {
	return u.draw(func(f *tracked) bool { return f.known == stored })
}

func (u *user) draw(ok func(*tracked) bool) *tracked {
	var list []*tracked
	for _, f := range u.files {
		if ok(f) {
			list = append(list, f)
		}
	}
	if len(list) == 0 {
		return nil
	}
	return list[u.rng.IntN(len(list))]
}

func (u *user) get(ctx context.Context) error {
	f := u.pick()
	if f == nil {
		return nil
	}
	return u.read(ctx, f)
}

// read compares a whole file. That an acknowledged one is not found is a broken
// promise whatever fails meanwhile.
func (u *user) read(ctx context.Context, f *tracked) error {
	var got bytes.Buffer
	_, err := u.api.Get(ctx, f.id, &got, 0, nil)
	want := f.bytes()
	switch {
	case strata.CodeOf(err) == strata.NotFound:
		return brokenf("%s (%s) was acknowledged and is not found: %v", f.name, f.id, err)
	case err != nil && !bytes.HasPrefix(want, got.Bytes()):
		return brokenf("%s (%s): %d bytes came before the failure %v, and not those stored", f.name, f.id, got.Len(), err)
	case err == nil && !bytes.Equal(want, got.Bytes()):
		return brokenf("%s (%s): %d bytes come back, other than the %d stored", f.name, f.id, got.Len(), f.size)
	}
	return err
}

func (u *user) getRange(ctx context.Context) error {
	f := u.pick()
	if f == nil {
		return nil
	}
	first := u.rng.IntN(f.size)
	last := first + u.rng.IntN(f.size-first)
	resp, err := u.fetch(ctx, "/retrieve/?hash="+f.id.String(), fmt.Sprintf("bytes=%d-%d", first, last))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusNotFound {
		return brokenf("%s (%s) was acknowledged and is not found", f.name, f.id)
	}
	if resp.StatusCode != http.StatusPartialContent {
		return fmt.Errorf("%s: status %s", f.name, resp.Status)
	}
	got, err := io.ReadAll(resp.Body)
	if want := f.bytes()[first : last+1]; !bytes.HasPrefix(want, got) || err == nil && len(got) != len(want) {
		return brokenf("%s (%s): bytes %d-%d come back wrong", f.name, f.id, first, last)
	}
	return err
}

// fetch asks the gateway for a file, or for a range of it.
func (u *user) fetch(ctx context.Context, path, span string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.base+path, nil)
	if err != nil {
		return nil, err
	}
	token, err := u.s.n.Token()
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+token.Reveal())
	if span != "" {
		req.Header.Set("Range", span)
	}
	return http.DefaultClient.Do(req)
}

func (u *user) remove(ctx context.Context) error {
	f := u.pick()
	if f == nil {
		return nil
	}
	return u.delete(ctx, f)
}

func (u *user) delete(ctx context.Context, f *tracked) error {
	f.known, f.gone = perhaps, time.Now()
	err := u.api.Delete(ctx, f.id)
	switch {
	case err == nil:
		f.known = deleted
	case strata.CodeOf(err) == strata.NotFound:
		return brokenf("%s (%s) was acknowledged and is not found when it is deleted", f.name, f.id)
	}
	return err
}

// undelete takes a recent deletion back. Within half of the window it must be
// possible.
func (u *user) undelete(ctx context.Context) error {
	half := strata.LocalProfile.Undelete / 2
	f := u.draw(func(f *tracked) bool {
		return f.known == deleted && time.Since(f.gone) < half && (!f.keyed || u.certain(f.name))
	})
	if f == nil {
		return nil
	}
	var now *tracked // what has its key
	if f.keyed {
		now = u.current(f.name)
	}
	f.known = perhaps
	_, err := u.api.Undelete(ctx, f.id)
	switch {
	case err == nil && now != nil:
		return brokenf("%s (%s) came back though %s has its key", f.name, f.id, now.id)
	case now != nil:
		f.known = deleted // whatever was said, it could not come back
		if strata.CodeOf(err) == strata.Conflict {
			return nil
		}
	case err == nil:
		f.known = stored
	case strata.CodeOf(err) == strata.NotFound && time.Since(f.gone) < half:
		return brokenf("%s (%s) was deleted %s ago and cannot come back: %v", f.name, f.id, time.Since(f.gone), err)
	}
	return err
}

func (u *user) list(ctx context.Context) error {
	objects, err := u.listing(ctx)
	if err != nil {
		return err
	}
	return u.compare(objects)
}

func (u *user) listing(ctx context.Context) (all []gateway.Object, err error) {
	for r := (gateway.ListRequest{Prefix: fmt.Sprintf("user-%d-", u.number), Limit: 1 + u.rng.IntN(gateway.MaxPage)}); ; {
		page, err := u.api.List(ctx, r)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Objects...)
		if r.After = page.Next; page.Next == "" {
			return all, nil
		}
	}
}

// compare holds a listing against the model: everything acknowledged is there
// with its size, nothing deleted or refused is. What was uncertain is settled by
// it, as the user has nothing else under way.
func (u *user) compare(objects []gateway.Object) error {
	listed := map[strata.ObjectID]gateway.Object{}
	for _, o := range objects {
		listed[o.ID] = o
	}
	for _, f := range u.files {
		o, there := listed[f.id]
		switch {
		case f.known == stored && !there:
			return brokenf("%s (%s) was acknowledged and is not listed", f.name, f.id)
		case f.known == deleted && there:
			return brokenf("%s (%s) was deleted and is listed", f.name, f.id)
		case there && o.Size != int64(f.size):
			return brokenf("%s (%s) is listed with %d bytes, %d were stored", f.name, f.id, o.Size, f.size)
		case (f.known == perhaps || f.known == either) && there:
			f.known = stored
		case f.known == perhaps || f.known == either:
			f.known, f.gone = deleted, time.Time{}
		}
		delete(listed, f.id)
	}
	return u.adopt(listed)
}

// adopt finds the files that were stored though their answer was lost.
func (u *user) adopt(unknown map[strata.ObjectID]gateway.Object) error {
	for id, o := range unknown {
		i := slices.IndexFunc(u.files, func(f *tracked) bool {
			return f.known == maybe && f.name == o.Name && f.keyed == o.Keyed && int64(f.size) == o.Size
		})
		if i < 0 {
			return brokenf("%s (%s, %d bytes) is listed and was never acknowledged, nor left without an answer", o.Name, id, o.Size)
		}
		u.files[i].id, u.files[i].known = id, stored
	}
	for _, f := range u.files {
		if f.known == maybe {
			f.known = refused
		}
	}
	return u.oneEach()
}
