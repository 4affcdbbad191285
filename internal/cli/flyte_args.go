// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cli

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// flyteCall is a command line of flyte's, taken apart as far as drydock has
// to know it (flyte-sdk cli/main.py and cli/_run.py).
type flyteCall struct {
	global []string // options before the verb
	verb   string   // "": there is none
	rest   []string

	// Of run and rerun: the run that it will make.
	name            string // "": drydock chooses one
	project, domain string // "": not given
	local           bool   // it runs in the client's own process
}

// Options that take no value. All others take one.
var (
	globalSwitches = []string{"--version", "--insecure", "-v", "--verbose", "--reset-root-logger", "--no-progress", "--help"}
	runSwitches    = []string{"--local", "--follow", "-f", "--tui", "--tracked", "--tracked-strict", "--no-sync-local-sys-paths", "--debug", "--help",
		"--recover", "--allow-missing-outputs"}
)

// parseFlyte takes a command line of flyte's apart. It refuses what would
// contradict drydock: another endpoint.
func parseFlyte(args []string) (flyteCall, error) {
	var c flyteCall
	n := flyteOptionWords(args, globalSwitches, func(string, string) {})
	c.global, args = args[:n], args[n:]
	for _, word := range c.global {
		name, _, _ := strings.Cut(word, "=")
		if name == "--endpoint" || name == "--insecure" {
			return c, usagef("leave it out; to talk to another endpoint, call flyte itself", "drydock flyte gives flyte its %s itself", name)
		}
	}
	if len(args) == 0 {
		return c, nil
	}
	c.verb, c.rest = args[0], args[1:]
	switch c.verb {
	case "run":
		c.parseRun()
	case "rerun":
		c.parseRerun()
	}
	return c, nil
}

// note keeps what drydock has to know of an option of run or rerun.
func (c *flyteCall) note(name, value string) {
	switch name {
	case "--name":
		c.name = value
	case "-p", "--project", "--run-project":
		c.project = value
	case "-d", "--domain", "--run-domain":
		c.domain = value
	case "--local", "--tui", "--tracked":
		c.local = true
	}
}

// parseRun reads the options before the file: those behind the task are its
// inputs. --follow is dropped, because drydock follows the run itself, and
// better: to its end and its verdict.
func (c *flyteCall) parseRun() {
	n := flyteOptionWords(c.rest, runSwitches, c.note)
	kept := slices.DeleteFunc(slices.Clone(c.rest[:n]), func(word string) bool { return word == "--follow" || word == "-f" })
	c.rest = append(kept, c.rest[n:]...)
}

// parseRerun reads all options: they may stand before and behind the run.
func (c *flyteCall) parseRerun() {
	for rest := c.rest; len(rest) > 0; {
		n := flyteOptionWords(rest, runSwitches, c.note)
		rest = rest[min(n+1, len(rest)):]
	}
}

// makesRun reports whether the verb starts a run.
func (c flyteCall) makesRun() bool { return c.verb == "run" || c.verb == "rerun" }

// help reports whether flyte only shows its help.
func (c flyteCall) help() bool { return slices.Contains(c.rest, "--help") }

// flyteOptionWords counts the words at the start of args that are options or their
// values, and tells each with its value.
func flyteOptionWords(args, switches []string, each func(name, value string)) int {
	for i := 0; i < len(args); i++ {
		word := args[i]
		if len(word) < 2 || word[0] != '-' || word == "--" {
			return i
		}
		name, value, given := strings.Cut(word, "=")
		if !given && !slices.Contains(switches, name) && !repeatedVerbose(name) {
			if i++; i < len(args) {
				value = args[i]
			}
		}
		each(name, value)
	}
	return len(args)
}

// repeatedVerbose is -v, -vv, -vvv.
func repeatedVerbose(name string) bool { return strings.Trim(name, "v") == "-" && len(name) > 1 }

// command is the whole line for the flyte program: endpoint before the verb,
// the run's name behind it.
func (c flyteCall) command(program, endpoint, runName string) []string {
	line := []string{program, "--endpoint", endpoint, "--insecure"}
	line = append(line, c.global...)
	if c.verb == "" {
		return line
	}
	line = append(line, c.verb)
	if runName != "" && c.name == "" {
		line = append(line, "--name", runName)
	}
	return append(line, c.rest...)
}

// flyteSettings is what a configuration file of flyte's says about where runs
// go. The zero value is that of a machine without one.
type flyteSettings struct {
	path            string
	project, domain string
}

// readFlyteConfig reads the file that flyte will read: the first one that
// exists.
func readFlyteConfig(w World, global []string) flyteSettings {
	for _, path := range flyteConfigs(w, global) {
		data, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		var doc struct {
			Task struct{ Project, Domain string } `yaml:"task"`
		}
		_ = yaml.Unmarshal(data, &doc) // flyte ignores one that it cannot read, too
		s := flyteSettings{path, doc.Task.Project, doc.Task.Domain}
		// The environment beats the file, and counts only beside one.
		if v, ok := w.env(envProject); ok {
			s.project = v
		}
		if v, ok := w.env(envDomain); ok {
			s.domain = v
		}
		return s
	}
	return flyteSettings{}
}

// How flyte is told a project and a domain by its environment.
const (
	envProject = "FLYTE_TASK_PROJECT"
	envDomain  = "FLYTE_TASK_DOMAIN"
	envConfig  = "FLYTECTL_CONFIG"
)

// flyteConfigs are where flyte looks for its configuration, in its order
// (flyte-sdk config/_reader.py).
func flyteConfigs(w World, global []string) []string {
	var paths []string
	flyteOptionWords(global, globalSwitches, func(name, value string) {
		if name == "-c" || name == "--config" {
			paths = append(paths, value)
		}
	})
	if len(paths) > 0 {
		return paths
	}
	if dir, err := w.Dir(); err == nil {
		paths = append(paths, filepath.Join(dir, "config.yaml"), filepath.Join(dir, ".flyte", "config.yaml"))
		for d := dir; ; d = filepath.Dir(d) {
			if _, err := os.Stat(filepath.Join(d, ".git")); err == nil {
				paths = append(paths, filepath.Join(d, ".flyte", "config.yaml"))
				break
			}
			if d == filepath.Dir(d) {
				break
			}
		}
	}
	for _, name := range []string{"UCTL_CONFIG", "FLYTECTL_CONFIG"} {
		if path, ok := w.env(name); ok && path != "" {
			paths = append(paths, path)
		}
	}
	if home, ok := w.env("HOME"); ok && home != "" {
		paths = append(paths, filepath.Join(home, ".union", "config.yaml"), filepath.Join(home, ".flyte", "config.yaml"))
	}
	return paths
}
