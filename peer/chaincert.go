package peer

import (
	"crypto/ecdsa"

	"strata"
)

// chainCertificateP256 is the algorithm byte of a compressed P-256 key. The
// chain gives these bytes no meaning.
const chainCertificateP256 = 1

// ChainCertificate is the key that the server shows now, in the form that
// serve_axon_tls takes: an algorithm's byte and a public key, here P-256 in
// compressed form (SEC 1). It changes with each start and each renewal.
func (s *Server) ChainCertificate() ([]byte, error) {
	cert, err := s.identity.certificate()
	if err != nil {
		return nil, err
	}
	key, ok := cert.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return nil, strata.E(strata.Internal, "the TLS key is not an ECDSA one")
	}
	point, err := key.PublicKey.Bytes() // 4 ‖ X ‖ Y
	if err != nil || len(point) != 65 {
		return nil, strata.E(strata.Internal, "encode the TLS key: %w", err)
	}
	sign := 2 + point[64]&1 // of Y
	return append([]byte{chainCertificateP256, sign}, point[1:33]...), nil
}
