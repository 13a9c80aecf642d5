package peer

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"strings"
	"time"

	"strata"
	"strata/merkle"
	"strata/wire"
)

// call is one request on the server.
type call struct {
	s *Server
	w http.ResponseWriter
	r *http.Request

	auth   wire.Auth     // zero for an unsigned status
	caller strata.Hotkey // who is asked for, from authorize on: the sender, or who has delegated to it
	root   strata.Root
	sum    [32]byte   // of the body, as signed: SHA-256, or the root of a shard that is put
	body   io.Reader  // yields exactly the signed body, or fails
	shard  *shardBody // instead, when a shard is put
	began  bool       // counted as a request in work
	work   work       // of that kind
	status int        // what was answered, for the log
}

// route is what is done for one method and path.
type route struct {
	action  wire.Action
	maxBody int64 // bytes
	run     func(*call) error
	open    bool // needs no signature
	rooted  bool // the path's root names the body
	work    work
}

// routes holds every route but those with a root in the path.
var routes = map[string]route{
	"GET " + pathStatus:     {run: (*call).getStatus, open: true},
	"GET " + pathManifest:   {run: (*call).getManifest, action: wire.ActionManifest},
	"POST " + pathAudit:     {run: (*call).audit, action: wire.ActionAudit, maxBody: wire.MaxAuditRequest},
	"POST " + pathRetain:    {run: (*call).retain, action: wire.ActionRetain, maxBody: wire.MaxRetainSize},
	"PUT " + pathSuperblock: {run: (*call).putSuperblock, action: wire.ActionPutSuperblock, maxBody: wire.MaxSuperblockSize},
	"GET " + pathSuperblock: {run: (*call).getSuperblock, action: wire.ActionGetSuperblock},
}

// shardRoutes holds the routes of /v1/shards/{root}, by method.
var shardRoutes = map[string]route{
	http.MethodPut:    {run: (*call).putShard, action: wire.ActionPut, maxBody: wire.MaxShard, rooted: true, work: shards},
	http.MethodGet:    {run: (*call).getShard, action: wire.ActionGet, work: shards},
	http.MethodDelete: {run: (*call).deleteShard, action: wire.ActionDelete},
	http.MethodPost:   {run: (*call).restoreShard, action: wire.ActionRestore},
}

// find returns the route of a request. The error has code NotFound or Invalid.
func (c *call) find() (route, error) {
	method, path := c.r.Method, c.r.URL.Path
	if rt, ok := routes[method+" "+path]; ok {
		return rt, nil
	}
	hex, isShard := strings.CutPrefix(path, pathShards)
	rt, ok := shardRoutes[method]
	if !isShard || !ok || path == pathRetain {
		return route{}, strata.E(strata.NotFound, "there is no %.10q %.100q here", method, path)
	}
	root, err := strata.ParseRoot(hex)
	if err != nil || root.String() != hex {
		return route{}, strata.E(strata.Invalid, "path %.100q does not end with 64 lower-case hex digits", path)
	}
	c.root = root
	return rt, nil
}

// serve handles one request: every path through it ends with one signed answer.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	start := s.cfg.Now()
	c := &call{s: s, w: w, r: r, body: http.NoBody}
	c.readWithin()
	err := c.handle()
	if c.began {
		s.rates.end(c.caller, c.work)
	}
	if err != nil {
		c.fail(err)
	}
	s.cfg.Log.Debug("request", "method", r.Method, "path", r.URL.Path, "caller", c.name(), "from", r.RemoteAddr,
		"status", c.status, "took", s.cfg.Now().Sub(start), "err", err)
}

func (c *call) name() string {
	if c.auth.Sender.IsZero() {
		return ""
	}
	return c.auth.Sender.String()
}

// handle goes through the order that the package comment gives. Nobody's body
// is read before the caller is known and allowed, but for the small ones that
// come without their hash.
func (c *call) handle() error {
	rt, err := c.find()
	if err != nil {
		// Nobody is authenticated for a path that does not exist; the
		// signature is only what the answer refers to.
		auth, _ := wire.ParseAuth(c.r.Header)
		c.auth.Signature = auth.Signature
		return err
	}
	if rt.open && len(c.r.Header.Values(wire.HeaderSignature)) == 0 {
		return rt.run(c)
	}
	if err := c.authenticate(rt); err != nil {
		return err
	}
	if rt.open {
		return rt.run(c)
	}
	if err := c.authorize(rt); err != nil {
		return err
	}
	c.work = rt.work
	if err := c.s.rates.begin(c.caller, c.work); err != nil {
		return err
	}
	c.began = true
	return rt.run(c)
}

