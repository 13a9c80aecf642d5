package metadata

import (
	"fmt"
	"strings"
)

// structTable declares the structs of the runtime in order of use, with the
// names, field names and types that subtensor's metadata has (runtime spec
// 300), so that one client decodes both. The last four metagraph structs are
// built from metagraphFields.
var structTable = [][3]string{
	{"H256", "primitive_types::H256", "[u8;32]"},
	{"AccountId32", "sp_core::crypto::AccountId32", "[u8;32]"},
	{"OpaqueMetadata", "sp_core::OpaqueMetadata", "Vec<u8>"},
	{"ExtraFlags", "pallet_balances::types::ExtraFlags", "u128"},
	{"AccountData", "pallet_balances::types::AccountData", "free u64, reserved u64, frozen u64, flags ExtraFlags"},
	{"AccountInfo", "frame_system::AccountInfo", "nonce u32, consumers u32, providers u32, sufficients u32, data AccountData"},
	{"Weight", "sp_weights::weight_v2::Weight", "ref_time Compact<u64>, proof_size Compact<u64>"},
	{"ModuleError", "sp_runtime::ModuleError", "index u8, error [u8;4]"},
	{"RuntimeVersion", "sp_version::RuntimeVersion", "spec_name str, impl_name str, authoring_version u32, spec_version u32, impl_version u32, apis Vec<([u8;8],u32)>, transaction_version u32, system_version u8"},
	{"AxonInfo", "pallet_subtensor::pallet::AxonInfo", "block u64, version u32, ip u128, port u16, ip_type u8, protocol u8, placeholder1 u8, placeholder2 u8"},
	{"ChainIdentityV2", "pallet_subtensor::pallet::ChainIdentityV2", "name Vec<u8>, url Vec<u8>, github_repo Vec<u8>, image Vec<u8>, discord Vec<u8>, description Vec<u8>, additional Vec<u8>"},
	{"SubnetIdentityV3", "pallet_subtensor::pallet::SubnetIdentityV3", "subnet_name Vec<u8>, github_repo Vec<u8>, subnet_contact Vec<u8>, subnet_url Vec<u8>, discord Vec<u8>, description Vec<u8>, logo_url Vec<u8>, additional Vec<u8>"},
	{"FixedI128", "substrate_fixed::FixedI128", "bits i128"},
	{"FixedU128", "substrate_fixed::FixedU128", "bits u128"},
	{"PrometheusInfo", "pallet_subtensor::pallet::PrometheusInfo", "block u64, version u32, ip u128, port u16, ip_type u8"},
	{"BoundedVec", "bounded_collections::bounded_vec::BoundedVec", "Vec<u8>"},
	{"NeuronCertificate", "pallet_subtensor::pallet::NeuronCertificate", "public_key BoundedVec, algorithm u8"},
	{"StakeInfo", "pallet_subtensor::rpc_info::stake_info::StakeInfo", "hotkey AccountId32, coldkey AccountId32, netuid Compact<u16>, stake Compact<u64>, locked Compact<u64>, emission Compact<u64>, tao_emission Compact<u64>, drain Compact<u64>, is_registered bool"},
	{"NeuronInfo", "pallet_subtensor::rpc_info::neuron_info::NeuronInfo", neuronLiteHead + ", weights Vec<(Compact<u16>,Compact<u16>)>, bonds Vec<(Compact<u16>,Compact<u16>)>, pruning_score Compact<u16>"},
	{"NeuronInfoLite", "pallet_subtensor::rpc_info::neuron_info::NeuronInfoLite", neuronLiteHead + ", pruning_score Compact<u16>"},
	{"SimSwapResult", "pallet_subtensor_swap_runtime_api::SimSwapResult", "tao_amount u64, alpha_amount u64, tao_fee u64, alpha_fee u64, tao_slippage u64, alpha_slippage u64"}, // slippage: of newer runtimes
	{"Pulse", "pallet_drand::types::Pulse", "round u64, randomness Vec<u8>, signature Vec<u8>"},
	{"BeaconMetadata", "pallet_drand::types::Metadata", "beacon_id Vec<u8>"},
	{"BeaconConfiguration", "pallet_drand::types::BeaconConfiguration", "public_key Vec<u8>, period u32, genesis_time u32, hash Vec<u8>, group_hash Vec<u8>, scheme_id Vec<u8>, metadata BeaconMetadata"},
	{"UsageTracker", "pallet_commitments::types::UsageTracker", "last_epoch u64, used_space u64"},
}

