package pallets

import (
	"strata/chain/devchain/state"
	"strata/chain/devchain/storage"
	"strata/chain/scale"
)

// maxCertificateKey is the longest public key of a certificate.
const maxCertificateKey = 64

// serveAxonTLSCall is serve_axon with a certificate: an algorithm's byte and a
// public key. As on chain, one that is empty or too long is dropped and the
// axon is served without.
func serveAxonTLSCall(w scale.View) call {
	netuid, certificate, c := w.Field("netuid").U16(), w.Field("certificate").Bytes(), serveAxonCall(w)
	run := c.run
	c.run = func(x *Execution, who state.Account) error {
		if err := run(x, who); err != nil {
			return err
		}
		if len(certificate) < 2 || len(certificate) > 1+maxCertificateKey {
			return nil
		}
		var e scale.Encoder
		e.Blob(certificate[1:])
		e.U8(certificate[0])
		x.s.Put(storage.Certificates.Key(state.U16Key(netuid), who[:]), e.Bytes())
		return nil
	}
	return c
}
