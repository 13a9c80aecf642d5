package gateway

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"

	"strata"
)

const (
	// pagePolicy lets the page load its own files and talk to its own gateway,
	// nothing else; images in style sheets are data: addresses.
	pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
		"connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
	maxPageFile = 8 << 20 // bytes
)

// page holds the page's files in memory; it never changes once made.
type page struct {
	files map[string]pageFile // by address, "/" for index.html
}

type pageFile struct {
	data        []byte
	contentType string
	etag        string
	forever     bool // the name says the content
}

// newPage reads all of dir; nil gives a page without files.
func newPage(dir fs.FS) (*page, error) {
	p := &page{files: map[string]pageFile{}}
	if dir == nil {
		return p, nil
	}
	err := fs.WalkDir(dir, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		return p.add(dir, name)
	})
	if _, ok := p.files["/"]; err == nil && !ok {
		err = fs.ErrNotExist
	}
	if err != nil {
		return nil, strata.E(strata.Invalid, "the page's files cannot be read: %w", err)
	}
	return p, nil
}

func (p *page) add(dir fs.FS, name string) error {
	data, err := fs.ReadFile(dir, name)
	if err != nil {
		return err
	}
	if len(data) > maxPageFile {
		return strata.E(strata.TooLarge, "%s has more than %d bytes", name, maxPageFile)
	}
	sum := sha256.Sum256(data)
	f := pageFile{
		data: data, contentType: pageType(name), etag: `"` + hex.EncodeToString(sum[:16]) + `"`,
		forever: strings.HasPrefix(name, "assets/"),
	}
	address := "/" + name
	if name == "index.html" {
		address = "/"
	}
	p.files[address] = f
	return nil
}

// pageType names the types of a page's files itself: what the system's table
// says differs from machine to machine.
func pageType(name string) string {
	switch ext := path.Ext(name); ext {
	case ".html":
		return "text/html; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	default:
		if t := mime.TypeByExtension(ext); t != "" {
			return t
		}
		return binary
	}
}

func (p *page) serve(w http.ResponseWriter, r *http.Request) {
	f, ok := p.files[r.URL.Path]
	if !ok {
		fail(w, strata.E(strata.NotFound, "the gateway has nothing at %s", oneLine(r.URL.Path)))
		return
	}
	h := w.Header()
	h.Set("Content-Type", f.contentType)
	h.Set("Content-Security-Policy", pagePolicy)
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Etag", f.etag)
	h.Set("Cache-Control", "no-cache")
	if f.forever {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.data))
}
