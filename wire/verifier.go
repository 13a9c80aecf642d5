package wire

import (
	"sync"
	"time"

	"strata"
)

// The window in which a nonce is fresh (btauth/1).
const (
	MaxAge  = 10 * time.Second
	MaxSkew = 2 * time.Second
)

// maxNonces bounds the memory of a Verifier: two generations of so many
// requests of the last 12 s each. Over it requests are refused, never a
// remembered nonce forgotten.
const maxNonces = 1 << 18

// maxOfOne bounds what one sender takes of them, so that one that floods does
// not use up the others'.
const maxOfOne = maxNonces / 4

// Verifier authenticates requests to one receiver: it remembers nonces for as
// long as they are fresh, so that no request works twice. It is safe for
// concurrent use.
type Verifier struct {
	self      strata.Hotkey
	now       func() time.Time
	notBefore uint64

	mu        sync.Mutex // guards what follows
	turned    time.Time  // when cur began
	cur, prev map[nonceKey]struct{}
	of        map[strata.Hotkey]int // how many of cur are a sender's
}

type nonceKey struct {
	sender strata.Hotkey
	nonce  uint64
}

// NewVerifier returns a Verifier of requests to self. Nonces older than its
// start, now() at this moment, are refused: it cannot know whether an earlier
// process has seen them.
func NewVerifier(self strata.Hotkey, now func() time.Time) *Verifier {
	t := now()
	return &Verifier{
		self: self, now: now, notBefore: uint64(t.UnixNano()),
		turned: t, cur: map[nonceKey]struct{}{}, prev: map[nonceKey]struct{}{}, of: map[strata.Hotkey]int{},
	}
}

// Check does what can be done before the body's hash is known, in btauth/1's
// order: shape, receiver, freshness. The error has code Unauthenticated; with
// it, what could be read is returned and proves nothing.
func (v *Verifier) Check(h Header) (Auth, error) {
	a, err := ParseAuth(h)
	if err != nil {
		return a, err
	}
	if a.Receiver != v.self {
		return a, strata.E(strata.Unauthenticated, "request is for %s, this is %s", a.Receiver, v.self)
	}
	return a, v.fresh(a.Nonce)
}

func (v *Verifier) fresh(nonce uint64) error {
	now := uint64(v.now().UnixNano())
	switch {
	case nonce+uint64(MaxAge) < now:
		return strata.E(strata.Unauthenticated, "request is %s old, at most %s is allowed: check the clocks", time.Duration(now-nonce).Round(time.Millisecond), MaxAge)
	case nonce > now+uint64(MaxSkew):
		return strata.E(strata.Unauthenticated, "request is %s in the future, at most %s is allowed: check the clocks", time.Duration(nonce-now).Round(time.Millisecond), MaxSkew)
	case nonce < v.notBefore:
		return strata.E(strata.Unauthenticated, "request was signed before this process began: sign it again")
	}
	return nil
}

// Verify finishes what Check began: signature, then replay. body is what
// SignRequest got. It takes the nonce: a second call with the same
// Auth fails. The error has code Unauthenticated, or Throttled when too many
// nonces are fresh at once, of all or of this sender.
func (v *Verifier) Verify(a Auth, method, uri string, body [32]byte) error {
	// Reading the body may have taken until now, and the replay memory holds a
	// nonce only while it is fresh.
	if err := v.fresh(a.Nonce); err != nil {
		return err
	}
	if err := check("request "+method, a.Sender, a.text(method, uri, body), a.Signature); err != nil {
		return err
	}
	return v.take(nonceKey{a.Sender, a.Nonce})
}

// take remembers a nonce whose signature verified. A nonce stays at least one
// whole generation, MaxAge + MaxSkew, after it was taken: longer than it can be
// fresh.
func (v *Verifier) take(k nonceKey) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if now := v.now(); now.Sub(v.turned) > MaxAge+MaxSkew {
		v.prev, v.cur, v.turned, v.of = v.cur, map[nonceKey]struct{}{}, now, map[strata.Hotkey]int{}
	}
	_, inCur := v.cur[k]
	_, inPrev := v.prev[k]
	if inCur || inPrev {
		return strata.E(strata.Unauthenticated, "request was already received: sign a new one")
	}
	if len(v.cur) >= maxNonces || v.of[k.sender] >= maxOfOne {
		return strata.E(strata.Throttled, "too many requests at this moment: try again in %s", MaxAge)
	}
	v.cur[k] = struct{}{}
	v.of[k.sender]++
	return nil
}
