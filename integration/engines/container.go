// SPDX-License-Identifier: Apache-2.0

package engines

import (
	"bytes"
	"encoding/binary"
	"net/http"
	"net/url"
	"testing"
	"time"
)

// Container is a container that a test runs beside drydock's own.
type Container struct {
	Image      string
	Args       []string // in the place of the image's CMD
	Env        []string
	Binds      []string // "/source:/target[:ro]"
	Privileged bool
	CgroupNS   string // "host", "private"; "": the engine's default
	Memory     int64  // limit in bytes; 0: none
}

// runTime bounds the run of one container.
const runTime = 2 * time.Minute

// Run runs a container without a network to its end, and returns what it
// printed and its exit code. Nothing is left of it, anonymous volumes included.
func (e *Engine) Run(t testing.TB, c Container) (stdout, stderr string, code int) {
	t.Helper()
	api := e.client()
	api.patience = runTime
	var made struct {
		ID string `json:"Id"`
	}
	err := api.json(http.MethodPost, "/containers/create", map[string]any{
		"Image": c.Image, "Cmd": c.Args, "Env": c.Env,
		"HostConfig": map[string]any{
			"Binds": c.Binds, "Privileged": c.Privileged, "CgroupnsMode": c.CgroupNS, "NetworkMode": "none",
			"Memory": c.Memory, "MemorySwap": c.Memory,
		},
	}, &made)
	if err != nil {
		t.Fatalf("%s: %v", e.Name, err)
	}
	path := "/containers/" + url.PathEscape(made.ID)
	defer func() {
		if _, err := api.do(http.MethodDelete, path+"?force=1&v=1", nil); err != nil {
			t.Errorf("%s: %v", e.Name, err)
		}
	}()
	if err := api.json(http.MethodPost, path+"/start", nil, nil); err != nil {
		t.Fatalf("%s: %v", e.Name, err)
	}
	var end struct{ StatusCode int }
	if err := api.json(http.MethodPost, path+"/wait", nil, &end); err != nil {
		t.Fatalf("%s: %v", e.Name, err)
	}
	printed, err := api.do(http.MethodGet, path+"/logs?stdout=1&stderr=1", nil)
	if err != nil {
		t.Fatalf("%s: %v", e.Name, err)
	}
	stdout, stderr = parted(printed)
	return stdout, stderr, end.StatusCode
}

// parted takes an engine's two streams apart: each piece has a head of eight
// bytes, of which the first says whose it is and the last four how long.
func parted(printed []byte) (stdout, stderr string) {
	var streams [3]bytes.Buffer
	for len(printed) >= 8 {
		of, size := printed[0]%3, int(binary.BigEndian.Uint32(printed[4:8]))
		printed = printed[8:]
		size = min(size, len(printed))
		streams[of].Write(printed[:size])
		printed = printed[size:]
	}
	return streams[1].String(), streams[2].String()
}
