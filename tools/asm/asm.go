// Package asm writes what a program has declared with avo: the assembly of a
// package and its Go declarations.
package asm

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/printer"
)

// Generator is one package's assembly.
type Generator struct {
	Name    string               // of the program, below tools
	Package string               // that gets it
	Declare func(*build.Context) // declares all functions
}

// Main is a program's main: it writes the two files named in its arguments.
func (g Generator) Main() {
	if len(os.Args) != 3 {
		fmt.Fprintf(os.Stderr, "usage: %s ASSEMBLY DECLARATIONS\n", g.Name)
		os.Exit(2)
	}
	if err := g.write(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", g.Name, err)
		os.Exit(1)
	}
}

func (g Generator) write(asm, stubs string) error {
	a, s, err := g.Generate()
	if err != nil {
		return err
	}
	if err := os.WriteFile(asm, a, 0o644); err != nil {
		return err
	}
	return os.WriteFile(stubs, s, 0o644)
}

// Generate returns the assembly and the Go declarations.
func (g Generator) Generate() (asm, stubs []byte, err error) {
	c := build.NewContext()
	g.Declare(c)
	f, err := c.Result()
	if err != nil {
		return nil, nil, err
	}
	if err := pass.Compile.Execute(f); err != nil {
		return nil, nil, err
	}
	cfg := printer.Config{Name: "tools/" + g.Name, Pkg: g.Package}
	if asm, err = printer.NewGoAsm(cfg).Print(f); err != nil {
		return nil, nil, err
	}
	stubs, err = printer.NewStubs(cfg).Print(f)
	return asm, stubs, err
}

// Committed fails unless the two files of that name, without their endings, in
// the package's folder are what the generator writes.
func (g Generator) Committed(name string) error {
	asm, stubs, err := g.Generate()
	if err != nil {
		return err
	}
	for ending, want := range map[string][]byte{".s": asm, ".go": stubs} {
		path := filepath.Join("..", "..", g.Package, name+ending)
		got, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if !bytes.Equal(got, want) {
			return fmt.Errorf("%s is not what is generated: run go generate ./%s", path, g.Package)
		}
	}
	return nil
}