// neuronLiteHead is what NeuronInfo and NeuronInfoLite begin with.
const neuronLiteHead = "hotkey AccountId32, coldkey AccountId32, uid Compact<u16>, netuid Compact<u16>, active bool, axon_info AxonInfo, prometheus_info PrometheusInfo, " +
	"stake Vec<(AccountId32,Compact<u64>)>, rank Compact<u16>, emission Compact<u64>, incentive Compact<u16>, consensus Compact<u16>, trust Compact<u16>, " +
	"validator_trust Compact<u16>, dividends Compact<u16>, last_update Compact<u64>, validator_permit bool"

// enumTable declares the enums, after the structs they use.
var enumTable = []struct {
	name, path string
	cases      []string
}{
	{"MultiAddress", "sp_runtime::multiaddress::MultiAddress", []string{"0 Id AccountId32", "1 Index Compact<()>", "2 Raw Vec<u8>", "3 Address32 [u8;32]", "4 Address20 [u8;20]"}},
	{"MultiSignature", "sp_runtime::MultiSignature", []string{"0 Ed25519 [u8;64]", "1 Sr25519 [u8;64]", "2 Ecdsa [u8;65]"}},
	{"DispatchClass", "frame_support::dispatch::DispatchClass", []string{"0 Normal", "1 Operational", "2 Mandatory"}},
	{"Pays", "frame_support::dispatch::Pays", []string{"0 Yes", "1 No"}},
	{"TokenError", "sp_runtime::TokenError", []string{"0 FundsUnavailable", "1 OnlyProvider", "2 BelowMinimum", "3 CannotCreate", "4 UnknownAsset", "5 Frozen", "6 Unsupported", "7 CannotCreateHold", "8 NotExpendable", "9 Blocked"}},
	{"ArithmeticError", "sp_arithmetic::ArithmeticError", []string{"0 Underflow", "1 Overflow", "2 DivisionByZero"}},
	{"TransactionalError", "sp_runtime::TransactionalError", []string{"0 LimitReached", "1 NoLayer"}},
	{"DispatchError", "sp_runtime::DispatchError", []string{
		"0 Other", "1 CannotLookup", "2 BadOrigin", "3 Module ModuleError", "4 ConsumerRemaining", "5 NoProviders", "6 TooManyConsumers",
		"7 Token TokenError", "8 Arithmetic ArithmeticError", "9 Transactional TransactionalError", "10 Exhausted", "11 Corruption", "12 Unavailable", "13 RootNotAllowed",
	}},
	{"DispatchResult", "Result", []string{"0 Ok ()", "1 Err DispatchError"}},
	{"Phase", "frame_system::Phase", []string{"0 ApplyExtrinsic u32", "1 Finalization", "2 Initialization"}},
	{"EpochConsensus", "pallet_subtensor::pallet::EpochConsensus", []string{"0 Yuma", "1 Null"}},
	{"Mode", "frame_metadata_hash_extension::Mode", []string{"0 Disabled", "1 Enabled"}},
}

// genericParams are the parameters of generic types by which clients find other
// types: the account's in an address, the event's in a record.
var genericParams = map[string]string{
	"MultiAddress": "AccountId AccountId32, AccountIndex ()", "EventRecord": "E RuntimeEvent, T H256", "DispatchResult": "T (), E DispatchError",
}

