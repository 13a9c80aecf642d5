// Package runtimeapi answers state_call: the runtime APIs by which clients read
// versions, metadata, metagraphs, neurons, stakes and prices from the state
// after a block. What a local chain does not have (proof of work, pools,
// identities, root dividends) is zero or empty.
package runtimeapi
