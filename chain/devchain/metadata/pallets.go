package metadata

import (
	"strata/chain/devchain/storage"
	"strata/chain/scale"
)

// pallet is one module of the runtime: its storage, and its calls, events and
// errors as cases of an enum (see typist.caseOf), with the indices of
// finney's runtime, of which spec 300 has all calls and events that are not newer.
type pallet struct {
	name    string
	crate   string // first part of the paths of its types
	index   uint8
	storage []*storage.Item
	calls   []string
	events  []string
	errors  []string
	consts  []constant
}

// constant is a pallet's constant; value, or what it returns for the time
// between blocks in milliseconds if it is a function, is encoded as typ.
type constant struct {
	name, typ string
	value     scale.Value
}

// Indices of pallets.
const (
	palletSystem      = 0
	palletTimestamp   = 2
	palletAura        = 3
	palletBalances    = 5
	palletPayment     = 6
	palletSubtensor   = 7
	palletSudo        = 12
	palletCommitments = 18
	palletShield      = 30
	palletAdminUtils  = 19
	palletDrand       = 26
)

var palletTable = []*pallet{
	{
		name: "System", crate: "frame_system", index: palletSystem,
		storage: []*storage.Item{storage.SystemAccount, storage.SystemBlockHash, storage.SystemNumber, storage.SystemParentHash, storage.SystemEvents, storage.SystemEventCount},
		calls:   []string{"0 remark remark Vec<u8>", "2 set_code code Vec<u8>", "7 remark_with_event remark Vec<u8>"},
		events: []string{
			"0 ExtrinsicSuccess dispatch_info DispatchEventInfo",
			"1 ExtrinsicFailed dispatch_error DispatchError, dispatch_info DispatchEventInfo",
			"2 CodeUpdated", "3 NewAccount account AccountId32", "4 KilledAccount account AccountId32", "5 Remarked sender AccountId32, hash H256",
		},
		errors: []string{
			"1 SpecVersionNeedsToIncrease // The specification version is not allowed to decrease between the current runtime and the new runtime.",
			"2 FailedToExtractRuntimeVersion // Failed to extract the runtime version from the new runtime.",
			"5 CallFiltered // The origin filter prevent the call to be dispatched.",
		},
		consts: []constant{{"BlockHashCount", "u32", BlockHashCount}, {"SS58Prefix", "u16", 42}},
	},
	{
		name: "Timestamp", crate: "pallet_timestamp", index: palletTimestamp,
		storage: []*storage.Item{storage.TimestampNow}, calls: []string{"0 set now Compact<u64>"},
		consts: []constant{{"MinimumPeriod", "u64", func(slot uint64) scale.Value { return slot / 2 }}},
	},
	{
		name: "Aura", crate: "pallet_aura", index: palletAura,
		consts: []constant{{"SlotDuration", "u64", func(slot uint64) scale.Value { return slot }}},
	},
	{
		name: "Balances", crate: "pallet_balances", index: palletBalances,
		storage: []*storage.Item{storage.BalancesIssuance},
		calls:   []string{"0 transfer_allow_death dest MultiAddress, value Compact<u64>", "3 transfer_keep_alive dest MultiAddress, value Compact<u64>"},
		events: []string{
			"0 Endowed account AccountId32, free_balance u64", "1 DustLost account AccountId32, amount u64",
			"2 Transfer from AccountId32, to AccountId32, amount u64", "8 Withdraw who AccountId32, amount u64",
		},
		errors: []string{
			"2 InsufficientBalance // Balance too low to send value.", "3 ExistentialDeposit // Value too low to create account due to existential deposit.",
			"4 Expendability // Transfer/payment would kill account.",
		},
		consts: []constant{{"ExistentialDeposit", "u64", ExistentialDeposit}},
	},
	{
		name: "TransactionPayment", crate: "pallet_transaction_payment", index: palletPayment,
		events: []string{"0 TransactionFeePaid who AccountId32, actual_fee u64, tip u64"},
	},
	{
		name: "SubtensorModule", crate: "pallet_subtensor", index: palletSubtensor,
		storage: subtensorStorage, calls: subtensorCalls, events: subtensorEvents, errors: subtensorErrors,
		consts: []constant{{"InitialTempo", "u16", DefaultTempo}},
	},
	{
		name: "Sudo", crate: "pallet_sudo", index: palletSudo, storage: []*storage.Item{storage.SudoKey},
		calls:  []string{"0 sudo call RuntimeCall"},
		events: []string{"0 Sudid sudo_result DispatchResult"},
		errors: []string{"0 RequireSudo // Sender must be the Sudo account."},
	},
	{
		name: "AdminUtils", crate: "pallet_admin_utils", index: palletAdminUtils, calls: adminCalls(),
		errors: []string{"0 SubnetDoesNotExist // The subnet does not exist, check the netuid parameter"},
	},
	{
		name: "Drand", crate: "pallet_drand", index: palletDrand,
		storage: []*storage.Item{storage.DrandConfig, storage.DrandPulses, storage.DrandLast, storage.DrandOldest},
		events:  []string{"0 BeaconConfigChanged", "1 NewPulse rounds Vec<u64>"},
	},
	{
		name: "MevShield", crate: "pallet_shield", index: palletShield,
		storage: []*storage.Item{storage.ShieldNextKey}, calls: []string{"1 submit_encrypted ciphertext BoundedVec"},
		events: []string{"0 EncryptedSubmitted id H256, who AccountId32"},
		errors: []string{"0 BadCiphertext // The ciphertext is too long."},
	},
	{
		name: "Commitments", crate: "pallet_commitments", index: palletCommitments,
		storage: []*storage.Item{storage.CommitmentOf, storage.LastCommitment, storage.CommitmentSpaceUsed, storage.CommitmentMaxSpace, storage.RevealedCommitments},
		calls:   []string{"0 set_commitment netuid u16, info CommitmentInfo"},
		events:  []string{"0 Commitment netuid u16, who AccountId32"},
		errors: []string{
			"0 TooManyFieldsInCommitmentInfo // Account passed too many additional fields to their commitment",
			"1 AccountNotAllowedCommit // Account is not allowed to make commitments to the chain",
			"2 SpaceLimitExceeded // Space Limit Exceeded for the current interval",
		},
		consts: []constant{{"MaxFields", "u32", MaxCommitmentFields}, {"InitialDeposit", "u64", 0}, {"FieldDeposit", "u64", 0}},
	},
}
