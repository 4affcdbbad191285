// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"os"

	"drydock/internal/admission"
	"drydock/internal/state"
	"drydock/sandbox"
	"drydock/sandbox/limits"
	"drydock/sandbox/native"
	"drydock/sandbox/supervise/client"
)

type hostSandboxes struct{}

func (hostSandboxes) Native(p Place) (sandbox.Sandbox, error) {
	c := native.Config{Shim: p.Shim, LeaseDir: p.LeaseDir}
	if p.OnStray != nil {
		c.OnStray = func(s native.Stray) { p.OnStray(strayText(s)) }
	}
	return native.New(c)
}

// Doctor asks the sandbox itself, so that it says what a run would say.
func (h hostSandboxes) Doctor(ctx context.Context, p Place) []Check {
	return append(h.nativeChecks(p), engineChecks(ctx, p)...)
}

func (h hostSandboxes) nativeChecks(p Place) []Check {
	sb, err := h.Native(p)
	if err != nil {
		c := Check{Name: "sandbox", State: sandbox.NotEnforced, Why: err.Error(), Essential: true}
		if e, ok := errors.AsType[*sandbox.UnsupportedError](err); ok {
			c.Why, c.Fix = e.What, e.Remedy
		}
		return append([]Check{c}, userChecks(p)...)
	}
	checks := []Check{{Name: "sandbox", State: sandbox.Enforced, Why: "native: the runtime is built in", Essential: true}}
	checks = append(checks, userChecks(p)...)
	everything := sandbox.Spec{Network: sandbox.NetworkHost, Limits: limits.Limits{GroupKill: true, Disk: 1}}
	checks = append(checks, limitChecks(sb, everything, fixFor)...)
	return append(checks, hardDiskCheck(p.StateDir))
}

// limitChecks says how a sandbox would hold the limits of a spec, and what to
// do where it does not.
func limitChecks(sb sandbox.Sandbox, spec sandbox.Spec, fix func(limit string) string) []Check {
	reporter, ok := sb.(sandbox.Reporter)
	if !ok {
		return nil
	}
	var checks []Check
	for _, e := range reporter.Enforcement(spec) {
		c := Check{Name: e.Limit, State: e.State, Why: e.Why, Essential: e.Limit == "memory"}
		if e.State != sandbox.Enforced {
			c.Fix = fix(e.Limit)
		}
		checks = append(checks, c)
	}
	return checks
}

// fixes say what to do about a limit that this machine does not hold.
var fixes = map[string]string{
	"swap":             "boot with swapaccount=1, or turn swap off (swapoff -a)",
	"group-kill":       "boot with cgroup v2 alone: systemd.unified_cgroup_hierarchy=1 on the kernel's command line",
	"cpu":              "enable the cpu controller (cgroup.subtree_control on v2, a mounted cpu hierarchy on v1)",
	"pids":             "enable the pids controller (cgroup.subtree_control on v2, a mounted pids hierarchy on v1)",
	"hugepages":        "enable the hugetlb controller, or free the reserved huge pages (vm.nr_hugepages=0)",
	"abstract-sockets": "run with --network none, or a kernel with Landlock scopes (Linux 6.12)",
}

// userFixes are those that differ for an ordinary user.
var userFixes = map[string]string{
	"cpu":        native.DelegateRemedy,
	"pids":       native.DelegateRemedy,
	"hugepages":  "run drydock as root (systemd does not delegate hugetlb), or have the reserved huge pages freed (vm.nr_hugepages=0)",
	"devices":    "none is needed for ordinary tasks; run drydock as root for a device filter",
	"host-files": "run drydock as root for tasks that change what belongs to others, such as apt install",
	"users":      "see subordinate-ids",
	"oom-score":  "run drydock as root, or give the task fewer guarantees",
}

func fixFor(limit string) string {
	if fix, ok := userFixes[limit]; ok && os.Geteuid() != 0 {
		return fix
	}
	return fixes[limit]
}

// userChecks are what only an ordinary user needs of the machine.
func userChecks(p Place) []Check {
	var checks []Check
	for _, f := range native.UserFindings(native.Config{Shim: p.Shim, LeaseDir: p.LeaseDir}) {
		checks = append(checks, Check{Name: f.Name, State: f.State, Why: f.Why, Fix: f.Fix, Essential: f.Essential})
	}
	return checks
}

// Clean also removes containers, where an engine answers: without one there is
// nobody to ask, and nothing that runs.
func (hostSandboxes) Clean(ctx context.Context, p Place) ([]string, error) {
	names, err := cleanNative(p)
	containers, engineErr := cleanEngine(ctx, p)
	return append(names, containers...), errors.Join(err, engineErr)
}

func cleanNative(p Place) ([]string, error) {
	strays, err := native.Clean(native.Config{Shim: p.Shim, LeaseDir: p.LeaseDir})
	var names []string
	for _, s := range strays {
		names = append(names, strayText(s))
	}
	return names, err
}

// Reclaim is Clean for commands that only look: it asks a sandbox only where a
// dead supervisor left a lease. What reclaiming in one place costs another, who
// admits a task, it tidies up, too.
func (hostSandboxes) Reclaim(ctx context.Context, p Place) error {
	leases := client.LeasesIn(p.LeaseDir)
	clean := map[string]func() ([]string, error){
		sandboxNative: func() ([]string, error) { return cleanNative(p) },
		sandboxDocker: func() ([]string, error) { return cleanEngine(ctx, p) },
	}
	var errs []error
	for name, clean := range clean {
		dead, err := leases.Dead(name)
		if err == nil && len(dead) > 0 {
			_, err = clean()
		}
		errs = append(errs, err)
	}
	return errors.Join(append(errs, admission.Tidy(p.LeaseDir))...)
}

// Alive reports whether the supervisor of the attempt kept in dir lives, also
// one that cannot be reached yet, or any more.
func (hostSandboxes) Alive(p Place, dir string) bool {
	_, id, n, err := state.AttemptOf(dir)
	return err == nil && client.LeasesIn(p.LeaseDir).Live(dir, id, n)
}

func strayText(s native.Stray) string {
	text := fmt.Sprintf("attempt %d of %s, whose supervisor had died", s.Attempt, s.ID)
	if s.Killed > 0 {
		text += fmt.Sprintf(" (%d processes killed)", s.Killed)
	}
	return text
}
