// SPDX-License-Identifier: Apache-2.0

package resources

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// Profile is what a cluster would fill in: the file cluster.yaml. Make one with DefaultProfile or ParseProfile; in a
// Profile made by hand, empty Defaults mean Flyte's.
type Profile struct {
	Name         string // shown in messages: the file's name without folder and .yaml, or "default"
	Defaults     Sizes
	Limits       Sizes // upper bounds; "" is none
	Cgroup       CgroupProfile
	Disk         DiskProfile
	Security     SecurityProfile
	Accelerators AcceleratorProfile
}

// Sizes are quantities by resource. Disk and GPU have no default, only limits.
type Sizes struct{ CPU, Memory, Disk, GPU Quantity }

// CgroupProfile is how the nodes' kubelets set up a container.
type CgroupProfile struct {
	SingleProcessOOMKill bool   // kill only the victim, not the whole container
	Swap                 string // "none"
	// PodPidsLimit is how many processes and threads a task may have, as the
	// kubelet's setting of that name; 0: nobody says.
	PodPidsLimit int64
}

// DiskProfile is how a limit on the disk is held.
type DiskProfile struct {
	// Enforce is "evict", as a kubelet does it, or "hard": a write beyond the
	// limit fails.
	Enforce string
}

// SecurityProfile is what a container may do.
type SecurityProfile struct {
	// Capabilities are "default", "restricted" (none), or "cluster": the 14 that
	// container runtimes give, and no bar against gaining privileges.
	Capabilities string
}

// AcceleratorProfile says which device may stand for the one asked for.
type AcceleratorProfile struct {
	Substitution string              // "exact", "compatible" or "any"
	Missing      string              // "refuse" or "ignore"
	MIGStrategy  string              // "mixed" or "single"
	AMD          string              // amd_partitions: "refuse" or "allow"
	Busy         string              // "wait" or "fail"
	Aliases      map[string][]string // SDK name -> product names that count as it
}

// DefaultProfile is Flyte's own: 1 CPU, 1 GiB, no limits (flytek8s/config/config.go).
func DefaultProfile() Profile {
	return Profile{
		Name:     "default",
		Defaults: Sizes{CPU: "1", Memory: "1Gi"},
		Cgroup:   CgroupProfile{Swap: "none"},
		Disk:     DiskProfile{Enforce: "evict"},
		Security: SecurityProfile{Capabilities: "default"},
		Accelerators: AcceleratorProfile{Substitution: "exact", Missing: "refuse", MIGStrategy: "mixed",
			AMD: "refuse", Busy: "wait"},
	}
}

// ParseProfile reads a profile; what it leaves out is DefaultProfile's. name is the file's, for errors ("name:line:
// …") and messages. Unknown keys and values are errors (*LineError).
func ParseProfile(name string, data []byte) (Profile, error) {
	p := DefaultProfile()
	p.Name = strings.TrimSuffix(strings.TrimSuffix(path.Base(name), ".yml"), ".yaml")
	d := yaml.NewDecoder(bytes.NewReader(data))
	var doc yaml.Node
	err := d.Decode(&doc)
	if errors.Is(err, io.EOF) {
		return p, nil
	}
	if err != nil {
		return Profile{}, fmt.Errorf("%s: %w", name, err)
	}
	if err := d.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return Profile{}, fmt.Errorf("%s: more than one document; keep one profile per file", name)
	}
	if err := p.read(&doc); err != nil {
		var at *LineError
		if errors.As(err, &at) {
			return Profile{}, &LineError{File: name, Line: at.Line, Err: at.Err}
		}
		return Profile{}, fmt.Errorf("%s: %w", name, err)
	}
	return p, nil
}

func (p *Profile) read(doc *yaml.Node) error {
	sections := map[string]func(*yaml.Node) error{
		"defaults":     func(n *yaml.Node) error { return p.Defaults.read(n, "defaults", "cpu", "memory") },
		"limits":       func(n *yaml.Node) error { return p.Limits.read(n, "limits", "cpu", "memory", "disk", "gpu") },
		"cgroup":       p.Cgroup.read,
		"disk":         p.Disk.read,
		"security":     p.Security.read,
		"accelerators": p.Accelerators.read,
	}
	keys := []string{"defaults", "limits", "cgroup", "disk", "security", "accelerators"}
	return eachKey(doc, "the profile", keys, func(key string, n *yaml.Node) error { return sections[key](n) })
}

func (s *Sizes) read(node *yaml.Node, section string, keys ...string) error {
	return eachKey(node, section, keys, func(key string, n *yaml.Node) error {
		field := map[string]*Quantity{"cpu": &s.CPU, "memory": &s.Memory, "disk": &s.Disk, "gpu": &s.GPU}[key]
		v, err := valueOfYAML(n, 0)
		if err != nil {
			return err
		}
		*field, err = sizeOf(key, v)
		return err
	})
}

// sizeOf reads one quantity of a profile as strictly as Resources.
func sizeOf(key string, v value) (Quantity, error) {
	switch {
	case key == "gpu" && (v.kind != integer || strings.HasPrefix(v.text, "-")):
		return "", &FieldError{Field: key, Value: v.str(), Reason: "not a number of devices", Hint: "write a whole number"}
	case key == "gpu":
		if _, err := Quantity(v.text).Parse(); err != nil {
			return "", &FieldError{Field: key, Value: v.str(), Reason: err.Error(), Hint: "write a whole number"}
		}
		return Quantity(v.text), nil
	case v.kind == none || v.kind == tuple || v.kind == mapping || v.kind == boolean:
		return "", &FieldError{Field: key, Value: v.str(), Reason: "one quantity belongs here", Hint: "write it, or leave " + key + " out"}
	case key != "cpu" && v.kind != str:
		return "", &FieldError{Field: key, Value: v.str(), Reason: "a size is a string with a unit", Hint: sizeHint(key, v)}
	case v.text == "":
		return "", &FieldError{Field: key, Reason: "an empty string is not a quantity", Hint: "write it, or leave " + key + " out"}
	}
	for _, f := range scalarFindings(key, Quantity(v.text), writer(key)) {
		if f.Code != CodeHuge && f.Code != CodeZero || f.refuse {
			return "", f.err(v.text)
		}
	}
	return Quantity(v.text), nil
}

