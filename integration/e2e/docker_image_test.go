// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"drydock/integration/engines"
)

// An image that is not to be had ends in the reason that a kubelet gives, and
// in the words of whoever was asked.
func TestDockerNoImage(t *testing.T) {
	registry := engines.NewRegistry(t)
	onEngines(t, func(t *testing.T, h engineHome, busybox string) {
		for _, tc := range []struct {
			name, image, pull, code, words string
		}{
			{"never pulled", "drydock-test/nothing:1", "never", "ImagePullBackOff", "drydock-test/nothing:1"},
			{"no name", "drydock-test/Nothing:1", "missing", "InvalidImageName", "lowercase"},
			{"no tag", registry.Host() + "/nothing:1", "missing", "ImagePullBackOff", "nothing:1"},
			{"nobody there", "127.0.0.1:1/nothing:1", "missing", "ImagePullBackOff", "connection refused"},
		} {
			t.Run(tc.name, func(t *testing.T) {
				r := h.inside(t, tc.image, []string{"--pull", tc.pull}, "echo", "started")
				r.want(t, 125, "start-failed")
				if r.ended.Code != tc.code || !strings.Contains(r.words(), tc.words) {
					t.Errorf("code %q, want %q and %q in: %s", r.ended.Code, tc.code, tc.words, r.words())
				}
				if strings.Contains(r.stdout, "started") {
					t.Error("it was started")
				}
			})
		}
	})
}

// A missing image is pulled once, and told of.
func TestDockerPull(t *testing.T) {
	registry := engines.NewRegistry(t)
	onEngines(t, func(t *testing.T, h engineHome, busybox string) {
		image := registry.Push(t, h.engine, busybox, "pulled-"+h.engine.Kind.String())
		first := h.inside(t, image, nil, "true")
		first.want(t, 0, "succeeded")
		if pulls := first.of("pull"); len(pulls) == 0 || pulls[len(pulls)-1]["finished"] != true {
			t.Errorf("no line tells of the pull, or none that it is over: %v", pulls)
		}
		again := h.inside(t, image, nil, "true")
		again.want(t, 0, "succeeded")
		if pulls := again.of("pull"); len(pulls) > 0 {
			t.Errorf("it was pulled again: %v", pulls)
		}
		used := again.of("ended")[0]["attempts"].([]any)[0].(map[string]any)["image"].(map[string]any)
		digest, _ := used["digest"].(string)
		if used["reference"] != image || used["id"] == "" || !strings.Contains(digest, "@sha256:") {
			t.Errorf("the record of the image: %v", used)
		}
	})
}

// Ctrl-C ends a pull that makes no headway.
func TestDockerInterruptPull(t *testing.T) {
	registry := engines.NewRegistry(t)
	asked := make(chan struct{}, 100)
	registry.Answer(func(_ http.ResponseWriter, r *http.Request) bool {
		select {
		case asked <- struct{}{}:
		default:
		}
		<-r.Context().Done()
		return true
	})
	onEngines(t, func(t *testing.T, h engineHome, _ string) {
		c := h.start(t, "run", "--json", "--image", registry.Host()+"/slow:1", "--", "echo", "started")
		select {
		case <-asked:
		case <-time.After(hang / 2):
			t.Fatal("nobody asked the registry")
		}
		if err := c.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		r := c.end(t)
		r.want(t, 130, "aborted")
		if len(r.of("started")) > 0 {
			t.Error("it was started")
		}
		for len(asked) > 0 {
			<-asked
		}
	})
}

// of are the lines of one type.
func (r result) of(kind string) []map[string]any {
	var lines []map[string]any
	for _, line := range r.lines {
		if line["type"] == kind {
			lines = append(lines, line)
		}
	}
	return lines
}

// What machines read of a task in an image: the order of the lines and the
// keys of each, which only grow.
func TestDockerLines(t *testing.T) {
	registry := engines.NewRegistry(t)
	want := []string{
		"queued: attempt id name resources time type",
		"admitted: attempt dir id image limits resources time type",
		"pull: attempt done finished id image time type",
		"started: attempt id pid time type",
		"output: attempt id stream text time type",
		"ended: attempt attempts engine exit_code id limits message name sandbox time type verdict version",
		"attempts[0]: exit_code image message number resources seconds started_at usage verdict",
		"image: digest id platform reference",
	}
	onEngines(t, func(t *testing.T, h engineHome, busybox string) {
		image := registry.Push(t, h.engine, busybox, "lines-"+h.engine.Kind.String())
		r := h.inside(t, image, nil, "echo", "hello")
		r.want(t, 0, "succeeded")
		var got []string
		last := map[string]map[string]any{}
		for _, line := range r.lines {
			kind := line["type"].(string)
			if last[kind] == nil && kind != "sample" {
				got = append(got, kind)
			}
			last[kind] = line
		}
		delete(last["pull"], "total") // not known where the layers are here already
		for i, kind := range got {
			got[i] = kind + ": " + keys(last[kind])
		}
		attempt := last["ended"]["attempts"].([]any)[0].(map[string]any)
		got = append(got, "attempts[0]: "+keys(attempt), "image: "+keys(attempt["image"].(map[string]any)))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
		if last["ended"]["sandbox"] != "docker" {
			t.Errorf("the sandbox is %v", last["ended"]["sandbox"])
		}
	})
}

func keys(m map[string]any) string { return strings.Join(slices.Sorted(maps.Keys(m)), " ") }
