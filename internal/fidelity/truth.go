// SPDX-License-Identifier: Apache-2.0

package fidelity

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"sync"
)

// Facts are what was seen of one behaviour, by name.
type Facts map[string]string

// Behaviour is a situation, and what a kubelet made of it.
type Behaviour struct {
	ID        string
	Group     string // "oom", "ends", "shm", "files", "inside" or "pod"
	Situation string
	V1, V2    Facts // by cgroup version; nil: the kubelet was not asked
}

// GroupPod is the group of what a sandbox of one command is not asked.
const GroupPod = "pod"

// Kubelet is what a sandbox on a cgroup version is compared with. Not all was
// tried on both versions: own tells whether it is from the same one.
func (b Behaviour) Kubelet(version int) (facts Facts, own bool) {
	facts, other := b.V2, b.V1
	if version == 1 {
		facts, other = other, facts
	}
	if facts == nil {
		return other, false
	}
	return facts, true
}

// other is what the kubelet did on the other version; nil: not asked.
func (b Behaviour) other(version int) (Facts, int) {
	if version == 1 {
		return b.V2, 2
	}
	return b.V1, 1
}

// Behaviours lists all that was tried on the kubelet, in the page's order.
var Behaviours = sync.OnceValue(readTruth)

// Kubelet is the version that was asked.
const Kubelet = "1.34"

//go:embed testdata/kubelet-1.34.json
var truth []byte

func readTruth() []Behaviour {
	var rows []struct {
		ID, Cgroup, Group, Situation string
		Facts                        Facts
	}
	dec := json.NewDecoder(bytes.NewReader(truth))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&rows); err != nil {
		panic(fmt.Sprintf("kubelet-%s.json: %v", Kubelet, err)) // embedded, and tested
	}
	var all []Behaviour
	at := map[string]int{}
	for _, r := range rows {
		i, known := at[r.ID]
		if !known {
			i = len(all)
			at[r.ID] = i
			all = append(all, Behaviour{ID: r.ID, Group: r.Group})
		}
		b := &all[i]
		if r.Situation != "" {
			b.Situation = r.Situation
		}
		if r.Cgroup == "v1" {
			b.V1 = r.Facts
		} else {
			b.V2 = r.Facts
		}
	}
	return all
}

// ByID finds a behaviour.
func ByID(id string) (Behaviour, bool) {
	for _, b := range Behaviours() {
		if b.ID == id {
			return b, true
		}
	}
	return Behaviour{}, false
}
