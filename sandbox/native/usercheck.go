// SPDX-License-Identifier: Apache-2.0

package native

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"drydock/sandbox"
	"drydock/sandbox/native/shimapi"
)

// Finding is something that an ordinary user's attempts need of the machine,
// and how it stands.
type Finding struct {
	Name      string
	State     sandbox.EnforceState
	Why, Fix  string
	Essential bool // without it nothing runs
}

// UserFindings tells what this machine has and lacks for an ordinary user;
// nothing for root. It tries what can be tried and changes nothing.
func UserFindings(config Config) []Finding {
	if os.Geteuid() == 0 {
		return nil
	}
	if config.LeaseDir == "" {
		config.LeaseDir = defaultLeaseDir()
	}
	ids := findIDs()
	return []Finding{findNamespace(config, ids), findSubordinates(ids), findLinger(), findLeases(config.LeaseDir)}
}

// findNamespace tries a user namespace with its ids and a mount in it.
func findNamespace(config Config, ids *idMap) Finding {
	f := Finding{Name: "user-namespace", State: sandbox.NotEnforced, Essential: true}
	err := usableUserNamespace()
	if e, ok := errors.AsType[*sandbox.UnsupportedError](err); ok {
		f.Why, f.Fix = e.What, e.Remedy
		return f
	}
	shim, err := findShim(config.Shim)
	if err == nil {
		err = asShim(shim, ids, shimapi.ProbeArg, "/tmp")
	}
	if err == nil {
		return Finding{Name: f.Name, State: sandbox.Enforced, Why: "root inside is you", Essential: true}
	}
	f.Why = err.Error()
	switch {
	case readFlag("/proc/sys/kernel/apparmor_restrict_unprivileged_userns"):
		f.Why = "AppArmor keeps ordinary users' namespaces from mounting (kernel.apparmor_restrict_unprivileged_userns=1): " + f.Why
		f.Fix = fmt.Sprintf("give the supervisor a profile: `printf 'abi <abi/4.0>,\\ninclude <tunables/global>\\nprofile drydock-shim %s flags=(unconfined) {\\n  userns,\\n}\\n' | sudo tee /etc/apparmor.d/drydock-shim && sudo apparmor_parser -r /etc/apparmor.d/drydock-shim`", shim)
	case ids.alone == "":
		f.Fix = "see that newuidmap and newgidmap are setuid root (`sudo apt install --reinstall uidmap`) and that your ranges in /etc/subuid and /etc/subgid are yours alone"
	default:
		f.Fix = "run drydock as root, or ask who forbids user namespaces here"
	}
	return f
}

func readFlag(path string) bool {
	data, _ := os.ReadFile(path)
	return strings.TrimSpace(string(data)) == "1"
}

func findSubordinates(ids *idMap) Finding {
	if ids.alone != "" {
		return Finding{Name: "subordinate-ids", State: sandbox.NotEnforced, Why: ids.alone + ": root is the only user inside", Fix: idRemedy()}
	}
	var n uint32
	for _, r := range ids.uids[1:] {
		n += r.size
	}
	return Finding{Name: "subordinate-ids", State: sandbox.Enforced, Why: fmt.Sprintf("%d users beside root", n)}
}

// findLinger: without it systemd ends everything of a user's with the last
// session (loginctl(1)).
func findLinger() Finding {
	f := Finding{Name: "after-logout", State: sandbox.NotEnforced,
		Why: "your systemd, and every task with it, ends with your last session", Fix: "`loginctl enable-linger`"}
	name := os.Getenv("USER")
	if u, err := user.LookupId(strconv.Itoa(os.Geteuid())); err == nil {
		name = u.Username
	}
	if _, err := os.Stat(filepath.Join("/var/lib/systemd/linger", name)); err == nil && name != "" {
		return Finding{Name: f.Name, State: sandbox.Enforced, Why: "tasks outlive your sessions"}
	}
	return f
}

// findLeases says whether this user and all others see each other's leases.
func findLeases(dir string) Finding {
	f := Finding{Name: "leases", State: sandbox.NotEnforced, Essential: true}
	err := trustLeaseDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		err = makeLeaseDir(dir)
	}
	if e, ok := errors.AsType[*sandbox.UnsupportedError](err); ok {
		f.Why, f.Fix = e.What, e.Remedy
		return f
	}
	if err != nil {
		f.Why = err.Error()
		return f
	}
	if info, err := os.Stat(dir); err == nil && !ownedByRoot(info) {
		return Finding{Name: f.Name, State: sandbox.Emulated, Essential: true,
			Why: dir + " is yours: root takes it over when it comes, other users cannot use it until then",
			Fix: "`sudo install -d -o root -g root -m 1777 " + dir + "`, at every start: `echo 'd " + dir + " 1777 root root' | sudo tee /etc/tmpfiles.d/drydock.conf`"}
	}
	return Finding{Name: f.Name, State: sandbox.Enforced, Why: "shared by all users of this machine", Essential: true}
}

func ownedByRoot(info os.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && st.Uid == 0
}