func (c *CgroupProfile) read(node *yaml.Node) error {
	return eachKey(node, "cgroup", []string{"singleProcessOOMKill", "swap", "podPidsLimit"}, func(key string, n *yaml.Node) error {
		if key == "swap" {
			return oneOf(&c.Swap, n, key, "none")
		}
		v, err := valueOfYAML(n, 0)
		if key == "podPidsLimit" {
			limit, notNumber := strconv.ParseInt(v.text, 10, 64)
			if err != nil || v.kind != integer || notNumber != nil || limit < 1 {
				return &FieldError{Field: key, Value: n.Value, Reason: "not a number of processes",
					Hint: "write the kubelet's podPidsLimit, such as 4096, or leave it out where that is -1"}
			}
			c.PodPidsLimit = limit
			return nil
		}
		if err != nil || v.kind != boolean {
			return &FieldError{Field: key, Value: n.Value, Reason: "not a truth value", Hint: "write true or false"}
		}
		c.SingleProcessOOMKill = v.text == "True"
		return nil
	})
}

func (d *DiskProfile) read(node *yaml.Node) error {
	return eachKey(node, "disk", []string{"enforce"}, func(key string, n *yaml.Node) error {
		return oneOf(&d.Enforce, n, key, "evict", "hard")
	})
}

func (s *SecurityProfile) read(node *yaml.Node) error {
	return eachKey(node, "security", []string{"capabilities"}, func(key string, n *yaml.Node) error {
		return oneOf(&s.Capabilities, n, key, "default", "restricted", "cluster")
	})
}

func (a *AcceleratorProfile) read(node *yaml.Node) error {
	keys := []string{"accelerator_substitution", "missing", "mig_strategy", "amd_partitions", "busy", "aliases"}
	return eachKey(node, "accelerators", keys, func(key string, n *yaml.Node) error {
		switch key {
		case "accelerator_substitution":
			return oneOf(&a.Substitution, n, key, "exact", "compatible", "any")
		case "missing":
			return oneOf(&a.Missing, n, key, "refuse", "ignore")
		case "mig_strategy":
			return oneOf(&a.MIGStrategy, n, key, "mixed", "single")
		case "amd_partitions":
			return oneOf(&a.AMD, n, key, "refuse", "allow")
		case "busy":
			return oneOf(&a.Busy, n, key, "wait", "fail")
		}
		return a.readAliases(n)
	})
}

func (a *AcceleratorProfile) readAliases(node *yaml.Node) error {
	known := slices.Concat(gpuTypes, amdTypes, neuronTypes, tpuTypes, gaudiTypes)
	a.Aliases = map[string][]string{}
	return eachKey(node, "aliases", known, func(key string, n *yaml.Node) error {
		v, err := valueOfYAML(n, 0)
		if err != nil {
			return err
		}
		if v.kind == str {
			v = value{kind: tuple, items: []value{v}}
		}
		for _, item := range v.items {
			if item.kind != str || item.text == "" {
				return &FieldError{Field: key, Value: item.str(), Reason: "not a product name", Hint: `write names, such as ["NVIDIA GeForce RTX 4090"]`}
			}
			a.Aliases[key] = append(a.Aliases[key], item.text)
		}
		if v.kind != tuple {
			return &FieldError{Field: key, Value: v.str(), Reason: "not a list of product names", Hint: `write names, such as ["NVIDIA GeForce RTX 4090"]`}
		}
		return nil
	})
}

func oneOf(into *string, node *yaml.Node, key string, allowed ...string) error {
	if node.Kind != yaml.ScalarNode || !slices.Contains(allowed, node.Value) {
		return &FieldError{Field: key, Value: node.Value, Reason: "not a value for this key", Hint: "write " + strings.Join(allowed, " or ")}
	}
	*into = node.Value
	return nil
}

// called is the profile in a message: "profile prod".
func (p Profile) called() string {
	if p.Name == "" {
		return "the profile"
	}
	return "profile " + p.Name
}

// platform parses the profile's quantities.
func (p Profile) platform() (platform, error) {
	defaults := p.Defaults
	if defaults.CPU == "" {
		defaults.CPU = "1"
	}
	if defaults.Memory == "" {
		defaults.Memory = "1Gi"
	}
	out := platform{list{}, list{}}
	for _, e := range []struct {
		into list
		name string
		q    Quantity
	}{
		{out.defaults, kubeCPU, defaults.CPU}, {out.defaults, kubeMemory, defaults.Memory},
		{out.limits, kubeCPU, p.Limits.CPU}, {out.limits, kubeMemory, p.Limits.Memory},
		{out.limits, kubeDisk, p.Limits.Disk}, {out.limits, kubeGPU, p.Limits.GPU},
	} {
		if e.q == "" {
			continue
		}
		q, err := e.q.Parse()
		if err != nil || q.Sign() < 0 {
			return platform{}, &FieldError{Field: e.name, Value: string(e.q), Reason: "not a quantity that " + p.called() + " may hold", Hint: "mend the profile"}
		}
		e.into[e.name] = q
	}
	return out, nil
}
