package devchain

import (
	"encoding/binary"
	"strings"

	"strata/chain/scale"
)

// account is a 32-byte public key: of a coldkey or a hotkey.
type account [32]byte

// entry is one storage item of the runtime. The tables below hold every item
// with the hashers and types that subtensor's metadata gives it.
type entry struct {
	name     string
	hashers  string // one letter for each key: I Identity, B Blake2_128Concat, T Twox64Concat
	keys     string // types of the keys, comma separated
	value    string
	optional bool // absent reads as nothing instead of as zero

	prefix string // of all its keys: the hashes of the pallet's and the item's names
}

func init() {
	for _, p := range pallets {
		for _, e := range p.storage {
			e.prefix = string(scale.Twox128.Hash([]byte(p.name))) + string(scale.Twox128.Hash([]byte(e.name)))
		}
	}
}

var hasherLetters = map[rune]scale.Hasher{'I': scale.Identity, 'B': scale.Blake2x128Concat, 'T': scale.Twox64Concat}

// key returns the storage key for SCALE-encoded map keys; with fewer than the
// map has, the prefix that they share.
func (e *entry) key(parts ...[]byte) string {
	var b strings.Builder
	b.WriteString(e.prefix)
	for i, p := range parts {
		b.Write(hasherLetters[rune(e.hashers[i])].Hash(p))
	}
	return b.String()
}

// tail returns the last n bytes of a key: with every hasher used here a map's
// last key ends it.
func tail(key string, n int) []byte { return []byte(key[max(0, len(key)-n):]) }

func u16key(v uint16) []byte { return binary.LittleEndian.AppendUint16(nil, v) }

func u32key(v uint32) []byte { return binary.LittleEndian.AppendUint32(nil, v) }

func u64key(v uint64) []byte { return binary.LittleEndian.AppendUint64(nil, v) }

// Storage of System, Timestamp and Balances.
var (
	sysAccount   = &entry{name: "Account", hashers: "B", keys: "AccountId32", value: "AccountInfo"}
	sysBlockHash = &entry{name: "BlockHash", hashers: "T", keys: "u32", value: "H256"}
	sysNumber    = &entry{name: "Number", value: "u32"}
	sysParent    = &entry{name: "ParentHash", value: "H256"}
	sysEvents    = &entry{name: "Events", value: "Vec<EventRecord>"}
	sysCount     = &entry{name: "EventCount", value: "u32"}
	timeNow      = &entry{name: "Now", value: "u64"}
	balIssuance  = &entry{name: "TotalIssuance", value: "u64"}
)

// Storage of SubtensorModule that is one value, or one for each account.
var (
	smTotalIssuance    = &entry{name: "TotalIssuance", value: "u64"}
	smTotalStake       = &entry{name: "TotalStake", value: "u64"}
	smTotalNetworks    = &entry{name: "TotalNetworks", value: "u16"}
	smTaoWeight        = &entry{name: "TaoWeight", value: "u64"}
	smStakeThreshold   = &entry{name: "StakeThreshold", value: "u64"}
	smNetworkLock      = &entry{name: "NetworkMinLockCost", value: "u64"}
	smOwner            = &entry{name: "Owner", hashers: "B", keys: "AccountId32", value: "AccountId32"}
	smOwnedHotkeys     = &entry{name: "OwnedHotkeys", hashers: "B", keys: "AccountId32", value: "Vec<AccountId32>"}
	smTotalHotkeyAlpha = &entry{name: "TotalHotkeyAlpha", hashers: "BI", keys: "AccountId32,u16", value: "u64"}
	smIsMember         = &entry{name: "IsNetworkMember", hashers: "BI", keys: "AccountId32,u16", value: "bool"}
)

// subnetItem is an item with one value for each subnet.
func subnetItem(name, value string) *entry {
	return &entry{name: name, hashers: "I", keys: "u16", value: value}
}

