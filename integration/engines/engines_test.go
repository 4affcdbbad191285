// SPDX-License-Identifier: Apache-2.0

package engines

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMain(m *testing.M) { os.Exit(Main(m)) }

// each runs a test with every kind of engine.
func each(t *testing.T, test func(t *testing.T, e *Engine)) {
	for _, k := range Kinds() {
		t.Run(k.String(), func(t *testing.T) { test(t, Shared(t, k)) })
	}
}

// run runs a command in a container and returns its exit code and output.
func run(t *testing.T, e *Engine, image string, host map[string]any, argv ...string) (code int, output string) {
	t.Helper()
	c := e.client()
	c.patience = startTime
	var made struct {
		ID string `json:"Id"`
	}
	create := map[string]any{"Image": image, "Cmd": argv, "HostConfig": host, "Tty": true}
	if err := c.json(http.MethodPost, "/containers/create", create, &made); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if _, err := c.do(http.MethodDelete, "/containers/"+made.ID+"?force=1", nil); err != nil {
			t.Error(err)
		}
	}()
	if err := c.json(http.MethodPost, "/containers/"+made.ID+"/start", nil, nil); err != nil {
		t.Fatal(err)
	}
	var waited struct{ StatusCode int }
	if err := c.json(http.MethodPost, "/containers/"+made.ID+"/wait", nil, &waited); err != nil {
		t.Fatal(err)
	}
	text, err := c.do(http.MethodGet, "/containers/"+made.ID+"/logs?stdout=1&stderr=1", nil)
	if err != nil {
		t.Fatal(err)
	}
	return waited.StatusCode, string(text)
}

func TestBusybox(t *testing.T) {
	each(t, func(t *testing.T, e *Engine) {
		t.Logf("%s %s", e.Name, e.Version)
		code, out := run(t, e, Busybox(t, e), nil, "sh", "-c", "echo hello; exit 7")
		if code != 7 || out != "hello\r\n" {
			t.Errorf("exit code %d, output %q", code, out)
		}
	})
}

func TestPython(t *testing.T) {
	each(t, func(t *testing.T, e *Engine) {
		code, out := run(t, e, Python(t, e), nil, "python3", "-c", "print(6*7)")
		if code != 0 || out != "42\r\n" {
			t.Errorf("exit code %d, output %q", code, out)
		}
	})
}

func TestVariant(t *testing.T) {
	each(t, func(t *testing.T, e *Engine) {
		base := Busybox(t, e)
		image := Variant(t, e, base, `ENTRYPOINT ["/bin/sh", "-c"]`, `CMD ["id -un; pwd; echo $A"]`, "USER nobody", "WORKDIR /var", "ENV A=b")
		if again := Variant(t, e, base, `ENTRYPOINT ["/bin/sh", "-c"]`, `CMD ["id -un; pwd; echo $A"]`, "USER nobody", "WORKDIR /var", "ENV A=b"); again != image {
			t.Errorf("the same changes are %s and %s", image, again)
		}
		code, out := run(t, e, image, nil)
		if want := "nobody\r\n/var\r\nb\r\n"; code != 0 || out != want {
			t.Errorf("exit code %d, output %q, want %q", code, out, want)
		}
		// Nothing but what was asked for.
		plain := Variant(t, e, base, "WORKDIR /etc")
		if code, out := run(t, e, plain, nil, "pwd"); code != 0 || out != "/etc\r\n" {
			t.Errorf("exit code %d, output %q", code, out)
		}
	})
}

func TestSDKImage(t *testing.T) {
	e := Docker28(t)
	image := SDKImage(t, e, filepath.Join("..", "e2e", "sdk", "requirements", "newest.txt"))
	code, out := run(t, e, image, nil, "sh", "-c", "id -u; pwd; tar --version | head -1; a0 --help | head -1; flyte --version; python3 -c 'import sys; print(sys.prefix)'; touch here")
	if code != 0 {
		t.Errorf("exit code %d, output %s", code, out)
	}
	for _, want := range []string{"1000", "/home/flyte", "tar (GNU tar)", "Usage: a0"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in %s", want, out)
		}
	}
}
