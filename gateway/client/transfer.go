package client

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"

	"strata"
	"strata/gateway"
)

// Progress is told the bytes moved so far, from 0 or the offset on, by one
// goroutine at a time. Nil is allowed.
type Progress func(bytes int64)

func (p Progress) tell(n int64) {
	if p != nil {
		p(n)
	}
}

// File is a file to store.
type File struct {
	Name        string
	ContentType string // application/octet-stream if empty
	Size        int64  // bytes, -1 if unknown
	Body        io.Reader
	// Keyed says that Name is a key, whose file is replaced on a condition.
	Keyed     bool
	Condition gateway.Condition
}

// Put stores what r yields under a name. size is its length in bytes, -1 if
// unknown.
func (c *Client) Put(ctx context.Context, name string, size int64, r io.Reader, progress Progress) (strata.ObjectID, error) {
	return c.PutFile(ctx, File{Name: name, Size: size, Body: r}, progress)
}

// PutFile stores a file. A body of another length than Size has code Invalid and
// nothing is stored. The body is not read before the gateway has accepted the
// token.
func (c *Client) PutFile(ctx context.Context, f File, progress Progress) (strata.ObjectID, error) {
	size := f.Size
	file := &counted{r: f.Body, size: size, progress: progress}
	upload := c.formUpload
	if f.Keyed {
		upload = c.keyedUpload
	}
	req, err := upload(ctx, f, file)
	if err != nil {
		return strata.ObjectID{}, err
	}
	req.Header.Set("Expect", "100-continue")
	resp, err := c.do(req)
	if err != nil {
		return strata.ObjectID{}, err
	}
	defer resp.Body.Close()
	var out gateway.Stored
	if err := decode(resp, &out); err != nil {
		return strata.ObjectID{}, err
	}
	return out.Hash, nil
}

// formUpload is the request to store a file beside all others of its name.
func (c *Client) formUpload(ctx context.Context, f File, file io.Reader) (*http.Request, error) {
	head, tail, contentType, err := form(f)
	if err != nil {
		return nil, err
	}
	body := io.MultiReader(strings.NewReader(head), file, strings.NewReader(tail))
	req, err := c.request(ctx, http.MethodPost, "/store/", nil, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", contentType)
	if f.Size >= 0 {
		req.ContentLength = int64(len(head)) + f.Size + int64(len(tail))
	}
	return req, nil
}

// keyedUpload is the request to store a file under its key.
func (c *Client) keyedUpload(ctx context.Context, f File, file io.Reader) (*http.Request, error) {
	path, err := keyPath(f.Name)
	if err != nil {
		return nil, err
	}
	req, err := c.request(ctx, http.MethodPut, path, nil, file)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", cmp.Or(f.ContentType, "application/octet-stream"))
	if f.Condition.Absent {
		req.Header.Set("If-None-Match", "*")
	}
	if f.Condition.Match != (strata.ObjectID{}) {
		req.Header.Set("If-Match", `"`+f.Condition.Match.String()+`"`)
	}
	req.ContentLength = f.Size
	if f.Size == 0 {
		req.Body = http.NoBody // a length of 0 with a body would mean an unknown one
	}
	return req, nil
}

// keyPath returns the address of a key.
func keyPath(key string) (string, error) {
	if err := gateway.CheckKey(key); err != nil {
		return "", err
	}
	parts := strings.Split(key, "/")
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	return "/api/files/" + strings.Join(parts, "/"), nil
}

// Key returns the object that a key names now; code NotFound if it names none.
func (c *Client) Key(ctx context.Context, key string) (gateway.Object, error) {
	// Of all names that begin so, the key is listed first.
	page, err := c.List(ctx, gateway.ListRequest{Prefix: key, Limit: 1})
	if err != nil {
		return gateway.Object{}, err
	}
	if len(page.Objects) == 1 && page.Objects[0].Keyed && page.Objects[0].Name == key {
		return page.Objects[0], nil
	}
	return gateway.Object{}, strata.E(strata.NotFound, "no file has the key %q", key)
}

// DeleteKey deletes the file that a key names, unless match is zero only that
// one, and returns its id; code NotFound if the key names none, Conflict if another.
func (c *Client) DeleteKey(ctx context.Context, key string, match strata.ObjectID) (strata.ObjectID, error) {
	path, err := keyPath(key)
	if err != nil {
		return strata.ObjectID{}, err
	}
	req, err := c.request(ctx, http.MethodDelete, path, nil, nil)
	if err != nil {
		return strata.ObjectID{}, err
	}
	if match != (strata.ObjectID{}) {
		req.Header.Set("If-Match", `"`+match.String()+`"`)
	}
	resp, err := c.do(req)
	if err != nil {
		return strata.ObjectID{}, err
	}
	defer resp.Body.Close()
	id, err := strata.ParseObjectID(strings.Trim(resp.Header.Get("Etag"), `"`))
	if err != nil {
		return id, strata.E(strata.Unavailable, "the answer of %s is not a gateway's: check the address: %w", req.URL.Host, err)
	}
	return id, nil
}

// form returns what goes before and after the file in a multipart body.
func form(f File) (head, tail, contentType string, err error) {
	var buf bytes.Buffer
	w := multipart.NewWriter(&buf)
	h := textproto.MIMEHeader{}
	h.Set("Content-Disposition", multipart.FileContentDisposition("file", f.Name))
	h.Set("Content-Type", cmp.Or(f.ContentType, "application/octet-stream"))
	if _, err := w.CreatePart(h); err != nil {
		return "", "", "", strata.E(strata.Invalid, "the name %q cannot be sent: %w", f.Name, err)
	}
	head = buf.String()
	if err := w.Close(); err != nil {
		return "", "", "", strata.E(strata.Invalid, "the name %q cannot be sent: %w", f.Name, err)
	}
	return head, buf.String()[len(head):], w.FormDataContentType(), nil
}

// counted reads exactly size bytes of a file, or all of it if size is -1.
type counted struct {
	r        io.Reader
	size     int64
	sent     int64
	progress Progress
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.sent += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, strata.E(strata.CodeOf(err), "the file cannot be read, nothing was stored: %w", err)
	}
	if c.size >= 0 && (c.sent > c.size || c.sent < c.size && errors.Is(err, io.EOF)) {
		return 0, strata.E(strata.Invalid, "the file changed while it was sent: it no longer has %d bytes; nothing was stored", c.size)
	}
	if n > 0 {
		c.progress.tell(c.sent)
	}
	return n, err
}

