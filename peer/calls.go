package peer

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/zeebo/blake3"

	"strata"
	"strata/merkle"
	"strata/wire"
)

// malformed gives what a miner answered the code Corrupt.
func malformed(ep wire.Endpoint, err error) error {
	return strata.E(strata.Corrupt, "miner %s answers wrongly: %w", ep.Hotkey.Short(), err)
}

// Status asks who and what the miner is, and checks that it is of this network.
func (c *Client) Status(ctx context.Context, ep wire.Endpoint) (wire.Status, error) {
	body, err := c.call(ctx, request{ep: ep, method: http.MethodGet, uri: pathStatus, limit: wire.MaxStatus})
	if err != nil {
		return wire.Status{}, err
	}
	s, err := wire.DecodeStatus(body)
	if err != nil {
		return wire.Status{}, malformed(ep, err)
	}
	if s.Hotkey != ep.Hotkey || s.Genesis != c.cfg.Domain.Genesis || s.Netuid != c.cfg.Domain.Netuid {
		return wire.Status{}, strata.E(strata.Conflict, "miner %s serves netuid %d of chain %s, not this network", ep.Hotkey.Short(), s.Netuid, s.Genesis)
	}
	return s, nil
}

// Manifest asks for one page. The head's signature and the entries' place in
// the query are checked; EntriesRoot is for whoever holds all the entries.
func (c *Client) Manifest(ctx context.Context, ep wire.Endpoint, q wire.ManifestQuery) (wire.ManifestPage, error) {
	uri := fmt.Sprintf("%s?validator=%s&since=%d&after=%d", pathManifest, q.Validator, q.Since, q.After)
	body, err := c.call(ctx, request{ep: ep, method: http.MethodGet, uri: uri, limit: wire.MaxPage, moves: wire.MaxPage})
	if err != nil {
		return wire.ManifestPage{}, err
	}
	p, err := wire.DecodeManifestPage(body)
	if err == nil {
		err = c.answers(p, q, ep.Hotkey)
	}
	if err != nil {
		return wire.ManifestPage{}, malformed(ep, err)
	}
	return p, nil
}

// answers checks that a page is what was asked for.
func (c *Client) answers(p wire.ManifestPage, q wire.ManifestQuery, miner strata.Hotkey) error {
	if p.Head.Validator != q.Validator {
		return strata.E(strata.Invalid, "manifest is of %s, not of %s", p.Head.Validator, q.Validator)
	}
	if len(p.Entries) > 0 && p.Entries[0].Number < q.After {
		return strata.E(strata.Invalid, "manifest page begins at sector %d, before the cursor %d", p.Entries[0].Number, q.After)
	}
	for _, e := range p.Entries {
		if e.Changed <= q.Since {
			return strata.E(strata.Invalid, "manifest: sector %d has not changed since %d", e.Number, q.Since)
		}
	}
	return p.Head.Verify(c.cfg.Domain, miner)
}

// Audit asks for leaves. The time runs on a warm connection, made first where
// there is none, from the request's last byte to the answer's last byte; it is
// returned with errors too, for a late answer is an answer. Openings are as
// many as leaves; verify each against its root.
func (c *Client) Audit(ctx context.Context, ep wire.Endpoint, req wire.AuditRequest) (wire.AuditResponse, time.Duration, error) {
	if err := req.Validate(); err != nil {
		return wire.AuditResponse{}, 0, err
	}
	// A cold connection would add its slow start to the time.
	if !c.warm(ep) {
		if _, err := c.Status(ctx, ep); err != nil {
			return wire.AuditResponse{}, 0, err
		}
	}
	q := request{ep: ep, method: http.MethodPost, uri: pathAudit, body: req.Encode(), limit: wire.MaxAuditResponse}
	body, took, err := c.timed(ctx, q)
	if err != nil {
		return wire.AuditResponse{}, took, err
	}
	a, err := wire.DecodeAuditResponse(body)
	if err == nil && len(a.Openings) != len(req.Leaves) {
		err = strata.E(strata.Invalid, "%d openings for %d leaves", len(a.Openings), len(req.Leaves))
	}
	if err != nil {
		return wire.AuditResponse{}, took, malformed(ep, err)
	}
	return a, took, nil
}

