// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/docker/docker/api/types/image"

	"drydock/integration/engines"
	"drydock/internal/need"
	"drydock/sandbox"
)

func TestPull(t *testing.T) {
	onEach(t, func(t *testing.T, e *Engine, lab *engines.Engine) {
		s := newHub(t)
		manifest := s.push(t, "some/thing", "1", e.Info().Arch, 3_000_000, 500_000)
		name := s.host + "/some/thing:1"
		s.set(nil)
		var seen []sandbox.Progress
		got, err := e.Provide(t.Context(), Pull{Reference: name, Progress: func(p sandbox.Progress) { seen = append(seen, p) }})
		if err != nil {
			t.Fatal(err)
		}
		want := Image{
			Reference: name, ID: got.ID, Size: got.Size, Platform: "linux/" + e.Info().Arch,
			Digest: s.host + "/some/thing@" + manifest.Digest, Entrypoint: []string{"/entry"}, Cmd: []string{"a", "b"},
			User: "42", WorkingDir: "/work", EnvNames: []string{"PATH", "TOKEN"},
		}
		if fmt.Sprint(got) != fmt.Sprint(want) || !imageID.MatchString(got.ID) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
		if lab.Kind != engines.Pod { // it sends no figures
			if len(seen) == 0 {
				t.Fatal("no progress")
			}
			last := seen[len(seen)-1]
			if last.Done != last.Total || last.Total < 3_000_000 || last.Total > 3_600_000 {
				t.Errorf("the last progress is %+v", last)
			}
			if !slices.IsSortedFunc(seen, func(a, b sandbox.Progress) int { return int(a.Done - b.Done) }) {
				t.Errorf("progress went back: %v", seen)
			}
		}

		s.set(nil)
		again, err := e.Provide(t.Context(), Pull{Reference: name, Policy: sandbox.PullMissing})
		if err != nil || again.ID != got.ID || again.Digest != got.Digest || s.count() != 0 {
			t.Errorf("again: %+v, %v, %d requests", again, err, s.count())
		}
		if never, err := e.Provide(t.Context(), Pull{Reference: name, Policy: sandbox.PullNever}); err != nil || never.ID != got.ID {
			t.Errorf("never: %+v, %v", never, err)
		}
		always, err := e.Provide(t.Context(), Pull{Reference: name, Policy: sandbox.PullAlways})
		if err != nil || always.ID != got.ID || s.count("/manifests/") == 0 {
			t.Errorf("always: %+v, %v, %d requests", always, err, s.count())
		}
		for _, exact := range []string{got.ID, got.Digest} {
			same, err := e.Provide(t.Context(), Pull{Reference: exact, Policy: sandbox.PullNever})
			if err != nil || same.ID != got.ID || same.Digest != got.Digest {
				t.Errorf("by %s: %+v, %v", exact, same, err)
			}
		}
	})
}

