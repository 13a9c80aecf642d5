package peer

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"strata"
	"strata/merkle"
	"strata/wire"
)

func (c *call) getStatus() error {
	st := c.s.cfg.Miner.Status(c.r.Context())
	st.Limits = c.s.cfg.Limits
	c.answer(http.StatusOK, "application/json", st.Encode())
	return nil
}

// manifestQuery reads ?validator=&since=&after=; since and after default to 0.
func (c *call) manifestQuery() (wire.ManifestQuery, error) {
	var q wire.ManifestQuery
	values := c.r.URL.Query()
	key, err := strata.DecodeSS58(values.Get("validator"))
	if err != nil {
		return q, err
	}
	q.Validator = key
	if q.Since, err = number("since", values.Get("since")); err != nil {
		return q, err
	}
	q.After, err = number("after", values.Get("after"))
	return q, err
}

func number(name, text string) (uint64, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, strata.E(strata.Invalid, "parameter %s is not a number: %.40q", name, text)
	}
	return n, nil
}

// own marks a wrong answer of this side's Miner as Internal: the caller must
// not be told that its request was wrong.
func own(err error) error {
	if err == nil {
		return nil
	}
	return strata.E(strata.Internal, "the miner made an invalid answer: %w", err)
}

func (c *call) getManifest() error {
	q, err := c.manifestQuery()
	if err != nil {
		return err
	}
	// Who is in debt gets none made; what one costs is known once it is there.
	if err := c.s.rates.takeBytes(c.auth.Sender, 0); err != nil {
		return err
	}
	p, err := c.s.cfg.Miner.Manifest(c.r.Context(), q)
	if err != nil {
		return err
	}
	if err := own(p.Validate()); err != nil {
		return err
	}
	page := p.Encode()
	if err := c.s.rates.takeBytes(c.auth.Sender, uint64(len(page))); err != nil {
		return err
	}
	c.binary(page)
	return nil
}

func (c *call) audit() error {
	raw, err := c.read()
	if err != nil {
		return err
	}
	req, err := wire.DecodeAuditRequest(raw)
	if err != nil {
		return err
	}
	if err := c.s.rates.takeLeaves(c.auth.Sender, len(req.Leaves)); err != nil {
		return err
	}
	a, err := c.s.cfg.Miner.Audit(c.r.Context(), c.auth.Sender, req)
	if err != nil {
		return err
	}
	if err := own(a.Validate()); err != nil {
		return err
	}
	c.binary(a.Encode())
	return nil
}

// putShard stores a shard. The receipt leaves only after the whole body was
// checked, by the miner or, where it has the shard already and reads nothing,
// here. It goes out without a signature over the answer: it is one itself.
func (c *call) putShard() error {
	order, err := c.order()
	if err != nil {
		return err
	}
	if err := c.s.rates.takeBytes(c.auth.Sender, order.Length); err != nil {
		return err
	}
	r, err := c.s.cfg.Miner.PutShard(c.r.Context(), c.auth.Sender, c.root, int64(order.Length), c.shard, order)
	if err != nil {
		return err
	}
	if err := c.shard.finish(c.root, order.Length); err != nil {
		return err
	}
	if r.Root != c.root || r.Length != order.Length || r.Validator != c.auth.Sender {
		return own(strata.E(strata.Internal, "receipt for another shard than %s", c.root))
	}
	c.write(http.StatusOK, "application/octet-stream", r.Encode())
	return nil
}

// order takes the storage order from the request and checks that it says the
// same in all places: only then can third parties verify it.
func (c *call) order() (wire.Order, error) {
	size := c.r.ContentLength
	o := wire.Order{
		Root: c.root, Length: uint64(max(0, size)),
		Nonce: c.auth.Nonce, Signature: c.auth.Signature,
	}
	if size < 1 {
		return o, strata.E(strata.Invalid, "a shard needs a body with its Content-Length")
	}
	if uint64(size) > c.s.cfg.Limits.MaxShard {
		return o, strata.E(strata.TooLarge, "shard of %d bytes, at most %d are allowed", size, c.s.cfg.Limits.MaxShard)
	}
	if want := wire.ShardURI(c.s.cfg.Domain, c.root, o.Length); c.r.RequestURI != want {
		return o, strata.E(strata.Invalid, "a shard is stored at %s, not at %.300s", want, c.r.RequestURI)
	}
	return o, nil
}

