package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"filippo.io/age"

	"strata"
	"strata/gateway"
	"strata/gateway/client/agefile"
	"strata/internal/durable"
)

// ageType is the media type of a file that a user's command has encrypted. What
// is stored is an age v1 file (https://age-encryption.org/v1), which any tool of
// that format opens.
const ageType = "application/age"

// passphraseEnv holds the passphrase where nobody can be asked.
const passphraseEnv = "STRATA_PASSPHRASE"

// encryptFlags say for whom a file is encrypted before it leaves this machine.
type encryptFlags struct {
	EncryptTo  []string `name:"encrypt-to" placeholder:"age1…" help:"Encrypt to this age recipient before sending; repeat for several."`
	Passphrase bool     `help:"Encrypt with a passphrase before sending: STRATA_PASSPHRASE, or asked for."`
}

// recipients returns those to encrypt to; none means that the file goes as it is.
func (f encryptFlags) recipients(s streams) ([]age.Recipient, error) {
	if f.Passphrase && len(f.EncryptTo) > 0 {
		return nil, strata.E(strata.Invalid, "--passphrase and --encrypt-to contradict each other: a file has a passphrase or recipients")
	}
	if f.Passphrase {
		pw, err := passphrase(s, true)
		if err != nil {
			return nil, err
		}
		r, err := age.NewScryptRecipient(pw)
		if err != nil {
			return nil, strata.E(strata.Invalid, "the passphrase cannot be used: %w", err)
		}
		return []age.Recipient{r}, nil
	}
	var out []age.Recipient
	for _, text := range f.EncryptTo {
		r, err := age.ParseRecipients(strings.NewReader(text))
		if err != nil || len(r) != 1 {
			return nil, strata.E(strata.Invalid, "--encrypt-to %.80q is not an age recipient: it begins with age1; age-keygen makes one", text)
		}
		out = append(out, r...)
	}
	return out, nil
}

// decryptFlags say with what a file is decrypted after it has come.
type decryptFlags struct {
	Identity   []string `name:"identity" short:"i" help:"File with age identities to decrypt with; repeat for several."`
	Passphrase bool     `help:"Decrypt with a passphrase: STRATA_PASSPHRASE, or asked for."`
	Raw        bool     `help:"Write what is stored, encrypted or not."`
}

// identities returns what to decrypt an object with; none means that it is
// written as it is stored.
func (f decryptFlags) identities(s streams, o gateway.Object) ([]age.Identity, error) {
	switch {
	case f.Raw && (f.Passphrase || len(f.Identity) > 0):
		return nil, strata.E(strata.Invalid, "--raw writes what is stored: it goes without --identity and --passphrase")
	case f.Passphrase && len(f.Identity) > 0:
		return nil, strata.E(strata.Invalid, "--passphrase and --identity contradict each other")
	case f.Passphrase:
		pw, err := passphrase(s, false)
		if err != nil {
			return nil, err
		}
		i, err := age.NewScryptIdentity(pw)
		if err != nil {
			return nil, strata.E(strata.Invalid, "the passphrase cannot be used: %w", err)
		}
		return []age.Identity{i}, nil
	case !f.Raw && len(f.Identity) == 0 && o.ContentType == ageType:
		return nil, strata.E(strata.Unauthenticated, "%q is encrypted: give --identity FILE or --passphrase, or --raw for what is stored", o.Name)
	}
	var out []age.Identity
	for _, path := range f.Identity {
		i, err := readIdentities(path)
		if err != nil {
			return nil, err
		}
		out = append(out, i...)
	}
	return out, nil
}

func readIdentities(path string) ([]age.Identity, error) {
	f, err := os.Open(expand(path))
	if err != nil {
		return nil, strata.E(strata.NotFound, "read the identities: %w", err)
	}
	defer f.Close()
	i, err := age.ParseIdentities(io.LimitReader(f, 1<<20))
	if err != nil {
		return nil, strata.E(strata.Invalid, "%s holds no age identities: they begin with AGE-SECRET-KEY-; age-keygen makes them", path)
	}
	return i, nil
}

// passphrase reads it from the environment or the terminal, twice for a new one.
func passphrase(s streams, fresh bool) (string, error) {
	if pw := os.Getenv(passphraseEnv); pw != "" {
		return pw, nil
	}
	if !isTerminal(s.in) {
		return "", strata.E(strata.Invalid, "there is no terminal to ask for the passphrase: set %s", passphraseEnv)
	}
	pw, err := readHidden("passphrase (not shown): ")
	if err != nil {
		return "", err
	}
	if pw == "" {
		return "", strata.E(strata.Invalid, "the passphrase is empty")
	}
	if !fresh {
		return pw, nil
	}
	again, err := readHidden("again: ")
	if err == nil && again != pw {
		err = strata.E(strata.Invalid, "the two passphrases differ: nothing was stored")
	}
	return pw, err
}

// settle gives a whole part its name, decrypted where there are identities. A
// crash before this leaves the part; the same command goes on from there.
func settle(dir, part, path string, with []age.Identity) error {
	if len(with) > 0 {
		if err := agefile.DecryptFile(part, path, with); err != nil {
			return fmt.Errorf("%w (what is stored is in %s; the same command with the right key uses it)", err, part)
		}
	} else if err := os.Rename(part, path); err != nil {
		return fmt.Errorf("give the file its name: %w", err)
	}
	return durable.SyncDir(dir)
}
