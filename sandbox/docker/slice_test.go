// SPDX-License-Identifier: Apache-2.0

package docker

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"drydock/sandbox"
	"drydock/sandbox/cgroup"
	"drydock/sandbox/docker/engine"
	"drydock/sandbox/systemd"
)

func TestSliceProperties(t *testing.T) {
	properties := func(l sandbox.Limits) map[string]any {
		all := map[string]any{}
		for _, p := range sliceProperties(l) {
			if !strings.HasSuffix(p.Name, "Accounting") && p.Name != "Description" {
				all[p.Name] = p.Value
			}
		}
		return all
	}
	for _, c := range []struct {
		limits sandbox.Limits
		want   map[string]any
	}{
		{sandbox.Limits{}, map[string]any{"TasksMax": uint64(math.MaxUint64)}},
		{sandbox.Limits{Memory: 64 << 20, CPUShares: 512, CPUQuota: 50_000, CPUPeriod: 100_000, Pids: 256}, map[string]any{
			"MemoryMax": uint64(64 << 20), "MemorySwapMax": uint64(0), "TasksMax": uint64(256),
			"CPUWeight": uint64(20), "CPUQuotaPeriodUSec": uint64(100_000), "CPUQuotaPerSecUSec": uint64(500_000),
		}},
		{sandbox.Limits{CPUShares: 2, CPUQuota: 1_500_000, CPUPeriod: 1_000_000}, map[string]any{ // one and a half cores
			"TasksMax": uint64(math.MaxUint64), "CPUWeight": uint64(1),
			"CPUQuotaPeriodUSec": uint64(1_000_000), "CPUQuotaPerSecUSec": uint64(1_500_000),
		}},
	} {
		if got := properties(c.limits); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%+v: %v, want %v", c.limits, got, c.want)
		}
	}
}

func TestGroupNames(t *testing.T) {
	const attempt = "01ARZ3NDEKTSV4RRFFQ69G5FAV.1"
	for _, c := range []struct {
		base               string
		slices             bool
		path, name, parent string
	}{
		{"drydock", false, "/drydock/" + attempt, attempt, "/drydock/" + attempt},
		{"drydock", true, "/drydock.slice/drydock-" + attempt + ".slice", "drydock-" + attempt + ".slice", "drydock-" + attempt + ".slice"},
		{"drydock-0badcafe", true, "/drydock.slice/drydock-0badcafe." + attempt + ".slice", "drydock-0badcafe." + attempt + ".slice", "drydock-0badcafe." + attempt + ".slice"},
	} {
		access := hostAccess{hierarchy: cgroup.Hierarchy{Version: 2, Base: c.base}}
		if c.slices {
			access = access.inSlices()
		}
		if path, name, parent := access.group(attempt).Path(), access.groupName(attempt), access.parent(attempt); path != c.path || name != c.name || parent != c.parent {
			t.Errorf("%s, slices %v: the group is %s, called %s, for the engine %s", c.base, c.slices, path, name, parent)
		}
	}
}

// fakeSlicer makes a slice's directory, as systemd does.
type fakeSlicer struct {
	root    string
	files   []string // that the kernel puts there
	refused error
	stopped []string
}

func (f *fakeSlicer) dir(name string) string { return filepath.Join(f.root, cgroup.Slice, name) }

func (f *fakeSlicer) StartSlice(_ context.Context, name string, _ ...systemd.Property) error {
	if f.refused != nil {
		return f.refused
	}
	if err := os.MkdirAll(f.dir(name), 0o755); err != nil {
		return err
	}
	for _, file := range f.files {
		if err := os.WriteFile(filepath.Join(f.dir(name), file), nil, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func (f *fakeSlicer) Stop(_ context.Context, name string) error {
	f.stopped = append(f.stopped, name)
	return os.RemoveAll(f.dir(name))
}

func TestStartSlice(t *testing.T) {
	limits := sandbox.Limits{Memory: 64 << 20, GroupKill: true, Pids: 256}
	const name = "drydock-x.1.slice"
	all := []string{"memory.max", "memory.oom.group", "hugetlb.2MB.max", "pids.max"}
	for _, c := range []struct {
		title   string
		files   []string
		refused error
		says    string // the error; "": there is none
	}{
		{title: "all is there", files: all},
		{title: "no memory controller", files: all[2:], says: "set the limits of the slice " + name},
		{title: "systemd refuses", refused: errors.New("no right"), says: "did not start the slice " + name + ": no right"},
	} {
		t.Run(c.title, func(t *testing.T) {
			s := &fakeSlicer{root: t.TempDir(), files: c.files, refused: c.refused}
			h := cgroup.Hierarchy{Version: 2, Unified: s.root, Base: cgroup.Slice}
			group, err := startSlice(t.Context(), s, h, name, limits)
			if c.says != "" {
				if err == nil || !strings.Contains(err.Error(), c.says) {
					t.Errorf("the error is %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for file, want := range map[string]string{"memory.max": "67108864", "memory.oom.group": "1", "hugetlb.2MB.max": "0", "pids.max": "256"} {
				if got, _ := os.ReadFile(filepath.Join(s.dir(name), file)); string(got) != want {
					t.Errorf("%s is %q, want %q", file, got, want)
				}
			}
			if err := stopSlice(t.Context(), s, group, name); err != nil || len(s.stopped) != 1 || s.stopped[0] != name {
				t.Errorf("stopped %q, %v", s.stopped, err)
			}
		})
	}
}

func TestOwnableBySystemd(t *testing.T) {
	v1 := cgroup.Hierarchy{Version: 1}
	for _, c := range []struct {
		info engine.Info
		why  string
	}{
		{engine.Info{Local: true, CgroupDriver: "none"}, "leaves cgroups to none"},
		{engine.Info{Local: true, CgroupDriver: "systemd"}, "cgroup v2"},
		{engine.Info{Local: true, CgroupDriver: "systemd", Product: "Podman"}, "Docker Engine only"},
	} {
		if err := ownable(c.info, v1); err == nil || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%+v: %v, want %q", c.info, err, c.why)
		}
	}
}
