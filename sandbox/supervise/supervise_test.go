// SPDX-License-Identifier: Apache-2.0

package supervise

import (
	"strings"
	"testing"
)

func TestParseStatus(t *testing.T) {
	status := "Name:\tpython3\nState:\tR (running)\nNSpid:\t900\t7\nVmRSS:\t    1000 kB\nSigPnd:\t0000000000000000\nShdPnd:\t0000000000000000\n"
	want := proc{pid: 900, inside: 7, name: "python3", rss: 1000 << 10, deaf: true}
	if got := parseStatus(900, status); got != want {
		t.Errorf("running: %+v", got)
	}
	for _, dying := range []string{
		strings.Replace(status, "ShdPnd:\t0000000000000000", "ShdPnd:\t0000000000000100", 1), // SIGKILL is on its way
		strings.Replace(status, "R (running)", "Z (zombie)", 1),
	} {
		if !parseStatus(900, dying).dying {
			t.Errorf("not seen as dying:\n%s", dying)
		}
	}
	if parseStatus(900, strings.Replace(status, "ShdPnd:\t0000000000000000", "ShdPnd:\t0000000000004000", 1)).dying {
		t.Error("a pending SIGTERM counts as dying")
	}
	if !parseStatus(900, "State:\tZ (zombie)\n").empty {
		t.Error("a process without memory is not seen as empty")
	}
	for _, mask := range []string{"SigCgt", "SigBlk"} {
		if parseStatus(900, status+mask+":\t0000000000004000\n").deaf {
			t.Errorf("a process with SIGTERM in %s is taken for deaf", mask)
		}
	}
	if p := parseStatus(1, "NSpid:\t900\n"); p.inside != 0 {
		t.Errorf("a process outside has pid %d inside", p.inside)
	}
}

func TestTail(t *testing.T) {
	var tl tail
	tl.write([]byte("begin"))
	tl.write([]byte(strings.Repeat("x", tailSize-3)))
	tl.write([]byte("end"))
	if got := tl.String(); len(got) != tailSize || !strings.HasSuffix(got, "xend") || strings.Contains(got, "begin") {
		t.Errorf("tail has %d bytes, ends %q", len(got), got[len(got)-8:])
	}
	tl.write([]byte(strings.Repeat("y", 3*tailSize)))
	if got := tl.String(); got != strings.Repeat("y", tailSize) {
		t.Error("a piece larger than the tail is not kept right")
	}
}

func FuzzParseStatus(f *testing.F) {
	f.Add("Name:\tx\nState:\tZ (zombie)\nNSpid:\t1\t2\n")
	f.Fuzz(func(t *testing.T, status string) { parseStatus(1, status) })
}
