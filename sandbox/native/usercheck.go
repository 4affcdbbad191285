// SPDX-License-Identifier: Apache-2.0

package native

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"

	"drydock/sandbox"
	"drydock/sandbox/native/shimapi"
	"drydock/sandbox/supervise/client"
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
	ids := findIDs()
	return []Finding{findNamespace(config, ids), findSubordinates(ids), findLinger(), findLeases(client.LeasesIn(config.LeaseDir))}
}

// findNamespace tries a user namespace with its ids and a mount in it.
func findNamespace(config Config, ids *idMap) Finding {
	f := Finding{Name: "user-namespace", State: sandbox.NotEnforced, Essential: true}
	shim, err := findShim(config.Shim)
	if err == nil {
		err = usableUserNamespace("/")
	}
	try := func() error { return tryNamespace(shim, ids) }
	if err == nil {
		err = appArmorLets("/", shim, try)
	}
	if err == nil {
		err = try()
	}
	e, named := errors.AsType[*sandbox.UnsupportedError](err)
	switch {
	case err == nil:
		f.State, f.Why = sandbox.Enforced, "root inside is you"
	case named:
		f.Why, f.Fix = e.What, e.Remedy
	case ids.alone == "":
		f.Why, f.Fix = err.Error(), "see that newuidmap and newgidmap are setuid root (`sudo apt install --reinstall uidmap`) and that your ranges in /etc/subuid and /etc/subgid are yours alone"
	default:
		f.Why, f.Fix = err.Error(), "run drydock as root, or ask who forbids user namespaces here"
	}
	return f
}

// tryNamespace makes a user namespace with its ids and mounts in it.
func tryNamespace(shim string, ids *idMap) error {
	return asShim(shim, ids, shimapi.ProbeArg, "/tmp")
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
func findLeases(leases client.Leases) Finding {
	f := Finding{Name: "leases", State: sandbox.NotEnforced, Essential: true}
	err := leases.Check()
	if e, ok := errors.AsType[*sandbox.UnsupportedError](err); ok {
		f.Why, f.Fix = e.What, e.Remedy
		return f
	}
	if err != nil {
		f.Why = err.Error()
		return f
	}
	dir := string(leases)
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
