package storage

// Storage of System, Timestamp and Balances.
var (
	SystemAccount    = in("System", Item{Name: "Account", letters: "B", KeyTypes: "AccountId32", Type: "AccountInfo"})
	SystemBlockHash  = in("System", Item{Name: "BlockHash", letters: "T", KeyTypes: "u32", Type: "H256"})
	SystemNumber     = in("System", Item{Name: "Number", Type: "u32"})
	SystemParentHash = in("System", Item{Name: "ParentHash", Type: "H256"})
	SystemEvents     = in("System", Item{Name: "Events", Type: "Vec<EventRecord>"})
	SystemEventCount = in("System", Item{Name: "EventCount", Type: "u32"})
	TimestampNow     = in("Timestamp", Item{Name: "Now", Type: "u64"})
	BalancesIssuance = in("Balances", Item{Name: "TotalIssuance", Type: "u64"})
)

// Storage of SubtensorModule that is one value, or one for each account.
var (
	TotalIssuance    = in("SubtensorModule", Item{Name: "TotalIssuance", Type: "u64"})
	TotalStake       = in("SubtensorModule", Item{Name: "TotalStake", Type: "u64"})
	TotalNetworks    = in("SubtensorModule", Item{Name: "TotalNetworks", Type: "u16"})
	TaoWeight        = in("SubtensorModule", Item{Name: "TaoWeight", Type: "u64"})
	StakeThreshold   = in("SubtensorModule", Item{Name: "StakeThreshold", Type: "u64"})
	NetworkLock      = in("SubtensorModule", Item{Name: "NetworkMinLockCost", Type: "u64"})
	Owner            = in("SubtensorModule", Item{Name: "Owner", letters: "B", KeyTypes: "AccountId32", Type: "AccountId32"})
	OwnedHotkeys     = in("SubtensorModule", Item{Name: "OwnedHotkeys", letters: "B", KeyTypes: "AccountId32", Type: "Vec<AccountId32>"})
	TotalHotkeyAlpha = in("SubtensorModule", Item{Name: "TotalHotkeyAlpha", letters: "BI", KeyTypes: "AccountId32,u16", Type: "u64"})
	IsMember         = in("SubtensorModule", Item{Name: "IsNetworkMember", letters: "BI", KeyTypes: "AccountId32,u16", Type: "bool"})
)

// Storage of SubtensorModule, one value for each neuron.
var (
	Uids         = in("SubtensorModule", Item{Name: "Uids", letters: "IB", KeyTypes: "u16,AccountId32", Type: "u16", Optional: true})
	Keys         = in("SubtensorModule", Item{Name: "Keys", letters: "II", KeyTypes: "u16,u16", Type: "AccountId32"})
	Axons        = in("SubtensorModule", Item{Name: "Axons", letters: "IB", KeyTypes: "u16,AccountId32", Type: "AxonInfo", Optional: true})
	Weights      = in("SubtensorModule", Item{Name: "Weights", letters: "II", KeyTypes: "u16,u16", Type: "Vec<(u16,u16)>"})
	Bonds        = in("SubtensorModule", Item{Name: "Bonds", letters: "II", KeyTypes: "u16,u16", Type: "Vec<(u16,u16)>"})
	Registration = in("SubtensorModule", Item{Name: "BlockAtRegistration", letters: "II", KeyTypes: "u16,u16", Type: "u64"})
)

// Storage of weights that were committed and are not yet revealed.
var (
	CommitVersion     = in("SubtensorModule", Item{Name: "CommitRevealWeightsVersion", Type: "u16"})
	WeightCommits     = in("SubtensorModule", Item{Name: "WeightCommits", letters: "TT", KeyTypes: "u16,AccountId32", Type: "Vec<(H256,u64,u64,u64)>", Optional: true})
	TimelockedCommits = in("SubtensorModule", Item{Name: "TimelockedWeightCommits", letters: "TT", KeyTypes: "u16,u64", Type: "Vec<(AccountId32,u64,Vec<u8>,u64)>"})
)

