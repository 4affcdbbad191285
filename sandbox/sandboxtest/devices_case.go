// SPDX-License-Identifier: Apache-2.0

package sandboxtest

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"drydock/sandbox"
)

// Accelerators, with the nodes of harmless drivers in the place of a vendor's:
// who holds one can open it, and nobody else can, whatever node he comes by.
var deviceCases = []testCase{
	{name: "devices-held", test: devicesHeld, kernel: true},
	{name: "devices-not-held", test: devicesNotHeld, kernel: true},
	{name: "devices-groups", test: devicesGroups, kernel: true},
	{name: "devices-modes", test: devicesModes, kernel: true},
	{name: "devices-environment", test: devicesEnvironment, kernel: true},
	{name: "devices-no-mknod", test: devicesNoMknod, kernel: true},
	{name: "devices-refused", test: devicesRefused, kernel: true},
	{name: "devices-row", test: devicesRow, kernel: true},
}

// vendor is a class whose devices every engine passes as plain nodes.
const vendor = "AMD_GPU"

const (
	opened  = "ok\n"
	absent  = "No such file or directory\n"
	denied  = "Operation not permitted\n" // by the cgroup's rules
	noRight = "Permission denied\n"       // by the node's mode
)

// holding lets a spec hold devices by their nodes.
func holding(spec sandbox.Spec, nodes ...string) sandbox.Spec {
	spec.Accelerators = &sandbox.Accelerators{Class: vendor, IDs: nodes, Nodes: nodes}
	return spec
}

// One of two devices is held: it can be opened, and the other cannot, neither
// by its name nor by a node of it that appears in the attempt's own /dev.
func devicesHeld(t *testing.T, s *suite) {
	d := NewDrivers(t)
	for held := range d.Nodes {
		t.Run(strconv.Itoa(held), func(t *testing.T) {
			other := 1 - held
			spec := s.spec(t, "open", d.Nodes[held], "open", d.Nodes[other], "out", "ready", "cat", "open", "/dev/stray")
			said := s.planted(t, holding(spec, d.Nodes[held]), func(pid int) { d.Plant(t, other, pid, "/dev/stray") })
			if want := opened + absent + "ready\n" + denied; said != want {
				t.Errorf("it said %q, want %q", said, want)
			}
		})
	}
	t.Run("both", func(t *testing.T) {
		spec := s.spec(t, "open", d.Nodes[0], "open", d.Nodes[1])
		s.prints(t, holding(spec, d.Nodes[:]...), opened+opened)
	})
}

// planted runs hog, which says "ready" and then reads its input, and lets plant
// do something to it in between.
func (s *suite) planted(t *testing.T, spec sandbox.Spec, plant func(pid int)) (said string) {
	t.Helper()
	a, goOn := s.waiting(t, s.sandbox, spec)
	plant(a.pid(t))
	goOn()
	e := a.end(t)
	s.always(t, spec, e)
	wantExit(t, e, 0, "")
	return e.stdout
}

// Without any, there is none to be seen, and none can be opened by a node that
// appears all the same: also while somebody holds it.
func devicesNotHeld(t *testing.T, s *suite) {
	d := NewDrivers(t)
	holder := s.start(t, holding(s.spec(t, "open", d.Nodes[0], "tidy", "sleep", sleepy), d.Nodes[0]), nil)
	holder.says(t, "ready")
	spec := s.spec(t, "open", d.Nodes[0], "open", d.Nodes[1], "out", "ready", "cat", "open", "/dev/stray", "open", "/dev/other")
	said := s.planted(t, spec, func(pid int) {
		d.Plant(t, 0, pid, "/dev/stray")
		d.Plant(t, 1, pid, "/dev/other")
	})
	if want := absent + absent + "ready\n" + denied + denied; said != want {
		t.Errorf("it said %q, want %q", said, want)
	}
	holder.Stop(sandbox.StopAbort, hang)
	if e := holder.end(t); !strings.HasPrefix(e.stdout, opened) {
		t.Errorf("the holder said %q", e.stdout)
	}
}

// A node that is for a group is for an attempt of another user with that group.
func devicesGroups(t *testing.T, s *suite) {
	const gid = 7654
	s.prints(t, s.forGroup(t, gid, gid), opened)
}

// A node has its mode inside, too.
func devicesModes(t *testing.T, s *suite) {
	s.prints(t, s.forGroup(t, 7654), noRight)
}

