package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/netip"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"strata"
	"strata/chain"
	"strata/chain/subtensor"
	"strata/wallet"
)

// market is a chain with a validator that has a permit and weights, and a miner.
type market struct {
	url       string
	client    *subtensor.Client
	validator keypair
	miner     keypair
	wallets   string
}

func newMarket(t *testing.T) *market {
	t.Helper()
	dir := t.TempDir()
	keys := makeWallets(t, dir)
	url := startChain(t, time.Now)
	populate(t, url, keys)
	c, err := subtensor.Dial(t.Context(), []string{url}, subtensor.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	m := &market{url, c, keys["validator"], keys["miner"], dir}
	m.await(t, func(g *chain.Metagraph) bool { return len(g.Neurons) > 1 && g.Neurons[1].Permit })
	m.setWeights(t)
	return m
}

func (m *market) await(t *testing.T, done func(*chain.Metagraph) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	heads, err := m.client.Heads(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for range heads {
		g, err := m.client.Metagraph(ctx, 1, strata.BlockHash{})
		if err != nil {
			t.Fatal(err)
		}
		if done(g) {
			return
		}
	}
	t.Fatal("it did not come to that")
}

func (m *market) setWeights(t *testing.T) {
	t.Helper()
	if _, err := m.client.SetWeights(t.Context(), m.validator.hot, 1, []chain.Weight{{UID: 1, Value: 1}, {UID: 2, Value: 3}}, nil); err != nil {
		t.Fatal(err)
	}
}

func (m *market) serve(t *testing.T, addr string) {
	t.Helper()
	a := chain.Axon{Version: 1, Protocol: 4, Addr: netip.MustParseAddrPort(addr)}
	if _, err := m.client.ServeAxon(t.Context(), m.miner.hot, 1, a); err != nil {
		t.Fatal(err)
	}
}

// run runs a view of the chain.
func (m *market) run(t *testing.T, args ...string) string {
	t.Helper()
	out, stderr, status := command(t, append(append([]string{"chain"}, args...), "--subtensor.chain_endpoint", m.url)...)
	if status != 0 || stderr != "" {
		t.Fatalf("%v: status %d: %s", args, status, stderr)
	}
	return out
}

// names puts words in place of what differs from run to run.
func (m *market) names(s string) string {
	s = strings.NewReplacer(
		m.validator.hot.String(), "VALIDATOR", m.validator.cold.String(), "VALIDATORS-OWNER", m.miner.hot.String(), "MINER",
		m.miner.cold.String(), "MINERS-OWNER", m.validator.hot.Hotkey().Short(), "VALIDATO", m.url, "URL",
	).Replace(s)
	s = regexp.MustCompile(`0x[0-9a-f]{64}`).ReplaceAllString(s, "HASH")
	s = regexp.MustCompile(`\b\d+ ago`).ReplaceAllString(s, "N ago")
	s = regexp.MustCompile(`\b(block|in|for|finalized) +\d+`).ReplaceAllString(s, "$1 N")
	s = regexp.MustCompile(`\b\d+(\.\d+)?m?s ago`).ReplaceAllString(s, "T ago")
	return regexp.MustCompile(` +\n`).ReplaceAllString(regexp.MustCompile(`  +`).ReplaceAllString(s, "  "), "\n")
}

func TestChainViews(t *testing.T) {
	m := newMarket(t)
	m.serve(t, "203.0.113.7:8091")
	for _, c := range []struct {
		args  []string
		lines []string
	}{
		{[]string{"info"}, []string{
			"chain  Strata local (local profile)", "endpoint  URL", "genesis  HASH", "syncing  no", "subnets  2",
			"runtime  node-subtensor 300, transaction version 1, metadata V15",
		}},
		{[]string{"subnets"}, []string{"NETUID  NAME  NEURONS  TEMPO  SINCE EPOCH  BURN  OPEN  TAO  OWNER"}},
		{[]string{"weights"}, []string{"VALIDATOR  HOTKEY  SET  TO  WEIGHT  SHARE", "1  VALIDATO  N ago  1  21845  25.00%", "2  65535  75.00%"}},
		{[]string{"weights", "--uid", "2"}, []string{"VALIDATOR  HOTKEY  SET  TO  WEIGHT  SHARE"}},
		{[]string{"neuron", m.miner.hot.String()}, []string{
			"hotkey  MINER", "coldkey  MINERS-OWNER", "axon  203.0.113.7:8091", "permit  no", "is given  75.00% by validator 1, VALIDATO",
		}},
		{[]string{"neuron", "1"}, []string{"hotkey  VALIDATOR", "permit  yes", "sets  25.00% to neuron 1", "sets  75.00% to neuron 2", "is given  25.00% by validator 1, VALIDATO"}},
		{[]string{"balance", "--wallet.path", m.wallets, "--wallet.name", "validator"}, []string{"coldkey  VALIDATORS-OWNER"}},
	} {
		out := m.names(m.run(t, c.args...))
		for _, line := range c.lines {
			if !strings.Contains(out, strings.TrimLeft(line, " ")+"\n") {
				t.Errorf("%v: no line %q in\n%s", c.args, line, out)
			}
		}
	}
	graph := m.names(m.run(t, "metagraph"))
	if !regexp.MustCompile(`(?m)^1 .* yes +yes .* N ago +- +VALIDATOR$`).MatchString(graph) || !regexp.MustCompile(`(?m)^2 .* 203.0.113.7:8091 +MINER$`).MatchString(graph) {
		t.Errorf("metagraph\n%s", graph)
	}
}

func TestChainViewsAsJSON(t *testing.T) {
	m := newMarket(t)
	var info chainInfo
	var subnets []subnetRow
	var graph, now metagraphView
	var weights []weightRow
	var neuron neuronView
	var balance balanceView
	for _, c := range []struct {
		args []string
		into any
	}{
		{[]string{"info"}, &info}, {[]string{"subnets"}, &subnets}, {[]string{"metagraph"}, &graph},
		{[]string{"weights"}, &weights}, {[]string{"neuron", "2"}, &neuron}, {[]string{"balance", m.validator.cold.String()}, &balance},
	} {
		if err := json.Unmarshal([]byte(m.run(t, append(c.args, "--json")...)), c.into); err != nil {
			t.Errorf("%v: %v", c.args, err)
		}
	}
	if err := json.Unmarshal([]byte(m.run(t, "metagraph", "--json", "--block", strconv.FormatUint(graph.Block, 10))), &now); err != nil || now.Block != graph.Block {
		t.Errorf("metagraph of block %d is of %d, %v", graph.Block, now.Block, err)
	}
	if info.Subnets != 2 || info.Block == 0 || info.Genesis == (strata.GenesisHash{}) || info.SpecVersion != 300 {
		t.Errorf("info %+v", info)
	}
	if len(subnets) != 2 || subnets[1].Neurons != 3 || subnets[1].Burn != "0.001" || !subnets[1].Open {
		t.Errorf("subnets %+v", subnets)
	}
	if len(graph.Neurons) != 3 || graph.Neurons[1].Hotkey != m.validator.hot.Hotkey() || !graph.Neurons[1].Permit {
		t.Errorf("metagraph %+v", graph)
	}
	if len(weights) != 1 || len(weights[0].Weights) != 2 || weights[0].Weights[1].Share != 75 {
		t.Errorf("weights %+v", weights)
	}
	if neuron.Neuron.UID != 2 || len(neuron.Given) != 1 || neuron.Given[0].Share < 74.99 || neuron.Scheme != "plain" {
		t.Errorf("neuron %+v", neuron)
	}
	if len(balance.Stakes) != 1 || balance.Stakes[0].Hotkey != m.validator.hot.Hotkey() || !strings.HasPrefix(balance.Stakes[0].Amount, "100") {
		t.Errorf("balance %+v", balance)
	}
}

// A machine with the public half of a coldkey sees its balance.
func TestBalanceOfPublicOnlyWallet(t *testing.T) {
	m := newMarket(t)
	w := wallet.Open(filepath.Join(t.TempDir(), "w"), "watch", "")
	if _, err := w.ImportPublic(wallet.Coldkey, m.validator.cold.String(), false); err != nil {
		t.Fatal(err)
	}
	if out := m.names(m.run(t, "balance", "--wallet.path", w.Path, "--wallet.name", "watch")); !strings.Contains(out, "VALIDATORS-OWNER") || !strings.Contains(out, "on VALIDATOR, subnet 1") {
		t.Errorf("balance\n%s", out)
	}
}

func TestChainViewErrors(t *testing.T) {
	url := startChain(t, time.Now)
	for _, c := range []struct {
		args   []string
		status int
		text   string
	}{
		{[]string{"metagraph", "--netuid", "9"}, 3, "subnet 9 does not exist"},
		{[]string{"neuron", "3", "--netuid", "0"}, 3, "no neuron 3"},
		{[]string{"neuron", "nobody", "--netuid", "0"}, 2, "nobody"},
		{[]string{"weights", "--netuid", "0", "--uid", "1"}, 3, "no neuron 1"},
		{[]string{"balance", "nobody"}, 2, "nobody"},
		{[]string{"metagraph", "--netuid", "0", "--block", "4000000000"}, 3, "block 4000000000"},
	} {
		_, stderr, status := command(t, append(append([]string{"chain"}, c.args...), "--subtensor.chain_endpoint", url)...)
		if status != c.status || !strings.Contains(stderr, c.text) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%v: status %d: %q", c.args, status, stderr)
		}
	}
}

// The watch shows what happens while it runs, and ends after its blocks: so many
// that it does happen by then, which depends on the machine.
func TestChainWatch(t *testing.T) {
	m := newMarket(t)
	missing := ""
	for blocks := 45; blocks < 10_000; blocks *= 4 {
		seen := m.watch(t, blocks)
		if missing = lacks(seen, `neuron 2: \w{8} serves on 203.0.113.9:4242\n`, `neuron 1: \w{8} set weights\n`, `epoch: \S+ alpha to 3 neurons, \d with incentive, 1 permits\n`); missing == "" {
			return
		}
		t.Logf("in %d blocks no line like %q in\n%s", blocks, missing, seen)
	}
	t.Errorf("no line like %q", missing)
}

// lacks returns the first of the patterns that is not in text, "" if all are.
func lacks(text string, patterns ...string) string {
	for _, p := range patterns {
		if !regexp.MustCompile(p).MatchString(text) {
			return p
		}
	}
	return ""
}

// watch runs the watch for so many blocks while a miner serves and a validator
// sets weights.
func (m *market) watch(t *testing.T, blocks int) string {
	t.Helper()
	pr, pw := io.Pipe()
	done := make(chan int, 1)
	var errs bytes.Buffer
	go func() {
		status := run([]string{"chain", "watch", "--blocks", strconv.Itoa(blocks), "--subtensor.chain_endpoint", m.url}, streams{strings.NewReader(""), pw, &errs})
		pw.Close()
		done <- status
	}()
	lines := bufio.NewScanner(pr)
	if !lines.Scan() || !strings.HasPrefix(lines.Text(), "watching subnet 1 from block ") {
		t.Fatalf("it begins with %q, %s", lines.Text(), errs.String())
	}
	var seen strings.Builder
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for lines.Scan() {
			seen.WriteString(lines.Text() + "\n")
		}
	}()
	m.serve(t, "203.0.113.9:4242")
	m.setWeights(t)
	<-ended
	if status := <-done; status != 0 || errs.Len() > 0 {
		t.Fatalf("status %d: %s", status, errs.String())
	}
	return seen.String()
}