// authenticate proves the sender and sets auth, sum and body. Until it has
// returned nil, auth names nobody: only its signature is set, for the answer.
func (c *call) authenticate(rt route) error {
	auth, err := c.s.verifier.Check(c.r.Header)
	c.auth.Signature = auth.Signature
	if err != nil {
		return err
	}
	if c.r.ContentLength > rt.maxBody {
		return strata.E(strata.TooLarge, "body of %d bytes, at most %d are allowed here", c.r.ContentLength, rt.maxBody)
	}
	open := c.openBody
	if rt.rooted {
		open = c.openShard
	}
	if err := open(rt.maxBody); err != nil {
		return err
	}
	if err := c.s.verifier.Verify(auth, c.r.Method, c.r.RequestURI, c.sum); err != nil {
		return err
	}
	c.auth = auth
	return nil
}

// openBody sets sum and body: from the header if there is one, else by reading
// a small body.
func (c *call) openBody(limit int64) error {
	limited := http.MaxBytesReader(c.w, c.r.Body, limit)
	values := c.r.Header.Values(wire.HeaderContent)
	if len(values) > 1 {
		return strata.E(strata.Invalid, "request: header %s comes more than once", wire.HeaderContent)
	}
	if len(values) == 1 {
		sum, err := wire.ParseContentHash(values[0])
		c.sum, c.body = sum, &hashedBody{src: limited, want: sum, hash: sha256.New(), done: c.bodyRead}
		return err
	}
	small := http.MaxBytesReader(c.w, c.r.Body, min(limit, wire.MaxUnhashed))
	raw, err := io.ReadAll(small)
	if err != nil {
		return bodyError(err)
	}
	c.bodyRead()
	c.sum, c.body = sha256.Sum256(raw), bytes.NewReader(raw)
	return nil
}

// openShard sets sum and shard for a body that the path names. One way to say
// it is enough: a hash in the header is an error.
func (c *call) openShard(limit int64) error {
	if len(c.r.Header.Values(wire.HeaderContent)) > 0 {
		return strata.E(strata.Invalid, "request: header %s does not belong to a shard: its path names the body", wire.HeaderContent)
	}
	c.sum, c.shard = c.root, &shardBody{src: http.MaxBytesReader(c.w, c.r.Body, limit), done: c.bodyRead}
	return nil
}

// shardBody yields the body of a shard that is put. Whoever stores it checks it
// against its root.
type shardBody struct {
	src  io.Reader
	done func()
	read uint64
	err  error
}

// Read implements io.Reader. Its last error sticks.
func (b *shardBody) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.src.Read(p)
	b.read += uint64(n)
	switch {
	case err == io.EOF:
		b.done()
		b.err = err
	case err != nil:
		b.err = bodyError(err)
	}
	return n, b.err
}

// finish checks what a miner has left unread: all, or nothing but the end.
func (b *shardBody) finish(root strata.Root, size uint64) error {
	if b.read != 0 && b.read != size {
		return own(strata.E(strata.Internal, "a receipt after %d of %d bytes", b.read, size))
	}
	if b.read == size {
		_, err := io.Copy(io.Discard, b)
		return err
	}
	sum := merkle.NewBuilder(size)
	if _, err := io.Copy(sum, b); err != nil {
		return err
	}
	tree, err := sum.Tree()
	if err != nil {
		return err
	}
	if tree.Root() != root {
		return strata.E(strata.Invalid, "the bytes sent are not shard %s but %s: send it again", root, tree.Root())
	}
	return nil
}

// readWithin bounds the time for reading the body, read here or, when the
// answer comes before, skipped by the HTTP server. Full duplex lets that answer
// go at once; by default the server would wait for the body before it.
func (c *call) readWithin() {
	if c.r.ContentLength == 0 {
		return
	}
	_ = http.NewResponseController(c.w).EnableFullDuplex()
	size := uint64(min(max(0, c.r.ContentLength), wire.MaxShard))
	c.readDeadline(time.Now().Add(allowance(c.s.cfg.BodyTimeout, size)))
}

// readDeadline and writeWithin set the kernel's deadlines, which run by the
// kernel's clock whatever Now says. A connection that takes none is gone.
func (c *call) readDeadline(t time.Time) {
	_ = http.NewResponseController(c.w).SetReadDeadline(t)
}

func (c *call) writeWithin(bytes uint64) {
	_ = http.NewResponseController(c.w).SetWriteDeadline(time.Now().Add(allowance(c.s.cfg.BodyTimeout, bytes)))
}

// bodyRead lifts the read deadline: from here on the server only watches
// whether the caller hangs up.
func (c *call) bodyRead() { c.readDeadline(time.Time{}) }

