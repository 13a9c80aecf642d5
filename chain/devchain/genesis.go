package devchain

import (
	"context"
	"crypto/rand"
	"math/big"

	"golang.org/x/crypto/blake2b"

	"strata"
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

func hashOf(b []byte) hash { return blake2b.Sum256(b) }

// genesisState returns the state of block 0. Its salt makes the genesis hash,
// and so every signature and every sector, belong to this chain alone.
func genesisState(cfg Config) (changes, error) {
	s := newLayer(newTable())
	salt := make([]byte, 32)
	if _, err := rand.Read(salt); err != nil {
		return nil, err
	}
	s.put(saltKey, salt)
	total := new(big.Int)
	endow := func(a account, amount strata.Rao) {
		i := infoAt(s, a)
		i.free += uint64(amount)
		i.providers = 1
		putInfo(s, a, i)
		total.Add(total, new(big.Int).SetUint64(uint64(amount)))
	}
	for _, address := range developmentAccounts {
		key, err := strata.DecodeSS58(address)
		if err != nil {
			return nil, err
		}
		endow(key, endowment*strata.RaoPerTao)
	}
	for a, amount := range cfg.Accounts {
		endow(account(a), amount)
	}
	if !total.IsUint64() {
		return nil, strata.E(strata.Invalid, "the accounts of the genesis block hold more than 64 bits of rao")
	}
	putU64(s, balIssuance.key(), total.Uint64())
	putU64(s, smTotalIssuance.key(), total.Uint64())
	putU64(s, smStakeThreshold.key(), uint64(cfg.Params.StakeThreshold))
	putU64(s, smNetworkLock.key(), uint64(cfg.Params.NetworkLock))
	putU32(s, comMaxSpace.key(), commitmentSpace)
	putU16(s, smCommitVersion.key(), or(cfg.Params.CommitReveal, RevealByTimelock))
	alice, err := strata.DecodeSS58(developmentAccounts[0])
	if err != nil {
		return nil, err
	}
	s.put(sudoKey.key(), alice[:])
	putBool(s, smNetworksAdded.key(u16key(0)), true) // the root subnet, empty
	putU16(s, smTempo.key(u16key(0)), cfg.Params.Tempo)
	return s.diff, nil
}

// openLedger opens or makes the chain. A crash while it is made leaves no
// chain, and the next start makes another.
func openLedger(ctx context.Context, cfg Config) (*ledger, error) {
	l := &ledger{state: newTable(), byHash: map[hash]*block{}}
	if cfg.Dir != "" {
		d, err := openDisk(ctx, cfg.Dir)
		if err != nil {
			return nil, err
		}
		if l, err = d.load(ctx); err != nil {
			_ = d.close() // the first error is the one to tell
			return nil, err
		}
	}
	if len(l.recent) > 0 {
		return l, nil
	}
	state, err := genesisState(cfg)
	if err == nil {
		l.genesis = &block{}
		err = l.append(ctx, l.genesis, state)
	}
	if err != nil {
		_ = l.close()
		return nil, err
	}
	return l, nil
}

func (l *ledger) close() error {
	if l.disk == nil {
		return nil
	}
	return l.disk.close()
}
