package storage

import (
	"bytes"
	"math/big"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"strata/chain/devchain/state"
)

// TestRecordsRoundTrip: what is written is what is read.
func TestRecordsRoundTrip(t *testing.T) {
	account := rapid.Custom(func(t *rapid.T) (a state.Account) {
		copy(a[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "account"))
		return a
	})
	u64 := rapid.Uint64()
	rapid.Check(t, func(t *rapid.T) {
		s := state.NewLayer(state.NewTable())
		who, netuid := account.Draw(t, "who"), rapid.Uint16().Draw(t, "netuid")
		info := AccountInfo{Nonce: rapid.Uint32().Draw(t, "nonce"), Providers: rapid.Uint32().Draw(t, "providers"), Free: u64.Draw(t, "free")}
		PutAccountInfo(s, who, info)
		if got := AccountInfoAt(s, who); got != info || NonceAt(s, who) != uint64(info.Nonce) {
			t.Fatalf("account %+v became %+v", info, got)
		}
		axon := Axon{Block: u64.Draw(t, "block"), Version: 3, IP: new(big.Int).SetBytes(rapid.SliceOfN(rapid.Byte(), 0, 16).Draw(t, "ip")), Port: 5, IPType: 6, Protocol: 7, Placeholder1: 8, Placeholder2: 9}
		if err := PutAxon(s, netuid, who, axon); err != nil {
			t.Fatal(err)
		}
		got := AxonAt(s, netuid, who)
		if got.IP.Cmp(axon.IP) != 0 {
			t.Fatalf("address %s became %s", axon.IP, got.IP)
		}
		if got.IP = axon.IP; got != axon {
			t.Fatalf("axon %+v became %+v", axon, got)
		}
		row := rapid.SliceOf(rapid.Custom(func(t *rapid.T) Pair { return Pair{rapid.Uint16().Draw(t, "uid"), rapid.Uint16().Draw(t, "value")} })).Draw(t, "row")
		PutPairs(s, "row", row)
		if got := PairsAt(s, "row"); !slices.Equal(got, row) {
			t.Fatalf("row %v became %v", row, got)
		}
		hashes := rapid.SliceOf(rapid.Custom(func(t *rapid.T) HashCommit {
			return HashCommit{state.Hash(account.Draw(t, "hash")), u64.Draw(t, "block"), u64.Draw(t, "first"), u64.Draw(t, "last")}
		})).Draw(t, "hash commits")
		PutHashCommits(s, "hashes", hashes)
		if got := HashCommitsAt(s, "hashes"); !slices.Equal(got, hashes) {
			t.Fatalf("commits %v became %v", hashes, got)
		}
		locked := rapid.SliceOf(rapid.Custom(func(t *rapid.T) LockedCommit {
			return LockedCommit{account.Draw(t, "who"), u64.Draw(t, "block"), rapid.SliceOf(rapid.Byte()).Draw(t, "sealed"), u64.Draw(t, "round")}
		})).Draw(t, "locked commits")
		PutLockedCommits(s, "locked", locked)
		same := func(a, b LockedCommit) bool {
			return a.Who == b.Who && a.Block == b.Block && bytes.Equal(a.Sealed, b.Sealed) && a.Round == b.Round
		}
		if got := LockedCommitsAt(s, "locked"); !slices.EqualFunc(got, locked, same) {
			t.Fatalf("commits %v became %v", locked, got)
		}
	})
}

// TestNothingIsLeft: lists without elements and shares of nothing leave no key,
// and what is absent reads as zero.
func TestNothingIsLeft(t *testing.T) {
	table := state.NewTable()
	s := state.NewLayer(table)
	s.Put("key", []byte{1})
	for name, put := range map[string]func() error{
		"hash commits":   func() error { PutHashCommits(s, "key", nil); return nil },
		"locked commits": func() error { PutLockedCommits(s, "key", nil); return nil },
		"shares":         func() error { return PutShares(s, "key", new(big.Int)) },
	} {
		s.Put("key", []byte{1})
		if err := put(); err != nil || s.Get("key") != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	who := state.Account{1}
	if AccountInfoAt(table, who) != (AccountInfo{}) || AxonAt(table, 1, who).Port != 0 || SharesAt(table, "none").Sign() != 0 || PulseAt(table, 1) != nil {
		t.Error("what is absent is something")
	}
	if key, genesis := BeaconConfigAt(table); key != nil || genesis != 0 {
		t.Error("there is a beacon")
	}
	tooMuch := new(big.Int).Lsh(big.NewInt(1), 128)
	if PutShares(s, "key", tooMuch) == nil || PutAxon(s, 1, who, Axon{IP: tooMuch}) == nil {
		t.Error("129 bits were written")
	}
}

func TestBeaconRecords(t *testing.T) {
	s := state.NewLayer(state.NewTable())
	PutBeaconConfig(s, []byte("public"), 1, 1234)
	if key, genesis := BeaconConfigAt(s); string(key) != "public" || genesis != 1234 {
		t.Errorf("%q since %d", key, genesis)
	}
	PutPulse(s, 7, [32]byte{1}, []byte("signature"))
	if got := PulseAt(s, 7); string(got) != "signature" {
		t.Errorf("round 7 is %q", got)
	}
}

// TestEpochs: an epoch runs in the last block of its index, tempo + 1 blocks
// after the one before.
func TestEpochs(t *testing.T) {
	for _, netuid := range []uint16{1, 2, 300} {
		s := state.NewLayer(state.NewTable())
		state.PutU16(s, Tempo.Key(state.U16Key(netuid)), 5)
		for number := uint64(1); number < 100; number++ {
			if last := EpochIndex(s, netuid, number) != EpochIndex(s, netuid, number+1); last != EpochDue(s, netuid, number) {
				t.Errorf("subnet %d, block %d: the last of its epoch %v, due %v", netuid, number, last, !last)
			}
		}
	}
	s := state.NewLayer(state.NewTable())
	if EpochDue(s, 1, 18) || RevealPeriodOf(s, 1) != 1 {
		t.Error("a subnet without a tempo has epochs, or one without a period none")
	}
}

// TestStakeBy: without shares all alpha is the owner's, with them it is divided.
func TestStakeBy(t *testing.T) {
	s := state.NewLayer(state.NewTable())
	hot, owner, other, n := state.Account{1}, state.Account{2}, state.Account{3}, state.U16Key(1)
	state.PutU64(s, TotalHotkeyAlpha.Key(hot[:], n), 100)
	if StakeBy(s, owner, hot, 1) != 0 {
		t.Error("nobody owns the hotkey, and somebody its stake")
	}
	s.Put(Owner.Key(hot[:]), owner[:])
	if StakeBy(s, owner, hot, 1) != 100 || StakeBy(s, other, hot, 1) != 0 {
		t.Error("the stake is not all the owner's")
	}
	for key, shares := range map[string]int64{HotkeyShares.Key(hot[:], n): 3, AlphaShares.Key(hot[:], owner[:], n): 1, AlphaShares.Key(hot[:], other[:], n): 2} {
		if err := PutShares(s, key, big.NewInt(shares)); err != nil {
			t.Fatal(err)
		}
	}
	if StakeBy(s, owner, hot, 1) != 33 || StakeBy(s, other, hot, 1) != 66 {
		t.Errorf("a third is %d, two thirds %d", StakeBy(s, owner, hot, 1), StakeBy(s, other, hot, 1))
	}
}
