// SPDX-License-Identifier: Apache-2.0

package provide

import (
	"context"
	"fmt"
	"os"
	"strings"
)

// Suite is the name of this machine's Debian release, as "bookworm".
func Suite() (string, error) { return osRelease("VERSION_CODENAME") }

// osRelease reads a field of os-release(5).
func osRelease(field string) (string, error) {
	data, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(data)) {
		if value, ok := strings.CutPrefix(line, field+"="); ok {
			return strings.Trim(strings.TrimSpace(value), `"`), nil
		}
	}
	return "", fmt.Errorf("/etc/os-release has no %s", field)
}

// Bootstrap makes tree a Debian of the suite, the smallest there is and these
// packages, from where this machine gets its own. It takes a minute or two.
func Bootstrap(ctx context.Context, tree, suite string, packages ...string) error {
	mirror, err := packageSource(ctx, suite)
	if err != nil {
		return err
	}
	_, err = Output(ctx, "", "debootstrap", "--variant=minbase", "--include="+strings.Join(packages, ","), suite, tree, mirror)
	return err
}

// packageSource is where this machine gets its own packages of a suite.
func packageSource(ctx context.Context, suite string) (string, error) {
	list, err := Output(ctx, "", "apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Codename: "+suite)
	if err != nil {
		return "", err
	}
	first, _, _ := strings.Cut(strings.TrimSpace(list), "\n")
	if first == "" {
		return "", fmt.Errorf("the package sources of this machine have no suite %s", suite)
	}
	return first, nil
}
