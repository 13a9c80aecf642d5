package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"strata"
	"strata/auditlog"
	"strata/internal/lifecycle"
	"strata/validator"
	"strata/validator/fraud"
	"strata/wire"
)

// auditFlags are those of the validator's public account of itself.
type auditFlags struct {
	AuditPeers  []string `name:"auditlog.peer" placeholder:"URL" help:"Another validator's published audit log, to take its proofs of fraud from; repeat for several."`
	AuditKeep   uint64   `name:"auditlog.keep_days" default:"90" help:"For how many days' blocks the published part of the audit log is kept; 0: for ever."`
	AuditListen string   `name:"auditlog.listen" placeholder:"ADDRESS" help:"Serve the published part of the audit log to anyone at this address (HTTP)."`
}

// blocksADay is how many blocks of 12 s a day has.
const blocksADay = 7200

func (n *node) auditDir() string { return filepath.Join(n.dir, "auditlog") }

// account opens the audit log of a validator.
func (n *node) account(g *lifecycle.Group, f auditFlags) (*validator.Account, error) {
	log, err := auditlog.Open(n.auditDir(), n.domain(), n.hotkey, n.log)
	if err != nil {
		return nil, err
	}
	g.OnClose("audit log", log.Close)
	accusers := []fraud.Accuser{auditlog.Folder(filepath.Join(n.auditDir(), auditlog.Inbox))}
	for _, url := range f.AuditPeers {
		accusers = append(accusers, auditlog.Peer{URL: url, Client: &http.Client{Timeout: time.Minute}})
	}
	return &validator.Account{
		Log: log, Journal: n.db, Frauds: n.db, Accusers: accusers, Version: version(), Retain: f.AuditKeep * blocksADay,
		Commit: func(ctx context.Context, number uint64, hash strata.Root) error {
			return n.commits.change(ctx, func(w wire.Commitment) wire.Commitment { return w.WithAudit(number, hash) })
		},
	}, nil
}

// serveLog serves what is public of the audit log, if an address is given.
func (f auditFlags) serveLog(g *lifecycle.Group, n *node, addresses map[string]string) error {
	if f.AuditListen == "" {
		return nil
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(g.Context(), "tcp", f.AuditListen)
	if err != nil {
		return strata.E(strata.Invalid, "--auditlog.listen: %w", err)
	}
	server := &http.Server{
		Handler: auditlog.Handler(n.auditDir()), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 10 * time.Second,
		WriteTimeout: 10 * time.Minute, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
	}
	g.OnStop("audit log's server", server.Close)
	g.Go("audit log's server", func(context.Context) error {
		if err := server.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	addresses["auditlog"] = "http://" + ln.Addr().String()
	n.log.Info("the audit log is public", "address", addresses["auditlog"])
	return nil
}
