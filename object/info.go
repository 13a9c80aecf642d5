package object

import (
	"io"
	"time"

	"strata"
	"strata/catalog"
	"strata/placement"
)

// Info describes a stored object.
type Info struct {
	ID          strata.ObjectID
	Bucket      string
	Name        string
	Size        int64    // bytes of plaintext
	Digest      [32]byte // BLAKE3 of the plaintext; zero for a multipart object
	ContentType string
	Meta        map[string]string
	Modified    time.Time
}

// PutRequest asks for a file to be stored.
type PutRequest struct {
	Bucket      string // must exist
	Name        string // the key: 1 to catalog.MaxKey bytes
	ContentType string
	Meta        map[string]string
	Size        int64 // of Body, −1 if unknown; a body of another size is refused
	Body        io.Reader
	Condition   catalog.Condition // what must hold of the name when the object is committed; else code Conflict
	Alone       bool              // in segments of its own, however small
	AllowEmpty  bool              // store a file of 0 bytes, as S3 does, rather than refuse it
	// Finish, when set, is called once Body has been read to its end, before
	// the object is committed: it returns metadata to add (an ETag, say), or an
	// error that abandons the object (a checksum that does not match).
	Finish func(size int64, digest [32]byte) (map[string]string, error)
}

// ListRequest asks for a page of a bucket's objects, in byte order of names.
type ListRequest struct {
	Bucket    string
	Prefix    string
	Delimiter string // names that have it after Prefix are rolled up into Prefixes
	After     string // names, and rolled-up prefixes, after this one
	Limit     int    // of objects and prefixes together; 0 means catalog.MaxListPage
}

// Page is a page of a listing.
type Page struct {
	Objects  []Info
	Prefixes []string
	More     bool   // there is more after Next
	Next     string // the next page's After
}

// Health is what is known of an object's shards.
type Health struct {
	Info
	Segments []SegmentHealth
}

// SegmentHealth is what is known of one segment's shards.
type SegmentHealth struct {
	Size    int64            // bytes of plaintext
	K       int              // shards needed to read it
	Total   int              // shards it should have
	Stored  int              // shards that miners have signed for and nobody has missed since
	Sending int              // shards whose arrival was not recorded
	Lost    int              // shards known to be missing or damaged
	Spread  placement.Spread // of the miners that serve and have not lost theirs
}

// Readable says whether enough shards are known to be stored.
func (s SegmentHealth) Readable() bool { return s.Stored >= s.K }

func infoOf(o catalog.Object) Info {
	return Info{ID: o.ID, Bucket: o.Bucket, Name: o.Key, Size: o.Size, Digest: o.Digest,
		ContentType: o.ContentType, Meta: o.Meta, Modified: o.Modified}
}
