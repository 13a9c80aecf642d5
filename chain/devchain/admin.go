package devchain

import (
	"fmt"

	"strata/chain/scale"
)

// rootCall is a call that only Sudo may make.
func rootCall(run func(x *exec) error) call {
	return call{pays: true, root: run, run: func(*exec, account) error { return plainError("BadOrigin") }}
}

// sudoCall runs a root call for the sudo key, on a local chain //Alice. As on
// chain, the outer call succeeds whatever becomes of the inner one; its event
// Sudid tells.
func sudoCall(w scale.View) call {
	inner, err := callOf(w.Field("call"))
	return call{pays: true, run: func(x *exec, who account) error {
		if err != nil {
			return plainError("CannotLookup")
		}
		if accountAt(x.s, sudoKey.key()) != who || x.s.get(sudoKey.key()) == nil {
			return x.rt.fail("Sudo", "RequireSudo")
		}
		result := scale.Variant{Name: "Ok"}
		if failed := x.asRoot(inner); failed != nil {
			result = scale.Variant{Name: "Err", Value: errorValue(failed)}
		}
		x.deposit("Sudo", "Sudid", scale.Struct{"sudo_result": result})
		return nil
	}}
}

// asRoot runs a root call in a layer of its own; an error undoes it.
func (x *exec) asRoot(c call) error {
	if c.root == nil {
		return plainError("BadOrigin")
	}
	inner := *x
	inner.s, inner.events = newLayer(x.s), nil
	if err := c.root(&inner); err != nil {
		return err
	}
	inner.s.commit(x.s)
	x.events = append(x.events, inner.events...)
	return nil
}

// setting is a subnet's hyperparameter that AdminUtils sets.
type setting struct {
	index int
	call  string
	arg   string
	typ   string
	item  *entry
}

// settings are the calls of AdminUtils, with subtensor's indices. The argument
// besides the netuid is written to the item as it is.
var settings = []setting{
	{6, "sudo_set_weights_version_key", "weights_version_key", "u64", smWeightsVersionKey},
	{7, "sudo_set_weights_set_rate_limit", "weights_set_rate_limit", "u64", smWeightsRateLimit},
	{14, "sudo_set_min_allowed_weights", "min_allowed_weights", "u16", smMinAllowedWeights},
	{30, "sudo_set_tempo", "tempo", "u16", smTempo},
	{49, "sudo_set_commit_reveal_weights_enabled", "enabled", "bool", smCommitReveal},
	{57, "sudo_set_commit_reveal_weights_interval", "interval", "u64", smRevealPeriod},
}

const setCommitVersion = "sudo_set_commit_reveal_version"

func adminCalls() []string {
	out := []string{"71 " + setCommitVersion + " version u16"}
	for _, s := range settings {
		out = append(out, fmt.Sprintf("%d %s netuid u16, %s %s", s.index, s.call, s.arg, s.typ))
	}
	return out
}

func init() {
	for _, s := range settings {
		callTable["AdminUtils."+s.call] = s.make
	}
	callTable["AdminUtils."+setCommitVersion] = func(w scale.View) call {
		version := w.Field("version").U16()
		return rootCall(func(x *exec) error { putU16(x.s, smCommitVersion.key(), version); return nil })
	}
	callTable["Sudo.sudo"] = sudoCall // here, as it refers to the table
}

func (s setting) make(w scale.View) call {
	netuid := w.Field("netuid").U16()
	var raw []byte
	switch value := w.Field(s.arg); s.typ {
	case "u16":
		raw = u16key(value.U16())
	case "u64":
		raw = u64key(value.U64())
	default:
		var e scale.Encoder
		e.Bool(value.Bool())
		raw = e.Bytes()
	}
	return rootCall(func(x *exec) error {
		if !subnetExists(x.s, netuid) {
			return x.rt.fail("AdminUtils", "SubnetDoesNotExist")
		}
		x.s.put(s.item.key(u16key(netuid)), raw)
		return nil
	})
}