// forGroup is an attempt of an ordinary user in these groups that opens a node
// which is for one.
func (s *suite) forGroup(t *testing.T, gid int, groups ...int) sandbox.Spec {
	t.Helper()
	node := NewDrivers(t).Nodes[0]
	if err := errors.Join(os.Chown(node, 0, gid), os.Chmod(node, 0o660)); err != nil {
		t.Fatal(err)
	}
	spec := holding(s.spec(t, "open", node), node)
	spec.User, spec.Accelerators.Groups = "1234:567", groups
	return spec
}

// The devices' own variables count above the task's.
func devicesEnvironment(t *testing.T, s *suite) {
	d := NewDrivers(t)
	spec := holding(s.spec(t, "env", "DRYDOCK_ACCELERATORS", "env", "OTHER"), d.Nodes[0])
	spec.Env = append(spec.Env, "DRYDOCK_ACCELERATORS=all", "OTHER=kept")
	spec.Accelerators.Env = []string{"DRYDOCK_ACCELERATORS=" + d.Nodes[0]}
	s.prints(t, spec, d.Nodes[0]+"\nkept\n")
}

// The set of capabilities that has CAP_MKNOD is without it beside devices.
func devicesNoMknod(t *testing.T, s *suite) {
	d := NewDrivers(t)
	for _, held := range []bool{false, true} {
		spec := s.spec(t, "read", "/proc/self/status")
		spec.Caps = sandbox.CapsCluster
		if held {
			spec = holding(spec, d.Nodes[0])
		}
		e := s.do(t, spec)
		bounding, err := strconv.ParseUint(fieldOf(e.stdout, "CapBnd:"), 16, 64)
		if err != nil {
			t.Fatal(err)
		}
		if has := bounding&(1<<unix.CAP_MKNOD) != 0; has == held {
			t.Errorf("CAP_MKNOD %v with devices held %v", has, held)
		}
	}
}

// What is no device node below /dev is not passed on, a node that has gone is
// said to have, and what would show all nodes is refused. Nothing was begun.
func devicesRefused(t *testing.T, s *suite) {
	d := NewDrivers(t)
	link := d.Nodes[0] + "-link"
	if err := os.Symlink(d.Nodes[0], link); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(link)
	for _, tc := range []struct {
		name, node, says string
		stale            bool
	}{
		{"gone", d.Nodes[0] + "-gone", "does not exist any more", true},
		{"link", link, "is a symbolic link", false},
		{"directory", "/dev/shm", "is not a character device", false},
		{"outside", "/etc/passwd", "is not below /dev", false},
		{"dots", "/dev/../etc/passwd", "is not below /dev", false},
		{"the uvm module", "/dev/nvidia-uvm", "nvidia-uvm is not loaded", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := os.Lstat(tc.node); err == nil && tc.says == "nvidia-uvm is not loaded" {
				t.Skip("this machine has it")
			}
			spec := holding(s.spec(t, "exit", "0"), d.Nodes[1], tc.node)
			_, err := s.tryStart(s.sandbox, spec, nil)
			e, ok := errors.AsType[*sandbox.AcceleratorError](err)
			if !ok {
				t.Fatalf("want an *AcceleratorError, got %v", err)
			}
			if !strings.Contains(e.Message, tc.says) || !strings.Contains(e.Message, tc.node) || e.Remedy == "" || e.Stale != tc.stale {
				t.Errorf("got %+v", e)
			}
			if made, err := os.ReadDir(spec.Dir); err != nil || len(made) > 0 {
				t.Errorf("in the attempt's directory there is %v, %v", made, err)
			}
		})
	}
	for _, source := range []string{"/", "/dev", "/dev/pts"} {
		spec := holding(s.spec(t, "exit", "0"), d.Nodes[1])
		spec.Mounts = []sandbox.Mount{{Source: source, Target: "/mnt/all"}}
		_, err := s.tryStart(s.sandbox, spec, nil)
		if e, ok := errors.AsType[*sandbox.SpecError](err); !ok || e.Field != "mount" {
			t.Errorf("with %s bound: %v", source, err)
		}
	}
}

// The facts say how the devices are held; without any there is nothing to say.
func devicesRow(t *testing.T, s *suite) {
	d := NewDrivers(t)
	for _, held := range []bool{false, true} {
		spec := s.spec(t, "exit", "0")
		if held {
			spec = holding(spec, d.Nodes[0])
		}
		rows := 0
		for _, l := range s.do(t, spec).Limits {
			if l.Limit == "accelerators" {
				rows++
				if l.State != sandbox.Enforced || l.Why == "" {
					t.Errorf("the row is %+v", l)
				}
			}
		}
		if rows != map[bool]int{true: 1}[held] {
			t.Errorf("%d rows with devices held %v", rows, held)
		}
	}
}
