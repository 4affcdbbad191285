// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"strings"
	"testing"

	"drydock/sandbox"
	"drydock/sandbox/supervise/client"
)

// deadLease is what a supervisor leaves that was killed.
func deadLease(t *testing.T, dir string, n int, gib int64) string {
	t.Helper()
	spec := sandbox.Spec{ID: testID(n), Attempt: 1, Dir: t.TempDir(), Holds: sandbox.Holds{Amounts: memory(gib)}}
	f, err := client.Leases(dir).Take(spec, "", "docker")
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return client.Name(spec)
}

// A container whose supervisor died runs on, and counts until it has ended.
func TestOrphanCounts(t *testing.T) {
	dir := t.TempDir()
	running := deadLease(t, dir, 1, 6)
	deadLease(t, dir, 2, 3) // of this one nothing runs
	before := orphans.groups()
	t.Cleanup(func() { orphans.replace(before.find, before.has) })
	runs := true
	orphans.replace(
		func(name string) string {
			if name == running {
				return "/group"
			}
			return ""
		},
		func(group string) bool { return runs && group == "/group" })

	s, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Holders) != 1 || !s.Holders[0].Orphan || s.Taken().Memory != 6<<30 {
		t.Errorf("holders %+v", s.Holders)
	}
	m := machine(t, dir, 10)
	waits := make(chan string, 100)
	taken := make(chan *Claim, 1)
	go func() {
		c, err := m.Take(t.Context(), request(3, 6), func(reason string) { waits <- reason })
		if err != nil {
			t.Error(err)
		}
		taken <- c
	}()
	if reason := <-waits; !strings.Contains(reason, testID(1)+" (its supervisor died; drydock doctor --clean ends it)") {
		t.Errorf("it says %q", reason)
	}
	orphans.replace(before.find, func(string) bool { return false })
	c := <-taken // it is looked at again without anybody's doing
	c.Release()
}

// What is not there is looked for again, but not at every look; what was found
// is only asked whether anything is in it.
func TestOrphansAreFoundOnce(t *testing.T) {
	looked := map[string]int{}
	o := &orphanGroups{
		find: func(name string) string {
			looked[name]++
			if name == "there" {
				return "/group"
			}
			return ""
		},
		has: func(string) bool { return true },
	}
	for range 10 {
		if !o.inhabited("/leases/there", "there") || o.inhabited("/leases/gone", "gone") {
			t.Fatal("wrong")
		}
	}
	if looked["there"] != 1 || looked["gone"] > 2 {
		t.Errorf("looked %v times", looked)
	}
}

// groups and replace are for tests, which stand in for the machine's cgroups.
func (o *orphanGroups) groups() orphanGroups {
	o.mu.Lock()
	defer o.mu.Unlock()
	return orphanGroups{find: o.find, has: o.has}
}

func (o *orphanGroups) replace(find func(string) string, has func(string) bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.find, o.has, o.found = find, has, nil
}
