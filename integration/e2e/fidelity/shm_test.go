// SPDX-License-Identifier: Apache-2.0

package fidelity_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"drydock/executor"
	"drydock/resources"
)

var _ = register(doing{
	"shm-default":     func(t *testing.T, l *lab) facts { return fillShm(t, l, "128Mi", "", 80) },
	"shm-sized/write": func(t *testing.T, l *lab) facts { return fillShm(t, l, "64Mi", "16Mi", 32) },
	"shm-sized/map":   mapShm,
	"shm-sized/shell": shmBelowShell,
	"shm-auto":        func(t *testing.T, l *lab) facts { return overfillShm(t, l, resources.Auto) },
	"shm-big":         func(t *testing.T, l *lab) facts { return overfillShm(t, l, "256Mi") },
	"hugetlb":         hugePages,
})

// lookAtShm prints one line each: its mount, its size in KiB, mode and owner.
const lookAtShm = `grep ' /dev/shm ' /proc/self/mountinfo; echo $(df -k /dev/shm | tail -1); stat -c '%a %u:%g' /dev/shm; `

func withShm(limit, shm resources.Quantity) resources.Resources {
	r := memory(limit)
	r.Shm = shm
	return r
}

// shmFacts reads what lookAtShm printed; rest is what came after.
func shmFacts(t *testing.T, f facts, out string) (_ facts, rest string) {
	t.Helper()
	lines := strings.SplitN(out, "\n", 4)
	if len(lines) < 4 {
		t.Fatalf("too little was printed: %q", out)
	}
	m, ok := parseMount(lines[0])
	var kib int
	if fields := strings.Fields(lines[1]); len(fields) > 1 {
		_, _ = fmt.Sscan(fields[1], &kib)
	}
	if !ok || kib == 0 {
		t.Fatalf("no mount, or no size: %q", out)
	}
	return with(f, "source", m.kind, "options", m.options, "size", fmt.Sprint(kib/1024, " MiB"), "mode", lines[2]), lines[3]
}

// fillShm writes more than /dev/shm holds.
func fillShm(t *testing.T, l *lab, limit, shm resources.Quantity, mib int) facts {
	script := lookAtShm + fmt.Sprintf(`./hog fill /dev/shm/f %d 2>&1; r=$?; stat -c %%s /dev/shm/f; exit $r`, mib)
	e := l.run(t, job{sh: script, res: withShm(limit, shm)})
	f, rest := shmFacts(t, e.status(t), e.out)
	var written int
	said, size, _ := strings.Cut(strings.TrimSpace(rest), "\n")
	_, _ = fmt.Sscan(size, &written)
	return with(f, "write", fmt.Sprintf("%s after %d MiB", strings.TrimPrefix(said, "/dev/shm/f: "), written>>20))
}

// mapShm touches a mapping that is larger than /dev/shm.
func mapShm(t *testing.T, l *lab) facts {
	return l.run(t, job{args: []string{"map", "/dev/shm/f", "32"}, res: withShm("64Mi", "16Mi")}).status(t)
}

func shmBelowShell(t *testing.T, l *lab) facts {
	e := l.run(t, job{sh: "./hog map /dev/shm/f 32 2>/dev/null; echo $?; ./hog fallocate /dev/shm/f 32 2>&1; exit 0", res: withShm("64Mi", "16Mi")})
	mapped, fallocate, _ := strings.Cut(strings.TrimSpace(e.out), "\n")
	return with(e.status(t), "map", mapped, "fallocate", strings.TrimPrefix(fallocate, "fallocate: "))
}

// overfillShm writes more into /dev/shm than the memory limit allows.
func overfillShm(t *testing.T, l *lab, shm resources.Quantity) facts {
	e := l.run(t, job{sh: lookAtShm + "./hog fill /dev/shm/f 80; echo rc $?", res: withShm("64Mi", shm)})
	f, rest := shmFacts(t, e.status(t), e.out)
	return with(f, "output", strings.TrimSpace(rest))
}

// hugeWord makes this test program map a huge page and say what came of it.
const hugeWord = "map-a-huge-page"

func mapHuge() int {
	_, err := unix.Mmap(-1, 0, 2<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_HUGETLB)
	fmt.Println(text(err))
	return 0
}

// text says an error as C's strerror does.
func text(err error) string {
	if err == nil {
		return "works"
	}
	s := err.Error()
	return strings.ToUpper(s[:1]) + s[1:]
}

func hugePages(t *testing.T, l *lab) facts {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	e := l.run(t, job{argv: []string{"./self", hugeWord}, res: memory("256Mi"), task: func(task *executor.Task) {
		content, err := os.ReadFile(self)
		if err == nil {
			err = os.WriteFile(filepath.Join(task.WorkDir, "self"), content, 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
	}})
	return facts{"mmap": strings.TrimSpace(e.out)}
}
