package devchain

import "strata/chain/scale"

// pallet is one module of the runtime: its storage, and its calls, events and
// errors as cases of an enum (see typist.caseOf), with the indices of
// finney's runtime, of which spec 300 has all calls and events that are not newer.
type pallet struct {
	name    string
	crate   string // first part of the paths of its types
	index   uint8
	storage []*entry
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

var pallets = []*pallet{
	{
		name: "System", crate: "frame_system", index: palletSystem,
		storage: []*entry{sysAccount, sysBlockHash, sysNumber, sysParent, sysEvents, sysCount},
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
		consts: []constant{{"BlockHashCount", "u32", blockHashCount}, {"SS58Prefix", "u16", 42}},
	},
	{
		name: "Timestamp", crate: "pallet_timestamp", index: palletTimestamp,
		storage: []*entry{timeNow}, calls: []string{"0 set now Compact<u64>"},
		consts: []constant{{"MinimumPeriod", "u64", func(slot uint64) scale.Value { return slot / 2 }}},
	},
	{
		name: "Aura", crate: "pallet_aura", index: palletAura,
		consts: []constant{{"SlotDuration", "u64", func(slot uint64) scale.Value { return slot }}},
	},
	{
		name: "Balances", crate: "pallet_balances", index: palletBalances,
		storage: []*entry{balIssuance},
		calls:   []string{"0 transfer_allow_death dest MultiAddress, value Compact<u64>", "3 transfer_keep_alive dest MultiAddress, value Compact<u64>"},
		events: []string{
			"0 Endowed account AccountId32, free_balance u64", "1 DustLost account AccountId32, amount u64",
			"2 Transfer from AccountId32, to AccountId32, amount u64", "8 Withdraw who AccountId32, amount u64",
		},
		errors: []string{
			"2 InsufficientBalance // Balance too low to send value.", "3 ExistentialDeposit // Value too low to create account due to existential deposit.",
			"4 Expendability // Transfer/payment would kill account.",
		},
		consts: []constant{{"ExistentialDeposit", "u64", existentialDeposit}},
	},
	{
		name: "TransactionPayment", crate: "pallet_transaction_payment", index: palletPayment,
		events: []string{"0 TransactionFeePaid who AccountId32, actual_fee u64, tip u64"},
	},
	{
		name: "SubtensorModule", crate: "pallet_subtensor", index: palletSubtensor,
		storage: subtensorStorage, calls: subtensorCalls, events: subtensorEvents, errors: subtensorErrors,
		consts: []constant{{"InitialTempo", "u16", defaultTempo}},
	},
	{
		name: "Sudo", crate: "pallet_sudo", index: palletSudo, storage: []*entry{sudoKey},
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
		storage: []*entry{drandConfig, drandPulses, drandLast, drandOldest},
		events:  []string{"0 BeaconConfigChanged", "1 NewPulse rounds Vec<u64>"},
	},
	{
		name: "MevShield", crate: "pallet_shield", index: palletShield,
		storage: []*entry{shieldNextKey}, calls: []string{"1 submit_encrypted ciphertext BoundedVec"},
		events: []string{"0 EncryptedSubmitted id H256, who AccountId32"},
		errors: []string{"0 BadCiphertext // The ciphertext is too long."},
	},
	{
		name: "Commitments", crate: "pallet_commitments", index: palletCommitments,
		storage: []*entry{comCommitmentOf, comLast, comUsedSpace, comMaxSpace, comRevealed},
		calls:   []string{"0 set_commitment netuid u16, info CommitmentInfo"},
		events:  []string{"0 Commitment netuid u16, who AccountId32"},
		errors: []string{
			"0 TooManyFieldsInCommitmentInfo // Account passed too many additional fields to their commitment",
			"1 AccountNotAllowedCommit // Account is not allowed to make commitments to the chain",
			"2 SpaceLimitExceeded // Space Limit Exceeded for the current interval",
		},
		consts: []constant{{"MaxFields", "u32", maxCommitmentFields}, {"InitialDeposit", "u64", 0}, {"FieldDeposit", "u64", 0}},
	},
}

var subtensorStorage = []*entry{
	smTotalIssuance, smTotalStake, smTotalNetworks, smTaoWeight, smStakeThreshold, smNetworkLock, smOwner, smOwnedHotkeys, smTotalHotkeyAlpha, smIsMember,
	smNetworksAdded, smSubnetworkN, smTempo, smRegisteredAt, smSubnetOwner, smOwnerHotkey, smTokenSymbol, smMechanism, smLocked, smCollateralShare, smEpochConsensus, smSubtoken, smRegAllowed,
	smSubnetTAO, smAlphaOut, smLastStep, smSinceLastStep, smPendingServer, smPendingValidator,
	smRho, smKappa, smMaxUIDs, smImmunityPeriod, smActivityCutoff, smMaxWeightsLimit, smWeightsVersionKey, smMinAllowedWeights, smMaxValidators,
	smBondsMovingAverage, smBondsPenalty, smWeightsRateLimit, smServingRateLimit, smCommitReveal, smRevealPeriod, smCommitVersion, smMechanisms, smWeightCommits, smTimelocked, smBurn, smLiquidAlpha, smYuma3,
	smActive, smPermit, smRank, smTrust, smConsensus, smIncentive, smDividends, smValidatorTrust, smPruningScores, smStakeWeight, smEmission, smLastUpdate,
	smUids, smKeys, smAxons, smWeights, smBonds, smRegistration, smCertificates, smAlphaShares, smHotkeyShares, smStakingHotkey,
}

var subtensorCalls = []string{
	"0 set_weights netuid u16, dests Vec<u16>, weights Vec<u16>, version_key u64",
	"2 add_stake hotkey AccountId32, netuid u16, amount_staked u64",
	"3 remove_stake hotkey AccountId32, netuid u16, amount_unstaked u64",
	"4 serve_axon netuid u16, version u32, ip u128, port u16, ip_type u8, protocol u8, placeholder1 u8, placeholder2 u8",
	"7 burned_register netuid u16, hotkey AccountId32",
	"40 serve_axon_tls netuid u16, version u32, ip u128, port u16, ip_type u8, protocol u8, placeholder1 u8, placeholder2 u8, certificate Vec<u8>",
	"59 register_network hotkey AccountId32",
	"88 add_stake_limit hotkey AccountId32, netuid u16, amount_staked u64, limit_price u64, allow_partial bool",
	"89 remove_stake_limit hotkey AccountId32, netuid u16, amount_unstaked u64, limit_price u64, allow_partial bool",
	"96 commit_weights netuid u16, commit_hash H256",
	"97 reveal_weights netuid u16, uids Vec<u16>, values Vec<u16>, salt Vec<u16>, version_key u64",
	"113 commit_timelocked_weights netuid u16, commit Vec<u8>, reveal_round u64, commit_reveal_version u16",
	"115 commit_mechanism_weights netuid u16, mecid u8, commit_hash H256",
	"116 reveal_mechanism_weights netuid u16, mecid u8, uids Vec<u16>, values Vec<u16>, salt Vec<u16>, version_key u64",
	"118 commit_timelocked_mechanism_weights netuid u16, mecid u8, commit Vec<u8>, reveal_round u64, commit_reveal_version u16",
	"119 set_mechanism_weights netuid u16, mecid u8, dests Vec<u16>, weights Vec<u16>, version_key u64",
}

var subtensorEvents = []string{
	"0 NetworkAdded u16, u16",
	"2 StakeAdded AccountId32, AccountId32, u64, u64, u16, u64",
	"3 StakeRemoved AccountId32, AccountId32, u64, u64, u16, u64",
	"5 WeightsSet u16, u16",
	"6 NeuronRegistered u16, u16, AccountId32",
	"28 AxonServed u16, AccountId32",
	"79 WeightsCommitted AccountId32, u16, H256",
	"80 WeightsRevealed AccountId32, u16, H256",
	"101 TimelockedWeightsCommitted AccountId32, u16, H256, u64",
	"102 TimelockedWeightsRevealed u16, AccountId32",
}

// subtensorErrors are the errors that the calls above can give.
var subtensorErrors = []string{
	"1 InvalidIpType // The user is trying to serve an axon which is not of type 4 (IPv4) or 6 (IPv6).",
	"2 InvalidIpAddress // An invalid IP address is passed to the serve function.",
	"3 InvalidPort // An invalid port is passed to the serve function.",
	"4 HotKeyNotRegisteredInSubNet // The hotkey is not registered in subnet",
	"5 HotKeyAccountNotExists // The hotkey does not exists",
	"6 HotKeyNotRegisteredInNetwork // The hotkey is not registered in any subnet.",
	"7 NonAssociatedColdKey // Request to stake, unstake or subscribe is made by a coldkey that is not associated with the hotkey account.",
	"9 NotEnoughStakeToWithdraw // The caller is requesting removing more stake than there exists in the staking account.",
	"10 NotEnoughStakeToSetWeights // The caller is trying to set weights without enough stake.",
	"12 NotEnoughBalanceToStake // The caller is requesting to add more stake than there exists in the coldkey account.",
	"15 NeuronNoValidatorPermit // The caller is attempting to set non-self weights without being a permitted validator.",
	"16 WeightVecNotEqualSize // The caller is attempting to set the weight keys and values but these vectors have different size.",
	"17 DuplicateUids // The caller is attempting to set weights with duplicate UIDs in the weight matrix.",
	"18 UidVecContainInvalidOne // The caller is attempting to set weight to at least one UID that does not exist in the metagraph.",
	"19 WeightVecLengthIsLow // The dispatch is attempting to set weights on chain with fewer elements than are allowed.",
	"21 HotKeyAlreadyRegisteredInSubNet // The caller is requesting registering a neuron which already exists within the active set.",
	"26 MaxWeightExceeded // The dispatch is attempting to set weights on chain with weight value exceeding the configured max weight limit.",
	"28 SettingWeightsTooFast // The caller is attempting to set weights within the transaction rate limit.",
	"29 IncorrectWeightVersionKey // A validator is attempting to set weights from a validator with incorrect weight version.",
	"30 ServingRateLimitExceeded // An axon or prometheus serving exceeded the rate limit for a registered neuron.",
	"31 UidsLengthExceedUidsInSubNet // The caller is attempting to set weights with more UIDs than allowed.",
	"36 SubNetRegistrationDisabled // Registration is disabled.",
	"40 NotSubnetOwner // The user is not the owner of the subnet.",
	"41 RegistrationNotPermittedOnRootSubnet // Can not register neuron on the root network.",
	"46 CanNotSetRootNetworkWeights // Can not set weights for the root network.",
	"47 NoNeuronIdAvailable // No neuron UID is available.",
	"50 NoWeightsCommitFound // No commit found for the provided hotkey+netuid combination when attempting to reveal the weights.",
	"51 InvalidRevealCommitHashNotMatch // Committed hash does not equal the hashed reveal data.",
	"52 CommitRevealEnabled // Committed weights are enabled: plain weights are not.",
	"53 CommitRevealDisabled // Attempting to commit/reveal weights when disabled.",
	"71 MechanismDoesNotExist // Subnet mechanism does not exist.",
	"73 SubnetNotExists // Subnet does not exist.",
	"74 TooManyUnrevealedCommits // Maximum commit limit reached",
	"75 ExpiredWeightCommit // Attempted to reveal weights that are expired.",
	"76 RevealTooEarly // Attempted to reveal weights too early.",
	"78 CommittingWeightsTooFast // A transactor exceeded the rate limit for setting weights.",
	"79 AmountTooLow // Stake amount is too low.",
	"80 InsufficientLiquidity // Not enough liquidity in the subnet's pool.",
	"81 SlippageTooHigh // Slippage is too high for the transaction.",
	"91 SubtokenDisabled // The subnet's alpha token cannot be traded yet.",
	"109 IncorrectCommitRevealVersion // Incorrect commit-reveal version.",
}