// Storage of Sudo and Drand.
var (
	SudoKey     = in("Sudo", Item{Name: "Key", Type: "AccountId32", Optional: true})
	DrandConfig = in("Drand", Item{Name: "BeaconConfig", Type: "BeaconConfiguration"})
	DrandPulses = in("Drand", Item{Name: "Pulses", letters: "B", KeyTypes: "u64", Type: "Pulse", Optional: true})
	DrandLast   = in("Drand", Item{Name: "LastStoredRound", Type: "u64"})
	DrandOldest = in("Drand", Item{Name: "OldestStoredRound", Type: "u64"})
)

// Storage of Commitments.
var (
	CommitmentOf        = in("Commitments", Item{Name: "CommitmentOf", letters: "IT", KeyTypes: "u16,AccountId32", Type: "Registration", Optional: true})
	LastCommitment      = in("Commitments", Item{Name: "LastCommitment", letters: "IT", KeyTypes: "u16,AccountId32", Type: "u32", Optional: true})
	CommitmentSpaceUsed = in("Commitments", Item{Name: "UsedSpaceOf", letters: "IT", KeyTypes: "u16,AccountId32", Type: "UsageTracker", Optional: true})
	CommitmentMaxSpace  = in("Commitments", Item{Name: "MaxSpace", Type: "u32"})
	RevealedCommitments = in("Commitments", Item{Name: "RevealedCommitments", letters: "IT", KeyTypes: "u16,AccountId32", Type: "Vec<(Vec<u8>,u64)>", Optional: true}) // nothing is sealed here
)

// CodeKey holds the runtime's spec version, little endian, as on chain it holds
// the runtime itself; absent it is firstSpec.
const CodeKey = ":code"

// SaltKey holds random bytes of genesis that make each local chain its own.
const SaltKey = ":strata:salt"

// subnetItem is an item with one value for each subnet.
func subnetItem(name, value string) *Item {
	return in("SubtensorModule", Item{Name: name, letters: "I", KeyTypes: "u16", Type: value})
}

