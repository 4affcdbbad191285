// SPDX-License-Identifier: Apache-2.0

package docker

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"drydock/sandbox/docker/engine"
	"drydock/sandbox/supervise/client"
)

// shelf is an engine's containers.
type shelf struct{ all []engine.Listed }

func (s *shelf) List(_ context.Context, labels map[string]string) ([]engine.Listed, error) {
	return slices.DeleteFunc(slices.Clone(s.all), func(l engine.Listed) bool {
		for name, value := range labels {
			if l.Labels[name] != value {
				return true
			}
		}
		return false
	}), nil
}

func (s *shelf) Remove(_ context.Context, id string) error {
	s.all = slices.DeleteFunc(s.all, func(l engine.Listed) bool { return l.ID == id })
	return nil
}

// Labels make no attempt: an image that somebody made of an attempt's container
// has them too, and they may say anything.
func TestCleanGoesByName(t *testing.T) {
	const id = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
	c := cleaner{leases: client.Leases(t.TempDir())}
	made := func(called, id, attempt string) engine.Listed {
		spec := testSpec()
		spec.ID = id
		l := engine.Listed{ID: called, Name: called, State: "running", Labels: labels(spec, c.leases)}
		l.Labels[labelAttempt] = attempt
		return l
	}
	on := &shelf{all: []engine.Listed{
		made("drydock-"+id+".1", id, "1"),
		made("debugging", id, "1"),
		made("drydock-"+id+".2", id, "3"),
		made("drydock-..", "", "."),
		made("drydock-"+id+"./../x", id, "/../x"),
	}}
	c.engine = on
	strays, err := c.clean(t.Context())
	if err != nil || len(strays) != 1 || strays[0].ID != id || strays[0].Killed != 1 {
		t.Errorf("strays %+v, %v", strays, err)
	}
	var left []string
	for _, l := range on.all {
		left = append(left, l.Name)
	}
	want := []string{"debugging", "drydock-" + id + ".2", "drydock-..", "drydock-" + id + "./../x"}
	if diff := cmp.Diff(want, left); diff != "" {
		t.Errorf("left: %s", strings.TrimSpace(diff))
	}
}
