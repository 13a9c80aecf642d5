package pallets

import (
	"math"
	"math/big"

	"strata/chain/devchain/metadata"
	"strata/chain/devchain/state"
	"strata/chain/devchain/storage"
	"strata/chain/scale"
)

func serveAxonCall(w scale.View) call {
	netuid := w.Field("netuid").U16()
	a := storage.Axon{
		Version: w.Field("version").U32(), IP: w.Field("ip").Big(), Port: w.Field("port").U16(), IPType: w.Field("ip_type").U8(),
		Protocol: w.Field("protocol").U8(), Placeholder1: w.Field("placeholder1").U8(), Placeholder2: w.Field("placeholder2").U8(),
	}
	check := func(rt *metadata.Runtime, s state.Reader, number uint64, who state.Account) error {
		return checkAxon(rt, s, number, who, netuid, a)
	}
	return call{check: check, run: func(x *Execution, who state.Account) error {
		if err := checkAxon(x.rt, x.s, x.number, who, netuid, a); err != nil {
			return err
		}
		served := a
		served.Block = x.number
		if err := storage.PutAxon(x.s, netuid, who, served); err != nil {
			return err
		}
		x.deposit("SubtensorModule", "AxonServed", []scale.Value{netuid, who})
		return nil
	}}
}

// checkAxon is validate_serve_axon. Unlike a public chain it takes 127.0.0.1
// and ::1: that is where a local network's miners are.
func checkAxon(rt *metadata.Runtime, s state.Reader, number uint64, who state.Account, netuid uint16, a storage.Axon) error {
	fail := func(name string) error { return rt.Fail("SubtensorModule", name) }
	last, limit := storage.AxonAt(s, netuid, who).Block, state.U64(s, storage.ServingRateLimit.Key(state.U16Key(netuid)))
	switch {
	case !registeredAnywhere(s, who):
		return fail("HotKeyNotRegisteredInNetwork")
	case a.IPType != 4 && a.IPType != 6:
		return fail("InvalidIpType")
	case a.IPType == 4 && a.IP.Cmp(big.NewInt(math.MaxUint32)) >= 0:
		return fail("InvalidIpAddress")
	case a.IP.BitLen() == 128 && a.IP.TrailingZeroBits() == 0 && new(big.Int).Add(a.IP, big.NewInt(1)).BitLen() == 129:
		return fail("InvalidIpAddress") // all ones
	case limit > 0 && last > 0 && number-last < limit:
		return fail("ServingRateLimitExceeded")
	case a.Port == 0:
		return fail("InvalidPort")
	}
	return nil
}

func registeredAnywhere(s state.Reader, hotkey state.Account) bool {
	for _, k := range s.Keys(storage.IsMember.Key(hotkey[:])) {
		if state.Bool(s, k) {
			return true
		}
	}
	return false
}
