// Package bench measures Strata on the machine that it runs on. This package
// holds what the measurements share: the line that names the machine, and
// tables that print the same for people and as JSON. Each measurement is a
// subpackage; cmd/strata's bench verb runs them.
package bench

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"
)

// Machine says what was measured on: processor, cores in use, system, Go
// version and the date of now. A figure without it means nothing.
func Machine(now time.Time) string {
	return fmt.Sprintf("%s, %d cores, %s/%s, %s, %s",
		processor(), runtime.GOMAXPROCS(0), runtime.GOOS, runtime.GOARCH, runtime.Version(), now.UTC().Format(time.DateOnly))
}

// processor returns the processor's own name where the system tells it.
func processor() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return "unnamed processor"
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		name, value, _ := strings.Cut(s.Text(), ":")
		if strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unnamed processor"
}

// Table is a measurement for people: a head and rows of as many cells.
type Table struct {
	Head []string
	Rows [][]string
}

// Write prints the table with aligned columns.
func (t Table) Write(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, row := range append([][]string{t.Head}, t.Rows...) {
		fmt.Fprintln(tw, strings.Join(row, "\t")+"\t")
	}
	return tw.Flush()
}
