// SPDX-License-Identifier: Apache-2.0

package sandboxtest_test

import (
	"fmt"
	"os"
	"testing"

	"drydock/internal/need"
	"drydock/sandbox"
	"drydock/sandbox/sandboxtest"
)

func TestMain(m *testing.M) { os.Exit(need.Main(m)) }

// The fake passes the suite as far as there is no kernel in it.
func TestFakeConforms(t *testing.T) {
	for version, group := range map[int]sandbox.GroupKill{1: sandbox.GroupEmulated, 2: sandbox.GroupEnforced} {
		t.Run(fmt.Sprint("v", version), func(t *testing.T) {
			const noFiles, noProgram = "the fake has no file system", "the fake runs hog alone"
			sandboxtest.Conformance(t, sandboxtest.Backend{
				Name:          sandboxtest.FakeName,
				New:           func(testing.TB) sandbox.Sandbox { return &sandboxtest.Fake{CgroupVersion: version} },
				CgroupVersion: version,
				GroupKill:     group,
				Program:       "hog",
				Lacks: map[string]string{
					"user":         "the fake has no users",
					"capabilities": "the fake has no capabilities",
					"tty":          "the fake has no terminal",
					"network-none": "the fake has no network",
					"cwd":          noFiles,
					"mounts":       noFiles,
					"host-root":    noFiles,
					"read-only":    noFiles,
					"C20":          "the fake has no oom_score_adj",
					"C16":          noProgram,
					"C19":          noProgram,
				},
			})
		})
	}
}
