package devchain

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"strata/chain/devchain/devchaintest"
)

// FuzzAnswer: whatever a client sends, it gets JSON or nothing, and the chain
// still makes blocks.
func FuzzAnswer(f *testing.F) {
	n := start(f, nil)
	server := n.server()
	f.Add([]byte(`{"jsonrpc":"2.0","id":1,"method":"state_getStorage","params":["0x1234"]}`))
	f.Add([]byte(`[{"jsonrpc":"2.0","id":1,"method":"state_call","params":["SubnetInfoRuntimeApi_get_metagraph","0x0100"]}]`))
	f.Add([]byte(`{"jsonrpc":"2.0","id":1,"method":"author_submitExtrinsic","params":["` + hexOf(n.signed(devchaintest.Alice(f), remark(n), nil)) + `"]}`))
	f.Fuzz(func(t *testing.T, msg []byte) {
		w := httptest.NewRecorder()
		server.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(msg)))
		if answer := w.Body.Bytes(); len(answer) > 0 && !json.Valid(answer) {
			t.Fatalf("%q is answered with %q", msg, answer)
		}
		if err := n.Step(); err != nil {
			t.Fatal(err)
		}
	})
}
