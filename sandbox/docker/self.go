// SPDX-License-Identifier: Apache-2.0

package docker

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"drydock/sandbox"
)

// SupervisorArg is the first argument with which this program is a supervisor.
const SupervisorArg = "docker-supervisor"

// handsOver says that this program's main function calls Supervise when its
// first argument is SupervisorArg.
var handsOver bool

// HandOver runs Supervise, and ends the process with it, if this process was
// started as a supervisor. A program that uses the sandbox calls it first
// thing in main; one that does not needs Config.Supervisor, or drydock beside it.
func HandOver() {
	handsOver = true
	if len(os.Args) > 1 && os.Args[1] == SupervisorArg {
		os.Exit(Supervise())
	}
}

// findSupervisor is the command that runs Supervise. This program is started
// by way of /proc: the same one, even if it was replaced on disk meanwhile.
func findSupervisor(argv []string) ([]string, error) {
	if len(argv) > 0 {
		return argv, nil
	}
	if handsOver {
		return []string{"/proc/self/exe", SupervisorArg}, nil
	}
	var tried []string
	if self, err := os.Executable(); err == nil {
		tried = append(tried, filepath.Join(filepath.Dir(self), "drydock"))
	}
	if bin := os.Getenv("DRYDOCK_BIN"); bin != "" {
		tried = append(tried, filepath.Join(bin, "drydock"))
	}
	for _, path := range tried {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return []string{path, SupervisorArg}, nil
		}
	}
	return nil, &sandbox.UnsupportedError{
		What:   fmt.Sprintf("no program to supervise containers: %s is not there", strings.Join(tried, " or ")),
		Remedy: "call docker.HandOver first thing in main, or set DRYDOCK_BIN to the directory of drydock",
	}
}

// supervisorEnv is what the way to an engine may need.
func supervisorEnv() []string {
	var env []string
	for _, pair := range os.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		if strings.HasPrefix(name, "DOCKER_") || name == "HOME" || name == "SSH_AUTH_SOCK" || name == "XDG_RUNTIME_DIR" {
			env = append(env, pair)
		}
	}
	return env
}
