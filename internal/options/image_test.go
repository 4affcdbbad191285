// SPDX-License-Identifier: Apache-2.0

package options

import (
	"fmt"
	"strings"
	"testing"
)

func TestImageOptions(t *testing.T) {
	one := func(words []string, err error) (string, error) { return strings.Join(words, " "), err }
	for _, tc := range []struct {
		name string
		read func(string) (string, error)
		in   string
		want string // "": an error that says says
		says string
	}{
		{"image", Image, "ghcr.io/a/b:1@sha256:0", "ghcr.io/a/b:1@sha256:0", ""},
		{"the engine knows better", Image, "UPPER/case:tag", "UPPER/case:tag", ""},
		{"no image", Image, "", "", "it is empty"},
		{"a flag for an image", Image, "--rm", "", "no image's name"},
		{"a command for an image", Image, "python train.py", "", "no image's name"},
		{"pull", func(s string) (string, error) { p, err := Pull(s); return string(p), err }, "never", "never", ""},
		{"pull, as Kubernetes says it", func(s string) (string, error) { p, err := Pull(s); return string(p), err }, "IfNotPresent", "", "missing, always, never"},
		{"platform", Platform, "linux/arm/v7", "linux/arm/v7", ""},
		{"half a platform", Platform, "arm64", "", "linux/arm64"},
		{"entrypoint", func(s string) (string, error) { return one(Entrypoint(s)) }, "/bin/sh", "/bin/sh", ""},
		{"empty entrypoint", func(s string) (string, error) { return one(Entrypoint(s)) }, " ", "", "its arguments follow --"},
		{"host", Host, "db.local:10.0.0.7", "db.local:10.0.0.7", ""},
		{"host, IPv6", Host, "db:fd00::7", "db:fd00::7", ""},
		{"host, IPv6 in brackets", Host, "db:[fd00::7]", "db:fd00::7", ""},
		{"this machine", Host, "me:host-gateway", "me:host-gateway", ""},
		{"no address", Host, "db", "", "NAME:ADDRESS"},
		{"a name for an address", Host, "db:other", "", "no address"},
		{"no name", Host, ":1.2.3.4", "", "no host"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := tc.read(tc.in)
			if tc.want == "" {
				if err == nil || !strings.Contains(err.Error(), tc.says) {
					t.Errorf("%q gives %q, %v; want an error that says %q", tc.in, got, err, tc.says)
				}
			} else if err != nil || got != tc.want {
				t.Errorf("%q gives %q, %v; want %q", tc.in, got, err, tc.want)
			}
		})
	}
	if n, err := Network("auto"); err != nil || fmt.Sprint(n) != "" {
		t.Errorf("network auto: %q, %v", n, err)
	}
}
