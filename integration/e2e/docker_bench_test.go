// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"testing"
	"time"

	"drydock/integration/engines"
	"drydock/internal/need"
	"drydock/sandbox/limits"
)

// BenchmarkDockerStart compares `drydock run --sandbox docker` with `docker run
// --rm` of the same image within the same limits, on each kind of engine that
// the docker command is at home with. The two run by turns, who is first
// alternates, and the metrics are the median and the quartiles of the ratios of
// each pair: both saw the same machine. No time is a pass or a failure.
func BenchmarkDockerStart(b *testing.B) {
	docker := need.Program(b, "docker")
	for _, kind := range []engines.Kind{engines.V20, engines.V28} {
		if !slices.Contains(engines.Kinds(), kind) {
			continue
		}
		for _, network := range []string{"none", "bridge"} {
			b.Run(fmt.Sprintf("%s/%s", kind, network), func(b *testing.B) {
				e := engines.Shared(b, kind)
				if network == "bridge" && !e.HasBridge() {
					need.Gap(b, "this engine has no bridge here")
				}
				pair(b, dockerContenders(b, docker, engineHome{newHome(b), e}, network))
			})
		}
	}
}

// dockerContenders are drydock and docker. The limits are drydock's for 64Mi
// and one CPU in docker's words; what hardening drydock adds is its own affair.
func dockerContenders(b *testing.B, docker string, h engineHome, network string) [2]contender {
	image := engines.Busybox(b, h.engine)
	env := func(cmd *exec.Cmd) *exec.Cmd {
		cmd.Env = append(cmd.Environ(), "DOCKER_HOST="+h.engine.Socket)
		return cmd
	}
	return [2]contender{
		{"drydock", func() *exec.Cmd {
			return env(h.prepare(b, "run", "--quiet", "--sandbox", "docker", "--memory", "64Mi", "--cpu", "1", "--network", network, "--image", image, "--", "true").Cmd)
		}},
		{"docker", func() *exec.Cmd {
			cmd := exec.Command(docker, "run", "--rm", "--memory", "64m", "--memory-swap", "64m", "--cpu-period", "100000", "--cpu-quota", "100000",
				"--cpu-shares", "1024", "--pids-limit", strconv.Itoa(limits.DefaultPids), "--network", network, image, "true")
			out := &output{}
			cmd.Stdout, cmd.Stderr = out, out
			return env(cmd)
		}},
	}
}

// pair times two contenders by turns.
func pair(b *testing.B, both [2]contender) {
	for _, c := range both { // once unmeasured
		timed(b, c)
	}
	var times [2][]time.Duration
	for first := 0; b.Loop(); first = 1 - first {
		for _, i := range []int{first, 1 - first} {
			times[i] = append(times[i], timed(b, both[i]))
		}
	}
	ratios := make([]float64, len(times[0]))
	for i := range ratios {
		ratios[i] = float64(times[0][i]) / float64(times[1][i])
	}
	slices.Sort(ratios)
	for i, c := range both {
		b.ReportMetric(ms(median(times[i])), c.name+"-ms")
	}
	for name, at := range map[string]int{"q1": 1, "median": 2, "q3": 3} {
		b.ReportMetric(ratios[(len(ratios)-1)*at/4], "ratio-"+name)
	}
	b.ReportMetric(0, "ns/op") // of both together: says nothing
}
