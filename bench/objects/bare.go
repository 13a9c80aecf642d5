package objects

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"strata/envelope"
	"strata/erasure"
	"strata/internal/hugepage"
	"strata/merkle"
	"strata/volume/vfs"
)

// bareRows is how many rows make a shard of 1 MiB, the largest of `local`.
const bareRows = 16

// bare measures what an upload cannot do without, in one process: the bytes are
// encoded, encrypted and hashed for all shards, go through TLS on loopback, are
// hashed again, written past the system's cache and synced, shard by shard.
// There is no request, signature, index, audit or other process. A network on
// the same cores cannot be faster.
func (r *run) bare(ctx context.Context) error {
	ln, config, err := listenTLS()
	if err != nil {
		return err
	}
	defer ln.Close()
	dir, err := os.MkdirTemp(r.cfg.Dir, "bare-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)

	g, ctx := errgroup.WithContext(ctx)
	defer context.AfterFunc(ctx, func() { _ = ln.Close() })()
	var lanes [codecTotal]*lane
	for i := range lanes {
		lanes[i] = newLane()
		g.Go(func() error { return keep(ctx, ln, filepath.Join(dir, fmt.Sprint(i))) })
		g.Go(func() error { return lanes[i].send(ctx, ln.Addr().String(), config) })
	}
	shards := max(1, int(r.cfg.Size)/(bareRows*codecK*envelope.ChunkPlain))
	before, start := used(os.Getpid()), time.Now()
	g.Go(func() error { return encodeInto(ctx, lanes[:], shards) })
	if err := g.Wait(); err != nil {
		return err
	}
	bytes := float64(shards) * bareRows * codecK * envelope.ChunkPlain
	r.res.Bare, r.res.BareCPU = bytes/time.Since(start).Seconds(), (used(os.Getpid())-before)*1e9/bytes
	return nil
}

// lane carries the shards of one receiver: one is filled while another is sent.
type lane struct{ full, free chan []byte }

func newLane() *lane {
	l := &lane{full: make(chan []byte, 1), free: make(chan []byte, 2)}
	for range cap(l.free) {
		l.free <- make([]byte, 0, bareRows*envelope.ChunkSealed)
	}
	return l
}

func (l *lane) send(ctx context.Context, addr string, config *tls.Config) error {
	c, err := tls.Dial("tcp", addr, config)
	if err != nil {
		return err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { _ = c.NetConn().Close() })()
	for shard := range l.full {
		if _, err := c.Write(shard); err != nil {
			return err
		}
		l.free <- shard[:0]
	}
	return nil
}

// encodeInto gives every lane its part of so many segments.
func encodeInto(ctx context.Context, lanes []*lane, segments int) error {
	defer func() {
		for _, l := range lanes {
			close(l.full)
		}
	}()
	c, err := erasure.New(erasure.RS8, codecK, codecTotal)
	if err != nil {
		return err
	}
	sealers, row, err := codecInput()
	if err != nil {
		return err
	}
	shards := make([][]byte, len(lanes))
	for range segments {
		for i, l := range lanes {
			select {
			case shards[i] = <-l.free:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		for n := range uint64(bareRows) {
			if err := encodeRow(c, sealers, row, shards, n); err != nil {
				return err
			}
		}
		for i, l := range lanes {
			select {
			case l.full <- shards[i]:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	return nil
}

// keep stores the shards that come over the next connection.
func keep(ctx context.Context, ln net.Listener, path string) error {
	c, err := ln.Accept()
	if err != nil {
		return err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	f, err := (vfs.OS{}).Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	m, err := hugepage.Alloc(bareRows * (envelope.ChunkPlain + envelope.Overhead))
	if err != nil {
		return err
	}
	defer m.Free()
	for at := int64(0); ; at += int64(len(m.Bytes())) {
		_, err := io.ReadFull(c, m.Bytes())
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		_ = merkle.Build(m.Bytes()).Root()
		if _, err := f.WriteDirect(m.Bytes(), at); err != nil {
			return err
		}
		if err := f.Sync(); err != nil {
			return err
		}
	}
}

// listenTLS listens on loopback with a certificate made up for it, and returns
// what a client needs to connect.
func listenTLS() (net.Listener, *tls.Config, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, nil, err
	}
	own, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, nil, err
	}
	roots := x509.NewCertPool()
	roots.AddCert(own)
	ln, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}})
	return ln, &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: roots}, err
}
