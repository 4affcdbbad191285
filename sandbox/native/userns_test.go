// SPDX-License-Identifier: Apache-2.0

package native

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"drydock/sandbox"
)

// fakeMachine is a root directory with files of the kernel's.
func fakeMachine(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// wantUnsupported wants an error with a way out, and words of it; no words: no
// error.
func wantUnsupported(t *testing.T, err error, words ...string) {
	t.Helper()
	e, ok := errors.AsType[*sandbox.UnsupportedError](err)
	if len(words) == 0 {
		if err != nil {
			t.Errorf("got %v", err)
		}
		return
	}
	if !ok || e.Remedy == "" {
		t.Fatalf("got %v, want an UnsupportedError with a remedy", err)
	}
	for _, word := range words {
		if !strings.Contains(e.What+e.Remedy, word) {
			t.Errorf("%q does not say %q", e.What+"; "+e.Remedy, word)
		}
	}
}

func TestUsableUserNamespace(t *testing.T) {
	const ns = "proc/self/ns/user"
	for _, tc := range []struct {
		name  string
		files map[string]string
		words []string
	}{
		{"nothing is forbidden", map[string]string{ns: ""}, nil},
		{"Debian's setting allows", map[string]string{ns: "", "proc/sys/kernel/unprivileged_userns_clone": "1\n"}, nil},
		{"Debian's setting forbids", map[string]string{ns: "", "proc/sys/kernel/unprivileged_userns_clone": "0\n"}, []string{"kernel.unprivileged_userns_clone=0", "sysctl"}},
		{"none may be made", map[string]string{ns: "", "proc/sys/user/max_user_namespaces": "0\n"}, []string{"user.max_user_namespaces=0", "sysctl"}},
		{"no such kernel", nil, []string{"no user namespaces", "sudo"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			wantUnsupported(t, usableUserNamespace(fakeMachine(t, tc.files)), tc.words...)
		})
	}
}

// AppArmor's restriction is named with both ways out, where it bites: not with
// a profile, and nobody waits for a try on other machines.
func TestAppArmor(t *testing.T) {
	const file = "proc/sys/kernel/apparmor_restrict_unprivileged_userns"
	refused := errors.New("mount: permission denied")
	for _, tc := range []struct {
		name  string
		files map[string]string
		try   error
		tried bool
		words []string
	}{
		{"no AppArmor", nil, refused, false, nil},
		{"switched off", map[string]string{file: "0\n"}, refused, false, nil},
		{"with a profile", map[string]string{file: "1\n"}, nil, true, nil},
		{"restricted", map[string]string{file: "1\n"}, refused, true, []string{
			"kernel.apparmor_restrict_unprivileged_userns=1", "permission denied",
			`profile drydock-shim "/opt/my tools/drydock-shim" flags=(unconfined) { userns, }`,
			"apparmor_parser -r /etc/apparmor.d/drydock-shim", "echo kernel.apparmor_restrict_unprivileged_userns=0",
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tried := false
			err := appArmorLets(fakeMachine(t, tc.files), "/opt/my tools/drydock-shim", func() error {
				tried = true
				return tc.try
			})
			wantUnsupported(t, err, tc.words...)
			if tried != tc.tried {
				t.Errorf("tried: %v", tried)
			}
		})
	}
}
