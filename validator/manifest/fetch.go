package manifest

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"strata"
	"strata/validator/book"
	"strata/wire"
)

const (
	// maxPulled bounds the bytes of one pull. A sixty-fourth of 100 TB, full of
	// shards of 6 MB, is 36 MB.
	maxPulled = 256 << 20
	// largePull is how much of a pull is held beside any others; of larger ones
	// there is one at a time. A hundred terabytes of filler are 1.5 MB.
	largePull = 4 << 20
	// maxNumber bounds sector numbers: more than any miner can hold, and in
	// order in every database, which know no unsigned numbers.
	maxNumber = 1 << 48
)

// maxRounds bounds how often fetch runs after a manifest that changes.
const maxRounds = 20

// fetch gets what changed since a sequence, in order of number, and the head
// that it belongs to. Where the head moves on between two pages, what changed
// since the first page's head is fetched next and laid over it, so that a miner
// whose manifest changes all the time can be read too.
func (p *Puller) fetch(ctx context.Context, ep wire.Endpoint, validator strata.Hotkey, since uint64, f *fetching) (wire.Head, []wire.Entry, error) {
	for range maxRounds {
		first, last, err := p.fetchPages(ctx, ep, wire.ManifestQuery{Validator: validator, Since: since}, f)
		if err != nil {
			return wire.Head{}, nil, err
		}
		if first == last {
			return last, f.ordered(), nil
		}
		since = first.Sequence
	}
	return wire.Head{}, nil, strata.E(strata.Unavailable, "the manifest of miner %s changes faster than it can be read", ep.Hotkey)
}

// fetching is what a fetch has got so far.
type fetching struct {
	entries map[uint64]wire.Entry
	size    int       // bytes of all pages
	large   book.Turn // taken by what is over largePull, until done
	taken   bool
}

// admit waits for its turn with what has become large: many miners that show
// huge manifests at once take the memory of one.
func (f *fetching) admit(ctx context.Context) error {
	if f.taken || f.size <= largePull {
		return nil
	}
	if err := f.large.Take(ctx); err != nil {
		return err
	}
	f.taken = true
	return nil
}

func (f *fetching) done() {
	if f.taken {
		f.taken = false
		f.large.Give()
	}
}

// fetchPages follows the pages of one query and returns the first and the last
// one's head.
func (p *Puller) fetchPages(ctx context.Context, ep wire.Endpoint, q wire.ManifestQuery, f *fetching) (first, last wire.Head, err error) {
	for {
		page, err := p.page(ctx, ep, q)
		if err != nil {
			return first, last, err
		}
		if last = page.Head; first == (wire.Head{}) {
			first = last
		}
		if q.After, err = f.add(ep, page, q.After); err == nil {
			err = f.admit(ctx)
		}
		if err != nil || !page.More {
			return first, last, err
		}
		if len(page.Entries) == 0 {
			return first, last, strata.E(strata.Invalid, "the manifest of miner %s promises more and gives nothing", ep.Hotkey)
		}
	}
}

// add takes a page's entries and returns the next page's cursor.
func (f *fetching) add(ep wire.Endpoint, page wire.ManifestPage, after uint64) (uint64, error) {
	for _, e := range page.Entries {
		if e.Number < after || e.Number > maxNumber {
			return after, strata.E(strata.Invalid, "the manifest of miner %s lists sector %d out of order or out of reach", ep.Hotkey, e.Number)
		}
		after, f.size = e.Number+1, f.size+e.Size()
		f.entries[e.Number] = e
	}
	if f.size > maxPulled {
		return after, strata.E(strata.TooLarge, "the manifest of miner %s is over %s", ep.Hotkey, strata.ByteSize(maxPulled))
	}
	return after, nil
}

func (f *fetching) ordered() []wire.Entry {
	return slices.SortedFunc(maps.Values(f.entries), func(a, b wire.Entry) int { return cmp.Compare(a.Number, b.Number) })
}

func (p *Puller) page(ctx context.Context, ep wire.Endpoint, q wire.ManifestQuery) (wire.ManifestPage, error) {
	ctx, cancel := context.WithTimeout(ctx, AnswerLimit)
	defer cancel()
	return p.Miners.Manifest(ctx, ep, q)
}
