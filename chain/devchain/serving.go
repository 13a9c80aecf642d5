package devchain

import (
	"math"
	"math/big"

	"strata/chain/scale"
)

func serveAxonCall(w scale.View) call {
	netuid := w.Field("netuid").U16()
	a := axon{
		version: w.Field("version").U32(), ip: w.Field("ip").Big(), port: w.Field("port").U16(), ipType: w.Field("ip_type").U8(),
		protocol: w.Field("protocol").U8(), placeholder1: w.Field("placeholder1").U8(), placeholder2: w.Field("placeholder2").U8(),
	}
	check := func(rt *runtime, s reader, number uint64, who account) error {
		return checkAxon(rt, s, number, who, netuid, a)
	}
	return call{check: check, run: func(x *exec, who account) error {
		if err := checkAxon(x.rt, x.s, x.number, who, netuid, a); err != nil {
			return err
		}
		served := a
		served.block = x.number
		if err := putAxon(x.s, netuid, who, served); err != nil {
			return err
		}
		x.deposit("SubtensorModule", "AxonServed", []scale.Value{netuid, who})
		return nil
	}}
}

// checkAxon is validate_serve_axon. Unlike a public chain it takes 127.0.0.1
// and ::1: that is where a local network's miners are.
func checkAxon(rt *runtime, s reader, number uint64, who account, netuid uint16, a axon) error {
	fail := func(name string) error { return rt.fail("SubtensorModule", name) }
	last, limit := axonAt(s, netuid, who).block, u64at(s, smServingRateLimit.key(u16key(netuid)))
	switch {
	case !registeredAnywhere(s, who):
		return fail("HotKeyNotRegisteredInNetwork")
	case a.ipType != 4 && a.ipType != 6:
		return fail("InvalidIpType")
	case a.ipType == 4 && a.ip.Cmp(big.NewInt(math.MaxUint32)) >= 0:
		return fail("InvalidIpAddress")
	case a.ip.BitLen() == 128 && a.ip.TrailingZeroBits() == 0 && new(big.Int).Add(a.ip, big.NewInt(1)).BitLen() == 129:
		return fail("InvalidIpAddress") // all ones
	case limit > 0 && last > 0 && number-last < limit:
		return fail("ServingRateLimitExceeded")
	case a.port == 0:
		return fail("InvalidPort")
	}
	return nil
}

func registeredAnywhere(s reader, hotkey account) bool {
	for _, k := range s.keys(smIsMember.key(hotkey[:])) {
		if boolAt(s, k) {
			return true
		}
	}
	return false
}
