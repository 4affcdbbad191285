// SPDX-License-Identifier: Apache-2.0

package resources

import (
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/resource"
)

func amountOf(q resource.Quantity) amount {
	return amount{q.String(), strconv.FormatInt(q.Value(), 10), strconv.FormatInt(q.MilliValue(), 10)}
}

func amounts(l list) map[string]amount {
	out := map[string]amount{}
	for name, q := range l {
		out[name] = amountOf(q)
	}
	return out
}

// parseShm is the backend's reading of a size limit (pod_helper.go, ApplySharedMemory).
func parseShm(s string) (resource.Quantity, error) {
	if s == "" {
		return resource.Quantity{}, nil
	}
	return parseKubernetes(s)
}

func TestCompleteVectors(t *testing.T) {
	var file struct {
		Count   int
		Vectors []struct {
			ID    string
			Input struct {
				Mode             string
				Requests, Limits map[string]string
				PlatformDefaults map[string]string `json:"platform_defaults"`
				PlatformLimits   map[string]string `json:"platform_limits"`
				ConfigCPU        string            `json:"config_cpu"`
				ConfigMemory     string            `json:"config_memory"`
				Accelerator      *accelVector
				Shm              *string
			}
			Output clusterVector
		}
	}
	readVectors(t, "complete.json", &file)
	if len(file.Vectors) == 0 || len(file.Vectors) != file.Count {
		t.Fatalf("read %d vectors, the file says %d", len(file.Vectors), file.Count)
	}
	for _, v := range file.Vectors {
		t.Run(v.ID, func(t *testing.T) {
			in := v.Input
			w := Wire{Requests: entries(in.Requests), Limits: entries(in.Limits), SharedMemory: in.Shm}
			if in.Accelerator != nil {
				w.Accelerator = &WireAccelerator{Device: in.Accelerator.Device, Class: in.Accelerator.DeviceClass}
			}
			p := platform{quantities(t, in.PlatformDefaults), quantities(t, in.PlatformLimits)}
			fallback(t, p.defaults, kubeCPU, in.ConfigCPU, "1")
			fallback(t, p.defaults, kubeMemory, in.ConfigMemory, "1Gi")
			switch in.Mode {
			case "merge", "assign", "ensure":
			default:
				t.Fatalf("unknown mode %q", in.Mode)
			}
			checkCluster(t, w, v.Output, p, in.Mode != "ensure")
		})
	}
}

// fallback is the deployment's own default, where the platform names none.
func fallback(t *testing.T, l list, name, config, builtIn string) {
	if _, ok := l[name]; ok {
		return
	}
	if config == "" {
		config = builtIn
	}
	for k, q := range quantities(t, map[string]string{name: config}) {
		l[k] = q
	}
}

func entries(m map[string]string) []Entry {
	var out []Entry
	for _, n := range []struct{ key, name string }{{"cpu", "CPU"}, {"memory", "MEMORY"}, {"gpu", "GPU"}, {"ephemeral-storage", "EPHEMERAL_STORAGE"}} {
		if v, ok := m[n.key]; ok {
			out = append(out, Entry{n.name, v})
		}
	}
	return out
}

func quantities(t *testing.T, m map[string]string) list {
	t.Helper()
	out := list{}
	for name, s := range m {
		q, err := parseKubernetes(s)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		out[name] = q
	}
	return out
}

