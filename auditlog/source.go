package auditlog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"strata"
	"strata/wire"
)

// Inbox is the subdirectory in which an operator hands proofs in, as files whose
// names end with FraudSuffix.
const Inbox = "inbox"

// maxListing bounds the listing of a validator's log in bytes.
const maxListing = 4 << 20

// fetchLimit is how long a validator may take to give a listing or a proof.
const fetchLimit = 30 * time.Second

// Folder is a directory of proofs that somebody hands in.
type Folder string

// Name says where proofs from here come from.
func (f Folder) Name() string { return "the inbox" }

// List names the proofs that lie there.
func (f Folder) List(context.Context) ([]string, error) {
	files, err := list(string(f), FraudSuffix, "")
	names := make([]string, len(files))
	for i, file := range files {
		names[i] = file.Path
	}
	return names, err
}

// Fetch reads a proof. Code TooLarge if it cannot be one.
func (f Folder) Fetch(_ context.Context, name string) ([]byte, error) {
	file, err := os.Open(filepath.Join(string(f), filepath.Base(name)))
	if err != nil {
		return nil, fmt.Errorf("read a proof of fraud: %w", err)
	}
	defer file.Close()
	return bounded(file, wire.MaxFraudProof)
}

// Done removes a proof that was dealt with.
func (f Folder) Done(name string) error {
	return os.Remove(filepath.Join(string(f), filepath.Base(name)))
}

// Peer is another validator's published log, by its address.
type Peer struct {
	URL    string // of Handler, without a slash at the end
	Client *http.Client
}

// Name is the address.
func (p Peer) Name() string { return p.URL }

// List names the proofs that are published there.
func (p Peer) List(ctx context.Context) ([]string, error) {
	b, err := p.get(ctx, "/", maxListing)
	if err != nil {
		return nil, err
	}
	var l Listing
	if err := json.Unmarshal(b, &l); err != nil {
		return nil, strata.E(strata.Invalid, "%s is no published audit log, check the address: %w", p.URL, err)
	}
	var names []string
	for _, f := range l.Frauds {
		name := path.Base(f.Path)
		if len(l.Frauds) <= maxListed && len(name) < 200 && f.Size <= wire.MaxFraudProof {
			names = append(names, name)
		}
	}
	return names, nil
}

// Segments gets the newest published segments of the log, 0 for all, into a
// directory, where Read reads them.
func (p Peer) Segments(ctx context.Context, newest int, dir string) error {
	b, err := p.get(ctx, "/", maxListing)
	if err != nil {
		return err
	}
	var l Listing
	if err := json.Unmarshal(b, &l); err != nil {
		return strata.E(strata.Invalid, "%s is no published audit log, check the address: %w", p.URL, err)
	}
	list := l.Segments
	if len(list) == 0 {
		return strata.E(strata.NotFound, "%s has published nothing yet: a segment becomes public a tempo after its weights", p.URL)
	}
	if newest > 0 && newest < len(list) {
		list = list[len(list)-newest:]
	}
	for _, f := range list {
		if err := p.segment(ctx, f, dir); err != nil {
			return err
		}
	}
	return nil
}

// segment copies a file of the listed size.
func (p Peer) segment(ctx context.Context, f File, dir string) error {
	name := path.Base(f.Path)
	if !filepath.IsLocal(name) || !strings.HasSuffix(name, suffix) {
		return strata.E(strata.Invalid, "%s lists %q, which is no segment", p.URL, f.Path)
	}
	body, err := p.open(ctx, "/segments/"+name)
	if err != nil {
		return err
	}
	defer body.Close()
	file, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("keep a segment: %w", err)
	}
	n, err := io.Copy(file, io.LimitReader(body, f.Size))
	if err == nil && n != f.Size {
		err = strata.E(strata.Unavailable, "%s sent %d of the %d bytes of %s: try again", p.URL, n, f.Size, name)
	}
	return errors.Join(err, file.Close())
}

// Fetch gets a proof.
func (p Peer) Fetch(ctx context.Context, name string) ([]byte, error) {
	return p.get(ctx, "/frauds/"+path.Base(name), wire.MaxFraudProof)
}

// Done does nothing: what others publish stays.
func (p Peer) Done(string) error { return nil }

func (p Peer) get(ctx context.Context, path string, limit int64) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchLimit)
	defer cancel()
	body, err := p.open(ctx, path)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	return bounded(body, limit)
}

func (p Peer) open(ctx context.Context, path string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(p.URL, "/")+path, nil)
	if err != nil {
		return nil, strata.E(strata.Invalid, "address of an audit log: %w", err)
	}
	resp, err := p.Client.Do(req)
	if err != nil {
		return nil, strata.E(strata.Unavailable, "%s does not answer: %w", p.URL, err)
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		return nil, strata.E(strata.Unavailable, "%s answers %s to %s", p.URL, resp.Status, path)
	}
	return resp.Body, nil
}

func bounded(r io.Reader, limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, errors.Join(strata.E(strata.Unavailable, "a proof of fraud was not read"), err)
	}
	if int64(len(b)) > limit {
		return nil, strata.E(strata.TooLarge, "over %d bytes: this is no proof of fraud", limit)
	}
	return b, nil
}
