package peer

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"sync"
	"time"

	"strata"
	"strata/wire"
)

// bindingOID names the extension that holds a wire.Binding. It lies under the
// Internet's experimental arc (RFC 1155); only Strata's peers look at it.
var bindingOID = asn1.ObjectIdentifier{1, 3, 6, 1, 3, 7369, 1}

// certificateLife is how long a certificate is valid, certificateRenew how long
// before its end a new one is made.
const (
	certificateLife  = 30 * 24 * time.Hour
	certificateRenew = 10 * 24 * time.Hour
)

// identity makes and renews the server's certificate.
type identity struct {
	domain wire.Domain
	hotkey strata.Hotkey
	signer wire.Signer
	now    func() time.Time

	mu   sync.Mutex // guards cert and ends
	cert *tls.Certificate
	ends time.Time
}

// certificate returns a certificate with at least certificateRenew to go.
func (id *identity) certificate() (*tls.Certificate, error) {
	id.mu.Lock()
	defer id.mu.Unlock()
	now := id.now()
	if id.cert != nil && now.Before(id.ends.Add(-certificateRenew)) {
		return id.cert, nil
	}
	cert, err := id.issue(now, now.Add(certificateLife))
	if err != nil {
		return nil, err
	}
	id.cert, id.ends = cert, now.Add(certificateLife)
	return cert, nil
}

// issue makes a key that lives in this process only and binds it to the hotkey.
func (id *identity) issue(now, ends time.Time) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, strata.E(strata.Internal, "make a TLS key: %w", err)
	}
	spki, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return nil, strata.E(strata.Internal, "encode the TLS key: %w", err)
	}
	binding, err := wire.BindTLS(id.domain, id.signer, id.hotkey, sha256.Sum256(spki), ends, wire.RoleMiner)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber:    big.NewInt(now.UnixNano()),
		Subject:         pkix.Name{CommonName: id.hotkey.String()},
		NotBefore:       now.Add(-time.Hour), // the other side's clock may be behind
		NotAfter:        ends,
		KeyUsage:        x509.KeyUsageDigitalSignature,
		ExtKeyUsage:     []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		ExtraExtensions: []pkix.Extension{{Id: bindingOID, Value: binding.Encode()}},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, strata.E(strata.Internal, "make a certificate: %w", err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

// serverTLS is the server's configuration.
func (id *identity) serverTLS() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS13,
		NextProtos:     []string{"http/1.1"},
		Time:           id.now,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return id.certificate() },
	}
}

// clientTLS accepts exactly the peers that prove to be the hotkey. Go's own
// verification is off since there is no authority to ask; VerifyConnection
// does it and, other than VerifyPeerCertificate, is called on resumed
// connections too.
func clientTLS(d wire.Domain, hotkey strata.Hotkey, now func() time.Time) *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS13,
		NextProtos:         []string{"http/1.1"},
		Time:               now,
		InsecureSkipVerify: true,
		VerifyConnection: func(cs tls.ConnectionState) error {
			return verifyPeer(d, hotkey, now(), cs.PeerCertificates)
		},
	}
}

// verifyPeer checks a certificate's binding. TLS itself has proven that the
// peer holds the certificate's key. The error has code Unauthenticated.
func verifyPeer(d wire.Domain, hotkey strata.Hotkey, now time.Time, certs []*x509.Certificate) error {
	if len(certs) != 1 {
		return strata.E(strata.Unauthenticated, "%s shows %d certificates, it must be one: is it a Strata miner?", hotkey, len(certs))
	}
	for _, e := range certs[0].Extensions {
		if !e.Id.Equal(bindingOID) {
			continue
		}
		b, err := wire.DecodeBinding(e.Value)
		if err != nil {
			return strata.E(strata.Unauthenticated, "the certificate of %s is malformed: %w", hotkey, err)
		}
		return b.Verify(d, hotkey, sha256.Sum256(certs[0].RawSubjectPublicKeyInfo), now, wire.RoleMiner)
	}
	return strata.E(strata.Unauthenticated, "the peer's certificate names no hotkey, %s is wanted: is it a Strata miner?", hotkey)
}