// Storage of SubtensorModule, one value for each subnet.
var (
	NetworksAdded    = subnetItem("NetworksAdded", "bool")
	SubnetworkN      = subnetItem("SubnetworkN", "u16")
	Tempo            = subnetItem("Tempo", "u16")
	RegisteredAt     = subnetItem("NetworkRegisteredAt", "u64")
	SubnetOwner      = subnetItem("SubnetOwner", "AccountId32")
	OwnerHotkey      = subnetItem("SubnetOwnerHotkey", "AccountId32")
	TokenSymbol      = subnetItem("TokenSymbol", "Vec<u8>")
	Mechanism        = subnetItem("SubnetMechanism", "u16")
	Locked           = subnetItem("SubnetLocked", "u64")
	EpochConsensus   = subnetItem("SubnetEpochConsensus", "EpochConsensus") // of newer runtimes; always Yuma
	CollateralShare  = subnetItem("CollateralLockShare", "u16")             // of newer runtimes; zero: a registration is paid, not locked
	Subtoken         = subnetItem("SubtokenEnabled", "bool")
	RegAllowed       = subnetItem("NetworkRegistrationAllowed", "bool")
	SubnetTAO        = subnetItem("SubnetTAO", "u64")
	AlphaOut         = subnetItem("SubnetAlphaOut", "u64")
	LastStep         = subnetItem("LastMechansimStepBlock", "u64") // spelt as on chain
	SinceLastStep    = subnetItem("BlocksSinceLastStep", "u64")
	PendingServer    = subnetItem("PendingServerEmission", "u64")
	PendingValidator = subnetItem("PendingValidatorEmission", "u64")

	Rho                = subnetItem("Rho", "u16")
	Kappa              = subnetItem("Kappa", "u16")
	MaxUIDs            = subnetItem("MaxAllowedUids", "u16")
	ImmunityPeriod     = subnetItem("ImmunityPeriod", "u16")
	ActivityCutoff     = subnetItem("ActivityCutoff", "u16")
	MaxWeightsLimit    = subnetItem("MaxWeightsLimit", "u16")
	WeightsVersionKey  = subnetItem("WeightsVersionKey", "u64")
	MinAllowedWeights  = subnetItem("MinAllowedWeights", "u16")
	MaxValidators      = subnetItem("MaxAllowedValidators", "u16")
	BondsMovingAverage = subnetItem("BondsMovingAverage", "u64")
	BondsPenalty       = subnetItem("BondsPenalty", "u16")
	WeightsRateLimit   = subnetItem("WeightsSetRateLimit", "u64")
	ServingRateLimit   = subnetItem("ServingRateLimit", "u64")
	CommitReveal       = subnetItem("CommitRevealWeightsEnabled", "bool")
	RevealPeriod       = in("SubtensorModule", Item{Name: "RevealPeriodEpochs", letters: "T", KeyTypes: "u16", Type: "u64"})
	Mechanisms         = in("SubtensorModule", Item{Name: "MechanismCountCurrent", letters: "T", KeyTypes: "u16", Type: "u8"})
	Burn               = subnetItem("Burn", "u64")
	LiquidAlpha        = in("SubtensorModule", Item{Name: "LiquidAlphaOn", letters: "B", KeyTypes: "u16", Type: "bool"})
	Yuma3              = in("SubtensorModule", Item{Name: "Yuma3On", letters: "B", KeyTypes: "u16", Type: "bool"})

	Active         = subnetItem("Active", "Vec<bool>")
	Permit         = subnetItem("ValidatorPermit", "Vec<bool>")
	Rank           = subnetItem("Rank", "Vec<u16>")
	Trust          = subnetItem("Trust", "Vec<u16>")
	Consensus      = subnetItem("Consensus", "Vec<u16>")
	Incentive      = subnetItem("Incentive", "Vec<u16>")
	Dividends      = subnetItem("Dividends", "Vec<u16>")
	ValidatorTrust = subnetItem("ValidatorTrust", "Vec<u16>")
	PruningScores  = subnetItem("PruningScores", "Vec<u16>")
	StakeWeight    = subnetItem("StakeWeight", "Vec<u16>")
	Emission       = subnetItem("Emission", "Vec<u64>")
	LastUpdate     = subnetItem("LastUpdate", "Vec<u64>")
)

// Certificates is what serve_axon_tls leaves: a key for peers to fetch, which
// the chain does not use.
var Certificates = in("SubtensorModule", Item{Name: "NeuronCertificates", letters: "IB", KeyTypes: "u16,AccountId32", Type: "NeuronCertificate", Optional: true})

// What each coldkey has staked on a hotkey, as pallet_subtensor's share pool
// keeps it: shares (U64F64) of the hotkey's alpha. Emission adds alpha and
// leaves the shares, so that it is everybody's in proportion. While there are
// no shares, all alpha is the hotkey's owner's.
var (
	AlphaShares   = in("SubtensorModule", Item{Name: "Alpha", letters: "BBI", KeyTypes: "AccountId32,AccountId32,u16", Type: "FixedU128"})
	HotkeyShares  = in("SubtensorModule", Item{Name: "TotalHotkeyShares", letters: "BI", KeyTypes: "AccountId32,u16", Type: "FixedU128"})
	StakingHotkey = in("SubtensorModule", Item{Name: "StakingHotkeys", letters: "B", KeyTypes: "AccountId32", Type: "Vec<AccountId32>"})
)

// ShieldNextKey is the block author's public key, which extrinsics are encrypted to.
var ShieldNextKey = in("MevShield", Item{Name: "NextKey", Type: "BoundedVec", Optional: true})
