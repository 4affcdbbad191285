// SPDX-License-Identifier: Apache-2.0

package history

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"drydock/internal/need"
	"drydock/internal/state"
)

// childVariable makes this test's program one of several processes that list
// and prune one state directory at a time.
const childVariable = "DRYDOCK_TEST_HISTORY"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childVariable); dir != "" {
		if err := child(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(need.Main(m))
}

// child lists again and again, and removes some tasks in between.
func child(root string) error {
	dir, err := state.Open(root)
	if err != nil {
		return err
	}
	for round := range 20 {
		x, err := Open(context.Background(), root, func(string) bool { return false })
		if err != nil {
			return err
		}
		tasks, err := x.List(context.Background(), Filter{Limit: 10})
		if err != nil {
			return err
		}
		// On a busy machine others write for longer than one is patient; then
		// it is the directories that are read.
		busy := func(warning string) bool { return strings.Contains(warning, "database is locked") }
		if w := slices.DeleteFunc(x.Warnings(), busy); len(w) > 0 {
			return fmt.Errorf("round %d: %s", round, strings.Join(w, "\n"))
		}
		if err := x.Close(); err != nil {
			return err
		}
		if round%5 == 4 && len(tasks) > 0 {
			err := dir.RemoveTask(tasks[os.Getpid()%len(tasks)].ID)
			if err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, state.ErrLocked) {
				return err
			}
		}
	}
	return nil
}

// Several processes fill, read and shrink one history at a time; in the end it
// says what the directories say.
func TestManyProcesses(t *testing.T) {
	m := newMachine(t)
	m.copies(m.run("a", "out", "1"), 300)
	self, err := os.Executable()
	check(t, err)
	var children []*exec.Cmd
	var output []*strings.Builder
	for range 6 {
		cmd := exec.Command(self)
		out := &strings.Builder{}
		cmd.Env = append(os.Environ(), childVariable+"="+m.StateDir())
		cmd.Stdout, cmd.Stderr = out, out
		check(t, cmd.Start())
		children, output = append(children, cmd), append(output, out)
	}
	for i, cmd := range children {
		if err := cmd.Wait(); err != nil {
			t.Errorf("process %d: %v\n%s", i, err, output[i])
		}
	}
	byDirectory := &Index{state: mustOpen(t, m.StateDir()), alive: func(string) bool { return false }}
	want, err := byDirectory.List(context.Background(), Filter{})
	check(t, err)
	diff(t, idsOf(want), idsOf(m.list(Filter{}, "")))
	if len(want) >= 301 {
		t.Error("nothing was removed")
	}
}