// extensionTable lists the signed extensions: identifier, path, fields in the
// extrinsic, type in the signed payload only.
var extensionTable = [][4]string{
	{"CheckNonZeroSender", "frame_system::extensions::check_non_zero_sender::CheckNonZeroSender", "", "()"},
	{"CheckSpecVersion", "frame_system::extensions::check_spec_version::CheckSpecVersion", "", "u32"},
	{"CheckTxVersion", "frame_system::extensions::check_tx_version::CheckTxVersion", "", "u32"},
	{"CheckGenesis", "frame_system::extensions::check_genesis::CheckGenesis", "", "H256"},
	{"CheckMortality", "frame_system::extensions::check_mortality::CheckMortality", "Era", "H256"},
	{"CheckNonce", "node_subtensor_runtime::check_nonce::CheckNonce", "Compact<u32>", "()"},
	{"CheckWeight", "frame_system::extensions::check_weight::CheckWeight", "", "()"},
	{"ChargeTransactionPayment", "pallet_transaction_payment::ChargeTransactionPayment", "Compact<u64>", "()"},
	{"SubtensorTransactionExtension", "pallet_subtensor::transaction_extension::SubtensorTransactionExtension", "", "()"},
	{"CheckMetadataHash", "frame_metadata_hash_extension::CheckMetadataHash", "mode Mode", "Option<[u8;32]>"},
}

// MetagraphFields are the fields of Metagraph in the chain's order; their
// positions are the indices that get_selective_metagraph takes.
var MetagraphFields = [][2]string{
	{"netuid", "Compact<u16>"}, {"name", "Vec<Compact<u8>>"}, {"symbol", "Vec<Compact<u8>>"}, {"identity", "Option<SubnetIdentityV3>"},
	{"network_registered_at", "Compact<u64>"}, {"owner_hotkey", "AccountId32"}, {"owner_coldkey", "AccountId32"}, {"block", "Compact<u64>"},
	{"tempo", "Compact<u16>"}, {"last_step", "Compact<u64>"}, {"blocks_since_last_step", "Compact<u64>"}, {"subnet_emission", "Compact<u64>"},
	{"alpha_in", "Compact<u64>"}, {"alpha_out", "Compact<u64>"}, {"tao_in", "Compact<u64>"}, {"alpha_out_emission", "Compact<u64>"},
	{"alpha_in_emission", "Compact<u64>"}, {"tao_in_emission", "Compact<u64>"}, {"pending_alpha_emission", "Compact<u64>"},
	{"pending_root_emission", "Compact<u64>"}, {"subnet_volume", "Compact<u128>"}, {"moving_price", "FixedI128"}, {"rho", "Compact<u16>"},
	{"kappa", "Compact<u16>"}, {"min_allowed_weights", "Compact<u16>"}, {"max_weights_limit", "Compact<u16>"}, {"weights_version", "Compact<u64>"},
	{"weights_rate_limit", "Compact<u64>"}, {"activity_cutoff", "Compact<u16>"}, {"max_validators", "Compact<u16>"}, {"num_uids", "Compact<u16>"},
	{"max_uids", "Compact<u16>"}, {"burn", "Compact<u64>"}, {"difficulty", "Compact<u64>"}, {"registration_allowed", "bool"},
	{"pow_registration_allowed", "bool"}, {"immunity_period", "Compact<u16>"}, {"min_difficulty", "Compact<u64>"}, {"max_difficulty", "Compact<u64>"},
	{"min_burn", "Compact<u64>"}, {"max_burn", "Compact<u64>"}, {"adjustment_alpha", "Compact<u64>"}, {"adjustment_interval", "Compact<u16>"},
	{"target_regs_per_interval", "Compact<u16>"}, {"max_regs_per_block", "Compact<u16>"}, {"serving_rate_limit", "Compact<u64>"},
	{"commit_reveal_weights_enabled", "bool"}, {"commit_reveal_period", "Compact<u64>"}, {"liquid_alpha_enabled", "bool"}, {"alpha_high", "Compact<u16>"},
	{"alpha_low", "Compact<u16>"}, {"bonds_moving_avg", "Compact<u64>"}, {"hotkeys", "Vec<AccountId32>"}, {"coldkeys", "Vec<AccountId32>"},
	{"identities", "Vec<Option<ChainIdentityV2>>"}, {"axons", "Vec<AxonInfo>"}, {"active", "Vec<bool>"}, {"validator_permit", "Vec<bool>"},
	{"pruning_score", "Vec<Compact<u16>>"}, {"last_update", "Vec<Compact<u64>>"}, {"emission", "Vec<Compact<u64>>"}, {"dividends", "Vec<Compact<u16>>"},
	{"incentives", "Vec<Compact<u16>>"}, {"consensus", "Vec<Compact<u16>>"}, {"trust", "Vec<Compact<u16>>"}, {"rank", "Vec<Compact<u16>>"},
	{"block_at_registration", "Vec<Compact<u64>>"}, {"alpha_stake", "Vec<Compact<u64>>"}, {"tao_stake", "Vec<Compact<u64>>"}, {"total_stake", "Vec<Compact<u64>>"},
	{"tao_dividends_per_hotkey", "Vec<(AccountId32,Compact<u64>)>"}, {"alpha_dividends_per_hotkey", "Vec<(AccountId32,Compact<u64>)>"},
}

