// SPDX-License-Identifier: Apache-2.0

package leftover

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// process is a PID together with its start time, so that a reused PID is
// another process.
type process struct {
	pid   int
	start string
}

type stat struct {
	process
	parent int
	state  string
}

// processes are the living descendants of this process and all processes that
// carry its mark. Dead orphans that were handed to this process are reaped on
// the way: they are no longer anybody's leftovers.
func processes() map[process]string {
	all := map[int]stat{}
	for _, dir := range glob("/proc/[0-9]*") {
		if st, ok := readStat(dir); ok {
			all[st.pid] = st
		}
	}
	self := os.Getpid()
	found := map[process]string{}
	for pid, st := range all {
		if pid == self || !descends(all, pid, self) && !marked(pid) {
			continue
		}
		if st.state == "Z" {
			if st.parent == self {
				_, _ = unix.Wait4(pid, nil, unix.WNOHANG, nil)
			}
			continue
		}
		found[st.process] = describe(pid)
	}
	return found
}

func descends(all map[int]stat, pid, ancestor int) bool {
	for hops := 0; hops < len(all); hops++ {
		st, ok := all[pid]
		if !ok || st.parent <= 0 {
			return false
		}
		if st.parent == ancestor {
			return true
		}
		pid = st.parent
	}
	return false
}

func marked(pid int) bool {
	mark := os.Getenv(MarkVariable)
	if mark == "" {
		return false
	}
	environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	return err == nil && bytes.Contains(environ, []byte(MarkVariable+"="+mark))
}

// readStat parses /proc/<pid>/stat; the name in it may hold blanks and
// parentheses, so fields are counted from the last one.
func readStat(dir string) (stat, bool) {
	content, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return stat{}, false
	}
	pid, err := strconv.Atoi(filepath.Base(dir))
	if err != nil {
		return stat{}, false
	}
	text := string(content)
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) < 20 {
		return stat{}, false
	}
	parent, err := strconv.Atoi(fields[1])
	if err != nil {
		return stat{}, false
	}
	return stat{process: process{pid, fields[19]}, parent: parent, state: fields[0]}, true
}

func describe(pid int) string {
	cmdline, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	words := strings.ReplaceAll(strings.TrimRight(string(cmdline), "\x00"), "\x00", " ")
	if len(words) > 200 {
		words = words[:200] + "…"
	}
	return fmt.Sprintf("%d (%s)", pid, words)
}

func glob(pattern string) []string {
	paths, err := filepath.Glob(pattern)
	if err != nil {
		panic(err) // only a malformed pattern
	}
	return paths
}
