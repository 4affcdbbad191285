// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"drydock/sandbox"
)

const (
	ourConstraint   = "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/drydock/x.1,task_memcg=/drydock/x.1,task=python3,pid=77,uid=0"
	leafConstraint  = "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=task,mems_allowed=0,oom_memcg=/drydock/x.1,task_memcg=/drydock/x.1/task,task=a,b (c),pid=77,uid=0"
	otherConstraint = "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/drydock/x.10,task_memcg=/drydock/x.10,task=python3,pid=78,uid=0"
	killed77        = "Memory cgroup out of memory: Killed process 77 (python3) total-vm:316412kB, anon-rss:62976kB, file-rss:8kB, shmem-rss:16kB, UID:0 pgtables:188kB oom_score_adj:500"
	killed78        = "Memory cgroup out of memory: Killed process 78 (python3) total-vm:1kB, anon-rss:1kB, file-rss:0kB, shmem-rss:0kB, UID:0"
	killedOdd       = "Memory cgroup out of memory: Killed process 77 (a,b (c)) total-vm:1kB, anon-rss:1kB, file-rss:0kB, shmem-rss:0kB, UID:0"
)

func TestVictimsOf(t *testing.T) {
	python := sandbox.Victim{HostPID: 77, Name: "python3", RSS: 63000 << 10}
	tests := []struct {
		name  string
		lines []string
		known []int
		want  []sandbox.Victim
	}{
		{"ours", []string{ourConstraint, killed77}, nil, []sandbox.Victim{python}},
		{"in the leaf below, with an awkward name", []string{leafConstraint, killedOdd}, nil, []sandbox.Victim{{HostPID: 77, Name: "a,b (c)", RSS: 1 << 10}}},
		{"another group whose name begins alike", []string{otherConstraint, killed78}, nil, nil},
		{"another group's, although the pid is known", []string{otherConstraint, killed78}, []int{78}, nil},
		{"first line dropped by the rate limit", []string{killed77}, []int{77}, []sandbox.Victim{python}},
		{"first line dropped, stranger", []string{killed77}, nil, nil},
		{"reported twice, as with a group kill", []string{ourConstraint, killed77, killed77}, nil, []sandbox.Victim{python}},
		{"nothing", []string{"usb 1-1: new device"}, nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			known := func(pid int) bool {
				for _, k := range tt.known {
					if k == pid {
						return true
					}
				}
				return false
			}
			if diff := cmp.Diff(tt.want, victimsOf(tt.lines, "/drydock/x.1", known)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func FuzzVictimsOf(f *testing.F) {
	f.Add(ourConstraint, killed77)
	f.Add(otherConstraint, killedOdd)
	f.Fuzz(func(t *testing.T, a, b string) {
		for _, v := range victimsOf([]string{a, b}, "/drydock/x.1", func(int) bool { return true }) {
			if v.RSS < 0 {
				t.Errorf("negative size from %q %q", a, b)
			}
		}
	})
}

func FuzzParseKeyed(f *testing.F) {
	f.Add("oom_kill 1\nunder_oom 0\n")
	f.Fuzz(func(t *testing.T, text string) { parseKeyed(text) })
}

func TestRefusedInLog(t *testing.T) {
	const group = "/drydock/A.1"
	for line, want := range map[string]bool{
		"cgroup: fork rejected by pids controller in /drydock/A.1/docker-0123\n": true,
		"cgroup: fork rejected by pids controller in /drydock/A.1":               true,
		"cgroup: fork rejected by pids controller in /drydock/A.11/docker-0123":  false,
		"cgroup: fork rejected by pids controller in /user.slice":                false,
		"something about /drydock/A.1/docker-0123":                               false,
	} {
		if got := refusedIn([]string{"another line", line}, group); got != want {
			t.Errorf("%q: %v", line, got)
		}
	}
}
