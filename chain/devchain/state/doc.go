// Package state holds what a chain knows: byte strings under byte-string keys,
// in order. A Table is a whole state in memory, a Layer is changes over a state
// that is not touched, and Changes are what a block writes or what undoes it.
//
// It knows nothing of what the keys mean; package storage does. Beside the
// states are typed reads and writes of the SCALE values in them.
package state
