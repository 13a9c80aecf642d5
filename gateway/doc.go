// Package gateway is the HTTP front for users: it takes files, gives them back,
// lists and deletes them, and says how the network does. docs/gateway.md
// describes each path and every JSON shape.
//
//	POST   /store/                multipart field "file" → the object's hash
//	GET    /retrieve/?hash=       the file, ranges included
//	GET    /api/objects           a page of the list
//	GET    /api/objects/{hash}    one object with the health of its segments
//	DELETE /api/objects/{hash}
//	POST   /api/tickets           a single-use ticket for one download
//	GET    /api/network           miners, block, profile
//	GET    /api/health            ok and version, for anyone
//	GET    /                      the page
//
// Everything but the page and /api/health needs the gateway's token. The page
// reads it from the fragment of its address, which browsers send to nobody, and
// swaps it for a ticket when the browser itself is to save a file, so no address
// ever carries the token.
//
// The gateway keeps nothing itself: objects are behind Objects, the network
// behind Network. Bodies are streamed; memory does not grow with a file.
package gateway
