package metadata

// runtimeAPIs are the runtime APIs with the versions that Core_version and
// state_getRuntimeVersion report: BLAKE2b-64 of the name, version.
var runtimeAPIs = []struct {
	name    string
	version uint32
	methods []apiSpec
}{
	{"Core", 5, []apiSpec{{"version", "", "RuntimeVersion"}}},
	{"Metadata", 2, []apiSpec{{"metadata", "", "OpaqueMetadata"}, {"metadata_at_version", "version u32", "Option<OpaqueMetadata>"}, {"metadata_versions", "", "Vec<u32>"}}},
	{"AccountNonceApi", 1, []apiSpec{{"account_nonce", "account AccountId32", "u32"}}},
	{"TransactionPaymentApi", 4, []apiSpec{{"query_info", "uxt UncheckedExtrinsic, len u32", "RuntimeDispatchInfo"}}},
	{"SubnetInfoRuntimeApi", 1, []apiSpec{
		{"get_metagraph", "netuid u16", "Option<Metagraph>"},
		{"get_selective_metagraph", "netuid u16, metagraph_indexes Vec<u16>", "Option<SelectiveMetagraph>"},
		{"get_subnet_state", "netuid u16", "Option<SubnetState>"},
		{"get_all_metagraphs", "", "Vec<Option<Metagraph>>"},
	}},
	{"NeuronInfoRuntimeApi", 1, []apiSpec{
		{"get_neurons", "netuid u16", "Vec<NeuronInfo>"}, {"get_neuron", "netuid u16, uid u16", "Option<NeuronInfo>"},
		{"get_neurons_lite", "netuid u16", "Vec<NeuronInfoLite>"}, {"get_neuron_lite", "netuid u16, uid u16", "Option<NeuronInfoLite>"},
	}},
	{"StakeInfoRuntimeApi", 1, []apiSpec{
		{"get_stake_info_for_coldkey", "coldkey_account AccountId32", "Vec<StakeInfo>"},
		{"get_stake_info_for_coldkeys", "coldkey_accounts Vec<AccountId32>", "Vec<(AccountId32,Vec<StakeInfo>)>"},
		{"get_stake_info_for_hotkey_coldkey_netuid", "hotkey_account AccountId32, coldkey_account AccountId32, netuid u16", "Option<StakeInfo>"},
	}},
	{"SubnetRegistrationRuntimeApi", 1, []apiSpec{{"get_network_registration_cost", "", "u64"}}},
	{"SwapRuntimeApi", 1, []apiSpec{
		{"current_alpha_price", "netuid u16", "u64"},
		{"sim_swap_tao_for_alpha", "netuid u16, tao u64", "SimSwapResult"}, {"sim_swap_alpha_for_tao", "netuid u16, alpha u64", "SimSwapResult"},
	}},
}

type apiSpec struct{ name, inputs, output string }
