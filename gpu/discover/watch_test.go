// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"context"
	"strings"
	"testing"
	"time"

	"drydock/gpu"
)

// all reads looks to their end, which comes after so many of them.
func all(t *testing.T, o Options, n int, ids ...gpu.ID) []gpu.Look {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	var got []gpu.Look
	for l := range Watch(ctx, o, ids, time.Millisecond) {
		if got = append(got, l); len(got) == n {
			stop()
		}
	}
	return got
}

// A reader that talks nonsense is given up, and it is said why.
func TestWatchGarbage(t *testing.T) {
	for line, want := range map[string]string{
		"echo nonsense; cat":            "it answers what cannot be read",
		"echo it is broken >&2; exit 3": "exit status 3: it is broken",
		"exit 0":                        "its reader ended by itself",
	} {
		// nvidia-smi is there and knows nothing of it
		got := all(t, Options{Root: t.TempDir(), Reader: []string{script(t, line)}, SMI: script(t, "exit 9"), Limit: time.Minute}, 1, "GPU-0")
		if !strings.Contains(got[0].Problem, want) {
			t.Errorf("%s: %+v", line, got)
		}
	}
}

// Whose the processes are is told here: the reader does not look.
func TestWatchOwners(t *testing.T) {
	root := t.TempDir()
	put(t, root, "proc/12/comm", []byte("python3\n"))
	put(t, root, "proc/12/cgroup", []byte("0::/drydock.slice/drydock-01M8BSZ23RDZBS092ZMWJQ8SXB.2.slice/docker-4d2a.scope\n"))
	look := `{"time":"2026-03-01T12:00:00Z","uses":[{"id":"GPU-0","processes":[{"pid":12,"kind":"compute"},{"pid":13,"kind":"compute"}]}]}`
	got := all(t, Options{Root: root, Reader: []string{script(t, "echo '"+look+"'; cat")}, Limit: time.Minute}, 1, "GPU-0")
	if p := got[0].Uses[0].Processes; p[0].Task != "01M8BSZ23RDZBS092ZMWJQ8SXB" || p[0].Name != "python3" || p[1].UID != nil {
		t.Errorf("they are %+v", p)
	}
}

// A reader that goes on after its input has ended is not waited for.
func TestWatchStubborn(t *testing.T) {
	look := `{"time":"2026-03-01T12:00:00Z","uses":[{"id":"GPU-0"}]}`
	got := all(t, Options{Root: t.TempDir(), Reader: []string{script(t, "echo '"+look+"'; exec sleep 3600")}, Limit: 10 * time.Minute}, 1, "GPU-0")
	if len(got) != 1 || got[0].Problem != "" {
		t.Errorf("it looks %+v", got)
	}
}

func TestWatchNobodyTells(t *testing.T) {
	got := all(t, Options{Root: t.TempDir()}, 1, "neuron-0", "neuron-1")
	if len(got) != 1 || got[0].Problem != "nothing tells what such devices are used for: neuron-0, neuron-1" {
		t.Errorf("it looks %+v", got)
	}
	got = all(t, Options{Root: t.TempDir(), SMI: noSMI}, 1, "amd-1-128")
	if len(got) < 1 || got[0].Uses[0].Problem != "the driver no longer shows it" {
		t.Errorf("of AMD it looks %+v", got)
	}
}
