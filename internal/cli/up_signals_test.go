// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"drydock/integration/flyte"
	"drydock/integration/flyte/flyteidl2/common"
)

// upWorld is a world in which drydock up finds a Python; its server gets a run
// that goes on until it is stopped.
func upWorld(t *testing.T, flags ...string) (w World, out *recorder, press func(os.Signal)) {
	t.Helper()
	venv := filepath.Join(t.TempDir(), "venv")
	if err := fakeVenv(venv); err != nil {
		t.Fatal(err)
	}
	w, out, _, press = testWorld(t, append([]string{"up", "--native", "--json", "--listen", "127.0.0.1:0", "--python", venv}, flags...)...)
	return w, out, press
}

func startRun(t *testing.T, out *recorder, name string, words ...string) {
	t.Helper()
	out.waitFor(t, `"type":"python"`)
	var ready flyte.News
	line, _, _ := strings.Cut(out.String(), "\n")
	if err := json.Unmarshal([]byte(line), &ready); err != nil || ready.Server == nil {
		t.Fatalf("the first line is %q, %v", line, err)
	}
	id := &common.RunIdentifier{Project: "demo", Domain: "development", Name: name}
	if err := fakeRun(ready.Server.Endpoint, id, words); err != nil {
		t.Fatal(err)
	}
	out.waitFor(t, `"type":"started"`)
}

func TestUpSignals(t *testing.T) {
	for _, tc := range []struct {
		name    string
		signals []os.Signal
		code    int
		says    []string
	}{
		{"Ctrl-C", []os.Signal{syscall.SIGINT}, 0, []string{`"type":"ending"`, `"verdict":"aborted"`, "drydock was told to end (SIGINT)", `"type":"stopped"`, `"exit_code":0`}},
		{"down", []os.Signal{syscall.SIGTERM}, 0, []string{"drydock was told to end (SIGTERM)", `"type":"finished"`}},
		{"down --keep", []os.Signal{syscall.SIGUSR1}, 0, []string{`"reason":"keep"`, `"type":"stopped"`}},
		{"Ctrl-C twice", []os.Signal{syscall.SIGINT, syscall.SIGINT}, 130, []string{`"exit_code":130`}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w, out, press := upWorld(t)
			// Two of them go on, in this very process, which does not wait.
			words := []string{"out", "ready", "tidy", "sleep", "60000"}
			if len(tc.signals) > 1 {
				words = []string{"ignore", "sleep", "60000"}
			}
			code := make(chan int, 1)
			go func() { code <- Main(context.Background(), w) }()
			startRun(t, out, "rhold", words...)
			for _, s := range tc.signals {
				press(s)
				out.waitFor(t, `"type":"ending"`)
			}
			select {
			case got := <-code:
				if got != tc.code {
					t.Errorf("exit code %d, want %d", got, tc.code)
				}
			case <-time.After(20 * time.Second):
				t.Fatal("it did not end")
			}
			for _, want := range tc.says {
				if !strings.Contains(out.String(), want) {
					t.Errorf("it does not say %s", want)
				}
			}
			if tc.signals[0] == syscall.SIGUSR1 && strings.Contains(out.String(), `"type":"finished"`) {
				t.Errorf("the run was aborted:\n%s", out)
			}
		})
	}
}

// Every line of --json is one document with a type and a time, the first says
// what is up, the last that it is down.
func TestUpJSON(t *testing.T) {
	w, out, press := upWorld(t)
	code := make(chan int, 1)
	go func() { code <- Main(context.Background(), w) }()
	startRun(t, out, "rok", "out", "hello", "sleep", "10")
	out.waitFor(t, `"type":"finished"`)
	press(syscall.SIGTERM)
	if got := <-code; got != 0 {
		t.Errorf("exit code %d", got)
	}
	var types []string
	for line := range strings.Lines(out.String()) {
		var n flyte.News
		if err := json.Unmarshal([]byte(line), &n); err != nil || n.Type == "" || n.Time.IsZero() {
			t.Errorf("%q: %v", line, err)
		}
		if n.Type != flyte.NewsSample && n.Waiting == "" {
			types = append(types, string(n.Type))
		}
	}
	if got := strings.Join(types, " "); got != "ready python created queued started ended finished ending stopped" {
		t.Errorf("lines: %s", got)
	}
}
