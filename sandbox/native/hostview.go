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
	"golang.org/x/sys/unix"

	"drydock/internal/state"
	"drydock/sandbox"
	"drydock/sandbox/native/shimapi"
)

// hostView is what of the host's root file system an attempt sees, and how.
type hostView struct {
	workDir string // inside
	hostDir string // the same on the host, resolved; "": a mount shows it
	rootfs  shimapi.Rootfs
	mounts  []specs.Mount
	masked  []string
	binds   []sandbox.Mount // of the host's own directories, in the order of mounting
	unshown []string        // mount points of the host that the view leaves out
}

// lookAtHost plans the view: "/" and the file systems below it copy-on-write
// or read-only, /tmp empty, the working directory and the asked mounts as
// they are, drydock's own directories and login sockets out of sight.
// inUserNamespace is for an ordinary user; see hostview_user.go.
func lookAtHost(spec sandbox.Spec, inUserNamespace bool) (*hostView, error) {
	v := &hostView{rootfs: shimapi.Rootfs{
		UserNamespace: inUserNamespace,

		Lower: "/",
		Upper: filepath.Join(layersDir(spec), "0", "upper"),
		Work:  filepath.Join(layersDir(spec), "0", "work"),
		Empty: []string{"/tmp"},
	}}
	if why := noOverlay(spec.Dir, inUserNamespace); why != "" {
		v.rootfs.ReadOnly = true
		v.maskSockets("/", func(string) bool { return true })
	}
	if err := v.findWorkDir(spec); err != nil {
		return nil, err
	}
	if err := v.addHostMounts(spec); err != nil {
		return nil, err
	}
	v.addNameResolution()
	v.bindWorkDir()
	for _, m := range spec.Mounts {
		if v.inLayer(spec.Dir, m) {
			continue
		}
		if err := v.bind(m); err != nil {
			return nil, err
		}
	}
	if err := v.checkWorkDir(); err != nil {
		return nil, err
	}
	v.addBinds(append(v.hidden(spec.Dir), hiddenPaths(spec.Hide)...))
	return v, nil
}

// inLayer makes the attempt's own directory a part of the private layer where
// its target lies below a directory that is empty there anyway: on a cluster,
// too, the working directory and /tmp are one file system, and programs rename
// files from the one into the other. Elsewhere it is a mount.
func (v *hostView) inLayer(dir string, m sandbox.Mount) bool {
	below := func(empty string) bool { return within(m.Target, empty) && filepath.Clean(m.Target) != empty }
	if v.rootfs.ReadOnly || m.Source != filepath.Join(dir, state.ScratchDir) || !slices.ContainsFunc(v.rootfs.Empty, below) {
		return false
	}
	v.rootfs.Open = append(v.rootfs.Open, filepath.Clean(m.Target))
	return true
}

// findWorkDir decides where the program starts: in a directory that a mount of
// the spec shows, or in one of the host's own.
func (v *hostView) findWorkDir(spec sandbox.Spec) error {
	if mountOver(spec.Mounts, spec.WorkDir) != nil {
		v.workDir = filepath.Clean(spec.WorkDir)
		return nil
	}
	resolved, err := resolveDir("working directory", spec.WorkDir)
	v.workDir, v.hostDir = resolved, resolved
	return err
}

// checkWorkDir refuses a working directory that the mount over it lacks: the
// runtime would make it there.
func (v *hostView) checkWorkDir() error {
	m := mountOver(v.binds, v.workDir)
	if v.hostDir != "" || m == nil {
		return nil
	}
	path := v.workSource()
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil
	}
	return &sandbox.SpecError{Field: "working directory", Reason: fmt.Sprintf("%s: the mount of %s has no such directory", v.workDir, m.Source),
		Remedy: "make it first, or choose another one with -w"}
}

// workSource is the working directory on the host; "": it lies in the private
// layer.
func (v *hostView) workSource() string {
	m := mountOver(v.binds, v.workDir)
	if v.hostDir != "" || m == nil {
		return v.hostDir
	}
	return filepath.Join(m.Source, strings.TrimPrefix(v.workDir, m.Target))
}

