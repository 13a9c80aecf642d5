// Package files makes an object store what a gateway asks for: files by name or
// under a key, how they are, and what their owner is shown and may take along.
// A manifest that was exported is read back here too.
package files
