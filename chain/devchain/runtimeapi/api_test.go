package runtimeapi_test

import (
	"testing"

	"strata/chain/devchain/devchaintest"
	"strata/chain/devchain/metadata"
	"strata/chain/devchain/runtimeapi"
	"strata/chain/scale"
)

// runAPI calls a runtime API at the head and decodes its reply by metadata.
func ask(t *testing.T, n *devchaintest.Chain, api, method string, args ...scale.Value) scale.View {
	t.Helper()
	m, err := n.Runtime.Meta.API(api, method)
	if err != nil {
		t.Fatal(err)
	}
	var input []byte
	for i, in := range m.Inputs {
		raw, err := n.Runtime.Meta.Registry.Encode(in.Type, args[i])
		if err != nil {
			t.Fatal(err)
		}
		input = append(input, raw...)
	}
	out, err := runtimeapi.Run(n.Runtime, n.State, n.Number(), api+"_"+method, input)
	if err != nil {
		t.Fatal(err)
	}
	v, err := n.Runtime.Meta.Registry.Decode(m.Output, out)
	if err != nil {
		t.Fatal(err)
	}
	return scale.Look(v, method)
}

func TestMetagraphAPIs(t *testing.T) {
	n, validator := devchaintest.Market(t, nil)
	n.Must(validator, "SubtensorModule.serve_axon", devchaintest.AxonArgs(nil))
	n.Must(validator, "Commitments.set_commitment", devchaintest.CommitArgs(1, scale.Variant{Name: "Raw3", Value: []byte("abc")}))
	n.Must(validator, "SubtensorModule.set_weights", devchaintest.WeightArgs(1, 0, 2, 1, 3, 1))
	n.Epoch()
	full, ok := ask(t, n, "SubnetInfoRuntimeApi", "get_metagraph", 1).Option()
	state, ok2 := ask(t, n, "SubnetInfoRuntimeApi", "get_subnet_state", 1).Option()
	if !ok || !ok2 {
		t.Fatal("subnet 1 is not there")
	}
	for _, w := range []scale.View{full, state} {
		if got := w.Field("hotkeys").Index(1).Bytes32(); got != validator.Public {
			t.Errorf("uid 1 is %x", got)
		}
		if got := w.Field("coldkeys").Index(1).Bytes32(); got != devchaintest.Alice(t).Public {
			t.Errorf("its coldkey is %x", got)
		}
		if !w.Field("validator_permit").Index(1).Bool() || w.Field("validator_permit").Index(2).Bool() {
			t.Error("permits are not those of the validator alone")
		}
		if w.Field("total_stake").Index(1).U64() < devchaintest.Tao(100) || w.Field("incentives").Index(2).U16() != 32767 {
			t.Errorf("stake %v incentives %v", w.Field("total_stake").Value(), w.Field("incentives").Value())
		}
		if w.Err() != nil {
			t.Error(w.Err())
		}
	}
	if a := full.Field("axons").Index(1); a.Field("port").U16() != 8091 || a.Field("ip").U64() != 0x7f000001 {
		t.Errorf("axon %v", a.Value())
	}
	if full.Field("tempo").U16() != metadata.DefaultTempo || full.Field("num_uids").U16() != 4 || full.Field("block").U64() != n.Number() {
		t.Errorf("tempo %v uids %v block %v", full.Field("tempo").Value(), full.Field("num_uids").Value(), full.Field("block").Value())
	}
}

func TestSelectiveMetagraph(t *testing.T) {
	n, validator := devchaintest.Market(t, nil)
	n.Must(validator, "Commitments.set_commitment", devchaintest.CommitArgs(1, scale.Variant{Name: "Raw3", Value: []byte("abc")}))
	w, _ := ask(t, n, "SubnetInfoRuntimeApi", "get_selective_metagraph", 1, []uint16{8, 52, 69, 72, 73, 999}).Option()
	if tempo, ok := w.Field("tempo").Option(); !ok || tempo.U16() != metadata.DefaultTempo {
		t.Errorf("field 8 is %v", w.Field("tempo").Value())
	}
	for name, want := range map[string]bool{"hotkeys": true, "total_stake": true, "axons": false, "identity": false, "validators": true} {
		if _, ok := w.Field(name).Option(); ok != want {
			t.Errorf("%s given: %v", name, ok)
		}
	}
	if v, _ := w.Field("validators").Option(); v.Index(0).U16() != 1 || len(v.Items()) != 1 {
		t.Errorf("validators %v", v.Value())
	}
	c, _ := w.Field("commitments").Option()
	var raw []byte
	for _, b := range c.Index(0).Index(1).Items() {
		raw = append(raw, b.U8())
	}
	v, err := n.Runtime.Meta.DecodeStorage("Commitments", "CommitmentOf", raw)
	if err != nil || c.Index(0).Index(0).Bytes32() != validator.Public {
		t.Fatalf("commitment %x: %v", raw, err)
	}
	kind, inner := scale.Look(v, "registration").Field("info").Field("fields").Index(0).Case()
	if kind != "Raw3" || string(inner.Bytes()) != "abc" {
		t.Errorf("committed %s %q", kind, inner.Bytes())
	}
	if w.Err() != nil {
		t.Error(w.Err())
	}
}

func TestOtherAPIs(t *testing.T) {
	n := devchaintest.NewChain(t, nil)
	if v := ask(t, n, "Core", "version"); v.Field("spec_version").U32() != metadata.FirstSpec || v.Field("spec_name").Str() != "node-subtensor" || len(v.Field("apis").Items()) != len(n.Runtime.Meta.APIs) {
		t.Errorf("version %v", v.Value())
	}
	for version, known := range map[uint32]bool{13: false, 14: true, 15: true, 16: false} {
		m, ok := ask(t, n, "Metadata", "metadata_at_version", version).Option()
		if ok != known {
			t.Errorf("metadata %d given: %v", version, ok)
		}
		if !ok {
			continue
		}
		if got, err := scale.DecodeMetadata(m.Bytes()); err != nil || uint32(got.Version) != version {
			t.Errorf("metadata %d: %v", version, err)
		}
	}
	if raw := ask(t, n, "Metadata", "metadata").Bytes(); string(raw) != string(n.Runtime.V14) {
		t.Error("metadata is not version 14")
	}
	raw := devchaintest.Signed(t, n.Runtime.Meta, devchaintest.Alice(t), devchaintest.EncodeCall(t, n.Runtime.Meta, "System.remark", scale.Struct{"remark": []byte("hello")}), n.TxParams(devchaintest.Alice(t)))
	inner := scale.NewDecoder(raw).Blob()
	if info := ask(t, n, "TransactionPaymentApi", "query_info", inner, len(raw)); info.Field("partial_fee").U64() != 100_000 {
		t.Errorf("info %v", info.Value())
	}
}