// SelectiveOnly is what SelectiveMetagraph has after Metagraph's fields.
// Source: pallets/subtensor/src/rpc_info/metagraph.rs.
var SelectiveOnly = [][2]string{{"validators", "Vec<Compact<u16>>"}, {"commitments", "Vec<(AccountId32,Vec<Compact<u8>>)>"}}

// SubnetStateFields are the fields of SubnetState that Metagraph also has.
var SubnetStateFields = []string{
	"netuid", "hotkeys", "coldkeys", "active", "validator_permit", "pruning_score", "last_update", "emission", "dividends", "incentives",
	"consensus", "trust", "rank", "block_at_registration", "alpha_stake", "tao_stake", "total_stake",
}

// declareTypes declares everything that the pallets' tables name.
func (t *typist) declareTypes() {
	for _, kind := range []string{"Call", "Event", "Error"} { // they hold the pallets' enums, and RuntimeCall one that holds it
		t.named["Runtime"+kind] = t.b.Reserve()
	}
	for _, s := range structTable {
		t.composite(s[0], s[1], s[2])
	}
	for _, e := range enumTable {
		t.variant(e.name, e.path, e.cases)
	}
	t.composite("DispatchEventInfo", "frame_system::DispatchEventInfo", "weight Weight, class DispatchClass, pays_fee Pays")
	t.composite("RuntimeDispatchInfo", "pallet_transaction_payment::types::RuntimeDispatchInfo", "weight Weight, class DispatchClass, partial_fee u64")
	t.variant("Era", "sp_runtime::generic::era::Era", eraCases())
	t.variant("Data", "pallet_commitments::types::Data", dataCases())
	t.composite("CommitmentInfo", "pallet_commitments::types::CommitmentInfo", "fields Vec<Data>")
	t.composite("Registration", "pallet_commitments::types::Registration", "deposit u64, block u32, info CommitmentInfo")
	t.declareMetagraphs()
}

func eraCases() []string {
	out := []string{"0 Immortal"}
	for i := 1; i < 256; i++ {
		out = append(out, fmt.Sprintf("%d Mortal%d u8", i, i))
	}
	return out
}

// maxRaw is the longest commitment.
const maxRaw = 128

func dataCases() []string {
	out := []string{"0 None"}
	for i := 0; i <= maxRaw; i++ {
		out = append(out, fmt.Sprintf("%d Raw%d [u8;%d]", i+1, i, i))
	}
	return append(out, "130 BlakeTwo256 [u8;32]", "131 Sha256 [u8;32]", "132 Keccak256 [u8;32]", "133 ShaThree256 [u8;32]")
}

func (t *typist) declareMetagraphs() {
	const path = "pallet_subtensor::rpc_info::"
	types := map[string]string{}
	var all, selective, state []string
	for i, f := range MetagraphFields {
		types[f[0]] = f[1]
		all = append(all, f[0]+" "+f[1])
		if i == 0 {
			selective = append(selective, all[0])
		} else {
			selective = append(selective, f[0]+" Option<"+f[1]+">")
		}
	}
	for _, f := range SelectiveOnly {
		selective = append(selective, f[0]+" Option<"+f[1]+">")
	}
	for _, name := range SubnetStateFields {
		state = append(state, name+" "+types[name])
	}
	t.composite("Metagraph", path+"metagraph::Metagraph", strings.Join(all, ", "))
	t.composite("SelectiveMetagraph", path+"metagraph::SelectiveMetagraph", strings.Join(selective, ", "))
	t.composite("SubnetState", path+"show_subnet::SubnetState", strings.Join(append(state, "emission_history Vec<Vec<Compact<u64>>>"), ", "))
}
