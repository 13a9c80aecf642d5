// Package client talks to a gateway: what the command line uses, and any Go
// program may.
package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"strata"
	"strata/gateway"
)

const (
	maxAnswer  = 64 << 20 // bytes of JSON read; a page of objects is far smaller
	maxFailure = 64 << 10
)

// Client is a gateway's address and token. It is safe for concurrent use. Errors
// have the code that the gateway gave, Unavailable when it cannot be reached.
type Client struct {
	base  *url.URL
	token gateway.Token
	http  *http.Client
}

// New returns a client of the gateway at base, such as http://localhost:3000.
// An address that is none has code Invalid.
func New(base string, token gateway.Token) (*Client, error) {
	u, err := url.Parse(base)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, strata.E(strata.Invalid, "the gateway's address %q is not like http://localhost:3000", base)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ExpectContinueTimeout = 5 * time.Second // a refusal comes before the file is sent
	transport.DisableCompression = true
	transport.MaxIdleConnsPerHost = 64 // a crowd of small files must not connect anew for each
	return &Client{base: u, token: token, http: &http.Client{Transport: transport}}, nil
}

// Close lets idle connections go.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Stat returns an object with its segments.
func (c *Client) Stat(ctx context.Context, id strata.ObjectID) (gateway.Object, error) {
	var out gateway.Object
	err := c.call(ctx, http.MethodGet, "/api/objects/"+id.String(), nil, &out)
	return out, err
}

// List returns a page of objects; a Limit of 0 is the gateway's default.
func (c *Client) List(ctx context.Context, r gateway.ListRequest) (gateway.ObjectList, error) {
	q := url.Values{"prefix": {r.Prefix}, "after": {r.After}}
	if r.Limit > 0 {
		q.Set("limit", strconv.Itoa(r.Limit))
	}
	if r.Health {
		q.Set("health", "1")
	}
	var out gateway.ObjectList
	err := c.call(ctx, http.MethodGet, "/api/objects", q, &out)
	return out, err
}

// Delete removes an object.
func (c *Client) Delete(ctx context.Context, id strata.ObjectID) error {
	return c.call(ctx, http.MethodDelete, "/api/objects/"+id.String(), nil, nil)
}

// Undelete brings a deleted object back.
func (c *Client) Undelete(ctx context.Context, id strata.ObjectID) (gateway.Object, error) {
	var out gateway.Object
	err := c.call(ctx, http.MethodPost, "/api/objects/"+id.String()+"/undelete", nil, &out)
	return out, err
}

// Verify has the gateway ask the object's miners, for all their bytes when deep.
func (c *Client) Verify(ctx context.Context, id strata.ObjectID, deep bool) (gateway.Verification, error) {
	q := url.Values{}
	if deep {
		q.Set("deep", "1")
	}
	var out gateway.Verification
	err := c.call(ctx, http.MethodPost, "/api/objects/"+id.String()+"/verify", q, &out)
	return out, err
}

// Export returns what reads the object without a gateway for so many days. It
// discloses the object's keys.
func (c *Client) Export(ctx context.Context, id strata.ObjectID, days int) (gateway.Manifest, error) {
	var out gateway.Manifest
	err := c.call(ctx, http.MethodPost, "/api/objects/"+id.String()+"/export", url.Values{"days": {strconv.Itoa(days)}}, &out)
	return out, err
}

// Network returns the gateway's view of the network.
func (c *Client) Network(ctx context.Context) (gateway.NetworkStatus, error) {
	var out gateway.NetworkStatus
	err := c.call(ctx, http.MethodGet, "/api/network", nil, &out)
	return out, err
}

// call sends a request without a body and decodes the JSON answer into out,
// unless that is nil.
func (c *Client) call(ctx context.Context, method, path string, q url.Values, out any) error {
	req, err := c.request(ctx, method, path, q, nil)
	if err != nil {
		return err
	}
	resp, err := c.do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if out == nil {
		return nil
	}
	return decode(resp, out)
}

func decode(resp *http.Response, out any) error {
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(out); err != nil {
		return strata.E(strata.Unavailable, "the answer of %s is not a gateway's: check the address: %w", resp.Request.URL.Host, err)
	}
	return nil
}

func (c *Client) request(ctx context.Context, method, path string, q url.Values, body io.Reader) (*http.Request, error) {
	u := c.base.JoinPath(path)
	u.RawQuery = q.Encode()
	req, err := http.NewRequestWithContext(ctx, method, u.String(), body)
	if err != nil {
		return nil, fmt.Errorf("make a request to the gateway: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+c.token.Reveal())
	return req, nil
}

// do sends a request and turns everything but a 2xx into an error.
func (c *Client) do(req *http.Request) (*http.Response, error) {
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, unreachable(req, err)
	}
	if resp.StatusCode/100 == 2 {
		return resp, nil
	}
	defer resp.Body.Close()
	return nil, failureOf(resp)
}

// unreachable keeps a cancellation and a code from the request's own body as
// they are; the rest is a gateway that does not answer.
func unreachable(req *http.Request, err error) error {
	var own *strata.Error
	switch {
	case req.Context().Err() != nil:
		return context.Cause(req.Context())
	case errors.As(err, &own):
		return own
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err // without the address, whose query may be long
	}
	return strata.E(strata.Unavailable, "no gateway answers at %s: start one with `strata gateway`, or check the address: %w", req.URL.Host, err)
}

// failureOf reads a Failure back into an error with its code.
func failureOf(resp *http.Response) error {
	var f gateway.Failure
	err := json.NewDecoder(io.LimitReader(resp.Body, maxFailure)).Decode(&f)
	text := strings.Join(strings.Fields(f.Error), " ")
	if err != nil || f.Code == "" || text == "" {
		return strata.E(strata.Unavailable, "%s answered %s, which is not a gateway's answer: check the address", resp.Request.URL.Host, resp.Status)
	}
	return strata.E(f.Code, "%s", text)
}
