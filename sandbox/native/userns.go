// SPDX-License-Identifier: Apache-2.0

package native

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"drydock/sandbox"
)

// Who may forbid an ordinary user's user namespaces, and how to be allowed.

// usableUserNamespace names what the administrator has forbidden altogether.
// root is "/", but for tests.
func usableUserNamespace(root string) error {
	for _, s := range []struct{ path, bad, what, fix string }{
		{"proc/sys/kernel/unprivileged_userns_clone", "0", "ordinary users may not make user namespaces (kernel.unprivileged_userns_clone=0)",
			"run it with sudo, or allow them: `echo kernel.unprivileged_userns_clone=1 | sudo tee /etc/sysctl.d/60-userns.conf && sudo sysctl --system`"},
		{"proc/sys/user/max_user_namespaces", "0", "no user namespaces may be made (user.max_user_namespaces=0)",
			"run it with sudo, or allow them: `echo user.max_user_namespaces=15000 | sudo tee /etc/sysctl.d/60-userns.conf && sudo sysctl --system`"},
	} {
		if setting(root, s.path) == s.bad {
			return &sandbox.UnsupportedError{What: s.what, Remedy: s.fix}
		}
	}
	if _, err := os.Stat(filepath.Join(root, "proc/self/ns/user")); err != nil {
		return &sandbox.UnsupportedError{What: "this kernel has no user namespaces", Remedy: "run it with sudo"}
	}
	return nil
}

// appArmorSetting is Ubuntu's (23.10 and later; on from 24.04). Where it is 1 an
// ordinary user's program without a profile of its own may make a user
// namespace, and has no rights in it: the first mount is refused.
const appArmorSetting = "kernel.apparmor_restrict_unprivileged_userns"

// appArmorLets tries a user namespace where AppArmor may have taken its use
// away; with a profile for the shim it has not. Elsewhere nothing is tried: it
// takes as long as the start of a small program.
func appArmorLets(root, shim string, try func() error) error {
	if setting(root, "proc/sys/"+strings.ReplaceAll(appArmorSetting, ".", "/")) != "1" {
		return nil
	}
	if err := try(); err != nil {
		return &sandbox.UnsupportedError{
			What:   fmt.Sprintf("AppArmor keeps ordinary users' programs from using user namespaces (%s=1): %v", appArmorSetting, err),
			Remedy: appArmorRemedy(shim),
		}
	}
	return nil
}

// appArmorRemedy gives the shim what Ubuntu gives to programs of its own such
// as podman and runc: a profile that allows user namespaces and restricts
// nothing. The setting would allow them to every program.
func appArmorRemedy(shim string) string {
	return fmt.Sprintf("give drydock's supervisor a profile: "+
		"`printf '%%s\\n' 'abi <abi/4.0>,' 'include <tunables/global>' 'profile drydock-shim \"%s\" flags=(unconfined) { userns, }' | sudo tee /etc/apparmor.d/drydock-shim && sudo apparmor_parser -r /etc/apparmor.d/drydock-shim`; "+
		"or allow them to every program: `echo %s=0 | sudo tee /etc/sysctl.d/60-userns.conf && sudo sysctl --system`; or run it with sudo", shim, appArmorSetting)
}

// setting reads a file of the kernel's; "" when it is not there.
func setting(root, path string) string {
	data, _ := os.ReadFile(filepath.Join(root, path))
	return strings.TrimSpace(string(data))
}
