package devchain

import (
	"fmt"

	"strata"
	"strata/chain/scale"
)

// api runs a runtime API as state_call names it and returns its encoded reply.
func (rt *runtime) api(s reader, number uint64, name string, input []byte) ([]byte, error) {
	f, ok := apiTable[name]
	if !ok {
		return nil, &rpcError{4003, fmt.Sprintf("Client error: Execution failed: Exported method %s is not found", clip(name)), ""}
	}
	method, err := rt.meta.API(f.api, f.method)
	if err != nil {
		return nil, err
	}
	d := scale.NewDecoder(input)
	args := make([]scale.View, len(method.Inputs))
	for i, in := range method.Inputs {
		args[i] = scale.Look(rt.meta.Registry.DecodeFrom(d, in.Type), in.Name)
	}
	if err := d.Done(); err != nil {
		return nil, &rpcError{4003, "Client error: Execution failed: " + err.Error(), ""}
	}
	result, err := f.run(rt, s, number, args)
	if err != nil {
		return nil, err
	}
	return rt.meta.Registry.Encode(method.Output, result)
}

func clip(s string) string { return s[:min(len(s), 80)] }

type apiFunc struct {
	api, method string
	run         func(rt *runtime, s reader, number uint64, args []scale.View) (scale.Value, error)
}

var apiTable = map[string]apiFunc{
	"Core_version": {"Core", "version", func(rt *runtime, _ reader, _ uint64, _ []scale.View) (scale.Value, error) {
		return rt.version.value(), nil
	}},
	"Metadata_metadata": {"Metadata", "metadata", func(rt *runtime, _ reader, _ uint64, _ []scale.View) (scale.Value, error) {
		return rt.v14, nil
	}},
	"Metadata_metadata_versions": {"Metadata", "metadata_versions", func(*runtime, reader, uint64, []scale.View) (scale.Value, error) {
		return []scale.Value{14, 15}, nil
	}},
	"Metadata_metadata_at_version": {"Metadata", "metadata_at_version", metadataAtVersion},
	"AccountNonceApi_account_nonce": {"AccountNonceApi", "account_nonce", func(_ *runtime, s reader, _ uint64, a []scale.View) (scale.Value, error) {
		return infoAt(s, a[0].Bytes32()).nonce, a[0].Err()
	}},
	"SubnetInfoRuntimeApi_get_metagraph":           {"SubnetInfoRuntimeApi", "get_metagraph", getMetagraph},
	"SubnetInfoRuntimeApi_get_selective_metagraph": {"SubnetInfoRuntimeApi", "get_selective_metagraph", getSelectiveMetagraph},
	"SubnetInfoRuntimeApi_get_subnet_state":        {"SubnetInfoRuntimeApi", "get_subnet_state", getSubnetState},
	"SubnetInfoRuntimeApi_get_all_metagraphs":      {"SubnetInfoRuntimeApi", "get_all_metagraphs", getAllMetagraphs},
	"TransactionPaymentApi_query_info":             {"TransactionPaymentApi", "query_info", apiQueryInfo},

	"NeuronInfoRuntimeApi_get_neurons":                             {"NeuronInfoRuntimeApi", "get_neurons", neuronView(neuronFull).all},
	"NeuronInfoRuntimeApi_get_neuron":                              {"NeuronInfoRuntimeApi", "get_neuron", neuronView(neuronFull).one},
	"NeuronInfoRuntimeApi_get_neurons_lite":                        {"NeuronInfoRuntimeApi", "get_neurons_lite", neuronView(neuronLite).all},
	"NeuronInfoRuntimeApi_get_neuron_lite":                         {"NeuronInfoRuntimeApi", "get_neuron_lite", neuronView(neuronLite).one},
	"StakeInfoRuntimeApi_get_stake_info_for_coldkey":               {"StakeInfoRuntimeApi", "get_stake_info_for_coldkey", getStakesOfColdkey},
	"StakeInfoRuntimeApi_get_stake_info_for_coldkeys":              {"StakeInfoRuntimeApi", "get_stake_info_for_coldkeys", getStakesOfColdkeys},
	"StakeInfoRuntimeApi_get_stake_info_for_hotkey_coldkey_netuid": {"StakeInfoRuntimeApi", "get_stake_info_for_hotkey_coldkey_netuid", getStakeOn},
	"SubnetRegistrationRuntimeApi_get_network_registration_cost":   {"SubnetRegistrationRuntimeApi", "get_network_registration_cost", getNetworkCost},
	"SwapRuntimeApi_current_alpha_price":                           {"SwapRuntimeApi", "current_alpha_price", getAlphaPrice},
	"SwapRuntimeApi_sim_swap_tao_for_alpha":                        {"SwapRuntimeApi", "sim_swap_tao_for_alpha", simSwap},
	"SwapRuntimeApi_sim_swap_alpha_for_tao":                        {"SwapRuntimeApi", "sim_swap_alpha_for_tao", simSwap},
}

func metadataAtVersion(rt *runtime, _ reader, _ uint64, a []scale.View) (scale.Value, error) {
	switch a[0].U32() {
	case 14:
		return some(rt.v14), nil
	case 15:
		return some(rt.v15), nil
	}
	return nil, a[0].Err()
}

func some(v scale.Value) scale.Value { return scale.Variant{Name: "Some", Value: v} }

// callOf reads the call of an encoded extrinsic, its signature unseen.
func (rt *runtime) callOf(raw []byte) (call, error) {
	x, err := rt.meta.DecodeExtrinsic(raw)
	if err != nil {
		return call{}, badFormat(err)
	}
	c, err := rt.decodeCall(x.Call)
	if err != nil {
		return call{}, badFormat(err)
	}
	return c, nil
}

// apiQueryInfo is state_call's way to payment_queryInfo. The extrinsic's type
// is opaque bytes with their length in front, as an extrinsic is.
func apiQueryInfo(rt *runtime, _ reader, _ uint64, a []scale.View) (scale.Value, error) {
	var e scale.Encoder
	e.Blob(a[0].Bytes())
	if err := a[0].Err(); err != nil {
		return nil, strata.E(strata.Invalid, "the extrinsic cannot be read: %w", err)
	}
	c, err := rt.callOf(e.Bytes())
	if err != nil {
		return nil, err
	}
	return scale.Struct{"weight": scale.Struct{"ref_time": 1_000_000, "proof_size": 0}, "class": scale.Variant{Name: "Normal"}, "partial_fee": c.fee()}, nil
}
