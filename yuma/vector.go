package yuma

// cell is one entry of a sparse row.
type cell struct {
	col int
	v   fixed
}

// matrix is n sparse rows over n columns; cells outside it were dropped when
// it was read.
type matrix [][]cell

func sum(x []fixed) fixed {
	var s fixed
	for _, v := range x {
		s = s.add(v)
	}
	return s
}

// scaleBy divides by d, and leaves x as it is when d is 0.
func scaleBy(x []fixed, d fixed) {
	if d == 0 {
		return
	}
	for i := range x {
		x[i] = x[i].div(d)
	}
}

func normalize(x []fixed) { scaleBy(x, sum(x)) }

func vectorU16(x []fixed) []uint16 {
	out := make([]uint16, len(x))
	for i, v := range x {
		out[i] = v.u16()
	}
	return out
}

func shares(x []fixed, amount uint64) []uint64 {
	out := make([]uint64, len(x))
	for i, v := range x {
		out[i] = v.of(amount)
	}
	return out
}

// filter keeps the cells that keep says yes to.
func (m matrix) filter(keep func(row int, c cell) bool) matrix {
	out := make(matrix, len(m))
	for i, row := range m {
		for _, c := range row {
			if keep(i, c) {
				out[i] = append(out[i], c)
			}
		}
	}
	return out
}

// apply replaces each value; cells that become 0 stay.
func (m matrix) apply(f func(row int, c cell) fixed) matrix {
	out := make(matrix, len(m))
	for i, row := range m {
		for _, c := range row {
			out[i] = append(out[i], cell{c.col, f(i, c)})
		}
	}
	return out
}

func (m matrix) rowSums() []fixed {
	out := make([]fixed, len(m))
	for i, row := range m {
		for _, c := range row {
			out[i] = out[i].add(c.v)
		}
	}
	return out
}

// normalizeRows makes each row sum to 1, rows of zeros excepted.
func (m matrix) normalizeRows() matrix {
	sums := m.rowSums()
	return m.apply(func(i int, c cell) fixed {
		if sums[i] <= 0 {
			return c.v
		}
		return c.v.div(sums[i])
	})
}

// byColumn divides each cell by its column's d, where that is not 0.
func (m matrix) byColumn(d []fixed) matrix {
	return m.apply(func(_ int, c cell) fixed {
		if d[c.col] == 0 {
			return c.v
		}
		return c.v.div(d[c.col])
	})
}

// normalizeColumns makes each column sum to 1, columns of zeros excepted.
func (m matrix) normalizeColumns() matrix {
	sums := make([]fixed, len(m))
	for _, row := range m {
		for _, c := range row {
			sums[c.col] = sums[c.col].add(c.v)
		}
	}
	return m.byColumn(sums)
}

// upscaleColumns makes each column's greatest value 1.
func (m matrix) upscaleColumns() matrix {
	greatest := make([]fixed, len(m))
	for _, row := range m {
		for _, c := range row {
			greatest[c.col] = max(greatest[c.col], c.v)
		}
	}
	return m.byColumn(greatest)
}

// columns returns Σ_i v_i·m_ij for each column j.
func (m matrix) columns(v []fixed) []fixed {
	out := make([]fixed, len(m))
	for i, row := range m {
		for _, c := range row {
			out[c.col] = out[c.col].add(v[i].mul(c.v))
		}
	}
	return out
}

// rows returns Σ_j v_j·m_ij for each row i.
func (m matrix) rows(v []fixed) []fixed {
	out := make([]fixed, len(m))
	for i, row := range m {
		for _, c := range row {
			out[i] = out[i].add(v[c.col].mul(c.v))
		}
	}
	return out
}

// dense spreads row i over all columns; of two cells in one column the last counts.
func (m matrix) dense(i int) []fixed {
	out := make([]fixed, len(m))
	for _, c := range m[i] {
		out[c.col] = c.v
	}
	return out
}

// sparse keeps a dense row's positive values.
func sparse(row []fixed) []cell {
	var out []cell
	for j, v := range row {
		if v > 0 {
			out = append(out, cell{j, v})
		}
	}
	return out
}

// clip lowers each value to its column's limit; a limit of 0 drops the cell.
func (m matrix) clip(limit []fixed) matrix {
	kept := m.filter(func(_ int, c cell) bool { return limit[c.col] >= c.v || limit[c.col] > 0 })
	return kept.apply(func(_ int, c cell) fixed { return min(c.v, limit[c.col]) })
}

// interpolate returns a + r·(b − a).
func interpolate(a, b matrix, r fixed) matrix {
	switch r {
	case 0:
		return a
	case one:
		return b
	}
	out := make(matrix, len(a))
	for i := range a {
		x, y := a.dense(i), b.dense(i)
		for j := range x {
			x[j] = x[j].add(r.mul(y[j].sub(x[j])))
		}
		out[i] = sparse(x)
	}
	return out
}

// ema returns α·recent + (1−α)·old.
func ema(recent, old matrix, alpha fixed) matrix {
	out := make(matrix, len(recent))
	for i := range recent {
		acc := make([]fixed, len(recent))
		for _, c := range recent[i] {
			acc[c.col] = acc[c.col].add(alpha.mul(c.v))
		}
		for _, c := range old[i] {
			acc[c.col] = acc[c.col].add(one.sub(alpha).mul(c.v))
		}
		out[i] = sparse(acc)
	}
	return out
}