// Storage of SubtensorModule, one value for each subnet.
var (
	smNetworksAdded    = subnetItem("NetworksAdded", "bool")
	smSubnetworkN      = subnetItem("SubnetworkN", "u16")
	smTempo            = subnetItem("Tempo", "u16")
	smRegisteredAt     = subnetItem("NetworkRegisteredAt", "u64")
	smSubnetOwner      = subnetItem("SubnetOwner", "AccountId32")
	smOwnerHotkey      = subnetItem("SubnetOwnerHotkey", "AccountId32")
	smTokenSymbol      = subnetItem("TokenSymbol", "Vec<u8>")
	smMechanism        = subnetItem("SubnetMechanism", "u16")
	smLocked           = subnetItem("SubnetLocked", "u64")
	smEpochConsensus   = subnetItem("SubnetEpochConsensus", "EpochConsensus") // of newer runtimes; always Yuma
	smCollateralShare  = subnetItem("CollateralLockShare", "u16")             // of newer runtimes; zero: a registration is paid, not locked
	smSubtoken         = subnetItem("SubtokenEnabled", "bool")
	smRegAllowed       = subnetItem("NetworkRegistrationAllowed", "bool")
	smSubnetTAO        = subnetItem("SubnetTAO", "u64")
	smAlphaOut         = subnetItem("SubnetAlphaOut", "u64")
	smLastStep         = subnetItem("LastMechansimStepBlock", "u64") // spelt as on chain
	smSinceLastStep    = subnetItem("BlocksSinceLastStep", "u64")
	smPendingServer    = subnetItem("PendingServerEmission", "u64")
	smPendingValidator = subnetItem("PendingValidatorEmission", "u64")

	smRho                = subnetItem("Rho", "u16")
	smKappa              = subnetItem("Kappa", "u16")
	smMaxUIDs            = subnetItem("MaxAllowedUids", "u16")
	smImmunityPeriod     = subnetItem("ImmunityPeriod", "u16")
	smActivityCutoff     = subnetItem("ActivityCutoff", "u16")
	smMaxWeightsLimit    = subnetItem("MaxWeightsLimit", "u16")
	smWeightsVersionKey  = subnetItem("WeightsVersionKey", "u64")
	smMinAllowedWeights  = subnetItem("MinAllowedWeights", "u16")
	smMaxValidators      = subnetItem("MaxAllowedValidators", "u16")
	smBondsMovingAverage = subnetItem("BondsMovingAverage", "u64")
	smBondsPenalty       = subnetItem("BondsPenalty", "u16")
	smWeightsRateLimit   = subnetItem("WeightsSetRateLimit", "u64")
	smServingRateLimit   = subnetItem("ServingRateLimit", "u64")
	smCommitReveal       = subnetItem("CommitRevealWeightsEnabled", "bool")
	smRevealPeriod       = &entry{name: "RevealPeriodEpochs", hashers: "T", keys: "u16", value: "u64"}
	smMechanisms         = &entry{name: "MechanismCountCurrent", hashers: "T", keys: "u16", value: "u8"}
	smBurn               = subnetItem("Burn", "u64")
	smLiquidAlpha        = &entry{name: "LiquidAlphaOn", hashers: "B", keys: "u16", value: "bool"}
	smYuma3              = &entry{name: "Yuma3On", hashers: "B", keys: "u16", value: "bool"}

	smActive         = subnetItem("Active", "Vec<bool>")
	smPermit         = subnetItem("ValidatorPermit", "Vec<bool>")
	smRank           = subnetItem("Rank", "Vec<u16>")
	smTrust          = subnetItem("Trust", "Vec<u16>")
	smConsensus      = subnetItem("Consensus", "Vec<u16>")
	smIncentive      = subnetItem("Incentive", "Vec<u16>")
	smDividends      = subnetItem("Dividends", "Vec<u16>")
	smValidatorTrust = subnetItem("ValidatorTrust", "Vec<u16>")
	smPruningScores  = subnetItem("PruningScores", "Vec<u16>")
	smStakeWeight    = subnetItem("StakeWeight", "Vec<u16>")
	smEmission       = subnetItem("Emission", "Vec<u64>")
	smLastUpdate     = subnetItem("LastUpdate", "Vec<u64>")
)

// Storage of SubtensorModule, one value for each neuron.
var (
	smUids         = &entry{name: "Uids", hashers: "IB", keys: "u16,AccountId32", value: "u16", optional: true}
	smKeys         = &entry{name: "Keys", hashers: "II", keys: "u16,u16", value: "AccountId32"}
	smAxons        = &entry{name: "Axons", hashers: "IB", keys: "u16,AccountId32", value: "AxonInfo", optional: true}
	smWeights      = &entry{name: "Weights", hashers: "II", keys: "u16,u16", value: "Vec<(u16,u16)>"}
	smBonds        = &entry{name: "Bonds", hashers: "II", keys: "u16,u16", value: "Vec<(u16,u16)>"}
	smRegistration = &entry{name: "BlockAtRegistration", hashers: "II", keys: "u16,u16", value: "u64"}
)

// Storage of weights that were committed and are not yet revealed.
var (
	smCommitVersion = &entry{name: "CommitRevealWeightsVersion", value: "u16"}
	smWeightCommits = &entry{name: "WeightCommits", hashers: "TT", keys: "u16,AccountId32", value: "Vec<(H256,u64,u64,u64)>", optional: true}
	smTimelocked    = &entry{name: "TimelockedWeightCommits", hashers: "TT", keys: "u16,u64", value: "Vec<(AccountId32,u64,Vec<u8>,u64)>"}
)

// Storage of Sudo and Drand.
var (
	sudoKey     = &entry{name: "Key", value: "AccountId32", optional: true}
	drandConfig = &entry{name: "BeaconConfig", value: "BeaconConfiguration"}
	drandPulses = &entry{name: "Pulses", hashers: "B", keys: "u64", value: "Pulse", optional: true}
	drandLast   = &entry{name: "LastStoredRound", value: "u64"}
	drandOldest = &entry{name: "OldestStoredRound", value: "u64"}
)

// Storage of Commitments.
var (
	comCommitmentOf = &entry{name: "CommitmentOf", hashers: "IT", keys: "u16,AccountId32", value: "Registration", optional: true}
	comLast         = &entry{name: "LastCommitment", hashers: "IT", keys: "u16,AccountId32", value: "u32", optional: true}
	comUsedSpace    = &entry{name: "UsedSpaceOf", hashers: "IT", keys: "u16,AccountId32", value: "UsageTracker", optional: true}
	comMaxSpace     = &entry{name: "MaxSpace", value: "u32"}
	comRevealed     = &entry{name: "RevealedCommitments", hashers: "IT", keys: "u16,AccountId32", value: "Vec<(Vec<u8>,u64)>", optional: true} // nothing is sealed here
)

// codeKey holds the runtime's spec version, little endian, as on chain it holds
// the runtime itself; absent it is firstSpec.
const codeKey = ":code"

// saltKey holds random bytes of genesis that make each local chain its own.
const saltKey = ":strata:salt"
