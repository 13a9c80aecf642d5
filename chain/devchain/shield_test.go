package devchain

import (
	"crypto/mlkem"
	"encoding/binary"
	"slices"
	"testing"

	"golang.org/x/crypto/chacha20poly1305"

	"strata/chain/devchain/devchaintest"
	"strata/chain/devchain/storage"
	"strata/chain/scale"
)

// sealFor encrypts as clients do, to the key that the chain offers.
func (n testNode) sealFor(plain []byte) []byte {
	n.t.Helper()
	offered := scale.NewDecoder(n.ledger.State().Get(storage.ShieldNextKey.Key())).Blob()
	key, err := mlkem.NewEncapsulationKey768(offered)
	if err != nil {
		n.t.Fatal(err)
	}
	shared, ciphertext := key.Encapsulate()
	aead, err := chacha20poly1305.NewX(shared)
	if err != nil {
		n.t.Fatal(err)
	}
	nonce := make([]byte, chacha20poly1305.NonceSizeX)
	out := binary.LittleEndian.AppendUint16(make([]byte, shieldKeyHash), uint16(len(ciphertext)))
	return aead.Seal(append(append(out, ciphertext...), nonce...), nonce, plain, nil)
}

// following is for the extrinsic after the one that has the account's next nonce.
func following(p *scale.TxParams) { p.Nonce++ }

func TestShieldedExtrinsic(t *testing.T) {
	n := start(t, nil)
	n.step(1)
	bob := devchaintest.NewKey(t, 1)
	pay := n.call("Balances.transfer_keep_alive", scale.Struct{"dest": scale.Variant{Name: "Id", Value: bob.Public}, "value": devchaintest.Tao(5)})
	inner := n.signed(devchaintest.Alice(t), pay, following)
	carrier := n.signed(devchaintest.Alice(t), n.call("MevShield.submit_encrypted", scale.Struct{"ciphertext": n.sealFor(inner)}), nil)
	if _, err := n.submit(carrier); err != nil {
		t.Fatal(err)
	}
	waiting, err := n.pendingExtrinsics(nil)
	if err != nil || !slices.Equal(waiting.([]string), []string{hexOf(carrier)}) {
		t.Errorf("waiting: %v, %v", waiting, err)
	}
	n.step(1)
	body := n.ledger.Head().Body
	if len(body) != 3 || string(body[1]) != string(carrier) || string(body[2]) != string(inner) {
		t.Fatalf("the block has %d extrinsics", len(body))
	}
	if storage.AccountInfoAt(n.ledger.State(), bob.Public).Free != devchaintest.Tao(5) || !n.events().Has("MevShield.EncryptedSubmitted") {
		t.Errorf("Bob has %d", storage.AccountInfoAt(n.ledger.State(), bob.Public).Free)
	}
}

// A carrier of nonsense goes in alone.
func TestShieldedNonsense(t *testing.T) {
	n := start(t, nil)
	n.step(1)
	bob := devchaintest.NewKey(t, 1)
	n.must(devchaintest.Alice(t), "Balances.transfer_keep_alive", scale.Struct{"dest": scale.Variant{Name: "Id", Value: bob.Public}, "value": devchaintest.Tao(5)})
	good := n.sealFor([]byte("no extrinsic"))
	flipped := slices.Clone(good)
	flipped[len(flipped)-1] ^= 1
	foreign := n.signed(bob, remark(n), nil)
	nested := n.signed(devchaintest.Alice(t), n.call("MevShield.submit_encrypted", scale.Struct{"ciphertext": good}), following)
	for name, sealed := range map[string][]byte{
		"no extrinsic": good, "damaged": flipped, "short": good[:100], "empty": nil,
		"another's": n.sealFor(foreign), "a carrier": n.sealFor(nested),
	} {
		before := storage.AccountInfoAt(n.ledger.State(), devchaintest.Alice(t).Public).Nonce
		n.must(devchaintest.Alice(t), "MevShield.submit_encrypted", scale.Struct{"ciphertext": sealed})
		if len(n.ledger.Head().Body) != 2 || storage.AccountInfoAt(n.ledger.State(), devchaintest.Alice(t).Public).Nonce != before+1 {
			t.Errorf("%s: the block has %d extrinsics", name, len(n.ledger.Head().Body))
		}
	}
}

func FuzzOpenShield(f *testing.F) {
	key, err := mlkem.NewDecapsulationKey768(make([]byte, mlkem.SeedSize))
	if err != nil {
		f.Fatal(err)
	}
	shared, ciphertext := key.EncapsulationKey().Encapsulate()
	aead, err := chacha20poly1305.NewX(shared)
	if err != nil {
		f.Fatal(err)
	}
	head := binary.LittleEndian.AppendUint16(make([]byte, shieldKeyHash), uint16(len(ciphertext)))
	sealed := aead.Seal(append(append(head, ciphertext...), make([]byte, 24)...), make([]byte, 24), []byte("plain"), nil)
	f.Add(sealed)
	f.Add(sealed[:40])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if plain, ok := openShield(key, b); ok && string(b) == string(sealed) && string(plain) != "plain" {
			t.Errorf("opened to %q", plain)
		}
	})
}
