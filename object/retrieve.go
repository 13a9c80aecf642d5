package object

import (
	"context"
	"io"

	"strata/catalog"
	"strata/object/keyring"
	"strata/object/roster"
)

// Retrieve writes the plaintext of segments, one after the other, from their
// records alone: it needs no catalog, as a recovery has none. Every chunk is
// verified. The secret is that of the gateway that stored them. Codes: Corrupt
// (a record or the secret is wrong), Unavailable (too few miners give theirs).
func Retrieve(ctx context.Context, t Transport, at roster.Network, secret keyring.Secret, segments []catalog.Segment, w io.Writer) error {
	s := newStore(Options{Transport: t, Network: at})
	s.opener = keyring.Derived{Secret: secret}
	for _, seg := range segments {
		if err := s.retrieve(ctx, seg, w); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) retrieve(ctx context.Context, seg catalog.Segment, w io.Writer) error {
	g, err := s.newGather(ctx, seg)
	if err != nil {
		return err
	}
	defer g.close()
	for r := range g.layout.Rows() {
		chunks, err := g.dataRow(ctx, r)
		if err != nil {
			return err
		}
		left := g.layout.RowLen(r)
		for i := 0; i < seg.K && left > 0; i++ {
			n := min(left, int64(len(chunks[i])))
			if _, err := w.Write(chunks[i][:n]); err != nil {
				return err
			}
			left -= n
		}
		g.recycle(chunks)
	}
	return nil
}