func (c *call) getShard() error {
	src, err := c.s.cfg.Miner.ShardRange(c.r.Context(), c.caller, c.root)
	if err != nil {
		return err
	}
	defer func() {
		if err := src.Close(); err != nil {
			c.s.cfg.Log.Warn("close a shard", "root", c.root, "err", err)
		}
	}()
	off, n, err := span(c.r.Header.Values("Range"), src.Size)
	if err != nil {
		return err
	}
	length := merkle.RangeLen(src.Size, off, n)
	if err := c.s.rates.takeBytes(c.caller, length); err != nil {
		return err
	}
	c.rangeHead(src.Size, off, n, length)
	// A failure from here on ends the connection before Content-Length bytes
	// are out, which the caller cannot take for an end.
	return merkle.WriteRange(c.w, src.Data, src.Tree, off, n)
}

// rangeHead writes the headers of a range answer. The bytes prove themselves,
// so that the signature can go before them.
func (c *call) rangeHead(size, off, n, length uint64) {
	c.status = http.StatusOK
	h := c.w.Header()
	if n < size {
		c.status = http.StatusPartialContent
		h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", off, off+n-1, size))
	}
	c.sign(c.status, wire.RangeContent(c.root, off, n))
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Length", strconv.FormatUint(length, 10))
	h.Set(wire.HeaderSize, strconv.FormatUint(size, 10))
	c.writeWithin(length)
	c.w.WriteHeader(c.status)
}

// span reads a Range header of one range "bytes=a-b" or "bytes=a-" (RFC 9110
// §14.1.2); none means all. b beyond the end means the end.
func span(values []string, size uint64) (off, n uint64, err error) {
	if size == 0 {
		return 0, 0, own(strata.E(strata.Internal, "a shard of 0 bytes"))
	}
	if len(values) == 0 {
		return 0, size, nil
	}
	text, isBytes := strings.CutPrefix(values[0], "bytes=")
	from, to, isRange := strings.Cut(text, "-")
	off, offErr := strconv.ParseUint(from, 10, 63)
	last := size - 1
	var lastErr error
	if to != "" {
		last, lastErr = strconv.ParseUint(to, 10, 63)
	}
	if len(values) > 1 || !isBytes || !isRange || offErr != nil || lastErr != nil || off > last || off >= size {
		return 0, 0, strata.E(strata.Invalid, "range %.60q of a shard of %d bytes is not one of bytes=first-last within it", values[0], size)
	}
	return off, min(last, size-1) - off + 1, nil
}

func (c *call) deleteShard() error {
	if err := c.s.cfg.Miner.DeleteShard(c.r.Context(), c.auth.Sender, c.root); err != nil {
		return err
	}
	c.binary(nil)
	return nil
}

func (c *call) restoreShard() error {
	if err := c.s.cfg.Miner.RestoreShard(c.r.Context(), c.auth.Sender, c.root); err != nil {
		return err
	}
	c.binary(nil)
	return nil
}

func (c *call) retain() error {
	raw, err := c.read()
	if err != nil {
		return err
	}
	if err := c.s.rates.takeBytes(c.auth.Sender, uint64(len(raw))); err != nil {
		return err
	}
	list, err := wire.DecodeRetain(raw)
	if err != nil {
		return err
	}
	r, err := c.s.cfg.Miner.Retain(c.r.Context(), c.auth.Sender, list)
	if err != nil {
		return err
	}
	if err := own(r.Validate()); err != nil {
		return err
	}
	c.binary(r.Encode())
	return nil
}

// putSuperblock checks the caller's signature on the record itself, so that a
// miner never keeps one that the caller would refuse to read.
func (c *call) putSuperblock() error {
	raw, err := c.read()
	if err != nil {
		return err
	}
	b, err := wire.DecodeSuperblock(raw)
	if err != nil {
		return err
	}
	if err := b.Verify(c.s.cfg.Domain, c.auth.Sender); err != nil {
		return strata.E(strata.Invalid, "%w", err)
	}
	if err := c.s.cfg.Miner.PutSuperblock(c.r.Context(), c.auth.Sender, b); err != nil {
		return err
	}
	c.binary(nil)
	return nil
}

func (c *call) getSuperblock() error {
	b, err := c.s.cfg.Miner.GetSuperblock(c.r.Context(), c.auth.Sender)
	if err != nil {
		return err
	}
	if err := own(b.Validate()); err != nil {
		return err
	}
	c.binary(b.Encode())
	return nil
}
