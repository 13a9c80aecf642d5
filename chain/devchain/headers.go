package devchain

import (
	"encoding/hex"
	"fmt"

	"strata/chain/devchain/ledger"
)

// headerJSON is a header as the RPC shows it.
type headerJSON struct {
	ParentHash     string `json:"parentHash"`
	Number         string `json:"number"`
	StateRoot      string `json:"stateRoot"`
	ExtrinsicsRoot string `json:"extrinsicsRoot"`
	Digest         struct {
		Logs []string `json:"logs"`
	} `json:"digest"`
}

func headerOf(b *ledger.Block) headerJSON {
	h := b.Header
	out := headerJSON{ParentHash: hexOf(h.Parent[:]), Number: fmt.Sprintf("0x%x", h.Number), StateRoot: hexOf(h.State[:]), ExtrinsicsRoot: hexOf(h.Extrinsics[:])}
	out.Digest.Logs = []string{}
	return out
}

func hexOf(b []byte) string { return "0x" + hex.EncodeToString(b) }
