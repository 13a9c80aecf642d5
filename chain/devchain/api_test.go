package devchain

import (
	"encoding/hex"
	"testing"

	"strata/chain/scale"
)

// runAPI calls a runtime API at the head and decodes its reply by metadata.
func (n testNode) runAPI(api, method string, args ...scale.Value) scale.View {
	n.t.Helper()
	m, err := n.rt.meta.API(api, method)
	if err != nil {
		n.t.Fatal(err)
	}
	var input []byte
	for i, in := range m.Inputs {
		raw, err := n.rt.meta.Registry.Encode(in.Type, args[i])
		if err != nil {
			n.t.Fatal(err)
		}
		input = append(input, raw...)
	}
	out, err := n.rt.api(n.ledger.state, n.ledger.head().header.number, api+"_"+method, input)
	if err != nil {
		n.t.Fatal(err)
	}
	v, err := n.rt.meta.Registry.Decode(m.Output, out)
	if err != nil {
		n.t.Fatal(err)
	}
	return scale.Look(v, method)
}

func TestMetagraphAPIs(t *testing.T) {
	n, validator := market(t, nil)
	n.must(validator, "SubtensorModule.serve_axon", axonArgs(nil))
	n.must(validator, "Commitments.set_commitment", commitArgs(1, scale.Variant{Name: "Raw3", Value: []byte("abc")}))
	n.must(validator, "SubtensorModule.set_weights", weightArgs(1, 0, 2, 1, 3, 1))
	n.epoch()
	full, ok := n.runAPI("SubnetInfoRuntimeApi", "get_metagraph", 1).Option()
	state, ok2 := n.runAPI("SubnetInfoRuntimeApi", "get_subnet_state", 1).Option()
	if !ok || !ok2 {
		t.Fatal("subnet 1 is not there")
	}
	for _, w := range []scale.View{full, state} {
		if got := w.Field("hotkeys").Index(1).Bytes32(); got != validator.public {
			t.Errorf("uid 1 is %x", got)
		}
		if got := w.Field("coldkeys").Index(1).Bytes32(); got != alice(t).public {
			t.Errorf("its coldkey is %x", got)
		}
		if !w.Field("validator_permit").Index(1).Bool() || w.Field("validator_permit").Index(2).Bool() {
			t.Error("permits are not those of the validator alone")
		}
		if w.Field("total_stake").Index(1).U64() < tao(100) || w.Field("incentives").Index(2).U16() != 32767 {
			t.Errorf("stake %v incentives %v", w.Field("total_stake").Value(), w.Field("incentives").Value())
		}
		if w.Err() != nil {
			t.Error(w.Err())
		}
	}
	if a := full.Field("axons").Index(1); a.Field("port").U16() != 8091 || a.Field("ip").U64() != 0x7f000001 {
		t.Errorf("axon %v", a.Value())
	}
	if full.Field("tempo").U16() != defaultTempo || full.Field("num_uids").U16() != 4 || full.Field("block").U64() != n.ledger.head().header.number {
		t.Errorf("tempo %v uids %v block %v", full.Field("tempo").Value(), full.Field("num_uids").Value(), full.Field("block").Value())
	}
}

func TestSelectiveMetagraph(t *testing.T) {
	n, validator := market(t, nil)
	n.must(validator, "Commitments.set_commitment", commitArgs(1, scale.Variant{Name: "Raw3", Value: []byte("abc")}))
	w, _ := n.runAPI("SubnetInfoRuntimeApi", "get_selective_metagraph", 1, []uint16{8, 52, 69, 72, 73, 999}).Option()
	if tempo, ok := w.Field("tempo").Option(); !ok || tempo.U16() != defaultTempo {
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
	v, err := n.rt.meta.DecodeStorage("Commitments", "CommitmentOf", raw)
	if err != nil || c.Index(0).Index(0).Bytes32() != validator.public {
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
	n := start(t, nil)
	if v := n.runAPI("Core", "version"); v.Field("spec_version").U32() != firstSpec || v.Field("spec_name").Str() != specName || len(v.Field("apis").Items()) != len(runtimeAPIs) {
		t.Errorf("version %v", v.Value())
	}
	for version, known := range map[uint32]bool{13: false, 14: true, 15: true, 16: false} {
		m, ok := n.runAPI("Metadata", "metadata_at_version", version).Option()
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
	if raw := n.runAPI("Metadata", "metadata").Bytes(); string(raw) != string(n.rt.v14) {
		t.Error("metadata is not version 14")
	}
	// A known id: that of Core on every Substrate chain.
	if got := hex.EncodeToString(apiID("Core")); got != "df6acb689907609b" {
		t.Errorf("the id of Core is %s", got)
	}
	raw := n.signed(alice(t), remark(n), nil)
	inner := scale.NewDecoder(raw).Blob()
	if info := n.runAPI("TransactionPaymentApi", "query_info", inner, len(raw)); info.Field("partial_fee").U64() != transactionFee {
		t.Errorf("info %v", info.Value())
	}
}
