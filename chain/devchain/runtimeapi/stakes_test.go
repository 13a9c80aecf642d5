package runtimeapi_test

import (
	"testing"

	"strata/chain/devchain/devchaintest"
	"strata/chain/devchain/pallets"
	"strata/chain/devchain/state"
	"strata/chain/devchain/storage"
	"strata/chain/scale"
)

func TestStakeAndNeuronAPIs(t *testing.T) {
	n, validator := devchaintest.Market(t, nil)
	n.Must(validator, "SubtensorModule.set_weights", devchaintest.WeightArgs(1, 0, 2, 1, 3, 1))
	n.Must(validator, "SubtensorModule.serve_axon_tls", devchaintest.With(devchaintest.AxonArgs(nil), "certificate", []byte{1, 2, 3}))
	if raw := n.State.Get(storage.Certificates.Key(state.U16Key(1), validator.Public[:])); string(raw) != "\x08\x02\x03\x01" {
		t.Errorf("the certificate is kept as %x", raw)
	}
	n.Must(validator, "SubtensorModule.serve_axon_tls", devchaintest.With(devchaintest.AxonArgs(nil), "certificate", make([]byte, 66)))

	cold := devchaintest.Alice(t).Public
	mine := ask(t, n, "StakeInfoRuntimeApi", "get_stake_info_for_coldkey", cold)
	found := false
	for _, s := range mine.Items() {
		if s.Field("hotkey").Bytes32() == validator.Public {
			found = s.Field("stake").U64() == storage.StakeOf(n.State, validator.Public, 1) && s.Field("is_registered").Bool()
		}
	}
	if !found || mine.Err() != nil {
		t.Errorf("stakes %v: %v", mine.Value(), mine.Err())
	}
	many := ask(t, n, "StakeInfoRuntimeApi", "get_stake_info_for_coldkeys", []scale.Value{cold, state.Account{8}})
	if len(many.Items()) != 2 || len(many.Index(0).Index(1).Items()) != len(mine.Items()) || len(many.Index(1).Index(1).Items()) != 0 {
		t.Errorf("stakes of two: %v", many.Value())
	}
	one, _ := ask(t, n, "StakeInfoRuntimeApi", "get_stake_info_for_hotkey_coldkey_netuid", validator.Public, cold, 1).Option()
	if one.Field("stake").U64() < devchaintest.Tao(100) {
		t.Errorf("stake %v", one.Value())
	}
	lite, full := ask(t, n, "NeuronInfoRuntimeApi", "get_neurons_lite", 1), ask(t, n, "NeuronInfoRuntimeApi", "get_neurons", 1)
	if len(lite.Items()) != 4 || len(full.Items()) != 4 || lite.Index(1).Field("axon_info").Field("port").U16() != 8091 {
		t.Errorf("neurons %v", lite.Value())
	}
	if w := full.Index(1).Field("weights"); len(w.Items()) != 2 || w.Index(0).Index(0).U16() != 2 || w.Index(0).Index(1).U16() != 65535 {
		t.Errorf("weights %v", w.Value())
	}
	if v, ok := ask(t, n, "NeuronInfoRuntimeApi", "get_neuron", 1, 1).Option(); !ok || v.Field("hotkey").Bytes32() != validator.Public {
		t.Errorf("uid 1 is %v", v.Value())
	}
	if _, ok := ask(t, n, "NeuronInfoRuntimeApi", "get_neuron_lite", 1, 4).Option(); ok {
		t.Error("uid 4 is there")
	}
	if price := ask(t, n, "SwapRuntimeApi", "current_alpha_price", 1).U64(); price != pallets.AlphaPrice {
		t.Errorf("an alpha costs %d", price)
	}
	if r := ask(t, n, "SwapRuntimeApi", "sim_swap_tao_for_alpha", 1, 7); r.Field("alpha_amount").U64() != 7 {
		t.Errorf("7 TAO give %v", r.Value())
	}
	if cost := ask(t, n, "SubnetRegistrationRuntimeApi", "get_network_registration_cost").U64(); cost != devchaintest.Tao(1) {
		t.Errorf("a subnet costs %d", cost)
	}
	graphs := ask(t, n, "SubnetInfoRuntimeApi", "get_all_metagraphs")
	if g, ok := graphs.Index(1).Option(); len(graphs.Items()) != 2 || !ok || g.Field("netuid").U16() != 1 {
		t.Errorf("%d metagraphs", len(graphs.Items()))
	}
}
