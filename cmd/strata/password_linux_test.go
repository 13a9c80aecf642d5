package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// terminal returns the two ends of a pseudo-terminal.
func terminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no pseudo-terminals here: %v", err)
	}
	t.Cleanup(func() { master.Close() })
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { slave.Close() })
	return master, slave
}

func echoes(t *testing.T, tty *os.File) bool {
	t.Helper()
	s, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return s.Lflag&unix.ECHO != 0
}

// A mnemonic that is typed is read with the echo off, is not shown, and the echo
// comes back, after an interrupt too.
func TestTypedSecretIsNotShown(t *testing.T) {
	for _, interrupt := range []bool{false, true} {
		t.Run(fmt.Sprintf("interrupt=%v", interrupt), func(t *testing.T) {
			master, slave := terminal(t)
			dir := t.TempDir()
			cmd := exec.Command(os.Args[0], "wallet", "import", "hotkey", "--wallet.path", dir)
			cmd.Args[0] = "strata"
			cmd.Stdin = slave
			var out bytes.Buffer
			cmd.Stdout = &out
			stderr, err := cmd.StderrPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			said := bufio.NewReader(stderr)
			if _, err := said.ReadString(':'); err != nil {
				t.Fatal(err)
			}
			for end := time.Now().Add(patience); echoes(t, slave); runtime.Gosched() {
				if time.Now().After(end) {
					t.Fatal("the echo stays on")
				}
			}
			if interrupt {
				err = cmd.Process.Signal(os.Interrupt)
			} else {
				_, err = master.WriteString("//Alice//secret\n")
			}
			if err != nil {
				t.Fatal(err)
			}
			rest, err := io.ReadAll(said)
			if err != nil {
				t.Fatal(err)
			}
			err = cmd.Wait()
			if _, e := os.Stat(filepath.Join(dir, "default", "hotkeys", "default")); (e == nil) == interrupt || (err == nil) == interrupt {
				t.Errorf("ended with %v, wallet: %v: %s", err, e, rest)
			}
			if !echoes(t, slave) {
				t.Error("the terminal is left without echo")
			}
			if _, err := slave.WriteString("END\n"); err != nil {
				t.Fatal(err)
			}
			shown, err := bufio.NewReader(master).ReadString('D')
			if err != nil || strings.Contains(shown+out.String()+string(rest), "secret") {
				t.Errorf("shown: %q %q %q, %v", shown, out.String(), rest, err)
			}
		})
	}
}
