package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"strata"
	"strata/catalog/sqlite"
	"strata/gateway"
	"strata/gateway/files"
	"strata/internal/background"
	"strata/internal/lifecycle"
	"strata/object"
	"strata/object/roster"
	"strata/peer"
	"strata/repair"
	"strata/validator"
	"strata/wallet"
	"strata/web"
)

type validatorCmd struct {
	walletFlags
	chainFlags
	dbFlags
	logFlags
	gatewayFlags
	auditFlags
	verifyFlags
	metricsFlags
	NoBridge bool `name:"no_bridge" help:"Do not run the gateway in this process."`
	supervised
}

// Run validates, and serves the gateway, until interrupted.
func (c *validatorCmd) Run(ctx context.Context, s streams) error {
	log, err := c.logger(s.err)
	if err != nil {
		return err
	}
	g := c.group(ctx, s, log)
	n, err := openNode(g, c.walletFlags, c.chainFlags, c.dbFlags, c.roles()...)
	if err != nil {
		return abandon(g, err)
	}
	config := n.validatorConfig()
	if config.Pace.CheckShare, err = c.share(runtime.NumCPU()); err != nil {
		return abandon(g, err)
	}
	background.Room(max(1, (config.Pace.CheckShare+99)/100))
	if config.Account, err = n.account(g, c.auditFlags); err != nil {
		return abandon(g, err)
	}
	v, err := validator.New(g.Context(), config)
	if err != nil {
		return abandon(g, err)
	}
	if err := v.Start(g.Context()); err != nil {
		return abandon(g, err)
	}
	g.Go("validator", v.Run)
	addresses, shown := map[string]string{}, gateway.Network(v)
	if !c.NoBridge {
		if addresses, shown, err = c.serveGateway(g, n, v, v.Judge(n.peers), s); err != nil {
			return abandon(g, err)
		}
	} else {
		c.watchBackup(g, n, v)
	}
	if err := c.network(g, addresses, shown); err != nil {
		return abandon(g, err)
	}
	if err := c.serveLog(g, n, addresses); err != nil {
		return abandon(g, err)
	}
	if err := c.ready(addresses); err != nil {
		return abandon(g, err)
	}
	return g.Wait()
}

// verifyFlags bound what commitment checks cost.
type verifyFlags struct {
	VerifyBudget float64 `name:"verify_budget" help:"Part of all cores that refilling miners' sectors may take, up to 1; half a core unless given."`
}

// share returns the budget in per cent of one core, 0 for the default.
func (f verifyFlags) share(cores int) (int, error) {
	if f.VerifyBudget < 0 || f.VerifyBudget > 1 {
		return 0, strata.E(strata.Invalid, "--verify_budget %v is not a part of the cores: give one above 0, up to 1", f.VerifyBudget)
	}
	share := int(f.VerifyBudget * float64(cores) * 100)
	if share == 0 && f.VerifyBudget > 0 {
		share = 1
	}
	return share, nil
}

func (c *validatorCmd) roles() []sqlite.Role {
	if c.NoBridge {
		return []sqlite.Role{sqlite.Validator}
	}
	return []sqlite.Role{sqlite.Validator, sqlite.Gateway}
}

// abandon closes what a failed start has opened, and keeps its error.
func abandon(g *lifecycle.Group, err error) error {
	g.Stop()
	return errors.Join(err, g.Wait())
}

// node is a validator's or gateway's connection to everything it needs.
type node struct {
	session
	dir   string // of the hotkey's files
	db    *sqlite.DB
	peers *peer.Client
	// commits is the only one of this process that changes what is on chain.
	commits *committer
	keeping *keeping
}

