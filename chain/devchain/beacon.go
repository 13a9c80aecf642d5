package devchain

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"strata"
	"strata/chain/scale"
	"strata/chain/timelock"
	"strata/internal/durable"
)

// The local beacon. Round r comes out (r − 1) periods after the genesis time,
// as drand's do.
const (
	beaconPeriod  = 1   // seconds
	keptRounds    = 600 // pulses that the state holds
	roundsInBlock = 64  // that one block catches up with
)

const beaconFile = "beacon.key"

// loadBeacon reads the beacon's secret from a chain's directory, or makes it. A
// crash while it is made leaves none, and the next start makes another: the
// chain takes that one's public key. Without a directory it lives in memory.
func loadBeacon(dir string) (*timelock.Beacon, error) {
	secret := make([]byte, 32)
	if dir == "" {
		if _, err := rand.Read(secret); err != nil {
			return nil, err
		}
		return timelock.NewBeacon(secret)
	}
	path := filepath.Join(dir, beaconFile)
	kept, err := os.ReadFile(path)
	switch {
	case err == nil && len(kept) == len(secret):
		return timelock.NewBeacon(kept)
	case err == nil:
		return nil, strata.E(strata.Corrupt, "the beacon's key in %s is damaged: remove the file to make another", path)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, strata.E(strata.Unavailable, "the beacon's key cannot be read: %w", err)
	}
	if _, err := rand.Read(secret); err != nil {
		return nil, err
	}
	if err := durable.WriteFile(path, secret, 0o600); err != nil {
		return nil, err
	}
	return timelock.NewBeacon(secret)
}

// beaconConfig is what Drand.BeaconConfig holds.
func putBeaconConfig(s *layer, publicKey []byte, genesis uint32) {
	var e scale.Encoder
	e.Blob(publicKey)
	e.U32(beaconPeriod)
	e.U32(genesis)
	for _, field := range []string{"", "", "bls-unchained-g1-rfc9380", "strata-local"} { // hashes, scheme, name
		e.Blob([]byte(field))
	}
	s.put(drandConfig.key(), e.Bytes())
}

func beaconConfig(s reader) (publicKey []byte, genesis uint32) {
	raw := s.get(drandConfig.key())
	if raw == nil {
		return nil, 0
	}
	d := scale.NewDecoder(raw)
	publicKey = d.Blob()
	d.U32()
	return publicKey, d.U32()
}

// pulse writes the rounds that have come out since the last block. A chain
// without this beacon's key, such as one that is older than beacons, gets it.
func (x *exec) pulse(beacon *timelock.Beacon, seconds uint64) error {
	key, genesis := beaconConfig(x.s)
	if !bytes.Equal(key, beacon.PublicKey()) {
		if genesis == 0 {
			genesis = uint32(seconds)
		}
		putBeaconConfig(x.s, beacon.PublicKey(), genesis)
		x.deposit("Drand", "BeaconConfigChanged", nil)
	}
	if seconds < uint64(genesis) {
		return nil
	}
	now := (seconds-uint64(genesis))/beaconPeriod + 1
	last := u64at(x.s, drandLast.key())
	if now > last+keptRounds {
		last = now - keptRounds
	}
	var rounds []scale.Value
	for last < now && len(rounds) < roundsInBlock {
		last++
		if err := x.putPulse(beacon, last); err != nil {
			return err
		}
		rounds = append(rounds, last)
	}
	if rounds == nil {
		return nil
	}
	putU64(x.s, drandLast.key(), last)
	x.forgetPulses(last)
	x.deposit("Drand", "NewPulse", scale.Struct{"rounds": rounds})
	return nil
}

func (x *exec) putPulse(beacon *timelock.Beacon, round uint64) error {
	signature, err := beacon.Sign(round)
	if err != nil {
		return err
	}
	randomness := sha256.Sum256(signature)
	var e scale.Encoder
	e.U64(round)
	e.Blob(randomness[:])
	e.Blob(signature)
	x.s.put(drandPulses.key(u64key(round)), e.Bytes())
	return nil
}

// forgetPulses keeps the state small.
func (x *exec) forgetPulses(last uint64) {
	oldest := max(1, u64at(x.s, drandOldest.key()))
	for ; oldest+keptRounds <= last; oldest++ {
		x.s.put(drandPulses.key(u64key(oldest)), nil)
	}
	putU64(x.s, drandOldest.key(), oldest)
}

// pulseAt returns the beacon's signature of a round, nil while there is none.
func pulseAt(s reader, round uint64) []byte {
	raw := s.get(drandPulses.key(u64key(round)))
	if raw == nil {
		return nil
	}
	d := scale.NewDecoder(raw)
	d.U64()
	d.Blob()
	return d.Blob()
}
