// SPDX-License-Identifier: Apache-2.0

package native

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"drydock/sandbox"
	"drydock/sandbox/native/shimapi"
)

// hostView is what of the host's root file system an attempt sees, and how.
type hostView struct {
	workDir string // resolved
	rootfs  shimapi.Rootfs
	mounts  []specs.Mount
	masked  []string
}

// lookAtHost plans the view: "/" and the file systems below it copy-on-write
// or read-only, /tmp empty, the working directory and the asked mounts as
// they are, drydock's own directories and login sockets out of sight.
func lookAtHost(spec sandbox.Spec) (*hostView, error) {
	v := &hostView{rootfs: shimapi.Rootfs{
		Lower: "/",
		Upper: filepath.Join(spec.Dir, "layers", "0", "upper"),
		Work:  filepath.Join(spec.Dir, "layers", "0", "work"),
		Empty: []string{"/tmp"},
	}}
	if why := noOverlay(spec.Dir); why != "" {
		v.rootfs.ReadOnly = true
		v.maskSockets("/", func(string) bool { return true })
	}
	workDir, err := resolveDir("working directory", spec.WorkDir)
	if err != nil {
		return nil, err
	}
	v.workDir = workDir
	if err := v.addHostMounts(spec.Dir); err != nil {
		return nil, err
	}
	v.addNameResolution()
	v.bindWorkDir()
	for _, m := range spec.Mounts {
		if err := v.bind(m); err != nil {
			return nil, err
		}
	}
	v.hideState(spec.Dir)
	return v, nil
}

func resolveDir(field, path string) (string, error) {
	if !filepath.IsAbs(path) {
		return "", &sandbox.SpecError{Field: field, Reason: fmt.Sprintf("%q is not an absolute path", path)}
	}
	resolved, err := filepath.EvalSymlinks(path)
	if err == nil {
		var info os.FileInfo
		if info, err = os.Stat(resolved); err == nil && !info.IsDir() {
			err = errors.New("is not a directory")
		}
	}
	if err != nil {
		reason := err.Error()
		if errors.Is(err, os.ErrNotExist) {
			reason = "does not exist"
		}
		return "", &sandbox.SpecError{Field: field, Reason: fmt.Sprintf("%s: %s", path, reason), Remedy: "choose an existing directory with -w"}
	}
	return resolved, nil
}

// hostMount is a file system mounted below /.
type hostMount struct{ point, fstype string }

