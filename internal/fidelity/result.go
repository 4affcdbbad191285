// SPDX-License-Identifier: Apache-2.0

package fidelity

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// Backend is a sandbox as it was asked.
type Backend struct {
	Name   string // one of Backends
	Cgroup int    // version
}

// Backends are the columns of the page, in order.
var Backends = []string{"native-v1", "native-v2", "rootless", "docker-v1", "docker-v2"}

// Title is the column's.
func (b Backend) Title() string {
	if name, version, ok := strings.Cut(b.Name, "-"); ok {
		return name + ", " + version
	}
	return fmt.Sprintf("%s, v%d", b.Name, b.Cgroup)
}

// Result is what one backend did.
type Result struct {
	Backend string           `json:"backend"` // one of Backends
	Cgroup  int              `json:"cgroup"`
	Facts   map[string]Facts `json:"facts"` // by id
	// Skipped are the ids that could not be tried, with the reason.
	Skipped map[string]string `json:"skipped,omitempty"`
}

// On is the backend that did it.
func (r Result) On() Backend { return Backend{Name: r.Backend, Cgroup: r.Cgroup} }

// RecordMark begins the line on which a test prints a result, as compact JSON.
const RecordMark = "fidelity result: "

// Encode writes a result the same way each time.
func (r Result) Encode() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	err := enc.Encode(r)
	return b.Bytes(), err
}

// Decode reads what Encode wrote.
func Decode(data []byte) (Result, error) {
	var r Result
	err := json.Unmarshal(data, &r)
	return r, err
}

//go:embed results
var results embed.FS

// Recorded are the results that are kept, by backend.
func Recorded() (map[string]Result, error) {
	all := map[string]Result{}
	for _, backend := range Backends {
		data, err := results.ReadFile("results/" + backend + ".json")
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		r, err := Decode(data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", backend, err)
		}
		all[backend] = r
	}
	return all, nil
}
