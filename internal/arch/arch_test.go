// Package arch checks the shape of the code: imports run up the list of
// layers only, and roles never import a technology.
package arch

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// layers lists every package from the bottom up. A package imports only
// packages of lower layers.
var layers = []struct {
	name     string
	packages []string
}{
	{"root", []string{""}},
	{"rules", []string{"seal", "merkle", "allocation", "placement", "score", "yuma", "health"}},
	{"codecs", []string{"erasure", "envelope", "internal/sr25519"}},
	{"protocol", []string{"wire"}},
	{"tools", []string{"internal/batch", "internal/durable", "internal/hugepage", "internal/background", "internal/leaks", "internal/lifecycle", "internal/recorded"}},
	{"adapters", []string{"chain", "chain/scale", "chain/scale/listing", "chain/timelock", "chain/subtensor", "chain/subtensor/link", "chain/devchain", "chain/devchain/jsonrpc", "chain/devchain/state", "chain/devchain/storage", "chain/devchain/metadata", "chain/devchain/pallets", "chain/devchain/runtimeapi", "chain/devchain/pool", "chain/devchain/ledger", "chain/devchain/devchaintest", "wallet", "volume", "volume/vfs", "volume/vfs/faultfs", "volume/layout", "volume/index", "volume/hashes", "volume/pipeline", "volume/yield", "volume/disk", "peer", "catalog", "catalog/catalogtest", "catalog/sqlite", "auditlog", "auditlog/onchain"}},
	{"services", []string{"object/segment", "object/packer", "object/keyring", "object/roster", "object/memory", "object/fetch", "object/send", "object/renew", "object", "object/objecttest", "repair", "backup"}},
	{"roles", []string{"miner", "validator", "validator/account", "validator/audit", "validator/book", "validator/chance", "validator/check", "validator/fraud", "validator/holding", "validator/manifest", "validator/refusal", "validator/shards", "validator/subnet", "validator/weigh", "gateway", "gateway/client", "gateway/client/agefile", "gateway/files"}},
	{"composition", []string{"validator/validatortest", "web", "metrics", "devnet", "bench", "bench/attack", "bench/audit", "bench/cheaters", "bench/objects", "bench/pipeline", "bench/profile", "bench/seal", "sim", "cmd/strata"}},
}

// sideways lists the imports allowed within one layer: an adapter may import
// its parent contract, rules may build on merkle.
var sideways = map[string][]string{
	"seal":                {"merkle"},
	"chain/scale/listing": {"chain/scale"},
	"chain/subtensor":     {"chain", "chain/scale", "chain/timelock", "chain/subtensor/link"},

	// The local chain's parts, from the state up to the node.
	"chain/devchain/state":        {"chain/scale"},
	"chain/devchain/storage":      {"chain/scale", "chain/devchain/state"},
	"chain/devchain/metadata":     {"chain/scale", "chain/devchain/storage"},
	"chain/devchain/pallets":      {"chain/scale", "chain/timelock", "chain/devchain/state", "chain/devchain/storage", "chain/devchain/metadata"},
	"chain/devchain/runtimeapi":   {"chain/scale", "chain/devchain/state", "chain/devchain/storage", "chain/devchain/metadata", "chain/devchain/pallets"},
	"chain/devchain/pool":         {"chain/devchain/state", "chain/devchain/pallets"},
	"chain/devchain/ledger":       {"chain/scale", "chain/devchain/state"},
	"chain/devchain/devchaintest": {"chain/scale", "chain/timelock", "chain/devchain/state", "chain/devchain/storage", "chain/devchain/metadata", "chain/devchain/pallets"},
	"chain/devchain":              {"chain/timelock", "chain/devchain/jsonrpc", "chain/devchain/state", "chain/devchain/storage", "chain/devchain/metadata", "chain/devchain/pallets", "chain/devchain/runtimeapi", "chain/devchain/pool", "chain/devchain/ledger"},

	"catalog/sqlite":      {"catalog"},
	"auditlog/onchain":    {"auditlog", "chain"},
	"catalog/catalogtest": {"catalog"},

	// A miner's space, from the files up to the store.
	"volume/vfs/faultfs": {"volume/vfs"},
	"volume/layout":      {"volume/vfs"},
	"volume/index":       {"volume/vfs", "volume/layout"},
	"volume/hashes":      {"volume/vfs", "volume/layout"},
	"volume/pipeline":    {"volume/vfs"},
	"volume/yield":       {"volume/pipeline"},
	"volume/disk":        {"volume/vfs", "volume/layout", "volume/index", "volume/hashes", "volume/yield"},
	"volume":             {"volume/vfs", "volume/layout", "volume/index", "volume/hashes", "volume/pipeline", "volume/yield", "volume/disk"},

	// Users' files, from a segment's bytes up to the store.
	"object/fetch":      {"object/segment", "object/roster"},
	"object/send":       {"object/roster", "object/memory"},
	"object/renew":      {"object/segment", "object/roster", "object/memory", "object/fetch", "object/send"},
	"object":            {"object/segment", "object/packer", "object/keyring", "object/roster", "object/memory", "object/fetch", "object/send", "object/renew"},
	"object/objecttest": {"object/segment", "object/roster"},
	"repair":            {"object/renew"},
	"backup":            {"object", "object/roster"},

	// A validator's rooms, from what is known of a miner up to the role.
	"validator/book":     {"validator/chance", "validator/subnet", "validator/holding"},
	"validator/account":  {"validator/subnet", "validator/book"},
	"validator/fraud":    {"validator/subnet", "validator/book"},
	"validator/manifest": {"validator/subnet", "validator/holding", "validator/book", "validator/fraud"},
	"validator/check":    {"validator/chance", "validator/book", "validator/fraud"},
	"validator/shards":   {"validator/book", "validator/manifest", "validator/refusal"},
	"validator/audit":    {"validator/chance", "validator/subnet", "validator/holding", "validator/book", "validator/manifest", "validator/shards"},
	"validator/weigh":    {"validator/subnet", "validator/book", "validator/account"},
	"validator":          {"gateway", "validator/chance", "validator/subnet", "validator/book", "validator/account", "validator/fraud", "validator/manifest", "validator/check", "validator/shards", "validator/refusal", "validator/audit", "validator/weigh"},

	"gateway/client": {"gateway"},
	"gateway/files":  {"gateway"},
	"bench/audit":    {"bench"},
	"cmd/strata":     {"bench/pipeline", "devnet", "metrics", "web", "bench", "bench/attack", "bench/audit", "bench/cheaters", "bench/objects", "bench/profile", "bench/seal", "sim"},
	"devnet":         {"web"},
	"bench/objects":  {"bench", "devnet"},
	"bench/profile":  {"bench/seal"},
	"bench/seal":     {"bench", "bench/pipeline"},
}