// timed is call with the time taken, without that of the signature's check.
func (c *Client) timed(ctx context.Context, q request) ([]byte, time.Duration, error) {
	ctx, cancel := c.within(ctx, q)
	defer cancel()
	var watch stopwatch
	resp, auth, err := c.send(watch.trace(ctx), q)
	if err != nil {
		return nil, watch.elapsed(time.Now()), err
	}
	last := &lastByte{ReadCloser: resp.Body}
	resp.Body = last
	body, err := c.buffered(q, resp, auth)
	return body, watch.elapsed(last.at), err
}

// lastByte notes when reading last returned.
type lastByte struct {
	io.ReadCloser
	at time.Time
}

func (l *lastByte) Read(p []byte) (int, error) {
	n, err := l.ReadCloser.Read(p)
	l.at = time.Now()
	return n, err
}

// PutShard stores a shard in the caller's partition and returns the miner's
// receipt, verified.
func (c *Client) PutShard(ctx context.Context, ep wire.Endpoint, root strata.Root, body []byte) (wire.Receipt, error) {
	if len(body) == 0 || len(body) > wire.MaxShard {
		return wire.Receipt{}, strata.E(strata.Invalid, "shard of %d bytes, 1 to %d are allowed", len(body), wire.MaxShard)
	}
	uri := wire.ShardURI(c.cfg.Domain, root, uint64(len(body)))
	loan := newLent(body)
	defer loan.end()
	raw, err := c.call(ctx, request{
		ep: ep, method: http.MethodPut, uri: uri, body: body, limit: wire.ReceiptSize, moves: uint64(len(body)), root: root, lent: loan,
	})
	if err != nil {
		return wire.Receipt{}, err
	}
	r, err := wire.DecodeReceipt(raw)
	if err == nil && (r.Root != root || r.Length != uint64(len(body)) || r.Validator != c.cfg.Hotkey) {
		err = strata.E(strata.Invalid, "the receipt is for another shard")
	}
	if err == nil {
		err = r.Verify(c.cfg.Domain, ep.Hotkey)
	}
	if err != nil {
		return wire.Receipt{}, malformed(ep, err)
	}
	return r, nil
}

// ReadShard reads a range as GetShard does, to its end. It returns the BLAKE3-256
// of the bytes and the time that passed, with errors too.
func (c *Client) ReadShard(ctx context.Context, ep wire.Endpoint, root strata.Root, size, off, n uint64) (strata.Root, time.Duration, error) {
	began := time.Now()
	body, err := c.GetShard(ctx, ep, root, size, off, n)
	if err != nil {
		return strata.Root{}, time.Since(began), err
	}
	defer body.Close()
	h := blake3.New()
	got, err := io.Copy(h, body)
	if err == nil && got != int64(n) {
		err = strata.E(strata.Corrupt, "miner %s gave %d bytes of a shard, not %d", ep.Hotkey.Short(), got, n)
	}
	var digest strata.Root
	h.Sum(digest[:0])
	return digest, time.Since(began), err
}

// GetShard reads bytes [off, off+n) of a shard of size bytes. Every 64 KiB
// group is verified against root before any of its bytes is handed out; a wrong
// one fails with code Corrupt. Close the reader, read to its end or not.
func (c *Client) GetShard(ctx context.Context, ep wire.Endpoint, root strata.Root, size, off, n uint64) (io.ReadCloser, error) {
	if size == 0 || size > wire.MaxShard || n == 0 || off >= size || n > size-off {
		return nil, strata.E(strata.Invalid, "bytes %d+%d of a shard of %d bytes do not exist", off, n, size)
	}
	length := merkle.RangeLen(size, off, n)
	q := request{
		ep: ep, method: http.MethodGet, uri: pathShards + root.String(), moves: length,
		span: fmt.Sprintf("bytes=%d-%d", off, off+n-1),
	}
	if g, ok := c.cfg.Delegations[root]; ok {
		q.grant = &g
	}
	ctx, cancel := c.within(ctx, q)
	resp, auth, err := c.sendTwice(ctx, q)
	if err != nil {
		cancel()
		return nil, err
	}
	if err := c.rangeHead(q, resp, auth, size, wire.RangeContent(root, off, n)); err != nil {
		_ = resp.Body.Close()
		cancel()
		return nil, err
	}
	body := &rangeBody{c: c, ep: ep, cancel: cancel, raw: resp.Body}
	body.plain = merkle.NewRangeReader(io.LimitReader(resp.Body, int64(length)), root, size, off, n)
	return body, nil
}