// What a registry may do wrong, and what the user is told.
func TestPullRefused(t *testing.T) {
	refuse := func(status int, code, message string) func(w http.ResponseWriter, r *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			if status == http.StatusUnauthorized {
				w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
			}
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			fmt.Fprintf(w, `{"errors":[{"code":%q,"message":%q}]}`, code, message)
			return true
		}
	}
	manifests := func(answer func(http.ResponseWriter, *http.Request) bool) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			return strings.Contains(r.URL.Path, "/manifests/") && answer(w, r)
		}
	}
	for name, tc := range map[string]struct {
		change          func(s *hub, p *Pull)
		message, remedy string
	}{
		"no such tag":    {func(s *hub, p *Pull) { p.Reference = s.host + "/private:2" }, "", "check the image's name and tag"},
		"no such name":   {func(s *hub, p *Pull) { p.Reference = s.host + "/nothing:1" }, "", "check the image's name and tag"},
		"no such digest": {func(s *hub, p *Pull) { p.Reference = s.host + "/private@" + digest(nil) }, "", "check the image's name and tag"},
		"unauthorized":   {func(s *hub, p *Pull) { s.set(refuse(401, "UNAUTHORIZED", "authentication required")) }, "", "docker login 127.0.0.1:"},
		"denied": {func(s *hub, p *Pull) {
			s.set(manifests(refuse(403, "DENIED", "requested access to the resource is denied")))
		}, "denied", "docker login 127.0.0.1:"},
		"too many":       {func(s *hub, p *Pull) { s.set(manifests(refuse(429, "TOOMANYREQUESTS", "you have reached your limit"))) }, "", "wait, or `docker login 127.0.0.1:"},
		"other platform": {func(s *hub, p *Pull) { p.Platform = "linux/riscv64" }, "", "--platform"},
		"never":          {func(s *hub, p *Pull) { p.Policy = sandbox.PullNever }, "pull policy of never", "docker pull"},
		"by ID":          {func(s *hub, p *Pull) { p.Reference = "sha256:" + strings.Repeat("1", 64) }, "no image of this ID", "registry's name"},
		"registry gone":  {func(s *hub, p *Pull) { s.server.Close() }, "connection refused", "can reach 127.0.0.1:"},
		"bad name":       {func(s *hub, p *Pull) { p.Reference = s.host + "/Capital" }, "must be lowercase", "small letters"},
		"damaged layer": {func(s *hub, p *Pull) {
			s.set(func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method != http.MethodGet || !strings.Contains(r.URL.Path, s.layer) {
					return false
				}
				_, _ = w.Write([]byte(strings.Repeat("x", s.size)))
				return true
			})
		}, "", "try again"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onEach(t, func(t *testing.T, e *Engine, lab *engines.Engine) {
				if name == "too many" && lab.Kind == engines.Pod {
					need.Gap(t, "Podman itself tries again for two minutes")
				}
				s := newHub(t)
				s.pushList(t, "private", "1", "arm64", "amd64")
				p := Pull{Reference: s.host + "/private:1"}
				tc.change(s, &p)
				_, err := e.Provide(t.Context(), p)
				t.Log(err)
				wrong := (*sandbox.ImageError)(nil)
				if !errors.As(err, &wrong) {
					t.Fatalf("%#v", err)
				}
				reason := sandbox.StartImagePull
				if name == "bad name" {
					reason = sandbox.StartImageName
				}
				if wrong.Image != p.Reference || wrong.Reason != reason || !strings.Contains(wrong.Message, tc.message) || !strings.Contains(wrong.Remedy, tc.remedy) {
					t.Errorf("%#v: want %q and %q", wrong, tc.message, tc.remedy)
				}
			})
		})
	}
}

func TestPlatform(t *testing.T) {
	onEach(t, func(t *testing.T, e *Engine, lab *engines.Engine) {
		s := newHub(t)
		s.pushList(t, "many", "1", "amd64", "arm64", "s390x")
		name := s.host + "/many:1"
		for _, want := range []string{"linux/arm64", "linux/s390x", "linux/arm64"} {
			got, err := e.Provide(t.Context(), Pull{Reference: name, Platform: want})
			if err != nil || got.Platform != want {
				t.Errorf("%s: %+v, %v", want, got, err)
			}
		}
		if _, err := e.Provide(t.Context(), Pull{Reference: name, Platform: "linux/amd64", Policy: sandbox.PullNever}); err == nil {
			t.Error("an image for another platform was taken")
		}
	})
}

