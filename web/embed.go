// Package web holds the gateway's page, built. README.md says how to rebuild it.
package web

import (
	"embed"
	"io/fs"
)

//go:embed all:dist
var dist embed.FS

// Page returns the page's files, index.html at the top.
func Page() fs.FS {
	sub, err := fs.Sub(dist, "dist")
	if err != nil {
		return dist // cannot be: "dist" is a valid name
	}
	return sub
}
