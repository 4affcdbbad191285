// SPDX-License-Identifier: Apache-2.0

package engines

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"drydock/internal/leftover"
)

// eachOwn runs a test with an engine of every kind that is its own, and looks
// for what is left of it afterwards.
func eachOwn(t *testing.T, test func(t *testing.T, e *Engine)) {
	for _, k := range Kinds() {
		t.Run(k.String(), func(t *testing.T) {
			before := leftover.Take()
			var dir string
			var bridge *net.Interface
			t.Run("engine", func(t *testing.T) {
				e := Own(t, k)
				dir, bridge = filepath.Dir(e.path()), theBridge(t, e.bridge)
				test(t, e)
			})
			nothingLeft(t, before, dir, bridge)
		})
	}
}

// theBridge is the one of that name now; another may have it later.
func theBridge(t *testing.T, name string) *net.Interface {
	t.Helper()
	bridge, err := net.InterfaceByName(name)
	if err != nil {
		t.Errorf("the bridge %s: %v", name, err)
	}
	return bridge
}

// nothingLeft looks for what an engine left. Other tests have engines, too:
// mounts, cgroups and files are told by its directory's name.
func nothingLeft(t *testing.T, before leftover.Snapshot, dir string, bridge *net.Interface) {
	t.Helper()
	var items []leftover.Item
	for deadline := time.Now().Add(stopTime); time.Now().Before(deadline); {
		items = slices.DeleteFunc(before.Since(0), func(i leftover.Item) bool {
			return i.Kind != "process" && !strings.Contains(i.Name, filepath.Base(dir)) && !strings.Contains(i.Name, "libpod")
		})
		if len(items) == 0 {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	for _, item := range items {
		t.Error(item)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s: %v", dir, err)
	}
	if bridge == nil {
		return // there was none
	}
	if _, err := net.InterfaceByIndex(bridge.Index); err == nil {
		t.Errorf("left behind: the bridge %s", bridge.Name)
	}
}

// sleeper starts a container that stays.
func sleeper(t *testing.T, e *Engine) (id string) {
	t.Helper()
	c := e.client()
	c.patience = startTime
	var made struct {
		ID string `json:"Id"`
	}
	create := map[string]any{"Image": Busybox(t, e), "Cmd": []string{"sleep", "1000"}, "StopSignal": "SIGKILL"}
	if err := c.json(http.MethodPost, "/containers/create", create, &made); err != nil {
		t.Fatal(err)
	}
	if err := c.json(http.MethodPost, "/containers/"+made.ID+"/start", nil, nil); err != nil {
		t.Fatal(err)
	}
	return made.ID
}

func TestNothingLeftOfRunningContainer(t *testing.T) {
	eachOwn(t, func(t *testing.T, e *Engine) { sleeper(t, e) })
}

func TestNothingLeftOfDeadDaemon(t *testing.T) {
	eachOwn(t, func(t *testing.T, e *Engine) {
		sleeper(t, e)
		e.Kill(t)
		if e.Pid() != 0 {
			t.Errorf("it has the PID %d", e.Pid())
		}
	})
}

func TestRestart(t *testing.T) {
	eachOwn(t, func(t *testing.T, e *Engine) {
		id := sleeper(t, e)
		for _, end := range []func(testing.TB){e.Kill, e.Stop} {
			before := e.Pid()
			end(t)
			if _, err := e.client().version(); err == nil {
				t.Error("it answers after its end")
			}
			e.Start(t)
			if now := e.Pid(); now == before || now == 0 {
				t.Errorf("PID %d after %d", now, before)
			}
			if _, err := e.client().do(http.MethodGet, "/containers/"+id+"/json", nil); err != nil {
				t.Errorf("it forgot its container: %v", err)
			}
		}
	})
}

func TestPause(t *testing.T) {
	e := Own(t, V20)
	e.Pause(t)
	c := e.client()
	c.patience = 200 * time.Millisecond
	if _, err := c.version(); err == nil {
		t.Error("it answers")
	}
	e.Resume(t)
	if _, err := e.client().version(); err != nil {
		t.Error(err)
	}
}

// A small file system for the data fills up, and stays the test's.
func TestRoot(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	t.Run("engine", func(t *testing.T) {
		e := Own(t, V20, Root(dir))
		files, err := busyboxFiles(staticBusybox(t))
		if err != nil {
			t.Fatal(err)
		}
		if err := e.load("drydock-test/large:1", nil, files); err == nil || !strings.Contains(err.Error(), "no space left") {
			t.Errorf("got %v", err)
		}
	})
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// A test process that is killed leaves nothing either.
func TestNothingLeftOfKilledTest(t *testing.T) {
	const variable = "DRYDOCK_TEST_HANG"
	if os.Getenv(variable) != "" {
		e := Own(t, Kinds()[0])
		sleeper(t, e)
		fmt.Println("ready", filepath.Dir(e.path()), e.bridge)
		select {}
	}
	if err := leftover.BecomeSubreaper(); err != nil {
		t.Fatal(err)
	}
	before := leftover.Take()
	test := exec.Command(os.Args[0], "-test.run=^TestNothingLeftOfKilledTest$")
	test.Env = append(os.Environ(), variable+"=1")
	output, err := test.StdoutPipe()
	if err == nil {
		err = test.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	var dir, bridge string
	if _, err := fmt.Fscanf(output, "ready %s %s\n", &dir, &bridge); err != nil {
		rest, _ := io.ReadAll(output)
		t.Errorf("%v: %s", err, rest)
	}
	left := theBridge(t, bridge)
	_ = test.Process.Kill()
	_ = test.Wait()
	nothingLeft(t, before, dir, left)
}

// A container reaches this machine at the bridge's address.
func TestBridge(t *testing.T) {
	each(t, func(t *testing.T, e *Engine) {
		if !e.HasBridge() {
			t.Fatal("no bridge")
		}
		listener, err := net.Listen("tcp", ":0")
		if err != nil {
			t.Fatal(err)
		}
		server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "here") })}
		go func() { _ = server.Serve(listener) }()
		defer server.Close()
		port := listener.Addr().(*net.TCPAddr).Port
		script := fmt.Sprintf(`wget -qO- "http://$(ip route | awk '/^default/ {print $3}'):%d/"`, port)
		if code, out := run(t, e, Busybox(t, e), nil, "sh", "-c", script); code != 0 || out != "here" {
			t.Errorf("exit code %d, output %q", code, out)
		}
	})
}

func TestRegistry(t *testing.T) {
	each(t, func(t *testing.T, e *Engine) {
		r := NewRegistry(t)
		name := r.Push(t, e, Busybox(t, e), "some/where")
		if e.has(name) {
			t.Errorf("%s has %s without a pull", e.Name, name)
		}
		pull := func() error {
			c := e.client()
			c.patience = importTime
			return c.progress(http.MethodPost, "/images/create?fromImage="+name, nil, nil)
		}
		r.Answer(func(w http.ResponseWriter, _ *http.Request) bool {
			http.Error(w, "out of order", http.StatusInternalServerError)
			return true
		})
		if err := pull(); err == nil {
			t.Error("it was pulled from a registry that is out of order")
		}
		r.Answer(nil)
		if err := pull(); err != nil {
			t.Fatal(err)
		}
		if code, out := run(t, e, name, nil, "echo", "pulled"); code != 0 || out != "pulled\r\n" {
			t.Errorf("exit code %d, output %q", code, out)
		}
	})
}
