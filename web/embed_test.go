package web

import (
	"bytes"
	"compress/gzip"
	"io/fs"
	"regexp"
	"strings"
	"testing"
)

// maxGzip bounds what a browser loads: all files, compressed.
const maxGzip = 60 << 10

func TestPageIsSmall(t *testing.T) {
	var buf bytes.Buffer
	files := 0
	err := fs.WalkDir(Page(), ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := fs.ReadFile(Page(), name)
		if err != nil {
			return err
		}
		files++
		z := gzip.NewWriter(&buf)
		_, err = z.Write(data)
		return joinClose(z, err)
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 3 || buf.Len() > maxGzip {
		t.Errorf("%d files have %d bytes compressed, at most %d are wanted", files, buf.Len(), maxGzip)
	}
}

func joinClose(z *gzip.Writer, err error) error {
	if cerr := z.Close(); err == nil {
		err = cerr
	}
	return err
}

// TestPageIsWhole: index.html refers to files that are there, and holds no
// script or style of its own, which the gateway's policy would block.
func TestPageIsWhole(t *testing.T) {
	index, err := fs.ReadFile(Page(), "index.html")
	if err != nil {
		t.Fatal(err)
	}
	refs := regexp.MustCompile(`(?:src|href)="/([^"]+)"`).FindAllSubmatch(index, -1)
	if len(refs) < 3 {
		t.Fatalf("index.html refers to %d files", len(refs))
	}
	for _, m := range refs {
		if _, err := fs.Stat(Page(), string(m[1])); err != nil {
			t.Errorf("index.html refers to %s: %v", m[1], err)
		}
	}
	if inline := regexp.MustCompile(`<script[^>]*>[^<]|<style|\son[a-z]+=|\sstyle=`).Find(index); inline != nil {
		t.Errorf("index.html has something inline: %s", inline)
	}
	if bytes.Contains(index, []byte("http")) && strings.Contains(string(index), "//") {
		t.Error("index.html refers to another site")
	}
}