// bodyError gives a failed read of a body its code.
func bodyError(err error) error {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return strata.E(strata.TooLarge, "body is over %d bytes: send header %s with a larger one where that is allowed", tooLarge.Limit, wire.HeaderContent)
	}
	return strata.E(strata.Invalid, "body ends early: %w", err)
}

// authorize asks the miner's policy. A manifest is of the partition that the
// query names; all but audits are otherwise about the caller's own.
func (c *call) authorize(rt route) error {
	grant, err := c.delegation(rt)
	if err != nil {
		return err
	}
	partition := c.caller
	switch rt.action {
	case wire.ActionAudit:
		partition = strata.Hotkey{}
	case wire.ActionManifest:
		q, err := c.manifestQuery()
		if err != nil {
			return err
		}
		partition = q.Validator
	}
	if err := c.s.cfg.Miner.Authorize(c.r.Context(), c.caller, rt.action, partition); err != nil || grant == nil {
		return err
	}
	return grant.Verify(c.s.cfg.Domain, c.auth.Sender, c.root, c.s.cfg.Now())
}

// delegation reads who has let the sender read a shard, if anybody, and sets
// caller. It is verified only when its validator may do what is asked: strangers
// cost no second signature.
func (c *call) delegation(rt route) (*wire.Delegation, error) {
	c.caller = c.auth.Sender
	values := c.r.Header.Values(wire.HeaderDelegation)
	if rt.action != wire.ActionGet || len(values) == 0 {
		return nil, nil
	}
	if len(values) > 1 {
		return nil, strata.E(strata.Unauthenticated, "request: header %s comes more than once", wire.HeaderDelegation)
	}
	g, err := wire.ParseDelegation(values[0])
	if err != nil {
		return nil, err
	}
	c.caller = g.Validator
	return &g, nil
}

// read returns the whole body, checked.
func (c *call) read() ([]byte, error) { return io.ReadAll(c.body) }

// hashedBody yields a body and fails, instead of ending, when it was not the
// one that was signed.
type hashedBody struct {
	src  io.Reader
	want [32]byte
	hash hash.Hash
	done func()
	err  error
}

// Read implements io.Reader. Its last error sticks. The last bytes of a wrong
// body are held back: whoever reads exactly as many as announced, as io.ReadFull
// does, would not see an error that comes with them.
func (b *hashedBody) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.src.Read(p)
	_, _ = b.hash.Write(p[:n]) // a hash never fails to write
	switch {
	case err == io.EOF:
		b.done()
		if b.err = b.ended(); b.err != io.EOF {
			n = 0
		}
	case err != nil:
		b.err = bodyError(err)
	}
	return n, b.err
}

func (b *hashedBody) ended() error {
	if got := b.hash.Sum(nil); !bytes.Equal(got, b.want[:]) {
		return strata.E(strata.Invalid, "body has SHA-256 %x, header %s says %x", got[:8], wire.HeaderContent, b.want[:8])
	}
	return io.EOF
}

// answer writes a signed answer.
func (c *call) answer(status int, contentType string, body []byte) {
	c.sign(status, wire.BodyContent(sha256.Sum256(body)))
	c.write(status, contentType, body)
}

// write writes an answer whose signature, if it needs one, is set.
func (c *call) write(status int, contentType string, body []byte) {
	c.status = status
	h := c.w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", fmt.Sprint(len(body)))
	c.writeWithin(uint64(len(body)))
	c.w.WriteHeader(status)
	_, _ = c.w.Write(body) // the caller has gone: nobody is left to tell
}

// sign sets the answer's signature. Without one the caller will refuse the
// answer, which is right.
func (c *call) sign(status int, content []byte) {
	sig, err := wire.Answer{Request: c.auth.Signature, Status: status, Content: content}.Sign(c.s.cfg.Domain, c.s.cfg.Signer)
	if err != nil {
		c.s.cfg.Log.Error("cannot sign an answer: check the wallet", "err", err)
		return
	}
	c.w.Header().Set(wire.HeaderResponse, wire.FormatSignature(sig))
}

func (c *call) binary(body []byte) { c.answer(http.StatusOK, "application/octet-stream", body) }

// fail answers with an error; an answer that has begun is cut off instead.
// What is this side's fault goes to the log, unless the caller has gone: then
// whatever failed may have failed because of that.
func (c *call) fail(err error) {
	code := strata.CodeOf(err)
	if (code == strata.Internal || c.status != 0) && c.r.Context().Err() == nil {
		c.s.cfg.Log.Warn("request failed", "method", c.r.Method, "path", c.r.URL.Path, "caller", c.name(), "err", err)
	}
	if c.status == 0 {
		c.answer(wire.HTTPStatus(code), "application/json", wire.EncodeError(err))
	}
}
