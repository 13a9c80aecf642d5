// Package audit sends snap audits: at moments that a miner cannot foresee it asks
// for leaves that it cannot foresee, and counts which were opened rightly and in
// time.
//
//	audit.go      one audit: asked, answered, counted
//	questions.go  which leaves
//	draw.go       whose partition, by the bytes that count there
//	read.go       reads of users' shards, as users read them
//	recheck.go    leaves without a right answer, by the manifest as it is then
package audit
