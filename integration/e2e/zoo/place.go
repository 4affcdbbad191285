// SPDX-License-Identifier: Apache-2.0

package zoo

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// place is where one round runs and what its placeholders stand for.
type place struct {
	token   string
	cwd     string // the directory of step 1
	canary  string // a host directory outside it, with a file "untouched"
	scratch string // the runner's own, for the result document
}

const canaryText = "untouched\n"

func newPlace() (place, error) {
	p := place{token: "zoo" + strings.ToLower(rand.Text()[:12])}
	var err error
	if p.cwd, err = os.MkdirTemp("", "zoo-"); err != nil {
		return p, err
	}
	if p.scratch, err = os.MkdirTemp("", "zoo-result-"); err != nil {
		return p, err
	}
	// Not below /tmp: that is an empty directory inside, and writing there
	// would prove nothing.
	if p.canary, err = os.MkdirTemp("/var/tmp", "zoo-canary-"); err != nil {
		return p, err
	}
	// What the task may not write must not be hidden from it by mode bits.
	for _, dir := range []string{p.cwd, p.canary} {
		if err := os.Chmod(dir, 0o755); err != nil {
			return p, err
		}
	}
	return p, os.WriteFile(filepath.Join(p.canary, "file"), []byte(canaryText), 0o644)
}

func (p place) remove() {
	for _, dir := range []string{p.cwd, p.canary, p.scratch} {
		if dir != "" {
			_ = os.RemoveAll(dir)
		}
	}
}

// fill replaces the placeholders in all strings of a scenario.
func (p place) fill(s Scenario) (Scenario, error) {
	var pairs []string
	for name, value := range map[string]string{
		"token": p.token, "cwd": p.cwd, "canary": p.canary,
		"nproc": strconv.Itoa(processors()), "memtotal_kb": memTotal(),
	} {
		quoted, err := json.Marshal(value)
		if err != nil {
			return s, err
		}
		pairs = append(pairs, "{"+name+"}", strings.Trim(string(quoted), `"`))
	}
	return parse(json.RawMessage(strings.NewReplacer(pairs...).Replace(string(s.raw))))
}

// processors is what nproc prints on the host.
func processors() int {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return runtime.NumCPU()
	}
	return set.Count()
}

func memTotal() string {
	content, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return ""
	}
	var kb string
	if _, err := fmt.Sscanf(string(content), "MemTotal: %s kB", &kb); err != nil {
		return ""
	}
	return kb
}
