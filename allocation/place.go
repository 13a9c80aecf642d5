package allocation

// place turns the final sizes into sectors on each volume. What is there stays,
// as far as the volume has room and the partition does not shrink.
func place(parts []*part, vols []volume) {
	relieve(parts, vols)
	for _, p := range parts {
		p.shrinkTo(p.final, freeOf(parts, vols))
	}
	for _, p := range parts {
		p.growTo(p.final, freeOf(parts, vols))
	}
}

// relieve empties volumes that hold more than their capacity: partitions that
// shrink anyway go first, then the largest ones there. Live sectors stay.
func relieve(parts []*part, vols []volume) {
	for v := range vols {
		excess := load(parts, v)
		excess -= min(excess, vols[v].capacity)
		for _, p := range parts {
			n := min(excess, p.on[v]-p.held[v], p.sectors()-min(p.sectors(), p.final))
			p.on[v] -= n
			excess -= n
		}
		spare := make([]uint64, len(parts))
		var sum uint64
		for i, p := range parts {
			spare[i] = p.on[v] - p.held[v]
			sum += spare[i]
		}
		for i, n := range largestRemainder(min(excess, sum), bigs(spare), hotkeyOrder(parts)) {
			parts[i].on[v] -= n
		}
	}
}

func (p *part) sectors() (n uint64) {
	for _, s := range p.on {
		n += s
	}
	return n
}

// load returns the sectors on a volume.
func load(parts []*part, v int) (n uint64) {
	for _, p := range parts {
		n += p.on[v]
	}
	return n
}

// freeOf returns the free sectors of each volume.
func freeOf(parts []*part, vols []volume) []uint64 {
	free := make([]uint64, len(vols))
	for v := range vols {
		n := load(parts, v)
		free[v] = max(vols[v].capacity, n) - n
	}
	return free
}

// shrinkTo removes sectors without live data, from the volume with the least
// free space first.
func (p *part) shrinkTo(n uint64, free []uint64) {
	for p.sectors() > n {
		best := -1
		for v := range p.on {
			if p.on[v] > p.held[v] && (best < 0 || free[v] < free[best]) {
				best = v
			}
		}
		if best < 0 {
			return // only live sectors are left; final is never below them
		}
		p.on[best] -= min(p.on[best]-p.held[best], p.sectors()-n)
	}
}

// growTo adds sectors in proportion to the volumes' free space, so that a
// partition lies on several disks and survives one.
func (p *part) growTo(n uint64, free []uint64) {
	need := n - min(n, p.sectors())
	if need == 0 {
		return
	}
	order := make([]int, len(free))
	for v := range order {
		order[v] = v
	}
	for v, s := range largestRemainder(need, bigs(free), order) {
		p.on[v] += s
	}
}