// rangeHead checks status, size and signature of a range answer, before its
// first byte.
func (c *Client) rangeHead(q request, resp *http.Response, auth wire.Auth, size uint64, content []byte) error {
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusPartialContent {
		_, err := c.buffered(q, resp, auth)
		return err
	}
	if got := resp.Header.Get(wire.HeaderSize); got != strconv.FormatUint(size, 10) {
		return strata.E(strata.Corrupt, "miner %s answers with a shard of another size than %d bytes", q.ep.Hotkey.Short(), size)
	}
	return c.signed(q.ep, resp, auth, content)
}

// rangeBody is the verified plain bytes of a range answer.
type rangeBody struct {
	c      *Client
	ep     wire.Endpoint
	plain  io.Reader
	raw    io.ReadCloser
	cancel context.CancelFunc
	ended  bool // read to its end, so that the connection is kept
}

// Read gives errors of the connection the code Unavailable; wrong bytes keep
// Corrupt.
func (b *rangeBody) Read(p []byte) (int, error) {
	n, err := b.plain.Read(p)
	b.ended = b.ended || err == io.EOF
	if err != nil && err != io.EOF && strata.CodeOf(err) != strata.Corrupt {
		err = b.c.failed(b.ep, err)
	}
	return n, err
}

// Close ends the transfer. Read to its end, the connection is kept.
func (b *rangeBody) Close() error {
	err := b.raw.Close()
	b.cancel()
	if b.ended {
		b.c.touch(b.ep)
	}
	return err
}

// DeleteShard deletes a shard of the caller's partition; NotFound if it is not
// there.
func (c *Client) DeleteShard(ctx context.Context, ep wire.Endpoint, root strata.Root) error {
	_, err := c.call(ctx, request{ep: ep, method: http.MethodDelete, uri: pathShards + root.String()})
	return err
}

// RestoreShard takes back a shard's deletion; NotFound if its undelete window
// has ended, or it never was there.
func (c *Client) RestoreShard(ctx context.Context, ep wire.Endpoint, root strata.Root) error {
	_, err := c.call(ctx, request{ep: ep, method: http.MethodPost, uri: pathShards + root.String()})
	return err
}

// Retain tells the miner which shards of the caller's partition to keep.
func (c *Client) Retain(ctx context.Context, ep wire.Endpoint, list wire.Retain) (wire.RetainResult, error) {
	if err := list.Validate(); err != nil {
		return wire.RetainResult{}, err
	}
	q := request{ep: ep, method: http.MethodPost, uri: pathRetain, body: list.Encode(), limit: wire.MaxRetainResult}
	q.moves = 2 * uint64(len(q.body))
	body, err := c.call(ctx, q)
	if err != nil {
		return wire.RetainResult{}, err
	}
	r, err := wire.DecodeRetainResult(body)
	if err != nil {
		return wire.RetainResult{}, malformed(ep, err)
	}
	return r, nil
}

// PutSuperblock stores the caller's superblock, signed by it.
func (c *Client) PutSuperblock(ctx context.Context, ep wire.Endpoint, s wire.Superblock) error {
	if err := s.Validate(); err != nil {
		return err
	}
	_, err := c.call(ctx, request{ep: ep, method: http.MethodPut, uri: pathSuperblock, body: s.Encode()})
	return err
}

// GetSuperblock reads the caller's superblock and verifies that the caller
// signed it; NotFound if the miner has none.
func (c *Client) GetSuperblock(ctx context.Context, ep wire.Endpoint) (wire.Superblock, error) {
	body, err := c.call(ctx, request{ep: ep, method: http.MethodGet, uri: pathSuperblock, limit: wire.MaxSuperblockSize})
	if err != nil {
		return wire.Superblock{}, err
	}
	s, err := wire.DecodeSuperblock(body)
	if err == nil {
		err = s.Verify(c.cfg.Domain, c.cfg.Hotkey)
	}
	if err != nil {
		return wire.Superblock{}, malformed(ep, err)
	}
	return s, nil
}
