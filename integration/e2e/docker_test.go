// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"drydock/integration/engines"
	"drydock/internal/leftover"
)

// engineHome is a machine of its own for drydock with one engine.
type engineHome struct {
	home
	engine *engines.Engine
}

// onEngines runs a test with each kind of engine, the images' base included.
func onEngines(t *testing.T, test func(t *testing.T, h engineHome, busybox string)) {
	for _, kind := range engines.Kinds() {
		t.Run(kind.String(), func(t *testing.T) {
			e := engines.Shared(t, kind)
			busybox := engines.Busybox(t, e)
			nothingLeftBeside(t)
			h := engineHome{newHome(t), e}
			t.Cleanup(func() { h.noContainers(t) })
			test(t, h, busybox)
		})
	}
}

// nothingLeftBeside is nothingLeft without what an engine makes for itself at
// its first container and keeps as long as it lives.
func nothingLeftBeside(t *testing.T) {
	t.Helper()
	before := leftover.Take()
	t.Cleanup(func() {
		var items []leftover.Item
		for _, item := range before.Since(3 * time.Second) {
			if strings.Contains(item.Name, "/drydock-engine-") || strings.Contains(item.Name, "/libpod_parent") {
				continue
			}
			t.Error(item)
			items = append(items, item)
		}
		leftover.Kill(items)
	})
}

func (h engineHome) prepare(t testing.TB, args ...string) *command {
	t.Helper()
	c := h.home.prepare(t, args...)
	c.Env = append(c.Env, "DOCKER_HOST="+h.engine.Socket)
	return c
}

func (h engineHome) start(t testing.TB, args ...string) *command {
	t.Helper()
	c := h.prepare(t, args...)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	return c
}

func (h engineHome) run(t testing.TB, args ...string) result {
	t.Helper()
	return h.start(t, args...).end(t)
}

// inside runs words in an image within 64 MiB and without a network of its own.
func (h engineHome) inside(t testing.TB, image string, flags []string, words ...string) result {
	t.Helper()
	args := append([]string{"run", "--memory", "64Mi", "--network", "none", "--json", "--image", image}, flags...)
	if len(words) > 0 {
		args = append(append(args, "--"), words...)
	}
	return h.run(t, args...)
}

// api asks the engine something about its containers.
func (h engineHome) api(t testing.TB, method, target string, answer any) {
	t.Helper()
	client := http.Client{Timeout: hang, Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", strings.TrimPrefix(h.engine.Socket, "unix://"))
		}}}
	request, err := http.NewRequest(method, "http://engine"+target, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode >= 300 {
		t.Fatalf("%s %s: %s", method, target, response.Status)
	}
	if answer != nil {
		if err := json.NewDecoder(response.Body).Decode(answer); err != nil {
			t.Fatal(err)
		}
	}
}

// containers are those of a task, running or not; id "" means any of drydock's.
func (h engineHome) containers(t testing.TB, id string) []string {
	t.Helper()
	label := "io.drydock.id"
	if id != "" {
		label += "=" + id
	}
	filters, err := json.Marshal(map[string][]string{"label": {label}})
	if err != nil {
		t.Fatal(err)
	}
	var all []struct {
		ID string `json:"Id"`
	}
	h.api(t, http.MethodGet, "/v1.40/containers/json?all=1&filters="+url.QueryEscape(string(filters)), &all)
	var ids []string
	for _, c := range all {
		ids = append(ids, c.ID)
	}
	return ids
}

func (h engineHome) noContainers(t testing.TB) {
	t.Helper()
	if left := h.containers(t, ""); len(left) > 0 {
		t.Errorf("%d containers are left: %v", len(left), left)
		for _, id := range left {
			h.api(t, http.MethodDelete, "/v1.40/containers/"+id+"?force=1&v=1", nil)
		}
	}
}

// The ends of a task in an image are those of any other.
func TestDockerEnds(t *testing.T) {
	onEngines(t, func(t *testing.T, h engineHome, busybox string) {
		for _, tc := range []struct {
			name    string
			words   []string
			exit    int
			verdict string
			code    string
		}{
			{"success", []string{"echo", "hello"}, 0, "succeeded", ""},
			{"failure", []string{"sh", "-c", "exit 3"}, 3, "failed", "Error"},
			{"out of memory", []string{"sh", "-c", "x=a; while :; do x=$x$x; done"}, 137, "oom", "OOMKilled"},
			{"a child out of memory, exit 0", []string{"sh", "-c", "sh -c 'x=a; while :; do x=$x$x; done'; exit 0"}, 137, "oom", "OOMKilled"},
			{"137 of its own", []string{"sh", "-c", "exit 137"}, 137, "interrupted", "Interrupted"},
			{"not found", []string{"no-such-program"}, 127, "start-failed", "StartError"},
			{"not executable", []string{"/etc/passwd"}, 126, "start-failed", "StartError"},
		} {
			t.Run(tc.name, func(t *testing.T) {
				r := h.inside(t, busybox, nil, tc.words...)
				r.want(t, tc.exit, tc.verdict)
				if r.ended.Code != tc.code {
					t.Errorf("code %q, want %q: %s", r.ended.Code, tc.code, r.words())
				}
				if tc.name == "success" && r.output("stdout") != "hello\n" {
					t.Errorf("output %q", r.output("stdout"))
				}
				if left := h.containers(t, r.ended.ID); len(left) > 0 {
					t.Errorf("its container is left: %v", left)
				}
			})
		}
	})
}

