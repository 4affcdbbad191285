// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// memory keeps what an engine said of itself for the next process, in a file.
// It counts while the same daemon answers, told by its process, and not for
// long: a daemon can be told to read its configuration anew.
type memory struct {
	path string // "": nothing is kept
	key  string // of the daemon and of the shape of Info
}

// remembered is how long it counts.
const remembered = 5 * time.Minute

// kept is the file.
type kept struct {
	Key  string
	Info Info
}

// newMemory is that of the engine at an endpoint. Whose process is not known,
// or not for sure, has none.
func newMemory(dir, endpoint string, p peer) memory {
	daemon := p.identity(endpoint)
	if dir == "" || daemon == "" {
		return memory{}
	}
	name := sha256.Sum256([]byte(endpoint))
	return memory{
		path: filepath.Join(dir, fmt.Sprintf("engine-%x.json", name[:8])),
		key:  fmt.Sprintf("%s %s %+v", endpoint, daemon, Info{}),
	}
}

// recall returns what was kept, if it still counts for this version of the API.
func (m memory) recall(api string) (Info, bool) {
	if m.path == "" {
		return Info{}, false
	}
	stat, err := os.Stat(m.path)
	if err != nil {
		return Info{}, false
	}
	age := time.Since(stat.ModTime())
	content, err := os.ReadFile(m.path)
	var k kept
	if err != nil || age < 0 || age > remembered || json.Unmarshal(content, &k) != nil || k.Key != m.key || k.Info.API != api {
		return Info{}, false
	}
	return k.Info, true
}

// keep keeps it, where that is possible: without it the next process asks anew.
func (m memory) keep(info Info) {
	if m.path == "" {
		return
	}
	content, err := json.Marshal(kept{Key: m.key, Info: info})
	if err == nil {
		err = os.MkdirAll(filepath.Dir(m.path), 0o700)
	}
	if err != nil {
		return
	}
	file, err := os.CreateTemp(filepath.Dir(m.path), "engine-*.new") // 0600
	if err != nil {
		return
	}
	_, err = file.Write(content)
	if errors.Join(err, file.Close()) != nil || os.Rename(file.Name(), m.path) != nil {
		_ = os.Remove(file.Name())
	}
}
