// SPDX-License-Identifier: Apache-2.0

package sandboxtest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"drydock/internal/need"
	"drydock/sandbox"
)

// Cases in which the machine as a whole is short of memory, or has what would
// hide that an attempt is.
var machineCases = []testCase{
	{name: "C4", test: machineBudget, kernel: true},
	{name: "D5", test: machineFull, kernel: true},
	{name: "D5-innocent", test: machineFilled, kernel: true},
	{name: "D9", test: swap, kernel: true},
	{name: "hugepages", test: hugePages, kernel: true},
	{name: "local-events", test: localEvents, kernel: true},
}

// A budget above all attempts is not an attempt's own limit; the attempt that
// the kernel picks goes as a whole all the same.
func machineBudget(t *testing.T, s *suite) {
	if s.SharedLimit == nil {
		need.Gap(t, s.Name+": attempts cannot be put below one cgroup")
	}
	sb, dir := s.SharedLimit(t)
	if err := writeFile(filepath.Join(dir, s.limitFile()), fmt.Sprint(40*mib)); err != nil {
		t.Fatal(err)
	}
	for _, words := range [][]string{{"touch", "60"}, {"child", "60", "sleep", sleepy}} {
		t.Run(words[0], func(t *testing.T) {
			spec := s.spec(t, words...)
			a, err := s.tryStart(sb, spec, nil)
			if err != nil {
				t.Fatal(err)
			}
			e := a.end(t)
			s.always(t, spec, e)
			wantExit(t, e, 137, "SIGKILL")
			s.wantGroup(t, e)
			if c := e.Counters; c.OOMKill < 1 || c.OOM != 0 || !c.AncestorOOM {
				t.Errorf("want a kill for the budget's sake alone: %s", show(e.Outcome))
			}
		})
	}
}

// wantForeignShortage checks an attempt that went although neither it nor a
// group above it had reached a limit.
func (s *suite) wantForeignShortage(t *testing.T, e ended) {
	t.Helper()
	wantExit(t, e, 137, "SIGKILL")
	c := e.Counters
	if c.OOMKill < 1 || c.HostOOMKill < 1 {
		t.Errorf("the kill was not counted: %s", show(e.Outcome))
	}
	if ownLimit(e.Outcome) || c.AncestorOOM {
		t.Errorf("the machine was full, and the facts blame a limit: %s", show(e.Outcome))
	}
	if len(e.Stops) > 0 {
		t.Errorf("nobody stopped it, but there is %+v", e.Stops)
	}
}

// A limit above the machine's memory: the machine runs out first.
func machineFull(t *testing.T, s *suite) {
	need.Expendable(t)
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		t.Fatal(err)
	}
	total := int64(info.Totalram) * int64(info.Unit)
	// In pieces: the kernel refuses a single one that it could never give.
	const piece = 256
	var words []string
	for asked := int64(0); asked < total; asked += piece * mib {
		words = append(words, "touch", fmt.Sprint(piece))
	}
	spec := s.spec(t, words...)
	spec.Limits.Memory = 2 * total
	e := s.do(t, spec)
	s.wantForeignShortage(t, e)
	s.wantGroup(t, e)
}

// An attempt well within its limit, and somebody else who takes everything:
// the attempt, which is worth less than its surroundings, goes first.
func machineFilled(t *testing.T, s *suite) {
	need.Expendable(t)
	spec := s.spec(t, "touch", "150", "out", "ready", "sleep", sleepy)
	spec.Limits.Memory = 256 * mib
	a := s.start(t, spec, nil)
	a.says(t, "ready")
	FillMachine(t, s.hog, a.pid(t))
	e := a.end(t)
	s.always(t, spec, e)
	s.wantForeignShortage(t, e)
	if e.Memory.Peak > 200*mib {
		t.Errorf("the attempt's peak is %d: it did not stay within its means", e.Memory.Peak)
	}
}

// FillMachine takes the machine's memory with the program hog until the
// process pid is gone.
func FillMachine(t testing.TB, hog string, pid int) {
	t.Helper()
	need.Expendable(t)
	glutton := exec.Command(hog, "sleep", "500")
	for range 1000 { // slowly: it must be stopped before it takes others along
		glutton.Args = append(glutton.Args, "touch", "8", "sleep", "20")
	}
	if err := glutton.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = glutton.Process.Kill()
		_ = glutton.Wait()
	}()
	// Killed last of all, and by us.
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/oom_score_adj", glutton.Process.Pid), []byte("-900"), 0); err != nil {
		t.Error(err)
	}
	for deadline := time.Now().Add(hang); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if gone(pid) {
			return
		}
	}
	t.Errorf("process %d is still there with the machine's memory full", pid)
}

