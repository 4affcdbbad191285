// SPDX-License-Identifier: Apache-2.0

package devicecheck

import (
	"fmt"
	"slices"
	"strings"
)

// programDirs are where packages put programs.
var programDirs = []string{"/usr/bin", "/usr/local/bin", "/usr/sbin", "/usr/local/sbin", "/bin", "/sbin"}

func (m Machine) program(name string) bool {
	return slices.ContainsFunc(programDirs, func(dir string) bool { return m.there(dir + "/" + name) })
}

// toolkit says whether the engine can be asked for NVIDIA's GPUs. Tasks
// without an image need nothing of it.
func (m Machine) toolkit() Finding {
	const install = "install nvidia-container-toolkit, run `sudo nvidia-ctk runtime configure --runtime=docker`, restart the engine"
	f := Finding{Name: "nvidia-toolkit", State: OK}
	installed := slices.ContainsFunc([]string{"nvidia-ctk", "nvidia-container-runtime", "nvidia-container-runtime-hook", "nvidia-cdi-hook"}, m.program)
	switch e := m.Engine; {
	case e == nil:
		f.Why = "there is no container engine to need it"
	case e.Podman:
		f.Why = e.Name + " needs no toolkit beside descriptions of the devices (nvidia-cdi)"
	case slices.Contains(e.Runtimes, "nvidia"):
		f.Why = "registered with " + e.Name
	case !e.Local:
		f.State, f.Fix = Warning, install+", on the engine's machine"
		f.Why = "not registered with " + e.Name + ", which runs elsewhere: whether it is installed there only a task shows"
	case !installed:
		f.State, f.Fix = Warning, install
		f.Why = "not installed: tasks with an image cannot have GPUs, those without can"
	case len(e.CDIDirs) > 0:
		f.Why = fmt.Sprintf("installed, not registered as a runtime; %s takes descriptions of the devices (nvidia-cdi)", e.Name)
	default:
		f.State, f.Fix = Warning, "sudo nvidia-ctk runtime configure --runtime=docker, and restart the engine"
		f.Why = "installed, and not registered with " + e.Name + ": it may have been started before the toolkit came"
	}
	return f
}

const generate = "sudo nvidia-ctk cdi generate --output=/var/run/cdi/nvidia.yaml"

// cdi compares the descriptions of NVIDIA's devices with what there is. They
// are written once, and wrong after an upgrade of the driver or another
// partition of a GPU.
func (m Machine) cdi() Finding {
	f := Finding{Name: "nvidia-cdi", State: OK}
	dirs := standardCDIDirs
	needed := false
	if e := m.Engine; e != nil && e.Local {
		needed = e.Podman || !slices.Contains(e.Runtimes, "nvidia") && len(e.CDIDirs) > 0
		if len(e.CDIDirs) > 0 {
			dirs = e.CDIDirs
		}
	}
	spec := m.describe(dirs)
	if len(spec.files) == 0 {
		f.Why = "no description of the devices (CDI) in " + strings.Join(dirs, " or ")
		if needed {
			f.State, f.Fix = Warning, generate
			f.Why += ": tasks with an image cannot have GPUs"
		}
		return f
	}
	var stale []string
	if d := m.Inventory.Driver; d != nil && d.Version != "" {
		for _, v := range spec.drivers {
			if v != d.Version {
				stale = append(stale, fmt.Sprintf("it is of driver %s and the driver is %s", v, d.Version))
			}
		}
	}
	if missing := m.undescribed(spec); len(missing) > 0 {
		stale = append(stale, "it lacks "+strings.Join(missing, ", "))
	}
	if gone := m.gone(spec.paths); len(gone) > 0 {
		stale = append(stale, "it names files that are not there: "+strings.Join(gone, ", "))
	}
	if len(spec.unread) > 0 {
		stale = append(stale, "engines cannot read "+strings.Join(spec.unread, ", "))
	}
	f.Why = strings.Join(spec.files, ", ")
	if len(stale) > 0 {
		f.State, f.Fix = Warning, generate
		f.Why += " is out of date: " + strings.Join(stale, "; ")
	} else {
		f.Why += " describes all devices"
	}
	return f
}

// charLinks looks for what runc resolves rules of device cgroups by, where
// systemd makes the cgroups: after a daemon-reload a container that was given
// a GPU by the older hook loses it (NVIDIA/nvidia-container-toolkit #48).
func (m Machine) charLinks() Finding {
	f := Finding{Name: "dev-char", State: OK, Why: "not needed: systemd does not make the engine's cgroups"}
	if e := m.Engine; e == nil || !e.Systemd || !e.Local {
		return f
	}
	var missing []string
	for _, node := range append(m.nodes(), "/dev/nvidia-uvm") {
		major, minor, err := m.Node(m.path(node))
		if err != nil {
			continue // nvidia-nodes says so
		}
		if link := fmt.Sprintf("/dev/char/%d:%d", major, minor); !m.there(link) {
			missing = append(missing, link+" ("+node+")")
		}
	}
	f.Why = "all device nodes have their links in /dev/char"
	if len(missing) > 0 {
		f.State, f.Fix = Warning, "sudo nvidia-ctk system create-dev-char-symlinks --create-all, or give devices by CDI"
		f.Why = "links are missing: " + strings.Join(missing, ", ") + "; a systemctl daemon-reload would take GPUs away from running containers"
	}
	return f
}
