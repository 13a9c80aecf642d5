package wallet

import (
	"strings"
	"testing"

	"strata"
)

// Exported by @polkadot/keyring 14.0.3 from development keys.
const (
	keystoreAlice = `{"encoded":"Ob5bH13ZeCnl7SbUS46BwWrHIJK3fFolMTJQbdDJJRMAAAIAAQAAAAgAAADvBnKK7N7/5Pw3kL78mD3A8vf9cpNuYMGP7vtuWLWFPnx0iMTnXntOdFlUzpny5J9j2Wk6Hm0HR9vGRJUDerOr+KwWILd6EjtpKdsL33tZ+s+c69A94lXjxVgqnp5KDxJuyA86RgaTfxgQ0TcSadkEJ085EIXncRt+rgSIBwVKsXvVnIiPKJBUF06+dOXC+GyefrfgmomrfRD6Nlvy","encoding":{"content":["pkcs8","sr25519"],"type":["scrypt","xsalsa20-poly1305"],"version":"3"},"address":"5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY","meta":{}}`
	keystoreSoft  = `{"encoded":"MFMCAQEwBQYDK2VwBCIEINBzhtogREoHeekI5EvloBN4LNKi6Bhsfj3wfFPLMggN7fijujv9wokL7k+QGwdJPeiFBU4g63vPysmIc4vg4vuhIwMhAALP2DB0rvyZVa9ANNGbN4DUelLhWKur7I7AErIpXxxb","encoding":{"content":["pkcs8","sr25519"],"type":["none"],"version":"3"},"address":"5C8PhJPLE54x23RjmqBcEEnALryCDWdTJM5xLaoL9W8XEpnt","meta":{}}`
	keystoreEd    = `{"encoded":"/M2KDoA4RGLmYCc2eCBIpLtuc+1a1XEApb/mmPbrhpoAAAIAAQAAAAgAAABSFpPpq0MzyBVXkaqZ5TgrGpGxZinJ1hF+XIwdnqap4bJbXa0u9K07jlp7KeRY9rqdRI/dp6K5tCZqZuK5sK5v2Gqlfn7JAB5N3ECcv9632o7IWxmnQOvktXj5NrwvDyft2pexQTOu/IuZcqWwAR9vbXNeflFTzbm2wJblTG1vq7Mjewg/N8Qk6n6DRjus3M/omb8be4YwGb01OrTB","encoding":{"content":["pkcs8","ed25519"],"type":["scrypt","xsalsa20-poly1305"],"version":"3"},"address":"5FA9nQDVg267DEd8m1ZypXLBnvN7SFxYwV7ndqSYGiN9TTpu","meta":{}}`
)

func TestKeystore(t *testing.T) {
	w := cheap(t)
	k, err := w.ImportKeystore(Coldkey, []byte(keystoreAlice), "a password", Options{})
	if err != nil || k.String() != aliceSS58 {
		t.Fatalf("%v, %v", k, err)
	}
	read, err := w.LoadColdkey()
	if err != nil || read.pub != k.pub {
		t.Fatalf("written and read: %v, %v", read, err)
	}
	sig, err := read.Sign([]byte("x"))
	if err != nil || !Verify(fromURI(t, "//Alice").pub, []byte("x"), sig) {
		t.Errorf("it does not sign as //Alice: %v", err)
	}
	if soft, err := FromKeystore([]byte(keystoreSoft), ""); err != nil || soft.pub != fromURI(t, "//Alice/soft").pub {
		t.Errorf("unencrypted: %v, %v", soft, err)
	}
	if _, err := w.ImportKeystore(Coldkey, []byte(keystoreAlice), "a password", Options{}); strata.CodeOf(err) != strata.Conflict {
		t.Errorf("over what is there: %v", err)
	}
}

func TestKeystoreRefuses(t *testing.T) {
	swap := func(old, new string) string { return strings.Replace(keystoreSoft, old, new, 1) }
	for name, c := range map[string]struct {
		file, password string
		code           strata.Code
	}{
		"wrong password":   {keystoreAlice, "another", strata.Unauthenticated},
		"no password":      {keystoreAlice, "", strata.Unauthenticated},
		"ed25519":          {keystoreEd, "a password", strata.Invalid},
		"another version":  {swap(`"version":"3"`, `"version":"2"`), "", strata.Invalid},
		"another address":  {swap("5C8PhJPLE54x23RjmqBcEEnALryCDWdTJM5xLaoL9W8XEpnt", aliceSS58), "", strata.Corrupt},
		"no address":       {swap("5C8PhJPLE54x23RjmqBcEEnALryCDWdTJM5xLaoL9W8XEpnt", ""), "", strata.Corrupt},
		"cut":              {swap("MFMCAQ", "MFMC"), "", strata.Corrupt},
		"another header":   {swap("MFMCAQ", "MFMCAg"), "", strata.Corrupt},
		"not base64":       {swap("MFMCAQ", "*"), "", strata.Corrupt},
		"costs of its own": {strings.Replace(keystoreAlice, "AAAIAAQAAAAgAAAD", "AAAJAAQAAAAgAAAD", 1), "a password", strata.Invalid},
		"not a keystore":   {`{"secretSeed":"0x"}`, "", strata.Corrupt},
		"not JSON":         {"old leopard", "", strata.Corrupt},
	} {
		if k, err := FromKeystore([]byte(c.file), c.password); strata.CodeOf(err) != c.code {
			t.Errorf("%s: %v, %v, want %q", name, k, err, c.code)
		}
	}
}

func FuzzKeystore(f *testing.F) {
	f.Add([]byte(keystoreSoft))
	f.Add([]byte(keystoreAlice[:200]))
	f.Add([]byte(`{"encoded":"AAAA","encoding":{"content":["pkcs8","sr25519"],"type":["none"],"version":"3"}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if strings.Contains(string(b), "xsalsa20") {
			return // its cost is bounded, and tested above
		}
		if k, err := FromKeystore(b, ""); err == nil && k.pub == ([32]byte{}) {
			t.Error("a key without a public half")
		}
	})
}
