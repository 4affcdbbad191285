// SPDX-License-Identifier: Apache-2.0

package devicecheck

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"drydock/resources"
)

// standardCDIDirs are where engines look that are told nothing else.
var standardCDIDirs = []string{"/etc/cdi", "/var/run/cdi"}

// nvidiaKind is the kind of NVIDIA's devices (nvidia-ctk cdi generate).
const nvidiaKind = "nvidia.com/gpu"

// description is what all files together say of NVIDIA's devices.
type description struct {
	files   []string // that are about them
	unread  []string // that cannot be read
	names   []string // of devices: UUIDs, indices, "all"
	drivers []string // versions of the driver whose files they name
	paths   []string // on the host
}

type edits struct {
	DeviceNodes []struct {
		Path     string `yaml:"path"`
		HostPath string `yaml:"hostPath"`
	} `yaml:"deviceNodes"`
	Mounts []struct {
		HostPath string `yaml:"hostPath"`
	} `yaml:"mounts"`
}

type cdiFile struct {
	Kind    string `yaml:"kind"`
	Edits   edits  `yaml:"containerEdits"`
	Devices []struct {
		Name  string `yaml:"name"`
		Edits edits  `yaml:"containerEdits"`
	} `yaml:"devices"`
}

// describe reads the files in directories, JSON among them: it is YAML.
func (m Machine) describe(dirs []string) description {
	var all description
	for _, dir := range dirs {
		for _, pattern := range []string{"*.json", "*.yaml"} {
			paths, _ := filepath.Glob(filepath.Join(m.path(dir), pattern)) // the patterns are good
			for _, path := range paths {
				all.add(dir+"/"+filepath.Base(path), path)
			}
		}
	}
	slices.Sort(all.drivers)
	all.drivers = slices.Compact(all.drivers)
	slices.Sort(all.paths)
	all.paths = slices.Compact(all.paths)
	return all
}

func (d *description) add(name, path string) {
	text, err := os.ReadFile(path)
	var file cdiFile
	if err != nil || yaml.Unmarshal(text, &file) != nil {
		if strings.Contains(name, "nvidia") {
			d.files, d.unread = append(d.files, name), append(d.unread, name)
		}
		return
	}
	if file.Kind != nvidiaKind {
		return
	}
	d.files = append(d.files, name)
	d.edits(file.Edits)
	for _, device := range file.Devices {
		d.names = append(d.names, device.Name)
		d.edits(device.Edits)
	}
}

// driverFile is a library of the driver's, whose version is the driver's.
var driverFile = regexp.MustCompile(`/lib(?:cuda|nvidia-ml)\.so\.(\d+(?:\.\d+)+)$`)

func (d *description) edits(e edits) {
	for _, mount := range e.Mounts {
		d.paths = append(d.paths, mount.HostPath)
		if v := driverFile.FindStringSubmatch(mount.HostPath); v != nil {
			d.drivers = append(d.drivers, v[1])
		}
	}
	for _, node := range e.DeviceNodes {
		if node.HostPath == "" {
			node.HostPath = node.Path
		}
		d.paths = append(d.paths, node.HostPath)
	}
}

// undescribed are usable devices without a name of their own: an engine is
// asked for them by UUID, as an index may mean another one tomorrow.
func (m Machine) undescribed(d description) []string {
	var missing []string
	lacks := func(id string) {
		if !slices.Contains(d.names, id) {
			missing = append(missing, id)
		}
	}
	for _, device := range m.Inventory.Of(resources.ClassGPU) {
		switch {
		case device.Unusable != "" || device.Sick() != "":
		case device.Partitioned():
			for _, p := range device.MIG.Parts {
				lacks(string(p.ID))
			}
		default:
			lacks(string(device.ID))
		}
	}
	return missing
}

// mostGone bounds a list for a sentence.
const mostGone = 3

func (m Machine) gone(paths []string) []string {
	var gone []string
	for _, path := range paths {
		if path != "" && !m.there(path) {
			gone = append(gone, path)
		}
	}
	if len(gone) > mostGone {
		gone = append(gone[:mostGone], "…")
	}
	return gone
}
