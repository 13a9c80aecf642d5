package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"strata"
	"strata/wire"
)

type walletRequestCmd struct {
	walletFlags
	Method   string        `arg:"" help:"The HTTP method."`
	URI      string        `arg:"" help:"Path and query as they are sent, percent-encoded."`
	Receiver strata.Hotkey `required:"" help:"Hotkey of the server (ss58)."`
	Body     string        `help:"File that holds the body; - reads standard input."`
}

// Run prints the headers of a request signed as btauth/1, for curl -H @FILE.
// They are good for ten seconds and for one request.
func (c *walletRequestCmd) Run(s streams) error {
	if !strings.HasPrefix(c.URI, "/") || strings.ContainsAny(c.URI, " \r\n") {
		return strata.E(strata.Invalid, "the path must begin with / and be percent-encoded")
	}
	body, err := c.bodyHash(s)
	if err != nil {
		return err
	}
	key, err := c.open().LoadHotkey()
	if err != nil {
		return err
	}
	h := http.Header{}
	if _, err := wire.SignRequest(h, key, strings.ToUpper(c.Method), c.URI, body, uint64(time.Now().UnixNano()), key.Hotkey(), c.Receiver); err != nil {
		return err
	}
	var names []string
	for name := range h {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(s.out, "%s: %s\n", name, h.Get(name))
	}
	return nil
}

func (c *walletRequestCmd) bodyHash(s streams) (sum [32]byte, err error) {
	h := sha256.New()
	switch c.Body {
	case "":
	case "-":
		_, err = io.Copy(h, s.in)
	default:
		var f *os.File
		if f, err = os.Open(expand(c.Body)); err != nil {
			break
		}
		defer f.Close() // read only: nothing to lose
		_, err = io.Copy(h, f)
	}
	if err != nil {
		return sum, strata.E(strata.Invalid, "read the body: %w", err)
	}
	h.Sum(sum[:0])
	return sum, nil
}
