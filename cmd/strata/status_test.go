package main

import (
	"strings"
	"testing"
	"time"

	"strata"
	"strata/gateway"
)

func TestStatus(t *testing.T) {
	now := time.Date(2026, 11, 5, 12, 0, 0, 0, time.UTC)
	st := gateway.NetworkStatus{
		Profile: "main", Netuid: 7, Block: 1234, BlockTime: now.Add(-5 * time.Second), Objects: 3, ObjectBytes: 5 << 20,
		Miners: []gateway.Miner{
			{UID: 1, Sealed: 64, Target: 64, ProvenBytes: 1 << 30, AuditsPassed: 90, AuditsFailed: 10, Weight: 100, LastSeen: now.Add(-time.Minute)},
			{UID: 2, Sealed: 63, Target: 64, Weight: 300, LastSeen: now.Add(-4 * time.Minute)},
			{UID: 3, Leaving: true, LastSeen: now},
			{UID: 4, LastSeen: now.Add(-3 * time.Hour)},
			{UID: 5},
			{UID: 6, LastSeen: now.Add(-72 * time.Hour), LastError: "connection refused"},
		},
		Repair: &gateway.RepairStatus{Endangered: 2, Urgent: 1, BytesToGo: 1 << 20},
		Backup: &gateway.BackupStatus{Version: 17, Saved: now.Add(-time.Hour)},
	}
	show := func() string {
		t.Helper()
		var b strings.Builder
		if err := showStatus(&b, st, now); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	key := strata.Hotkey{}.String()
	text := strings.Join(strings.Fields(show()), " ")
	for _, want := range []string{
		"network main, netuid 7, block 1234, 5s ago", "files 3 of 5 MiB", "repair 2 segments endangered, 1 urgent, 0 unreadable, 0 moving, 0 blocked; 1 MiB to go",
		"backup version 17, saved 1h ago", "1 " + key + " good 64/64 1 GiB 100 10 25.00% 1m ago", "2 " + key + " sealing 63/64 0 B 0 0 75.00% 4m ago",
		key + " leaving ", key + " silent ", key + " not seen ", "never", key + " problem 0/0 0 B 0 0 0.00% 3d ago connection refused",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in:\n%s", want, text)
		}
	}
	st.Miners, st.Backup = nil, &gateway.BackupStatus{Version: 17, Behind: "miners know version 18"}
	if text := show(); !strings.Contains(text, "miners   none yet\n") || !strings.Contains(text, "backup   stopped: miners know version 18\n") {
		t.Errorf("%s", text)
	}
	st.Backup.Behind, st.Backup.Version = "", 0
	if text := show(); !strings.Contains(text, "backup   not saved yet\n") {
		t.Errorf("%s", text)
	}
	if got := portion(1, 0); got != "0.00%" {
		t.Errorf("a share of nothing is %s", got)
	}
}
