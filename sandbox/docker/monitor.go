// SPDX-License-Identifier: Apache-2.0

package docker

import (
	"bytes"
	"os"
	"path/filepath"
	"time"
)

// monitorPatience is how long Podman's processes may outlive a container.
const monitorPatience = 5 * time.Second

// awaitMonitor waits until no process of this machine has the container's id
// among its words: a monitor of Podman's (conmon) that sees a failed start puts
// itself below the attempt's group when all else is gone, and so makes it again.
func awaitMonitor(id string) {
	for deadline := time.Now().Add(monitorPatience); named(id) && time.Now().Before(deadline); {
		time.Sleep(20 * time.Millisecond)
	}
}

// named reports whether a process has been started with a word in its
// arguments.
func named(word string) bool {
	paths, _ := filepath.Glob("/proc/[0-9]*/cmdline") // the pattern is good
	for _, path := range paths {
		if words, err := os.ReadFile(path); err == nil && bytes.Contains(words, []byte(word)) {
			return true
		}
	}
	return false
}
