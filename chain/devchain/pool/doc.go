// Package pool holds the extrinsics that wait for a block: what is refused at
// the door, in which order the rest goes in, and what those who watch one are
// told.
package pool
