// SPDX-License-Identifier: Apache-2.0

package native

import (
	"errors"
	"slices"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"drydock/sandbox"
)

func TestParseSubordinate(t *testing.T) {
	const table = "other:1:9\nme:100000:65536\nbroken:1\n1000:300000:10\nme:x:1\nme:400000:0\n"
	got := parseSubordinate(table, []string{"1000", "me"})
	want := []idRange{{1, 100000, 65536}, {65537, 300000, 10}}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestCheckIDs(t *testing.T) {
	many := &idMap{uids: []idRange{{0, 1000, 1}, {1, 100000, 65536}}, gids: []idRange{{0, 1000, 1}, {1, 100000, 65536}}}
	alone := &idMap{uids: []idRange{{0, 1000, 1}}, gids: []idRange{{0, 1000, 1}}, alone: "no subordinate ids"}
	for _, tc := range []struct {
		name string
		ids  *idMap
		user specs.User
		ok   bool
	}{
		{"root", nil, specs.User{UID: 1 << 30}, true},
		{"root inside", alone, specs.User{}, true},
		{"another, alone", alone, specs.User{UID: 1}, false},
		{"another", many, specs.User{UID: 65536, GID: 7}, true},
		{"above the range", many, specs.User{UID: 65537}, false},
		{"a group above", many, specs.User{AdditionalGids: []uint32{70000}}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := (&Sandbox{ids: tc.ids}).checkIDs(tc.user)
			if e, refused := errors.AsType[*sandbox.SpecError](err); (err == nil) != tc.ok || refused == tc.ok || refused && e.Remedy == "" {
				t.Errorf("checkIDs = %v", err)
			}
		})
	}
}

// A user namespace lacks some mounts; the rest of them is a container's.
func TestMountsForUser(t *testing.T) {
	alone := &idMap{uids: []idRange{{0, 1000, 1}}, gids: []idRange{{0, 1000, 1}}, alone: "x"}
	for _, tc := range []struct {
		name        string
		ids         *idMap
		network     sandbox.Network
		sysfs, gid5 bool
	}{
		{"root", nil, sandbox.NetworkHost, true, true},
		{"the host's network", alone, sandbox.NetworkHost, false, false},
		{"no network", alone, sandbox.NetworkNone, true, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			mounts := (&Sandbox{ids: tc.ids}).baseMounts(sandbox.Spec{Dir: "/d", Network: tc.network})
			has := func(is func(specs.Mount) bool) bool { return slices.ContainsFunc(mounts, is) }
			if got := has(func(m specs.Mount) bool { return m.Type == "sysfs" }); got != tc.sysfs {
				t.Errorf("a sysfs of its own: %v", got)
			}
			if got := has(func(m specs.Mount) bool { return slices.Contains(m.Options, "gid=5") }); got != tc.gid5 {
				t.Errorf("terminals of the group tty: %v", got)
			}
		})
	}
}
