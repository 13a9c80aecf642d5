package yuma

// medians returns for each column the stake-weighted median of the rows with
// stake: the greatest weight that at least the share majority of the stake
// supports. A row without the column counts as 0.
func medians(stake []fixed, m matrix, majority fixed) []fixed {
	var used []fixed
	var rows matrix
	for i, s := range stake {
		if s > 0 {
			used, rows = append(used, s), append(rows, m[i])
		}
	}
	normalize(used)
	total := sum(used)
	columns := make([][]fixed, len(m))
	for j := range columns {
		columns[j] = make([]fixed, len(used))
	}
	for k, row := range rows {
		for _, c := range row {
			columns[c.col][k] = c.v
		}
	}
	out := make([]fixed, len(m))
	for j, scores := range columns {
		out[j] = median(used, scores, total.sub(majority), total)
	}
	return out
}

// median finds the score at which the stake of lower scores passes minority,
// by the pallet's search: the middle element is the pivot, so that rounding in
// the partial sums is the same on every machine.
func median(stake, score []fixed, minority, total fixed) fixed {
	part := make([]int, len(stake))
	for i := range part {
		part[i] = i
	}
	lo, hi := fixed(0), total
	for len(part) > 1 {
		pivot := score[part[len(part)/2]]
		lower, upper, below, above := split(stake, score, part, pivot)
		switch {
		case minority < lo.add(below) && len(lower) > 0:
			part, hi = lower, lo.add(below)
		case hi.sub(above) <= minority && len(upper) > 0:
			part, lo = upper, hi.sub(above)
		default:
			return pivot
		}
	}
	if len(part) == 0 {
		return 0
	}
	return score[part[0]]
}

// split returns the indices below and above the pivot and their stake.
func split(stake, score []fixed, part []int, pivot fixed) (lower, upper []int, below, above fixed) {
	for _, i := range part {
		switch {
		case score[i] < pivot:
			lower, below = append(lower, i), below.add(stake[i])
		case score[i] > pivot:
			upper, above = append(upper, i), above.add(stake[i])
		}
	}
	return lower, upper, below, above
}
