// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"os"
	"path/filepath"
	"slices"

	"github.com/docker/docker/api/types/system"
	"github.com/docker/docker/api/types/versions"
	"gopkg.in/yaml.v3"
)

// listsDevices is the API (Docker Engine 28.2) that names the devices which the
// engine would pass on.
const listsDevices = "1.50"

// cdiDirs are where engines look for descriptions of devices that are told
// nothing else; the later one holds what was generated (CDI's README).
var cdiDirs = []string{"/etc/cdi", "/var/run/cdi"}

// CDIDevices are the devices that the engine knows by the Container Device
// Interface, as "nvidia.com/gpu=GPU-…". They are asked for anew each time: a
// driver's upgrade or another partition of a card changes them. Where the
// engine does not list them the descriptions are read that it would read, if
// they are of this machine. None is no error.
func (e *Engine) CDIDevices(ctx context.Context) ([]string, error) {
	if e.info.Podman() {
		return e.described(cdiDirs), nil
	}
	var said system.Info
	err := e.call(ctx, "ask the engine for its devices", e.limits.quick, func(ctx context.Context) (err error) {
		said, err = e.client.Info(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	if versions.LessThan(e.info.API, listsDevices) {
		return e.described(said.CDISpecDirs), nil
	}
	var names []string
	for _, d := range said.DiscoveredDevices {
		if d.Source == "cdi" {
			names = append(names, d.ID)
		}
	}
	return names, nil
}

// described reads the names in the descriptions of directories. A file that
// cannot be read is passed over, as engines do.
func (e *Engine) described(dirs []string) []string {
	if !e.info.Local {
		return nil
	}
	var names []string
	for _, dir := range dirs {
		for _, pattern := range []string{"*.json", "*.yaml"} {
			files, _ := filepath.Glob(filepath.Join(dir, pattern)) // the patterns are good
			for _, file := range files {
				names = append(names, devicesIn(file)...)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// devicesIn are the full names of the devices that one file describes. JSON is
// YAML, too.
func devicesIn(file string) []string {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	var spec struct {
		Kind    string `yaml:"kind"`
		Devices []struct {
			Name string `yaml:"name"`
		} `yaml:"devices"`
	}
	if yaml.Unmarshal(content, &spec) != nil || spec.Kind == "" {
		return nil
	}
	var names []string
	for _, d := range spec.Devices {
		names = append(names, spec.Kind+"="+d.Name)
	}
	return names
}
