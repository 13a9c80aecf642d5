package pallets

import (
	"strata/chain/devchain/metadata"
	"strata/chain/devchain/state"
	"strata/chain/devchain/storage"
	"strata/chain/scale"
)

// rootCall is a call that only Sudo may make.
func rootCall(run func(x *Execution) error) call {
	return call{pays: true, root: run, run: func(*Execution, state.Account) error { return plainError("BadOrigin") }}
}

// sudoCall runs a root call for the sudo key, on a local chain //Alice. As on
// chain, the outer call succeeds whatever becomes of the inner one; its event
// Sudid tells.
func sudoCall(w scale.View) call {
	inner, err := callOf(w.Field("call"))
	return call{pays: true, run: func(x *Execution, who state.Account) error {
		if err != nil {
			return plainError("CannotLookup")
		}
		if state.AccountAt(x.s, storage.SudoKey.Key()) != who || x.s.Get(storage.SudoKey.Key()) == nil {
			return x.rt.Fail("Sudo", "RequireSudo")
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
func (x *Execution) asRoot(c call) error {
	if c.root == nil {
		return plainError("BadOrigin")
	}
	inner := *x
	inner.s, inner.events = state.NewLayer(x.s), nil
	if err := c.root(&inner); err != nil {
		return err
	}
	inner.s.Commit(x.s)
	x.events = append(x.events, inner.events...)
	return nil
}

func init() {
	for _, s := range metadata.Settings {
		callTable["AdminUtils."+s.Call] = func(w scale.View) call { return settingCall(s, w) }
	}
	callTable["AdminUtils."+metadata.SetCommitVersion] = func(w scale.View) call {
		version := w.Field("version").U16()
		return rootCall(func(x *Execution) error { state.PutU16(x.s, storage.CommitVersion.Key(), version); return nil })
	}
	callTable["Sudo.sudo"] = sudoCall // here, as it refers to the table
}

// settingCall is a call of AdminUtils.
func settingCall(s metadata.Setting, w scale.View) call {
	netuid := w.Field("netuid").U16()
	var raw []byte
	switch value := w.Field(s.Arg); s.Type {
	case "u16":
		raw = state.U16Key(value.U16())
	case "u64":
		raw = state.U64Key(value.U64())
	default:
		var e scale.Encoder
		e.Bool(value.Bool())
		raw = e.Bytes()
	}
	return rootCall(func(x *Execution) error {
		if !storage.SubnetExists(x.s, netuid) {
			return x.rt.Fail("AdminUtils", "SubnetDoesNotExist")
		}
		x.s.Put(s.Item.Key(state.U16Key(netuid)), raw)
		return nil
	})
}