// Ten at once in two processes are one transfer.
func TestPullShared(t *testing.T) {
	onEach(t, func(t *testing.T, e *Engine, lab *engines.Engine) {
		s := newHub(t)
		s.push(t, "shared", "1", e.Info().Arch, 200_000)
		other, err := Open(t.Context(), e.config) // stands for another process: it shares the lock alone
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		var together atomic.Bool // all of them wait
		s.set(func(w http.ResponseWriter, r *http.Request) bool {
			for r.Context().Err() == nil && !together.Load() {
				time.Sleep(10 * time.Millisecond)
				if e.pulls.waiting() == 5 && other.pulls.waiting() == 5 && queued(e.config.LockDir) == 2 {
					together.Store(true)
				}
			}
			return false
		})
		var wait sync.WaitGroup
		var told atomic.Int64
		for i := range 10 {
			wait.Go(func() {
				p := Pull{Reference: s.host + "/shared:1", Policy: sandbox.PullAlways, Progress: func(sandbox.Progress) { told.Add(1) }}
				if got, err := []*Engine{e, other}[i%2].Provide(t.Context(), p); err != nil || got.ID == "" {
					t.Errorf("%+v, %v", got, err)
				}
			})
		}
		wait.Wait()
		if n := s.count("GET", "/blobs/"); n != 2 { // configuration and layer
			t.Errorf("%d blobs were fetched", n)
		}
		if n := s.count("/manifests/"); n > 2 {
			t.Errorf("the manifest was asked for %d times", n)
		}
		if told.Load() == 0 && lab.Kind != engines.Pod {
			t.Error("nobody was told of the progress")
		}
	})
}

// waiting is how many wait for transfers.
func (s *pulls) waiting() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.running {
		n += p.waiting
	}
	return n
}

// queued is how many have a turn or wait for one, by their descriptors.
func queued(dir string) (n int) {
	fds, _ := filepath.Glob("/proc/self/fd/*")
	for _, fd := range fds {
		if path, err := os.Readlink(fd); err == nil && filepath.Dir(path) == dir {
			n++
		}
	}
	return n
}

func TestPullCancelled(t *testing.T) {
	onEach(t, func(t *testing.T, e *Engine, lab *engines.Engine) {
		s := newHub(t)
		s.push(t, "slow", "1", e.Info().Arch, 200_000)
		ctx, cancel := context.WithCancelCause(t.Context())
		over, reason := make(chan struct{}), errors.New("the user changed her mind")
		defer close(over)
		s.set(func(w http.ResponseWriter, r *http.Request) bool {
			if strings.Contains(r.URL.Path, "/blobs/") {
				cancel(reason)
				select {
				case <-over:
				case <-r.Context().Done():
				}
			}
			return false
		})
		_, err := e.Provide(ctx, Pull{Reference: s.host + "/slow:1"})
		if KindOf(err) != Cancelled || !errors.Is(err, reason) {
			t.Errorf("%v (%s)", err, KindOf(err))
		}
	})
}

// A layer that is broken off once is fetched anew and counted once.
func TestPullRetries(t *testing.T) {
	onEach(t, func(t *testing.T, e *Engine, lab *engines.Engine) {
		t.Parallel() // the engines pause before they try again
		s := newHub(t)
		s.push(t, "broken", "1", e.Info().Arch, 2_000_000)
		var once atomic.Bool
		s.set(func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method != http.MethodGet || !strings.Contains(r.URL.Path, s.layer) || once.Swap(true) {
				return false
			}
			w.Header().Set("Content-Length", strconv.Itoa(s.size))
			_, _ = w.Write(make([]byte, s.size/2))
			panic(http.ErrAbortHandler)
		})
		var last sandbox.Progress
		_, err := e.Provide(t.Context(), Pull{Reference: s.host + "/broken:1", Progress: func(p sandbox.Progress) { last = p }})
		if lab.Kind == engines.Pod && err != nil { // it resumes, and finds the bytes that it was sent first to be wrong
			t.Log(err)
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if lab.Kind != engines.Pod && (last.Total != int64(s.size) || last.Done != last.Total) {
			t.Errorf("the last progress is %+v of %d bytes", last, s.size)
		}
	})
}