// mountOver returns the mount that shows the directory dir of the inside: the
// last one that covers it. Nil: none does.
func mountOver(mounts []sandbox.Mount, dir string) *sandbox.Mount {
	for i := range slices.Backward(mounts) {
		target := filepath.Clean(mounts[i].Target)
		if target != "/" && filepath.IsAbs(dir) && within(filepath.Clean(dir), target) {
			return &mounts[i]
		}
	}
	return nil
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
type hostMount struct {
	point, fstype string
	noExec        bool

	// Of directories and files that stand for a part of /:
	mode uint32 // 0: as a mount's
	file bool
}

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
func (v *hostView) addHostMounts(spec sandbox.Spec) error {
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	dir := spec.Dir
	mounts := visibleMounts(string(data))
	if v.rootfs.UserNamespace && !v.rootfs.ReadOnly {
		mounts = v.divideRoot("/", string(data), mounts)
	}
	unheard := silent(mounts, isDirectory)
	for i, m := range mounts {
		if within(stateRoot(dir), m.point) && within(m.point, stateRoot(dir)) {
			continue
		}
		if unheard[m.point] {
			continue // a dead server's: a look at it would hang the task, too
		}
		mount := specs.Mount{Destination: m.point, Type: "bind", Source: m.point, Options: v.shownReadOnly()}
		if slices.Contains(layerable, m.fstype) && !v.rootfs.ReadOnly && !strings.ContainsAny(dir, overlaySeparators) {
			base := filepath.Join(layersDir(spec), strconv.Itoa(i+1))
			layer := shimapi.Layer{Upper: filepath.Join(base, "upper"), Work: filepath.Join(base, "work"), Mode: m.mode}
			v.rootfs.Layers = append(v.rootfs.Layers, layer)
			mount = specs.Mount{Destination: m.point, Type: "overlay", Source: "overlay", Options: []string{
				"nosuid", "nodev", "lowerdir=" + m.point, "upperdir=" + layer.Upper, "workdir=" + layer.Work}}
			mount.Options = append(mount.Options, v.layerOptions(spec)...)
		} else if !m.file {
			v.maskSockets(m.point, func(string) bool { return true })
		}
		if m.noExec {
			mount.Options = append(mount.Options, "noexec")
		}
		v.mounts = append(v.mounts, mount)
	}
	v.unshown = unshownPoints(string(data), v.mounts)
	return nil
}

// overlaySeparators cannot stand in the paths of an overlay that the runtime
// mounts; such mounts are shown read-only.
const overlaySeparators = ":,\\"

// visibleMounts picks the file systems to show out of mountinfo, parents first.
func visibleMounts(mountinfo string) []hostMount {
	var mounts []hostMount
	for line := range strings.Lines(mountinfo) {
		left, right, ok := strings.Cut(line, " - ")
		fields, rest := strings.Fields(left), strings.Fields(right)
		if !ok || len(fields) < 5 || len(rest) < 1 {
			continue
		}
		m := hostMount{point: unescapeMount(fields[4]), fstype: rest[0], noExec: hasOption(fields, "noexec")}
		hidden := slices.ContainsFunc(unseen, func(dir string) bool { return within(m.point, dir) })
		if m.point == "/" || hidden || slices.Contains(invisible, m.fstype) || strings.ContainsAny(m.point, overlaySeparators) {
			continue
		}
		mounts = slices.DeleteFunc(mounts, func(old hostMount) bool { return old.point == m.point }) // the newest is on top
		mounts = append(mounts, m)
	}
	slices.SortStableFunc(mounts, func(a, b hostMount) int { return strings.Compare(a.point, b.point) })
	return mounts
}

// hasOption looks into the per-mount options of a mountinfo line.
func hasOption(fields []string, option string) bool {
	return len(fields) > 5 && slices.Contains(strings.Split(fields[5], ","), option)
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

// Directories that are never bound read-write just because somebody stands in
// them: a task that may write there owns the host. These themselves, and all
// that lies below those.
var (
	neverBound      = []string{"/", "/home", "/opt", "/run", "/var", "/var/lib", "/var/run"}
	neverBoundBelow = []string{"/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/libx32", "/proc", "/sbin", "/sys", "/usr", "/var/spool", "/run/systemd"}
)

// isSystemDir reports whether a working directory is shown copy-on-write, as
// the rest of the root file system is.
func isSystemDir(dir string) bool {
	return slices.Contains(neverBound, dir) ||
		slices.ContainsFunc(neverBoundBelow, func(top string) bool { return within(dir, top) })
}

// workDirNote says so.
func workDirNote(spec sandbox.Spec) []sandbox.Enforcement {
	dir := spec.WorkDir
	if mountOver(spec.Mounts, dir) != nil {
		return nil
	}
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
	if v.hostDir == "" || isSystemDir(v.hostDir) {
		return
	}
	v.binds = append(v.binds, sandbox.Mount{Source: v.hostDir, Target: v.hostDir})
	v.maskSockets(v.hostDir, isLoginSocket)
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
	m = sandbox.Mount{Source: source, Target: filepath.Clean(m.Target), ReadOnly: m.ReadOnly}
	if err := v.makeRoom(m.Target); err != nil {
		return err
	}
	v.binds = append(v.binds, m)
	v.masked = slices.DeleteFunc(v.masked, func(path string) bool { return within(path, m.Target) })
	return nil
}

// addBind binds a host path. What the host mounts read-only or noexec stays so.
func (v *hostView) addBind(m sandbox.Mount) { v.addBindAs(m, "rw") }

// addBindAs binds it so where nothing says that it is read-only.
func (v *hostView) addBindAs(m sandbox.Mount, mode string) {
	var st unix.Statfs_t
	flags := int64(0)
	if unix.Statfs(m.Source, &st) == nil {
		flags = int64(st.Flags)
	}
	if m.ReadOnly || flags&unix.ST_RDONLY != 0 {
		mode = "rro" // of all mounts below, too
	}
	options := []string{"rbind", "rprivate", "nosuid", v.noDevices(), mode}
	if flags&unix.ST_NOEXEC != 0 {
		options = append(options, "noexec")
	}
	v.mounts = append(v.mounts, specs.Mount{Destination: m.Target, Type: "bind", Source: m.Source, Options: options})
}
