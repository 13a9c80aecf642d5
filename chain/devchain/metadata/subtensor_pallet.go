package metadata

import (
	"strata/chain/devchain/storage"
)

var subtensorStorage = []*storage.Item{
	storage.TotalIssuance, storage.TotalStake, storage.TotalNetworks, storage.TaoWeight, storage.StakeThreshold, storage.NetworkLock, storage.Owner, storage.OwnedHotkeys, storage.TotalHotkeyAlpha, storage.IsMember,
	storage.NetworksAdded, storage.SubnetworkN, storage.Tempo, storage.RegisteredAt, storage.SubnetOwner, storage.OwnerHotkey, storage.TokenSymbol, storage.Mechanism, storage.Locked, storage.CollateralShare, storage.EpochConsensus, storage.Subtoken, storage.RegAllowed,
	storage.SubnetTAO, storage.AlphaOut, storage.LastStep, storage.SinceLastStep, storage.PendingServer, storage.PendingValidator,
	storage.Rho, storage.Kappa, storage.MaxUIDs, storage.ImmunityPeriod, storage.ActivityCutoff, storage.MaxWeightsLimit, storage.WeightsVersionKey, storage.MinAllowedWeights, storage.MaxValidators,
	storage.BondsMovingAverage, storage.BondsPenalty, storage.WeightsRateLimit, storage.ServingRateLimit, storage.CommitReveal, storage.RevealPeriod, storage.CommitVersion, storage.Mechanisms, storage.WeightCommits, storage.TimelockedCommits, storage.Burn, storage.LiquidAlpha, storage.Yuma3,
	storage.Active, storage.Permit, storage.Rank, storage.Trust, storage.Consensus, storage.Incentive, storage.Dividends, storage.ValidatorTrust, storage.PruningScores, storage.StakeWeight, storage.Emission, storage.LastUpdate,
	storage.Uids, storage.Keys, storage.Axons, storage.Weights, storage.Bonds, storage.Registration, storage.Certificates, storage.AlphaShares, storage.HotkeyShares, storage.StakingHotkey,
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
