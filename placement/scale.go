package placement

// Scale returns the erasure-coding numbers for a network of so many usable
// miners: k shards rebuild a segment, below repair healthy ones it is repaired,
// success signed receipts acknowledge it, total are made.
//
//	total   = min(miners, 30)
//	k       = max(1, ⌊total / 3⌋)
//	success = k + ⌊7 (total − k) / 10⌋, at least 2 with two miners or more
//	repair  = k + ⌈3 (success − k) / 7⌉
//
// which gives 10/16/24/30 from 30 miners up, 2/3/4/6 for six and 1/2/2/3 for
// three. Neither success − k (what may vanish at the acknowledgement) nor
// total − k (what may vanish later) falls when miners join. Two miners keep a
// copy each, and both must have it; one miner keeps one copy. None gives zeros.
func Scale(miners int) (k, repair, success, total int) {
	if miners < 1 {
		return 0, 0, 0, 0
	}
	total = min(miners, 30)
	k = max(1, total/3)
	success = max(k+7*(total-k)/10, min(total, 2))
	repair = k + (3*(success-k)+6)/7
	return k, repair, success, total
}