func TestCredentials(t *testing.T) {
	const user, password = "ann", "pass-word-77"
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
	for name, tc := range map[string]struct {
		config string // %q is the registry
		env    string // DOCKER_AUTH_CONFIG, likewise
		helper string // a program docker-credential-test
		fails  string
	}{
		"file":          {config: `{"auths":{%q:{"auth":"` + strings.TrimPrefix(basic, "Basic ") + `"}}}`},
		"variable":      {config: `{"credHelpers":{%q:"nowhere"}}`, env: `{"auths":{%q:{"auth":"` + strings.TrimPrefix(basic, "Basic ") + `"}}}`},
		"store":         {config: `{"auths":{%q:{}},"credsStore":"test"}`, helper: `cat >/dev/null; echo '{"Username":"ann","Secret":"pass-word-77"}'`},
		"helper":        {config: `{"credHelpers":{%q:"test"}}`, helper: `cat >/dev/null; echo '{"Username":"ann","Secret":"pass-word-77"}'`},
		"wrong":         {config: `{"credHelpers":{%q:"test"}}`, helper: `cat >/dev/null; echo '{"Username":"ann","Secret":"wrong-pass-word-77"}'`, fails: "docker login"},
		"nothing known": {config: `{"credHelpers":{%q:"test"}}`, helper: `echo credentials not found in native keychain; exit 1`, fails: "docker login"},
		"helper fails":  {config: `{"credHelpers":{%q:"test"}}`, helper: `echo keychain is locked; exit 1`, fails: "keychain is locked"},
		"helper tells":  {config: `{"credHelpers":{%q:"test"}}`, helper: `echo '{"Username":"ann","Secret":"pass-word-77"}'; exit 3`, fails: "exit status 3"},
		"helper hangs":  {config: `{"credHelpers":{%q:"test"}}`, helper: `sleep 100`, fails: "did not answer within"},
		"no helper":     {config: `{"credHelpers":{%q:"nowhere"}}`, fails: "is not installed"},
		"broken config": {config: `{"auths":{%q:`, fails: "config.json"},
	} {
		t.Run(name, func(t *testing.T) {
			onEach(t, func(t *testing.T, e *Engine, lab *engines.Engine) {
				s := newHub(t)
				s.push(t, "private", "1", e.Info().Arch, 1000)
				s.set(func(w http.ResponseWriter, r *http.Request) bool {
					if r.Header.Get("Authorization") == basic {
						return false
					}
					w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
					w.WriteHeader(http.StatusUnauthorized)
					return true
				})
				bin := t.TempDir()
				if tc.helper != "" {
					write(t, filepath.Join(bin, "docker-credential-test"), "#!/bin/sh\n"+tc.helper+"\n", 0o755)
				}
				t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
				if tc.env != "" {
					t.Setenv("DOCKER_AUTH_CONFIG", fmt.Sprintf(tc.env, s.host))
				}
				write(t, filepath.Join(e.config.ConfigDir, "config.json"), fmt.Sprintf(tc.config, s.host), 0o600)
				e.limits.helper = time.Minute
				if name == "helper hangs" {
					e.limits.helper = 300 * time.Millisecond
				}
				_, err := e.Provide(t.Context(), Pull{Reference: s.host + "/private:1"})
				if tc.fails == "" {
					if err != nil {
						t.Error(err)
					}
					return
				}
				if err == nil || !strings.Contains(err.Error(), tc.fails) || strings.Contains(err.Error(), "pass-word-77") {
					t.Errorf("got %v, want %q", err, tc.fails)
				}
				if wrong := (*sandbox.ImageError)(nil); !errors.As(err, &wrong) || wrong.Image != s.host+"/private:1" || wrong.Remedy == "" {
					t.Errorf("%#v", err)
				}
			})
		})
	}
}

// An image that goes away between the pull and the container is told apart.
func TestImageRemovedInBetween(t *testing.T) {
	onEach(t, func(t *testing.T, e *Engine, lab *engines.Engine) {
		s := newHub(t)
		s.push(t, "short", "1", e.Info().Arch, 1000)
		p := Pull{Reference: s.host + "/short:1"}
		got, err := e.Provide(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.client.ImageRemove(t.Context(), got.ID, image.RemoveOptions{Force: true}); err != nil {
			t.Fatal(err)
		}
		if _, _, err := e.Create(t.Context(), Container{Image: got.ID, Args: []string{"x"}}); KindOf(err) != NoImage {
			t.Errorf("%v (%s)", err, KindOf(err))
		}
		again, err := e.Provide(t.Context(), p)
		if err != nil || again.ID != got.ID {
			t.Errorf("%+v, %v", again, err)
		}
	})
}

func write(t *testing.T, path, content string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
}
