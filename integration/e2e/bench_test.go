// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"os/exec"
	"slices"
	"testing"
	"time"

	"drydock/internal/need"
)

// contender is one way to run a program in a container. It is timed as a
// whole: from the start of the client to its end.
type contender struct {
	name    string
	command func() *exec.Cmd
}

// BenchmarkStart compares what a container start costs: the same static
// program through drydock and through whatever else this machine has. The
// runs are interleaved, in rotating order, so that the machine's moods hit
// all of them; the metrics are medians and their ratios. No time is a pass or
// a failure.
func BenchmarkStart(b *testing.B) {
	need.Root(b)
	need.Cgroups(b)
	h := newHome(b)
	contenders := []contender{
		{"drydock", func() *exec.Cmd {
			return h.prepare(b, "run", "--memory", "64Mi", "--cpu", "1", "--quiet", "--", "./hog", "exit", "0").Cmd
		}},
		{"exec", func() *exec.Cmd { return exec.Command(hog(b), "exit", "0") }},
	}
	contenders = append(contenders, runcContenders(b)...)
	if c, ok := dockerContender(b); ok {
		contenders = append(contenders, c)
	}
	for _, c := range contenders { // once unmeasured: caches, first directories
		timed(b, c)
	}
	times := map[string][]time.Duration{}
	turn := 0
	for b.Loop() {
		for i := range contenders {
			c := contenders[(i+turn)%len(contenders)]
			times[c.name] = append(times[c.name], timed(b, c))
		}
		turn++
	}
	for _, c := range contenders {
		b.ReportMetric(ms(median(times[c.name])), c.name+"-ms")
	}
	for _, other := range contenders[2:] { // but itself and exec
		b.ReportMetric(float64(median(times["drydock"]))/float64(median(times[other.name])), "drydock/"+other.name)
	}
	b.ReportMetric(0, "ns/op") // of all contenders together: says nothing
}

// idle is the pause before each run: a kernel that has just moved processes
// between cgroups moves the next ones faster, which would favour whoever
// comes second.
const idle = 100 * time.Millisecond

func timed(b *testing.B, c contender) time.Duration {
	b.Helper()
	cmd := c.command()
	time.Sleep(idle)
	start := time.Now()
	if err := cmd.Run(); err != nil {
		b.Fatalf("%s: %v\n%s", c.name, err, stderrOf(cmd))
	}
	return time.Since(start)
}

func stderrOf(cmd *exec.Cmd) string {
	if o, ok := cmd.Stderr.(*output); ok {
		return o.String()
	}
	return ""
}

func median(times []time.Duration) time.Duration {
	if len(times) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(times))
	return sorted[len(sorted)/2]
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// BenchmarkMemory reports the peak resident size of drydock and of its
// supervisor around a small task.
func BenchmarkMemory(b *testing.B) {
	h := newHome(b)
	var main, shim int64
	for b.Loop() {
		c := h.start(b, "run", "--memory", "64Mi", "--json", "--", "sh", "-c", "sleep 0.3")
		in := shimOf(b, c.Process.Pid)
		for stop := false; !stop; time.Sleep(2 * time.Millisecond) {
			main, shim = max(main, highWater(c.Process.Pid)), max(shim, highWater(in))
			stop = highWater(in) == 0 // it has ended
		}
		c.end(b)
	}
	b.ReportMetric(float64(main)/(1<<20), "drydock-MiB")
	b.ReportMetric(float64(shim)/(1<<20), "shim-MiB")
	b.ReportMetric(0, "ns/op")
}

func dockerContender(b *testing.B) (contender, bool) {
	docker, err := exec.LookPath("docker")
	if err != nil || exec.Command(docker, "version", "--format", "{{.Server.Version}}").Run() != nil {
		b.Log("no Docker Engine answers: not compared with")
		return contender{}, false
	}
	rootfs := benchRootfs(b)
	const image = "drydock-bench:start"
	pack := exec.Command("sh", "-c", `tar -C "$1" -c . | "$2" import - "$3"`, "sh", rootfs, docker, image)
	if text, err := pack.CombinedOutput(); err != nil {
		b.Logf("the image for Docker could not be made: %v %s", err, text)
		return contender{}, false
	}
	b.Cleanup(func() { _ = exec.Command(docker, "rmi", image).Run() })
	return contender{"docker", func() *exec.Cmd {
		return exec.Command(docker, "run", "--rm", "--memory", "64m", "--network", "host", image, "/hog", "exit", "0")
	}}, true
}

func runcContenders(b *testing.B) []contender {
	var list []contender
	for i, r := range runcs(b) {
		list = append(list, contender{r.name, func() *exec.Cmd {
			cmd := exec.Command(r.path, "run", fmt.Sprintf("drydock-bench-%d", i))
			cmd.Dir = r.bundle
			out := &output{}
			cmd.Stdout, cmd.Stderr = out, out
			return cmd
		}})
	}
	return list
}
