package auditlog

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"strata"
)

// Frauds is the subdirectory of proofs of fraud, public at once.
const Frauds = "frauds"

// FraudSuffix ends the name of a proof's file.
const FraudSuffix = ".proof"

// Listing is what is public of a log.
type Listing struct {
	Segments []File `json:"segments"` // by first entry
	Frauds   []File `json:"frauds"`
}

// File is a public file below the log's address.
type File struct {
	Path string `json:"path"`
	Size int64  `json:"size"`
}

// maxListed bounds how many files of a kind a listing names: the newest.
const maxListed = 10_000

// Handler serves what is public of the log in dir to anyone, and nothing else:
// GET / lists it (Listing), GET /segments/<name> and /frauds/<name> are the
// files.
func Handler(dir string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		var l Listing
		var err error
		if l.Segments, err = list(filepath.Join(dir, Public), suffix, "segments/"); err == nil {
			l.Frauds, err = list(filepath.Join(dir, Frauds), FraudSuffix, "frauds/")
		}
		if err != nil {
			http.Error(w, "the audit log cannot be listed", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(l) // the reader has gone
	})
	mux.HandleFunc("GET /segments/{name}", file(filepath.Join(dir, Public), suffix, "text/plain; charset=utf-8"))
	mux.HandleFunc("GET /frauds/{name}", file(filepath.Join(dir, Frauds), FraudSuffix, "application/octet-stream"))
	return mux
}

func list(dir, suffix, prefix string) ([]File, error) {
	entries, err := os.ReadDir(dir)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, strata.E(strata.Internal, "list %s: %w", dir, err)
	}
	out := []File{}
	for _, e := range entries[max(0, len(entries)-maxListed):] {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() && strings.HasSuffix(e.Name(), suffix) {
			out = append(out, File{prefix + e.Name(), info.Size()})
		}
	}
	return out, nil
}

// file serves the files of a directory by name.
func file(dir, suffix, kind string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		name := r.PathValue("name")
		if name != filepath.Base(name) || strings.HasPrefix(name, ".") || !strings.HasSuffix(name, suffix) {
			http.NotFound(w, r)
			return
		}
		f, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			http.NotFound(w, r)
			return
		}
		defer f.Close()
		st, err := f.Stat()
		if err != nil || !st.Mode().IsRegular() {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", kind)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		http.ServeContent(w, r, name, st.ModTime(), f)
	}
}
