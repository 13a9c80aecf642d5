package wire

import (
	"github.com/zeebo/blake3"

	"strata"
)

// commitmentV1 is the first byte of a Commitment. A new layout takes a new one.
const commitmentV1 = 1

// Commitment is what a validator's hotkey commits on chain, of which there is
// one for each hotkey and subnet: it serves two ends, and who writes one half
// keeps the other (With…). Each half has a counter that only grows and is zero
// while there is nothing to commit to; its hash is zero then too.
//
// Layout: version u8 = 1 ‖ superblock version u64 ‖ superblock hash 32 ‖
// audit log sequence u64 ‖ audit log head 32. 81 bytes, of the 128 that the
// chain takes.
type Commitment struct {
	// Superblock is the highest superblock version that the validator has put on
	// miners, and SuperblockHash the BLAKE3-256 of its encoding. A recovery takes
	// nothing older than it.
	Superblock     uint64
	SuperblockHash [32]byte
	// AuditSequence counts the entries of the validator's audit log, and AuditHead
	// is the hash that stands for all of them.
	AuditSequence uint64
	AuditHead     [32]byte
}

// WithSuperblock returns c with the half of a superblock replaced.
func (c Commitment) WithSuperblock(s Superblock) Commitment {
	c.Superblock, c.SuperblockHash = s.Version, s.Hash()
	return c
}

// WithAudit returns c with the half of the audit log replaced.
func (c Commitment) WithAudit(sequence uint64, head [32]byte) Commitment {
	c.AuditSequence, c.AuditHead = sequence, head
	return c
}

// Validate checks that absent halves are zero. The error has code Invalid.
func (c Commitment) Validate() error {
	if c.Superblock == 0 && c.SuperblockHash != [32]byte{} || c.AuditSequence == 0 && c.AuditHead != [32]byte{} {
		return strata.E(strata.Invalid, "commitment: a half without a number has a hash")
	}
	return nil
}

// Encode returns the CommitmentSize bytes of the layout.
func (c Commitment) Encode() []byte {
	w := writer{make([]byte, 0, CommitmentSize)}
	w.u8(commitmentV1)
	w.u64(c.Superblock)
	w.h32(c.SuperblockHash)
	w.u64(c.AuditSequence)
	w.h32(c.AuditHead)
	return w.b
}

// DecodeCommitment reads a Commitment. Whoever reads one from a chain finds
// other programs' there too: they give code Invalid or TooLarge.
func DecodeCommitment(b []byte) (Commitment, error) {
	r := newReader(b, "commitment", CommitmentSize)
	if v := r.u8(); v != commitmentV1 {
		r.fail("its first byte is %d, not %d: it is another program's, or a later version's", v, commitmentV1)
	}
	c := Commitment{Superblock: r.u64(), SuperblockHash: r.h32(), AuditSequence: r.u64(), AuditHead: r.h32()}
	if err := r.end(); err != nil {
		return Commitment{}, err
	}
	return c, c.Validate()
}

// Hash names a superblock in a Commitment: the BLAKE3-256 of its encoding, its
// signature included.
func (s Superblock) Hash() [32]byte { return blake3.Sum256(s.Encode()) }