func openNode(g *lifecycle.Group, w walletFlags, c chainFlags, d dbFlags, roles ...sqlite.Role) (*node, error) {
	path, err := d.one()
	if err != nil {
		return nil, err
	}
	s, err := connect(g.Context(), w, c, g.Log())
	if err != nil {
		return nil, err
	}
	g.OnClose("chain", s.chain.Close)
	if _, err := s.registered(g.Context()); err != nil {
		return nil, err // before any file is made
	}
	n := &node{session: s, dir: roleDir(path, w), commits: &committer{chain: s.chain, key: s.key, netuid: s.netuid}}
	if n.db, err = sqlite.Open(g.Context(), filepath.Join(n.dir, "strata.db"), roles...); err != nil {
		return nil, err
	}
	g.OnClose("catalog", n.db.Close)
	n.keeping = &keeping{DB: n.db}
	limitMemory()
	n.peers = peer.NewClient(peer.ClientConfig{Hotkey: s.hotkey, Signer: s.key, Domain: s.domain()})
	g.OnClose("peers", n.peers.Close)
	return n, nil
}

func (n *node) validatorConfig() validator.Config {
	return validator.Config{
		Chain: n.chain, Key: n.key, Miners: n.peers, Ledger: n.db, Shards: n.db, Refusals: n.db, Keep: n.keeping,
		Domain: n.domain(), Profile: n.profile, Log: n.log,
	}
}

// network is what a gateway needs to know of the miners.
type network interface {
	roster.Network
	gateway.Network
	repair.Network
}

// gatewayFlags are those of the user's side.
type gatewayFlags struct {
	Listen string   `name:"gateway.listen" default:"127.0.0.1:3000" help:"Address of the page and of the HTTP interface."`
	Hosts  []string `name:"gateway.host" help:"Names by which the gateway is reached, besides localhost."`
	repairFlags
	backupFlags
}

// serveGateway starts the gateway in a group and returns its addresses, and the
// network as it shows it.
func (f gatewayFlags) serveGateway(g *lifecycle.Group, n *node, net network, t object.Transport, s streams) (map[string]string, gateway.Network, error) {
	if err := files.EnsureBucket(g.Context(), n.db); err != nil {
		return nil, nil, err
	}
	store, err := object.New(g.Context(), object.Options{
		Catalog: n.db, Transport: t, Network: net, Secret: n.key, Profile: n.profile, Log: n.log,
	})
	if err != nil {
		return nil, nil, err
	}
	g.OnClose("objects", func() error { store.Close(); return nil })
	g.Go("objects", store.Run)
	watched := f.startRepair(g, n, store, net)
	watched.keeper = f.startBackup(g, n, store, net)
	tokenFile := filepath.Join(n.dir, "gateway-token")
	_, missing := os.Stat(tokenFile)
	token, err := gateway.LoadToken(tokenFile)
	if err != nil {
		return nil, nil, err
	}
	server, err := gateway.New(gateway.Config{
		Token: token, Objects: files.Objects{Store: store, Backups: n.db}, Owner: files.Owner{Store: store, Net: net, Hotkey: n.key.Hotkey(), Signer: n.key, Domain: n.domain(), KeyFrom: hotkeyOf},
		Network: watched, Page: web.Page(), Hosts: f.Hosts,
		Version: version(), Log: n.log,
	})
	if err != nil {
		return nil, nil, err
	}
	ln, err := gateway.Listen(g.Context(), f.Listen)
	if err != nil {
		return nil, nil, err
	}
	g.OnStop("gateway", server.Close)
	g.Go("gateway", func(context.Context) error { return server.Serve(ln) })
	if missing != nil { // first start: the only time that the token is printed
		fmt.Fprintf(s.out, "open %s\nthe token is kept in %s\n", gateway.Address(ln, token), tokenFile)
	}
	n.log.Info("the gateway serves", "address", "http://"+ln.Addr().String(), "token_file", tokenFile)
	return map[string]string{"gateway": "http://" + ln.Addr().String(), "token_file": tokenFile}, watched, nil
}

// hotkeyOf returns the public key that a seed makes.
func hotkeyOf(seed [32]byte) (strata.Hotkey, error) {
	k, err := wallet.FromURI("0x" + hex.EncodeToString(seed[:]))
	if err != nil {
		return strata.Hotkey{}, err
	}
	return k.Hotkey(), nil
}
