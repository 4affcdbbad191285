// SPDX-License-Identifier: Apache-2.0

package supervise

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"drydock/sandbox/supervise/wire"
)

// An attempt that could not take all of its set-up back keeps its lease: the
// next who cleans tries again. In every other case it leaves none.
func TestLeaseStaysWithWhatIsLeft(t *testing.T) {
	for name, torn := range map[string]error{"nothing left": nil, "something left": errors.New("device or resource busy")} {
		t.Run(name, func(t *testing.T) {
			dir := shortDir(t)
			control, _ := started(t, dir)
			lease := filepath.Join(t.TempDir(), "lease")
			if err := os.WriteFile(lease, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			a := &Attempt{Config: &wire.Config{Dir: dir, Lease: lease}, Control: control, Steps: []Step{
				func(*Attempt) (Undo, error) { return func() error { return torn }, errors.New("no engine") },
			}}
			a.Output.taken = true // there are no streams
			if err := a.Run(); !errors.Is(err, torn) {
				t.Errorf("Run: %v", err)
			}
			if _, err := os.Stat(lease); (err == nil) != (torn != nil) {
				t.Errorf("the lease: %v", err)
			}
			if o, err := wire.ReadOutcome(dir); err != nil || o.StartError == nil {
				t.Errorf("the outcome is %+v, %v", o, err)
			}
		})
	}
}

// Somebody judges an attempt that nobody waits for, also where its supervisor
// could not do all of its work.
func TestFailureIsJudged(t *testing.T) {
	for name, alone := range map[string]bool{"followed": false, "alone": true} {
		t.Run(name, func(t *testing.T) {
			c, starter := started(t, shortDir(t))
			if alone {
				starter.Close()
				if !goneSoon(c) {
					t.Fatal("somebody still follows")
				}
			}
			judged := filepath.Join(t.TempDir(), "judged")
			c.Fail(errors.New("device or resource busy"), []string{"touch", judged})
			if _, err := os.Stat(judged); (err == nil) != alone {
				t.Errorf("judged: %v", err)
			}
			if !alone {
				if r := starter.report(t); r.Fatal == "" {
					t.Errorf("the follower is told %+v", r)
				}
			}
		})
	}
}
