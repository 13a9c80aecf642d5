package backup

import (
	"compress/gzip"
	"context"
	"io"
	"time"
)

// ledgerRate is how many bytes of ledger are backed up in a second, on average:
// a large one is backed up more seldom than Pace.Ledger says.
const ledgerRate = 8 << 10

// ledgerDue says whether the ledger is to be backed up, if there is one.
func (k *Keeper) ledgerDue(ctx context.Context, was saved) (bool, error) {
	wait := max(k.Pace.Ledger, time.Duration(min(was.Ledger.Size, 1<<32)/ledgerRate)*time.Second)
	if now := k.Pace.Now(); now.Before(k.ledgerAt) || now.Before(time.Unix(was.LedgerAt, 0).Add(wait)) {
		return false, nil
	}
	return k.Catalog.HasLedger(ctx)
}

// writeLedger stores the ledger. Users' files come first: where it cannot be
// stored the backup has the one before, and it is tried again later.
func (k *Keeper) writeLedger(ctx context.Context, next *saved) {
	now := k.Pace.Now()
	b, err := k.putStream(ctx, "ledger", func(to io.Writer) error {
		w := gzip.NewWriter(to)
		if err := k.Catalog.ExportLedger(ctx, w); err != nil {
			return err
		}
		return w.Close()
	})
	k.ledger.Say(k.Log, "what the validator knows of miners is not in the backup, or an earlier state of it", err)
	if err != nil {
		k.ledgerAt = now.Add(k.Pace.Ledger)
		return
	}
	next.Ledger, next.LedgerAt = b, now.Unix()
}