// Command and args mean what they mean to Kubernetes: its table of the four
// combinations with an image's ENTRYPOINT and CMD.
func TestDockerCommandAndArgs(t *testing.T) {
	onEngines(t, func(t *testing.T, h engineHome, busybox string) {
		image := engines.Variant(t, h.engine, busybox, `ENTRYPOINT ["echo", "entrypoint"]`, `CMD ["cmd"]`)
		for _, tc := range []struct {
			name, flag string
			words      []string
			want       string
		}{
			{"neither", "", nil, "entrypoint cmd\n"},
			{"args", "", []string{"args"}, "entrypoint args\n"},
			{"command", "echo", nil, "\n"},
			{"both", "echo", []string{"args"}, "args\n"},
		} {
			t.Run(tc.name, func(t *testing.T) {
				var flags []string
				if tc.flag != "" {
					flags = []string{"--entrypoint", tc.flag}
				}
				r := h.inside(t, image, flags, tc.words...)
				r.want(t, 0, "succeeded")
				if got := r.output("stdout"); got != tc.want {
					t.Errorf("it printed %q, want %q", got, tc.want)
				}
			})
		}
		tasks := filepath.Join(h.work(t), "tasks.yaml")
		text := "tasks: {own: {image: \"" + image + "\", entrypoint: [echo, own], command: [args], network: none, resources: {memory: 64Mi}}}\n"
		if err := os.WriteFile(tasks, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		r := h.run(t, "run", "--json", "-f", tasks, "own")
		r.want(t, 0, "succeeded")
		if got := r.output("stdout"); got != "own args\n" {
			t.Errorf("the task of a file printed %q", got)
		}
	})
}

// User, working directory and environment are the image's until a flag says
// otherwise, and nothing of the caller's comes along.
func TestDockerView(t *testing.T) {
	t.Setenv("DRYDOCK_TEST_SECRET", "of the caller's")
	const look = `id -u; pwd; echo "$A $DRYDOCK_TEST_SECRET"`
	onEngines(t, func(t *testing.T, h engineHome, busybox string) {
		image := engines.Variant(t, h.engine, busybox, "USER 1000", "WORKDIR /w", "ENV A=image")
		data := filepath.Join(h.work(t), "data")
		if err := os.WriteFile(data, []byte("bound\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		for _, tc := range []struct {
			name  string
			flags []string
			shell string
			want  string
		}{
			{"the image's", nil, look, "1000\n/w\nimage \n"},
			{"the caller's", []string{"-u", "0", "-w", "/tmp", "-e", "A=mine"}, look, "0\n/tmp\nmine \n"},
			{"a volume", []string{"-v", data + ":/data:ro"}, "cat /data; echo x 2>/dev/null >/data || echo read-only", "bound\nread-only\n"},
			{"drydock's own files", []string{"-u", "0", "-v", h.dir + ":/up"}, "ls -d /up/state && ls -A /up/state", "/up/state\n"},
			{"read-only", []string{"-u", "0", "--read-only"}, "touch /x 2>/dev/null || echo read-only", "read-only\n"},
			{"a host", []string{"--network", "host", "--add-host", "db:10.0.0.7"}, "grep db /etc/hosts | tr '\\t' ' '", "10.0.0.7 db\n"},
			{"shared memory", []string{"--shm", "32Mi"}, "df -m /dev/shm | tail -n 1 | awk '{print $2}'", "32\n"},
		} {
			t.Run(tc.name, func(t *testing.T) {
				r := h.inside(t, image, tc.flags, "sh", "-c", tc.shell)
				r.want(t, 0, "succeeded")
				if got := r.output("stdout"); got != tc.want {
					t.Errorf("it printed %q, want %q", got, tc.want)
				}
			})
		}
		if !h.engine.HasBridge() {
			return
		}
		r := h.run(t, "run", "--memory", "64Mi", "--json", "--image", image, "--", "grep", "-c", "host.docker.internal", "/etc/hosts")
		r.want(t, 0, "succeeded")
	})
}
