// SPDX-License-Identifier: Apache-2.0

package native

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"drydock/sandbox"
	"drydock/sandbox/cgroup"
)

// What differs for an ordinary user: a delegated part of the cgroups, a user
// namespace for mounts and ids (idmap.go), and some things that cannot be had.

// userCgroups finds or gets a delegated group and makes it ready.
func userCgroups(h cgroup.Hierarchy) (cgroup.Hierarchy, error) {
	if h.Version == 1 {
		return h, &sandbox.UnsupportedError{What: "the native sandbox needs root here: cgroup v1 cannot be delegated safely", Remedy: cgroupRemedy(h)}
	}
	if err := usableUserNamespace("/"); err != nil {
		return h, err
	}
	d, err := h.Delegated()
	if err != nil || !d.Marked {
		scope, scopeErr := enterScope(h)
		switch {
		case scopeErr == nil:
			d = scope
		case err != nil: // one that is merely writable does where there is no systemd to ask
			return h, &sandbox.UnsupportedError{What: fmt.Sprintf("no cgroup is delegated to this user: %v", scopeErr), Remedy: cgroupRemedy(h)}
		}
	}
	h = h.Below(d)
	err = h.Settle()
	if missing, ok := errors.AsType[*cgroup.MissingControllersError](err); ok {
		return h, &sandbox.UnsupportedError{What: missing.Error(), Remedy: DelegateRemedy}
	}
	if err != nil {
		return h, &sandbox.UnsupportedError{What: "the delegated cgroup cannot be used: " + err.Error(), Remedy: cgroupRemedy(h)}
	}
	return h, nil
}

// DelegateRemedy has systemd delegate what tasks need.
const DelegateRemedy = "have the controllers delegated: `sudo mkdir -p /etc/systemd/system/user@.service.d && printf '[Service]\\nDelegate=cpu cpuset io memory pids\\n' | sudo tee /etc/systemd/system/user@.service.d/delegate.conf && sudo systemctl daemon-reload`, then log in again"

// checkIDs refuses a user that does not exist in the user namespace.
func (s *Sandbox) checkIDs(user specs.User) error {
	if s.ids == nil {
		return nil
	}
	remedy := "leave --user out, run drydock as root, or have a range of at least 65536 in /etc/subuid and /etc/subgid"
	if s.ids.alone != "" {
		remedy = "leave --user out, run drydock as root, or " + idRemedy()
	}
	for _, gid := range append([]uint32{user.GID}, user.AdditionalGids...) {
		if !has(s.ids.gids, gid) {
			return &sandbox.SpecError{Field: "user", Reason: fmt.Sprintf("the group %d does not exist in an ordinary user's sandbox%s", gid, because(s.ids.alone)), Remedy: remedy}
		}
	}
	if !has(s.ids.uids, user.UID) {
		return &sandbox.SpecError{Field: "user", Reason: fmt.Sprintf("the user id %d does not exist in an ordinary user's sandbox%s", user.UID, because(s.ids.alone)), Remedy: remedy}
	}
	return nil
}

func because(why string) string {
	if why == "" {
		return ""
	}
	return ": " + why
}

// idRemedy names the commands that give a user subordinate ids.
func idRemedy() string {
	name := os.Getenv("USER")
	if name == "" {
		name = strconv.Itoa(os.Geteuid())
	}
	return fmt.Sprintf("get subordinate ids: `sudo apt install uidmap && sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 %s` (another range if it is taken)", name)
}

// forUser changes the base mounts to what the kernel allows in a user
// namespace.
func (s *Sandbox) forUser(spec sandbox.Spec, mounts []specs.Mount) []specs.Mount {
	if s.ids == nil {
		return mounts
	}
	for i, m := range mounts {
		switch {
		case m.Type == "devpts" && !has(s.ids.gids, 5):
			mounts[i].Options = slices.DeleteFunc(m.Options, func(o string) bool { return strings.HasPrefix(o, "gid=") })
		case m.Type == "sysfs" && spec.Network != sandbox.NetworkNone:
			// sysfs shows a network namespace, and the host's is not ours.
			mounts[i] = specs.Mount{Destination: "/sys", Type: "bind", Source: "/sys", Options: []string{"rbind", "rprivate", "rro", "nosuid", "noexec", "nodev"}}
		}
	}
	return mounts
}

// userEnforcement is what an ordinary user gets otherwise than root.
func (s *Sandbox) userEnforcement(spec sandbox.Spec) []sandbox.Enforcement {
	if s.ids == nil {
		return nil
	}
	table := []sandbox.Enforcement{
		{Limit: "devices", State: sandbox.Emulated, Why: "an ordinary user can load no device filter: the private /dev has the harmless nodes only, and no others can be made or opened"},
		{Limit: "host-files", State: sandbox.Emulated, Why: "root inside is you: what other users own on the host belongs to nobody inside and cannot be changed, not even in the private layer; so are files right beside a mount point"},
	}
	if s.ids.alone != "" {
		table = append(table, sandbox.Enforcement{Limit: "users", State: sandbox.NotEnforced,
			Why: s.ids.alone + ": there is no user but root inside; chown to others, --user and dropping your own groups do not work"})
	}
	if own := ownScore(); spec.Limits.OOMScoreAdj < own {
		table = append(table, sandbox.Enforcement{Limit: "oom-score", State: sandbox.NotEnforced,
			Why: fmt.Sprintf("an ordinary user cannot lower oom_score_adj: it stays at %d", own)})
	}
	return table
}

// ownScore is this process's oom_score_adj, which its children inherit.
func ownScore() int {
	data, _ := os.ReadFile("/proc/self/oom_score_adj")
	n, _ := strconv.Atoi(strings.TrimSpace(string(data)))
	return n
}
