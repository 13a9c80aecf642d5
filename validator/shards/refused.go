package shards

import (
	"context"

	"strata/auditlog"
	"strata/validator/book"
	"strata/validator/refusal"
)

// Hear takes over what a gateway in another process has noted. Before the look
// that it is judged by; what is older than the looks that the miner was given
// says nothing of its room now.
func (k *Keeper) Hear(ctx context.Context, b *book.Book) {
	if k.Others == nil {
		return
	}
	n, at, err := k.Others.TakeRefusals(ctx, b.Hotkey)
	if err != nil {
		k.Log.Warn("refusals that a gateway has noted were not read", "miner", b.Hotkey, "err", err)
		return
	}
	if k.Now().Sub(at) <= k.Patience {
		k.Refused.Add(b.Hotkey, n)
	}
}

// Judge counts the refused puts since the last look, now that a manifest says
// whether there was room. A crash before it forgives them.
func (k *Keeper) Judge(b *book.Book) {
	n := k.Refused.Take(b.Hotkey)
	known := b.View()
	room := known.Holding(k.Self).Room() && !known.Record.Score.Leaving // one that leaves was not to be asked
	if n > 0 && room {
		k.Log.Warn("shards were refused by a miner that has room", "miner", b.Hotkey, "shards", n)
		b.Refuse(n, refusal.Most, auditlog.Refused)
	}
}
