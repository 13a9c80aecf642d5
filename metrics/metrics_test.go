package metrics

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"strata"
	"strata/allocation"
	"strata/gateway"
	"strata/merkle"
	"strata/peer"
	"strata/wire"
)

// scrape returns what GET /metrics answers.
func scrape(t *testing.T, s *Set) string {
	t.Helper()
	web := httptest.NewServer(s.Handler(slog.New(slog.DiscardHandler)))
	defer web.Close()
	resp, err := http.Get(web.URL + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/plain") {
		t.Fatalf("%d %v %v: %s", resp.StatusCode, resp.Header, err, b)
	}
	return string(b)
}

func has(t *testing.T, text string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("there is no line %s", line)
		}
	}
}

type network struct {
	status gateway.NetworkStatus
	err    error
}

func (n *network) Status(context.Context) (gateway.NetworkStatus, error) { return n.status, n.err }

func TestNetwork(t *testing.T) {
	hot, at := strata.Hotkey{7}, time.Unix(1_800_000_000, 0)
	n := &network{status: gateway.NetworkStatus{
		Block: 1234, BlockTime: at, Objects: 3, ObjectBytes: 1000,
		Miners: []gateway.Miner{
			{Hotkey: hot, UID: 5, Sealed: 62, Target: 64, ProvenBytes: 7 << 20, AuditsPassed: 4096, AuditsFailed: 2, Weight: 65535, LastSeen: at},
			{Hotkey: strata.Hotkey{8}, UID: 6, LastError: "refused", Leaving: true},
		},
		Repair: &gateway.RepairStatus{Endangered: 4, Urgent: 1, Repaired: 9, Bytes: 100, BytesToGo: 50},
		Backup: &gateway.BackupStatus{Version: 17, Saved: at, Behind: "an old copy"},
	}}
	s := New("v1.2.3")
	s.Network(n)
	who := `{hotkey="` + hot.String() + `",uid="5"}`
	other := `{hotkey="` + strata.Hotkey{8}.String() + `",uid="6"}`
	has(t, scrape(t, s),
		`strata_build_info{version="v1.2.3"} 1`, "strata_network_up 1", "strata_block 1234", "strata_block_time_seconds 1.8e+09",
		"strata_objects 3", "strata_object_bytes 1000", "strata_miner_sealed_sectors"+who+" 62", "strata_miner_target_sectors"+who+" 64",
		"strata_miner_proven_bytes"+who+" 7.340032e+06", "strata_miner_weight"+who+" 65535", "strata_miner_problem"+who+" 0",
		"strata_miner_problem"+other+" 1", "strata_miner_leaving"+other+" 1", "strata_miner_last_seen_seconds"+other+" 0",
		`strata_miner_audit_leaves_total{hotkey="`+hot.String()+`",result="failed",uid="5"} 2`,
		`strata_repair_segments{need="endangered"} 4`, `strata_repair_segments{need="urgent"} 1`, "strata_repair_pending_bytes 50",
		"strata_repair_segments_total 9", "strata_backup_version 17", "strata_backup_behind 1", "strata_backup_saved_seconds 1.8e+09")

	n.err = strata.E(strata.Unavailable, "no view yet")
	if text := scrape(t, s); strings.Contains(text, "strata_block ") || !strings.Contains(text, "strata_network_up 0\n") {
		t.Errorf("without a view of the network:\n%s", text)
	}
}

// miner answers what the test says.
type miner struct {
	peer.Miner
	answer wire.AuditResponse
	err    error
}

func (m *miner) Audit(context.Context, strata.Hotkey, wire.AuditRequest) (wire.AuditResponse, error) {
	return m.answer, m.err
}

func (m *miner) PutShard(context.Context, strata.Hotkey, strata.Root, int64, io.Reader, wire.Order) (wire.Receipt, error) {
	return wire.Receipt{Sector: 3}, m.err
}

func (m *miner) ShardRange(context.Context, strata.Hotkey, strata.Root) (wire.ShardSource, error) {
	return wire.ShardSource{}, m.err
}

func (m *miner) DeleteShard(context.Context, strata.Hotkey, strata.Root) error { return m.err }

type space struct{ err error }

func (s *space) Sealed() []wire.Partition {
	return []wire.Partition{{Validator: strata.Hotkey{1}, Sealed: 3, Target: 4}}
}

func (s *space) Disks() ([]allocation.Disk, error) {
	if s.err != nil {
		return nil, s.err
	}
	return []allocation.Disk{{Path: "/disk 1", Space: allocation.Space{Free: 100, Used: 20}}}, nil
}

func TestMiner(t *testing.T) {
	ctx, v := t.Context(), strata.Hotkey{1}
	m, disks := &miner{answer: wire.AuditResponse{Openings: []wire.Opening{{Opening: merkle.Opening{}}, {Missing: true}, {}}}}, &space{}
	s := New("v")
	c := s.Miner(m, disks)
	if resp, err := c.Audit(ctx, v, wire.AuditRequest{}); err != nil || len(resp.Openings) != 3 {
		t.Errorf("%v %v", resp, err)
	}
	if r, err := c.PutShard(ctx, v, strata.Root{}, 1000, nil, wire.Order{}); err != nil || r.Sector != 3 {
		t.Errorf("%v %v", r, err)
	}
	m.err = strata.E(strata.NoSpace, "full")
	_, putErr := c.PutShard(ctx, v, strata.Root{}, 1000, nil, wire.Order{})
	_, auditErr := c.Audit(ctx, v, wire.AuditRequest{})
	_, getErr := c.ShardRange(ctx, v, strata.Root{})
	for _, err := range []error{putErr, auditErr, getErr, c.DeleteShard(ctx, v, strata.Root{})} {
		if strata.CodeOf(err) != strata.NoSpace {
			t.Errorf("the error is hidden: %v", err)
		}
	}
	text := scrape(t, s)
	who := `{validator="` + v.String() + `"`
	has(t, text,
		"strata_audited_leaves_total{result=\"opened\",validator=\""+v.String()+"\"} 2", "strata_audited_leaves_total{result=\"missing\",validator=\""+v.String()+"\"} 1",
		"strata_stored_bytes_total"+who+"} 1000", `strata_refused_total{call="put",code="no_space"} 1`, `strata_refused_total{call="audit",code="no_space"} 1`,
		`strata_refused_total{call="get",code="no_space"} 1`, `strata_refused_total{call="delete",code="no_space"} 1`, `strata_answer_seconds_count{call="audit"} 2`,
		"strata_sealed_sectors"+who+"} 3", "strata_target_sectors"+who+"} 4", `strata_disk_used_bytes{path="/disk 1"} 20`, `strata_disk_free_bytes{path="/disk 1"} 100`, "strata_disks_up 1")
	disks.err = strata.E(strata.Unavailable, "a disk is away")
	has(t, scrape(t, s), "strata_disks_up 0", "strata_sealed_sectors"+who+"} 3")
}

func TestListen(t *testing.T) {
	ln, err := Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := New("v")
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ln, slog.New(slog.DiscardHandler)) }()
	resp, err := http.Get("http://" + ln.Addr().String() + "/other")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 404 {
		t.Errorf("another path: %s", resp.Status)
	}
	if _, err := Listen(t.Context(), ln.Addr().String()); strata.CodeOf(err) != strata.Conflict {
		t.Errorf("an address that is taken: %v", err)
	}
	for _, bad := range []string{"x", "127.0.0.1", "127.0.0.1:99999"} {
		if _, err := Listen(t.Context(), bad); strata.CodeOf(err) != strata.Invalid {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("Serve: %v", err)
	}
}
