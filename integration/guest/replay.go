// SPDX-License-Identifier: Apache-2.0

package guest

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"

	"drydock/internal/need"
)

// event is what test2json makes of a test's output (go doc test2json).
type event struct {
	Action  string
	Test    string
	Output  string
	Elapsed float64
}

// node is a test of the guest: what has come of it so far.
type node struct {
	mu     sync.Mutex
	more   *sync.Cond
	begun  []string // subtests, in the order in which they began
	output strings.Builder
	result string  // "pass", "fail" or "skip"
	took   float64 // seconds in the guest
	closed bool    // nothing more comes
}

func newNode() *node {
	n := &node{}
	n.more = sync.NewCond(&n.mu)
	return n
}

func (n *node) change(f func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f()
	n.more.Broadcast()
}

// next waits for the i-th subtest; false: there is none.
func (n *node) next(i int) (string, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for len(n.begun) <= i && !n.closed {
		n.more.Wait()
	}
	if len(n.begun) <= i {
		return "", false
	}
	return n.begun[i], true
}

// tests are all tests of a job, by name; "" is the job itself.
type tests struct {
	mu  sync.Mutex
	all map[string]*node
}

func (ts *tests) node(name string) *node {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if ts.all == nil {
		ts.all = map[string]*node{}
	}
	n := ts.all[name]
	if n == nil {
		n = newNode()
		ts.all[name] = n
	}
	return n
}

// replay runs a subtest of t for every test of which the output tells, while
// it tells. It returns when all was said.
func replay(t *testing.T, output io.Reader) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "tool", "test2json", "-t") // with the seconds
	cmd.Stdin, cmd.Stderr = output, os.Stderr
	events, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	var ts tests
	var follower sync.WaitGroup
	follower.Go(func() { ts.follow(events) })
	ts.run(t, "")
	follower.Wait()
	if err := cmd.Wait(); err != nil {
		t.Errorf("test2json: %v", err)
	}
}

// follow sorts the events to their tests.
func (ts *tests) follow(events io.Reader) {
	lines := bufio.NewReader(events)
	for {
		line, err := lines.ReadBytes('\n')
		var e event
		if len(line) > 0 && json.Unmarshal(line, &e) == nil {
			ts.event(e)
		}
		if err != nil {
			ts.close()
			return
		}
	}
}

func (ts *tests) event(e event) {
	n := ts.node(e.Test)
	switch e.Action {
	case "run":
		p := ts.node(ts.parent(e.Test))
		p.change(func() { p.begun = append(p.begun, e.Test) })
	case "output":
		n.change(func() { n.output.WriteString(e.Output) })
	case "pass", "fail", "skip":
		n.change(func() { n.result, n.took, n.closed = e.Action, e.Elapsed, true })
	}
}

// parent is the test that began this one. A test's own name may hold slashes.
func (ts *tests) parent(name string) string {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	for {
		i := strings.LastIndexByte(name, '/')
		if i < 0 {
			return ""
		}
		if name = name[:i]; ts.all[name] != nil {
			return name
		}
	}
}

// close says that nothing more comes of any test.
func (ts *tests) close() {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	for _, n := range ts.all {
		n.change(func() { n.closed = true })
	}
}

// run shows one test and all below it as t.
func (ts *tests) run(t *testing.T, name string) {
	n := ts.node(name)
	for i := 0; ; i++ {
		child, ok := n.next(i)
		if !ok {
			break
		}
		t.Run(strings.TrimPrefix(child, name+"/"), func(t *testing.T) { ts.run(t, child) })
	}
	if name != "" {
		n.conclude(t)
	}
}

// conclude ends t as the test ended in the guest.
func (n *node) conclude(t *testing.T) {
	said := framing.ReplaceAllString(n.output.String(), "")
	switch n.result {
	case "pass":
		if testing.Verbose() && said != "" {
			t.Logf("%.2f s in the guest\n%s", n.took, said)
		}
	case "skip":
		reason := "no reason given"
		if all := logLine.FindAllStringSubmatch(said, -1); len(all) > 0 {
			reason = all[len(all)-1][1]
		}
		need.Record(t.Name(), reason)
		t.Skip(reason)
	case "fail":
		t.Errorf("%.2f s in the guest\n%s", n.took, said)
	default:
		t.Errorf("the guest never told how it ended\n%s", said)
	}
}

var (
	framing = regexp.MustCompile(`(?m)^\s*(=== (RUN|PAUSE|CONT|NAME)|--- (PASS|FAIL|SKIP):) .*\n`)
	logLine = regexp.MustCompile(`(?m)^\s+\S+\.go:\d+: (.*)$`)
)
