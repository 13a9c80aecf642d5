package wire

// Limits of messages, in bytes unless said otherwise. They are part of the
// protocol: a peer may refuse what is over them before reading it.
const (
	MaxHeaders     = 16 << 10 // HTTP request or response line and headers
	MaxUnhashed    = 64 << 10 // a request body sent without its hash in a header
	MaxStatus      = 16 << 10 // a status document
	MaxError       = 4 << 10  // an error document
	MaxPage        = 1 << 20  // an encoded ManifestPage
	MaxShards      = 4096     // shards listed in one sector, deleted ones included
	MaxLeaves      = 16       // leaves in one audit
	MaxPath        = 32       // hashes in one opening; 22 at 4 GiB
	MaxSuperblock  = 4096     // a superblock's payload
	MaxRetainRoots = 1 << 20  // roots in one Retain
	MaxShard       = 1 << 30  // a shard in any profile
)

// Sizes of encodings that are fixed, or the largest for those that are not.
const (
	signatureSize = 64

	HeadSize          = 32 + 8 + 32 + 32 + 4 + 4 + signatureSize
	OrderSize         = 32 + 8 + 8 + signatureSize
	CommitmentSize    = 1 + 8 + 32 + 8 + 32
	ReceiptSize       = 32 + 32 + 8 + 8 + 4 + 8 + 8 + signatureSize
	MaxAuditRequest   = 32 + 1 + MaxLeaves*leafRefSize
	MaxAuditResponse  = 1 + MaxLeaves*(1+2+1024+1+MaxPath*32)
	MaxSuperblockSize = 8 + 2 + MaxSuperblock + signatureSize
	MaxRetainSize     = 8 + 4 + MaxRetainRoots*32
	MaxRetainResult   = 8 + 8 + 4 + MaxRetainRoots*32

	leafRefSize    = 8 + 32 + 4
	entryHeadSize  = 8 + 32 + 1 + 4 + 8 + 4
	shardEntrySize = 32 + 4 + 4 + 1
	orderInEntry   = 8 + signatureSize
	pageHeadSize   = HeadSize + 1 + 4
)
