// SPDX-License-Identifier: Apache-2.0

package docker_test

import (
	"io"
	"net"
	"testing"
	"time"

	"drydock/integration/engines"
	"drydock/internal/need"
	"drydock/sandbox"
)

// distant is a way to an engine by which it is not seen to be on this machine.
func distant(t testing.TB, e *engines.Engine) string {
	t.Helper()
	return newProxy(t, e).address()
}

// splice passes both directions on, and their ends.
func splice(near *net.TCPConn, socket string) {
	defer near.Close()
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return
	}
	defer conn.Close()
	far := conn.(*net.UnixConn)
	up := make(chan struct{})
	go func() {
		defer close(up)
		_, _ = io.Copy(far, near)
		_ = far.CloseWrite()
	}()
	_, _ = io.Copy(near, far)
	_ = near.CloseWrite()
	_ = near.SetReadDeadline(time.Now())
	<-up
}

// oomTries is how often an engine may miss the kill of a container's main
// process on cgroup v1: its runtime does not pass the kernel's word on if the
// group is gone when it gets to it.
const oomTries = 5

// Where drydock sees nothing but the engine, the engine's word counts, and the
// outcome says so.
func TestEngineAlone(t *testing.T) {
	need.Root(t)
	need.Cgroups(t)
	for _, kind := range []func(testing.TB) *engines.Engine{engines.Docker20, engines.Docker28} {
		e := kind(t)
		t.Run(e.Name, func(t *testing.T) { engineAlone(t, e) })
	}
}

// untold reports whether the engine said nothing of the kill that there was.
func untold(o sandbox.Outcome, kills int64) bool {
	c := o.Counters
	return c != nil && c.CgroupVersion == 1 && o.Exit != nil && o.Exit.Signal == "SIGKILL" && (c.OOMKill < kills || c.Evidence != sandbox.EvidenceEngine)
}

func engineAlone(t *testing.T, e *engines.Engine) {
	s := sandboxAt(t, distant(t, e), t.TempDir())
	image := engines.Busybox(t, e)
	for name, tc := range map[string]struct {
		script  string
		timeout time.Duration
		code    int
		signal  string
		kills   int64
		out     string
	}{
		"success":          {script: "echo hello", out: "hello\n"},
		"failure":          {script: "exit 3", code: 3},
		"out of memory":    {script: "exec tail /dev/zero", code: 137, signal: "SIGKILL", kills: 1},
		"a child, grouped": {script: "tail /dev/zero & sleep 60", code: 137, signal: "SIGKILL", kills: 1},
		"timeout":          {script: "sleep 60", timeout: 500 * time.Millisecond, code: 137, signal: "SIGKILL"},
		"killed itself":    {script: "echo up; kill -9 $$; sleep 1; exit 4", code: 4, out: "up\n"}, // PID 1 is deaf to itself
	} {
		t.Run(name, func(t *testing.T) {
			spec := task(t, image, tc.script)
			spec.Limits.Memory, spec.Timeout = 16*mib, tc.timeout
			r := start(t, s, spec)
			o := r.end(t)
			for try := 1; try < oomTries && untold(o, tc.kills); try++ {
				spec.Attempt, spec.Dir = spec.Attempt+1, t.TempDir()
				o = start(t, s, spec).end(t)
			}
			if o.Exit == nil || *o.Exit != (sandbox.Exit{Code: tc.code, Signal: tc.signal}) {
				t.Errorf("it ended with %+v: %+v", o.Exit, o)
			}
			if c := o.Counters; c == nil || c.Evidence != sandbox.EvidenceEngine || c.OOMKill != tc.kills {
				t.Errorf("the evidence is %+v", c)
			}
			if tc.out != "" && r.said() != tc.out {
				t.Errorf("it said %q, want %q", r.said(), tc.out)
			}
			named := false
			for _, l := range o.Limits {
				named = named || l.Limit == "oom-evidence" && l.Why != ""
			}
			if !named {
				t.Errorf("nothing says whose word it is: %+v", o.Limits)
			}
		})
	}
	if left := ours(t, second(t, e)); len(left) > 0 {
		t.Errorf("containers are left: %+v", left)
	}
}