// layerable are the file systems that overlayfs takes as a lower layer and
// that people keep data on; all others are shown read-only.
var layerable = []string{"ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "zfs", "bcachefs", "tmpfs", "squashfs", "erofs"}

// invisible file systems are the kernel's own; a sandbox has its own or none.
var invisible = []string{
	"autofs", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "devtmpfs", "efivarfs", "fusectl",
	"hugetlbfs", "mqueue", "nsfs", "overlay", "proc", "pstore", "ramfs", "rpc_pipefs", "securityfs", "selinuxfs", "sysfs", "tracefs",
}

// unseen are directories that a sandbox has of its own.
var unseen = []string{"/proc", "/sys", "/dev", "/run", "/tmp", "/boot/efi"}

// addHostMounts gives every other file system of the host a layer of its own:
// an overlay of "/" shows none of them.
func (v *hostView) addHostMounts(dir string) error {
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	for i, m := range visibleMounts(string(data)) {
		if within(dir, m.point) && m.point != "/" && within(m.point, stateRoot(dir)) {
			continue
		}
		mount := specs.Mount{Destination: m.point, Type: "bind", Source: m.point, Options: []string{"bind", "ro", "nosuid", "nodev"}}
		if slices.Contains(layerable, m.fstype) && !v.rootfs.ReadOnly {
			base := filepath.Join(dir, "layers", strconv.Itoa(i+1))
			layer := shimapi.Layer{Upper: filepath.Join(base, "upper"), Work: filepath.Join(base, "work")}
			v.rootfs.Layers = append(v.rootfs.Layers, layer)
			mount = specs.Mount{Destination: m.point, Type: "overlay", Source: "overlay", Options: []string{
				"nosuid", "nodev", "lowerdir=" + m.point, "upperdir=" + layer.Upper, "workdir=" + layer.Work}}
		} else {
			v.maskSockets(m.point, func(string) bool { return true })
		}
		v.mounts = append(v.mounts, mount)
	}
	return nil
}

// visibleMounts picks the file systems to show out of mountinfo, parents first.
func visibleMounts(mountinfo string) []hostMount {
	var mounts []hostMount
	for line := range strings.Lines(mountinfo) {
		left, right, ok := strings.Cut(line, " - ")
		fields, rest := strings.Fields(left), strings.Fields(right)
		if !ok || len(fields) < 5 || len(rest) < 1 {
			continue
		}
		m := hostMount{point: unescapeMount(fields[4]), fstype: rest[0]}
		hidden := slices.ContainsFunc(unseen, func(dir string) bool { return within(m.point, dir) })
		if m.point == "/" || hidden || slices.Contains(invisible, m.fstype) || strings.ContainsAny(m.point, ":,\\") {
			continue
		}
		if info, err := os.Stat(m.point); err != nil || !info.IsDir() {
			continue // a file bound over a file, or out of our reach
		}
		mounts = slices.DeleteFunc(mounts, func(old hostMount) bool { return old.point == m.point }) // the newest is on top
		mounts = append(mounts, m)
	}
	slices.SortStableFunc(mounts, func(a, b hostMount) int { return strings.Compare(a.point, b.point) })
	return mounts
}

// unescapeMount undoes mountinfo's octal escapes.
func unescapeMount(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}

// within reports whether path is dir or lies below it.
func within(path, dir string) bool {
	return path == dir || dir == "/" || strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/")
}

// addNameResolution brings back what /etc/resolv.conf and its kin point to
// below /run (systemd-resolved, NetworkManager, resolvconf).
func (v *hostView) addNameResolution() {
	for _, name := range []string{"/etc/resolv.conf", "/etc/hosts"} {
		target, err := filepath.EvalSymlinks(name)
		if err == nil && within(target, "/run") {
			v.mounts = append(v.mounts, specs.Mount{Destination: target, Type: "bind", Source: target, Options: []string{"bind", "ro", "nosuid", "nodev", "noexec"}})
		}
	}
}

// neverBound are directories that are never bound read-write just because
// somebody stands in them: a task that may write there owns the host.
var neverBound = []string{"/", "/bin", "/boot", "/etc", "/home", "/lib", "/lib32", "/lib64", "/opt", "/run", "/sbin", "/usr", "/usr/bin", "/usr/lib", "/usr/local", "/usr/sbin", "/var", "/var/lib", "/var/run"}

// isSystemDir reports whether a working directory is shown copy-on-write, as
// the rest of the root file system is.
func isSystemDir(dir string) bool {
	inKernel := slices.ContainsFunc([]string{"/proc", "/sys", "/dev"}, func(kernel string) bool { return within(dir, kernel) })
	return inKernel || slices.Contains(neverBound, dir)
}

// workDirNote says so.
func workDirNote(dir string) []sandbox.Enforcement {
	if resolved, err := filepath.EvalSymlinks(dir); err == nil {
		dir = resolved
	}
	if !isSystemDir(dir) {
		return nil
	}
	return []sandbox.Enforcement{{Limit: "working-directory", State: sandbox.NotEnforced,
		Why: dir + " is a system directory: what the task writes there is lost with its private layer; run from a directory of your own, or bind one with -v"}}
}

// bindWorkDir binds the working directory read-write.
func (v *hostView) bindWorkDir() {
	if isSystemDir(v.workDir) {
		return
	}
	v.addBind(sandbox.Mount{Source: v.workDir, Target: v.workDir})
	v.maskSockets(v.workDir, isLoginSocket)
}

// bind checks and adds a mount that was asked for; it may show anything.
func (v *hostView) bind(m sandbox.Mount) error {
	if !filepath.IsAbs(m.Source) || !filepath.IsAbs(m.Target) || filepath.Clean(m.Target) == "/" {
		return &sandbox.SpecError{Field: "mount", Reason: fmt.Sprintf("%s:%s: source and target must be absolute paths, the target not /", m.Source, m.Target), Remedy: "write -v /SRC:/DST[:ro]"}
	}
	source, err := filepath.EvalSymlinks(m.Source)
	if err != nil {
		return &sandbox.SpecError{Field: "mount", Reason: fmt.Sprintf("%s does not exist", m.Source), Remedy: "make it first; drydock does not guess whether a file or a directory is meant"}
	}
	v.addBind(sandbox.Mount{Source: source, Target: filepath.Clean(m.Target), ReadOnly: m.ReadOnly})
	v.masked = slices.DeleteFunc(v.masked, func(path string) bool { return within(path, filepath.Clean(m.Target)) })
	return nil
}

func (v *hostView) addBind(m sandbox.Mount) {
	mode := "rw"
	if m.ReadOnly {
		mode = "rro" // of all mounts below, too
	}
	v.mounts = append(v.mounts, specs.Mount{Destination: m.Target, Type: "bind", Source: m.Source, Options: []string{"rbind", "rprivate", "nosuid", "nodev", mode}})
}