// Get writes an object from offset on to w, and returns how many bytes it
// wrote. A transfer that breaks off is taken up where it was as long as each
// attempt brings something; on an error the caller may call again with offset
// moved on by the bytes written. Nothing is written twice or out of order.
func (c *Client) Get(ctx context.Context, id strata.ObjectID, w io.Writer, offset int64, progress Progress) (int64, error) {
	d := &download{client: c, id: id, w: w, at: offset, progress: progress}
	for {
		before := d.at
		done, err := d.attempt(ctx)
		switch {
		case done, err != nil && (d.fatal || ctx.Err() != nil):
			return d.at - offset, err
		case d.at == before:
			return d.at - offset, strata.E(strata.Unavailable, "the download of %s broke off at byte %d: try again: %w", id, d.at, err)
		}
	}
}

// download is a Get under way.
type download struct {
	client   *Client
	id       strata.ObjectID
	w        io.Writer
	at       int64 // next byte of the object to write
	progress Progress
	fatal    bool // another attempt would not help
}

// attempt asks for the rest. done means that the object is complete.
func (d *download) attempt(ctx context.Context) (done bool, err error) {
	req, err := d.client.request(ctx, http.MethodGet, "/retrieve/", url.Values{"hash": {d.id.String()}}, nil)
	if err != nil {
		d.fatal = true
		return false, err
	}
	if d.at > 0 {
		req.Header.Set("Range", "bytes="+strconv.FormatInt(d.at, 10)+"-")
	}
	resp, err := d.client.http.Do(req)
	if err != nil {
		d.fatal = true
		return false, unreachable(req, err)
	}
	defer resp.Body.Close()
	if done, err := d.check(resp); done || err != nil {
		d.fatal = err != nil
		return done, err
	}
	return d.copy(resp.Body)
}

// check compares what the gateway sends with what was asked for.
func (d *download) check(resp *http.Response) (done bool, err error) {
	unit := resp.Header.Get("Content-Range")
	switch {
	case resp.StatusCode == http.StatusOK && d.at == 0:
		return false, nil
	case resp.StatusCode == http.StatusPartialContent && strings.HasPrefix(unit, "bytes "+strconv.FormatInt(d.at, 10)+"-"):
		return false, nil
	case resp.StatusCode == http.StatusRequestedRangeNotSatisfiable && unit == "bytes */"+strconv.FormatInt(d.at, 10):
		return true, nil // there is nothing after the last byte
	case resp.StatusCode/100 == 2:
		return false, strata.E(strata.Unavailable, "the gateway did not send %s from byte %d on: start over", d.id, d.at)
	}
	return false, failureOf(resp)
}

// copy writes the body out. A failure of w is the caller's and ends the Get.
func (d *download) copy(body io.Reader) (done bool, err error) {
	buf := make([]byte, 256<<10)
	for {
		n, err := body.Read(buf)
		if n > 0 {
			written, werr := d.w.Write(buf[:n])
			d.at += int64(written)
			if werr != nil {
				d.fatal = true
				return false, werr
			}
			d.progress.tell(d.at)
		}
		switch {
		case errors.Is(err, io.EOF):
			return true, nil
		case err != nil:
			return false, err
		}
	}
}
