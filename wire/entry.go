package wire

import "strata"

// MaxEntry is the largest encoding of an Entry in bytes.
const MaxEntry = entryHeadSize + MaxShards*(shardEntrySize+orderInEntry)

// Encode returns the layout of the entry alone, orders included, for keeping.
func (e Entry) Encode() []byte {
	w := writer{make([]byte, 0, e.Size())}
	e.write(&w, true)
	return w.b
}

// DecodeEntry reads what Encode gave. The error has code Invalid or TooLarge.
func DecodeEntry(b []byte) (Entry, error) {
	r := newReader(b, "manifest entry", MaxEntry)
	e := readEntry(r)
	if err := r.end(); err != nil {
		return Entry{}, err
	}
	return e, e.Validate()
}

// Intact returns how many bytes of a sector of n blocks are filler that the
// root of the entry proves: from Tail on, none in a sector that is gone or
// withdrawn.
func (e Entry) Intact(blocks uint32) strata.ByteSize {
	if e.State != Filler && e.State != Data || e.Tail > blocks {
		return 0
	}
	return strata.ByteSize(blocks-e.Tail) * strata.BlockSize
}
