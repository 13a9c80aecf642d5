package wire

import (
	"testing"

	"strata"
)

func TestCommitmentHalves(t *testing.T) {
	c := sampleCommitment()
	if c.Superblock != 77 || c.SuperblockHash != sampleSuperblock().Hash() || c.AuditSequence != 12 || c.AuditHead != pattern(90) {
		t.Errorf("the halves are %+v", c)
	}
	next := sampleSuperblock()
	next.Version++
	d := c.WithSuperblock(next)
	if d.AuditSequence != c.AuditSequence || d.AuditHead != c.AuditHead || d.SuperblockHash == c.SuperblockHash {
		t.Errorf("a new superblock gives %+v", d)
	}
	if got, err := DecodeCommitment(Commitment{}.Encode()); err != nil || got != (Commitment{}) {
		t.Errorf("nothing committed decodes to %+v, %v", got, err)
	}
}

func TestForeignCommitments(t *testing.T) {
	for name, c := range map[string]Commitment{
		"superblock hash alone": {SuperblockHash: pattern(1)},
		"audit head alone":      {AuditHead: pattern(1)},
	} {
		if _, err := DecodeCommitment(c.Encode()); strata.CodeOf(err) != strata.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	other := sampleCommitment().Encode()
	other[0] = 2
	if _, err := DecodeCommitment(other); strata.CodeOf(err) != strata.Invalid {
		t.Errorf("another version: %v", err)
	}
}