// technologies are the adapters that hold one technology each; roles and
// services know only contracts.
var technologies = []string{"chain/scale", "chain/scale/listing", "chain/timelock", "chain/subtensor", "chain/devchain", "volume", "volume/vfs", "peer", "catalog/sqlite", "wallet"}

// technology says whether a package holds a technology, or is part of one that
// does.
func technology(path string) bool {
	return slices.ContainsFunc(technologies, func(t string) bool { return path == t || strings.HasPrefix(path, t+"/") })
}

type pkg struct {
	ImportPath string
	Imports    []string
}

func TestImportDirection(t *testing.T) {
	layerOf := map[string]int{}
	for i, l := range layers {
		for _, p := range l.packages {
			layerOf[p] = i
		}
	}
	for _, p := range list(t) {
		from := rel(p.ImportPath)
		if strings.HasPrefix(from, "internal/") && from == "internal/arch" {
			continue
		}
		at, ok := layerOf[from]
		if !ok {
			t.Errorf("package %s is in no layer: name it in internal/arch", p.ImportPath)
			continue
		}
		for _, imp := range p.Imports {
			if !ours(imp) {
				continue
			}
			to := rel(imp)
			if slices.Contains(sideways[from], to) {
				continue
			}
			if layerOf[to] >= at {
				t.Errorf("%s (%s) imports %s (%s)", from, layers[at].name, to, layers[layerOf[to]].name)
			}
			if name := layers[at].name; (name == "roles" || name == "services") && technology(to) {
				t.Errorf("%s is of the %s and imports the technology %s: take a contract instead", from, name, to)
			}
		}
	}
}

// TestRulesArePure keeps clocks, I/O, concurrency and chance out of the rules.
func TestRulesArePure(t *testing.T) {
	forbidden := []string{"time", "os", "net", "net/http", "sync", "math/rand", "math/rand/v2", "crypto/rand", "log/slog", "database/sql"}
	allowed := map[string][]string{"score": {"time"}} // durations of the profile, never the clock
	for _, p := range list(t) {
		from := rel(p.ImportPath)
		if !slices.Contains(layers[1].packages, from) {
			continue
		}
		for _, imp := range p.Imports {
			if slices.Contains(forbidden, imp) && !slices.Contains(allowed[from], imp) {
				t.Errorf("the rules package %s imports %s", from, imp)
			}
		}
	}
}

func list(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", "strata/...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var pkgs []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); dec.More(); {
		var p pkg
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, p)
	}
	if len(pkgs) < len(layers) {
		t.Fatalf("go list found only %d packages", len(pkgs))
	}
	return pkgs
}

func ours(path string) bool { return path == "strata" || strings.HasPrefix(path, "strata/") }

func rel(path string) string { return strings.TrimPrefix(strings.TrimPrefix(path, "strata"), "/") }
