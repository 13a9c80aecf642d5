package wallet

import (
	"strings"
	"testing"
)

// Seeds are committed in testdata/fuzz as well.
func FuzzKeyfile(f *testing.F) {
	f.Add([]byte(`{"secretSeed":"0x` + aliceSeed + `","ss58Address":"` + aliceSS58 + `"}`))
	f.Add([]byte(aboutPhrase))
	f.Add([]byte(`{"privateKey":"0x` + strings.Repeat("00", 64) + `"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := parseKeyfile(b)
		if err != nil {
			return
		}
		k, err := file.key()
		if err != nil {
			return
		}
		// What can be read can be written and read again.
		out, err := secretFile(k).encode()
		if err != nil {
			t.Fatal(err)
		}
		again, err := parseKeyfile(out)
		if err != nil {
			t.Fatal(err)
		}
		if k2, err := again.key(); err != nil || k2.pub != k.pub {
			t.Fatalf("%s reads back as %v, %v", k, k2, err)
		}
	})
}

func FuzzFromURI(f *testing.F) {
	for _, s := range []string{"//Alice", "/soft//hard///password", aboutPhrase + "//0/1", "0x" + aliceSeed, "////", strings.Repeat("zoo ", 12)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		k, err := FromURI(uri)
		if err != nil {
			return
		}
		if again, err := FromURI(uri); err != nil || again.pub != k.pub {
			t.Fatalf("%q gives %s and then %v, %v", uri, k, again, err)
		}
	})
}
