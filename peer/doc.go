// Package peer carries package wire over HTTPS: the server of a miner and the
// client of validators and gateways.
//
// Transport is HTTP/1.1 over TLS 1.3. There is no certificate authority: a
// miner makes an ECDSA P-256 key and a self-signed certificate, and an
// extension of it carries the hotkey's signature over the key's hash, its end
// and its role (wire.Binding). The client knows from the chain which hotkey it
// wants, checks the binding when the connection is made, and keeps connections
// of different hotkeys apart even where they share an address. HTTP/2 is left
// out: it was no faster, and its multiplexing would let one request's bytes
// delay another's audit.
//
// Every request but the status is signed (wire.Auth), every answer is signed
// by the miner (wire.Answer), error answers included, but for a receipt, which is a
// signed statement itself. The order on a server is:
// shape, receiver, freshness, signature, replay (401), then policy (403), then
// rates (429), then the body, which is hashed while it streams. A shard that is
// put is named by the root in its path; any other body without a hash in its
// header is small and is read before the signature is verified.
//
// Both ends bound everything that they read: headers, bodies, time. A server
// bounds connections for each address and requests in work for each caller.
package peer
