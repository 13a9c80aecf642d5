package wallet

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"strata"
)

// quiet removes what a developer's environment may say about passwords.
func quiet(t *testing.T) {
	t.Helper()
	t.Setenv("BT_WALLET_PASSWORD", "")
	t.Setenv("BT_WALLET_PASSWORD_FILE", "")
}

func put(t *testing.T, file string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestNewAndLoad(t *testing.T) {
	w := Open(filepath.Join(t.TempDir(), "deep", "wallets"), "w", "h")
	words, err := w.New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	cold, err := w.LoadColdkey()
	if err != nil {
		t.Fatal(err)
	}
	hot, err := w.LoadHotkey()
	if err != nil {
		t.Fatal(err)
	}
	if fromURI(t, words.Coldkey).pub != cold.pub || fromURI(t, words.Hotkey).pub != hot.pub {
		t.Error("the mnemonics shown are not those of the files")
	}
	if pub, err := w.LoadColdkeyPub(); err != nil || pub != cold.Coldkey() {
		t.Errorf("coldkeypub.txt: %s, %v", pub, err)
	}
	if pub, err := w.LoadHotkeyPub(); err != nil || pub != hot.Hotkey() {
		t.Errorf("hotkey's public file: %s, %v", pub, err)
	}
	checkModes(t, w)
}

// checkModes: files are their owner's only, and nothing else is left behind.
func checkModes(t *testing.T, w Wallet) {
	t.Helper()
	want := map[string]bool{w.coldkeyFile(): true, w.coldkeyPubFile(): true, w.hotkeyFile(): true, w.hotkeyPubFile(): true}
	err := filepath.WalkDir(w.dir(), func(p string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %s", p, info.Mode())
		}
		if !d.IsDir() && !want[p] {
			t.Errorf("%s is left behind", p)
		}
		delete(want, p)
		return nil
	})
	if err != nil || len(want) > 0 {
		t.Errorf("missing %v: %v", want, err)
	}
}

