// SPDX-License-Identifier: Apache-2.0

package zoo

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// MissingError says what a scenario needs and this machine lacks.
type MissingError struct {
	Facility string // one word, e.g. the program's name
	Reason   string
}

func (e *MissingError) Error() string { return e.Reason }

func missingProgram(name string) *MissingError {
	return &MissingError{Facility: name, Reason: "needs the program " + name}
}

// Product is what one entry of a scenario's build list makes.
type Product struct {
	Files      []string // to be copied into the working directory
	PythonPath string   // for pip/NAME
}

// Builder builds each source once and keeps the products in Dir.
type Builder struct {
	Dir string
	// Ready, if set, is a directory that another builder's Export filled: on
	// a machine without compilers nothing is built.
	Ready string

	mu   sync.Mutex
	done map[string]built
}

type built struct {
	product Product
	err     error
}

// Product makes one entry of a build list from the sources in dir: c/x.c,
// go/x.go, rust/x.rs, java/X.java or pip/NAME.
func (b *Builder) Product(dir, name string) (Product, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	key := dir + "\x00" + name
	if made, ok := b.done[key]; ok {
		return made.product, made.err
	}
	product, err := b.make(dir, name)
	if b.done == nil {
		b.done = map[string]built{}
	}
	b.done[key] = built{product, err}
	return product, err
}

// Export builds what the scenarios need and puts it into dir, for a Builder
// elsewhere. What this machine lacks the compiler for is left out.
func (b *Builder) Export(zoo, dir string, scenarios []Scenario) error {
	for _, s := range scenarios {
		for _, name := range s.Build {
			product, err := b.Product(filepath.Join(zoo, "files"), name)
			if _, missing := errors.AsType[*MissingError](err); missing {
				continue
			}
			if err != nil {
				return err
			}
			for _, file := range product.Files {
				if err := copyFile(file, filepath.Join(dir, name, filepath.Base(file)), 0o755); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (b *Builder) make(dir, name string) (Product, error) {
	language, base, ok := strings.Cut(name, "/")
	if !ok {
		return Product{}, fmt.Errorf("build %q: want LANGUAGE/FILE", name)
	}
	if b.Ready != "" {
		files, err := regular(filepath.Join(b.Ready, name))
		if err != nil {
			err = &MissingError{Facility: language, Reason: "needs " + name + ", which was not built beforehand"}
		}
		return Product{Files: files}, err
	}
	out, err := os.MkdirTemp(b.Dir, language+"-")
	if err != nil {
		return Product{}, err
	}
	if language == "pip" {
		return Product{PythonPath: out}, compile(out, "python3", "-m", "pip", "install", "--quiet", "--target", out, base)
	}
	source, err := filepath.Abs(filepath.Join(dir, filepath.FromSlash(name)))
	if err != nil {
		return Product{}, err
	}
	if _, err := os.Stat(source); err != nil {
		return Product{}, err // a missing source is a failure, not a skip
	}
	program := filepath.Join(out, strings.TrimSuffix(base, filepath.Ext(base)))
	switch language {
	case "c":
		err = compile(out, "gcc", "-O1", "-static", "-pthread", "-o", program, source)
	case "go":
		err = compile(out, "go", "build", "-o", program, source)
	case "rust":
		err = compile(out, "rustc", "-O", "-o", program, source)
	case "java":
		err = compile(out, "javac", "-d", out, source)
	default:
		err = fmt.Errorf("build %q: no such language", name)
	}
	if err != nil {
		return Product{}, err
	}
	files, err := regular(out)
	return Product{Files: files}, err
}

// regular lists the plain files that a compiler left in dir; javac may make
// several classes.
func regular(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var files []string
	for _, e := range entries {
		if e.Type().IsRegular() {
			files = append(files, filepath.Join(dir, e.Name()))
		}
	}
	return files, nil
}

func compile(dir, program string, args ...string) error {
	path, err := exec.LookPath(program)
	if err != nil {
		return missingProgram(program)
	}
	cmd := exec.Command(path, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", program, strings.Join(args, " "), err, output)
	}
	return nil
}
