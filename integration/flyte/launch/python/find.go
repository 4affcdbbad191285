// SPDX-License-Identifier: Apache-2.0

package python

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// errNone says that there is no Python at all.
var errNone = errors.New("no Python with flyte was found; activate the environment that flyte is installed in, or name it with --python")

// Find returns the Python to run tasks with: explicit, a program or the
// directory of a virtual environment, where it is given; otherwise the first
// of these that has the SDK: the active virtual environment ($VIRTUAL_ENV),
// the one that a0 on the PATH belongs to, the one of flyte, python3 itself.
// getenv is os.Getenv, or a test's.
func Find(ctx context.Context, explicit string, getenv func(string) string) (Python, error) {
	if explicit != "" {
		program, err := named(explicit, getenv)
		if err != nil {
			return Python{}, err
		}
		return ask(ctx, program)
	}
	first := errNone
	for _, candidate := range candidates(getenv) {
		p, err := ask(ctx, candidate)
		if err == nil {
			return p, nil
		}
		if first == errNone {
			first = err
		}
		if ctx.Err() != nil {
			break
		}
	}
	return Python{}, first
}

// named is the program that --python names.
func named(explicit string, getenv func(string) string) (string, error) {
	if !strings.Contains(explicit, "/") {
		if found := lookPath(explicit, getenv); found != "" {
			return found, nil
		}
	}
	path, err := filepath.Abs(explicit)
	if err != nil {
		return "", err
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("there is no Python at %s; name a python program or the directory of a virtual environment with --python", explicit)
	}
	if !info.IsDir() {
		return path, nil
	}
	if program := inVenv(path); program != "" {
		return program, nil
	}
	return "", fmt.Errorf("the directory %s holds no bin/python; name a python program or the directory of a virtual environment with --python", explicit)
}

// inVenv is the interpreter of a virtual environment; "": it has none.
func inVenv(dir string) string { return firstProgram(filepath.Join(dir, "bin"), "python3", "python") }

// candidates lists interpreters, the likeliest first, each once.
func candidates(getenv func(string) string) []string {
	var all []string
	add := func(program string) {
		for _, known := range all {
			if known == program {
				return
			}
		}
		if program != "" {
			all = append(all, program)
		}
	}
	if venv := getenv("VIRTUAL_ENV"); filepath.IsAbs(venv) {
		add(inVenv(venv))
	}
	for _, script := range []string{"a0", "flyte"} {
		if path := lookPath(script, getenv); path != "" {
			add(interpreter(path, getenv))
		}
	}
	add(lookPath("python3", getenv))
	add(lookPath("python", getenv))
	return all
}

// lookPath finds a program in the PATH that getenv tells; "": nowhere.
func lookPath(name string, getenv func(string) string) string {
	for _, dir := range filepath.SplitList(getenv("PATH")) {
		if filepath.IsAbs(dir) { // a relative one would depend on where drydock was started
			if program := firstProgram(dir, name); program != "" {
				return program
			}
		}
	}
	return ""
}

// firstProgram is the first of the names that is executable in dir.
func firstProgram(dir string, names ...string) string {
	for _, name := range names {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return path
		}
	}
	return ""
}

// interpreter is the Python that a console script is run by. What is no
// Python script, such as one of pyenv's shims, has its python beside it.
func interpreter(script string, getenv func(string) string) string {
	if program := shebang(script); program != "" {
		if filepath.IsAbs(program) {
			return program
		}
		return lookPath(program, getenv)
	}
	return firstProgram(filepath.Dir(script), "python3", "python")
}

// shebang is the Python named in a script's first lines: an absolute path, or
// a name to be looked up (#!/usr/bin/env python3); "": none.
func shebang(script string) string {
	file, err := os.Open(script)
	if err != nil {
		return ""
	}
	defer file.Close()
	lines := bufio.NewScanner(io.LimitReader(file, 4096))
	var first, second string
	if lines.Scan() {
		first = lines.Text()
	}
	if lines.Scan() {
		second = lines.Text()
	}
	command, ok := strings.CutPrefix(first, "#!")
	if !ok {
		return ""
	}
	// pip's way around a path that is too long for the kernel, or holds a
	// space: #!/bin/sh, then '''exec' "/the path/python" "$0" "$@".
	if rest, ok := strings.CutPrefix(second, "'''exec' "); ok {
		return pythonWord(firstWord(rest))
	}
	words := strings.Fields(command)
	if len(words) > 1 && filepath.Base(words[0]) == "env" {
		return pythonWord(words[len(words)-1])
	}
	if len(words) == 0 {
		return ""
	}
	return pythonWord(words[0])
}

// firstWord is the first word of a shell line, which may be in double quotes.
func firstWord(line string) string {
	line = strings.TrimSpace(line)
	if rest, ok := strings.CutPrefix(line, `"`); ok {
		word, _, _ := strings.Cut(rest, `"`)
		return word
	}
	word, _, _ := strings.Cut(line, " ")
	return word
}

// pythonWord drops what is no Python's name.
func pythonWord(program string) string {
	base := filepath.Base(program)
	if strings.HasPrefix(base, "python") || strings.HasPrefix(base, "pypy") {
		return program
	}
	return ""
}
