package pallets

import (
	"cmp"
	"crypto/rand"
	"math/big"

	"strata"
	"strata/chain/devchain/state"
	"strata/chain/devchain/storage"
)

// developmentAccounts are the public keys of //Alice … //Ferdie, the accounts
// that every Substrate development chain endows.
var developmentAccounts = []string{
	"5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY", // //Alice
	"5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty", // //Bob
	"5FLSigC9HGRKVhB9FiEo4Y3koPsNmBmLJbpXg2mp1hXcS59Y", // //Charlie
	"5DAAnrj7VHTznn2AWBemMuyBwZWs6FNFjdyVXUeYum3PTXFy", // //Dave
	"5HGjWAeFDfFCWPsjFQdVV2Msvz2XtMktvgocEZcCj68kUMaw", // //Eve
	"5CiPPseXPECbkjWCa6MnjNokrgYjMqmKndv2rSnekmSK2DjL", // //Ferdie
}

// Genesis returns the state of block 0. Its salt makes the genesis hash,
// and so every signature and every sector, belong to this chain alone. Accounts
// are endowed besides the development accounts. The error has code Invalid if
// all together have more than 64 bits of rao.
func Genesis(params Params, accounts map[strata.Coldkey]strata.Rao) (state.Changes, error) {
	s := state.NewLayer(state.NewTable())
	salt := make([]byte, 32)
	if _, err := rand.Read(salt); err != nil {
		return nil, err
	}
	s.Put(storage.SaltKey, salt)
	total := new(big.Int)
	endow := func(a state.Account, amount strata.Rao) {
		i := storage.AccountInfoAt(s, a)
		i.Free += uint64(amount)
		i.Providers = 1
		storage.PutAccountInfo(s, a, i)
		total.Add(total, new(big.Int).SetUint64(uint64(amount)))
	}
	for _, address := range developmentAccounts {
		key, err := strata.DecodeSS58(address)
		if err != nil {
			return nil, err
		}
		endow(key, endowment*strata.RaoPerTao)
	}
	for a, amount := range accounts {
		endow(state.Account(a), amount)
	}
	if !total.IsUint64() {
		return nil, strata.E(strata.Invalid, "the accounts of the genesis block hold more than 64 bits of rao")
	}
	state.PutU64(s, storage.BalancesIssuance.Key(), total.Uint64())
	state.PutU64(s, storage.TotalIssuance.Key(), total.Uint64())
	state.PutU64(s, storage.StakeThreshold.Key(), uint64(params.StakeThreshold))
	state.PutU64(s, storage.NetworkLock.Key(), uint64(params.NetworkLock))
	state.PutU32(s, storage.CommitmentMaxSpace.Key(), commitmentSpace)
	state.PutU16(s, storage.CommitVersion.Key(), cmp.Or(params.CommitReveal, RevealByTimelock))
	alice, err := strata.DecodeSS58(developmentAccounts[0])
	if err != nil {
		return nil, err
	}
	s.Put(storage.SudoKey.Key(), alice[:])
	state.PutBool(s, storage.NetworksAdded.Key(state.U16Key(0)), true) // the root subnet, empty
	state.PutU16(s, storage.Tempo.Key(state.U16Key(0)), params.Tempo)
	return s.Effective(), nil
}