// gone says whether a process has ended, reaped or not.
func gone(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	_, rest, _ := strings.Cut(string(stat), ") ") // its name is hog
	return strings.HasPrefix(rest, "Z") || strings.HasPrefix(rest, "X")
}

// swapDevice names a device with swap space that a test may turn on.
const swapDevice = "DRYDOCK_TEST_SWAP"

// Half as much again as the limit is an OOM although the machine could swap.
func swap(t *testing.T, s *suite) {
	need.Expendable(t)
	device := os.Getenv(swapDevice)
	if device == "" {
		need.Skip(t, "swap", "needs a swap device in "+swapDevice)
	}
	if out, err := exec.Command("swapon", device).CombinedOutput(); err != nil {
		t.Fatalf("swapon: %v %s", err, out)
	}
	defer func() {
		if out, err := exec.Command("swapoff", device).CombinedOutput(); err != nil {
			t.Errorf("swapoff: %v %s", err, out)
		}
	}()
	if !s.swaps(t, "touch", "48") {
		t.Fatal("a group that may swap does not: this case would show nothing")
	}
	for _, group := range []bool{true, false} {
		t.Run(fmt.Sprint("group kill ", group), func(t *testing.T) {
			spec := s.spec(t, "touch", "48")
			spec.Limits.Memory, spec.Limits.GroupKill = 32*mib, group
			e := s.do(t, spec)
			s.wantMainOOM(t, e)
			for _, l := range e.Limits {
				if l.Limit == "swap" && l.State != sandbox.Enforced {
					t.Errorf("swap is %+v", l)
				}
			}
		})
	}
}

// swaps runs hog in a plain group that may hold 32 MiB and swap the rest, and
// says whether it came through.
func (s *suite) swaps(t *testing.T, words ...string) bool {
	t.Helper()
	root := "/sys/fs/cgroup"
	if s.CgroupVersion == 1 {
		root += "/memory"
	}
	dir, err := os.MkdirTemp(root, "drydock-swaps-")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.Remove(dir) }()
	if err := writeFile(filepath.Join(dir, s.limitFile()), fmt.Sprint(32*mib)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/bin/sh", append([]string{"-c", `echo $$ >"$0"/cgroup.procs && exec "$@"`, dir, s.hog}, words...)...)
	return cmd.Run() == nil
}

// A huge page that nobody asked for is refused as on a cluster, although the
// machine has some.
func hugePages(t *testing.T, s *suite) {
	need.Expendable(t)
	const file, want = "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "8"
	if err := os.WriteFile(file, []byte(want), 0); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.WriteFile(file, []byte("0"), 0) }()
	if got, err := os.ReadFile(file); err != nil || strings.TrimSpace(string(got)) != want {
		t.Fatalf("the machine has %q huge pages (%v)", got, err)
	}
	if out, err := exec.Command(s.hog, "huge", "4").CombinedOutput(); err != nil || string(out) != "ok\n" {
		t.Fatalf("without a limit huge pages cannot be had either: %v %q", err, out)
	}
	spec := s.spec(t, "huge", "4")
	e := s.do(t, spec)
	wantExit(t, e, 0, "")
	if e.stdout != "Cannot allocate memory\n" {
		t.Errorf("the program was told %q", e.stdout)
	}
	for _, l := range e.Limits {
		if l.Limit == "hugepages" && l.State != sandbox.Enforced {
			t.Errorf("hugepages are %+v", l)
		}
	}
}

// Where the administrator has mounted the cgroups with memory_localevents, a
// group's events are its own only; kills are not missed for that.
func localEvents(t *testing.T, s *suite) {
	need.Expendable(t)
	if s.CgroupVersion != 2 {
		need.Gap(t, "needs cgroup v2: memory_localevents")
	}
	remount := func(data string) {
		if err := unix.Mount("", "/sys/fs/cgroup", "", unix.MS_REMOUNT, data); err != nil {
			t.Fatal(err)
		}
	}
	remount("nsdelegate,memory_localevents")
	defer remount("nsdelegate")
	s.wantMainOOM(t, s.do(t, s.spec(t, "touch", "100")))
	spec := s.spec(t, "background", "300", "100", "sleep", sleepy)
	e := s.do(t, spec)
	wantExit(t, e, 137, "SIGKILL")
	s.wantOOM(t, e)
	s.wantGroup(t, e)
	if ran := e.EndedAt.Sub(e.StartedAt); ran > 30*time.Second { // not sleepy's minute
		t.Errorf("it ran for %v", ran)
	}
}