// TestCompleteAgrees takes the vectors that a task can bring about and runs them through Complete.
func TestCompleteAgrees(t *testing.T) {
	var file struct {
		Vectors []struct {
			ID    string
			Input struct {
				Mode             string
				Requests, Limits map[string]string
				PlatformDefaults map[string]string `json:"platform_defaults"`
				PlatformLimits   map[string]string `json:"platform_limits"`
				ConfigCPU        string            `json:"config_cpu"`
				ConfigMemory     string            `json:"config_memory"`
				Accelerator      *accelVector
				Shm              *string
			}
			Output clusterVector
		}
	}
	readVectors(t, "complete.json", &file)
	ran := 0
	for _, v := range file.Vectors {
		in := v.Input
		if in.Mode != "merge" || in.Limits["gpu"] != "" || in.Limits["ephemeral-storage"] != "" || in.Accelerator != nil {
			continue
		}
		r, _, err := FromWire(Wire{Requests: entries(in.Requests), Limits: entries(in.Limits), SharedMemory: in.Shm})
		if err != nil {
			continue // a cluster fails on it, or it is a regret that we refuse: other tests
		}
		ran++
		t.Run(v.ID, func(t *testing.T) {
			either := func(a, b string) Quantity {
				if a == "" {
					return Quantity(b)
				}
				return Quantity(a)
			}
			p := DefaultProfile()
			p.Defaults = Sizes{CPU: either(in.PlatformDefaults["cpu"], in.ConfigCPU), Memory: either(in.PlatformDefaults["memory"], in.ConfigMemory)}
			p.Limits = Sizes{CPU: Quantity(in.PlatformLimits["cpu"]), Memory: Quantity(in.PlatformLimits["memory"]),
				Disk: Quantity(in.PlatformLimits["ephemeral-storage"]), GPU: Quantity(in.PlatformLimits[kubeGPU])}
			d, _, err := r.Complete(p)
			if err != nil {
				t.Fatal(err)
			}
			requests := list{kubeCPU: d.CPU.Request, kubeMemory: d.Memory.Request}
			limits := list{kubeCPU: d.CPU.Limit, kubeMemory: d.Memory.Limit}
			if d.Disk != nil {
				requests[kubeDisk], limits[kubeDisk] = d.Disk.Request, d.Disk.Limit
			}
			if d.GPU != nil {
				n := *resource.NewQuantity(int64(d.GPU.Quantity), resource.DecimalSI)
				requests[kubeGPU], limits[kubeGPU] = n, n
			}
			if diff := cmp.Diff(v.Output.Requests, amounts(requests)); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(v.Output.Limits, amounts(limits)); diff != "" {
				t.Errorf("limits (-want +got):\n%s", diff)
			}
		})
	}
	if ran == 0 {
		t.Fatal("no vector fits")
	}
}

func TestQuantityVectors(t *testing.T) {
	var file struct {
		Count   int
		Vectors []struct {
			ID, Input, Error, Canonical, Format, Value, Milli, Stored string
			Valid, Hangs, Zero                                        bool
			AsInt64                                                   string `json:"as_int64"`
			Sign                                                      int
		}
	}
	readVectors(t, "quantity.json", &file)
	if len(file.Vectors) == 0 || len(file.Vectors) != file.Count {
		t.Fatalf("read %d vectors, the file says %d", len(file.Vectors), file.Count)
	}
	for _, v := range file.Vectors {
		t.Run(v.ID, func(t *testing.T) {
			q, err := parseKubernetes(v.Input)
			if v.Hangs || !v.Valid {
				if err == nil {
					t.Fatalf("%q: accepted as %s", v.Input, q.String())
				}
				if !v.Hangs && err.Error() != v.Error {
					t.Errorf("error = %q, want %q", err, v.Error)
				}
				if _, err := Quantity(v.Input).Parse(); err == nil {
					t.Errorf("Parse takes %q", v.Input)
				}
				return
			}
			if err != nil {
				t.Fatalf("%q: %v", v.Input, err)
			}
			if got := (amountOf(q)); got != (amount{v.Canonical, v.Value, v.Milli}) {
				t.Errorf("got %+v, want %s %s %s", got, v.Canonical, v.Value, v.Milli)
			}
			if string(q.Format) != v.Format || q.IsZero() != v.Zero || q.Sign() != v.Sign {
				t.Errorf("format %s zero %v sign %d, want %s %v %d", q.Format, q.IsZero(), q.Sign(), v.Format, v.Zero, v.Sign)
			}
			if n, ok := q.AsInt64(); ok != (v.AsInt64 != "") || ok && strconv.FormatInt(n, 10) != v.AsInt64 {
				t.Errorf("AsInt64 = %d, %v, want %q", n, ok, v.AsInt64)
			}
			stored := q.DeepCopy()
			stored.RoundUp(resource.Milli)
			if got := stored.String(); got != v.Stored {
				t.Errorf("stored = %q, want %q", got, v.Stored)
			}
		})
	}
}
