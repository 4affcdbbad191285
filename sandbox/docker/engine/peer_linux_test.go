// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"os"
	"strings"
	"testing"
)

func TestStrange(t *testing.T) {
	here := Info{Kernel: kernelRelease(), Memory: memoryTotal(), Name: hostName()}
	local := peer{unix: true, pid: os.Getpid()}
	for name, tc := range map[string]struct {
		peer   peer
		change func(*Info)
		want   string
	}{
		"here":    {local, func(*Info) {}, ""},
		"network": {peer{}, func(*Info) {}, "over the network"},
		"outside": {peer{unix: true}, func(*Info) {}, "outside of it"},
		"apart":   {peer{unix: true, pid: 5, apart: true}, func(*Info) {}, "outside of it"},
		"nested":  {peer{unix: true, pid: 5, nested: true}, func(*Info) {}, "pid namespace"},
		"kernel":  {local, func(i *Info) { i.Kernel = "6.6.0-linuxkit" }, "another kernel"},
		"memory":  {local, func(i *Info) { i.Memory-- }, "memory"},
		"name":    {local, func(i *Info) { i.Name = "elsewhere" }, `"elsewhere"`},
	} {
		t.Run(name, func(t *testing.T) {
			info := here
			tc.change(&info)
			if got := tc.peer.strange(info); !strings.Contains(got, tc.want) || (got == "") != (tc.want == "") {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
	if nested(os.Getpid()) {
		t.Error("this process is in another pid namespace than itself")
	}
	if apart(os.Getpid()) {
		t.Error("this process has another root directory than itself")
	}
}
