// SPDX-License-Identifier: Apache-2.0

package python

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"drydock/internal/need"
	"drydock/sandbox"
)

func TestMain(m *testing.M) { os.Exit(need.Main(m)) }

func TestSameMinor(t *testing.T) {
	for _, tc := range []struct {
		client, sdk string
		same        bool
	}{
		{"2.12.1", "2.12.1", true},
		{"2.12.0b4", "2.12.7", true},
		{"2.12.2.dev3+gabc", "2.12.1", true},
		{"", "2.12.1", true},
		{"unknown", "2.12.1", true},
		{"2.6.5", "2.12.1", false},
		{"3.12.1", "2.12.1", false},
		{"2.13.0.dev1+g1", "2.12.1", false},
	} {
		err := Python{Executable: "/v/bin/python", SDK: tc.sdk}.SameMinor(tc.client)
		if (err == nil) != tc.same {
			t.Errorf("%q and %q: %v", tc.client, tc.sdk, err)
		}
		if err != nil && (!strings.Contains(err.Error(), tc.client) || !strings.Contains(err.Error(), tc.sdk) || !strings.Contains(err.Error(), "/v/bin/python -m pip install 'flyte=="+release(tc.client)+"'")) {
			t.Errorf("the sentence lacks something: %v", err)
		}
	}
}

func TestOlder(t *testing.T) {
	for _, tc := range []struct {
		a, b string
		want bool
	}{{"2.5.9", "2.6.0", true}, {"2.6.0", "2.6.0", false}, {"2.12.1", "2.6.0", false}, {"1.16.1", "2.6.0", true}, {"2.6", "2.6.0", false}, {"odd", "2.6.0", false}} {
		if got := older(tc.a, tc.b); got != tc.want {
			t.Errorf("older(%s, %s) = %t", tc.a, tc.b, got)
		}
	}
}

func TestMounts(t *testing.T) {
	for _, tc := range []struct {
		name string
		p    Python
		want []string
	}{
		{"system", Python{A0: "/usr/local/bin/a0", Prefix: "/usr", BasePrefix: "/usr"}, nil},
		{"home, seen anyway", Python{A0: "/home/u/v/bin/a0", Prefix: "/home/u/v", BasePrefix: "/home/u/.pyenv/versions/3.11.7"}, nil},
		{"venv below /tmp", Python{A0: "/tmp/nowhere/v/bin/a0", Prefix: "/tmp/nowhere/v", BasePrefix: "/usr"}, []string{"/tmp/nowhere/v"}},
		{"all below /tmp", Python{A0: "/tmp/nowhere/v/bin/a0", Prefix: "/tmp/nowhere/v", BasePrefix: "/run/py", UserBase: "/dev/shm/u",
			links: []string{"/tmp", "/tmp/links/bin", "/tmp/nowhere/v/bin"}, SitePackages: []string{"/tmp/src", "/srv/src"}},
			[]string{"/dev/shm/u", "/run/py", "/tmp/links/bin", "/tmp/nowhere/v", "/tmp/src"}},
		{"nested", Python{A0: "/tmp/nowhere/p/v/bin/a0", Prefix: "/tmp/nowhere/p/v", BasePrefix: "/tmp/nowhere/p"}, []string{"/tmp/nowhere/p"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got []string
			for _, m := range tc.p.Mounts() {
				if m.Source != m.Target || !m.ReadOnly {
					t.Errorf("%+v is not read-only at the same path", m)
				}
				got = append(got, m.Target)
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// A link from a place that is seen to one that is not.
func TestMountsFollowLinks(t *testing.T) {
	real := t.TempDir() // below /tmp, or what TMPDIR says
	if !hidden(real) {
		t.Skipf("%s is seen by a sandbox anyway", real)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(real, link); err != nil {
		t.Fatal(err)
	}
	got := Python{Prefix: link, BasePrefix: "/usr", A0: "/usr/bin/a0"}.Mounts()
	if !slices.Contains(got, sandbox.Mount{Source: real, Target: real, ReadOnly: true}) {
		t.Errorf("%s, where the link leads, is not mounted: %+v", real, got)
	}
}
