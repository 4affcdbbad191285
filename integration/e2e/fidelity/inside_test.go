// SPDX-License-Identifier: Apache-2.0

package fidelity_test

import (
	"fmt"
	"maps"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"drydock/executor"
	"drydock/internal/fidelity"
	"drydock/resources"
	"drydock/sandbox"
)

var _ = register(doing{
	"info": func(t *testing.T, l *lab) facts { return inside(t, l, "default", "") },
	"restricted": func(t *testing.T, l *lab) facts {
		return inside(t, l, "restricted", "999")
	},
})

// A profile can give what a cluster's containers may: all but the absence of a
// seccomp filter is as a kubelet's own.
func TestClusterCapabilities(t *testing.T) {
	l := newLab(t)
	b, _ := fidelity.ByID("info")
	want, _ := b.Kubelet(l.Cgroup)
	got := inside(t, l, "cluster", "")
	for _, fact := range []string{"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs"} {
		if got[fact] != want[fact] {
			t.Errorf("%s is %s, the kubelet has %s", fact, got[fact], want[fact])
		}
	}
	if got["Seccomp"] != "2" {
		t.Errorf("there is no filter: %s", got["Seccomp"])
	}
}

// leakVariable is in the environment of the tests.
const leakVariable = "DRYDOCK_FIDELITY_LEAK"

// lookAround prints what a program sees, in sections.
const lookAround = `section() { echo "== $1"; }
section status; cat /proc/self/status
section score; cat /proc/self/oom_score_adj
section limits; cat /proc/self/limits
section namespaces; for n in user pid mnt uts ipc net cgroup time; do echo $n=$(readlink /proc/self/ns/$n); done
section pid; echo $$
section umask; umask
section descriptors; ls -l /proc/self/fd
section cpus; nproc
section memory; grep MemTotal /proc/meminfo
section hostname; uname -n
section environment; env
section overcommit; cat /proc/sys/vm/overcommit_memory
section ports; cat /proc/sys/net/ipv4/ip_unprivileged_port_start
section mounts; cat /proc/self/mountinfo
section dev; ls -1 /dev
section cgroup; cat /proc/self/cgroup
section mkdir; d=/sys/fs/cgroup; test -d $d/memory && d=$d/memory; mkdir $d/x 2>&1
section tmpfs; test -d /sys/fs/cgroup/memory && mkdir /sys/fs/cgroup/x 2>&1
section hidden; for p in ` + hiddenPaths + `; do
	if test -d $p; then echo $p=$(ls -A $p | wc -l); elif test -e $p; then echo $p=$(head -c 1 $p | wc -c); fi; done
section group
`

const hiddenPaths = "/proc/acpi /proc/interrupts /proc/kcore /proc/keys /proc/timer_list /sys/firmware"

// inside is what a program sees with a profile's capabilities, as a user.
func inside(t *testing.T, l *lab, caps, user string) facts {
	t.Setenv(leakVariable, "leaked")
	t.Setenv("HOME", "/home/caller") // whatever started the tests
	t.Setenv("HOSTNAME", "caller")
	e := l.run(t, job{
		sh: lookAround + l.readGroup() + ":", profile: func(p *resources.Profile) { p.Security.Capabilities = caps },
		res:  resources.Resources{CPU: resources.Pair("500m", "500m"), Memory: resources.Pair("64Mi", "64Mi")},
		task: func(task *executor.Task) { task.User, task.Network = user, l.network() },
	})
	if e.Verdict.Class != executor.Succeeded {
		t.Fatalf("%s\n%s", e.Verdict.Message, e.attempt(t).Outcome.Tail)
	}
	s := sections(e.out)
	f := groupFacts(facts{}, s["group"])
	for _, more := range []facts{
		whoFacts(s), limitFacts(t, s), namespaceFacts(t, s), streamFacts(s), machineFacts(t, s), environmentFacts(s), mountFacts(s["mounts"]), l.viewFacts(s),
	} {
		maps.Copy(f, more)
	}
	return f
}

// network is an image's own, as a pod has one, or else the machine's.
func (l *lab) network() sandbox.Network {
	if l.image != "" {
		return sandbox.NetworkBridge
	}
	return sandbox.NetworkHost
}

// sections splits what lookAround printed.
func sections(out string) map[string]string {
	all, name := map[string]string{}, ""
	for line := range strings.Lines(out) {
		if title, ok := strings.CutPrefix(line, "== "); ok {
			name = strings.TrimSpace(title)
			continue
		}
		all[name] += line
	}
	return all
}

// pairs reads lines of a name and a value.
func pairs(text, separator string) map[string]string {
	all := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(line, separator); ok {
			all[strings.TrimSpace(name)] = strings.TrimSpace(value)
		}
	}
	return all
}

func whoFacts(s map[string]string) facts {
	status := pairs(s["status"], ":")
	f := facts{"NoNewPrivs": status["NoNewPrivs"], "Seccomp": status["Seccomp"], "groups": status["Groups"]}
	f["uid"], f["gid"] = first(status["Uid"]), first(status["Gid"])
	for _, set := range []string{"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"} {
		f[set] = strings.TrimLeft(status[set], "0")
		if f[set] == "" {
			f[set] = "0"
		}
	}
	return with(f, "oom_score_adj", strings.TrimSpace(s["score"]), "process id", strings.TrimSpace(s["pid"]), "umask", strings.TrimSpace(s["umask"]))
}

