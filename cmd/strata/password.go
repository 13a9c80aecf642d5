package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/term"

	"strata"
	"strata/wallet"
)

// askPassword asks for the password of an encrypted key.
func askPassword(file string) (string, error) {
	pw, err := readHidden(fmt.Sprintf("password of %s (not shown): ", file))
	if err == nil {
		fmt.Fprintln(os.Stderr, "decrypting, which takes some seconds and 512 MiB")
	}
	return pw, err
}

// readHidden asks on the terminal without echo. An interrupt gives the terminal
// its echo back and ends the program.
func readHidden(question string) (string, error) {
	fd := int(os.Stdin.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", strata.E(strata.Invalid, "a password cannot be asked for here: %w; give --wallet.password_file", err)
	}
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	defer close(done)
	defer signal.Stop(interrupted)
	go func() {
		select {
		case <-interrupted:
			_ = term.Restore(fd, before) // nothing else can be done about it
			fmt.Fprintln(os.Stderr, "\nstrata: interrupted")
			os.Exit(130)
		case <-done:
		}
	}()
	fmt.Fprint(os.Stderr, question)
	b, err := term.ReadPassword(fd)
	fmt.Fprintln(os.Stderr)
	if err != nil {
		return "", strata.E(strata.Invalid, "read what was typed: %w", err)
	}
	return string(b), nil
}

// newPasswordFlags say where the password of a key to be written comes from.
type newPasswordFlags struct {
	File string `name:"new_password_file" help:"File that holds the password to encrypt with; asked for on a terminal unless given."`
	None bool   `name:"no_password" help:"Leave the key unencrypted."`
}

// choose returns the password to encrypt with, "" for none. known is what the
// environment says; it may be "".
func (f newPasswordFlags) choose(s streams, known string) (string, error) {
	switch {
	case f.None && f.File != "":
		return "", strata.E(strata.Invalid, "--no_password and --new_password_file contradict each other")
	case f.None:
		return "", nil
	case f.File != "":
		return wallet.ReadPassword(f.File)
	case known != "":
		return known, nil
	case !isTerminal(s.in):
		return "", nil
	}
	pw, err := readHidden("new password (not shown; empty leaves the key unencrypted): ")
	if err != nil || pw == "" {
		return "", err
	}
	again, err := readHidden("again: ")
	if err == nil && again != pw {
		err = strata.E(strata.Invalid, "the two passwords differ: nothing was written")
	}
	return pw, err
}
