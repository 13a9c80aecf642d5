package listing

import (
	"bytes"
	"encoding/hex"
	"io"
	"os"
	"strings"

	"strata"
	"strata/chain/scale"
)

// maxMetadata bounds a file: public chains' have 300 KiB, twice that in hex.
const maxMetadata = 32 << 20

// metadataStart is how metadata begins; what Metadata_metadata_at_version
// returns is wrapped and does not.
var metadataStart = []byte("meta")

// Read reads metadata from a file, in hex or raw, V14 or V15, as RPC methods or
// runtime APIs give it. The error has code Invalid, or that of a decoder.
func Read(file string) (*scale.Metadata, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, strata.E(strata.Invalid, "read metadata: %w", err)
	}
	defer f.Close() // read only: nothing to lose
	raw, err := io.ReadAll(io.LimitReader(f, maxMetadata+1))
	if err != nil || len(raw) > maxMetadata {
		return nil, strata.E(strata.Invalid, "read metadata from %s: it must be a readable file of at most %d bytes", file, maxMetadata)
	}
	if text := strings.TrimPrefix(strings.TrimSpace(string(raw)), "0x"); !bytes.HasPrefix(raw, metadataStart) {
		if b, err := hex.DecodeString(text); err == nil {
			raw = b
		}
	}
	if !bytes.HasPrefix(raw, metadataStart) {
		if inner, err := scale.UnwrapMetadata(raw); err == nil {
			raw = inner
		}
	}
	meta, err := scale.DecodeMetadata(raw)
	if err != nil {
		return nil, strata.E(strata.CodeOf(err), "%s is not runtime metadata: %w", file, err)
	}
	return meta, nil
}
