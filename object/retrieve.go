package object

import (
	"context"
	"io"
	"time"

	"strata/catalog"
	"strata/object/fetch"
	"strata/object/keyring"
	"strata/object/roster"
)

// Retrieve writes the plaintext of segments, one after the other, from their
// records alone: it needs no catalog, as a recovery has none. Every chunk is
// verified. The secret is that of the gateway that stored them. Codes: Corrupt
// (a record or the secret is wrong), Unavailable (too few miners give theirs).
func Retrieve(ctx context.Context, t Transport, at roster.Network, secret keyring.Secret, segments []catalog.Segment, w io.Writer) error {
	from := fetch.New(fetch.Options{Miners: roster.New(at, time.Now), Transport: t, Keys: keyring.Derived{Secret: secret}})
	for _, seg := range segments {
		if err := from.Copy(ctx, w, seg); err != nil {
			return err
		}
	}
	return nil
}
