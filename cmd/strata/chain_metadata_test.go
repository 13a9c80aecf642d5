package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"strata/chain/scale/listing"
	"strata/internal/recorded"
)

// command runs a command line as main does.
func command(t *testing.T, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	var out, errs bytes.Buffer
	status = run(args, streams{strings.NewReader(""), &out, &errs})
	return out.String(), errs.String(), status
}

// The lists are those of the recorded runtimes, read without a node.
func TestChainMetadataOfFiles(t *testing.T) {
	for _, c := range []struct {
		file    string
		pallets int
		apis    int
		lines   []string
	}{
		{"finney_metadata_v14.hex", 26, 0, []string{
			"metadata V14, extrinsic version 4, 26 pallets, 0 runtime APIs",
			"  CheckMetadataHash: CheckMetadataHash + Option<[u8; 32]>",
			"  call 4 serve_axon(netuid: u16, version: u32, ip: u128, port: u16, ip_type: u8, protocol: u8, placeholder1: u8, placeholder2: u8)",
			"  storage Uids[u16 Identity, AccountId32 Blake2_128Concat] -> u16?",
		}},
		{"finney_metadata_v15_at_version.hex", 26, 22, []string{
			"runtime API SubnetInfoRuntimeApi",
			"  get_metagraph(netuid: u16) -> Option<Metagraph<AccountId32>>",
			"  storage TimelockedWeightCommits[u16 Twox64Concat, u64 Twox64Concat] -> Vec<(AccountId32, u64, BoundedVec<u8>, u64)>",
			"  constant ExistentialDeposit: u64",
		}},
		{"spec300_metadata_v14.hex", 37, 0, []string{"  call 0 set_weights(netuid: u16, dests: Vec<u16>, weights: Vec<u16>, version_key: u64)"}},
		{"spec300_metadata_v15.hex", 37, 22, []string{"  current_alpha_price(netuid: u16) -> u64"}},
	} {
		t.Run(c.file, func(t *testing.T) {
			file := recorded.Path(t, c.file)
			out, stderr, status := command(t, "chain", "metadata", "--file", file)
			if status != 0 || stderr != "" {
				t.Fatalf("status %d: %s", status, stderr)
			}
			for _, line := range c.lines {
				if !strings.Contains(out, line+"\n") {
					t.Errorf("the list has no line %q", line)
				}
			}
			out, _, status = command(t, "chain", "metadata", "--json", "--file", file)
			var l listing.Runtime
			if err := json.Unmarshal([]byte(out), &l); err != nil || status != 0 {
				t.Fatalf("status %d, JSON: %v", status, err)
			}
			if len(l.Pallets) != c.pallets || len(l.APIs) != c.apis {
				t.Errorf("%d pallets and %d runtime APIs, want %d and %d", len(l.Pallets), len(l.APIs), c.pallets, c.apis)
			}
		})
	}
}

func TestChainMetadataParts(t *testing.T) {
	file := recorded.Path(t, "finney_metadata_v15_at_version.hex")
	out, _, _ := command(t, "chain", "metadata", "--file", file, "--type", "AxonInfo")
	want := "type pallet_subtensor::pallet::AxonInfo\n  block: u64\n  version: u32\n  ip: u128\n  port: u16\n  ip_type: u8\n  protocol: u8\n  placeholder1: u8\n  placeholder2: u8\n"
	if out != want {
		t.Errorf("AxonInfo is shown as\n%s", out)
	}
	out, _, _ = command(t, "chain", "metadata", "--file", file, "--pallet", "aura")
	if want := "pallet Aura (3)\n  storage Authorities[] -> BoundedVec<Public>\n  storage CurrentSlot[] -> Slot\n  constant SlotDuration: u64\n"; out != want {
		t.Errorf("Aura is shown as\n%s", out)
	}
	for _, args := range [][]string{{"--pallet", "Nothing"}, {"--type", "Nothing"}} {
		if _, stderr, status := command(t, append([]string{"chain", "metadata", "--file", file}, args...)...); status != 3 || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%v: status %d, %q", args, status, stderr)
		}
	}
}

func TestChainMetadataOfOtherFiles(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{"empty": "", "text": "no metadata", "cut": "6d6574610e", "magic": "meta\x0f\xff\xff"} {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, stderr, status := command(t, "chain", "metadata", "--file", file); status != 2 || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%s: status %d, %q", name, status, stderr)
		}
	}
}
