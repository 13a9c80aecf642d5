// Package link keeps a connection to one of several JSON-RPC nodes. A Conn is
// one websocket connection: requests, their answers, and what is subscribed to.
// A Link makes it anew, to the next node in turn, when it breaks, when its node
// does not answer or says that it is syncing, and when it tells of no new block;
// subscriptions are restored, and reads asked again.
//
// What the messages mean is its user's concern, but for system_health, by which
// a node is asked how it is.
package link
