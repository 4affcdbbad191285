// SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"strings"
	"testing"
)

// The task that ran out of memory is run again, alone and with more, by its id.
// What is over is pruned; the next run goes well although its client remembers
// what it had uploaded.
func TestRerunAndPrune(t *testing.T) {
	venv := sdk(t, newest)
	s := newServer(t, venv)
	run := func(code int, args ...string) string {
		t.Helper()
		drydock(t)
		p := spawn(t, patience, append(s.client(), "VIRTUAL_ENV="+venv), programs(t), s.command(args...)...)
		if got := p.exit(t); got != code {
			t.Errorf("drydock %s: exit %d, want %d\n%s", strings.Join(args, " "), got, code, p.out.tail(4000))
		}
		return p.out.String()
	}
	run(137, "flyte", "run", "main.py", "train_model", "--mib", "700")
	want(t, run(137, "rerun", "last"), "of 400 MiB")
	want(t, run(0, "rerun", "last", "--memory", "1Gi"), "training with 700 MiB", "of 1 GiB")
	want(t, run(0, "rerun", "last", "--shm", "96Mi", "--override", "disk=3Gi,gpu=A100:1", "--gpu-missing=ignore"), "of 1 GiB")
	want(t, run(0, "inspect", "last"), `memory=("1Gi", "1Gi")`, `disk="3Gi"`, `shm="96Mi"`, `gpu="A100:1"`)
	want(t, run(125, "rerun", "last", "-e", "A=1"), "--env: task", "is an action of a Flyte run")

	want(t, run(0, "prune", "--all", "--dry-run"), "would remove 4 Flyte runs")
	want(t, run(0, "prune", "--all"), "removed 4 tasks", "removed 4 Flyte runs")
	if again := run(0, "prune", "--all"); strings.Contains(again, "Flyte") {
		t.Errorf("pruning again says %s", again)
	}
	want(t, run(0, "flyte", "run", "main.py", "train_model", "--mib", "100"), "training with 100 MiB")
}
