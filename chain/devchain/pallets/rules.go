package pallets

// Rules of the local chain that are not settings.
const (
	transactionFee  = 100_000       // rao for a call that pays: transfers, remarks, stake, registrations
	minStake        = 2_000_000     // rao, the least that add_stake takes
	commitmentSpace = 3100          // bytes that a hotkey may commit to a subnet in one tempo, as on chain
	endowment       = 1_000_000_000 // TAO for each development account
)
