package devnet

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"strata"
	"strata/volume/layout"
)

// filling is one miner's space that `strata allocate` fills, at most at a rate.
type filling struct {
	n    *Network
	db   string
	rate strata.ByteSize
}

const (
	sectorsToFill = 32 // 128 MiB
	kills         = 10
)

// TestAllocateSurvivesKills kills `strata allocate` ten times, lets it finish,
// and compares every byte with a run that nobody disturbed.
func TestAllocateSurvivesKills(t *testing.T) {
	t.Parallel()
	ctx := within(t)
	n := chainOnly(ctx, t)
	calm := filling{n, filepath.Join(t.TempDir(), "calm"), strata.GiB}
	calm.finish(ctx, t)

	// A fast machine seals all before it can be killed ten times; a busy one, before
	// the test gets to kill it.
	killed, hits := filling{n, "", 40 * strata.MiB}, -1
	for hits < 0 {
		killed.db = filepath.Join(t.TempDir(), "killed")
		if hits = killed.kills(ctx, t); hits < 0 {
			t.Logf("at %s a second allocate ended before it was killed %d times", killed.rate, kills)
			killed.rate /= 4
		}
	}
	if hits < kills/3 {
		t.Fatalf("only %d of %d kills came while sectors were being sealed: the test shows nothing", hits, kills)
	}
	t.Logf("%d of %d kills while sealing, %d sectors sealed by then", hits, kills, killed.sealed())
	killed.rate = strata.GiB
	killed.finish(ctx, t)
	if got, want := killed.digests(t), calm.digests(t); !maps.Equal(got, want) {
		t.Errorf("after %d kills the files are %v, undisturbed they are %v", kills, got, want)
	}
}

// kills kills allocate so often and says how often between a run's first sector
// and the last of all; -1 if it ended before that.
func (a filling) kills(ctx context.Context, t *testing.T) (hits int) {
	t.Helper()
	chance := rand.New(rand.NewPCG(7, 11))
	for range kills {
		before := a.sealed()
		if !a.kill(ctx, t, chance) {
			return -1
		}
		if after := a.sealed(); after > before && after < sectorsToFill {
			hits++
		}
	}
	return hits
}

// chainOnly is a network with a registered miner and a validator of which only
// the chain runs, past the block from which stake is read.
func chainOnly(ctx context.Context, t *testing.T) *Network {
	t.Helper()
	cfg := small(t.TempDir(), 1)
	cfg.BlockTime = 50 * time.Millisecond
	n := open(t, cfg)
	if err := n.startChain(ctx); err != nil {
		t.Fatal(err)
	}
	if err := n.register(ctx); err != nil {
		t.Fatal(err)
	}
	c := dial(ctx, t, n.ChainURL())
	head, err := c.Head(ctx)
	if err != nil {
		t.Fatal(err)
	}
	grid := strata.LocalProfile.StakeGrid
	until(ctx, t, "a block of the stake grid has seen the registrations", func() bool {
		_, err := c.BlockAt(ctx, (head.Number/grid+1)*grid)
		return err == nil
	})
	return n
}

func (a filling) command(ctx context.Context) (*exec.Cmd, *bytes.Buffer) {
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, command, "allocate", "--db_path", a.db,
		"--wallet.path", a.n.walletPath(), "--wallet.name", "miner-1", "--wallet.hotkey", "default",
		"--subtensor.chain_endpoint", a.n.ChainURL(), "--netuid", fmt.Sprint(a.n.netuid()),
		"--space", fmt.Sprint(sectorsToFill*uint64(strata.LocalProfile.SectorSize())), "--workers", "1", "--no_prompt",
		"--max_rate", fmt.Sprint(uint64(a.rate)))
	cmd.Stdout, cmd.Stderr = &out, &out
	return cmd, &out
}

// finish runs allocate to its end.
func (a filling) finish(ctx context.Context, t *testing.T) {
	t.Helper()
	cmd, out := a.command(ctx)
	if err := cmd.Run(); err != nil {
		t.Fatalf("allocate: %v\n%s", err, out)
	}
	if got := a.sealed(); got != sectorsToFill {
		t.Fatalf("allocate ended well with %d of %d sectors\n%s", got, sectorsToFill, out)
	}
}

// kill starts allocate and kills it at a random point: somewhere in its start,
// or somewhere after it sealed up to two more sectors. It says whether the kill
// hit; if not, allocate had ended.
func (a filling) kill(ctx context.Context, t *testing.T, chance *rand.Rand) bool {
	t.Helper()
	cmd, out := a.command(ctx)
	goal, later := a.sealed()+chance.IntN(3), time.Duration(chance.Int64N(int64(50*time.Millisecond)))
	if goal == a.sealed() {
		later = time.Duration(chance.Int64N(int64(300 * time.Millisecond)))
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for a.sealed() < goal {
		select {
		case err := <-ended:
			t.Logf("allocate ended: %v\n%s", err, out)
			return false
		case <-tick.C:
		}
	}
	select {
	case err := <-ended:
		t.Logf("allocate ended: %v\n%s", err, out)
		return false
	case <-time.After(later): // where in the next sector the kill comes
	}
	_ = cmd.Process.Kill() // it may have ended at this moment
	return <-ended != nil
}

func (a filling) dir() string { return layout.Dir(a.db, "miner-1", "default") }

// sealed counts the whole records of the hashes file: number plus one, then 1
// for a sealed sector, at the start of each 1024th of a sector.
func (a filling) sealed() int {
	files, err := filepath.Glob(filepath.Join(a.dir(), "hashes-*"))
	if err != nil || len(files) != 1 {
		return 0
	}
	f, err := os.Open(files[0])
	if err != nil {
		return 0
	}
	defer f.Close()
	done := 0
	for slot := range sectorsToFill {
		var head [9]byte
		if _, err := f.ReadAt(head[:], int64(slot)*int64(strata.LocalProfile.SectorSize())/1024); err != nil {
			break
		}
		if binary.LittleEndian.Uint64(head[:]) > 0 && head[8] == 1 {
			done++
		}
	}
	return done
}

// digests are the SHA-256 of what the format fixes: data, hashes, partition.json.
func (a filling) digests(t *testing.T) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(a.dir())
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, e := range entries {
		if e.Name() != "partition.json" && !strings.HasPrefix(e.Name(), "data-") && !strings.HasPrefix(e.Name(), "hashes-") {
			continue
		}
		f, err := os.Open(filepath.Join(a.dir(), e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		h := sha256.New()
		size, err := io.Copy(h, f)
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		out[e.Name()] = fmt.Sprintf("%d bytes, %x", size, h.Sum(nil))
	}
	if len(out) != 3 {
		t.Errorf("there are %d files of the format, want data, hashes and partition.json: %v", len(out), out)
	}
	return out
}
