// SPDX-License-Identifier: Apache-2.0

package guest

import (
	"context"
	"crypto/sha256"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"drydock/internal/provide"
)

// kernelPackage depends on the current kernel for virtual machines.
const kernelPackage = "linux-image-cloud-amd64"

// modulesWanted are what the tests need and the kernel does not have built in.
var modulesWanted = []string{"virtio_pci", "virtio_blk", "virtio_console", "overlay", "bridge", "veth", "loop", "xfs", "quota_v2", "fuse"}

// kernel is a Debian kernel, unpacked.
type kernel struct{ dir string }

// fetchKernel downloads the kernel that the package sources of this machine
// have, unless it is in the cache. Nothing is installed.
func fetchKernel(ctx context.Context) (kernel, error) {
	k, err := findKernel(ctx)
	if err == nil {
		return k, nil
	}
	// The list of packages may be missing, or older than the sources.
	if _, err := provide.Output(ctx, "", "apt-get", "update", "--quiet"); err != nil {
		return k, err
	}
	return findKernel(ctx)
}

func findKernel(ctx context.Context) (kernel, error) {
	name, err := kernelName(ctx)
	if err != nil {
		return kernel{}, err
	}
	about, err := provide.Output(ctx, "", "apt-cache", "show", "--no-all-versions", name)
	if err != nil {
		return kernel{}, err
	}
	sum := firstMatch(`(?m)^SHA256: ([0-9a-f]{64})$`, about)
	if sum == "" {
		return kernel{}, fmt.Errorf("no checksum of the package %s is known", name)
	}
	dir, err := provide.Dir(ctx, "guest-kernel", []string{sum}, func(ctx context.Context, dir string) error {
		return unpackKernel(ctx, dir, name, sum)
	})
	return kernel{dir}, err
}

// kernelName is the package that kernelPackage stands for now.
func kernelName(ctx context.Context) (string, error) {
	depends, err := provide.Output(ctx, "", "apt-cache", "depends", "--important", "--no-recommends", kernelPackage)
	if err != nil {
		return "", err
	}
	name := firstMatch(`(?m)^\s+Depends: (linux-image-\S+)$`, depends)
	if name == "" {
		return "", fmt.Errorf("the package sources of this machine have no %s (apt-get update?)", kernelPackage)
	}
	return name, nil
}

func firstMatch(pattern, text string) string {
	if m := regexp.MustCompile(pattern).FindStringSubmatch(text); m != nil {
		return m[1]
	}
	return ""
}

func unpackKernel(ctx context.Context, dir, name, sum string) error {
	if _, err := provide.Output(ctx, dir, "apt-get", "download", name); err != nil {
		return err
	}
	packages, err := filepath.Glob(filepath.Join(dir, "*.deb"))
	if err != nil || len(packages) != 1 {
		return fmt.Errorf("the download left %d packages (%w)", len(packages), err)
	}
	if got, err := fileSum(packages[0]); err != nil || got != sum {
		return fmt.Errorf("%s has the checksum %s, not %s (%w)", filepath.Base(packages[0]), got, sum, err)
	}
	if _, err := provide.Output(ctx, dir, "dpkg-deb", "-x", packages[0], dir); err != nil {
		return err
	}
	return os.Remove(packages[0])
}

func fileSum(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return fmt.Sprintf("%x", h.Sum(nil)), nil
}

// image is the kernel itself.
func (k kernel) image() (string, error) { return oneFile(filepath.Join(k.dir, "boot/vmlinuz-*")) }

func oneFile(pattern string) (string, error) {
	paths, err := filepath.Glob(pattern)
	if err == nil && len(paths) != 1 {
		err = fmt.Errorf("%d files like %s, want one", len(paths), pattern)
	}
	if err != nil {
		return "", err
	}
	return paths[0], nil
}

// modules are the files of the wanted modules and of those that they need,
// each after what it needs.
func (k kernel) modules() ([]string, error) {
	files := map[string]string{} // by the module's name
	err := filepath.WalkDir(filepath.Join(k.dir, "lib/modules"), func(path string, _ fs.DirEntry, err error) error {
		if name, ok := strings.CutSuffix(filepath.Base(path), ".ko"); ok {
			files[strings.ReplaceAll(name, "-", "_")] = path
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	var order []string
	var add func(name string) error
	add = func(name string) error {
		file, ok := files[name]
		if !ok || slices.Contains(order, file) { // built in, or there already
			return nil
		}
		needs, err := moduleNeeds(file)
		for _, other := range needs {
			err = errors.Join(err, add(other))
		}
		order = append(order, file)
		return err
	}
	for _, name := range modulesWanted {
		if err := add(name); err != nil {
			return nil, err
		}
	}
	return order, nil
}

// moduleNeeds reads which modules a module needs, as depmod does: the package
// has no modules.dep.
func moduleNeeds(file string) ([]string, error) {
	module, err := elf.Open(file)
	if err != nil {
		return nil, err
	}
	defer module.Close()
	section := module.Section(".modinfo")
	if section == nil {
		return nil, fmt.Errorf("%s says nothing of itself", file)
	}
	info, err := section.Data()
	if err != nil {
		return nil, err
	}
	for field := range strings.SplitSeq(string(info), "\x00") {
		if list, ok := strings.CutPrefix(field, "depends="); ok && list != "" {
			return strings.Split(strings.ReplaceAll(list, "-", "_"), ","), nil
		}
	}
	return nil, nil
}
