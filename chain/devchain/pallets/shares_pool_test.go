package pallets

import (
	"testing"

	"pgregory.net/rapid"

	"strata/chain/devchain/metadata"
	"strata/chain/devchain/state"
	"strata/chain/devchain/storage"
)

// However stakers come and go, their parts never exceed the whole, and nobody
// gains by it.
func TestSharesNeverExceedTheWhole(t *testing.T) {
	rt, err := metadata.New(metadata.FirstSpec, 0)
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		x := &Execution{rt: rt, s: state.NewLayer(state.NewTable())}
		hot, stakers := state.Account{1}, []state.Account{{2}, {3}, {4}}
		x.s.Put(storage.Owner.Key(hot[:]), stakers[0][:])
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			who := stakers[rapid.IntRange(0, 2).Draw(t, "who")]
			amount := rapid.Uint64Range(1, 1<<50).Draw(t, "amount")
			held := storage.StakeBy(x.s, who, hot, 1)
			switch rapid.IntRange(0, 2).Draw(t, "what") {
			case 0:
				if err := x.buyShares(who, hot, 1, amount); err != nil {
					t.Fatal(err)
				}
				x.addAlpha(hot, 1, amount)
				if now := storage.StakeBy(x.s, who, hot, 1); now > held+amount {
					t.Fatalf("%d bought with %d held are %d", amount, held, now)
				}
			case 1:
				amount = min(amount, held)
				if amount == 0 {
					continue
				}
				if err := x.sellShares(who, hot, 1, amount); err != nil {
					t.Fatal(err)
				}
				key := storage.TotalHotkeyAlpha.Key(hot[:], state.U16Key(1))
				state.PutU64(x.s, key, state.U64(x.s, key)-amount)
				if now := storage.StakeBy(x.s, who, hot, 1); now > held-amount {
					t.Fatalf("%d of %d sold leave %d", amount, held, now)
				}
			default:
				x.addAlpha(hot, 1, amount)
			}
			sum := uint64(0)
			for _, who := range stakers {
				sum += storage.StakeBy(x.s, who, hot, 1)
			}
			if whole := storage.StakeOf(x.s, hot, 1); sum > whole {
				t.Fatalf("parts of %d are %d", whole, sum)
			}
		}
	})
}
