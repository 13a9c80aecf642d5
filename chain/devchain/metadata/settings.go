package metadata

import (
	"fmt"

	"strata/chain/devchain/storage"
)

// Setting is a subnet's hyperparameter that AdminUtils sets.
type Setting struct {
	index int
	Call  string        // its name
	Arg   string        // the argument that holds the value
	Type  string        // of the argument: u16, u64 or bool
	Item  *storage.Item // where it is kept
}

// Settings are the calls of AdminUtils, with subtensor's indices. The argument
// besides the netuid is written to the item as it is.
var Settings = []Setting{
	{6, "sudo_set_weights_version_key", "weights_version_key", "u64", storage.WeightsVersionKey},
	{7, "sudo_set_weights_set_rate_limit", "weights_set_rate_limit", "u64", storage.WeightsRateLimit},
	{14, "sudo_set_min_allowed_weights", "min_allowed_weights", "u16", storage.MinAllowedWeights},
	{30, "sudo_set_tempo", "tempo", "u16", storage.Tempo},
	{49, "sudo_set_commit_reveal_weights_enabled", "enabled", "bool", storage.CommitReveal},
	{57, "sudo_set_commit_reveal_weights_interval", "interval", "u64", storage.RevealPeriod},
}

// SetCommitVersion is the one call of AdminUtils that is of the whole chain.
const SetCommitVersion = "sudo_set_commit_reveal_version"

func adminCalls() []string {
	out := []string{"71 " + SetCommitVersion + " version u16"}
	for _, s := range Settings {
		out = append(out, fmt.Sprintf("%d %s netuid u16, %s %s", s.index, s.Call, s.Arg, s.Type))
	}
	return out
}