// The files are what btcli writes: a flat object of strings with these names.
func TestFileFormat(t *testing.T) {
	w := Open(t.TempDir(), "w", "h")
	if _, err := w.Import(Coldkey, aboutPhrase, Options{}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Import(Hotkey, "//Alice", Options{}); err != nil {
		t.Fatal(err)
	}
	// sp-core's private key of //Alice begins with its canonical scalar.
	const aliceScalar = "0x33a6f3093f158a7109f679410bef1a0c54168145e0cecb4df006c1c2fffb1f09"
	for file, want := range map[string]map[string]string{
		w.coldkeyFile():    {"secretPhrase": aboutPhrase, "secretSeed": "0x" + aboutSeed, "ss58Address": aboutSS58, "accountId": "0x", "publicKey": "0x", "privateKey": "0x"},
		w.coldkeyPubFile(): {"ss58Address": aboutSS58, "accountId": "0x", "publicKey": "0x"},
		w.hotkeyFile():     {"secretSeed": "0x" + aliceSeed, "ss58Address": aliceSS58, "accountId": "0x" + alicePub, "publicKey": "0x" + alicePub, "privateKey": aliceScalar},
		w.hotkeyPubFile():  {"ss58Address": aliceSS58, "accountId": "0x" + alicePub, "publicKey": "0x" + alicePub},
	} {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var got map[string]string
		if err := json.Unmarshal(b, &got); err != nil {
			t.Fatalf("%s is not a map of strings: %v", file, err)
		}
		for name, prefix := range want {
			if !strings.HasPrefix(got[name], prefix) {
				t.Errorf("%s: %s is %q, want %q", file, name, got[name], prefix)
			}
		}
		if len(got) != len(want) {
			t.Errorf("%s has %d fields, want %d", file, len(got), len(want))
		}
		if p := got["privateKey"]; p != "" && len(p) != 2+128 {
			t.Errorf("privateKey has %d characters", len(p))
		}
	}
}

func TestNothingIsOverwritten(t *testing.T) {
	w := Open(t.TempDir(), "w", "h")
	if _, err := w.New(Options{}); err != nil {
		t.Fatal(err)
	}
	before, err := w.LoadColdkey()
	if err != nil {
		t.Fatal(err)
	}
	other := Open(w.Path, "w", "h2") // the coldkey is there, the hotkey is not
	for name, err := range map[string]error{
		"New":           second(w.New(Options{})),
		"New beside":    second(other.New(Options{})),
		"NewHotkey":     second(w.NewKey(Hotkey, Options{})),
		"ImportColdkey": second(w.Import(Coldkey, "//Alice", Options{})),
		"ImportHotkey":  second(w.Import(Hotkey, "//Alice", Options{})),
	} {
		if strata.CodeOf(err) != strata.Conflict {
			t.Errorf("%s: %v", name, err)
		}
	}
	if after, err := w.LoadColdkey(); err != nil || after.pub != before.pub {
		t.Errorf("the coldkey changed: %v, %v", after, err)
	}
	if _, err := os.Stat(other.hotkeyFile()); err == nil {
		t.Error("a refused New wrote a hotkey")
	}
	if _, err := other.NewKey(Hotkey, Options{}); err != nil {
		t.Errorf("a second hotkey: %v", err)
	}
	if _, err := w.Import(Coldkey, "//Alice", Options{Overwrite: true}); err != nil {
		t.Fatal(err)
	}
	if after, err := w.LoadColdkeyPub(); err != nil || after.String() != aliceSS58 {
		t.Errorf("overwritten coldkey is %s, %v", after, err)
	}
}

func second[T any](_ T, err error) error { return err }

func TestUnknownWallet(t *testing.T) {
	w := Open(t.TempDir(), "nobody", "nothing")
	for name, err := range map[string]error{
		"hotkey": second(w.LoadHotkey()), "coldkey": second(w.LoadColdkey()),
		"hotkeypub": second(w.LoadHotkeyPub()), "coldkeypub": second(w.LoadColdkeyPub()),
	} {
		if strata.CodeOf(err) != strata.NotFound {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, want := range []string{w.Path, "nobody", "strata wallet new"} {
			if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s: %q does not say %q on one line", name, err, want)
			}
		}
	}
}

func TestBadNames(t *testing.T) {
	root := t.TempDir()
	for _, n := range []string{"..", ".", "a/b", "../x", `a\b`, "a\x00", strings.Repeat("a", 201)} {
		for _, w := range []Wallet{Open(root, n, "h"), Open(root, "w", n)} {
			if _, err := w.LoadHotkey(); strata.CodeOf(err) != strata.Invalid {
				t.Errorf("name %.20q: load: %v", n, err)
			}
			if _, err := w.New(Options{Overwrite: true}); strata.CodeOf(err) != strata.Invalid {
				t.Errorf("name %.20q: new: %v", n, err)
			}
		}
	}
}

func TestDefaultsAndTilde(t *testing.T) {
	t.Setenv("HOME", "/home/somebody")
	for path, want := range map[string]string{
		"": "/home/somebody/.bittensor/wallets", "~": "/home/somebody", "~/w": "/home/somebody/w",
		"~other/w": "~other/w", "/x//y/": "/x/y", "a/~/b": "a/~/b",
	} {
		if got := Open(path, "", ""); got.Path != want || got.Name != "default" || got.HotkeyName != "default" {
			t.Errorf("Open(%q) = %+v, want path %s", path, got, want)
		}
	}
	t.Setenv("HOME", "")
	if got := Open("~/w", "", "").Path; got != "~/w" {
		t.Errorf("without a home: %s", got)
	}
}

func TestReadPrecedence(t *testing.T) {
	phrase, seed := `"secretPhrase":"`+aboutPhrase+`"`, `"secretSeed":"0x`+aliceSeed+`"`
	bob := fromURI(t, "//Bob")
	private := `"privateKey":"` + secretFile(bob).PrivateKey + `"`
	address := func(s string) string { return `"ss58Address":"` + s + `"` }
	for _, c := range []struct {
		name, content, want string
		code                strata.Code
	}{
		{"phrase before seed", `{` + seed + `,` + phrase + `}`, aboutSS58, ""},
		{"seed before private key", `{` + private + `,` + seed + `}`, aliceSS58, ""},
		{"private key", `{` + private + `}`, bob.String(), ""},
		{"matching address", `{` + seed + `,` + address(aliceSS58) + `,"publicKey":"0x` + alicePub + `"}`, aliceSS58, ""},
		{"nulls and unknown fields", `{` + seed + `,"secretPhrase":null,"more":{"a":[1]}}`, aliceSS58, ""},
		{"crypto type by number", `{` + seed + `,"cryptoType":1}`, aliceSS58, ""},
		{"crypto type by name", `{` + seed + `,"cryptoType":"sr25519"}`, aliceSS58, ""},
		{"bare seed", "0x" + aliceSeed + "\n", aliceSS58, ""},
		{"bare mnemonic", aboutPhrase, aboutSS58, ""},
		{"another scheme", `{` + seed + `,"cryptoType":0}`, "", strata.Invalid},
		{"another address", `{` + seed + `,` + address(aboutSS58) + `}`, "", strata.Corrupt},
		{"another public key", `{` + seed + `,` + address(aliceSS58) + `,"publicKey":"0x` + aboutSeed + `"}`, "", strata.Corrupt},
		{"malformed address", `{` + seed + `,` + address("5Grw") + `}`, "", strata.Corrupt},
		{"only an address", `{` + address(aliceSS58) + `}`, "", strata.Corrupt},
		{"a development key instead of a seed", `//Alice`, "", strata.Corrupt},
		{"short private key", `{"privateKey":"0x1234"}`, "", strata.Corrupt},
		{"zero private key", `{"privateKey":"0x` + strings.Repeat("00", 64) + `"}`, "", strata.Invalid},
		{"private key too large", `{"privateKey":"0x` + strings.Repeat("ff", 64) + `"}`, "", strata.Invalid},
		{"empty object", `{}`, "", strata.Corrupt},
		{"empty", ``, "", strata.Corrupt},
		{"not JSON", `{"secretPhrase"`, "", strata.Corrupt},
		{"not a string", `{"secretSeed":5}`, "", strata.Corrupt},
		{"too large", strings.Repeat(" ", maxFile) + `{` + seed + `}`, "", strata.Corrupt},
		{"long field", `{` + seed + `,"secretPhrase":"` + strings.Repeat("a", maxField+1) + `"}`, "", strata.Corrupt},
	} {
		w := Open(t.TempDir(), "w", "h")
		put(t, w.hotkeyFile(), []byte(c.content))
		k, err := w.LoadHotkey()
		if strata.CodeOf(err) != c.code {
			t.Errorf("%s: %v, want code %q", c.name, err, c.code)
			continue
		}
		if err == nil && k.String() != c.want {
			t.Errorf("%s: %s, want %s", c.name, k, c.want)
		}
		if err != nil && (!strings.Contains(err.Error(), w.hotkeyFile()) || strings.Contains(err.Error(), aliceSeed[:16])) {
			t.Errorf("%s: error does not name the file, or shows the secret: %v", c.name, err)
		}
	}
}

func TestPublicFallsBackToTheSecretFile(t *testing.T) {
	w := Open(t.TempDir(), "w", "h")
	put(t, w.coldkeyFile(), []byte(`{"secretSeed":"0x`+aliceSeed+`"}`))
	if pub, err := w.LoadColdkeyPub(); err != nil || pub.String() != aliceSS58 {
		t.Errorf("without coldkeypub.txt: %s, %v", pub, err)
	}
	for content, code := range map[string]strata.Code{
		`{"ss58Address":"` + aboutSS58 + `"}`: "", `{}`: strata.Corrupt, `{"ss58Address":"x"}`: strata.Corrupt, `{`: strata.Corrupt,
	} {
		put(t, w.coldkeyPubFile(), []byte(content))
		if pub, err := w.LoadColdkeyPub(); strata.CodeOf(err) != code || err == nil && pub.String() != aboutSS58 {
			t.Errorf("coldkeypub.txt %s: %s, %v", content, pub, err)
		}
	}
}

func TestList(t *testing.T) {
	root := t.TempDir()
	if got, err := List(filepath.Join(root, "missing")); err != nil || len(got) != 0 {
		t.Errorf("a missing directory: %v, %v", got, err)
	}
	w := Open(root, "b", "h1")
	if _, err := w.New(Options{}); err != nil {
		t.Fatal(err)
	}
	put(t, Open(root, "b", "h2").hotkeyFile(), []byte("{"))
	put(t, Open(root, "a", "").coldkeyPubFile(), []byte(`{"ss58Address":"`+aliceSS58+`"}`))
	put(t, filepath.Join(root, "notes", "readme"), []byte("x"))
	put(t, filepath.Join(root, "file"), []byte("x"))
	got, err := List(root)
	if err != nil || len(got) != 2 || got[0].Name != "a" || got[1].Name != "b" {
		t.Fatalf("List = %+v, %v", got, err)
	}
	if got[0].Coldkey.String() != aliceSS58 || got[0].Err != nil || len(got[0].Hotkeys) != 0 {
		t.Errorf("wallet a: %+v", got[0])
	}
	hs := got[1].Hotkeys
	if len(hs) != 2 || hs[0].Name != "h1" || hs[0].Hotkey.IsZero() || hs[0].Err != nil || hs[1].Name != "h2" || strata.CodeOf(hs[1].Err) != strata.Corrupt {
		t.Errorf("hotkeys of b: %+v", hs)
	}
}

const (
	goldenPassword = "golden-test-password"
	goldenKey      = "083d232ef88c7c088ff70b462d9f299d9c6ffb7d355616dcb2af19619cd91e0c"
	goldenPlain    = `{"ss58Address":"` + aliceSS58 + `"}`
	goldenBox      = "244e41434c000102030405060708090a0b0c0d0e0f1011121314151617ebb0e33e647b80b5216a4d92626158cf22640583900283f7ca9a15c4a085c0d64f701cb2914646a5868555870cb8a108882272c57d6f310aa502a49bee4b0a1ffc6af26abd47f6abe0e408fd6ce8dc62b3fe"
)

func golden(t *testing.T) []byte {
	t.Helper()
	b, err := hex.DecodeString(goldenBox)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// One run of the real key stretching, 512 MiB: everything else about
// encryption is tested with the stretched key.
func TestEncryptedGolden(t *testing.T) {
	quiet(t)
	w := Open(t.TempDir(), "w", "h")
	put(t, w.coldkeyFile(), golden(t))
	asked := ""
	w.Ask = func(file string) (string, error) { asked = file; return goldenPassword, nil }
	_, err := w.LoadColdkey()
	// The golden plaintext has an address and no secret: getting this far means
	// that it was decrypted.
	if strata.CodeOf(err) != strata.Corrupt || !strings.Contains(err.Error(), "only an address") {
		t.Errorf("golden coldkey: %v", err)
	}
	if asked != w.coldkeyFile() {
		t.Errorf("asked for the password of %q", asked)
	}
}

func TestUnbox(t *testing.T) {
	key := key32(t, goldenKey)
	if plain, err := unbox(golden(t), key); err != nil || string(plain) != goldenPlain {
		t.Fatalf("unbox = %q, %v", plain, err)
	}
	var nonce [naclNonce]byte
	for i := range nonce {
		nonce[i] = byte(i)
	}
	if got := box([]byte(goldenPlain), key, nonce); !bytes.Equal(got, golden(t)) {
		t.Errorf("box = %x", got)
	}
	damaged := golden(t)
	damaged[len(damaged)-1] ^= 1
	for name, c := range map[string]struct {
		b    []byte
		key  [32]byte
		code strata.Code
	}{
		"wrong password": {golden(t), [32]byte{}, strata.Unauthenticated},
		"damaged":        {damaged, key, strata.Unauthenticated},
		"cut short":      {golden(t)[:len(naclMagic)+naclNonce+15], key, strata.Corrupt},
		"only the magic": {[]byte(naclMagic), key, strata.Corrupt},
		"no magic":       {golden(t)[1:], key, strata.Corrupt},
	} {
		if _, err := unbox(c.b, c.key); strata.CodeOf(err) != c.code {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEncryptedWithoutPassword(t *testing.T) {
	quiet(t)
	w := Open(t.TempDir(), "w", "h")
	put(t, w.coldkeyFile(), golden(t))
	_, err := w.LoadColdkey()
	if strata.CodeOf(err) != strata.Unauthenticated || !strings.Contains(err.Error(), "BT_WALLET_PASSWORD") {
		t.Errorf("no password: %v", err)
	}
	// A public key is not worth a question.
	w.Ask = func(string) (string, error) { t.Error("asked for a password to read an address"); return "", nil }
	if _, err := w.LoadColdkeyPub(); strata.CodeOf(err) != strata.Unauthenticated {
		t.Errorf("address of an encrypted coldkey: %v", err)
	}
	for _, old := range []string{"$ANSIBLE_VAULT;1.1;AES256", "gAAAAABk"} {
		if err := decryptable([]byte(old)); !encrypted([]byte(old)) || strata.CodeOf(err) != strata.Invalid {
			t.Errorf("%q: %v", old, err)
		}
	}
}

func TestWherePasswordsComeFrom(t *testing.T) {
	quiet(t)
	const file = "/home/somebody/.bittensor/wallets/w/coldkey"
	const name = "BT_PW__HOME_SOMEBODY__BITTENSOR_WALLETS_W_COLDKEY"
	ask := func(string) (string, error) { return "asked", nil }
	expect := func(want string) {
		t.Helper()
		if got, err := (Wallet{Ask: ask}).password(file); err != nil || got != want {
			t.Errorf("password %q, %v; want %q", got, err, want)
		}
	}
	expect("asked")
	pw := filepath.Join(t.TempDir(), "pw")
	put(t, pw, []byte("from file\r\n"))
	t.Setenv("BT_WALLET_PASSWORD_FILE", pw)
	expect("from file")
	masked := []byte("saved by btcli, longer than the name of its variable, which then starts over")
	want := string(bytes.Clone(masked))
	for i := range masked {
		masked[i] ^= name[i%len(name)]
	}
	t.Setenv(name, base64.StdEncoding.EncodeToString(masked))
	expect(want)
	t.Setenv("BT_WALLET_PASSWORD", "from environment")
	expect("from environment")
	t.Setenv("BT_WALLET_PASSWORD", "")

	t.Setenv(name, "not base64!")
	if _, err := (Wallet{Ask: ask}).password(file); strata.CodeOf(err) != strata.Invalid {
		t.Errorf("a variable that btcli did not write: %v", err)
	}
	quiet(t)
	t.Setenv(name, "")
	t.Setenv("BT_WALLET_PASSWORD_FILE", pw+".missing")
	if _, err := (Wallet{Ask: ask}).password(file); strata.CodeOf(err) != strata.Invalid {
		t.Errorf("a password file that is not there: %v", err)
	}
}

// A write that cannot succeed leaves nothing behind.
func TestFailedWrite(t *testing.T) {
	root := t.TempDir()
	put(t, filepath.Join(root, "w"), []byte("a file where the directory should be"))
	if _, err := Open(root, "w", "h").New(Options{}); err == nil {
		t.Fatal("a wallet was written below a file")
	}
	w := Open(root, "x", "h")
	put(t, filepath.Join(w.coldkeyFile(), "inside"), nil) // a directory where the file should be
	if _, err := w.New(Options{Overwrite: true}); err == nil {
		t.Fatal("a coldkey replaced a directory")
	}
	left, err := filepath.Glob(filepath.Join(w.dir(), ".*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// cheap is a wallet whose passwords are stretched without the cost.
func cheap(t *testing.T) Wallet {
	t.Helper()
	quiet(t)
	w := Open(t.TempDir(), "w", "h")
	w.stretcher = func(password string) (key [32]byte) { copy(key[:], "stretched "+password); return key }
	return w
}

// knows returns the wallet with a password to use.
func (w Wallet) knows(password string) Wallet {
	w.Ask = func(string) (string, error) { return password, nil }
	return w
}

func TestEncryptedWallet(t *testing.T) {
	w := cheap(t)
	words, err := w.New(Options{Password: "first", Words: 24})
	if err != nil || len(strings.Fields(words.Coldkey)) != 24 || len(strings.Fields(words.Hotkey)) != 24 {
		t.Fatalf("%d words, %v", len(strings.Fields(words.Coldkey)), err)
	}
	checkModes(t, w)
	want := fromURI(t, words.Coldkey).pub
	if k, err := w.knows("first").LoadColdkey(); err != nil || k.pub != want {
		t.Errorf("under its password: %v, %v", k, err)
	}
	if _, err := w.knows("wrong").LoadColdkey(); strata.CodeOf(err) != strata.Unauthenticated || strings.Contains(err.Error(), "wrong\x00") {
		t.Errorf("under another password: %v", err)
	}
	if cold, err := w.Encrypted(Coldkey); err != nil || !cold {
		t.Errorf("the coldkey is encrypted: %v, %v", cold, err)
	}
	if hot, err := w.Encrypted(Hotkey); err != nil || hot {
		t.Errorf("the hotkey is encrypted: %v, %v", hot, err)
	}
	b, err := os.ReadFile(w.coldkeyFile())
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{words.Coldkey, strings.Fields(words.Coldkey)[0] + " ", "secretSeed"} {
		if bytes.Contains(b, []byte(secret)) {
			t.Error("the encrypted file shows what it holds")
		}
	}
}

func TestChangePassword(t *testing.T) {
	w := cheap(t)
	if _, err := w.Import(Coldkey, "//Alice", Options{}); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(w.coldkeyPubFile()); err != nil {
		t.Fatal(err)
	}
	to := func(pw string) func() (string, error) { return func() (string, error) { return pw, nil } }
	never := func() (string, error) { t.Error("asked for a new password"); return "", nil }
	for _, step := range []struct {
		old    string
		choose func() (string, error)
		code   strata.Code
	}{
		{"", to("one"), ""},
		{"", never, strata.Unauthenticated},
		{"two", never, strata.Unauthenticated},
		{"one", to("two"), ""},
		{"one", never, strata.Unauthenticated},
		{"two", func() (string, error) { return "", strata.E(strata.Invalid, "given up") }, strata.Invalid},
		{"two", to(""), ""},
		{"", to(""), ""},
	} {
		if err := w.knows(step.old).SetPassword(Coldkey, step.choose); strata.CodeOf(err) != step.code {
			t.Fatalf("from %q: %v, want %q", step.old, err, step.code)
		}
		if pub, err := w.LoadColdkeyPub(); err != nil || pub.String() != aliceSS58 {
			t.Fatalf("from %q: the public file has %s, %v", step.old, pub, err)
		}
	}
	if k, err := w.LoadColdkey(); err != nil || k.String() != aliceSS58 {
		t.Errorf("at the end: %v, %v", k, err)
	}
	if left, _ := filepath.Glob(filepath.Join(w.dir(), ".*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestPublicOnly(t *testing.T) {
	w := cheap(t)
	pub, err := w.ImportPublic(Coldkey, aliceSS58, false)
	if err != nil || strata.EncodeSS58(pub) != aliceSS58 {
		t.Fatalf("%x, %v", pub, err)
	}
	if _, err := w.ImportPublic(Hotkey, "0x"+alicePub, false); err != nil {
		t.Fatal(err)
	}
	for _, r := range []Role{Coldkey, Hotkey} {
		if pub, err := w.LoadPublic(r); err != nil || strata.EncodeSS58(pub) != aliceSS58 {
			t.Errorf("%s: %x, %v", r, pub, err)
		}
		if _, err := w.Load(r); strata.CodeOf(err) != strata.NotFound || !strings.Contains(err.Error(), "only the public half of its "+string(r)) {
			t.Errorf("%s: %v", r, err)
		}
		if _, err := w.Encrypted(r); strata.CodeOf(err) != strata.NotFound {
			t.Errorf("%s: %v", r, err)
		}
		if _, err := w.ImportPublic(r, aboutSS58, false); strata.CodeOf(err) != strata.Conflict {
			t.Errorf("%s is replaced: %v", r, err)
		}
		if _, err := w.ImportPublic(r, "nobody", true); strata.CodeOf(err) != strata.Invalid {
			t.Errorf("%s: %v", r, err)
		}
	}
	list, err := List(w.Path)
	if err != nil || len(list) != 1 || len(list[0].Hotkeys) != 1 || list[0].Hotkeys[0].Name != "h" || list[0].Hotkeys[0].Hotkey.String() != aliceSS58 {
		t.Errorf("List = %+v, %v", list, err)
	}
	// The secret of the same wallet arrives later; its public half then stays.
	if _, err := w.Import(Coldkey, "//Alice", Options{Overwrite: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.ImportPublic(Coldkey, aboutSS58, true); strata.CodeOf(err) != strata.Conflict {
		t.Errorf("the public half of a key that is here: %v", err)
	}
	if _, err := w.Load("nosuchkey"); strata.CodeOf(err) != strata.Invalid {
		t.Errorf("another role: %v", err)
	}
}

func TestPasswordFileGoesFirst(t *testing.T) {
	w := cheap(t)
	t.Setenv("BT_WALLET_PASSWORD", "from the environment")
	file := filepath.Join(t.TempDir(), "pw")
	put(t, file, []byte("from the file\n"))
	if pw, err := w.KnownPassword(Coldkey); err != nil || pw != "from the environment" {
		t.Errorf("%q, %v", pw, err)
	}
	w.PasswordFile = file
	if pw, err := w.KnownPassword(Hotkey); err != nil || pw != "from the file" {
		t.Errorf("%q, %v", pw, err)
	}
	put(t, file, []byte("\n"))
	if _, err := w.KnownPassword(Coldkey); strata.CodeOf(err) != strata.Invalid {
		t.Errorf("an empty password file: %v", err)
	}
}

func TestPrivateKeyAsSecret(t *testing.T) {
	bob := fromURI(t, "//Bob")
	private := secretFile(bob).PrivateKey
	for _, uri := range []string{private, strings.TrimPrefix(private, "0x")} {
		if k := fromURI(t, uri); k.pub != bob.pub {
			t.Errorf("%s from its private key", k)
		}
	}
	if k, soft := fromURI(t, private+"/soft"), fromURI(t, "//Bob/soft"); k.pub != soft.pub {
		t.Errorf("derived from the private key %s, from the seed %s", k, soft)
	}
	for _, bad := range []string{strings.Repeat("zz", 64), strings.Repeat("00", 64), strings.Repeat("ff", 64)} {
		if _, err := FromURI(bad); strata.CodeOf(err) != strata.Invalid {
			t.Errorf("%.4s…: %v", bad, err)
		}
	}
	for _, n := range []int{11, 13, 27, -3} {
		if _, _, err := Generate(n); strata.CodeOf(err) != strata.Invalid {
			t.Errorf("%d words: %v", n, err)
		}
	}
}
