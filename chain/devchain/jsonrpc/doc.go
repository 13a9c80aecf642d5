// Package jsonrpc serves JSON-RPC 2.0 as Substrate nodes do: by websocket and
// by HTTP POST on one port, single requests and batches, with subscriptions
// over websocket. It knows nothing of chains: who serves gives it methods and
// subscriptions.
//
// What a client can make it hold is bounded: the size of a message, the
// requests in a batch, the subscriptions of a connection, and what waits for a
// client that reads slowly, which then loses its connection.
package jsonrpc