func first(text string) string {
	fields := strings.Fields(text)
	if len(fields) == 0 {
		return ""
	}
	return fields[0]
}

// limitFacts compares with the limits of the program that starts tasks, which
// stands where the cluster's container daemon does.
func limitFacts(t *testing.T, s map[string]string) facts {
	ours, err := os.ReadFile("/proc/self/limits")
	if err != nil {
		t.Fatal(err)
	}
	f := facts{"other rlimits": "the daemon's", "open files, hard": "the daemon's"}
	all, here := rlimits(s["limits"]), rlimits(string(ours))
	for name, limit := range all {
		switch {
		case name == "Max open files":
			f["open files, soft"] = limit.soft
			if limit.soft == limit.hard || limit.soft == "1048576" {
				f["open files, soft"] = "the hard limit, at most 1048576"
			}
			if limit.hard != here[name].hard {
				f["open files, hard"] = limit.hard
			}
		case name == "Max core file size":
			f["core size, soft"] = limit.soft
		case limit != here[name]:
			f["other rlimits"] = fmt.Sprint(name, " ", limit)
		}
	}
	return f
}

type rlimit struct{ soft, hard string }

// rlimits reads proc_pid_limits(5).
func rlimits(text string) map[string]rlimit {
	all := map[string]rlimit{}
	for line := range strings.Lines(text) {
		if len(line) < 26 {
			continue
		}
		if fields := strings.Fields(line[26:]); len(fields) > 1 && !strings.HasPrefix(line, "Limit ") {
			all[strings.TrimSpace(line[:26])] = rlimit{fields[0], fields[1]}
		}
	}
	return all
}

func namespaceFacts(t *testing.T, s map[string]string) facts {
	f := facts{}
	for name, there := range pairs(s["namespaces"], "=") {
		here, err := os.Readlink("/proc/self/ns/" + name)
		if err != nil {
			t.Fatal(err)
		}
		f["namespace "+name] = "own"
		if there == here {
			f["namespace "+name] = "node"
		}
	}
	return f
}

// streamFacts reads what ls says of its own descriptors.
func streamFacts(s map[string]string) facts {
	open := map[string]string{}
	for line := range strings.Lines(s["descriptors"]) {
		if name, target, ok := strings.Cut(strings.TrimSpace(line), " -> "); ok {
			open[name[strings.LastIndexByte(name, ' ')+1:]] = target
		}
	}
	f := facts{"stdin": kindOf(open["0"]), "stdout, stderr": kindOf(open["1"]), "more open files": "none", "terminal": "no"}
	if f["stdout, stderr"] == "pipe" && kindOf(open["2"]) == "pipe" {
		f["stdout, stderr"] = "pipes"
	}
	for n, target := range open {
		if strings.HasPrefix(target, "/dev/pts") {
			f["terminal"] = "yes"
		}
		if n > "2" && !strings.HasPrefix(target, "/proc/") { // the directory that ls reads
			f["more open files"] = n + " " + target
		}
	}
	return f
}

// kindOf drops the number of a pipe or socket.
func kindOf(target string) string {
	kind, _, numbered := strings.Cut(target, ":[")
	if numbered {
		return kind
	}
	return target
}

// machineFacts are about what a container shares with its node.
func machineFacts(t *testing.T, s map[string]string) facts {
	f := facts{"CPUs seen": strings.TrimSpace(s["cpus"]), "MemTotal": strings.TrimSpace(s["memory"])}
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		t.Fatal(err)
	}
	if f["CPUs seen"] == fmt.Sprint(set.Count()) {
		f["CPUs seen"] = "all of the node's"
	}
	meminfo, err := os.ReadFile("/proc/meminfo")
	if err == nil && strings.Contains(string(meminfo), f["MemTotal"]) {
		f["MemTotal"] = "the node's"
	}
	f["hostname"] = "the pod's"
	if host, err := os.Hostname(); err == nil && strings.TrimSpace(s["hostname"]) == host {
		f["hostname"] = "the machine's"
	}
	return with(f, "/proc/sys/vm/overcommit_memory", sameAsHere("/proc/sys/vm/overcommit_memory", s["overcommit"]),
		"ip_unprivileged_port_start", sameAsHere("/proc/sys/net/ipv4/ip_unprivileged_port_start", s["ports"]))
}

func sameAsHere(path, value string) string {
	if here, err := os.ReadFile(path); err == nil && string(here) == value {
		return "the machine's"
	}
	return strings.TrimSpace(value)
}

func environmentFacts(s map[string]string) facts {
	env := pairs(s["environment"], "=")
	f := facts{"HOME": env["HOME"], "HOSTNAME": "the pod's", "the node's environment": "not inherited"}
	if env["HOME"] == os.Getenv("HOME") {
		f["HOME"] = "the caller's"
	}
	if env["HOSTNAME"] == os.Getenv("HOSTNAME") {
		f["HOSTNAME"] = "as the caller has it"
	}
	if env[leakVariable] != "" {
		f["the node's environment"] = "inherited"
	}
	return f
}
