package runtimeapi

import (
	"fmt"

	"strata"
	"strata/chain/devchain/metadata"
	"strata/chain/devchain/pallets"
	"strata/chain/devchain/state"
	"strata/chain/devchain/storage"
	"strata/chain/scale"
)

// ExecutionError says that a call failed in the runtime, in Substrate's words.
type ExecutionError string

// Error implements error.
func (e ExecutionError) Error() string { return string(e) }

// Run runs a runtime API as state_call names it, on the state after block
// number, and returns its encoded reply. What the caller did wrong is an
// ExecutionError, or a pallets.Refusal.
func Run(rt *metadata.Runtime, s state.Reader, number uint64, name string, input []byte) ([]byte, error) {
	f, ok := apiTable[name]
	if !ok {
		return nil, ExecutionError(fmt.Sprintf("Client error: Execution failed: Exported method %s is not found", clip(name)))
	}
	method, err := rt.Meta.API(f.api, f.method)
	if err != nil {
		return nil, err
	}
	d := scale.NewDecoder(input)
	args := make([]scale.View, len(method.Inputs))
	for i, in := range method.Inputs {
		args[i] = scale.Look(rt.Meta.Registry.DecodeFrom(d, in.Type), in.Name)
	}
	if err := d.Done(); err != nil {
		return nil, ExecutionError("Client error: Execution failed: " + err.Error())
	}
	result, err := f.run(rt, s, number, args)
	if err != nil {
		return nil, err
	}
	return rt.Meta.Registry.Encode(method.Output, result)
}

func clip(s string) string { return s[:min(len(s), 80)] }

type apiFunc struct {
	api, method string
	run         func(rt *metadata.Runtime, s state.Reader, number uint64, args []scale.View) (scale.Value, error)
}

var apiTable = map[string]apiFunc{
	"Core_version": {"Core", "version", func(rt *metadata.Runtime, _ state.Reader, _ uint64, _ []scale.View) (scale.Value, error) {
		return rt.Version.Value(), nil
	}},
	"Metadata_metadata": {"Metadata", "metadata", func(rt *metadata.Runtime, _ state.Reader, _ uint64, _ []scale.View) (scale.Value, error) {
		return rt.V14, nil
	}},
	"Metadata_metadata_versions": {"Metadata", "metadata_versions", func(*metadata.Runtime, state.Reader, uint64, []scale.View) (scale.Value, error) {
		return []scale.Value{14, 15}, nil
	}},
	"Metadata_metadata_at_version": {"Metadata", "metadata_at_version", metadataAtVersion},
	"AccountNonceApi_account_nonce": {"AccountNonceApi", "account_nonce", func(_ *metadata.Runtime, s state.Reader, _ uint64, a []scale.View) (scale.Value, error) {
		return storage.AccountInfoAt(s, a[0].Bytes32()).Nonce, a[0].Err()
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

func metadataAtVersion(rt *metadata.Runtime, _ state.Reader, _ uint64, a []scale.View) (scale.Value, error) {
	switch a[0].U32() {
	case 14:
		return some(rt.V14), nil
	case 15:
		return some(rt.V15), nil
	}
	return nil, a[0].Err()
}

func some(v scale.Value) scale.Value { return scale.Variant{Name: "Some", Value: v} }

// apiQueryInfo is state_call's way to payment_queryInfo. The extrinsic's type
// is opaque bytes with their length in front, as an extrinsic is.
func apiQueryInfo(rt *metadata.Runtime, _ state.Reader, _ uint64, a []scale.View) (scale.Value, error) {
	var e scale.Encoder
	e.Blob(a[0].Bytes())
	if err := a[0].Err(); err != nil {
		return nil, strata.E(strata.Invalid, "the extrinsic cannot be read: %w", err)
	}
	fee, err := pallets.FeeOf(rt, e.Bytes())
	if err != nil {
		return nil, err
	}
	return scale.Struct{"weight": scale.Struct{"ref_time": 1_000_000, "proof_size": 0}, "class": scale.Variant{Name: "Normal"}, "partial_fee": fee}, nil
}
